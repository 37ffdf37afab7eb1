/*
 * queue_priv.h - what the files of the queue share: the records of a journal.
 *
 * They are JSON, in the order in which things happened:
 *   {"account","session","url"}                        the first one
 *   {"at","ops":[{"base"?,"change","id"}],"step"?,"view"?}  asked for; step: all or none; view: {"chain","seq"} of the session then (base.c)
 *   {"renewed":{"base"?,"change","id"},"view"?}        to be sent like this instead
 *   {"error","kept":[id],"renewed"?,"view"?}           refused, and kept; to be sent like this
 *   {"answered":[id]}                                  over: refused, or given up
 *   {"accepted":[{"at","id","seq"}]}                   over, and remembered (accepted.c); {"forgotten":true}: not all of them
 */
#ifndef LG_QUEUE_PRIV_H
#define LG_QUEUE_PRIV_H

#include "clients/lib/lib_priv.h"

#define LG_QUEUE_SUFFIX ".queue" /* of a journal's name; before it, account and session */

/* queue_read.c; arg: a struct lg_queue_reading */
struct lg_queue_reading {
    struct gloss_session *session;
    bool has_head; /* the first record was of the session's account */
};
enum gl_code lg_queue_read(void *arg, struct gl_slice payload, struct gl_err *err);

#endif
