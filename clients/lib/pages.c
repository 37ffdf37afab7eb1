/*
 * pages.c - the state of a session, read in pages while ops go on coming.
 *
 * A page may be older than an op that overtook it, so the ops of that time are kept and applied again to what a page brings; that
 * changes nothing where they were in it. When the connection is lost meanwhile, what is here is continued on the next one: by ops from
 * where it is, and by pages from the first record that is lacking.
 */
#include <stdlib.h>

#include "clients/lib/lib_priv.h"

#define PAGES_AT_ONCE 8

static void on_page(struct gloss *g, json_t *result, const struct gloss_error *error, void *arg);

/* ---- asking */

static unsigned pages_waiting(const struct gloss_session *session)
{
    unsigned count = 0;
    for (const struct lg_call *call = session->g->calls; call; call = call->next) {
        count += call->owner == session && call->fn == on_page;
    }
    return count;
}

void lg_replica_page(struct gloss_session *session)
{
    struct gloss *g = session->g;
    uint64_t most = g->limits.pages_in_flight < PAGES_AT_ONCE ? g->limits.pages_in_flight : PAGES_AT_ONCE;
    if (!session->is_paging || session->state != LG_JOINED) {
        return;
    }
    if (lg_now_ms() < session->page_not_before_ms) {
        lg_wake_at(g, session->page_not_before_ms);
        return;
    }
    if (!session->meanwhile && !(session->meanwhile = json_array())) {
        lg_drop_nomem(g);
        return;
    }
    for (uint64_t count = pages_waiting(session); count < (most > 0 ? most : 1) && !g->drops; count++) {
        struct gl_session_page_params params = {
            .session = session->uuid, .has_from = session->says_from, .from = session->pages_next};
        struct gl_buf buf;
        session->says_from = false;
        gl_buf_init(&buf, SIZE_MAX);
        gl_session_page_params_write(&buf, &params);
        if (buf.code != GL_OK ||
            lg_call(g, session, "session.page", gl_buf_peek(&buf), LG_CALL_DEADLINE_MS, on_page, session) != GLOSS_OK) {
            lg_drop_nomem(g);
        }
        gl_buf_fini(&buf);
    }
}

/* ---- what they bring */

static enum gl_code take_record(struct gloss_session *session, const json_t *record, struct gl_err *err)
{
    struct gl_state *state = session->replica;
    struct gl_annotation *annotation = NULL;
    enum gl_code code = gl_annotation_from_record(record, &annotation, err);
    if (code != GL_OK) {
        return code;
    }
    const struct gl_annotation *known = gl_state_find(state, &annotation->id);
    if (!known || known->changed_seq < annotation->changed_seq) {
        session->is_out_of_order |=
            !known && state->count > 0 && state->items[state->count - 1]->created_seq > annotation->created_seq;
        code = gl_state_put(state, annotation);
        if (code != GL_OK) {
            (void)gl_fail(err, code, "out of memory");
        }
    }
    gl_annotation_unref(&annotation);
    return code;
}

static enum gl_code apply_again(struct gloss_session *session, uint64_t as_of, struct gl_err *err)
{
    enum gl_code code = GL_OK;
    for (size_t i = 0; i < json_array_size(session->meanwhile) && code == GL_OK; i++) {
        json_t *payload = json_array_get(session->meanwhile, i);
        struct gl_op op;
        if ((uint64_t)json_integer_value(json_object_get(payload, "seq")) <= as_of + MUTATION(overtaken_op_lost)) {
            continue;
        }
        code = gl_op_read(payload, &op, err);
        if (code == GL_OK) {
            code = gl_state_apply(session->replica, &op, err);
            gl_op_fini(&op);
        }
    }
    return code;
}

struct place {
    struct gl_annotation *annotation;
    size_t at;
};

static int by_making(const void *a, const void *b)
{
    const struct place *left = a, *right = b;
    uint64_t x = left->annotation->created_seq, y = right->annotation->created_seq;
    return x != y ? (x < y ? -1 : 1) : (left->at < right->at ? -1 : left->at > right->at);
}

/* A copy of the state with its annotations in the order in which they were made. */
static struct gl_state *in_order(const struct gl_state *from, struct place *places)
{
    static const uint8_t any[32];
    struct gl_state *state = gl_state_new(&from->stream, any);
    for (size_t i = 0; i < from->count; i++) {
        places[i] = (struct place){from->items[i], i};
    }
    qsort(places, from->count, sizeof(*places), by_making);
    for (size_t i = 0; state && i < from->count; i++) {
        if (gl_state_put(state, places[i].annotation) != GL_OK) {
            gl_state_free(&state);
        }
    }
    if (state) {
        gl_state_set_mode(state, from->mode, from->mode_seq);
        state->seq = from->seq;
        state->chain = from->chain;
    }
    return state;
}

static bool sort_replica(struct gloss_session *session)
{
    struct place *places = calloc(session->replica->count + 1, sizeof(*places));
    struct gl_state *sorted = places ? in_order(session->replica, places) : NULL;
    free(places);
    if (!sorted) {
        return false;
    }
    gl_state_free(&session->replica);
    session->replica = sorted;
    return true;
}

static enum gl_code take_records(struct gloss_session *session, const struct gl_session_page_result *page, struct gl_err *err)
{
    enum gl_code code = GL_OK;
    for (size_t i = 0; i < json_array_size(page->records) && code == GL_OK; i++) {
        code = take_record(session, json_array_get(page->records, i), err);
    }
    if (code == GL_OK && page->as_of < session->seq) {
        code = apply_again(session, page->as_of, err);
    }
    session->pages_as_of = page->as_of > session->pages_as_of ? page->as_of : session->pages_as_of;
    return code;
}

static void last_page(struct gloss_session *session)
{
    if (session->is_out_of_order && !sort_replica(session)) {
        lg_drop_nomem(session->g);
        return;
    }
    session->is_paging = session->is_out_of_order = session->says_from = false;
    session->pages_next = 0;
    session->replica->is_partial = false;
    session->has_position = true;
    json_decref(session->meanwhile);
    session->meanwhile = NULL;
    lg_replica_arrived(session);
}

/* Counts what the sweep has brought. False: this page does not follow what is here (a request before it was refused), so its end is
 * no end. */
static bool count_page(struct gloss_session *session, const struct gl_session_page_result *page)
{
    size_t records = json_array_size(page->records);
    if (!page->has_next) {
        session->pages_next = 0; /* an older server's: it began with the first record, whatever it was asked */
    } else if (page->next <= session->pages_next + records) {
        session->pages_next = page->next > session->pages_next ? page->next : session->pages_next;
    } else {
        session->says_from = true;
        return false;
    }
    return true;
}

static void take_page(struct gloss_session *session, const struct gl_session_page_result *page)
{
    struct gl_err err = {0};
    if (take_records(session, page, &err) != GL_OK) {
        lg_session_fail_gl(session, &err);
        return;
    }
    lg_progress(session->g);
    if (count_page(session, page) && page->done) {
        last_page(session);
    } else {
        lg_replica_page(session);
    }
}

static void on_page(struct gloss *g, json_t *result, const struct gloss_error *error, void *arg)
{
    struct gloss_session *session = arg;
    struct gl_session_page_result page;
    struct gl_reader reader;
    if (session->state != LG_JOINED || !session->is_paging) {
        return; /* asked for behind the last one */
    }
    if (error && lg_error_is_later(error)) {
        session->says_from = session->pages_next > 0;
        session->page_not_before_ms = lg_now_ms() + lg_retry_delay(g, error, 0);
        lg_wake_at(g, session->page_not_before_ms);
        return;
    }
    if (error) {
        lg_session_fail(session, error);
        return;
    }
    gl_reader_init(&reader, &g->arena);
    if (gl_session_page_result_read(&reader, result, &page) != GL_OK) {
        lg_session_fail_gl(session, &reader.err);
        return;
    }
    take_page(session, &page);
}

/* ---- around the reader */

static void tell_around(struct gloss_session *session, const struct gl_session_page_result *page)
{
    const struct gloss_event event = {.type = GLOSS_EV_PAGE,
                                      .session = session,
                                      .seq = page->as_of,
                                      .begin = session->around_begin,
                                      .end = session->around_end};
    lg_emit(session->g, &event);
}

static void on_around(struct gloss *g, json_t *result, const struct gloss_error *error, void *arg)
{
    struct gloss_session *session = arg;
    struct gl_session_page_result page;
    struct gl_err err = {0};
    struct gl_reader reader;
    if (session->state != LG_JOINED || !session->is_paging || session->is_left) {
        return; /* everything is here by now */
    }
    if (error) {
        session->wants_around = lg_error_is_later(error);
        return; /* the sweep brings it, too */
    }
    gl_reader_init(&reader, &g->arena);
    if (gl_session_page_result_read(&reader, result, &page) != GL_OK) {
        lg_session_fail_gl(session, &reader.err);
    } else if (take_records(session, &page, &err) != GL_OK) {
        lg_session_fail_gl(session, &err);
    } else {
        tell_around(session, &page);
    }
}

void lg_replica_around(struct gloss_session *session)
{
    struct gl_session_page_params params = {
        .session = session->uuid, .has_start = true, .start = session->around_begin, .has_end = true, .end = session->around_end};
    struct gl_buf buf;
    if (!session->wants_around || !session->is_paging || session->state != LG_JOINED ||
        lg_now_ms() < session->page_not_before_ms || lg_calls_have(session->g, session, on_around)) {
        return;
    }
    session->wants_around = false;
    gl_buf_init(&buf, SIZE_MAX);
    gl_session_page_params_write(&buf, &params);
    if (buf.code != GL_OK ||
        lg_call(session->g, session, "session.page", gl_buf_peek(&buf), LG_CALL_DEADLINE_MS, on_around, session) != GLOSS_OK) {
        lg_drop_nomem(session->g);
    }
    gl_buf_fini(&buf);
}

int gloss_page_around(struct gloss_session *session, uint64_t begin, uint64_t end)
{
    if (begin >= end) {
        return lg_fail(session->g, GLOSS_E_INVALID_PARAMS, "a range begins before it ends");
    }
    session->around_begin = begin;
    session->around_end = end;
    session->wants_around = session->wants_replica && session->from == GLOSS_FROM_STATE && !session->has_position;
    session->g->is_due = true;
    return GLOSS_OK;
}
