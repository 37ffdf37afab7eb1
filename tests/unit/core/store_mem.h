/*
 * store_mem.h - a store in memory that keeps what store.h promises, with faults to order; several workers can share one database.
 *
 * Owns      the database owns streams, ops and records. A store is one worker's connection to it.
 * Thread    one.
 * Errors    as ordered by the test.
 */
#ifndef STORE_MEM_H
#define STORE_MEM_H

#include "service/store/store.h"

struct loop;
struct db;

struct db *db_new(const char *text); /* one project, one document with this text, one session */
void db_free(struct db **db);
const gl_uuid *db_session(const struct db *db);
const gl_uuid *db_other_session(const struct db *db, size_t n); /* three more, of the same document */
uint64_t db_project_head(const struct db *db);
const gl_uuid *db_project(const struct db *db);
void db_set_role(struct db *db, const gl_uuid *account, enum gl_role role); /* moves the epoch */
void db_set_open(struct db *db, bool is_open);                              /* likewise */
void db_put_label(struct db *db, const char *id, const char *name); /* likewise; of an earlier version, whatever its name */
void db_disable(struct db *db, const gl_uuid *account);             /* and every later question says so */
/* A token of that account, with this secret; name is lent. Disabled: the account is. */
void db_give_token(struct db *db, const char *secret, const gl_uuid *account, const char *name, bool is_disabled);
/* As `glossd quota` would: of an account, or of a project. */
void db_set_quota(struct db *db, const gl_uuid *account, const gl_uuid *project, const char *what, uint64_t most);
void db_say_live(struct db *db, uint64_t live); /* before a session is read it is said to have so many annotations */
uint64_t db_head(const struct db *db);
void db_flip_sum(struct db *db); /* what the session's stream says of its records is wrong; flipped again: right */
size_t db_count_op(const struct db *db, const gl_uuid *op); /* how often it is in the session's log */
size_t db_label_count(const struct db *db);
/* Rebuilds the session's state from its log; the caller frees it. Fails the test when the log does not hold together. */
struct gl_state *db_replay(const struct db *db);

struct store *store_mem_new(struct db *db, struct loop *loop);
enum store_fault { FAULT_NONE, FAULT_LOCKED, FAULT_WAITED, FAULT_DOWN, FAULT_LATE, FAULT_LATE_LOCKED, FAULT_LATE_DOWN };
/* What the next appends meet: a locked row, one that was waited for, an error with nothing written, or an answer (of theirs, or that it was locked, or
 * that nothing was written) that comes only after store_mem_answer. */
void store_mem_fault(struct store *store, enum store_fault fault, unsigned times);
void store_mem_answer(struct store *store); /* the late answers come now */
/* The log's tail is read when it is asked for next, and that answer is a late one; delayed, it sees the log as it is when it is answered. */
void store_mem_hold_tail(struct store *store);
void store_mem_delay_tail(struct store *store);
void store_mem_hold_project(struct store *store); /* what is asked next about a project is answered late */
void store_mem_hold_role(struct store *store,
                         const gl_uuid *account); /* the next question for this one's role is read now, and answered late */
/* Where all streams stand is read when it is asked next, and told late: by store_mem_answer, or before it. */
void store_mem_hold_heads(struct store *store);
void store_mem_tell_heads(struct store *store);
void store_mem_set_up(struct store *store, bool is_up);
void store_mem_readable_for(struct store *store,
                            unsigned questions); /* so many more questions are answered; those behind them: store_down */
void store_mem_set_clock(struct store *store, int64_t ms);            /* the database's minus ours, as this worker estimates it */
void store_mem_set_readable(struct store *store, bool is_readable);   /* questions are answered store_down, appends go on */
void store_mem_lose_notifications(struct store *store, bool is_lost); /* those that this worker sends */
void store_mem_notify_everything(struct store *store);                /* as after a new LISTEN: this one looks at everything */
/* Somebody faster: before each of so many appends of this store to a stream that nobody holds, another op is in its log already. */
void store_mem_rival(struct store *store, unsigned times);
void store_mem_set_writers(struct store *store, unsigned writers); /* so many appends at once; 1 */
void store_mem_refuse_holds(struct store *store, bool are_refused);
void store_mem_lack_kind(struct store *store, enum gl_op_kind kind); /* another worker does not know it */
unsigned store_mem_sayings(const struct store *store);               /* to the other workers, of what nothing keeps */
unsigned store_mem_appends(const struct store *store);
unsigned store_mem_questions(const struct store *store); /* asked so far */

#endif
