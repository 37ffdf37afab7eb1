/*
 * store.h - what the service asks of PostgreSQL, without a word of SQL or libpq.
 *
 * Owns      a store owns its connections (writers under the append role, readers under the reader role) and everything in flight. What a callback
 *           is lent lives until it returns, unless it says "taken".
 * Lifetime  made by store_pg_new() (store_pg.h) or by a test; store_free() drops what is in flight without calling back.
 * Thread    the loop thread; nothing blocks; no callback runs inside the call that asked for it.
 * Units     seqs; milliseconds since 1970.
 * Errors    callbacks get GL_OK or: GL_E_STORE_DOWN (not connected, or the deadline passed), GL_E_NOT_FOUND (nothing that this account may see;
 *           store_query gives GL_OK with no rows instead), GL_E_EXISTS (a unique name is taken), GL_E_UNKNOWN_OUTCOME (only of a query that writes:
 *           the connection was lost before the answer), GL_E_INTERNAL.
 * Source    service/store/README.md; queries.def has every statement.
 */
#ifndef STORE_H
#define STORE_H

#include "proto/gl_wire.h"
#include "proto/model/codebook.h"
#include "proto/model/state.h"

struct store;

/* ---- appending: one fenced statement for every stream that has ops waiting; nothing couples the streams */

struct append_op {
    gl_uuid id;
    gl_uuid account;
    uint64_t seq;
    enum gl_op_kind kind;
    gl_hash request_hash;
    uint8_t salt[GL_SALT_BYTES];
    gl_hash chain; /* after this op */
    gl_hash sum;   /* likewise; the caller's, not stored */
    struct gl_slice payload;
};
struct append_term { /* of the codebook: made, or changed */
    gl_uuid id;
    enum gl_term_kind kind;
    uint64_t seq;
    struct gl_slice name, record;
};
struct append_document {
    gl_uuid document, revision, session;
    struct gl_slice title, filename, bytes;
    uint8_t sha256[32];
    uint64_t codepoints;
    struct gl_slice meta;  /* JSON object: authors, publisher ...; may be empty */
    gl_hash session_chain; /* chain(0) of the session's stream, whose id is the session's */
};
struct append_meta {
    gl_uuid document;
    struct gl_slice all; /* JSON object of title, authors ... as they are afterwards */
};
struct append_settings {
    struct gl_slice name;
    bool others_may_edit;
};
struct append_member {
    gl_uuid account;
    enum gl_role role; /* GL_NOBODY: no longer a member */
};
struct append_tell { /* somebody is to be told of an op: account, or the member of that name */
    size_t op;       /* its index in ops */
    gl_uuid account; /* nil: name */
    struct gl_slice name;
    gl_uuid annotation;
    const char *why; /* as in the inbox */
};
struct append_erased { /* an op that loses its words by a redact */
    uint64_t seq;
    gl_uuid annotation;
    size_t row; /* the redact's index in ops */
};
enum append_outcome {
    APPEND_COMMITTED,  /* durable: every op of the stream is in the log */
    APPEND_FENCE_LOST, /* somebody else appended first, or the epoch moved: nothing of this stream was written */
    APPEND_LOCKED,     /* the row was locked by somebody: nothing was written; try again after a pause */
    APPEND_FOUND,      /* some of the ops are in the log already (see found): nothing of this stream was written */
    APPEND_EXISTS, /* project streams: a document with these bytes, or a term of that name, is there already: nothing of this stream was written */
    APPEND_FAILED, /* the database refused what was given (a mistake of ours, logged): nothing of this stream was written, sending it again is no use */
};
struct append_found {
    gl_uuid id;
    uint64_t seq;
    gl_hash request_hash;
    gl_uuid account;
};
struct append_stream {
    void *owner; /* the caller's */
    gl_uuid stream;
    gl_uuid project;
    uint64_t epoch;         /* the project's epoch that the ops were judged under */
    uint64_t expected_head; /* and its chain: a database that went back in time may have others of these seqs */
    gl_hash expected_chain;
    gl_hash chain;        /* after the last op */
    gl_hash sum;          /* state sum after the last op (zero for a project's stream) */
    struct gl_slice mode; /* session's mode after the last op; empty: unchanged */
    uint64_t live_count;  /* annotations that are not deleted, after the last op */
    struct append_op *ops;
    size_t op_count;
    struct gl_annotation **annotations; /* the last state of each one touched */
    size_t annotation_count;
    struct append_tell *tells; /* of a session: written with the ops, in their transaction */
    size_t tell_count;
    struct append_erased *erased; /* of a session: likewise; they are in the log already */
    size_t erased_count;
    struct append_term *terms; /* project streams only, from here on */
    size_t term_count;
    struct append_document *document; /* at most one */
    struct append_member *member;     /* at most one; moves the epoch */
    struct append_meta *meta;         /* at most one */
    int set_open;                     /* codebook: -1 unchanged, 0 closed, 1 open; moves the epoch */
    struct append_settings *settings; /* at most one; moves the epoch */
    bool moves_epoch;                 /* for another reason than those above */
    /* ---- the answer */
    enum append_outcome outcome;
    bool
        has_waited; /* APPEND_LOCKED: the statement stood at a stranger's lock until its time was over, and whatever went with it did, too */
    struct append_found *found; /* lent until the callback returns */
    size_t found_count;
};
/* code is GL_OK when every stream has its outcome. A connection lost on the way is settled inside the store first (under the row lock, by op id, in a
 * second statement), however long the database stays away; nothing else is appended to these streams meanwhile. Any other code: nothing was written. */
typedef void (*store_append_fn)(void *ctx, enum gl_code code, struct append_stream *streams, size_t count);
/* streams and all they point to must stay until the callback. At most one append may be in flight per stream; of other streams there may be as many as
 * there are connections, and each goes on by itself. Asked for in the callback of another one, it is sent before that returns. */
void store_append(struct store *store, struct append_stream *streams, size_t count, store_append_fn fn, void *ctx);

/* ---- holding one stream, for who was overtaken several times in a row: while it is held nobody else appends to it, and everything else goes on */

/* GL_OK: it is held. GL_E_BUSY: somebody else had the row too long. Any code but GL_OK: there is no hold any more. */
typedef void (*store_hold_fn)(void *ctx, enum gl_code code);
/* At most one at a time: false when there is one, or the last one is not settled yet. After GL_OK comes store_hold_append() or store_release(). The database
 * ends it by itself when nothing comes for 3 s; an append that comes after that is one like any other. */
bool store_hold(struct store *store, const gl_uuid *stream, store_hold_fn fn, void *ctx);
/* Appends to the stream that is held, in the same transaction, and ends it. As store_append() otherwise. */
void store_hold_append(struct store *store, struct append_stream *stream, store_append_fn fn, void *ctx);
void store_release(struct store *store);

/* ---- sessions, as an account may see them */

struct store_session {
    gl_uuid session, project;
    enum gl_role role;
    uint64_t epoch;
    uint64_t head;
    uint64_t retained_from;           /* ops below are archived */
    uint64_t live;                    /* annotations that are not deleted */
    struct gl_document_info document; /* without seq, annotations, role */
};
typedef void (*store_session_fn)(void *ctx, enum gl_code code, const struct store_session *session);
void store_session_open(struct store *store, const gl_uuid *account, const gl_uuid *session, store_session_fn fn, void *ctx);

/* ---- signing in with a token */

struct store_signed_in {
    gl_uuid account, token;
    struct gl_slice name;
    bool is_admin, is_disabled;
};
/* who: NULL unless GL_OK, and when the token is unknown, revoked or expired. opened and session: as store_session_fn has them, GL_E_NOT_FOUND where none was named. */
typedef void (*store_sign_in_fn)(void *ctx, enum gl_code code, const struct store_signed_in *who, enum gl_code opened,
                                 const struct store_session *session);
/* digest: SHA-256 of the whole token, 32 bytes. session: to be opened as whoever it is in the same transaction, or NULL. */
void store_sign_in(struct store *store, const uint8_t *digest, const gl_uuid *session, store_sign_in_fn fn, void *ctx);

struct store_tail_op {
    uint64_t seq;
    gl_hash chain;           /* after this op */
    struct gl_slice payload; /* empty when it was erased */
    uint8_t salt[GL_SALT_BYTES];
    gl_hash leaf; /* only when it was erased */
    gl_uuid op, account;
    gl_hash request_hash;
};
/* One consistent snapshot of a session: where the log stands, all annotation records, the text, the newest recent_max ops that are not archived (oldest first). */
struct store_state {
    struct gl_slice text;
    uint64_t head;
    gl_hash chain, sum;
    uint64_t epoch;
    struct gl_slice mode;
    uint64_t mode_seq;
    struct gl_slice *records; /* canonical annotation records in the order of their creation */
    size_t record_count;
    struct store_tail_op *recent;
    size_t recent_count;
    int64_t last_at_ms; /* at of the newest op, or 0 */
    uint64_t retained_from, erased_to;
    uint64_t codebook; /* that an op had which is archived, or 0: no later one has an older */
};
typedef void (*store_state_fn)(void *ctx, enum gl_code code, const struct store_state *state);
/* Keeps what the callback is lent beyond its return; only inside it, and once. */
struct store_state *store_state_keep(const struct store_state *lent);
void store_state_free(struct store_state **state); /* NULL on entry is fine */
void store_session_load(struct store *store, const gl_uuid *account, const gl_uuid *session, size_t recent_max, store_state_fn fn,
                        void *ctx);

struct store_tail {
    struct store_tail_op
        *ops; /* seq after+1 and on, without a gap, archived ones like the others; fewer than asked for only at the head */
    size_t count;
    gl_hash chain_before; /* chain(after): the caller compares it with what it has */
    uint64_t head;
    bool has_sum; /* the stream's state sum at head */
    gl_hash sum;
};
typedef void (*store_tail_fn)(void *ctx, enum gl_code code, const struct store_tail *tail);
void store_tail_read(struct store *store, const gl_uuid *account, const gl_uuid *stream, uint64_t after, size_t max_ops,
                     size_t max_bytes, store_tail_fn fn, void *ctx);

struct store_project {
    gl_uuid project;
    struct gl_slice name;
    uint64_t head, epoch, codebook; /* codebook: seq of the last op that changed terms or their policy */
    gl_hash chain;
    bool is_open, others_may_edit;
    int64_t last_at_ms;
    uint64_t repaired;        /* how often rows of its streams were made again from the log: what is held of them is read anew */
    struct gl_slice *records; /* canonical records of the terms that were changed after the seq that was asked for */
    size_t record_count;
};
typedef void (*store_project_fn)(void *ctx, enum gl_code code, const struct store_project *project);
/* after 0: all terms. Terms are never taken away, so what was changed since is all that a reader lacks. */
void store_project_load(struct store *store, const gl_uuid *account, const gl_uuid *project, uint64_t after, store_project_fn fn,
                        void *ctx);

/* Where streams stand now: the poll behind the notifications. Streams that are gone have head UINT64_MAX. */
struct store_head {
    gl_uuid stream;
    uint64_t head, epoch;
    bool has_chain; /* not of what others tell */
    gl_hash chain;
};
typedef void (*store_heads_fn)(void *ctx, enum gl_code code, const struct store_head *heads, size_t count);
void store_heads_read(struct store *store, const gl_uuid *streams, size_t count, store_heads_fn fn, void *ctx);

/* ---- waking the other workers. Nothing may depend on it: what is lost costs the time until the poll. */

/* Others appended: where these streams stood then (epoch is not told). count 0: anything may have moved, and notifications may have been missed. Never this
 * store's own. */
typedef void (*store_moved_fn)(void *ctx, const struct store_head *moved, size_t count);
void store_listen(struct store *store, store_moved_fn fn,
                  void *ctx); /* at most one; NULL: no more, and no other worker counts us */
/* Tells the others, if there are any and the way to them is open. Merged while the last one is under way. */
void store_notify(struct store *store, const struct store_head *moved, size_t count);

/* Words for the other workers that nothing keeps: presence. worker is who says it; bytes are lent. */
typedef void (*store_said_fn)(void *ctx, const gl_uuid *worker, struct gl_slice bytes);
void store_hear(struct store *store, store_said_fn fn, void *ctx); /* after store_listen(), which forgets it */
#define STORE_SAY_MAX 5900                                         /* bytes at once */
enum store_saying {
    STORE_SAY_NOW,
    STORE_SAY_LATER,  /* the last is under way, or the way to the others is not open */
    STORE_SAY_NOBODY, /* there are no others */
};
enum store_saying store_may_say(const struct store *store);
void store_say(struct store *store, const void *bytes, size_t len); /* only when it may be said now; may be lost */

/* What an administrator asks of every worker: told within a second or two, and again with each heartbeat until it was answered. kind and detail (JSON) are
 * lent. */
struct store_asked {
    gl_uuid ask;
    struct gl_slice kind, detail;
};
typedef void (*store_asked_fn)(void *ctx, const struct store_asked *asked);
void store_hear_asked(struct store *store, store_asked_fn fn, void *ctx);         /* after store_listen(); once */
void store_answer(struct store *store, const gl_uuid *ask, struct gl_slice json); /* may be lost: then it is asked again */

/* Does every living worker of this installation know ops of this kind? */
bool store_kind_known(const struct store *store, enum gl_op_kind kind);

/* ---- everything else: rows for the methods that read and write plain tables; queries.def names them */

enum store_query_id {
#define STORE_QUERY(name, role, params, sql, doc) STORE_Q_##name,
#include "service/store/queries.def"
#undef STORE_QUERY
    STORE_QUERY_COUNT
};
struct store_param {
    enum { STORE_NULL, STORE_TEXT, STORE_U64, STORE_UUID, STORE_BYTES, STORE_BOOL, STORE_TIME } type;
    struct gl_slice slice;
    uint64_t u64; /* STORE_U64, STORE_BOOL; STORE_TIME: unix ms */
    gl_uuid uuid;
};
#define P_TEXT(s)     ((struct store_param){.type = STORE_TEXT, .slice = (s)})
#define P_BYTES(p, n) ((struct store_param){.type = STORE_BYTES, .slice = gl_slice_of((p), (n))})
#define P_U64(v)      ((struct store_param){.type = STORE_U64, .u64 = (v)})
#define P_BOOL(v)     ((struct store_param){.type = STORE_BOOL, .u64 = (v)})
#define P_UUID(v)     ((struct store_param){.type = STORE_UUID, .uuid = (v)})
#define P_TIME(v)     ((struct store_param){.type = STORE_TIME, .u64 = (uint64_t)(v)})
#define P_NULL        ((struct store_param){.type = STORE_NULL})

struct store_rows;
size_t store_rows_count(const struct store_rows *rows);
bool store_is_null(const struct store_rows *rows, size_t row, size_t column);
struct gl_slice store_text(const struct store_rows *rows, size_t row, size_t column);
uint64_t store_u64(const struct store_rows *rows, size_t row, size_t column);
bool store_bool(const struct store_rows *rows, size_t row, size_t column);
gl_uuid store_uuid(const struct store_rows *rows, size_t row, size_t column);
struct gl_slice store_bytes(const struct store_rows *rows, size_t row, size_t column);
int64_t store_time(const struct store_rows *rows, size_t row, size_t column); /* unix ms */

typedef void (*store_rows_fn)(void *ctx, enum gl_code code, const struct store_rows *rows); /* rows is NULL unless GL_OK */
/* account: whose rows may be seen (row-level security); NULL only for the queries that sign somebody in. */
void store_query(struct store *store, enum store_query_id query, const gl_uuid *account, const struct store_param *params,
                 size_t count, store_rows_fn fn, void *ctx);

/* ---- the rest */
/* Can commit, as far as is known; and what the other workers know has been heard, when store_listen() was called. */
bool store_is_up(const struct store *store);
/* False: the last append was refused for want of disk, memory or the right to write, some seconds ago at most; whoever has ops tries on. */
bool store_takes_appends(const struct store *store);
/* False: it has not been possible for some seconds to find out whether an append has committed. Its backend is still there: it waits for the synchronous standby. */
bool store_confirms_appends(const struct store *store);
int64_t store_now_ms(
    const struct store *store); /* the database's clock, estimated; whoever moves this machine's does not move it */
int64_t store_clock_offset_ms(const struct store *store); /* the database's clock minus this machine's */
/* Moves whenever there is a new connection to append on: until what is in memory has been compared with the database, nothing in it may be judged by. The
 * database may be another one now, or may have gone back in time. */
uint64_t store_generation(const struct store *store);
size_t store_in_flight(const struct store *store);
/* How many connections can append now; idle: and have nothing to do, so that what is given to them waits for nobody. */
unsigned store_writers(const struct store *store, unsigned *idle);
void store_free(struct store **store);

#endif
