/*
 * queue_priv.h - what the files of the queue share: the records of a journal.
 *
 * They are JSON, in the order in which things happened:
 *   {"account","session","url"}                        the first one
 *   {"at","ops":[op],"step"?,"view"?}                  asked for; step: all or none; view: {"chain","seq"} of the session then (base.c)
 *   {"renewed":op,"view"?}                             to be sent like this instead
 *   {"error","kept":[id],"renewed"?,"view"?}           refused, and kept; to be sent like this
 *   {"answered":[id]}                                  over: refused, or given up
 *   {"accepted":[{"at","id","seq"}]}                   over, and remembered (accepted.c); {"forgotten":true}: not all of them
 * op is {"base"?,"change","id","was"?}; was: {"base"?,"change","id"}, before its base was lowered (lost.c). If it arrived like that, only like that is it
 * known to the server.
 */
#ifndef LG_QUEUE_PRIV_H
#define LG_QUEUE_PRIV_H

#include "clients/lib/lib_priv.h"

#define LG_QUEUE_SUFFIX ".queue" /* of a journal's name; before it, account and session */

/* Whose journal it is, for lg_queue_fill and lg_queue_read. */
struct lg_queue_reading {
    struct gloss_session *session;
    bool has_head; /* its first record was read, and names the session's account */
};

/* queue_write.c */
/* Ops from list on: a step, or one that stands for itself, or (many) all of them. */
void lg_queue_write_ops(struct gl_buf *buf, const struct lg_op *list, size_t count);
void lg_queue_write_renewed(struct gl_buf *buf, const struct lg_op *op);
void lg_queue_write_kept(struct gl_buf *buf, const struct lg_op *op);
/* Those that were answered and are on disk; gives how many. Accepted ones may stay in the file after a loss of power: sent again they
 * change nothing. Those that were refused (has_refused) might be taken then, after the program was told that they were not. */
size_t lg_queue_write_answered(const struct gloss_session *session, struct gl_buf *buf, bool *has_refused);
void lg_queue_fill(void *arg, struct lg_journal_writer *writer); /* a lg_journal_fill */

/* queue_read.c; a lg_journal_fn */
enum gl_code lg_queue_read(void *arg, struct gl_slice payload, struct gl_err *err);

#endif
