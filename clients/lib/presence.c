/*
 * presence.c - who is here: what the others tell, and what is told of oneself, at most ten times a second.
 */
#include <stdio.h>
#include <stdlib.h>

#include "clients/lib/lib_priv.h"

#define EVERY_MS 110 /* the server takes ten a second */

struct lg_peer {
    struct lg_peer *next;
    char peer[GLOSS_ID], account[GLOSS_ID], annotation[GLOSS_ID];
    char *name;
    uint64_t begin, end, selection_begin, selection_end;
    bool is_told; /* since everybody was to be told anew */
};

static void peer_free(struct lg_peer *peer)
{
    free(peer->name);
    free(peer);
}

void lg_presence_drop(struct gloss_session *session)
{
    while (session->peers) {
        struct lg_peer *peer = session->peers;
        session->peers = peer->next;
        peer_free(peer);
    }
    session->own_peer[0] = '\0';
    session->tells_place = session->has_place;
}

/* ---- the others */

static struct gloss_peer seen(const struct gloss_session *session, const struct lg_peer *peer)
{
    return (struct gloss_peer){.peer = peer->peer,
                               .account = peer->account,
                               .name = peer->name,
                               .begin = peer->begin,
                               .end = peer->end,
                               .selection_begin = peer->selection_begin,
                               .selection_end = peer->selection_end,
                               .annotation = peer->annotation[0] ? peer->annotation : NULL,
                               .is_me = strcmp(peer->peer, session->own_peer) == 0};
}

static void tell(struct gloss_session *session, const struct lg_peer *peer, bool gone)
{
    struct gloss_peer seen_peer = seen(session, peer);
    const struct gloss_event event = {.type = GLOSS_EV_PRESENCE, .session = session, .peer = &seen_peer};
    seen_peer.gone = gone;
    lg_emit(session->g, &event);
}

static struct lg_peer **place_of(struct gloss_session *session, const char *id)
{
    struct lg_peer **at = &session->peers;
    while (*at && strcmp((*at)->peer, id) != 0) {
        at = &(*at)->next;
    }
    return at;
}

static bool goes_on(const struct gloss_session *session)
{
    return session->state == LG_JOINED && !session->is_left && !lg_is_over(session->g);
}

static void gone(struct gloss_session *session, struct lg_peer **at)
{
    struct lg_peer *peer = *at;
    *at = peer->next;
    tell(session, peer, true);
    peer_free(peer);
}

static bool take_name(struct lg_peer *peer, const struct gl_presence *told)
{
    free(peer->name);
    peer->name = told->has_name ? strndup(told->name.data, told->name.len) : NULL;
    return !told->has_name || peer->name;
}

static uint64_t position(bool has, uint64_t at)
{
    return has ? at : GLOSS_NOWHERE;
}

/* False: out of memory. */
static bool take(struct gloss_session *session, const struct gl_presence *told)
{
    char id[GLOSS_ID];
    gl_uuid_format(&told->peer, id);
    struct lg_peer **at = place_of(session, id), *peer = *at;
    if (told->has_gone && told->gone) {
        if (peer) {
            gone(session, at);
        }
        return true;
    }
    if (!peer) {
        peer = calloc(1, sizeof(*peer));
        if (!peer) {
            return false;
        }
        memcpy(peer->peer, id, sizeof(id));
        *at = peer;
    }
    gl_uuid_format(&told->account, peer->account);
    peer->annotation[0] = '\0';
    if (told->has_annotation) {
        gl_uuid_format(&told->annotation, peer->annotation);
    }
    peer->begin = position(told->has_start, told->start);
    peer->end = position(told->has_end, told->end);
    peer->selection_begin = position(told->has_selection_start, told->selection_start);
    peer->selection_end = position(told->has_selection_end, told->selection_end);
    peer->is_told = true;
    if (!take_name(peer, told)) {
        return false;
    }
    tell(session, peer, false);
    return true;
}

/* Everybody was told anew: who was not is gone. */
static void sweep(struct gloss_session *session)
{
    struct lg_peer **at = &session->peers;
    while (goes_on(session) && *at) {
        if ((*at)->is_told) {
            at = &(*at)->next;
        } else {
            gone(session, at);
            at = &session->peers; /* the program may have changed the list */
        }
    }
}

void lg_presence_on_people(struct gloss *g, const json_t *params)
{
    struct gl_session_people_notice notice;
    struct gl_reader reader;
    gl_reader_init(&reader, &g->arena);
    if (gl_session_people_notice_read(&reader, params, &notice) != GL_OK) {
        return; /* it is the first thing to be done without */
    }
    struct gloss_session *session = lg_session_find(g, &notice.session);
    bool is_all = notice.has_all && notice.all;
    for (struct lg_peer *peer = session && is_all ? session->peers : NULL; peer; peer = peer->next) {
        peer->is_told = false;
    }
    for (size_t i = 0; session && i < notice.people_count && goes_on(session); i++) {
        if (!take(session, &notice.people[i])) {
            lg_drop_nomem(g);
            return;
        }
    }
    if (session && is_all) {
        sweep(session);
    }
}

size_t gloss_peer_count(const struct gloss_session *session)
{
    size_t count = 0;
    for (const struct lg_peer *peer = session->peers; peer; peer = peer->next) {
        count++;
    }
    return count;
}

bool gloss_peer_at(const struct gloss_session *session, size_t index, struct gloss_peer *out)
{
    const struct lg_peer *peer = session->peers;
    while (peer && index-- > 0) {
        peer = peer->next;
    }
    memset(out, 0, sizeof(*out));
    if (peer) {
        *out = seen(session, peer);
    }
    return peer != NULL;
}

/* ---- oneself */

void gloss_place_init(struct gloss_place *place)
{
    *place = (struct gloss_place){.size = sizeof(*place),
                                  .begin = GLOSS_NOWHERE,
                                  .end = GLOSS_NOWHERE,
                                  .selection_begin = GLOSS_NOWHERE,
                                  .selection_end = GLOSS_NOWHERE};
}

static bool is_range(uint64_t begin, uint64_t end)
{
    bool is_nowhere = begin == GLOSS_NOWHERE && end == GLOSS_NOWHERE;
    return is_nowhere || (begin != GLOSS_NOWHERE && end != GLOSS_NOWHERE && begin <= end);
}

int gloss_presence_set(struct gloss_session *session, const struct gloss_place *place)
{
    struct gl_session_presence_params *params = &session->place;
    if (place->size < sizeof(*place) || !is_range(place->begin, place->end) ||
        !is_range(place->selection_begin, place->selection_end)) {
        return lg_fail(session->g, GLOSS_E_INVALID_PARAMS, "a place has both ends of what is in view and selected, or neither");
    }
    gl_uuid annotation = {{0}};
    if (place->annotation && !gl_uuid_parse(gl_slice_str(place->annotation), &annotation)) {
        return lg_fail(session->g, GLOSS_E_INVALID_PARAMS, "an annotation's id is a UUID: 36 lower case characters");
    }
    *params = (struct gl_session_presence_params){.session = session->uuid,
                                                  .has_start = place->begin != GLOSS_NOWHERE,
                                                  .start = place->begin,
                                                  .has_end = place->begin != GLOSS_NOWHERE,
                                                  .end = place->end,
                                                  .has_selection_start = place->selection_begin != GLOSS_NOWHERE,
                                                  .selection_start = place->selection_begin,
                                                  .has_selection_end = place->selection_begin != GLOSS_NOWHERE,
                                                  .selection_end = place->selection_end,
                                                  .has_annotation = place->annotation != NULL,
                                                  .annotation = annotation,
                                                  .has_away = place->away,
                                                  .away = place->away};
    session->has_place = session->tells_place = true;
    session->g->is_due = true;
    return GLOSS_OK;
}

static void on_told(struct gloss *g, json_t *result, const struct gloss_error *error, void *arg)
{
    struct gloss_session *session = arg;
    const char *peer = json_string_value(json_object_get(result, "peer"));
    (void)g;
    if (error && lg_error_is_later(error)) {
        session->tells_place = true;
        session->place_not_before_ms = lg_now_ms() + EVERY_MS + (uint64_t)error->retry_after_ms;
    }
    if (peer) {
        (void)snprintf(session->own_peer, sizeof(session->own_peer), "%s", peer);
    }
}

void lg_presence_pump(struct gloss_session *session, uint64_t now)
{
    struct gl_buf buf;
    if (!session->tells_place || session->state != LG_JOINED || lg_calls_have(session->g, session, on_told)) {
        return;
    }
    if (now < session->place_not_before_ms) {
        lg_wake_at(session->g, session->place_not_before_ms);
        return;
    }
    session->tells_place = false;
    session->place_not_before_ms = now + EVERY_MS;
    gl_buf_init(&buf, SIZE_MAX);
    gl_session_presence_params_write(&buf, &session->place);
    if (buf.code != GL_OK ||
        lg_call(session->g, session, "session.presence", gl_buf_peek(&buf), LG_CALL_DEADLINE_MS, on_told, session) != GLOSS_OK) {
        lg_drop_nomem(session->g);
    }
    gl_buf_fini(&buf);
}
