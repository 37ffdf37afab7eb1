/*
 * core_priv.h - what the files of core share; nobody else includes it (auth and http see handler.h, net sees peer.h).
 *
 * Owns      core owns peers, sessions and projects. A session is used by subscriptions and by work in flight (uses); with none for idle_session_ms
 *           it leaves memory. A peer lives until its link is closed and its last request was answered.
 * Thread    the loop thread.
 */
#ifndef CORE_PRIV_H
#define CORE_PRIV_H

#include <sys/queue.h>

#include "proto/gl_mutation.h"
#include "service/base/clock.h"
#include "service/base/log.h"
#include "service/base/map.h"
#include "service/base/mem.h"
#include "service/base/metrics.h"
#include "service/core/core.h"
#include "service/core/handler.h"
#include "service/core/judge.h"
#include "service/core/peer.h"
#include "service/core/project_judge.h"
#include "service/core/quota.h"

struct session;
struct project;
struct sign_ins;
struct refresh;
struct hold;

struct share {               /* share.c */
    gl_uuid asked_by;        /* the session that an op came for last */
    bool was_asked;          /* ever */
    uint64_t asked_ms;       /* when that was */
    uint64_t others_ms;      /* when one came for any other */
    bool has_others;         /* one did */
    size_t with_more;        /* sessions that have more waiting than they could bring into the append that is being built; */
    size_t with_more_before; /* and into the one before */
    uint64_t append_ms;      /* how long the last took */
};
struct core {
    struct loop *loop;
    struct store *store;
    struct core_limits limits;
    struct core_helpers helpers;
    char *server_name;
    const struct settings *settings; /* for administrators; NULL: none are told */
    size_t askings;                  /* administer_ask.c: questions to all workers that have no answer yet */
    struct peer *peers;
    LIST_HEAD(, request) requests; /* that have no answer yet */
    struct map sessions;           /* id -> struct session */
    struct map projects;           /* id -> struct project */
    struct loop_timer *sweep;
    struct loop_timer *poll;
    struct group *groups;       /* the appends in flight, of streams that are in no other */
    struct hold *hold;          /* the stream that is appended to under its lock; NULL: none is */
    TAILQ_HEAD(, session) busy; /* sessions that may have something for the next group, in the order of their turn */
    size_t busy_count;
    size_t alone_at; /* where in projects the next of those is looked for that are appended to by themselves */
    struct share share;
    struct quotas *quotas;    /* quota.c */
    struct loop_timer *merge; /* of presence: runs while somebody's place has changed */
    size_t merge_at;          /* where in sessions the next saying begins, likewise */
    bool is_merging;
    struct loop_timer *retry; /* of the writer, after a locked row or a store that is down */
    bool writer_is_scheduled;
    unsigned failures; /* of appends, one after the other, with nothing that went through between them */
    uint64_t write_not_before_ms;
    uint64_t compared, comparing;      /* compare.c: store_generation() when memory was compared last, or is being */
    struct project *lost_projects;     /* of a log that is not there any more: gone when nobody uses them */
    bool poll_is_in_flight, must_poll; /* must_poll: something moved after the poll in flight was asked */
    struct loop_timer *move;           /* runs from core_move on */
    uint64_t move_until_ms;
    void (*moved)(void *); /* NULL: everybody was told */
    void *moved_ctx;
    bool is_draining, is_drain_over;
    void (*drained)(void *);
    void *drained_ctx;
    struct sign_ins *sign_ins;
    size_t upload_bytes;
    size_t revoked_in_flight;  /* questions after revoked tokens and disabled accounts */
    gl_uuid *revoked_asked[2]; /* what is asked: accounts, tokens; owned here, since the store may end first */
    struct core_counts counts;
};

/* ---- peers: peer.c */

struct outgoing {
    struct outgoing *next;
    struct frame *frame;
};
struct upload;
struct peer {
    struct core *core;
    struct peer *prev, *next;
    struct peer_link link;
    bool is_closed;  /* the link is gone */
    bool is_moving;  /* was told to connect elsewhere: asks nothing more, and ends when all that it asked is answered */
    bool is_closing; /* link.close was called: nothing more is written */
    bool is_signed_in, is_signing_in, is_admin;
    gl_uuid account, token;
    bool has_token;
    char *account_name; /* NULL before hello */
    char *client;       /* what it said that it is, or NULL */
    gl_uuid id;         /* connections.c: how administrators name it; nil until one has asked */
    uint64_t since_ms;  /* connected */
    size_t requests_in_flight, bytes_in_flight, ops_in_flight;
    size_t ops_most; /* as its hello was told: no request that fits is too large, whatever the setting has become since */
    size_t refs;     /* requests in flight, and one for the link */
    struct outgoing *outbox, **outbox_tail;
    struct subscription *subscriptions;
    size_t subscription_count;
    struct request *joins;                 /* session.join that have no answer yet */
    TAILQ_HEAD(, request) in_order;        /* session.submit whose role is asked for, as they came */
    struct request *behind, **behind_tail; /* behind.c: what came behind hello, as it came */
    size_t behind_bytes;
    struct upload *upload;                  /* upload.c */
    struct submit *submits, **submits_tail; /* not answered yet, as they came */
    gl_uuid *refused;                       /* ring of the ids of ops that were refused on this connection */
    size_t refused_at;
};
#define REFUSED_KEPT     1024
#define RETRY_AFTER_MS   1000 /* said to clients when nothing better is known */
#define PROJECT_RECENT   64
#define PROJECT_KNOWN    4096 /* op ids in memory */
#define PAGES_IN_FLIGHT  16
#define READ_BACK_OFF_MS 50 /* when the store could not be read */
#define UPLOAD_IDLE_MS   60000
#define CHUNK_BYTES      (128 * 1024)

void peer_send(struct peer *peer, struct frame **frame); /* takes the frame */
void peer_pump(struct peer *peer);
void peer_pump_later(struct peer *peer); /* in the next turn, so that the caller's lists stay as they are */
void peer_end(struct peer *peer, unsigned code, const char *reason);
void peer_move(struct peer *peer, uint64_t retry_after_ms); /* tells it to connect elsewhere */
void peer_look_moved(struct peer *peer);                    /* ends it when that is due */
void peer_end_moved(struct peer *peer);                     /* ends it as one that shall connect again */
void peer_ref(struct peer *peer);
void peer_unref(struct peer *peer);
void peer_remember_refused(struct peer *peer, const gl_uuid *op);
bool peer_has_refused(const struct peer *peer, const gl_uuid *op);
void send_session_notice(struct peer *peer, const struct gl_session_notice_notice *notice);
void upload_free(struct upload **upload);
void upload_sweep(struct peer *peer, uint64_t now_ms);

void revoked_look(struct core *core);

/* ---- requests: request.c has the public half in handler.h */

/* At the core's end, of those who are gone: what the store still has of them it does not bring any more (store.h). */
void requests_drop(struct core *core);
/* May it? Answers it, now or later. */
void request_admit(struct request *request);
/* Without an answer where it has none: its peer is gone. */
void request_free(struct request *request);
/* The joins of this session that have no answer yet are not wanted any more; false: there are none. */
bool request_supersede_joins(struct peer *peer, const gl_uuid *session);

/* ---- what comes behind hello before it is answered: behind.c */

struct opened { /* what the store says of a session */
    enum gl_code code;
    const struct store_session *session; /* NULL unless GL_OK */
};
/* True: the request waits until hello has its answer. */
bool behind_keep(struct request *request);
/* Is the first that waits a session.join? The session that it names. */
bool behind_session(const struct peer *peer, gl_uuid *session);
/* Hello has its answer, whichever: what waited is admitted, in its order. opened: of the session of the first; NULL: the store was not asked. */
void behind_admit(struct peer *peer, const struct opened *opened);
void behind_drop(struct peer *peer); /* its peer is gone */

/* ---- sessions: session.c, deliver.c, submit.c */

struct recent_op {
    uint64_t seq;
    gl_hash chain, sum;
    bool has_sum; /* ops that were read from the log below the head have none */
    gl_uuid id, account;
    gl_hash request_hash;
    struct gl_slice logged; /* {"payload":…,"salt":"…"}, owned */
};
struct known_op { /* what an op id stands for */
    uint64_t seq;
    gl_uuid account;
    gl_hash request_hash;
    gl_uuid annotation;
    bool has_annotation;
};
/* The newest op ids of a stream. */
struct known_ops {
    struct map by_id;
    gl_uuid *order; /* ring, oldest first */
    size_t cap, at, count;
};
void known_init(struct known_ops *known, size_t cap);
void known_fini(struct known_ops *known);
void known_put(struct known_ops *known, const gl_uuid *op, const struct known_op *what);

/* A page that was asked for around a place in the text: the request's user. NULL there: the next page of the sweep. */
struct page_range {
    uint64_t begin_cp, end_cp;
};

struct subscription {
    struct subscription *next_of_peer, *prev_of_session, *next_of_session;
    struct peer *peer;
    struct session *session;
    enum gl_role role;
    bool is_live, is_behind;
    struct subscription **reading; /* while the store is asked: where the answer will look for us */
    uint64_t cursor;               /* the last seq that was sent */
    gl_hash cursor_chain;          /* after it */
    uint64_t project_cursor;
    struct person *person;   /* presence: where the peer said it is, or NULL */
    gl_uuid stay;            /* how the others know it; zero until it is needed */
    bool lacks_people;       /* presence: a notice was left out, or none was sent yet */
    unsigned presence_count; /* in the second that began at presence_since_ms */
    uint64_t presence_since_ms;
    size_t page_at; /* index of the next record to page */
    struct request *pages, **pages_tail;
    size_t page_count;
};
struct submit;
struct waiting_op { /* an op that has no outcome yet */
    struct waiting_op *next;
    struct submit *submit; /* NULL once it was answered otherwise */
    struct session *session;
    size_t index; /* in the submit */
    gl_uuid id, account;
    enum gl_role role;
    const json_t *base, *change; /* kept by the reference to root */
    json_t *root;
    gl_hash request_hash;
    uint64_t since_ms;
    bool is_atomic, is_step;
    uint64_t new_as_of; /* the log was asked when it ended here, plus one: it is not there; 0: not asked */
    unsigned lookups, recounts;
    struct judge_far far;      /* ends.c */
    struct judge_words *words; /* words.c, owned */
    struct gl_buf canonical;   /* the request, as its hash was made */
    struct gl_slice intent;    /* in it, as the payload has it; empty: it must be written anew */
    gl_uuid step;              /* the first op of an atomic request */
};
enum session_phase { SESSION_LOADING, SESSION_READY, SESSION_FAILED };
struct session {
    struct core *core;
    gl_uuid id;
    TAILQ_ENTRY(session) of_busy; /* while is_busy */
    bool is_busy;
    enum session_phase phase;
    size_t uses;
    uint64_t idle_since_ms;
    gl_uuid charged;   /* memory.c: the account on whose behalf it is here */
    uint64_t expected; /* annotations that it was said to have, until they are there */
    struct project *project;
    struct gl_document_info document; /* strings owned by document_text */
    char *document_text;
    struct gl_text *text;
    struct gl_state *state;
    int64_t last_at_ms;
    uint64_t codebook;        /* of the newest op: no later one may name an older version */
    uint64_t retained_from;   /* as it was known last; it only grows */
    uint64_t erased_to;       /* the newest op that lost its words: what lies below cannot be gone on from */
    struct recent_op *recent; /* ring, recent_at is the oldest */
    size_t recent_cap, recent_at, recent_count, recent_bytes;
    gl_hash recent_chain; /* before the oldest; when the ring is empty: the chain at the head */
    struct map known;     /* op id -> struct known_op */
    gl_uuid *known_order; /* ring of the ids in known, oldest first */
    size_t known_cap, known_at, known_count;
    struct waiting_op *waiting, **waiting_tail;
    struct part *ahead;          /* ahead.c: those that were judged upon what is in flight; only while something is */
    struct waiting_op *aside;    /* words.c: those that the others do not wait for */
    struct words_asking *asking; /* for one of them */
    bool must_count; /* an op of it is refused unless a new count of the project's annotations says otherwise (quota_stored.c) */
    bool is_in_flight, is_catching_up, is_looking_up;
    bool must_prove,
        is_proving; /* rows of its project were repaired: nothing is judged until the sum in the database was seen again; it is being read */
    uint64_t heard;       /* another worker told of this head while we were busy; 0: of none */
    gl_uuid tail_account; /* who asks, while it is read or catching up */
    uint64_t reads;       /* of the log's tail that have begun */
    unsigned fences_lost; /* in a row */
    bool is_held;         /* hold.c appends, nobody else */
    bool has_waited;      /* its last append stood at a stranger's lock: the next one goes by itself */
    uint64_t not_before_ms;
    struct subscription *subscriptions;
    size_t subscription_count;
    struct map people;                    /* presence: stay -> struct person */
    size_t say_at;                        /* presence: where in people the next saying to other workers begins */
    bool has_moved, must_ask;             /* presence: somebody has; the other workers must be asked who is there */
    struct session_waiter *waiters;       /* for the state to be loaded */
    struct loading *loading;              /* a state that is being taken in */
    struct session_waiter *catch_waiters; /* for the log's tail */
};
typedef void (*session_fn)(void *ctx, enum gl_code code, struct session *session);

/* Waits for a session: to be loaded, or to know what its log has. */
struct session_waiter {
    struct session_waiter *next;
    session_fn fn;
    void *ctx;
    gl_uuid account; /* who asked */
    uint64_t since_ms;
    uint64_t read; /* of the log's tail: the first one that began after this was asked */
};
/* Calls back with the session in memory, or with code where there is no room for it: within this call, unless it has to be read. The caller holds a use
 * until session_release. */
void session_acquire(struct core *core, const gl_uuid *account, const struct store_session *from, session_fn fn, void *ctx);
void session_release(struct session *session);
void session_free(struct session *session);
bool session_is_idle(const struct session *session); /* nobody uses it, and nothing of it is under way */
void session_unload(struct session *session);        /* an idle one */
void session_went_back(struct session *session);     /* its log is not there any more: everybody joins anew */
void session_sweep(struct core *core, uint64_t now_ms);
/* Reads the log's tail until the head is reached; then the writer goes on. */
void session_catch_up(struct session *session);
void session_must_prove(
    struct session *session); /* rows were repaired: the sum in the database tells whether what is held is right */
/* Another worker told that the log has reached this head. 0: only looks again at what was heard while the session was busy. */
void session_heard(struct session *session, uint64_t head);
/* Calls back once memory has what the log has now; code says when the store could not be asked. The caller holds a use of its own. */
void session_refresh(struct session *session, const gl_uuid *account, session_fn fn, void *ctx);
void session_refresh_if_free(struct session *session);
void session_set_busy(
    struct session
        *session); /* an op waits, or is judged ahead, or somebody waits for a reading: the writer looks at it (writer.c) */
void session_unset_busy(struct session *session);                 /* it goes */
void session_expire(struct session *session, uint64_t before_ms); /* whoever has waited for that too long */
struct subscription *subscription_find(const struct peer *peer, const gl_uuid *session);
struct subscription *subscription_new(struct peer *peer, struct session *session, enum gl_role role);
/* Answers that came after an op which it has not been sent go out now (submit_flush); after subscription_end the caller sees to that. */
void subscription_free(struct subscription *subscription);
void subscription_end(struct subscription *subscription);
const gl_uuid *ahead_any_account(const struct session *session);   /* of those who asked for what is judged ahead; NULL: nobody */
const gl_uuid *session_any_account(const struct session *session); /* somebody who may read it, or NULL */

void session_remember_op(struct session *session, const gl_uuid *op, const struct known_op *known);
const struct known_op *session_known_op(const struct session *session, const gl_uuid *op);
void session_forget_recent(struct session *session);
void session_push_recent(struct session *session, const struct recent_op *op); /* takes logged */
void session_take_stamp(struct session *session, const json_t *logged);        /* of this op, as it is sent */
void session_take_newest_stamp(struct session *session); /* the time and the codebook that the next op must not fall behind */
/* These ops (seqs) have lost their words: memory forgets them, and who has not had them yet joins anew. */
void session_erase(struct session *session, const json_t *seqs);
/* Tells its peer when it is another one, and frees it when there is none any more. */
void subscription_set_role(struct subscription *subscription, enum gl_role role);
void subscription_rejoin(struct subscription *subscription); /* tells its peer to, and frees it */
const struct recent_op *session_recent_find(const struct session *session, uint64_t seq);

/* memory.c: how many sessions there may be in memory. */
/* For one more, which it asks for. GL_E_LIMIT: it has its share; GL_E_BUSY: the worker is full. */
enum gl_code memory_make_room(struct core *core, const gl_uuid *account, const struct store_session *wanted) GL_MUST_USE;
void memory_joined_or_left(struct session *session);            /* its subscriptions are others now */
void memory_refuse(struct request *request, enum gl_code code); /* answers what session_acquire said */

/* deliver.c: from the recent ops, or from the store, to everybody subscribed. */
void deliver_live(struct session *session, uint64_t from_seq); /* to all whose cursor is at from_seq - 1 and who have room */
bool deliver_pump(
    struct subscription *subscription); /* what one subscriber lacks; false: the socket is full or the store is asked */
void deliver_pages(struct subscription *subscription);
struct gl_slice logged_op(const struct store_tail_op *op); /* owned bytes */
struct frame *ops_frame(const char *method, const char *scope, const gl_uuid *id, uint64_t first, const gl_hash *chain,
                        const gl_hash *sum, const struct gl_slice *logged, size_t count);
bool peer_has_room(const struct peer *peer);

/* presence.c: who is where. */
void presence_heard(void *core, const gl_uuid *worker, struct gl_slice bytes); /* what another worker said */
void presence_merge(void *core);                                               /* the timer: tells what has changed since */
void presence_enter(struct subscription *subscription);
void presence_leave(struct subscription *subscription);
void presence_pump(struct subscription *subscription); /* there is room: everybody, if it lacks them */
void presence_sweep(struct core *core, uint64_t now_ms);
void presence_free(struct session *session);

/* submit.c: from the request to the waiting ops, and from their outcomes to the answer. */
struct op_outcome {
    enum gl_code code;
    struct gl_err err;
    json_t *data; /* taken */
    uint64_t seq;
    bool is_repeated;
    bool has_annotation, has_made;
    gl_uuid annotation, made;
};
void outcome_note(struct request *request, const gl_uuid *id,
                  const struct op_outcome *outcome); /* counts it; a refusal is remembered */
/* Answers a request for ops: one op_result each. Takes the outcomes' data; the ops are in flight no more. */
void outcomes_send(struct request *request, const gl_uuid *ids, struct op_outcome *outcomes, size_t count);
bool submit_is_too_large(struct request *request); /* and so answered: more ops than its hello was told that one may send */
bool submit_has_room(struct request *request, size_t count);           /* answers the request when there is none */
void submit_settle(struct waiting_op *op, struct op_outcome *outcome); /* the op is free to be freed */
void submit_flush(struct peer *peer, const gl_uuid *session); /* answers what can be: in order, and behind the ops themselves */
bool submit_is_awaited(const struct submit *submit);          /* somebody is there to be told */
bool submit_has_refused(const struct submit *submit, const gl_uuid *op); /* on the same connection */
void waiting_op_free(struct waiting_op **op);
void words_take_back(struct session *session); /* ops that stand aside wait again, before all others */
void words_forget(struct session *session);    /* it goes, and nothing is asked any more */

/* ---- projects: project.c */

struct project_op { /* an op of a project's stream that waits */
    struct project_op *next;
    gl_uuid id, account;
    enum gl_role asker_role; /* of account, when the project had asker_epoch; kept up to date while the op waits */
    uint64_t asker_epoch;    /* 0: the role was judged in memory */
    json_t *base, *change;   /* owned; base may be NULL */
    gl_hash request_hash;
    bool is_wanted, is_quiet;               /* project_judge.h */
    bool is_of_client;                      /* its id may have come before: the log is asked before it is refused */
    const struct append_document *document; /* document.create; lent until end */
    struct peer *peer;                      /* whose refused ops a base may name; lent until done, may be NULL */
    void (*done)(void *ctx,
                 struct op_outcome *outcome); /* may be NULL; what it does not take of outcome->data is freed behind it */
    void (*end)(void *ctx);                   /* the op is freed, maybe long after done; may be NULL */
    void *ctx;
    bool is_answered; /* when the store took too long; its append may still be under way */
    uint64_t since_ms;
    uint64_t new_as_of; /* as in struct waiting_op */
    unsigned lookups;
    uint64_t facts_as_of;           /* the head at which facts held, plus one; 0: not looked up */
    struct project_facts facts;     /* owns meta */
    struct project_verdict verdict; /* once it was accepted */
};
/* How many annotations a project has, while it is limited: quota_stored.c. */
struct stored {
    bool is_known, must_count, is_asking;
    bool is_clean, was_clean; /* no append of this worker was under way when it was counted, or asked */
    int64_t count;            /* in the database */
    uint64_t counted_ms, asked_ms, must_since_ms;
    int64_t grown, grown_when_asked; /* by what has committed here since it was asked */
    int64_t in_flight;               /* by what would commit */
    size_t parts;                    /* appends of its sessions that are in flight */
};
struct project {
    struct core *core;
    gl_uuid id;
    bool is_ready, is_loading, is_in_flight, is_looking;
    gl_uuid load_account; /* whom it is read for, the first time */
    bool is_asking;       /* something about the first op that waits is being looked up (project_look.c) */
    char *name;           /* owned */
    struct gl_slice name_slice;
    uint64_t heard; /* as in a session */
    size_t uses;
    uint64_t head, epoch, codebook;
    gl_hash chain;
    uint64_t asked; /* its head when the database was asked last where all streams stand */
    bool is_lost;   /* the database has another log than this one */
    struct project *next_lost;
    bool is_open, others_may_edit;
    uint64_t repaired; /* store.h, struct store_project */
    int64_t last_at_ms;
    struct gl_codebook *terms;
    struct known_ops known;
    struct map wanted; /* id derived from kind and name, of terms asked for and not there yet -> the project itself */
    struct project_op *waiting, **waiting_tail;
    uint64_t not_before_ms, idle_since_ms;
    unsigned fences_lost; /* in a row */
    bool is_held;         /* as in a session */
    uint64_t in_flight_since_ms, roles_asked_ms;
    struct refresh *refreshes;            /* project_roles.c */
    size_t refreshing;                    /* roles being read anew; until then nothing of the project is judged */
    bool member_was_set;                  /* in the append that is being settled: then all roles are asked for */
    bool must_refresh;                    /* some could not be read: likewise */
    struct frame *recent[PROJECT_RECENT]; /* project.ops, one a group: at [n % PROJECT_RECENT] */
    uint64_t recent_first[PROJECT_RECENT], recent_last[PROJECT_RECENT];
    uint64_t told;      /* the last op that became a frame in recent; that of the first load, when none did */
    gl_hash told_chain; /* after it */
    size_t recent_count;
    struct project_waiter *waiters;
    struct stored stored;
};
typedef void (*project_fn)(void *ctx, enum gl_code code, struct project *project);
void project_acquire(struct core *core, const gl_uuid *account, const gl_uuid *id, project_fn fn, void *ctx);
void project_release(struct project *project);
void project_free(struct project *project);
void project_refuse_waiters(struct project *project); /* the worker ends */
/* Makes the label or type of relation, unless that is under way. */
void project_want_term(struct project *project, const gl_uuid *account, enum gl_term_kind kind, struct gl_slice name);
void project_not_wanted(struct project *project, const struct project_op *op); /* it is there, or will not be */
/* Takes base, change and facts; id, account and change must be set. */
void project_enqueue(struct project *project, const struct project_op *op);
void project_set_name(struct project *project, struct gl_slice name);
/* project_look.c: what the first op that waits needs to know, asked of the store. True: under way, and nothing of the project is judged until it is there. */
bool project_must_ask(struct project *project, struct project_op *op); /* facts, before it is judged */
bool project_must_look_up(struct project *project, struct project_op *op,
                          const struct op_outcome *refusal); /* the log, before it is refused */
void project_remember(struct project *project, const struct store_tail_op *op);
void project_reload(struct project *project); /* the log moved, or the epoch: read what is new, refresh roles, tell subscribers */
void project_heard(struct project *project, uint64_t head); /* as session_heard() */
void project_look(
    struct project *project); /* did the log or the epoch move? Until that is known nothing of the project is judged */
void project_refresh_roles(
    struct project *project); /* of everybody who has joined a session of it, or whose op waits or is in flight */
void project_refresh_account(struct project *project, const gl_uuid *account);
void project_push_recent(struct project *project, uint64_t first, const gl_hash *chain, const struct gl_slice *logged,
                         size_t count);
void project_deliver_all(struct project *project);
void project_deliver(struct subscription *subscription); /* project.ops that its peer lacks */
/* Whether its peer has been told of the project as far as this version of the codebook, now if not before; else there is no room, and what names it waits. */
bool project_is_told(struct subscription *subscription, uint64_t version);
uint64_t project_cursor(const struct peer *peer,
                        const struct project *project); /* the last op that the peer was told, over whichever session */
void project_sweep(struct core *core, uint64_t now_ms);
void project_op_free(struct project_op **op);
/* Answers and frees. */
void project_op_done(struct project *project, struct project_op *op, struct op_outcome *outcome);
void project_op_fail(struct project *project, struct project_op *op, enum gl_code code);
/* Only answers: its append is under way, and nobody knows. */
void project_op_answer(struct project_op *op, enum gl_code code);
void project_expire(struct project *project, uint64_t before_ms); /* whatever waits since then */

/* ---- is memory what the database has: compare.c */
void compare_now(struct core *core);     /* asks where all streams stand */
bool compare_is_done(struct core *core); /* since the connection to append on was made; false: it is under way */
void compare_sweep(struct core *core);
void project_went_back(struct project *project); /* its log is not there any more */

/* ---- a stream whose fence was lost again and again: hold.c */
void hold_session(struct session *session);
void hold_project(struct project *project);
void hold_kick(struct core *core); /* something that it may wait for has happened */
void hold_free(struct core *core);

/* May ops of this kind be written? Not while a server that lives would not understand them. */
enum gl_code core_check_kind(const struct core *core, enum gl_op_kind kind, struct gl_err *err);

/* ---- the writer: writer.c */
void writer_kick(struct core *core);
void writer_kick_from_timer(void *core);
/* Every op of the project and its sessions that has no outcome yet: those that wait, and those in flight, which may come back. */
void writer_each_op(const struct project *project, void (*fn)(void *ctx, struct waiting_op *op),
                    void (*fn_of_project)(void *ctx, struct project_op *op), void *ctx);
void writer_expire_all(struct core *core);              /* whatever waits */
void writer_expire(struct core *core, uint64_t now_ms); /* answers what has waited for the store too long */
void writer_free(struct core *core);                    /* gives back what is in flight */
void core_look_drained(struct core *core);
void core_look_drained_later(struct core *core);                 /* in a turn of its own */
int64_t core_stream_time(struct core *core, int64_t last_at_ms); /* max(last, database time as we estimate it) */

#endif
