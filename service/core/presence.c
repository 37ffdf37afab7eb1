/*
 * presence.c - who is where in a session. Never stored, merged for a tenth of a second, and the first thing to be left out.
 *
 * A person is one connection's stay in a session, there from its first session.presence on. What changed is told to everybody who has joined, in one frame
 * that they share; who has no room now lacks it, and gets everybody as they are when there is room again. Other workers are told what changed here, and
 * everything anew every few seconds: whom they have not heard of for longer than that is gone, whatever became of the worker that knew.
 */
#include <stdio.h>

#include "service/core/presence.h"

#define MERGE_MS         100
#define SAY_AGAIN_MS     5000
#define SILENT_MS        15000
#define ASKED_PER_SECOND 10
#define PEOPLE_MAX       1000 /* in a session */
#define PEOPLE_AT_ONCE   200  /* in a frame */

/* ---- what is to be told */

static void merge_soon(struct core *core)
{
    if (core->is_merging)
        return;
    core->is_merging = true;
    loop_timer_start(core->merge, MERGE_MS, 0);
}

static void moved(struct session *session, struct person *person)
{
    person->has_moved = true;
    person->must_say = person->is_local;
    session->has_moved = true;
    merge_soon(session->core);
}

static void forget(struct session *session, struct person *person)
{
    map_remove(&session->people, &person->stay);
    mem_free(&person);
}

static bool is_same(const struct place *a, const struct place *b)
{
    return a->has_view == b->has_view && a->start == b->start && a->end == b->end && a->has_selection == b->has_selection &&
           a->selection_start == b->selection_start && a->selection_end == b->selection_end && a->is_gone == b->is_gone &&
           a->has_annotation == b->has_annotation && gl_uuid_equal(&a->annotation, &b->annotation);
}

static struct person *add_person(struct session *session, const gl_uuid *stay, const gl_uuid *account, const char *name)
{
    struct person *person = session->people.count < PEOPLE_MAX ? mem_alloc(sizeof *person) : NULL;
    if (!person)
        return NULL;
    person->stay = *stay;
    person->account = *account;
    snprintf(person->name, sizeof person->name, "%s", name);
    person->at_ms = loop_now_ms(session->core->loop);
    map_put(&session->people, stay, person);
    return person;
}

/* ---- to those who have joined */

static struct gl_presence entry_of(const struct person *person)
{
    const struct place *place = &person->place;
    return (struct gl_presence){.peer = person->stay,
                                .account = person->account,
                                .has_name = !place->is_gone,
                                .name = gl_slice_str(person->name),
                                .has_start = place->has_view,
                                .start = place->start,
                                .has_end = place->has_view,
                                .end = place->end,
                                .has_selection_start = place->has_selection,
                                .selection_start = place->selection_start,
                                .has_selection_end = place->has_selection,
                                .selection_end = place->selection_end,
                                .has_annotation = place->has_annotation,
                                .annotation = place->annotation,
                                .has_gone = place->is_gone,
                                .gone = place->is_gone};
}

/* Some of the people from *at on, or NULL when there are none left. */
static struct frame *people_frame(const struct session *session, bool is_all, size_t *at)
{
    struct gl_presence people[PEOPLE_AT_ONCE];
    struct gl_session_people_notice notice = {.session = session->id, .people = people};
    const bool is_first = *at == 0;
    const struct person *person;
    while (notice.people_count < PEOPLE_AT_ONCE && (person = map_next(&session->people, at)))
        if (is_all ? !person->place.is_gone : person->has_moved)
            people[notice.people_count++] = entry_of(person);
    if (notice.people_count == 0 && !(is_all && is_first))
        return NULL;
    notice.has_all = notice.all = is_all && is_first;
    struct gl_buf buf;
    gl_buf_init(&buf, 256 * 1024);
    gl_notice_begin(&buf, "session.presence");
    gl_session_people_notice_write(&buf, &notice);
    gl_envelope_end(&buf);
    struct frame *frame = buf.code == GL_OK ? frame_from(gl_buf_peek(&buf)) : NULL;
    gl_buf_fini(&buf);
    return frame;
}

static bool has_room(const struct subscription *subscription)
{
    const struct peer *peer = subscription->peer;
    return !peer->outbox && !subscription->reading && subscription->cursor >= subscription->session->state->seq &&
           peer_has_room(peer);
}

static void tell_moved(struct session *session)
{
    struct frame *frame;
    for (size_t at = 0; (frame = people_frame(session, false, &at)); frame_unref(&frame)) {
        for (struct subscription *it = session->subscriptions; it; it = it->next_of_session) {
            if (!it->is_live || it->lacks_people)
                continue;
            if (has_room(it))
                it->peer->link.write(it->peer->link.ctx, frame);
            else
                it->lacks_people = true; /* when there is room it gets everybody */
        }
    }
    for (struct subscription *it = session->subscriptions; it; it = it->next_of_session)
        if (it->is_live && it->lacks_people && has_room(it))
            peer_pump_later(it->peer);
}

void presence_pump(struct subscription *subscription)
{
    struct session *session = subscription->session;
    struct frame *frame;
    if (!subscription->is_live || !subscription->lacks_people || !has_room(subscription))
        return;
    subscription->lacks_people = false;
    for (size_t at = 0; (frame = people_frame(session, true, &at)); frame_unref(&frame))
        subscription->peer->link.write(subscription->peer->link.ctx, frame);
}

/* ---- to the other workers */

/* As map_next, but behind the last one comes the first again. NULL: the map is empty. */
static void *next_round(const struct map *map, size_t *at)
{
    void *value = map_next(map, at);
    if (value)
        return value;
    *at = 0;
    return map_next(map, at);
}

/* False: the rest must wait for the next time, which begins with whom there was no room for. */
static bool say_session(struct session *session, struct gl_buf *words)
{
    const uint64_t now_ms = loop_now_ms(session->core->loop);
    struct presence_word word = {.what = PRESENCE_WHO, .session = session->id};
    struct person *person;
    if (session->must_ask && !presence_write(words, &word))
        return false;
    session->must_ask = false;
    word.what = PRESENCE_PERSON;
    size_t at = session->say_at;
    for (size_t seen = 0; seen < session->people.count && (person = next_round(&session->people, &at)); seen++) {
        if (!person->must_say)
            continue;
        word.person = *person;
        if (!presence_write(words, &word)) {
            session->say_at = at - 1;
            return false;
        }
        person->must_say = false;
        person->at_ms = now_ms;
    }
    return true;
}

static void settle(struct session *session, enum store_saying saying)
{
    struct person *person;
    session->has_moved = false;
    session->must_ask &= saying != STORE_SAY_NOBODY;
    for (size_t at = 0; (person = map_next(&session->people, &at));) {
        person->has_moved = false;
        person->must_say &= saying != STORE_SAY_NOBODY;
        session->has_moved |= person->must_say; /* comes again */
        if (person->place.is_gone && !person->must_say)
            forget(session, person);
    }
    session->has_moved |= session->must_ask;
}

/* The next time begins behind a session that did not fit whole, or with it when nothing of it did. */
static bool say_in_turn(struct session *session, struct gl_buf *words, size_t behind)
{
    const size_t before = words->len;
    if (say_session(session, words))
        return true;
    session->core->merge_at = words->len > before ? behind : behind - 1;
    return false;
}

void presence_merge(void *ctx)
{
    struct core *core = ctx;
    const enum store_saying saying = store_may_say(core->store);
    struct gl_buf words;
    struct session *session;
    bool has_more = false, has_fit = true;
    core->is_merging = false;
    gl_buf_init(&words, STORE_SAY_MAX);
    size_t at = core->merge_at;
    for (size_t seen = 0; seen < core->sessions.count && (session = next_round(&core->sessions, &at)); seen++) {
        if (session->phase != SESSION_READY || !session->has_moved)
            continue;
        tell_moved(session);
        if (saying == STORE_SAY_NOW && has_fit)
            has_fit = say_in_turn(session, &words, at);
        settle(session, saying);
        has_more |= session->has_moved;
    }
    if (words.len > 0)
        store_say(core->store, words.data, words.len);
    gl_buf_fini(&words);
    if (has_more)
        merge_soon(core);
}

/* ---- from the other workers */

static void say_all_again(struct session *session)
{
    struct person *person;
    for (size_t at = 0; (person = map_next(&session->people, &at));) {
        if (!person->is_local)
            continue;
        person->must_say = session->has_moved = true;
        merge_soon(session->core);
    }
}

static void take_person(struct session *session, const struct person *said)
{
    struct person *person = map_get(&session->people, &said->stay);
    const bool is_new = !person;
    if (is_new && (said->place.is_gone || !session->subscriptions))
        return;
    if (is_new && !(person = add_person(session, &said->stay, &said->account, said->name)))
        return;
    if (person->is_local || person->place.is_gone)
        return;
    person->at_ms = loop_now_ms(session->core->loop);
    if (!is_new && is_same(&person->place, &said->place))
        return;
    person->place = said->place;
    moved(session, person);
}

void presence_heard(void *ctx, const gl_uuid *worker, struct gl_slice bytes)
{
    struct core *core = ctx;
    struct presence_word word;
    (void)worker;
    while (presence_read(&bytes, &word)) {
        struct session *session = map_get(&core->sessions, &word.session);
        if (!session || session->phase != SESSION_READY)
            continue;
        if (word.what == PRESENCE_WHO)
            say_all_again(session);
        else
            take_person(session, &word.person);
    }
}

/* ---- who comes, goes, and is silent */

void presence_enter(struct subscription *subscription)
{
    struct session *session = subscription->session;
    if (!subscription->is_live)
        return;
    subscription->lacks_people = session->people.count > 0;
    if (session->subscriptions->next_of_session)
        return;
    session->must_ask = session->has_moved = true; /* the first one here: who is there on other workers is not known */
    merge_soon(session->core);
}

void presence_leave(struct subscription *subscription)
{
    struct person *person = subscription->person;
    subscription->person = NULL;
    if (!person)
        return;
    person->place = (struct place){.is_gone = true};
    moved(subscription->session, person);
}

static void sweep_person(struct session *session, struct person *person, uint64_t now_ms)
{
    if (person->is_local && !person->place.is_gone && now_ms - person->at_ms >= SAY_AGAIN_MS) {
        person->must_say = session->has_moved = true;
        merge_soon(session->core);
    } else if (now_ms - person->at_ms >= SILENT_MS) {
        person->place = (struct place){.is_gone = true};
        moved(session, person);
        person->must_say = false; /* those who could have been told have seen to it themselves */
    }
}

void presence_sweep(struct core *core, uint64_t now_ms)
{
    struct session *session;
    struct person *person;
    for (size_t i = 0; (session = map_next(&core->sessions, &i));)
        for (size_t at = 0; (person = map_next(&session->people, &at));)
            sweep_person(session, person, now_ms);
}

void presence_free(struct session *session)
{
    struct person *person;
    for (size_t at = 0; (person = map_next(&session->people, &at));)
        mem_free(&person);
    map_fini(&session->people);
}

/* ---- session.presence */

static bool is_range(const struct session *session, bool has_start, uint64_t start, bool has_end, uint64_t end)
{
    return has_start == has_end && (!has_start || (start <= end && end <= gl_text_length(session->text)));
}

static bool is_in_text(struct request *request, const struct session *session, const struct gl_session_presence_params *params)
{
    if (!is_range(session, params->has_start, params->start, params->has_end, params->end))
        request_fail_at(request, GL_E_INVALID_PARAMS, "start", "start and end come together, in order, and not beyond the text");
    else if (!is_range(session, params->has_selection_start, params->selection_start, params->has_selection_end,
                       params->selection_end))
        request_fail_at(request, GL_E_INVALID_PARAMS, "selection_start",
                        "selection_start and selection_end come together, in order, and not beyond the text");
    else
        return true;
    return false;
}

static bool is_too_often(struct request *request, struct subscription *subscription)
{
    const uint64_t now_ms = loop_now_ms(request->core->loop);
    struct gl_err err = {0};
    if (now_ms - subscription->presence_since_ms >= 1000) {
        subscription->presence_since_ms = now_ms;
        subscription->presence_count = 0;
    }
    if (subscription->presence_count++ < ASKED_PER_SECOND)
        return false;
    gl_fail(&err, GL_E_RATE_LIMITED, "presence is taken %d times a second; only the latest counts", ASKED_PER_SECOND);
    request_fail_data(request, &err,
                      json_pack("{s:I}", "retry_after_ms", (json_int_t)(subscription->presence_since_ms + 1000 - now_ms)));
    return true;
}

static void go_to(struct subscription *subscription, const struct place *place)
{
    struct session *session = subscription->session;
    struct person *person = subscription->person;
    const struct peer *peer = subscription->peer;
    if (!person && !place->is_gone) {
        subscription->person = person = add_person(session, &subscription->stay, &peer->account, peer->account_name);
        if (!person)
            return; /* the session is full of people: the rest go unseen */
        person->is_local = true;
    } else if (!person || is_same(&person->place, place)) {
        return;
    }
    person->place = *place;
    moved(session, person);
    if (place->is_gone) {
        subscription->person = NULL;
        subscription->stay = (gl_uuid){0}; /* who comes back is somebody new: what was said of this one may still be on its way */
    }
}

void handle_session_presence(struct request *request)
{
    struct gl_session_presence_params params = {0};
    struct subscription *subscription = request->scope_is_joined;
    if (!request_read(request, session_presence, &params))
        return;
    if (!subscription) {
        request_fail_at(request, GL_E_INVALID_PARAMS, "session", "join the session first, on this connection");
        return;
    }
    if (!is_in_text(request, subscription->session, &params) || is_too_often(request, subscription))
        return;
    struct place place = {.has_view = params.has_start,
                          .start = params.start,
                          .end = params.end,
                          .has_selection = params.has_selection_start,
                          .selection_start = params.selection_start,
                          .selection_end = params.selection_end,
                          .has_annotation = params.has_annotation,
                          .annotation = params.annotation};
    if (params.has_away && params.away)
        place = (struct place){.is_gone = true};
    if (gl_uuid_equal(&subscription->stay, &(gl_uuid){0}))
        subscription->stay = gl_uuid_v7((uint64_t)loop_unix_ms(request->core->loop));
    struct gl_session_presence_result result = {.peer = subscription->stay};
    go_to(subscription, &place);
    request_reply(request, session_presence, &result);
}
