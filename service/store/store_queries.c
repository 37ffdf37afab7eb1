#include "service/store/store_priv.h"

#define READER   STORE_READER
#define APPEND   STORE_APPEND
#define ANY      STORE_ANY
#define OWNER    STORE_OWNER
#define LISTENER STORE_LISTENER
#define KEEPER   STORE_KEEPER

const struct query store_queries[STORE_QUERY_COUNT] = {
#define STORE_QUERY(query_name, query_role, query_params, query_sql, doc)                                                        \
    [STORE_Q_##query_name] = {.name = #query_name, .role = query_role, .params = query_params, .sql = query_sql},
#include "service/store/queries.def"
#undef STORE_QUERY
};

size_t query_types(const struct query *query, Oid types[PARAMS_MAX])
{
    size_t count = strlen(query->params);
    for (size_t i = 0; i < count; i++) {
        types[i] = params_oid(query->params[i]);
    }
    return count;
}
