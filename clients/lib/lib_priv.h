/*
 * lib_priv.h - what the files of libgloss share: the client, its calls, its sessions, and who calls whom.
 *
 * Owns      struct gloss owns everything below it. A session that was left and a client that was freed inside a callback live on
 *           until gloss_process returns, or who waits or leaves (is_left, is_doomed, holds), so that whoever called the program back can still look; each loop
 *           around a callback asks lg_is_over().
 * Thread    one at a time.
 * Errors    numbers of enum gloss_code; proto's enum gl_code becomes one with gl_code_wire(). What must end the connection says
 *           lg_drop(): that is done by gloss_process once nothing else is on the stack.
 *
 * How a turn goes (gloss_process in client.c): run the transport, take its events (a message goes to the call it answers, or to
 * its session), look
 * at deadlines, then pump: join what is not joined, go on with jobs, send what waits.
 */
#ifndef LG_LIB_PRIV_H
#define LG_LIB_PRIV_H

#include "clients/lib/include/gloss.h"
#include "clients/lib/journal.h"
#include "clients/lib/transport.h"
#include "proto/gl_mutation.h"
#include "proto/gl_wire.h"
#include "proto/model/codebook.h"
#include "proto/model/state.h"

#define LG_NEVER            UINT64_MAX
#define LG_CALL_DEADLINE_MS 30000
#define LG_INTERNAL_MAX     8          /* "internal" so many times in a row for one question is believed */
#define LG_SEND_LOW         (1u << 20) /* below so many waiting bytes more is given to the transport */

/* ---- errors (error.c) */

void lg_error_set(struct gloss_error *error, int code, const char *fmt, ...) GL_PRINTF(3, 4); /* clears what was there */
void lg_error_take_gl(struct gloss_error *error, const struct gl_err *err);
void lg_error_take_json(struct gloss_error *error, json_t *wire); /* a JSON-RPC error object */
void lg_error_copy(struct gloss_error *to, const struct gloss_error *from);
bool lg_error_is_later(const struct gloss_error *error); /* the same may be asked again, later */
/* Fills in last_error and returns code. */
int lg_fail(struct gloss *g, int code, const char *fmt, ...) GL_PRINTF(3, 4);
int lg_fail_gl(struct gloss *g, const struct gl_err *err);
int lg_fail_nomem(struct gloss *g);

/* ---- calls: requests that have no answer yet (call.c) */

struct lg_call {
    struct lg_call *next;
    uint64_t id;
    bool is_sent;
    bool is_internal; /* when the connection goes it is forgotten: its owner starts anew by itself */
    uint64_t deadline_ms;
    gloss_answer_fn fn; /* NULL: nobody wants to know any more */
    void *arg;
    const void *owner; /* whose it is, for lg_calls_forget; NULL: the program's */
    char *message;     /* until it is sent */
    size_t len;
};

/* params is JSON text of an object. Internal calls are only made while signed in, but hello and what is said behind it. Errors: too large, no memory. */
int lg_call(struct gloss *g, const void *owner, const char *method, struct gl_slice params, int deadline_ms, gloss_answer_fn fn,
            void *arg);
/* Asks for the one op behind this seq; fn gets the session. False: it could not be asked. */
bool lg_call_log(struct gloss_session *session, uint64_t after, gloss_answer_fn fn);
void lg_calls_answer(struct gloss *g, const struct gl_envelope *envelope);
void lg_calls_send(struct gloss *g); /* those that wait, while there is room */
void lg_calls_timers(struct gloss *g, uint64_t now);
void lg_calls_down(struct gloss *g,
                   const struct gloss_error *error); /* the connection is gone: those that were sent have no answer */
void lg_calls_fail(struct gloss *g, const struct gloss_error *error); /* all of the program's */
void lg_calls_forget(struct gloss *g, const void *owner);             /* answers are not handed to owner any more */
bool lg_calls_wait(const struct gloss *g);                            /* something was sent and has no answer yet */
bool lg_calls_have(const struct gloss *g, const void *owner, gloss_answer_fn fn);

/* ---- names (names.c): the labels and members of a project, for all its sessions */

struct lg_names {
    struct lg_names *next;
    unsigned refs;
    struct gloss *g;
    char project[GLOSS_ID];
    struct gl_codebook *book;
    json_t *members;     /* account -> name */
    uint64_t version;    /* what is known of the project's stream */
    uint64_t asked;      /* a version of it that was asked for in vain */
    uint64_t stream_seq; /* of the last op that came on this connection; 0: none */
    bool is_loaded;      /* both were read on this connection (or cannot be) */
    bool is_reading_labels, is_reading_members, reads_labels_again, reads_members_again;
    uint64_t labels_at_ms, members_at_ms; /* a reading that the server has put off; 0: it was not */
    unsigned failures;                    /* of these, in a row */
    uint64_t hold_until_ms;               /* ops wait for a newer codebook; then it is asked for */
    struct gl_codebook *next_book;        /* being read */
    uint64_t next_version;
};
int lg_names_get(struct gloss *g, const char *project, struct lg_names **names);
void lg_names_unref(struct lg_names **names);
void lg_names_up(struct lg_names *names);                         /* a session of it was joined: read what is not known */
int lg_names_recall(struct lg_names *names, const json_t *saved); /* {"members","open","terms","version"} */
void lg_names_anew(struct lg_names *names);                       /* the project's stream may be another one */
void lg_names_down(struct gloss *g);
void lg_names_timers(struct gloss *g, uint64_t now);
void lg_names_on_ops(struct gloss *g, const json_t *params);
/* Whether everything that the op names is known; if not it is being fetched, and lg_sessions_run goes on when it is there. */
bool lg_names_know(struct lg_names *names, const json_t *payload);

/* ---- ops that have no answer yet (op.c: one op; submit.c: sent; answers.c: answered; pending.c: looked at; queue.c: on disk) */

enum lg_op_state {
    LG_OP_WAITING, /* to be sent */
    LG_OP_SENT,
    LG_OP_REFUSED, /* because of what others did: the program is asked what to do with it before anything else is sent */
    LG_OP_KEPT,    /* the program said: later */
    LG_OP_DONE     /* to be called back */
};

struct lg_view { /* a place in a log that was seen */
    bool is_there;
    uint64_t seq;
    gl_hash chain;
};

struct lg_op {
    struct lg_op *next;
    enum lg_op_state state;
    char id[GLOSS_ID];
    char base[GLOSS_ID];    /* the op that it builds on, or "" */
    uint64_t base_seq;      /* its base, when that is a number */
    struct lg_view view;    /* where the session was then (base.c) */
    bool is_base_known;     /* the server has the log of the view; only of those that an earlier run has left */
    char subject[GLOSS_ID]; /* the annotation that it changes or makes, or "" */
    bool is_create;
    char *request; /* its JSON text; NULL when done */
    size_t len;
    json_t *asked;     /* the same, parsed when somebody looks */
    uint64_t group;    /* of an atomic submit; 0: stands for itself */
    size_t group_left; /* ops of the group from here on, itself included */
    size_t index;
    unsigned failures; /* of the server, in a row */
    int64_t since_ms;  /* when it was asked for */
    bool is_on_disk;
    bool is_left_over; /* of an earlier run: there is no callback, but an event */
    bool is_own_known; /* one that is left over undoes nothing of the same person's that is newer */
    bool is_answered;  /* done, and will not be sent again: it leaves the disk */
    bool is_doubted;   /* its base may be of a log that is not there any more */
    char *original;    /* as it was before its base was lowered because of that; NULL: it was not */
    size_t original_len;
    gloss_result_fn fn;
    void *arg;
    struct gloss_error error; /* the last answer to it */
    /* when done */
    uint64_t seq;
    bool is_repeated;
    char annotation[GLOSS_ID];
};

/* One that was accepted, for as long as accepted.c remembers it. */
struct lg_accepted {
    struct lg_accepted *next;
    char id[GLOSS_ID], subject[GLOSS_ID];
    uint64_t seq;
    char *request;
    size_t len;
    uint64_t group;
    size_t index;
    int64_t since_ms, at_ms; /* asked for; accepted */
};

int64_t lg_time_ms(void); /* since 1970 */
/* asked is {"id"?, "base"?, "change"}; what is not given is filled in. list: ops asked for just before, not in the session yet. */
int lg_op_make(struct gloss_session *session, const json_t *asked, const struct lg_op *list, struct lg_op **out);
enum gl_code lg_op_read(const json_t *asked, struct lg_op **out); /* as it was written, "was" too; no session is asked */
void lg_op_swap_texts(struct lg_op *op, struct lg_op *other);     /* request and original */
void lg_op_free(struct lg_op *op);
void lg_ops_free(struct lg_op *list);
void lg_op_done(struct lg_op *op, const struct gloss_error *error);
const json_t *lg_op_asked(struct lg_op *op); /* NULL: out of memory */
/* What lg_op_renew has replaced, once more: the server has it like that. */
int lg_op_restore(struct gloss_session *session, struct lg_op *op);
/* Another base and change (NULL: the same) under the same id, on disk too. */
int lg_op_renew(struct gloss_session *session, struct lg_op *op, const json_t *base, const json_t *change);
struct lg_op *lg_op_find(const struct gloss_session *session, const char *id);
void lg_ops_group(struct gloss *g, struct lg_op *list, size_t count);      /* makes them one step */
bool lg_op_shares_step(const struct lg_op *op, const struct lg_op *other); /* itself included */

/* ---- sessions (session.c: joining and resuming; replica.c: ops; pages.c: the state in pages) */

enum lg_session_state { LG_AWAY, LG_JOINING, LG_JOINED, LG_FAILED };

struct lg_frame { /* one session.ops, not yet applied to its end */
    struct lg_frame *next;
    json_t *params;
    size_t at;
    bool is_log; /* an answer to session.log: it has no chain behind its last op */
};

struct gloss_session {
    struct gloss_session *next;
    struct gloss *g;
    char id[GLOSS_ID];
    gl_uuid uuid;
    void *data;
    enum gloss_from from;
    bool wants_replica, is_submit_only, wants_names, wants_archive;
    enum lg_session_state state;
    bool is_left;
    unsigned awaited;         /* by so many that wait: it stays until they have looked */
    struct gloss_error error; /* LG_FAILED */
    uint64_t join_not_before_ms;
    bool is_reading_log; /* what is archived, up to log_retained_from - 1 (archive.c) */
    uint64_t log_retained_from, log_not_before_ms;
    unsigned join_failures;

    char role[17], mode[17];
    json_t *document;
    struct lg_names *names;
    bool wants_names_first; /* ops waited for names when the last connection was lost: next time these come before */

    bool has_position; /* seq and chain are somewhere to continue from */
    bool was_joined;   /* JOINED was told before */
    uint64_t seq;
    gl_hash chain;
    struct gl_state *replica;
    bool is_blind; /* the log has an erased op: the replica is not all that there is */
    uint64_t head;

    bool is_synced;
    bool has_target; /* where the server stood when it was joined: checked on the way past */
    uint64_t target_seq;
    gl_hash target_chain, target_sum;
    bool has_sum; /* a state sum that the server told, and its seq */
    uint64_t sum_seq;
    gl_hash sum;
    uint64_t sum_due_ms; /* when to ask for one if none comes */

    struct lg_frame *frames, **frames_end;

    bool wants_around; /* gloss_page_around: not asked for yet */
    uint64_t around_begin, around_end;
    bool is_paging;
    bool is_out_of_order; /* what was made meanwhile stands before what came with later pages */
    uint64_t pages_as_of; /* the newest op that records of the replica may have already; they may be ahead of seq */
    uint64_t pages_next;  /* records that the sweep has brought; 0: none, or the server does not count them */
    bool says_from;       /* the next request has to tell where the sweep goes on */
    uint64_t page_not_before_ms;
    json_t *meanwhile; /* payloads of the ops that came while paging */

    struct lg_peer *peers;
    char own_peer[GLOSS_ID]; /* what the server calls us here, or "" */
    bool has_place;          /* gloss_presence_set was called */
    bool tells_place;        /* and the server was not told yet */
    struct gl_session_presence_params place;
    uint64_t place_not_before_ms;

    struct lg_op *ops, **ops_end;
    size_t unanswered;
    size_t kept;             /* ops that are LG_OP_KEPT */
    struct lg_op *looked_at; /* gloss_pending_at: the last one that was looked at, and its index */
    size_t looked_at_index;

    struct lg_accepted *accepted, **accepted_end; /* by seq */
    size_t accepted_count, accepted_bytes;
    uint64_t accepted_newest; /* the largest seq that was among them */
    bool has_forgotten;       /* some that were accepted before these */
    bool is_evicted;          /* of those that the journal has */
    struct lg_doubt {
        bool is_there;          /* it is not known whether they are in the server's log: nothing is sent before it is */
        bool has_chain;         /* the log here was at seq, with this chain */
        bool went_back;         /* it is not the same any more */
        bool is_searching;      /* those before low are there, those from high on are not */
        bool is_told;           /* what is lost is known; the bases of its past are still to be lowered */
        uint64_t seq, same_seq; /* same_seq: up to there the log is the same, as far as is known */
        gl_hash chain;
        size_t low, high, asked;
        uint64_t not_before_ms;
    } doubt;

    bool has_bases; /* perhaps of another log: nothing is sent before it is known */
    struct lg_view asked_view;
    uint64_t bases_not_before_ms;

    struct lg_own { /* the op that is looked at, and the change of one's own that stands against it */
        char op[GLOSS_ID], field[80];
        uint64_t first_seq, seq; /* the newest one of the field; the one that is asked about */
        uint64_t not_before_ms;
        unsigned failures; /* of that question, in a row */
    } own;

    bool no_queue;
    bool wants_cache;
    bool is_cached;      /* at cached_seq */
    bool is_unconfirmed; /* the replica is from the disk or an earlier connection, and the server has not confirmed it yet */
    uint64_t cached_seq;
    bool must_forget; /* words were erased: the journal is to be written anew */
    bool has_answers; /* some that the journal was not told of */
    uint64_t settle_not_before_ms;
    struct lg_journal *journal; /* of queue_dir, when it is open */
    char queue_account[GLOSS_ID];
    uint64_t compact_bytes; /* the journal is written anew when it is larger */
    uint64_t submit_not_before_ms;
    unsigned submit_failures;
};

void lg_session_up(struct gloss_session *session);       /* join: signed in, or */
void lg_session_up_early(struct gloss_session *session); /* behind hello, where that can be */
/* Hello was answered for another account than was known: what was joined behind it does not count. */
void lg_session_account_changed(struct gloss_session *session);
void lg_session_down(struct gloss_session *session);
void lg_session_pump(struct gloss_session *session, uint64_t now);
void lg_session_fail(struct gloss_session *session, const struct gloss_error *error);
void lg_session_fail_gl(struct gloss_session *session, const struct gl_err *err); /* GL_E_NOMEM: the connection goes instead */
void lg_session_read_anew(struct gloss_session *session, const struct gloss_error *why);
void lg_session_rejoin(struct gloss_session *session);
void lg_session_free(struct gloss_session *session);
struct gloss_session *lg_session_find(struct gloss *g, const gl_uuid *id);
void lg_session_on_notice(struct gloss *g, const json_t *params);
void lg_sessions_run(struct gloss *g); /* ops that waited for names */

/* archive.c */
bool lg_archive_wanted(const struct gloss_session *session, const struct gloss_error *error);
void lg_archive_pump(struct gloss_session *session); /* asks for the next part, or joins behind the last */

bool lg_replica_push(struct gloss_session *session, json_t *params, bool is_log); /* a frame; false: out of memory */
void lg_replica_on_ops(struct gloss *g, json_t *params);
void lg_replica_run(struct gloss_session *session);
void lg_replica_page(struct gloss_session *session);    /* asks for pages */
void lg_replica_around(struct gloss_session *session);  /* and before them for where the reader is */
void lg_replica_arrived(struct gloss_session *session); /* joined, or an op further: is it the target? Is everything there? */
void lg_replica_drop(struct gloss_session *session);    /* what belongs to the connection, and what was read in part */
void lg_replica_pause(
    struct gloss_session *session); /* the connection is gone: what was read in part is read on, on the next one */
bool lg_json_hash(const json_t *object, const char *name, gl_hash *hash);
void lg_hash_text(const gl_hash *hash, char hex[GLOSS_HASH]);

void lg_submit_pump(struct gloss_session *session, uint64_t now);
void lg_submit_down(struct gloss_session *session);
void lg_submit_fail(struct gloss_session *session, const struct gloss_error *error); /* everything unanswered gets it */
void lg_submit_free(struct gloss_session *session);

/* answers.c */
struct lg_batch { /* the ops of one message, while it has no answer; the session holds the ops themselves */
    struct gloss_session *session;
    size_t count;
    struct lg_op *ops[];
};
void lg_answers_take(struct gloss *g, json_t *result, const struct gloss_error *error, void *batch);      /* a gloss_answer_fn */
void lg_answers_refuse(struct gloss_session *session, struct lg_op *op, const struct gloss_error *error); /* with its step */
void lg_answers_call_back(struct gloss_session *session); /* what is done, in order */

/* pending.c */
void lg_pending_ask(struct gloss_session *session);  /* on_conflict for what was refused */
void lg_pending_hold(struct gloss_session *session); /* what builds on kept ops is kept, too */
void lg_pending_unshow(struct gloss_session *session, struct lg_op *op,
                       uint64_t same);                 /* what a refusal told of a log that is lost behind `same` */
bool lg_pending_forget(struct gloss_session *session); /* what was erased, where a refusal told it; true: something was there */

/* accepted.c: what was accepted is remembered for a while, since a database may go back in time */
void lg_accepted_add(struct gloss_session *session, struct lg_op *op);               /* takes its text; the newest */
void lg_accepted_put(struct gloss_session *session, struct lg_accepted *accepted);   /* as it is; what is too old goes */
struct lg_accepted *lg_accepted_take(struct gloss_session *session, const char *id); /* out of the list; NULL: not there */
struct lg_accepted *lg_accepted_of(struct lg_op *op, uint64_t seq, int64_t at_ms);   /* NULL: out of memory */
enum gl_code lg_accepted_op(const struct lg_accepted *accepted, struct lg_op **out);
/* Back among those without an answer, with its step; NULL: it is not there, or (code) could not be. */
struct lg_op *lg_accepted_recall(struct gloss_session *session, const char *id, enum gl_code *code);
void lg_ops_count(struct lg_op *list); /* group_left of ops that have their groups */
/* What was erased: the annotations that a redact names (NULL: none), and those whose record says so. True: something was there. */
bool lg_accepted_erase(struct gloss_session *session, const json_t *redact);
void lg_accepted_free(struct lg_accepted *accepted);
void lg_accepted_drop(struct gloss_session *session); /* all */

/* lost.c: whether it is still there */
void lg_lost_doubt(struct gloss_session *session, bool has_chain);  /* the server's log may be another one than that of here */
void lg_lost_joined(struct gloss_session *session, bool is_proven); /* proven: the server has the chain of here at session->seq */
void lg_lost_pump(struct gloss_session *session, uint64_t now);
/* A base of a past that is not there any more; false: it cannot be written now. */
bool lg_lost_lower(struct gloss_session *session, struct lg_op *op, uint64_t same);

/* base.c: of which log a base is */
void lg_base_see(const struct gloss_session *session,
                 struct lg_op *op); /* asked for, or made anew, in view of what the session shows */
void lg_base_keep(const struct gloss_session *session,
                  struct lg_op *op); /* and what its refusal told, unless it is not known of which log it is */
bool lg_base_is_same(const struct lg_view *a, const struct lg_view *b);
void lg_base_joined(struct gloss_session *session); /* to another log, perhaps */
void lg_base_pump(struct gloss_session *session, uint64_t now);

/* own.c: what an earlier run has left, and the same person's changes since. False: nothing is sent before it is known. */
bool lg_own_pump(struct gloss_session *session, uint64_t now);

/* queue.c: the ops on disk. Without queue_dir all of this does nothing. */
bool lg_queue_is_wanted(const struct gloss_session *session);
int lg_queue_open(struct gloss_session *session); /* the account must be known; loads what is there */
void lg_queue_close(struct gloss_session *session);
int lg_queue_put(struct gloss_session *session, struct lg_op *list); /* on disk when it returns 0 */
int lg_queue_renew(struct gloss_session *session, const struct lg_op *op);
void lg_queue_keep(struct gloss_session *session, const struct lg_op *op);
void lg_queue_settle(struct gloss_session *session);  /* what is answered leaves it; when that cannot be written, later */
void lg_queue_forget(struct gloss_session *session);  /* nothing stays on disk of ops that were answered; soon */
bool lg_queue_may_send_again(const struct lg_op *op); /* refused, and still on disk: nobody is told yet */
void lg_queue_remember(struct gloss *g);              /* whose the ops will be, for a start without a connection; and back: */
void lg_queue_recall(struct gloss *g);

/* presence.c: who is here */
struct lg_peer;
void lg_presence_on_people(struct gloss *g, const json_t *params);
void lg_presence_pump(struct gloss_session *session, uint64_t now);
void lg_presence_drop(struct gloss_session *session);

/* cache.c: the replica on disk */
int lg_cache_recall(struct gloss_session *session);          /* what is there and whole; the account must be known */
void lg_cache_keep(struct gloss_session *session, bool now); /* writes it if it has changed (now: if only a little) */
void lg_cache_drop(struct gloss_session *session);           /* throws it away */

/* ---- jobs (text.c, import.c): several calls that make one */

struct lg_job;
struct lg_job_class {
    void (*up)(struct lg_job *job);                                   /* signed in, or time to try again: go on */
    void (*down)(struct lg_job *job);                                 /* the connection is gone; answers will not come */
    void (*end)(struct lg_job *job, const struct gloss_error *error); /* calls back */
    void (*free)(struct lg_job *job);
};
struct lg_job {
    const struct lg_job_class *class;
    struct lg_job *next;
    struct gloss *g;
    bool is_over;
    bool is_running;
    unsigned failures;
    uint64_t not_before_ms;
};
void lg_job_add(struct gloss *g, struct lg_job *job);
void lg_job_end(struct lg_job *job, const struct gloss_error *error);     /* NULL: it is done */
void lg_job_trouble(struct lg_job *job, const struct gloss_error *error); /* tries again later if that helps, else ends */
void lg_jobs_pump(struct gloss *g, uint64_t now);
void lg_jobs_down(struct gloss *g);
void lg_jobs_fail(struct gloss *g, const struct gloss_error *error);
void lg_jobs_reap(struct gloss *g);
void lg_import_cancel(struct gloss *g, const void *arg); /* the import that calls back with arg: its bytes go now */

/* ---- the client (client.c: its life and its turns; connection.c: its connection) */

enum lg_client_state { LG_IDLE, LG_WAITING, LG_CONNECTING, LG_GREETING, LG_READY, LG_STOPPED };

struct gloss {
    enum lg_client_state state;
    struct lg_transport *transport;
    char *url, *token, *account, *password, *client, *queue_dir, *traceparent; /* the last two: NULL for none */
    gloss_event_fn on_event;
    gloss_conflict_fn on_conflict;
    void *arg;
    int connect_timeout_ms, silence_timeout_ms;
    bool once;
    bool is_inside;                    /* gloss_process is on the stack */
    unsigned holds;                    /* lg_hold */
    bool is_doomed;                    /* gloss_free was called while it was inside or held */
    bool is_moving;                    /* the server said that it is going: nothing more is sent on this connection */
    uint64_t moving_ms, move_after_ms; /* since when, and how long after the end a new connection may begin */
    bool is_due;                       /* something was asked for outside it */
    uint64_t wake_ms;

    unsigned failures; /* to connect, in a row */
    bool was_ready;    /* ever */
    uint64_t ready_ms, retry_ms, ping_ms;
    uint64_t random;
    bool drops; /* lg_drop was called */
    struct gloss_error drop_error, complaint, last_error, final_error;

    json_t *hello;
    struct gl_limits limits;
    char account_id[GLOSS_ID], account_name[257];
    char known_account[GLOSS_ID]; /* what queue_dir remembers */
    size_t ops_in_flight;
    uint64_t next_call, next_group;
    struct lg_call *calls, **calls_end;
    struct gloss_session *sessions;
    struct lg_names *names;
    struct lg_job *jobs;
    struct gl_arena arena; /* for reading one message */
};

/* connection.c */
void lg_connection_begin(struct gloss *g);
void lg_connection_event(struct gloss *g, const struct lg_transport_event *event);
void lg_connection_look_moved(struct gloss *g, uint64_t now);
void lg_connection_check(struct gloss *g); /* ends it if lg_drop was called */

/* client.c */
bool lg_is_over(const struct gloss *g); /* no more callbacks: it was freed */
/* What a callback frees stays until everybody who waits or leaves around it has let it go. */
void lg_hold(struct gloss *g);
void lg_let_go(struct gloss *g);
bool lg_is_ready(const struct gloss *g);
void lg_emit(struct gloss *g, const struct gloss_event *event);
/* The connection is of no use any more; it ends and comes back. data.reason says why in one word. */
void lg_drop(struct gloss *g, int code, const char *reason, const char *fmt, ...) GL_PRINTF(4, 5);
void lg_drop_nomem(struct gloss *g);
void lg_progress(struct gloss *g); /* the connection does what it is for: the next loss is the first in a row */
void lg_wake_at(struct gloss *g, uint64_t ms);
/* Exponential, with jitter: between half of and all of first_ms * 2^failures, at most cap_ms. */
uint64_t lg_backoff(struct gloss *g, unsigned failures, uint64_t first_ms, uint64_t cap_ms);
/* The same for something that the server asked to be sent again: not before it said. */
uint64_t lg_retry_delay(struct gloss *g, const struct gloss_error *error, unsigned failures);

#endif
