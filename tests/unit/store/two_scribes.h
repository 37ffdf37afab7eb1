/*
 * two_scribes.h - the scene of what is appended: ana and ben, each writing ops into one session of a database of its own.
 *
 * Owns      the bench and both scribes, from scribes_setup to scribes_teardown, which make a fixture.
 * Thread    one.
 */
#ifndef TWO_SCRIBES_H
#define TWO_SCRIBES_H

#include <check.h>

#include "tests/unit/store/bench.h"

extern struct bench bench;
extern struct scribe ana, ben;
void scribes_setup(void);
void scribes_teardown(void); /* nothing may be in flight */

char *text_of(const gl_uuid *id); /* in a ring of static buffers */
uint64_t head_of(const gl_uuid *stream);
void scribe_elsewhere(struct scribe *scribe); /* in another document's session */

#endif
