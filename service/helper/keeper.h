/*
 * keeper.h - the process that takes lasting jobs from the database: kinds of work that must be done once, or again and again, whatever dies meanwhile.
 *
 * Owns      its connection to the database.
 * Lifetime  keeper_main() runs until the process is ended from outside; that is safe at any point.
 * Thread    its own process; it does one job after the other and blocks.
 * Units     milliseconds, bytes.
 * Errors    a job that fails is noted in its row and taken again later (1 s, 2 s, 4 s … an hour); after KEEPER_ATTEMPTS it is given up, unless it
 *           recurs. One that takes too long or too much memory ends the process; the attempt has been counted before it began.
 * Source    migration 0007 (job), service/decisions/jobs.md.
 */
#ifndef KEEPER_H
#define KEEPER_H

#include "service/base/settings.h"

enum { KEEPER_ATTEMPTS = 20 };

/* Gives the process's exit code: only when there is no memory, or the like. */
int keeper_main(const struct settings *settings);

#endif
