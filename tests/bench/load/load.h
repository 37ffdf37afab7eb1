/*
 * load.h - the generator: groups of clients of a server, what they were sent and what they asked for.
 *
 * client.c  one client: coming, going on after a loss      writer.c  its ops, until each has an answer
 * dialect.h how a server is spoken to                      peer.h    what the dialects of servers other than Gloss share
 * report.c  what was measured, as lines of JSON            main.c    the loop, and commands
 *
 * Owns      everything; there is one of it.
 * Thread    one.
 * Units     microseconds of the monotonic clock.
 * Errors    what a server must never do is counted in faults.
 */
#ifndef LOAD_H
#define LOAD_H

#include "tests/bench/load/hist.h"
#include "tests/bench/load/stream.h"
#include "tests/bench/load/wire.h"
#include "tests/bench/load/workload.h"

#define REFUSALS_MAX 24
#define SENT_KEPT    1024 /* ops of one client that are remembered; more than may be in flight */

struct load;
struct group;
struct client;
struct dialect;

struct sent { /* an op of a client, at its number % SENT_KEPT */
    uint64_t due_us;
    uint64_t told_seq, seen_seq; /* by the answer, by the stream; 0: not yet */
    bool is_answered;
};
/* CLIENT_BEHIND: it has joined, and lacks what the answer said that there is. */
enum client_state { CLIENT_AWAY, CLIENT_ARRIVING, CLIENT_SIGNING_IN, CLIENT_JOINING, CLIENT_BEHIND, CLIENT_LIVE };
struct client {
    struct wire wire; /* first: what epoll tells is a wire */
    struct group *group;
    struct stream *stream;
    uint32_t number; /* among all */
    enum client_state state;
    uint64_t seq, wanted_seq; /* what it has; what it must have to be live */
    char chain[CHAIN_TEXT];
    bool has_joined;                               /* ever: seq and chain are its own */
    uint64_t records, wanted_records, pages_asked; /* that came with the join, and must */
    uint64_t joining_us;                           /* since when */
    uint64_t away_since_us, stopped_us;
    uint64_t leaving_us; /* of one that does not stay: when it goes */
    struct sent *sent;   /* of a writer */
    uint64_t next_op, first_unanswered, in_flight;
    uint64_t not_before_us; /* it was told to wait */
    uint64_t *seen;         /* of each writer of its session the ops it was sent: the number of the next; peer.c */
    size_t rank;            /* among the writers of its session */
    struct gl_buf half;     /* of a packet that came in two messages; mqtt.c */
};
struct room { /* the clients that write to one session */
    struct client **writers;
    size_t count;
};
struct refusals { /* by the error's name, or a close code */
    char names[REFUSALS_MAX][32];
    uint64_t counts[REFUSALS_MAX];
};
struct group {
    struct group_plan plan;
    struct load *load;
    struct client *clients;
    bool is_started, is_told_live;
    uint64_t begun_us; /* to arrive, or to come back */
    size_t live, arriving, next_writer, look_at, lost_now;
    uint64_t due_us; /* of the next op */
    uint64_t made;   /* ops, ever */
    /* since the measurement began */
    uint64_t deliveries, asked, answered, skipped, repeated, notices, lost_connections, gone;
    struct hist delivery, answer, back, first_page, joined;
    struct refusals refusals, closes;
};
struct load {
    const struct dialect *dialect;
    struct wire_shared shared;
    struct workload workload;
    struct group groups[GROUPS_MAX];
    struct client **clients; /* by number */
    size_t client_count;
    struct stream *streams;
    struct room *rooms; /* of each stream */
    size_t stream_count;
    char **tokens;
    size_t token_count;
    uint64_t codepoints; /* of every text */
    uint32_t run;        /* in every op's id */
    struct faults faults;
    uint64_t now_us, since_us;
    bool is_over;
};

uint64_t load_now_us(void);
void refusals_count(struct refusals *refusals, const char *name, size_t len);

/* client.c */
extern const struct wire_events client_events;
void client_start(struct client *client); /* opens its connection */
void client_stop_reading(struct client *client);
void client_leave_in_time(struct client *client); /* when it has stayed as long as its group does */
void client_say(struct client *client, const char *fmt, ...) GL_PRINTF(2, 3);
void client_set_state(struct client *client, enum client_state state);
void client_is_live(struct client *client);
void client_refused(struct client *client, struct gl_slice name, uint64_t wait_ms); /* it goes, and comes again later */
struct room *client_room(const struct client *client);

/* writer.c */
void writer_turn(struct group *group);                                            /* sends what is due */
void writer_answered(struct client *client, uint64_t number, uint64_t seq);       /* 0: refused, and not sent again */
void writer_resume(struct client *client);                                        /* sends again what has no answer */
gl_uuid writer_id(const struct client *client, uint64_t number);                  /* of an op */
struct client *writer_of(struct load *load, const gl_uuid *id, uint64_t *number); /* NULL: nobody here made it */
struct sent *writer_sent(struct client *client, uint64_t number);                 /* NULL: not known (any more) */
void writer_put_note(struct gl_buf *buf, const struct client *client, uint64_t number);
uint64_t writer_start_cp(const struct client *client, uint64_t number); /* where an op's annotation begins */
#define SPAN_CP 24                                                      /* and how long it is */

/* report.c */
void report_said(const char *event, const char *fmt, ...) GL_PRINTF(2, 3); /* {"event":…, and what follows */
void report_groups(struct load *load, const char *name);
void report_histogram(const struct group *group); /* of its deliveries */
void report_clear(struct load *load);

#endif
