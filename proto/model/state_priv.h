/*
 * state_priv.h - what state.c and state_index.c share. Nobody else includes it.
 *
 * The index finds an annotation's position by its id: open addressing, linear probing, at most half full, never shrinking (annotations are
 * never taken away). Ids are chosen by clients, so they are mixed with a secret of the index.
 */
#ifndef GL_STATE_PRIV_H
#define GL_STATE_PRIV_H

#include "proto/gl_mutation.h"
#include "proto/model/state.h"

#define INDEX_NONE SIZE_MAX

struct gl_state_index *state_index_new(void); /* NULL: out of memory */
void state_index_free(struct gl_state_index *index);
/* The position kept for id, or INDEX_NONE. */
size_t state_index_find(const struct gl_state *state, const gl_uuid *id);
/* Room for so many entries in all, so that adding up to there cannot fail. */
bool state_index_reserve(struct gl_state *state, size_t count);
/* The id must be new, and room reserved. */
void state_index_add(struct gl_state *state, const gl_uuid *id, size_t position);

/* state_replies.c: who answers whom. Kept by position, like the index. */
struct gl_state_replies *state_replies_new(void) GL_MUST_USE;
void state_replies_free(struct gl_state_replies *replies);
bool state_replies_reserve(struct gl_state *state, size_t count) GL_MUST_USE;
void state_replies_add(struct gl_state *state,
                       size_t position); /* the annotation there is new, and in the index; after state_replies_reserve */

#endif
