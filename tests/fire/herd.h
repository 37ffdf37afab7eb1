/*
 * herd.h - many people on libgloss in one loop, for the fire test: what they ask for, what they are told, and a history of both.
 *
 * Owns      herd.c: the loop, the commands of the stage and the board. person.c: one person, their client and sessions. wish.c: what they
 *           ask for. history.c: one file of JSON Lines a person (README.md says what is in it).
 * Thread    one.
 * Errors    none to handle: whatever cannot be is told on stderr and ends the program with status 1, and the run fails.
 */
#ifndef HERD_H
#define HERD_H

#include <gloss.h>
#include <stdio.h>
#include <sys/types.h>

#define HERD_BOARD_MAGIC 0x6472656864726568u
#define HERD_PIDS        256
#define HERD_SLOTS       4 /* sessions of a person */

/* A file in memory that the stage looks at while the herd runs: 64-bit words in this order, then a seq for each person and slot. */
struct board {
    uint64_t magic;
    uint64_t asked, acked, refused; /* ops; one that is sent again with the same id does not count */
    uint64_t again;                 /* ops sent again although they had their answer */
    uint64_t unknown;               /* ops that had no answer when the connection went */
    uint64_t resolved, known;       /* of those: answered since, and found to have been applied before */
    uint64_t in_flight;             /* ops without an answer now */
    uint64_t delivered, cuts, connected;
    uint64_t conflicts; /* refused as stale, conflict or gone */
    uint64_t kills;     /* signals sent at a delivery */
    uint64_t seq[];
};

struct herd;
struct history {
    FILE *file;
    uint64_t begin_ns;
};

struct ask; /* wish.c's */

struct joined {
    struct person *person;
    struct gloss_session *session;
    const char *id;
    uint64_t *seq;      /* on the board */
    bool is_from_state; /* joined by pages, not by the log */
};

struct person {
    struct herd *herd;
    const char *name;
    struct gloss *gloss;
    struct history history;
    struct joined joined[HERD_SLOTS];
    size_t count;
    struct ask *asks; /* without an answer, newest first */
    size_t unanswered;
    struct ask *last; /* the last one that was accepted, to be asked for again */
    uint64_t due_ns;  /* when libgloss wants its turn */
    uint64_t next_ns; /* when the next thing is asked for */
    uint64_t random;
    bool is_connected;
};

struct herd {
    struct board *board;
    struct person *people;
    size_t count;
    uint64_t begin_ns;
    double rate;      /* ops a second and person, when nobody is eager */
    size_t in_flight; /* ops of a person without an answer, at most */
    uint64_t length;  /* code points of the texts */
    bool is_eager, is_quiet, is_over;
    pid_t pids[HERD_PIDS]; /* to be killed at a first delivery */
    size_t pid_count;
    uint64_t kill_at; /* while so many ops are in flight */
    json_t *newest;   /* session -> the newest seq that anybody was told */
};

/* herd.c */
void herd_die(const char *why, const char *what);
uint64_t herd_now_ns(void);
/* Somebody was told of an op: the first of all of them, and the signal is sent before anything else is done. */
void herd_delivered(struct joined *joined, const struct gloss_event *event);

/* person.c */
void person_start(struct person *person, const json_t *config, const json_t *about);
void person_tell_state(struct person *person);
void person_end(struct person *person);
struct gloss_session *person_some_session(struct person *person, struct joined **joined);

/* wish.c */
uint64_t wish_random(struct person *person, uint64_t below);
void wish_next(struct person *person, uint64_t now); /* asks for what is due */
void wish_cut(struct person *person);                /* the connection is gone: what is unanswered has no known outcome */
void wish_forget(struct person *person);

/* history.c: each writes one line */
void history_open(struct history *history, const char *folder, const char *name, uint64_t begin_ns);
void history_close(struct history *history);
void history_ask(struct history *history, const char *session, const char *op, const json_t *change, const json_t *base,
                 bool is_again);
void history_result(struct history *history, const char *session, const struct gloss_result *result);
void history_unknown(struct history *history, const char *session, const char *op);
void history_op(struct history *history, const struct gloss_event *event, bool has_state);
void history_join(struct history *history, const struct gloss_event *event, bool knows_since, uint64_t since);
void history_state(struct history *history, struct gloss_session *session);
void history_word(struct history *history, const char *kind, const char *session, const char *member, const char *value);

#endif
