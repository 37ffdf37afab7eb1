/*
 * accepted.c - the ops that were accepted last: kept here, and in the journal if there is one, because a database that lost its newest commits (an
 * asynchronous standby that was promoted) has forgotten what it had acknowledged. lost.c looks whether they are still there.
 *
 * No client can know from which moment on that cannot happen any more, so what is kept is bounded by number, bytes and age. A step goes as a whole.
 */
#include <stdio.h>
#include <stdlib.h>

#include "clients/lib/lib_priv.h"

#define COUNT_MAX 1000
#define BYTES_MAX (1u << 20)
#define AGE_MS    (7 * 24 * 3600 * (int64_t)1000)

void lg_accepted_free(struct lg_accepted *accepted)
{
    if (accepted) {
        free(accepted->request);
        free(accepted);
    }
}

/* Answers come in the order of the seqs, but for what is sent again. */
static struct lg_accepted **place_of(struct gloss_session *session, const struct lg_accepted *accepted)
{
    struct lg_accepted **at = &session->accepted;
    if (!*at || accepted->seq >= session->accepted_newest) {
        session->accepted_newest = accepted->seq;
        return session->accepted_end;
    }
    while (*at && (*at)->seq <= accepted->seq) {
        at = &(*at)->next;
    }
    return at;
}

static struct lg_accepted *unlink_at(struct gloss_session *session, struct lg_accepted **at)
{
    struct lg_accepted *accepted = *at;
    *at = accepted->next;
    if (!*at) {
        session->accepted_end = at;
    }
    session->accepted_count--;
    session->accepted_bytes -= accepted->len;
    session->doubt.is_searching = false; /* the places have changed */
    accepted->next = NULL;
    return accepted;
}

void lg_accepted_drop(struct gloss_session *session)
{
    while (session->accepted) {
        lg_accepted_free(unlink_at(session, &session->accepted));
    }
}

static void forget_first(struct gloss_session *session)
{
    uint64_t group = session->accepted->group;
    do {
        lg_accepted_free(unlink_at(session, &session->accepted));
    } while (group && session->accepted && session->accepted->group == group);
    session->has_forgotten = session->is_evicted = true;
}

static bool is_too_much(const struct gloss_session *session)
{
    bool is_old = session->accepted && session->accepted->at_ms < lg_time_ms() - AGE_MS;
    return is_old || session->accepted_count > COUNT_MAX || session->accepted_bytes > BYTES_MAX;
}

/* Asked for twice under one id it is one op, with one seq. */
static bool is_repeated(const struct gloss_session *session, const struct lg_accepted *accepted)
{
    const struct lg_accepted *at = accepted->seq <= session->accepted_newest ? session->accepted : NULL;
    while (at && !(at->seq == accepted->seq && strcmp(at->id, accepted->id) == 0)) {
        at = at->next;
    }
    return at != NULL;
}

void lg_accepted_put(struct gloss_session *session, struct lg_accepted *accepted)
{
    if (is_repeated(session, accepted)) {
        lg_accepted_free(accepted);
        return;
    }
    struct lg_accepted **at = place_of(session, accepted);
    accepted->next = *at;
    *at = accepted;
    if (!accepted->next) {
        session->accepted_end = &accepted->next;
    }
    session->accepted_count++;
    session->accepted_bytes += accepted->len;
    session->doubt.is_searching = false;
    while (session->accepted && is_too_much(session)) {
        forget_first(session);
    }
}

struct lg_accepted *lg_accepted_of(struct lg_op *op, uint64_t seq, int64_t at_ms)
{
    struct lg_accepted *accepted = calloc(1, sizeof(*accepted));
    if (!accepted || !op->request) {
        free(accepted);
        return NULL;
    }
    memcpy(accepted->id, op->id, sizeof(accepted->id));
    memcpy(accepted->subject, op->subject, sizeof(accepted->subject));
    accepted->seq = seq;
    accepted->request = op->request;
    accepted->len = op->len;
    accepted->group = op->group;
    accepted->index = op->index;
    accepted->since_ms = op->since_ms;
    accepted->at_ms = at_ms;
    op->request = NULL;
    return accepted;
}

/* Without memory for it there is one less to be told of, and a hole is said to be there. */
void lg_accepted_add(struct gloss_session *session, struct lg_op *op)
{
    struct lg_accepted *accepted = lg_accepted_of(op, op->seq, lg_time_ms());
    if (accepted) {
        lg_accepted_put(session, accepted);
    } else {
        session->has_forgotten = true;
    }
}

struct lg_accepted *lg_accepted_take(struct gloss_session *session, const char *id)
{
    struct lg_accepted **at = &session->accepted;
    while (*at && strcmp((*at)->id, id) != 0) {
        at = &(*at)->next;
    }
    return *at ? unlink_at(session, at) : NULL;
}

enum gl_code lg_accepted_op(const struct lg_accepted *accepted, struct lg_op **out)
{
    struct gl_err err = {0};
    json_t *asked = NULL;
    enum gl_code code = gl_json_load(gl_slice_of(accepted->request, accepted->len), &asked, &err);
    *out = NULL;
    if (code == GL_OK) {
        code = lg_op_read(asked, out);
    }
    json_decref(asked);
    if (code == GL_OK) {
        (*out)->group = accepted->group;
        (*out)->index = accepted->index;
        (*out)->since_ms = accepted->since_ms;
        (*out)->is_left_over = true;
    }
    return code;
}

/* The first one of the step that it is of. */
static struct lg_accepted **step_of(struct gloss_session *session, const char *id)
{
    struct lg_accepted **first = &session->accepted, **at = first;
    while (*at && strcmp((*at)->id, id) != 0) {
        struct lg_accepted *next = (*at)->next;
        bool is_same = next && next->group && next->group == (*at)->group;
        at = &(*at)->next;
        first = is_same ? first : at;
    }
    return *at ? first : at;
}

/* In front of what builds on it, and of what has no answer yet. */
static void put_back(struct gloss_session *session, struct lg_op *list, struct lg_op **end)
{
    struct lg_op **at = &session->ops;
    while (*at && (*at)->seq > 0 && (*at)->seq < list->seq) {
        at = &(*at)->next;
    }
    *end = *at;
    if (!*at) {
        session->ops_end = end;
    }
    *at = list;
}

struct lg_op *lg_accepted_recall(struct gloss_session *session, const char *id, enum gl_code *code)
{
    struct lg_accepted **at = step_of(session, id);
    struct lg_op *list = NULL, **end = &list;
    uint64_t group = *at ? (*at)->group : 0;
    for (bool is_more = *at != NULL; is_more && *code == GL_OK; is_more = *at && group && (*at)->group == group) {
        struct lg_accepted *accepted = unlink_at(session, at);
        *code = lg_accepted_op(accepted, end);
        if (*end) {
            (*end)->seq = accepted->seq;
            (*end)->is_on_disk = true;
            end = &(*end)->next;
            session->unanswered++;
        }
        lg_accepted_free(accepted);
    }
    if (list) {
        lg_ops_count(list);
        put_back(session, list, end);
    }
    return *code == GL_OK && list ? lg_op_find(session, id) : NULL;
}

/* ---- erased words */

static bool is_named(const json_t *redact, const char *annotation)
{
    const json_t *effects = json_object_get(redact, "effects");
    for (size_t i = 0; i < json_array_size(effects); i++) {
        const json_t *ids = json_object_get(json_array_get(effects, i), "ids");
        for (size_t j = 0; j < json_array_size(ids); j++) {
            const char *id = json_string_value(json_array_get(ids, j));
            if (id && strcmp(id, annotation) == 0) {
                return true;
            }
        }
    }
    return false;
}

static bool is_erased(const struct gloss_session *session, const struct lg_accepted *accepted)
{
    const struct gl_annotation *here = accepted->subject[0] ? gloss_annotation_find(session, accepted->subject) : NULL;
    const json_t *seqs = here ? json_object_get(gl_annotation_record(here), "seqs") : NULL;
    return json_integer_value(json_object_get(seqs, "redacted")) > (json_int_t)accepted->seq;
}

bool lg_accepted_erase(struct gloss_session *session, const json_t *redact)
{
    struct lg_accepted **at = &session->accepted;
    bool is_less = false;
    while (*at) {
        if (is_erased(session, *at) || is_named(redact, (*at)->subject)) {
            lg_accepted_free(unlink_at(session, at));
            is_less = true;
        } else {
            at = &(*at)->next;
        }
    }
    return is_less;
}
