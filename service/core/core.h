/*
 * core.h - everything that one worker knows: its peers, the sessions and projects in memory, and what waits to be appended.
 *
 * Owns      all of that. The store, the loop and the helpers are lent.
 * Lifetime  core_new / core_free (after every peer was closed).
 * Thread    the loop thread. Nothing here blocks or takes longer than a few milliseconds.
 * Errors    none comes back: what goes wrong is answered to whoever asked, or logged.
 */
#ifndef CORE_H
#define CORE_H

#include "service/base/loop.h"
#include "service/base/quotas.h"
#include "service/store/store.h"

struct core;

struct core_limits {
    size_t frame_bytes;        /* largest message */
    size_t ops_in_flight;      /* per connection */
    size_t requests_in_flight; /* per connection */
    size_t bytes_in_flight;    /* of those requests */
    size_t document_bytes;
    size_t uploads_bytes;  /* all uploads of this worker together */
    size_t append_max_ops; /* in one statement */
    size_t
        words_page; /* ops of a log that are read at once, to find somebody's words; 0: as many as is right. No setting: a test reads less */
    size_t ahead_ops;  /* so many of a session must wait to be judged ahead; 0: as many as pays. No setting: a test has fewer */
    size_t recent_ops; /* kept per session for catching up */
    size_t recent_bytes;
    size_t sessions;              /* joined by one connection */
    size_t sessions_bytes;        /* all sessions in memory; 0: any */
    uint64_t hello_ms;            /* to sign in */
    uint64_t audit_sign_ins;      /* rows of them that audit keeps; 0: none are noted */
    uint64_t stall_ms;            /* without reading anything */
    uint64_t append_ms;           /* until a waiting op is answered store_down or unknown_outcome */
    uint64_t spread_ms;           /* within which those who are all told at once to connect again should do so */
    uint64_t idle_session_ms;     /* until a session that nobody uses leaves memory */
    uint64_t quotas[QUOTA_COUNT]; /* of whom nothing else was said; 0: as much as there is */
};

/* Work that is slow or asks the outside is done by somebody else: helper processes. Each calls back once, later. */
struct core_helpers {
    void *ctx;
    /* Is this the password behind stored (the text in the account's row)? stored empty: spends the same time and says no. */
    void (*check_password)(void *ctx, struct gl_slice stored, struct gl_slice password, void (*fn)(void *, enum gl_code, bool),
                           void *arg);
    /* What to store for password: valid until fn returns, empty unless GL_OK. */
    void (*hash_password)(void *ctx, struct gl_slice password, void (*fn)(void *, enum gl_code, struct gl_slice), void *arg);
    /* The places in text most like quote. */
    void (*nearest)(void *ctx, const struct gl_text *text, struct gl_slice quote,
                    void (*fn)(void *, enum gl_code, const struct gl_candidate *, size_t), void *arg);
};

struct core *core_new(struct loop *loop, struct store *store, const struct core_limits *limits,
                      const struct core_helpers *helpers, const char *server_name);
/* Tells those who are here, one after the other, to connect elsewhere, and ends each connection once what it has asked is answered: within spread_ms, few
 * at once (a millisecond each). Meanwhile the others, and whoever comes, are served as ever. done when everybody has been told. */
void core_move(struct core *core, uint64_t spread_ms, void (*done)(void *), void *ctx);
void core_drain(struct core *core, void (*done)(void *),
                void *ctx); /* refuses new work, answers what was asked, says goodbye to everybody, then done */
/* The time for that is over: what still waits is answered (store_down, unknown_outcome), and goodbye is said all the same. done is called soon. */
void core_end_drain(struct core *core);
void core_free(struct core **core);

/* What admin.setting.list tells; lent, and read whenever somebody asks. Without: of none. */
struct settings;
void core_show_settings(struct core *core, const struct settings *settings);

struct core_counts {
    size_t peers, signed_in, sessions, projects, appends_in_flight;
    uint64_t ops_accepted, ops_refused, ops_repeated, deliveries, fence_losses, holds, resyncs;
    uint64_t ops_ahead, ops_ahead_again; /* judged while others were in flight, and sent so; judged again */
};
void core_set_limits(struct core *core, const struct core_limits *limits); /* from the next request on */
void core_counts(const struct core *core, struct core_counts *counts);

#endif
