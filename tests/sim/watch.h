/*
 * watch.h - what becomes of a session in a worker's memory: which state it was in when something came, and where it went.
 *
 * Owns      what each worker's sessions were when they were last looked at. Looked at is the real code's memory (core_priv.h), from outside, whenever the
 *           simulator has called into a worker; so that nothing that happens between two calls is missed.
 */
#ifndef SIM_WATCH_H
#define SIM_WATCH_H

#include "proto/gl_uuid.h"
#include "tests/sim/worker.h"

void watch_begin(const struct worker *worker); /* it starts with nothing in memory */
void watch_end(const struct worker *worker);   /* it is killed, with whatever it has */
/* This came for that session, and was taken. NULL: for all or none of them; counted for those that are another now. */
void watch_came(const struct worker *worker, const gl_uuid *session, const char *event);

#endif
