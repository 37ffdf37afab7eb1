/*
 * gloss.h - libgloss: read and mark up shared texts on a Gloss server from any program.
 *
 * Owns      a struct gloss owns its connection, its sessions, their replicas and the ops that wait for an answer. There are no
 *           globals; the library never prints, never exits and never waits, but in gloss_wait and the functions that end in
 *           _wait, and for the disk where queue_dir was given.
 *           It leaves signals and their handlers alone. A name of a host is looked up in a short-lived thread, nothing else is.
 * Lifetime  gloss_new / gloss_free. A struct gloss_session lives from gloss_join until gloss_leave or gloss_free. What a callback
 *           is
 *           given is lent until it returns, what a function lends until the next gloss_process (or _wait); what is handed over is
 *           said there.
 * Thread    one struct gloss belongs to one thread at a time; different ones may be used by different threads at once.
 * Loop      yours: watch gloss_fd() for reading, wake after gloss_timeout_ms() at the latest, then call gloss_process(). All
 *           callbacks come from inside gloss_process (or _wait, or gloss_free and gloss_leave for what they leave unanswered),
 *           never from the call that asked. A callback may call anything, gloss_free and gloss_leave included, but gloss_process
 *           and what waits (they answer GLOSS_E_SETTING there).
 * Units     positions are Unicode code points, end exclusive. seq counts the ops of a session: 1, 2, 3 ... Times in *_ms are
 *           milliseconds.
 * Ids       UUIDs as text: 36 lower case characters. char[GLOSS_ID] has room for one and a NUL.
 * Errors    functions return 0 or one of enum gloss_code (the numbers of PROTOCOL.md, "Errors"); gloss_last_error() then has the
 *           sentence. Running out of memory is GLOSS_E_NOMEM; when it happens inside gloss_process the connection goes and comes
 *           back, so nothing is missed and nothing is done twice.
 * JSON      values are jansson's json_t. A json_t given to the library stays yours (it is copied or counted up).
 * Source    PROTOCOL.md.
 *
 * The shortest useful program is clients/lib/example.c.
 */
#ifndef GLOSS_H
#define GLOSS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GLOSS_ID   37 /* room for a UUID as text */
#define GLOSS_HASH 65 /* room for a SHA-256 as text: 64 lower case hex digits */

struct gloss;         /* one client: a connection that comes back by itself */
struct gloss_session; /* one joined session */
struct gl_annotation; /* one annotation, immutable and counted; see "Annotations" below */
struct gl_text;       /* a document's text; see "Texts" below */

/* ---- errors ---------------------------------------------------------------------------------------------- */

/* The numbers of the protocol (proto/errors.def; the build checks that they agree). 0 is success. */
enum gloss_code {
    GLOSS_OK = 0,
    GLOSS_E_MALFORMED = -32700,
    GLOSS_E_INVALID_REQUEST = -32600,
    GLOSS_E_UNKNOWN_METHOD = -32601,
    GLOSS_E_INVALID_PARAMS = -32602,
    GLOSS_E_INTERNAL = -32603,
    GLOSS_E_TOO_LARGE = 1001,
    GLOSS_E_FRAME_TOO_LARGE = 1002,
    GLOSS_E_SIGN_IN_FIRST = 1100,
    GLOSS_E_BAD_CREDENTIALS = 1101,
    GLOSS_E_SIGN_IN_TIMEOUT = 1102,
    GLOSS_E_FORBIDDEN = 1110,
    GLOSS_E_NOT_FOUND = 1111,
    GLOSS_E_EXISTS = 1112,
    GLOSS_E_BUSY = 1120,
    GLOSS_E_RATE_LIMITED = 1121,
    GLOSS_E_LIMIT = 1122,
    GLOSS_E_STALE = 1200,
    GLOSS_E_CONFLICT = 1201,
    GLOSS_E_GONE = 1202,
    GLOSS_E_ID_REUSED = 1203,
    GLOSS_E_DEPENDS_ON_REFUSED = 1204,
    GLOSS_E_ATOMIC_REFUSED = 1205,
    GLOSS_E_UNKNOWN_LABEL = 1210,
    GLOSS_E_SESSION_CLOSED = 1211,
    GLOSS_E_UNKNOWN_ATTRIBUTE = 1212,
    GLOSS_E_INVALID_ATTRIBUTE = 1213,
    GLOSS_E_INVALID_ENDPOINT = 1214,
    GLOSS_E_QUOTE_NOT_FOUND = 1220,
    GLOSS_E_QUOTE_AMBIGUOUS = 1221,
    GLOSS_E_QUOTE_MISMATCH = 1222,
    GLOSS_E_OUT_OF_RANGE = 1223,
    GLOSS_E_SPLITS_GRAPHEME = 1224,
    GLOSS_E_WRONG_REVISION = 1225,
    GLOSS_E_INVALID_UTF8 = 1230,
    GLOSS_E_CONTAINS_NUL = 1231,
    GLOSS_E_CHECKSUM = 1232,
    GLOSS_E_RESYNC = 1300,
    GLOSS_E_UPGRADE = 1301,
    GLOSS_E_CHAIN_BROKEN = 1302,
    GLOSS_E_ARCHIVED = 1303,
    GLOSS_E_STORE_DOWN = 1500,
    GLOSS_E_UNKNOWN_OUTCOME = 1501,
    GLOSS_E_SHUTTING_DOWN = 1502,
    GLOSS_E_SCHEMA_TOO_OLD = 1503,
    GLOSS_E_SCHEMA_TOO_NEW = 1504,
    GLOSS_E_NOMEM = 1600,
    GLOSS_E_UNREACHABLE = 1601,
    GLOSS_E_UNTRUSTED = 1602,
    GLOSS_E_DISCONNECTED = 1603,
    GLOSS_E_TIMED_OUT = 1604,
    GLOSS_E_SETTING = 1605,
    GLOSS_E_SYSTEM = 1606,
    GLOSS_E_LOST = 1607
};

/* One error. A plain value but for data, which is lent; where a function hands the error over: gloss_error_clear it. */
struct gloss_error {
    int code;           /* enum gloss_code, or a number that this version does not know */
    char name[32];      /* "stale": as in error.data.name */
    char message[512];  /* a sentence for people, without a newline; from the server: not made harmless for a terminal */
    char path[128];     /* the offending member, or "" */
    json_t *data;       /* the server's error.data: name, current, field, seq, candidates ...; NULL when there is none */
    int retry_after_ms; /* 0 when not said */
};
const char *gloss_code_name(int code);             /* "stale"; "internal" for a number that this version does not know */
const char *gloss_code_sentence(int code);         /* what it means, in a sentence */
void gloss_error_clear(struct gloss_error *error); /* drops data and zeroes the rest */

/* ---- events ---------------------------------------------------------------------------------------------- */

/* What each event fills in of struct gloss_event, and what it says. */
enum gloss_event_type {
    /* account, server, hello: signed in. */
    GLOSS_EV_CONNECTED,
    /* error says why, retry_in_ms when the next try is; comes for every try that failed, too. */
    GLOSS_EV_DISCONNECTED,
    /* session, seq; again after each reconnect, then with resumed. */
    GLOSS_EV_JOINED,
    /* session, seq: the replica holds everything up to seq, checked against chain and state sum; ops follow from seq + 1. Without
     * replica: the ops up to the newest at joining were told. Comes again after a reconnect, when caught up. */
    GLOSS_EV_SYNCED,
    /* session, seq, op, payload, annotation ...: one op, each once, in order, its hash chain checked. */
    GLOSS_EV_OP,
    /* session, error: the server's log is not the one that was here; the state is being read anew, SYNCED follows. Who reads the
     * log (GLOSS_FROM_LOG) gets GLOSS_EV_ERROR with GLOSS_E_RESYNC instead: what was told cannot be taken back. */
    GLOSS_EV_RESYNC,
    /* session, seq, payload: an op of the project's stream (with join option names); label and member names follow it. */
    GLOSS_EV_PROJECT,
    /* session, notice: "resynchronise", "rights", "closing" ...; nothing needs to be done. */
    GLOSS_EV_NOTICE,
    /* error, final. session NULL: the client stopped (bad credentials, untrusted certificate ...); gloss_connect tries again.
     * Otherwise this session stopped (not found, forbidden, chain broken, upgrade): its ops were called back; gloss_leave it. */
    GLOSS_EV_ERROR,
    /* session, op, result: an op that an earlier run of the program had left in the queue has its answer. */
    GLOSS_EV_RESULT,
    /* session, begin, end, seq: what stands there is in the replica, before the rest is (gloss_page_around). */
    GLOSS_EV_PAGE,
    /* session, peer: somebody came, moved or went (peer->gone). After a loss of the connection everybody comes anew. */
    GLOSS_EV_PRESENCE,
    /* session, op, seq, kind, payload (the op as asked), error: an op of yours that had been accepted as `seq` is not in the server's
     * log any more. It waits again, refused as GLOSS_E_LOST, and on_conflict is asked about it next; see "Lost work". With op NULL: what
     * was accepted before `seq` may be lost as well, and is not remembered here. */
    GLOSS_EV_LOST
};

struct gloss_event {
    enum gloss_event_type type;
    struct gloss_session *session; /* NULL when it is about the connection */
    uint64_t seq;
    bool resumed;                      /* JOINED: continues where it was */
    bool erased;                       /* OP: words were erased from the log; payload and op are absent */
    const char *op;                    /* OP: its id */
    const char *kind;                  /* OP, PROJECT: "annotation.create" */
    const char *account;               /* CONNECTED: yourself; OP, PROJECT: the author's id */
    const char *at;                    /* OP, PROJECT: when; RFC 3339 UTC */
    const char *server;                /* CONNECTED: name and version of the server */
    json_t *payload;                   /* OP, PROJECT: all of it */
    json_t *hello;                     /* CONNECTED: the result of hello */
    json_t *logged;                    /* OP: as logged, with salt, or the leaf: what a verifier hashes */
    struct gl_annotation *annotation;  /* OP: the (first) annotation after it; NULL without replica or when it is not about one */
    struct gl_annotation *before;      /* OP: and before it; NULL for a new one */
    const char *notice;                /* NOTICE */
    const char *role;                  /* NOTICE "rights": the role now, NULL for none */
    const struct gloss_error *error;   /* DISCONNECTED, RESYNC, ERROR */
    int retry_in_ms;                   /* DISCONNECTED: -1 when it will not try again */
    uint64_t begin, end;               /* PAGE */
    const struct gloss_peer *peer;     /* PRESENCE */
    const struct gloss_result *result; /* RESULT: what a gloss_result_fn is given */
};
typedef void (*gloss_event_fn)(struct gloss *g, const struct gloss_event *event, void *arg);

/* ---- the client ------------------------------------------------------------------------------------------ */

/* What to do with an op that was refused because of what others did meanwhile; see "Unsent work" below. */
enum gloss_choice {
    GLOSS_DROP,      /* it is given up: its callback gets the error */
    GLOSS_SEND_ANEW, /* the same change once more, made with what is there now in view */
    GLOSS_KEEP       /* it stays where it is, unsent, until gloss_pending_send or gloss_pending_drop */
};
struct gloss_conflict;
typedef enum gloss_choice (*gloss_conflict_fn)(struct gloss_session *session, struct gloss_conflict *conflict, void *arg);

struct gloss_config {
    size_t size;       /* sizeof(struct gloss_config): gloss_config_init sets it */
    const char *url;   /* "https://host:port/" or "wss://host:port/ws"; the port may be left out */
    const char *token; /* or else account and password */
    const char *account;
    const char *password;
    const char *ca_file;     /* PEM; NULL: the system's certificates */
    const char *client;      /* name and version of the program, for the operator's log; NULL: libgloss */
    gloss_event_fn on_event; /* may be NULL */
    void *arg;               /* handed to on_event */
    int connect_timeout_ms;  /* one try, until signed in; 0: 10000 */
    int silence_timeout_ms;  /* a connection that says nothing for so long, not even to a ping, is given up; 0: 20000 */
    bool once; /* the first failure to connect is final (GLOSS_EV_ERROR) instead of trying again; later losses are not */
    /* What follows came after 0.1. */
    /* A directory (made when it is not there, for its owner only) where ops are kept until they are answered, through any end of
     * the program; see "Unsent work". NULL: in memory only. */
    const char *queue_dir;
    const char *account_id; /* your account's id, so that the queue is open before the first sign-in; NULL: as it was last time */
    gloss_conflict_fn on_conflict; /* arg is that of on_event; may be NULL */
    const char *traceparent;       /* a W3C trace context, which stands beside each request in the operator's log; NULL: none */
};
void gloss_config_init(struct gloss_config *config); /* zeroes, and sets size; in a program, the macro is what is called */
void gloss_config_init_sized(struct gloss_config *config, size_t size);
/* The library may be newer than the program, and its struct larger. */
#define gloss_config_init(config) gloss_config_init_sized((config), sizeof(*(config)))

/* *error (may be NULL) is filled in when NULL comes back: GLOSS_E_SETTING with what is wrong, GLOSS_E_NOMEM, GLOSS_E_SYSTEM;
 * gloss_error_clear it. Copies everything. Does not connect. */
struct gloss *gloss_new(const struct gloss_config *config, struct gloss_error *error);
/* *g is NULL afterwards; NULL on entry is fine. What is unanswered is called back with GLOSS_E_DISCONNECTED (for ops: the outcome
 * is not known). */
void gloss_free(struct gloss **g);

/* Begins to connect, and to come back after every loss: at once first, then after 100 ms, growing to 5 s, each with jitter. When
 * it already does: 0. */
int gloss_connect(struct gloss *g);
bool gloss_is_connected(const struct gloss *g);   /* signed in */
const char *gloss_account(const struct gloss *g); /* your account's id; NULL while it is not known (queue_dir remembers it) */
const char *gloss_account_name(const struct gloss *g);
const json_t *gloss_limits(const struct gloss *g);                 /* of hello; NULL before */
const struct gloss_error *gloss_last_error(const struct gloss *g); /* of the last function that failed; lent */

int gloss_fd(const struct gloss *g); /* one descriptor, the same for the client's life: readable when gloss_process has work */
/* gloss_process wants to be called no later than this; -1: only when gloss_fd is readable. Ask before each wait. */
int gloss_timeout_ms(const struct gloss *g);
int gloss_process(struct gloss *g); /* does what can be done without waiting; 0, or the final error of a client that stopped */
/* Polls and processes, once: returns after something was done, a signal came, or timeout_ms (-1: no limit) passed, which is
 * GLOSS_E_TIMED_OUT; otherwise like gloss_process. */
int gloss_wait(struct gloss *g, int timeout_ms);

/* ---- any method of the protocol -------------------------------------------------------------------------- */

/* Exactly once. error NULL: result is there. Both are lent. */
typedef void (*gloss_answer_fn)(struct gloss *g, json_t *result, const struct gloss_error *error, void *arg);

/* Asks; while there is no connection it waits for one. params may be NULL. deadline_ms 0: 30000; -1: none. When the connection is
 * lost between question and answer it is called back with GLOSS_E_DISCONNECTED: only the caller knows whether to ask again. */
int gloss_call(struct gloss *g, const char *method, json_t *params, int deadline_ms, gloss_answer_fn fn, void *arg);
/* The same, waiting (other events are delivered meanwhile; a client that was not told to connect connects, as with all _wait
 * functions); asks again by itself when the connection was lost and the method only reads. *result (may be NULL) is yours:
 * json_decref. *error (may be NULL): yours, gloss_error_clear. */
int gloss_call_wait(struct gloss *g, const char *method, json_t *params, int timeout_ms, json_t **result,
                    struct gloss_error *error);

/* ---- sessions -------------------------------------------------------------------------------------------- */

enum gloss_from {
    GLOSS_FROM_STATE, /* the state as it is (replica), or nothing of the past (no replica), then live */
    GLOSS_FROM_LOG    /* every op after `since`, then live. 0: the whole log; a replica is then computed from it, not read */
};
struct gloss_join {
    size_t size; /* sizeof(struct gloss_join): gloss_join_init sets it */
    enum gloss_from from;
    uint64_t since;    /* GLOSS_FROM_LOG: the last seq that you have */
    const char *chain; /* the chain at since (64 hex digits); needed with since above 0 */
    bool replica;      /* keep the state (with GLOSS_FROM_LOG: only from 0) */
    /* No ops are sent: only gloss_submit. No replica. Who gives numbers as bases says by GLOSS_FROM_LOG, since and chain in view of which log: until it is
     * joined that is kept beside each op in queue_dir, and the next run sends a base as it is if the server has the same log there. Of a base without it (or
     * behind since) nothing is known: the next run takes it for 0, and what others had changed by then is asked about. */
    bool submit_only;
    bool names; /* keep labels and members current too: gloss_label_name, gloss_member_name. SYNCED waits for them */
    /* What follows came after 0.1. */
    bool cache;    /* keep the replica in queue_dir too: it is there at once the next time, and is continued by seq if it fits */
    bool no_queue; /* this session's ops in memory only, although there is a queue_dir */
    bool archive;  /* GLOSS_FROM_LOG: read what the server has archived as well; otherwise GLOSS_E_ARCHIVED, data.retained_from */
};
void gloss_join_init(struct gloss_join *options); /* GLOSS_FROM_STATE, replica and names on */

/* Joins, now or when connected, and again after every reconnect. Events: JOINED, SYNCED, OP ... *session is valid at once.
 * Joining the same session twice at a time: GLOSS_E_EXISTS. */
int gloss_join(struct gloss *g, const char *session, const struct gloss_join *options, struct gloss_session **out);
/* *session is NULL afterwards. Ops without an answer are called back with GLOSS_E_DISCONNECTED; those in a queue_dir stay there
 * and are sent the next time that the session is joined. */
void gloss_leave(struct gloss_session **session);
/* Where the reader is: while the state is being read, what stands between these code points comes first, with GLOSS_EV_PAGE. It can
 * be said at once after gloss_join, and again when the reader has gone elsewhere. */
int gloss_page_around(struct gloss_session *session, uint64_t begin, uint64_t end);
/* Waits for SYNCED (for submit_only: JOINED). 0, the session's or client's final error, or GLOSS_E_TIMED_OUT. timeout_ms -1: no
 * limit. */
int gloss_synced_wait(struct gloss_session *session, int timeout_ms);

/* Writes the cache now. By itself that happens when the state is here, now and then, when the session is left, and at gloss_free. */
int gloss_session_save(struct gloss_session *session);

struct gloss *gloss_session_client(const struct gloss_session *session);
void gloss_session_set_data(struct gloss_session *session, void *data); /* a pointer of yours */
void *gloss_session_data(const struct gloss_session *session);
const char *gloss_session_id(const struct gloss_session *session);
const char *gloss_session_role(const struct gloss_session *session);       /* yours: "viewer" ...; "" before JOINED */
const char *gloss_session_mode(const struct gloss_session *session);       /* "shared", "closed"; "" before JOINED */
const json_t *gloss_session_document(const struct gloss_session *session); /* document_info as of joining; NULL before JOINED */
bool gloss_session_is_joined(const struct gloss_session *session);
bool gloss_session_is_synced(const struct gloss_session *session);
uint64_t gloss_session_seq(const struct gloss_session *session); /* of the last op delivered, or what the replica is as of */
/* The chain there: with seq, where to continue later. */
void gloss_session_chain(const struct gloss_session *session, char hex[GLOSS_HASH]);
/* The state sum there, computed here; false without replica, and for a log of which an op was erased. */
bool gloss_session_state_sum(const struct gloss_session *session, char hex[GLOSS_HASH]);
uint64_t gloss_session_head(const struct gloss_session *session); /* the newest seq that the server told of */

/* ---- changes --------------------------------------------------------------------------------------------- */

struct gloss_result {
    const char *op;                  /* its id */
    size_t index;                    /* its place in the array given to gloss_submit */
    uint64_t seq;                    /* 0 when it was refused */
    bool repeated;                   /* it had been accepted before */
    const char *annotation;          /* the annotation that it made or changed, or NULL */
    const struct gloss_error *error; /* NULL when it was accepted; lent */
};
/* Exactly once for each op, in the order of the ops. */
typedef void (*gloss_result_fn)(struct gloss_session *session, const struct gloss_result *result, void *arg);

/* Asks for changes; ops is an array of {"id"?, "base"?, "change"} (PROTOCOL.md, "Changes"). An op without id gets one; one that
 * changes what is there and has no base gets gloss_session_seq() as base. They are kept until answered: sent in order, as many at
 * a time as the server takes, again after "busy" and "rate_limited" (then when the server says), and again with the same ids after
 * a reconnect, so that each is applied once. atomic: all or none, in one message; otherwise each stands for itself and may travel
 * with others. Refused at once, and nothing kept: GLOSS_E_INVALID_PARAMS, GLOSS_E_TOO_LARGE (does not fit into a message),
 * GLOSS_E_NOMEM; with a queue_dir also GLOSS_E_SYSTEM (the disk), and GLOSS_E_SETTING while it is not known whose ops they are.
 * With a queue_dir they are on disk when this returns 0. */
int gloss_submit(struct gloss_session *session, json_t *ops, bool atomic, gloss_result_fn fn, void *arg);
/* One change; id_out (may be NULL) gets the op's id at once, to be used as base of the next. base NULL: as above. */
int gloss_submit_change(struct gloss_session *session, json_t *change, json_t *base, char id_out[GLOSS_ID], gloss_result_fn fn,
                        void *arg);
/* One op ({"id"?, "base"?, "change"}), waiting for its answer. *seq and annotation (may be NULL) are filled in when it was
 * accepted; *error (may be NULL) otherwise, and is yours: gloss_error_clear. Returns 0 or error's code. After GLOSS_E_TIMED_OUT
 * the outcome is not known. */
int gloss_submit_wait(struct gloss_session *session, json_t *op, int timeout_ms, uint64_t *seq, char annotation[GLOSS_ID],
                      struct gloss_error *error);
/* Ops that have no answer yet. Keep it bounded: stop reading input above a few thousand. */
size_t gloss_unanswered(const struct gloss_session *session);
void gloss_new_id(char id[GLOSS_ID]); /* a new UUID, version 7 */

/* ---- unsent work ----------------------------------------------------------------------------------------- */

/*
 * With a queue_dir every op is written to disk before gloss_submit returns, and leaves it when its answer has come. After any end
 * of the program the next gloss_join of the session finds them (gloss_pending_*), and they are sent once it is joined, under the
 * same ids, so that each is applied once; what becomes of them is told by GLOSS_EV_RESULT. There is one journal for an account
 * and session; while one process has it open another gets GLOSS_E_BUSY from gloss_join.
 *
 * A disk that is full, or fails, is GLOSS_E_SYSTEM from gloss_submit: that op is nowhere, all others are where they were, and the next one is
 * taken as soon as there is room. What is answered meanwhile is told when the disk has it, if it was refused, and at once otherwise.
 *
 * Only ops of sessions wait here. What changes a project (codebook, documents, members) goes through gloss_call, and needs a connection; a label that an
 * annotation names, and that is not there yet, is made when its op is sent, if the codebook is open.
 *
 * No connection is needed to begin: join, look at what the cache had, submit, leave. An op may name an earlier one as base, and
 * the annotation that an earlier one makes (gloss_pending.annotation). A change that has no base, of an annotation that a waiting
 * op makes, gets that op as base.
 *
 * An op refused because of what happened meanwhile (stale, conflict, gone, session_closed, wrong_revision, depends_on_refused) is
 * shown to on_conflict, one by one, in order, before any callback. Without on_conflict: ops of this run are called back with
 * their error, those of an earlier run are kept. An atomic step is shown once, and the choice is for all of it.
 *
 * What waited on disk is older than what the same account did elsewhere meanwhile, though the server refuses nobody for his own changes. So an op of an earlier
 * run whose field (of a delete: anything of the annotation) was set by that account after its base is refused here, as GLOSS_E_STALE: unless an op that stood
 * before it in the queue did that, or it was accepted itself and only the answer was lost. With a replica; without one it is sent.
 *
 * Of an op of an earlier run that is so for every refusal, since it has no callback: also for those that only you can mend (the right
 * that you lost, a label that is no longer there, too_large where the server takes smaller messages than the one before). It leaves
 * the disk when it was accepted, or when you give it up.
 *
 * Sent anew, an op that was stale, in conflict or about what is gone has as its base what the refusal told, or what conflict.current
 * showed: what others do after that is not overwritten, but refused again. After any other refusal it is sent as it was. What builds on
 * a kept op that is given up has the base of that one.
 */
/*
 * Lost work. A database that was replaced by a copy which lagged behind (an asynchronous standby that was promoted, a backup) has lost what it had
 * acknowledged last. Of each session the ops that were accepted last are remembered, with a queue_dir on disk as well: 1000 of them, 1 MiB, a week, whichever
 * is reached first (not those whose words were erased since). When the log turns out to be another one (GLOSS_EV_RESYNC), and whenever the session is joined
 * without a chain to compare, the server is asked whether they are there; until that is answered nothing is sent. Each one that is not is told by GLOSS_EV_LOST
 * and then is as an op of an earlier run that was refused as GLOSS_E_LOST: on_conflict is asked, without it the op is kept; GLOSS_SEND_ANEW and
 * gloss_pending_send send it under the id that it had, GLOSS_EV_RESULT tells what becomes of it. GLOSS_EV_LOST without an op says that older ones may be lost, too.
 *
 * A base that is a seq of the lost past is lowered to where both pasts are known to be the same, in whatever has no answer yet, so that nothing that others
 * did meanwhile is overwritten: it is stale then, and asked about. Who reads the log (GLOSS_FROM_LOG) is told GLOSS_EV_ERROR with GLOSS_E_RESYNC instead of all
 * this; with a queue_dir the next gloss_join of the session tells what was lost.
 */
struct gloss_conflict {
    const char *op;
    const char *annotation;          /* what it is about; NULL: nothing in particular */
    json_t *change;                  /* as asked; lent */
    json_t *base;                    /* as asked: a seq or the id of an op; NULL: none */
    int64_t since_ms;                /* when it was asked for: milliseconds since 1970 */
    const struct gloss_error *error; /* the refusal */
    const json_t *current;           /* the annotation's record as it is now, as far as known; NULL otherwise; lent */
    json_t *instead;                 /* for GLOSS_SEND_ANEW: put another change here, which is taken over; NULL: the same */
};

enum gloss_pending_state {
    GLOSS_PENDING_WAITING, /* to be sent */
    GLOSS_PENDING_SENT,    /* without an answer yet */
    GLOSS_PENDING_KEPT     /* was refused, and kept (GLOSS_KEEP); not sent by itself */
};
struct gloss_pending {
    const char *op;
    const char *annotation; /* what it changes or will make; NULL: nothing */
    const json_t *change;
    const json_t *base; /* NULL: none */
    int64_t since_ms;   /* when it was asked for: milliseconds since 1970 */
    enum gloss_pending_state state;
    bool is_atomic;                  /* part of an atomic step */
    const struct gloss_error *error; /* the last answer to it, "busy" included; NULL: none yet */
};
size_t gloss_pending_count(const struct gloss_session *session);
/* Joined, and nothing that was accepted and is remembered is in doubt: what is lost was told. */
bool gloss_session_is_proven(const struct gloss_session *session);
/* In the order in which they were asked for; everything is lent until the next gloss_process or change. False: there are no more
 * (or no memory to look). Going through them by growing index is cheap. */
bool gloss_pending_at(struct gloss_session *session, size_t index, struct gloss_pending *pending);
/* Sends a kept op (or step, and what was kept because it builds on it) anew, with what is there now as base. GLOSS_E_NOT_FOUND:
 * no such op is kept. */
int gloss_pending_send(struct gloss_session *session, const char *op);
/* Gives up an op (or step) that is kept or waits: it is called back with GLOSS_E_DISCONNECTED. One that waits may have been
 * applied already, if it was sent before a loss. GLOSS_E_BUSY: it was sent, its answer comes; GLOSS_E_NOT_FOUND. */
int gloss_pending_drop(struct gloss_session *session, const char *op);

struct gloss_queue {
    const char *account; /* whose */
    const char *session;
    const char *url;  /* the server */
    size_t pending;   /* ops without an answer */
    int64_t since_ms; /* of the oldest one; 0: none */
    bool is_open;     /* a process works with it */
    /* What follows came after 0.1. */
    size_t accepted; /* ops that were accepted and are remembered: about so many */
};
/* What waits in a queue_dir, without opening or changing anything; lent. GLOSS_E_NOT_FOUND: there is no such directory. A queue that
 * cannot be read does not hide the others: the first such error is returned when all were looked at. */
typedef void (*gloss_queue_fn)(const struct gloss_queue *queue, void *arg);
int gloss_queue_list(const char *queue_dir, gloss_queue_fn fn, void *arg);

/* ---- who is here ----------------------------------------------------------------------------------------- */

#define GLOSS_NOWHERE UINT64_MAX /* a position that is not told */

/* Where one is, as one says. A person with two connections is there twice. */
struct gloss_place {
    size_t size;                             /* sizeof(struct gloss_place): gloss_place_init sets it */
    uint64_t begin, end;                     /* in view; both or neither GLOSS_NOWHERE */
    uint64_t selection_begin, selection_end; /* selected; both or neither GLOSS_NOWHERE */
    const char *annotation;                  /* being edited; NULL: none */
    bool away;                               /* not here, though connected */
};
void gloss_place_init(struct gloss_place *place); /* nowhere in particular */
/* Tells the others in the session; nothing of it is kept. The newest counts: it is sent at most ten times a second, and again after
 * each reconnect. */
int gloss_presence_set(struct gloss_session *session, const struct gloss_place *place);

struct gloss_peer {
    const char *peer;                                    /* the id of this stay */
    const char *account;                                 /* who */
    const char *name;                                    /* NULL: not told */
    uint64_t begin, end, selection_begin, selection_end; /* GLOSS_NOWHERE: not told */
    const char *annotation;                              /* being edited; NULL: none */
    bool is_me;                                          /* this very client */
    bool gone;                                           /* in GLOSS_EV_PRESENCE only */
};
/* Who has told where they are, in no particular order; lent until the next gloss_process. False: there are no more. */
size_t gloss_peer_count(const struct gloss_session *session);
bool gloss_peer_at(const struct gloss_session *session, size_t index, struct gloss_peer *peer);

/* ---- annotations ----------------------------------------------------------------------------------------- */

/* The replica in the order in which the annotations were made, tombstones included (look at is_deleted). Lent;
 * gloss_annotation_ref keeps one. */
size_t gloss_annotation_count(const struct gloss_session *session); /* all */
size_t gloss_annotation_live(const struct gloss_session *session);  /* those that are not deleted */
struct gl_annotation *gloss_annotation_at(const struct gloss_session *session, size_t index);
struct gl_annotation *gloss_annotation_find(const struct gloss_session *session, const char *id); /* NULL: there is none */

/* Programs inside this source tree may include proto/model/annotation.h instead and look inside. */
struct gl_annotation *gloss_annotation_ref(struct gl_annotation *annotation);
void gloss_annotation_unref(struct gl_annotation **annotation);
/* The canonical record (PROTOCOL.md, "Annotation records"), lent. */
const json_t *gloss_annotation_record(const struct gl_annotation *annotation); /* NULL: out of memory */
void gloss_annotation_id(const struct gl_annotation *annotation, char id[GLOSS_ID]);
bool gloss_annotation_is_deleted(const struct gl_annotation *annotation);
bool gloss_annotation_label(const struct gl_annotation *annotation, char id[GLOSS_ID]); /* false: has none */
/* What it is about. */
enum gloss_target {
    GLOSS_TARGET_DOCUMENT,   /* all of it */
    GLOSS_TARGET_SPANS,      /* pieces of the text */
    GLOSS_TARGET_ANNOTATION, /* another annotation of the session: a reply */
    GLOSS_TARGET_RELATION    /* two annotations */
};
enum gloss_target gloss_annotation_target(const struct gl_annotation *annotation);
/* The annotation that a reply answers; false: it is none. */
bool gloss_annotation_parent(const struct gl_annotation *annotation, char id[GLOSS_ID]);
/* The ends of a relation, the far one in a session of its own (to_session); false: it is none. Any of the three may be NULL. */
bool gloss_annotation_ends(const struct gl_annotation *annotation, char from[GLOSS_ID], char to[GLOSS_ID],
                           char to_session[GLOSS_ID]);
/* Replies to the annotation of this id, and relations of this session that begin or end at it, in the order made. *index: 0 first,
 * and then left alone; NULL: no more. Tombstones are among them. */
struct gl_annotation *gloss_annotation_next_about(const struct gloss_session *session, const char *id, size_t *index);
uint64_t gloss_annotation_begin(const struct gl_annotation *annotation); /* of the first span; 0 for the whole document */
uint64_t gloss_annotation_end(const struct gl_annotation *annotation);   /* of the last span */

/* ---- names (with join option names) ---------------------------------------------------------------------- */

const char *gloss_label_name(const struct gloss_session *session, const char *label_id); /* NULL: not known */
const char *gloss_label_id(const struct gloss_session *session, const char *name);       /* NULL: not known */
size_t gloss_label_count(const struct gloss_session *session);
/* In no particular order; false: there are no more. */
bool gloss_label_at(const struct gloss_session *session, size_t index, const char **id, const char **name);

/* All of the codebook: labels, attributes, types of relations. A term is the record of PROTOCOL.md, "The codebook", lent until the
 * next gloss_process. Retired ones are among them: {"retired":true}. */
enum gloss_term_kind { GLOSS_TERM_LABEL, GLOSS_TERM_ATTRIBUTE, GLOSS_TERM_RELATION };
size_t gloss_term_count(const struct gloss_session *session, enum gloss_term_kind kind);
const json_t *gloss_term_at(const struct gloss_session *session, enum gloss_term_kind kind,
                            size_t index);                                          /* by name; NULL: no more */
const json_t *gloss_term_find(const struct gloss_session *session, const char *id); /* NULL: not known */
const json_t *gloss_term_named(const struct gloss_session *session, enum gloss_term_kind kind, const char *name);
/* Whether the codebook, as it is known here, allows this value on an annotation with this label (its id; NULL: none). 0, or
 * GLOSS_E_UNKNOWN_ATTRIBUTE, GLOSS_E_INVALID_ATTRIBUTE with the limits in the sentence, GLOSS_E_NOT_FOUND: not known here yet. */
int gloss_attribute_check(struct gloss_session *session, const char *name, const json_t *value, const char *label_id);

bool gloss_codebook_is_open(const struct gloss_session *session);
uint64_t gloss_codebook_version(const struct gloss_session *session); /* the project's seq that is known */
/* Of members and former members; NULL: not known. */
const char *gloss_member_name(const struct gloss_session *session, const char *account_id);

/* ---- texts ----------------------------------------------------------------------------------------------- */

/* error NULL: text is yours, gloss_text_free it; its SHA-256 was checked. document is document_info, lent. */
typedef void (*gloss_text_fn)(struct gloss *g, struct gl_text *text, json_t *document, const struct gloss_error *error,
                              void *arg);
/* Reads a document's text in windows; goes on after a reconnect. */
int gloss_fetch_text(struct gloss *g, const char *document, gloss_text_fn fn, void *arg);
int gloss_fetch_text_wait(struct gloss *g, const char *document, int timeout_ms, struct gl_text **text,
                          struct gloss_error *error);

/* Programs inside this source tree may include proto/model/text.h instead. */
void gloss_text_free(struct gl_text **text);
const char *gloss_text_bytes(const struct gl_text *text, size_t *bytes);
size_t gloss_text_length(const struct gl_text *text); /* code points */
/* The text between two positions (begin <= end <= length), lent and not NUL-terminated. */
const char *gloss_text_slice(const struct gl_text *text, size_t begin, size_t end, size_t *bytes);

struct gloss_import {
    size_t size;          /* sizeof(struct gloss_import): gloss_import_init sets it */
    const char *project;  /* its id */
    const char *title;    /* NULL: the text's first line that has words in it */
    const char *filename; /* may be NULL */
    const void *data;     /* the bytes: must stay there until the callback */
    size_t bytes;
    void (*progress)(size_t sent, size_t total, void *arg); /* may be NULL; arg is that of the callback */
    const json_t *meta; /* authors, date, tags ... (PROTOCOL.md, "Metadata"), for a text that is not there yet; NULL: none */
};
void gloss_import_init(struct gloss_import *import);
/* Exactly once. document is document_info, lent; existing: the project had these bytes already. */
typedef void (*gloss_import_fn)(struct gloss *g, json_t *document, bool existing, const struct gloss_error *error, void *arg);
/* Uploads a text: begin, chunks, commit; from the beginning again after a reconnect. The bytes are checked here first:
 * GLOSS_E_INVALID_UTF8 and GLOSS_E_CONTAINS_NUL (with the byte offset in gloss_last_error), GLOSS_E_TOO_LARGE once the server's
 * limit is known. */
int gloss_import(struct gloss *g, const struct gloss_import *import, gloss_import_fn fn, void *arg);
int gloss_import_wait(struct gloss *g, const struct gloss_import *import, int timeout_ms, json_t **document, bool *existing,
                      struct gloss_error *error);

const char *gloss_version(void); /* of the library */

#ifdef __cplusplus
}
#endif
#endif
