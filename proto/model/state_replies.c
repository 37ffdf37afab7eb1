/*
 * state_replies.c - from an annotation to the replies to it, as lists through one array beside the annotations.
 *
 * A reply may be there before its parent: pages bring annotations in any order while live ops bring new ones. Such replies wait in a list of their own.
 */
#include <stdlib.h>

#include "proto/model/state_priv.h"

struct place { /* positions + 1; 0 is none */
    uint32_t first_reply, next;
};
struct gl_state_replies {
    struct place *places; /* by position in the state */
    size_t room;
    uint32_t waiting; /* replies whose parent is not there yet */
};

struct gl_state_replies *state_replies_new(void)
{
    return calloc(1, sizeof(struct gl_state_replies));
}

void state_replies_free(struct gl_state_replies *replies)
{
    if (replies) {
        free(replies->places);
    }
    free(replies);
}

bool state_replies_reserve(struct gl_state *state, size_t count)
{
    struct gl_state_replies *replies = state->replies;
    size_t room = replies->room ? replies->room : 16;
    while (room < count) {
        room *= 2;
    }
    if (room == replies->room) {
        return true;
    }
    struct place *places = realloc(replies->places, room * sizeof *places);
    if (!places) {
        return false;
    }
    replies->places = places;
    replies->room = room;
    return true;
}

static void push(struct place *places, uint32_t *list, uint32_t reply)
{
    places[reply - 1].next = *list;
    *list = reply;
}

/* The parent has come: takes its replies out of those that wait. */
static void claim(struct gl_state *state, size_t position)
{
    struct place *places = state->replies->places;
    uint32_t *at = &state->replies->waiting;
    while (*at) {
        uint32_t reply = *at;
        if (gl_uuid_equal(&state->items[reply - 1]->link.from, &state->items[position]->id)) {
            *at = places[reply - 1].next;
            push(places, &places[position].first_reply, reply);
        } else {
            at = &places[reply - 1].next;
        }
    }
}

void state_replies_add(struct gl_state *state, size_t position)
{
    struct place *places = state->replies->places;
    const struct gl_annotation *added = state->items[position];
    places[position] = (struct place){0, 0};
    claim(state, position);
    if (added->target_kind == GL_TARGET_ANNOTATION) {
        size_t parent = state_index_find(state, &added->link.from);
        push(places, parent == INDEX_NONE ? &state->replies->waiting : &places[parent].first_reply, (uint32_t)position + 1);
    }
}

static struct gl_annotation *item(const struct gl_state *state, uint32_t position_plus_1)
{
    return position_plus_1 ? state->items[position_plus_1 - 1] : NULL;
}

struct gl_annotation *gl_state_reply_first(const struct gl_state *state, const gl_uuid *parent)
{
    size_t position = state_index_find(state, parent);
    return position == INDEX_NONE ? NULL : item(state, state->replies->places[position].first_reply);
}

struct gl_annotation *gl_state_reply_next(const struct gl_state *state, const struct gl_annotation *reply)
{
    size_t position = state_index_find(state, &reply->id);
    return position == INDEX_NONE ? NULL : item(state, state->replies->places[position].next);
}
