/*
 * kept.h - what store_state_keep() gives: a state with the memory that it lends from.
 *
 * Owns      itself, the state's records and recent, and the arena that everything else points into.
 * Lifetime  made by the store's store_state_keep(), of which there is one for each store; ended by store_state_free(), which is the same for all.
 * Thread    the loop thread.
 * Errors    none.
 */
#ifndef STORE_KEPT_H
#define STORE_KEPT_H

#include "service/store/store.h"

struct kept {
    struct store_state state; /* first: its address is that of the whole */
    struct gl_arena arena;
};

#endif
