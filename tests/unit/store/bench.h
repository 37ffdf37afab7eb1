/*
 * bench.h - a store on a real database with people and a document in it, and a scribe who writes real ops.
 *
 * Owns      struct bench owns database, loop and store; a scribe owns its replica and the rows of what it has written last.
 * Lifetime  bench_init / bench_fini, scribe_init / scribe_fini.
 * Thread    one.
 */
#ifndef TEST_BENCH_H
#define TEST_BENCH_H

#include "tests/unit/store/db.h"
#include "tests/unit/store/loop_poll.h"

#define WAIT_MS 120000 /* a bound for what hangs */
#define TEXT    "The harbour is loud. The quay is long. Ships come by night."

struct bench {
    struct db db;
    struct loop *loop;
    struct store *store;
    gl_uuid ana, ben, eve; /* ana owns the project, ben annotates, eve is a stranger with a project of her own */
    gl_uuid project, document, revision, session, elsewhere;
    gl_hash project_chain;
    uint64_t project_head, epoch;
};
void bench_init(struct bench *bench); /* database, store, people, project, document */
void bench_fini(struct bench *bench);
struct store *bench_store(struct bench *bench, unsigned writers); /* another one, up */
gl_uuid bench_account(struct bench *bench, const char *name);
gl_uuid bench_project(struct bench *bench, const gl_uuid *owner, const char *name);
/* Appends one op to bench->project's stream with whatever extra says; the outcome. */
enum append_outcome bench_project_op(struct bench *bench, enum gl_op_kind kind, const json_t *change,
                                     void (*extra)(struct append_stream *, void *), void *ctx);
void bench_document(struct bench *bench, const char *text, gl_uuid *document, gl_uuid *revision, gl_uuid *session);
void bench_member(struct bench *bench, const gl_uuid *account, enum gl_role role);

/* Waits for the answer. */
struct appended {
    bool is_done;
    enum gl_code code;
};
void append_start(struct store *store, struct append_stream *streams, size_t count, struct appended *appended);
enum gl_code append_wait(struct bench *bench, struct store *store, struct append_stream *streams, size_t count);

#define ROWS_MAX 4096
struct rows { /* a copy of an answer */
    bool is_done;
    enum gl_code code;
    size_t count;
    gl_uuid ids[ROWS_MAX]; /* first column, when it is an id */
    char text[256];        /* second column of the first row, when it is text */
    uint64_t number;       /* first column of the first row, when it is a number */
};
void query_wait(struct bench *bench, enum store_query_id query, const gl_uuid *account, const struct store_param *params,
                size_t count, struct rows *rows);

struct scribe {
    struct gl_state *state; /* what it knows to be in the log */
    gl_uuid project, account, revision;
    uint64_t epoch;
    struct append_stream stream; /* written last */
    struct append_op ops[256];
    struct gl_buf payloads[256];
    struct gl_annotation *touched[256];
};
void scribe_init(struct scribe *scribe, const struct bench *bench, const gl_uuid *session, const gl_uuid *account);
void scribe_fini(struct scribe *scribe);
/* The next count ops: creates, with every third one an update of what is there. */
void scribe_write(struct scribe *scribe, size_t count);
void scribe_committed(struct scribe *scribe); /* the replica follows */
/* Reads the tail until the head; false when the chain does not fit. */
bool scribe_catch_up(struct scribe *scribe, struct bench *bench, struct store *store);
/* Ops in the log that are the scribe's last ones, at their seqs. */
size_t scribe_logged(const struct scribe *scribe, struct db *db);

#endif
