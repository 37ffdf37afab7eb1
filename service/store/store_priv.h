/*
 * store_priv.h - what the files of the store on PostgreSQL share; nobody else includes it.
 *
 * Owns      a store owns its connections and every request; a request is in exactly one place: a queue, a connection's list of what is in flight, or
 *           the list of what must be settled.
 * Thread    the loop thread.
 * Units     milliseconds of the loop's clock; *_at_ms are points in time.
 *
 * A request is one transaction: statements sent in one write with one sync behind them. Nothing counts before the sync's own result has arrived.
 */
#ifndef STORE_PRIV_H
#define STORE_PRIV_H

#include <libpq-fe.h>

#include "service/base/clock.h"
#include "service/base/log.h"
#include "service/base/mem.h"
#include "service/base/metrics.h"
#include "service/store/conninfo.h"
#include "service/store/params.h"
#include "service/store/resolve.h"
#include "service/store/store_pg.h"

/* ---- queries.def as a table: store_queries.c */

enum store_role { STORE_READER, STORE_APPEND, STORE_LISTENER, STORE_ANY, STORE_OWNER, STORE_KEEPER };
const char *role_name(enum store_role role); /* for the log, and for application_name */
struct query {
    const char *name;
    enum store_role role;
    const char *params; /* letters */
    const char *sql;
};
extern const struct query store_queries[STORE_QUERY_COUNT];
size_t query_types(const struct query *query, Oid types[PARAMS_MAX]);

/* ---- SQLSTATEs: store_errors.c */

enum gl_code sqlstate_code(const char *sqlstate); /* exact code first, then class */
bool is_condition_unmet(const PGresult *result);  /* a row is not as its table's policies want it */
void log_failure(enum log_level level, const char *query, const char *sqlstate, const char *constraint);

/* ---- rows: store_rows.c */

struct store_rows {
    const PGresult *result;
};
bool rows_fit(const PGresult *result, int columns);
gl_uuid row_uuid(const PGresult *result, int row, int column);
uint64_t row_u64(const PGresult *result, int row, int column);
int64_t row_time(const PGresult *result, int row, int column);
bool row_bool(const PGresult *result, int row, int column);
struct gl_slice row_slice(const PGresult *result, int row, int column); /* text or bytes, lent; empty when null */
gl_hash row_hash(const PGresult *result, int row, int column);          /* zero when null */

/* ---- requests and connections: store_conn.c */

struct conn;
struct request;
struct request_kind {
    const char *name;
    bool is_judged; /* it says what was found right by what is in memory; not to be sent over another connection */
    void (*send)(struct request *request, struct conn *conn); /* conn_send() for each statement */
    /* A result with rows, or a single row of a streamed statement. True: keeps it (and frees it with PQclear). */
    bool (*result)(struct request *request, unsigned statement, PGresult *result);
    void (*done)(struct request *request, struct conn *conn,
                 enum gl_code code);                          /* the transaction has ended, by commit or (code) by rollback */
    void (*lost)(struct request *request, struct conn *conn); /* the connection ended first: the outcome is unknown */
    void (*drop)(struct request *request);                    /* frees it without a word */
};
struct request {
    const struct request_kind *kind;
    struct store *store;
    struct request *next;
    uint64_t queued_us; /* 0: it does not wait for a connection */
    uint64_t sent_us;
    uint64_t expires_at_ms;     /* while it waits in a queue; in flight it has as long again. 0: only silence is counted */
    struct log_context context; /* of whom it reads for; nobody where it is for several, as appends are */
    unsigned statements;        /* sent */
    uint32_t streamed;          /* bit of each statement whose rows come one by one */
    unsigned tries;
    bool is_big;      /* may bring megabytes: has a connection to itself */
    char sqlstate[6]; /* of the first error, or empty */
    char constraint[64];
};
struct request_list {
    struct request *first, **last; /* last points to where the next one goes */
};
void list_init(struct request_list *list);
void list_append(struct request_list *list, struct request *request);
void list_prepend(struct request_list *list, struct request *request);
struct request *list_take(struct request_list *list); /* the first, or NULL */

struct server { /* who answers */
    uint64_t system, timeline;
};
enum conn_state { CONN_DOWN, CONN_CONNECTING, CONN_SETTING_UP, CONN_READY };
struct conn {
    struct store *store;
    enum store_role role;
    unsigned index;
    enum conn_state state;
    struct resolve *resolve; /* hosts are being looked up, for conninfo */
    struct conninfo *conninfo;
    PGconn *pg;
    struct loop_watch *watch;
    struct loop_timer *timer; /* to connect again, or to end it outside of the call that found it broken */
    uint64_t since_ms;        /* in this state */
    uint64_t dialled_ms;      /* libpq was told to connect */
    uint64_t heard_at_ms;     /* last sign of life, or when it was first asked something */
    uint64_t asked_clock_at_ms;
    unsigned host, failures;
    bool is_hurried; /* somebody got in elsewhere */
    struct server server;
    bool is_broken;
    bool is_unconfirmed; /* a commit was told without the standby's word */
    uint64_t former_pid; /* readers: of the connection before, which was lost while it was asked something; 0: none */
    int64_t former_start_us;
    uint64_t backend_pid;
    int64_t backend_start_us; /* as PostgreSQL writes it */
    struct request_list in_flight;
    size_t in_flight_count;
    unsigned statement; /* of the first in flight, whose results are being read */
    bool has_result;
    struct request_list queue;       /* writers, and the counter: what waits for this connection */
    struct request_list unsettled;   /* writers: appends of unknown outcome */
    uint64_t settle_at_ms;           /* not before */
    char refusal[GL_ERR_DETAIL_MAX]; /* why the server will not do */
};
void conn_init(struct conn *conn, struct store *store, enum store_role role, unsigned index);
void conn_fini(struct conn *conn);
void conn_tick(struct conn *conn, uint64_t now_ms);
/* Sends the request: to be called on a ready connection only. The request is in flight afterwards, whatever happens. */
void conn_submit(struct conn *conn, struct request *request);
/* From a kind's send: one more statement of the request. What params lend may go afterwards. */
void conn_send(struct conn *conn, struct request *request, enum store_query_id query, struct params *params);
void conn_break(struct conn *conn); /* it is lost, outside of this call */
void conn_hurry(struct conn *conn); /* tries again now, where the store's host is */
void conn_send_account(struct conn *conn, struct request *request, const gl_uuid *account); /* NULL: nobody */

/* ---- which server: store_servers.c */

void servers_choose(struct conn *conn);                  /* the host of the next attempt */
uint64_t servers_patience_ms(const struct store *store); /* with one attempt */
uint64_t servers_retry_ms(const struct conn *conn);
/* conn has been let in. GL_E_SETTING: it must not be used. */
enum gl_code servers_found(struct conn *conn, const struct server *server, struct gl_err *err);

/* ---- what a new connection is asked: store_setup.c */

extern const struct request_kind setup_kind, clock_kind, former_kind;
struct request *setup_new(struct conn *conn);
struct request *clock_new(struct store *store);
struct request *former_new(struct conn *conn); /* ends the backend of the connection before */
/* The schema that a program must know to work on the database: the last migration, or what it says of those that know less. Of schema_version v, which
 * may be from before there was such a column. */
#define SCHEMA_NEEDED "coalesce(max(coalesce((to_jsonb(v) ->> 'oldest')::bigint, v.version)), 0)"
int schema_usable(int version,
                  int needed); /* our own newest where the database has a newer one that is made for programs like us */
/* Looks at the answer of the query `server_check`; false: the server will not do, and refusal says why. */
bool server_will_do(const PGresult *check, bool allow_unsafe, struct gl_err *err);
const char *setup_sql(enum store_role role);

/* ---- the store itself: store_pg.c */

#define CLOCK_SAMPLES  8
#define CLOCK_DRIFT_MS 200 /* by so much the samples of a clock that nobody moved may differ, besides what they took */
struct clock_sample {
    int64_t offset_ms; /* the database's clock minus the loop's */
    uint64_t took_ms;
};
struct store {
    struct loop *loop;
    char *conninfo, *append_role, *reader_role;
    uint64_t statement_ms, connect_ms;
    unsigned host_count, host; /* host: where somebody got in last */
    struct server server;
    uint64_t generation;
    bool allow_unsafe;
    struct conn *writers, *readers;
    struct conn *holder;  /* a writer of its own for holds; NULL until there was one */
    struct conn *counter; /* and a reader for what counts through a session, however large */
    bool is_holding;
    unsigned writer_count, reader_count;
    struct listener *listener; /* NULL: nobody wants to hear */
    store_asked_fn asked;      /* NULL: nobody answers administrators */
    void *asked_ctx;
    struct request_list answers; /* to be sent */
    char *version;
    struct loop_timer *tick, *soon;
    uint64_t refused_at_ms;     /* the last append, and none was taken since; 0: it was not */
    uint64_t unsettled_at_ms;   /* since when there are such: */
    size_t unsettled;           /* appends of which is not known whether they have committed */
    bool is_delivering;         /* inside a callback: what is asked waits until it is over */
    struct request_list reads;  /* waiting */
    struct request_list failed; /* to be answered store_down in the next turn */
    size_t count;               /* requests of the caller's that have not been answered */
    struct clock_sample clock[CLOCK_SAMPLES];
    size_t clock_count;
};
void store_read(struct store *store, struct request *request);                       /* queues a request for the readers */
void store_write(struct store *store, struct conn *writer, struct request *request); /* and one for a writer, or the counter */
void store_read_again(struct store *store,
                      struct request *request); /* its connection was lost: first in the queue, or store_down */
void store_dispatch(struct store *store);
void store_dispatch_writers(struct store *store); /* also inside a callback */
void store_dispatch_later(struct store *store);
void store_take_clock(struct store *store, int64_t database_ms, uint64_t sent_at_ms);
struct conn *store_free_writer(
    struct store *store); /* for an append: the first one that is idle, or the one with the least to do */
struct conn *store_side_writer(
    struct store *store); /* for plain queries: the last one, so that what they wait for is least in the way */
const char *role_user(const struct store *store, enum store_role role);

/* ---- how workers wake each other: store_listen.c */
struct conn *listener_conn(struct store *store); /* NULL: there is none */
void listener_tick(struct store *store, uint64_t now_ms);
void listener_ready(struct store *store);                  /* the connection listens, from now on */
void listener_receive(struct store *store);                /* its connection has read something */
void listener_dispatch(struct store *store);               /* sends what is due */
const gl_uuid *listener_worker(const struct store *store); /* as which this one is known */
/* store_asked.c: rows of a heartbeat's answer, from this column on */
void asked_take(struct store *store, const PGresult *result, int column);
void asked_dispatch(struct store *store); /* sends what was answered */
void asked_fini(struct store *store);
bool listener_knows_others(
    const struct store *store); /* what kinds of ops they know, once since it began; nobody listens: also */

/* ---- a stream that is held: store_hold.c */
void hold_over(struct store *store,
               enum gl_code code); /* its append has ended: by commit, or (code) the transaction must be ended still */

/* ---- appends of unknown outcome: store_settle.c */
void settle_next(struct conn *conn); /* the connection is ready and idle, and something is unsettled */

#endif
