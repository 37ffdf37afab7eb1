/*
 * store_mem_priv.h - what the files of the store in memory share: the database itself, a worker's connection to it, and a question that waits its turn.
 *
 * store_mem_db.c      the database, and what a test sees and changes of it beside every store
 * store_mem_append.c  appends and holds, judged by the fence
 * store_mem_rival.c   somebody who is always faster
 * store_mem_read.c    sessions, tails, projects and heads
 * store_mem_query.c   plain queries
 * store_mem.c         a store's life, its faults, and what stores tell each other
 */
#ifndef STORE_MEM_PRIV_H
#define STORE_MEM_PRIV_H

#include "service/store/store.h"
#include "tests/unit/core/store_mem.h"

#define OTHER_SESSIONS 3
#define LISTENERS_MAX  8

struct logged {
    uint64_t seq;
    gl_uuid id, account;
    gl_hash request_hash, chain;
    uint8_t salt[GL_SALT_BYTES];
    char *payload;
    size_t payload_len;
};
struct log {
    gl_uuid id;
    uint64_t head;
    gl_hash chain, chain_start, sum;
    struct logged *ops;
    size_t cap;
    const struct store *holder; /* who has locked it */
};
struct role {
    gl_uuid account;
    enum gl_role role;
};
struct quota_row {
    gl_uuid account, project;
    bool is_of_account;
    const char *what;
    uint64_t most;
};
struct token_row {
    uint8_t digest[32];
    gl_uuid account;
    const char *name;
    bool is_disabled;
};
struct db {
    struct log session, project, others[OTHER_SESSIONS]; /* the others are of the same document; they have no modes */
    gl_uuid document, revision;
    char *text;
    uint8_t sha256[32];
    size_t codepoints;
    uint64_t epoch, codebook;
    bool is_open;
    char mode[16];
    uint64_t mode_seq;
    struct gl_annotation *records[4096]; /* in the order made */
    const struct log *record_of[4096];
    size_t record_count;
    struct gl_codebook *codebook_terms;
    struct role roles[256];
    size_t role_count;
    gl_uuid disabled;
    struct quota_row quotas[16];
    size_t quota_count;
    struct token_row tokens[8];
    size_t token_count;
    struct store *listeners[LISTENERS_MAX];
    uint64_t live; /* said of every session */
};
struct store {
    struct db *db;
    struct loop *loop;
    enum store_fault fault;
    unsigned fault_times, rival_times, appends, questions, writers, busy;
    bool is_down, is_freed, are_notifications_lost, are_holds_refused;
    struct log *holding; /* asked for, or held */
    bool is_lacking[GL_OP_KIND_COUNT];
    store_moved_fn moved;
    void *moved_ctx;
    store_said_fn said;
    void *said_ctx;
    unsigned sayings;
    unsigned readable_until; /* so many questions; 0: all */
    int64_t clock_ms;
    struct pending *late;
    bool holds_tail;
    struct question *late_tail, *late_role, *late_heads, *late_project;
    bool holds_role, holds_heads, holds_project;
    gl_uuid role_of;
};

/* ---- store_mem_db.c */

gl_uuid db_fixed_id(const char *name);
struct log *db_log_of(struct db *db, const gl_uuid *id);
const struct logged *db_find_op(const struct log *log, const gl_uuid *id);
enum gl_role db_role_of(const struct db *db, const gl_uuid *account);

/* ---- store_mem_append.c */

void db_keep_record(struct db *db, const struct log *log, struct gl_annotation *annotation);
void db_write_rows(struct db *db, struct log *log, const struct append_stream *stream);

/* ---- store_mem_rival.c */

void store_mem_let_rival_go_first(struct store *store, const struct append_stream *stream);

/* ---- questions: store_mem_read.c */

struct question {
    struct store *store;
    gl_uuid account, id;
    uint8_t digest[32]; /* of who signs in */
    bool is_unreadable;
    uint64_t after, head; /* head: where the log ended when it was read; 0: when it is answered */
    enum gl_role role;    /* and the epoch, as they were when it was read; 0: as they are when it is answered */
    uint64_t epoch;
    size_t max;
    void *fn, *ctx;
    gl_uuid *ids, *sessions; /* sessions: of annotation_ends */
    size_t count;
    struct store_head *heads; /* NULL: they are read when they are told */
};
struct question *store_mem_ask(struct store *store, const gl_uuid *account, const gl_uuid *id, void *fn, void *ctx);
enum gl_code store_mem_may_read(const struct question *q);
void store_mem_tail_now(void *question);
void store_mem_rows_now(void *question);
void store_mem_heads_now(void *question);
void store_mem_project_now(void *question);

#endif
