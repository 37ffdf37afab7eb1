/*
 * store_priv.h - what the files of the simulator's store share: a worker's store, and a question of it that is under way.
 *
 * store.c         questions on their way there and back; a store's life; how workers wake each other
 * store_read.c    sessions, tails, projects, heads
 * store_query.c   the queries that the core asks, and their rows
 * store_append.c  appends and holds
 *
 * Owns      a store has its questions until they are answered; when its worker is dead they belong to their events.
 * Thread    one.
 */
#ifndef SIM_STORE_PRIV_H
#define SIM_STORE_PRIV_H

#include "tests/sim/database.h"
#include "tests/sim/worker.h"

enum ask_kind { ASK_APPEND, ASK_HOLD, ASK_OPEN, ASK_LOAD, ASK_TAIL, ASK_PROJECT, ASK_HEADS, ASK_QUERY };
struct ask {
    struct ask *prev, *next;
    struct store *store; /* NULL: the worker is dead, nobody waits for it */
    enum ask_kind kind;
    void (*fn)(void);
    void *ctx;
    bool has_account, is_held, is_performed, is_unsettled, is_answered, has_event;
    gl_uuid account, id;
    uint64_t after, since_ms;
    size_t max_ops, count;
    gl_uuid *ids;
    bool is_of_named, is_of_one, are_wanted; /* of session_words: after, and max_ops of them */
    gl_uuid whose;
    enum store_query_id query;
    struct append_stream *streams;
    /* ---- what the database said */
    enum gl_code code;
    struct db_log *log;
    uint64_t head, epoch, codebook, mode_seq;
    gl_hash chain, sum;
    char mode[16];
    bool is_open;
    enum gl_role role;
    struct gl_annotation **records;
    size_t record_count, term_count;
    struct store_head *heads;
};
struct store {
    struct worker *worker;
    struct loop *loop;
    struct ask *asks;
    bool is_severed;
    struct db_log *holding; /* asked for, or held */
    uint64_t hold_number;
    store_moved_fn moved;
    void *moved_ctx;
};

/* ---- store.c: a question reaches the database (sim_ask_perform), and its answer the worker (sim_ask_arrive) */

struct ask *sim_ask(struct store *store, enum ask_kind kind, const gl_uuid *account, const gl_uuid *id, void (*fn)(void),
                    void *ctx);
void sim_ask_free(struct ask *ask);
uint64_t sim_ask_delay(void);
void sim_ask_perform(void *ask, uint64_t arg); /* an event_fn, as is the next */
void sim_ask_arrive(void *ask, uint64_t arg);

/* ---- store_read.c: what the database has at that moment; answers, inside the worker's loop */

void sim_read_rows(struct ask *ask);
void sim_answer_open(struct ask *ask);
void sim_answer_load(struct ask *ask);
void sim_answer_tail(struct ask *ask);
void sim_answer_project(struct ask *ask);

/* ---- store_query.c */

void sim_answer_query(struct ask *ask);

/* ---- store_append.c */

void sim_perform_append(struct ask *ask);
void sim_perform_hold(struct ask *ask);
void sim_answer_append(struct ask *ask);
void sim_write_all(struct ask *ask); /* each of its streams, as far as the fence lets it */
void sim_store_let_go(struct store *store);

#endif
