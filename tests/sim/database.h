/*
 * database.h - what is durable: two projects, their streams, the log and the current state of each; and what an append finds there.
 *
 * Owns      the rows. What is written stays readable until the seed ends, so answers on their way may point into it.
 * Lifetime  database_begin / database_end within one seed.
 * Errors    none: what the database would refuse with an error is a broken promise here.
 *
 * It keeps what the schema and the statements of service/store/queries.def keep, and no more: the fence, the op ids, the epoch, row locks.
 */
#ifndef SIM_DATABASE_H
#define SIM_DATABASE_H

#include "service/store/store.h"
#include "tests/sim/sim.h"

#define PROJECTS      2
#define LOGS          5 /* 0, 1: the projects' own; 2, 3: sessions of project 0; 4: of project 1 */
#define FIRST_SESSION 2

struct db_op {
    uint64_t seq;
    gl_uuid id, account;
    enum gl_op_kind kind;
    gl_hash request_hash, chain;
    uint8_t salt[GL_SALT_BYTES];
    struct gl_slice payload; /* owned; kept for the checker when it was erased */
    uint64_t erased_by;      /* the redact that took its words; 0: none */
    gl_hash leaf;            /* when it was erased */
    enum gl_role role;       /* of the account in the project when it committed */
    uint64_t at_ms;          /* when it committed, on the world's clock */
    bool is_awaited;         /* its author's connection was still there, as far as the worker knew, when it was judged */
};
struct db_log {
    gl_uuid id;
    size_t project;
    bool is_session;
    uint64_t head;
    gl_hash chain, chain_start, sum;
    struct db_op *ops;
    size_t cap;
    struct gl_annotation **records; /* in the order made */
    size_t record_count, record_cap;
    uint64_t live_count;
    char mode[16];
    uint64_t mode_seq;
    uint64_t locked_until_ms;   /* by a stranger */
    const struct store *holder; /* a worker that holds it */
};
struct db_term {
    uint64_t seq; /* of the op that wrote it */
    enum gl_term_kind kind;
    gl_uuid id;
    char *name, *record;
};
struct db_project {
    gl_uuid id, document, revision;
    uint64_t epoch, codebook;
    bool is_open;
    struct db_term *terms; /* as they were written: the later ones of an id count */
    size_t term_count, term_cap;
    enum gl_role roles[PEOPLE_MAX];
    uint64_t role_since_ms[PEOPLE_MAX];
};
struct database {
    struct db_log logs[LOGS];
    struct db_project projects[PROJECTS];
    gl_uuid accounts[PEOPLE_MAX];
    uint64_t away_until_ms;
};
extern struct database database;
extern const char SIM_TEXT[];

void database_begin(void);
void database_end(void);
struct db_log *db_log_of(const gl_uuid *id); /* NULL: there is none */
struct db_project *db_project_of(const struct db_log *log);
size_t db_person(const gl_uuid *account); /* PEOPLE_MAX: nobody */
enum gl_role db_role(const struct db_project *project, const gl_uuid *account);
void db_set_role(struct db_project *project, size_t person, enum gl_role role);
void db_set_open(struct db_project *project, bool is_open);
const struct db_op *db_find(const struct db_log *log, const gl_uuid *op);
bool db_is_away(void);
bool db_is_erased(const struct db_op *op, uint64_t head); /* as somebody sees it who sees the log up to there */
/* The annotation of which an op says something in words; NULL: none. The caller frees the payload, which lends it. */
const char *db_says_words(const struct db_op *op, json_t **payload);

/* What the statement does for one stream: all or nothing. Fills in outcome and found (the caller frees it). */
typedef bool (*db_awaits_fn)(const void *ctx, size_t person);
void db_append(const struct store *by, struct append_stream *stream, db_awaits_fn awaits, const void *ctx);
/* After a lost connection: is all of it there? */
bool db_has_all(const struct append_stream *stream);

#endif
