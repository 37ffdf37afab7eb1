/*
 * person.h - the people: each with a real libgloss client that annotates, dies, comes back and asks again; and what each was told of its ops.
 *
 * Owns      the clients, and the history: every op that was ever asked for, in the words of who asked, and the answer that was believed.
 * Lifetime  people_begin / people_end within one seed. The history stays until then.
 *
 * Persons 0 to 2 work in project 0 (0 computes its replica from the log, the others read the state in pages), person 3 owns project 1, person 4 comes late
 * and only reads, person 5 belongs to nothing and knocks at doors.
 */
#ifndef SIM_PERSON_H
#define SIM_PERSON_H

#include <gloss.h>

#include "tests/sim/database.h"

enum { WORKERS_OF_P = 3, OWNER_OF_Q = 3, LATE = 4, STRANGER = 5 };
#define SESSIONS_OF_PERSON 2

struct asked { /* one op */
    gl_uuid id;
    char text[GL_UUID_TEXT + 1];
    size_t person, log;
    json_t *op;          /* {"id","base","change"} */
    size_t first, count; /* of its atomic group; count 0: it stands for itself */
    bool is_done, is_under_way, is_repeated, is_by_hand;
    uint64_t done_ms;
    uint64_t sought_ms[WORKERS_MAX]; /* when that worker last looked for it in the log */
    uint64_t unfound_ms; /* when whoever wrote its refusal had last looked for it, or wrote it without having looked */
    uint64_t seq;        /* 0: refused */
    int code;
    json_t *data; /* of the refusal */
};
extern struct asked *asked;
extern size_t asked_count;

void people_begin(void);
void people_end(void);
void person_quit(size_t person);  /* its program is killed, and starts again */
void person_comes(size_t person); /* starts, and joins what is its own */
void person_asks(size_t person, unsigned count);
void person_rejoins(size_t person);        /* what it may not see any more, or may again, or has lost track of */
bool person_is_lost(size_t person);        /* its client gave a session up */
#define NO_ANSWER (-1)                     /* as a code: what became of it is not known */
struct asked *asked_of(const gl_uuid *id); /* NULL: nobody asked for it */
/* The op that it builds on, and was refused because of; NULL: no op, or not because of that. */
struct asked *asked_refused_for(const struct asked *it);
struct asked *asked_by_hand(size_t person, size_t log, json_t *change, json_t *base); /* takes both; NULL: no room */
struct gloss_session *person_session(size_t person, size_t which);                    /* NULL: it is not there */
void post_by_hand(size_t person);
void op_arrives_again(void);
void stranger_knocks(void);
void lurk(size_t person); /* joins by hand, and stays there whatever becomes of its rights */
/* Everything asked for is answered, and everybody who may is at the end of each log. false: why says what is missing. */
bool people_are_done(char *why, size_t size);
void people_check_converged(void);
size_t person_of_session(size_t person, size_t which); /* the log; LOGS: none */

#endif
