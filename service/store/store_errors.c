#include <string.h>

#include "service/store/store_priv.h"

/* Codes of five characters before classes of two. Names are those of PostgreSQL's appendix "Error Codes", for what an operator can do something about. */
static const struct translation {
    const char *sqlstate;
    enum gl_code code;
    const char *name;
} translations[] = {
    {"23505", GL_E_EXISTS, "unique_violation"},
    {"42501", GL_E_INTERNAL, "insufficient_privilege"},
    {"55P03", GL_E_BUSY, "lock_not_available"},
    {"57014", GL_E_STORE_DOWN, "query_canceled"},            /* the server's own deadline */
    {"GL110", GL_E_FORBIDDEN, ""},                           /* raised by our own functions */
    {"25006", GL_E_STORE_DOWN, "read_only_sql_transaction"}, /* no longer the primary */
    {"53100", GL_E_STORE_DOWN, "disk_full"},
    {"53200", GL_E_STORE_DOWN, "out_of_memory"},
    {"53300", GL_E_STORE_DOWN, "too_many_connections"},
    {"58030", GL_E_STORE_DOWN, "io_error"},
    {"57P", GL_E_STORE_DOWN, ""}, /* shutting down, starting up */
    {"08", GL_E_STORE_DOWN, ""},  /* connection */
    {"40", GL_E_BUSY, ""},        /* deadlock, serialization: after some tries */
    {"53", GL_E_STORE_DOWN, ""},  /* too little of something */
    {"58", GL_E_STORE_DOWN, ""},  /* the system below it */
    {"F0", GL_E_STORE_DOWN, ""},  /* configuration file */
};

static const struct translation *translation_of(const char *sqlstate)
{
    static const struct translation unknown = {"", GL_E_INTERNAL, ""};
    for (size_t i = 0; i < sizeof(translations) / sizeof(translations[0]); i++) {
        if (strncmp(sqlstate, translations[i].sqlstate, strlen(translations[i].sqlstate)) == 0) {
            return &translations[i];
        }
    }
    return &unknown;
}

enum gl_code sqlstate_code(const char *sqlstate)
{
    return translation_of(sqlstate)->code;
}

/* One of a policy is told as a missing right, and has no name. Its words are in the server's language; where it comes from is not. */
bool is_condition_unmet(const PGresult *result)
{
    const char *function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);
    return function && strcmp(function, "ExecWithCheckOptions") == 0;
}

/* PostgreSQL's own words are not logged: they can quote values, and values are people's words. */
void log_failure(enum log_level level, const char *query, const char *sqlstate, const char *constraint)
{
    log_event(level, EV_store_failed, F_STR("query", query), F_STR("sqlstate", sqlstate),
              F_STR("condition", translation_of(sqlstate)->name), F_STR("constraint", constraint ? constraint : ""));
}
