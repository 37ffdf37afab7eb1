/* person.c - see person.h: the life of a client, and its ops. What it asks for is made in wishes.c. */
#include "tests/sim/person.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/lib/transport.h"
#include "service/base/mem.h"
#include "tests/sim/wire.h"
#include "tests/sim/wishes.h"

#define ASKED_MAX 600

struct person {
    size_t index;
    struct gloss *g;
    struct gloss_session *sessions[SESSIONS_OF_PERSON];
    bool has_failed[SESSIONS_OF_PERSON];
    const char *state[SESSIONS_OF_PERSON]; /* for cover() */
    uint64_t last_op[SESSIONS_OF_PERSON];  /* that it was told; 0: start anew */
    bool is_due;
    uint64_t wake_ms;
};
static struct person people[PEOPLE_MAX];
struct asked *asked;
size_t asked_count;

size_t person_of_session(size_t person, size_t which)
{
    if (person == OWNER_OF_Q)
        return which == 0 ? 4 : LOGS;
    bool has_one = person == 2 || person == LATE;
    return person == STRANGER || (has_one && which > 0) ? LOGS : FIRST_SESSION + which;
}

static size_t which_of(const struct person *person, const struct gloss_session *session)
{
    return session == person->sessions[0] ? 0 : 1;
}

/* ---- turns */

static void turn(void *ctx, uint64_t arg);

static void wake_at(struct person *person, uint64_t ms)
{
    if (person->wake_ms > world.now_ms && person->wake_ms <= ms)
        return;
    person->wake_ms = ms;
    world_at(ms - world.now_ms, turn, person, 1);
}

static void turn(void *ctx, uint64_t is_timer)
{
    struct person *person = ctx;
    if (is_timer == 0)
        person->is_due = false;
    if (!person->g || world.is_over)
        return;
    (void)gloss_process(person->g);
    if (!person->g)
        return;
    int timeout = gloss_timeout_ms(person->g);
    if (timeout == 0)
        person_wake(person->index);
    else if (timeout > 0)
        wake_at(person, world.now_ms + (uint64_t)timeout);
}

void person_wake(size_t index)
{
    struct person *person = &people[index];
    if (person->is_due || world.is_over)
        return;
    person->is_due = true;
    world_at(0, turn, person, 0);
}

/* ---- what it is told */

static void on_op(struct person *person, const struct gloss_event *event)
{
    size_t which = which_of(person, event->session);
    uint64_t *last = &person->last_op[which];
    if (*last > 0 && event->seq != *last + 1)
        broken(2, "libgloss told person %zu op %" PRIu64 " behind op %" PRIu64, person->index, event->seq, *last);
    *last = event->seq;
}

static void passes(struct person *person, size_t which, const char *event, const char *to)
{
    if (person->state[which])
        cover(COVER_SESSION, person->state[which], event);
    person->state[which] = to;
}

/* Then whoever lacks an erased op, or is in the middle of it, begins with the state. */
static bool has_erased(const struct person *person, size_t which)
{
    const struct db_log *log = &database.logs[person_of_session(person->index, which)];
    uint64_t seq = log->head;
    while (seq > 0 && log->ops[seq - 1].erased_by == 0)
        seq--;
    return seq > 0;
}

static void on_error(struct person *person, const struct gloss_event *event)
{
    size_t which = event->session ? which_of(person, event->session) : 0;
    const struct gloss_error *error = event->error;
    trace("person %zu  gives up: %s %s", person->index, error->name, error->message);
    SAW(sessions_failed);
    person->has_failed[which] = true;
    if (event->session)
        passes(person, which, "failed", "failed");
    bool is_right = error->code == GLOSS_E_NOT_FOUND || error->code == GLOSS_E_FORBIDDEN;
    if (person->index == 0 && has_erased(person, which)) /* who reads the log from its beginning cannot go on over it */
        is_right |= error->code == GLOSS_E_ARCHIVED;
    if (!is_right)
        broken(5, "the replica of person %zu failed: %s (%s)", person->index, error->message, error->name);
}

static void on_resync(struct person *person, const struct gloss_event *event)
{
    size_t which = which_of(person, event->session);
    trace("person %zu  reads the state anew: %s", person->index, event->error->name);
    SAW(resyncs_told);
    passes(person, which, "read anew", "away");
    if (event->error->code != GLOSS_E_ARCHIVED || !has_erased(person, which))
        broken(5, "person %zu was told that the log is another one", person->index); /* it never is, here */
    person->last_op[which] = 0;
}

static void on_event(struct gloss *g, const struct gloss_event *event, void *arg)
{
    struct person *person = arg;
    (void)g;
    switch (event->type) {
    case GLOSS_EV_OP: on_op(person, event); break;
    case GLOSS_EV_ERROR: on_error(person, event); break;
    case GLOSS_EV_RESYNC: on_resync(person, event); break;
    case GLOSS_EV_DISCONNECTED:
        for (size_t i = 0; i < SESSIONS_OF_PERSON; i++)
            if (person->state[i] && strcmp(person->state[i], "failed") != 0 && strcmp(person->state[i], "away") != 0)
                passes(person, i, "lost", "away");
        break;
    case GLOSS_EV_JOINED:
        passes(person, which_of(person, event->session), event->resumed ? "resumed" : "joined", "reading");
        if (event->resumed)
            SAW(joins_resumed);
        else
            SAW(joins_new);
        break;
    case GLOSS_EV_NOTICE: SAW(notices); break;
    case GLOSS_EV_SYNCED:
        passes(person, which_of(person, event->session), "synced", "synced");
        SAW(synced);
        break;
    default: break;
    }
}

struct asked *asked_refused_for(const struct asked *it)
{
    const char *base = json_string_value(json_object_get(it->op, "base"));
    const char *path = json_string_value(json_object_get(it->data, "path"));
    gl_uuid id;
    bool is_for_base =
        it->code == GLOSS_E_DEPENDS_ON_REFUSED || (it->code == GLOSS_E_INVALID_PARAMS && path && strcmp(path, "base") == 0);
    struct asked *built_on = is_for_base && base && gl_uuid_parse(gl_slice_str(base), &id) ? asked_of(&id) : NULL;
    return built_on && built_on < it && !built_on->is_by_hand && built_on->person == it->person && built_on->log == it->log
               ? built_on
               : NULL;
}

/* Whether an op may be had for what it builds on is not known before that has its answer. */
static void check_not_early(const struct asked *it)
{
    const struct asked *built_on = asked_refused_for(it);
    if (built_on && built_on->is_under_way && (it->count == 0 || built_on->first != it->first))
        broken(4, "op %s was refused because of what it builds on, and that has no answer yet", it->text);
}

static void take_refusal(struct asked *it, const struct gloss_error *error)
{
    it->code = error->code;
    cover(COVER_VERDICT, json_string_value(json_object_get(json_object_get(it->op, "change"), "kind")), error->name);
    json_decref(it->data);
    it->data = json_incref(error->data);
    check_not_early(it);
    world.tally->refusals[gl_code_from_wire(error->code)]++;
    SAW(ops_refused);
    trace("person %zu  op %s of %zu is refused: %s", it->person, it->text, it->log, error->name);
}

static void take_seq(struct asked *it, const struct gloss_result *result)
{
    const struct db_log *log = &database.logs[it->log];
    it->seq = result->seq;
    it->is_repeated = result->repeated;
    cover(COVER_VERDICT, json_string_value(json_object_get(json_object_get(it->op, "change"), "kind")),
          result->repeated ? "repeated" : "accepted");
    if (result->repeated)
        SAW(ops_repeated);
    SAW(ops_accepted);
    trace("person %zu  op %s of %zu is accepted: %" PRIu64 "%s", it->person, it->text, it->log, it->seq,
          result->repeated ? ", again" : "");
    if (it->seq > log->head || !gl_uuid_equal(&log->ops[it->seq - 1].id, &it->id))
        broken(1, "person %zu was told that its op has seq %" PRIu64 ", and the log has another there, or none", it->person,
               it->seq);
}

static void on_result(struct gloss_session *session, const struct gloss_result *result, void *arg)
{
    struct asked *it = (struct asked *)arg + result->index;
    (void)session;
    it->is_under_way = false;
    if (world.is_over)
        return;
    if (strcmp(it->text, result->op) != 0)
        broken(3, "libgloss answered op %s with the result of %s", it->text, result->op);
    if (result->error && (result->error->code == GLOSS_E_DISCONNECTED || result->error->code == GLOSS_E_RESYNC))
        return; /* not known: it is sent again */
    if (result->error && people[it->person].has_failed[person_of_session(it->person, 0) == it->log ? 0 : 1])
        return;
    it->is_done = true;
    it->done_ms = world.now_ms;
    if (result->error)
        take_refusal(it, result->error);
    else
        take_seq(it, result);
}

/* ---- asking */

static void submit(struct person *person, struct asked *first, size_t count, bool is_atomic)
{
    size_t which = person_of_session(person->index, 0) == first->log ? 0 : 1;
    json_t *ops = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append(ops, first[i].op);
        first[i].is_under_way = true;
    }
    if (gloss_submit(person->sessions[which], ops, is_atomic, on_result, first) != GLOSS_OK)
        for (size_t i = 0; i < count; i++)
            first[i].is_under_way = false;
    json_decref(ops);
    person_wake(person->index);
}

/* What has no answer is asked again: same id, same words. */
static void ask_again(struct person *person)
{
    for (size_t i = 0; i < asked_count; i++) {
        struct asked *it = &asked[i];
        size_t count = it->count ? it->count : 1;
        bool is_mine = it->person == person->index && it->first == i;
        if (!is_mine)
            continue;
        bool must = false, may = true;
        for (size_t n = 0; n < count; n++) {
            must |= !asked[i + n].is_done;
            may &= !asked[i + n].is_under_way;
        }
        if (must && may)
            submit(person, it, count, it->count > 0);
    }
}

static struct asked *add(const struct person *person, size_t log, json_t *change, json_t *base)
{
    struct asked *it = &asked[asked_count];
    *it = (struct asked){.person = person->index, .log = log, .first = asked_count};
    it->id = gl_uuid_derive("sim op", &asked_count, sizeof asked_count);
    gl_uuid_format(&it->id, it->text);
    it->op = json_pack("{s:s, s:o, s:o?}", "id", it->text, "change", change, "base", base);
    if (!base)
        json_object_del(it->op, "base");
    asked_count++;
    SAW(ops_asked);
    return it;
}

struct asked *asked_of(const gl_uuid *id)
{
    for (size_t i = 0; i < asked_count; i++)
        if (gl_uuid_equal(&asked[i].id, id))
            return &asked[i];
    return NULL;
}

struct asked *asked_by_hand(size_t person, size_t log, json_t *change, json_t *base)
{
    if (asked_count == ASKED_MAX) {
        json_decref(change);
        json_decref(base);
        return NULL;
    }
    struct asked *it = add(&people[person], log, change, base);
    it->is_done = true; /* nobody waits for its answer */
    it->is_by_hand = true;
    it->code = NO_ANSWER;
    it->done_ms = world.now_ms;
    return it;
}

struct gloss_session *person_session(size_t person, size_t which)
{
    return people[person].g ? people[person].sessions[which] : NULL;
}

/* The latest op of that person in that session, to build on. */
static const struct asked *own_latest(const struct person *person, size_t log)
{
    for (size_t i = asked_count; i-- > 0;)
        if (asked[i].person == person->index && asked[i].log == log && !asked[i].is_by_hand)
            return &asked[i];
    return NULL;
}

static json_t *draw_base(const struct person *person, size_t log, const struct gloss_session *session)
{
    uint64_t seq = gloss_session_seq(session);
    const struct asked *mine = own_latest(person, log);
    if (asked_count > 0 && chance(DICE_PEOPLE, 15))
        return json_string(asked[draw(DICE_PEOPLE, asked_count)].text); /* perhaps somebody else's, or in another session */
    if (mine && chance(DICE_PEOPLE, 120)) {
        SAW(ops_based_on_ops);
        return json_string(mine->text);
    }
    if (chance(DICE_PEOPLE, 200))
        return json_integer((json_int_t)(seq - draw(DICE_PEOPLE, seq < 8 ? seq + 1 : 8)));
    return json_integer((json_int_t)seq);
}

void person_asks(size_t index, unsigned count)
{
    struct person *person = &people[index];
    size_t which = draw(DICE_PEOPLE, 4) == 0 && person_of_session(index, 1) != LOGS, log = person_of_session(index, which);
    struct gloss_session *session = person->sessions[which];
    if (!person->g || !session || asked_count + count > ASKED_MAX)
        return;
    bool is_atomic = count > 1 && chance(DICE_PEOPLE, 500);
    struct asked *first = &asked[asked_count];
    for (unsigned i = 0; i < count; i++) {
        bool needs_base;
        json_t *change = wish(session, index, log, &needs_base);
        struct asked *it = add(person, log, change, needs_base ? draw_base(person, log, session) : NULL);
        it->first = is_atomic ? (size_t)(first - asked) : it->first;
        it->count = is_atomic ? count : 0;
        char *text = world.plan.is_traced ? json_dumps(it->op, JSON_COMPACT) : NULL;
        trace("person %zu  asks in %zu: %s", index, log, text ? text : "");
        free(text);
        if (!is_atomic)
            submit(person, it, 1, false);
    }
    if (is_atomic) {
        SAW(atomic_groups);
        submit(person, first, count, true);
    }
}

/* ---- coming and going */

static void join(struct person *person, size_t which)
{
    char id[GL_UUID_TEXT + 1];
    struct gloss_join options;
    size_t log = person_of_session(person->index, which);
    if (log == LOGS)
        return;
    gl_uuid_format(&database.logs[log].id, id);
    gloss_join_init(&options);
    options.names = false;
    options.from = person->index == 0 && !has_erased(person, which) ? GLOSS_FROM_LOG : GLOSS_FROM_STATE;
    person->last_op[which] = 0;
    person->has_failed[which] = false;
    person->state[which] = "away";
    if (gloss_join(person->g, id, &options, &person->sessions[which]) != GLOSS_OK)
        broken(8, "person %zu cannot join", person->index);
}

void person_comes(size_t index)
{
    struct person *person = &people[index];
    struct gloss_config config;
    char url[8];
    if (person->g)
        return;
    snprintf(url, sizeof url, "%zu", index);
    gloss_config_init(&config);
    config.url = url;
    config.token = "a token";
    config.on_event = on_event;
    config.arg = person;
    config.silence_timeout_ms = 4000;
    person->g = gloss_new(&config, NULL);
    for (size_t i = 0; i < SESSIONS_OF_PERSON; i++)
        join(person, i);
    gloss_connect(person->g);
    ask_again(person);
    person_wake(index);
    trace("person %zu  comes", index);
}

static void comes_back(void *ctx, uint64_t index)
{
    (void)ctx;
    if (!world.is_over)
        person_comes((size_t)index);
}

static void leave(struct person *person)
{
    gloss_free(&person->g);
    for (size_t i = 0; i < SESSIONS_OF_PERSON; i++)
        person->sessions[i] = NULL;
    for (size_t i = 0; i < asked_count; i++)
        if (asked[i].person == person->index)
            asked[i].is_under_way = false;
}

void person_quit(size_t index)
{
    if (!people[index].g)
        return;
    trace("person %zu  is killed", index);
    leave(&people[index]);
    world_at(20 + draw(DICE_FAULT, 1000), comes_back, NULL, index);
}

bool person_is_lost(size_t index)
{
    const struct person *person = &people[index];
    return person->g && (person->has_failed[0] || person->has_failed[1]);
}

void person_rejoins(size_t index)
{
    struct person *person = &people[index];
    if (!person->g)
        return;
    for (size_t i = 0; i < SESSIONS_OF_PERSON; i++) {
        if (!person->sessions[i])
            continue;
        gloss_leave(&person->sessions[i]);
        passes(person, i, "joined anew", "away");
        join(person, i);
        SAW(rejoins);
    }
    ask_again(person);
    person_wake(index);
}

/* ---- the end */

static bool is_member(size_t person, size_t log)
{
    return database.projects[database.logs[log].project].roles[person] >= GL_VIEWER;
}

static bool stands_at_end(const struct person *person, size_t which)
{
    const struct gloss_session *session = person->sessions[which];
    const struct db_log *log = &database.logs[person_of_session(person->index, which)];
    return gloss_session_is_synced(session) && gloss_session_seq(session) == log->head;
}

bool people_are_done(char *why, size_t size)
{
    for (size_t i = 0; i < asked_count; i++) {
        if (!asked[i].is_done && is_member(asked[i].person, asked[i].log)) {
            snprintf(why, size, "op %s of person %zu in %zu has no answer", asked[i].text, asked[i].person, asked[i].log);
            return false;
        }
    }
    for (size_t i = 0; i < PEOPLE_MAX; i++) {
        for (size_t n = 0; people[i].g && n < SESSIONS_OF_PERSON; n++) {
            size_t log = person_of_session(i, n);
            if (log == LOGS || !is_member(i, log) || stands_at_end(&people[i], n))
                continue;
            snprintf(why, size, "person %zu stands at %" PRIu64 " of %zu%s, the log ends at %" PRIu64, i,
                     gloss_session_seq(people[i].sessions[n]), log,
                     gloss_session_is_joined(people[i].sessions[n]) ? "" : " (not joined)", database.logs[log].head);
            return false;
        }
    }
    return true;
}

static void check_one(const struct person *person, size_t which)
{
    const struct gloss_session *session = person->sessions[which];
    const struct db_log *log = &database.logs[person_of_session(person->index, which)];
    char chain[GLOSS_HASH], sum[GLOSS_HASH];
    gl_hash hash;
    gloss_session_chain(session, chain);
    if (!gl_hex_decode(gl_slice_str(chain), hash.bytes, 32) || !gl_hash_equal(&hash, &log->chain))
        broken(5, "the chain of person %zu at %" PRIu64 " is not that of the log", person->index, log->head);
    if (!gloss_session_state_sum(session, sum) || !gl_hex_decode(gl_slice_str(sum), hash.bytes, 32) ||
        !gl_hash_equal(&hash, &log->sum))
        broken(5, "the state of person %zu at %" PRIu64 " is not that of the database", person->index, log->head);
    if (gloss_annotation_count(session) != log->record_count || gloss_annotation_live(session) != log->live_count)
        broken(5, "person %zu has %zu annotations, %zu of them live; the database %zu and %" PRIu64, person->index,
               gloss_annotation_count(session), gloss_annotation_live(session), log->record_count, log->live_count);
    if (strcmp(gloss_session_mode(session), log->mode) != 0)
        broken(5, "person %zu believes that %zu is %s; it is %s", person->index, person_of_session(person->index, which),
               gloss_session_mode(session), log->mode);
    const char *role = gl_role_name(db_project_of(log)->roles[person->index]);
    if (strcmp(gloss_session_role(session), role) != 0)
        broken(7, "person %zu believes to be %s; it is %s", person->index, gloss_session_role(session), role);
}

void people_check_converged(void)
{
    for (size_t i = 0; i < PEOPLE_MAX; i++)
        for (size_t n = 0; people[i].g && n < SESSIONS_OF_PERSON; n++)
            if (person_of_session(i, n) != LOGS && is_member(i, person_of_session(i, n)))
                check_one(&people[i], n);
}

void people_begin(void)
{
    memset(people, 0, sizeof people);
    asked = mem_array(ASKED_MAX, sizeof *asked);
    asked_count = 0;
    for (size_t i = 0; i < PEOPLE_MAX; i++)
        people[i].index = i;
}

void people_end(void)
{
    for (size_t i = 0; i < PEOPLE_MAX; i++)
        if (people[i].g)
            leave(&people[i]);
    for (size_t i = 0; i < asked_count; i++) {
        json_decref(asked[i].op);
        json_decref(asked[i].data);
    }
    mem_free(&asked);
}
