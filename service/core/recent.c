/*
 * recent.c - the newest ops of a session, as they were sent, for whoever comes back; and which ops some ids stand for.
 *
 * Owns      the bytes of each recent op; a session has at most recent_ops of them, and recent_bytes.
 */
#include <stdlib.h>

#include "service/core/core_priv.h"

static struct recent_op *recent_at(const struct session *session, size_t i)
{
    return &session->recent[(session->recent_at + i) % session->recent_cap];
}

static gl_hash leaf_of(struct gl_slice logged)
{
    json_t *parsed = NULL;
    gl_hash leaf = {{0}};
    if (gl_json_load(logged, &parsed, NULL) != GL_OK || !gl_logged_leaf(parsed, &leaf))
        abort(); /* it is our own writing: only memory can have run out */
    json_decref(parsed);
    return leaf;
}

static void recent_drop_oldest(struct session *session)
{
    struct recent_op *oldest = recent_at(session, 0);
    session->recent_chain = oldest->chain;
    session->recent_bytes -= oldest->logged.len;
    free((void *)oldest->logged.data);
    session->recent_at = (session->recent_at + 1) % session->recent_cap;
    session->recent_count--;
}

static void recent_grow(struct session *session)
{
    size_t cap = session->recent_cap ? session->recent_cap * 2 : 64;
    struct recent_op *bigger = mem_array(cap, sizeof *bigger);
    for (size_t i = 0; i < session->recent_count; i++)
        bigger[i] = *recent_at(session, i);
    mem_free(&session->recent);
    session->recent = bigger;
    session->recent_cap = cap;
    session->recent_at = 0;
}

void session_push_recent(struct session *session, const struct recent_op *op)
{
    const struct core_limits *limits = &session->core->limits;
    while (session->recent_count > 0 &&
           (session->recent_count >= limits->recent_ops || session->recent_bytes + op->logged.len > limits->recent_bytes))
        recent_drop_oldest(session);
    if (session->recent_count == session->recent_cap)
        recent_grow(session);
    *recent_at(session, session->recent_count++) = *op;
    session->recent_bytes += op->logged.len;
}

const struct recent_op *session_recent_find(const struct session *session, uint64_t seq)
{
    if (session->recent_count == 0)
        return NULL;
    uint64_t oldest = recent_at(session, 0)->seq;
    return seq < oldest || seq >= oldest + session->recent_count
               ? NULL
               : recent_at(session, (size_t)(seq - oldest) - (MUTATION(recent_off_by_one) && seq > oldest));
}

static void forget_words(struct session *session, const json_t *seqs)
{
    for (size_t i = 0; i < json_array_size(seqs); i++) {
        const uint64_t seq = (uint64_t)json_integer_value(json_array_get(seqs, i));
        struct recent_op *op = (struct recent_op *)(uintptr_t)session_recent_find(session, seq);
        if (seq > session->erased_to && !MUTATION(erased_to_not_moved))
            session->erased_to = seq;
        if (!op)
            continue;
        const struct store_tail_op erased = {.leaf = leaf_of(op->logged)};
        session->recent_bytes -= op->logged.len;
        free((void *)op->logged.data);
        op->logged = logged_op(&erased);
        session->recent_bytes += op->logged.len;
    }
}

void session_erase(struct session *session, const json_t *seqs)
{
    forget_words(session, seqs);
    for (struct subscription *it = session->subscriptions, *next; it; it = next) {
        next = it->next_of_session;
        if (it->is_live && it->cursor < session->erased_to)
            subscription_rejoin(it);
    }
}

void session_remember_op(struct session *session, const gl_uuid *op, const struct known_op *known)
{
    struct known_op *kept = map_get(&session->known, op);
    if (kept) {
        *kept = *known;
        return;
    }
    if (session->known_cap == 0) {
        const struct core_limits *limits = &session->core->limits;
        session->known_cap =
            limits->recent_ops * 4 + limits->append_max_ops * 4; /* what one lookup finds is not pushed out by itself */
        session->known_order = mem_array(session->known_cap, sizeof *session->known_order);
    }
    if (session->known_count == session->known_cap) {
        struct known_op *oldest = map_remove(&session->known, &session->known_order[session->known_at]);
        mem_free(&oldest);
        session->known_at = (session->known_at + 1) % session->known_cap;
        session->known_count--;
    }
    kept = mem_alloc(sizeof *kept);
    *kept = *known;
    map_put(&session->known, op, kept);
    session->known_order[(session->known_at + session->known_count++) % session->known_cap] = *op;
}

const struct known_op *session_known_op(const struct session *session, const gl_uuid *op)
{
    return map_get(&session->known, op);
}

/* ---- reading it from the store */

/* What the next op must not fall behind: the time and the codebook's version of this one. */
void session_take_stamp(struct session *session, const json_t *logged)
{
    const json_t *payload = json_object_get(logged, "payload"), *at = json_object_get(payload, "at");
    json_int_t codebook = json_integer_value(json_object_get(payload, "codebook"));
    int64_t at_ms;
    if (json_is_string(at) && gl_time_parse(gl_slice_of(json_string_value(at), json_string_length(at)), &at_ms) &&
        at_ms > session->last_at_ms)
        session->last_at_ms = at_ms;
    if (codebook > 0 && (uint64_t)codebook > session->codebook)
        session->codebook = (uint64_t)codebook;
}

void session_take_newest_stamp(struct session *session)
{
    json_t *logged = NULL;
    struct gl_err err = {0};
    if (session->recent_count > 0 && gl_json_load(recent_at(session, session->recent_count - 1)->logged, &logged, &err) == GL_OK)
        session_take_stamp(session, logged);
    json_decref(logged);
}

void session_forget_recent(struct session *session)
{
    while (session->recent_count > 0)
        recent_drop_oldest(session);
}
