#include "service/base/quotas.h"

const struct quota_kind quota_kinds[QUOTA_COUNT] = {
#define QUOTA(name, of, what, unit, said) [QUOTA_##name] = {QUOTA_OF_##of, #what, #name, unit, said},
#include "service/base/quotas.def"
#undef QUOTA
};

enum quota quota_find(enum quota_of of, struct gl_slice what)
{
    enum quota quota = 0;
    while (quota < QUOTA_COUNT && !(quota_kinds[quota].of == of && gl_slice_is(what, quota_kinds[quota].what)))
        quota++;
    return quota;
}

const char *quota_of_name(enum quota_of of)
{
    return of == QUOTA_OF_ACCOUNT ? "account" : "project";
}
