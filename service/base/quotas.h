/*
 * quotas.h - the names of what one account or one project may use: quotas.def as an enumeration and a table.
 *
 * Thread    any; constants.
 */
#ifndef QUOTAS_H
#define QUOTAS_H

#include <stdbool.h>

#include "proto/gl_buf.h"

enum quota_of { QUOTA_OF_ACCOUNT, QUOTA_OF_PROJECT };
enum quota {
#define QUOTA(name, ...) QUOTA_##name,
#include "service/base/quotas.def"
#undef QUOTA
    QUOTA_COUNT
};
struct quota_kind {
    enum quota_of of;
    const char *what; /* how it is called where it is clear whose */
    const char *setting, *unit, *said;
};
extern const struct quota_kind quota_kinds[QUOTA_COUNT];
/* QUOTA_COUNT: there is none of that name. */
enum quota quota_find(enum quota_of of, struct gl_slice what);
const char *quota_of_name(enum quota_of of); /* "account", "project" */

#endif
