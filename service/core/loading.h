/*
 * loading.h - what the store has read of a session, taken into memory a piece at a time, so that a large session holds nobody of the worker up.
 *
 * Owns      the state as the store gave it, until everything of it is taken.
 *           What the session had before, if it is read anew, stays until then; it must have no recent ops.
 * Lifetime  loading_start() until `done` was called, or loading_free().
 * Thread    the loop thread; between two pieces the loop has its turn.
 * Errors    `done` gets GL_E_INTERNAL when records and sum do not agree (which is logged), or the text cannot be used.
 */
#ifndef GLOSS_CORE_LOADING_H
#define GLOSS_CORE_LOADING_H

#include "service/core/core_priv.h"

struct loading;
struct loading *loading_start(struct session *session, const struct store_state *lent,
                              void (*done)(struct session *session, enum gl_code code));
void loading_free(struct loading **loading);

#endif
