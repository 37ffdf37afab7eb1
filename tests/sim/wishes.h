/*
 * wishes.h - what people ask for, drawn from a seed: changes that are often refused, and meet others' changes as often as can be.
 *
 * Owns      nothing.
 */
#ifndef SIM_WISHES_H
#define SIM_WISHES_H

#include <gloss.h>

#include "tests/sim/sim.h"

/* A change for that session, as it looks to its client now. The caller owns it. */
json_t *wish(const struct gloss_session *session, size_t person, size_t log, bool *needs_base);

#endif
