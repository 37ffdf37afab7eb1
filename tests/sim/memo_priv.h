/*
 * memo_priv.h - what the files of the memo share: how bytes are told apart, and which values are payloads of ops.
 */
#ifndef SIM_MEMO_PRIV_H
#define SIM_MEMO_PRIV_H

#include <jansson.h>
#include <stdint.h>

#include "proto/gl_buf.h"
#include "tests/sim/memo.h"

static inline uint64_t memo_mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

void memo_payload(json_t *value); /* this value is the payload of an op: others will ask what it is in canonical form */
void memo_model_end(void);

#endif
