/* quota_priv.h - what the files of quota.h share. */
#ifndef QUOTA_PRIV_H
#define QUOTA_PRIV_H

#include "service/core/core_priv.h"

#define QUOTAS_UNKNOWN UINT64_MAX /* -1 in the database, where numbers count from 0 */

struct quotas {
    struct map own;     /* account or project -> struct own */
    struct map buckets; /* likewise -> struct bucket (quota_rate.c) */
    struct map told;    /* of whom the log was told what -> struct told */
    uint64_t number;    /* of the last change that was read */
    uint64_t generation;
    size_t say_at; /* where the next word to the other workers begins in buckets */
    bool is_known; /* it was read once */
    bool is_asking;
};

#endif
