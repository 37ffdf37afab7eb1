/*
 * lost.h - a client whose server's database goes back in time, and what it was told and asked then.
 *
 * Owns      what was told: one for the program, since begin(). The client's server and folder are the test's.
 * Thread    one.
 * Errors    a check that fails.
 */
#ifndef LIB_LOST_H
#define LIB_LOST_H

#include "tests/unit/lib/disk.h"

#define LOST_MAX 2000

extern enum gloss_choice choice; /* what is answered when it is asked */
extern unsigned asked;
extern char asked_name[32], asked_note[64], lost_ops[LOST_MAX][GLOSS_ID];
extern unsigned lost, forgotten;
extern uint64_t lost_seq, result_seq;
extern bool leaves; /* the session, when one is told */

void begin(struct client *ana, struct fake *fake, const char *dir, bool asks); /* a program; the server runs. dir may be NULL */
void start(struct client *ana, struct fake *fake, const char *dir, bool asks); /* with its server, joined and synced */
void stop(struct client *ana, struct fake *fake);
void make(struct client *ana, unsigned count, const char *prefix, bool atomic); /* accepted, and told as ops */
void go_back(struct fake *fake, unsigned to, unsigned then); /* and others make so many ops; the connection breaks */
/* ana makes so many ops, and the log goes back; what she is asked then she answers so. */
void lose(struct client *ana, struct fake *fake, unsigned made, enum gloss_choice answer, unsigned to, unsigned then);
bool log_has(struct fake *fake, const char *op); /* and never twice */

#endif
