/*
 * ask_workers.h - asks every worker of this database something, whatever node it runs on, and waits for what they answer.
 *
 * Owns      nothing; the answers are the caller's.
 * Thread    the main thread; blocks, some seconds at most.
 * Errors    functions that give an exit code have said on standard error what is wrong.
 * Source    migration 0016; service/admin/serve_asked.c answers.
 */
#ifndef ASK_WORKERS_H
#define ASK_WORKERS_H

#include "service/admin/database.h"

/* answers: an array of {worker, node, pid, version, started, body}, the caller's; body is null of a worker that has not answered in time. Takes detail. */
/* may_be_none: that no server runs is an answer, too: an empty array. */
int ask_workers(struct admin_db *db, const char *kind, json_t *detail, bool may_be_none, json_t **answers);
size_t ask_silent(const json_t *answers); /* how many of them did not answer */
/* Says on standard error that some did not, if so. */
void ask_tell_silent(const json_t *answers);

#endif
