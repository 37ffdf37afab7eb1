/*
 * job.h - what a worker and its helper say to each other over their socket.
 *
 * Owns      nothing.
 * Thread    each end has its own.
 * Units     bytes. Both ends are the same program on the same machine: numbers are sent as they lie in memory.
 * Errors    a message of another form ends the helper, or its use; what it had to answer fails as internal.
 *
 * Every message is a struct job_head and body_bytes bytes. A helper answers each job once, in order.
 *   JOB_PASSWORD  uint32 length of the record, the record, the password      answer: one byte, 1 when it fits
 *   JOB_NEAREST   SHA-256 of the text, uint32 length of the quote, the quote, the text (left out when the helper has it already)
 *                                                                            answer: candidates, best first
 *   JOB_HASH      the password                                               answer: the record to store
 */
#ifndef JOB_H
#define JOB_H

#include "proto/model/text.h"

enum job_kind { JOB_PASSWORD = 1, JOB_NEAREST, JOB_HASH };
struct job_head {
    uint32_t kind;
    uint32_t code; /* enum gl_code, in answers */
    uint64_t id;
    uint64_t body_bytes;
};

#define JOB_SHA256_BYTES   32
#define JOB_CANDIDATES_MAX 8
#define JOB_TEXTS_KEPT     4 /* newest used ones, by helper and worker alike: so the worker knows which ones need not be sent */
#define JOB_ANSWER_MAX     (JOB_CANDIDATES_MAX * sizeof(struct gl_candidate))

#endif
