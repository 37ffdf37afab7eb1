/*
 * person.c - one of the herd: a client, the sessions it has joined, and what it is told.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fire/herd.h"

static struct joined *joined_of(const struct gloss_event *event)
{
    return event->session ? gloss_session_data(event->session) : NULL;
}

/* ---- what comes */

static void on_joined(struct person *person, struct joined *joined, const struct gloss_event *event)
{
    bool knows_since = event->resumed || !joined->is_from_state;
    history_join(&person->history, event, knows_since, event->seq);
    struct gloss_place place;
    gloss_place_init(&place);
    place.begin = wish_random(person, person->herd->length);
    place.end = place.begin;
    (void)gloss_presence_set(joined->session, &place);
}

static void on_down(struct person *person, const struct gloss_event *event)
{
    if (!person->is_connected) {
        return; /* one more try that failed */
    }
    person->is_connected = false;
    person->herd->board->connected--;
    person->herd->board->cuts++;
    history_word(&person->history, "cut", NULL, "why", event->error->message);
    wish_cut(person);
}

/* A session of another project, which nobody of this one may see: whatever comes of it but a refusal is for the checker. */
static void on_foreign(struct person *person, const struct gloss_event *event)
{
    if (event->type == GLOSS_EV_ERROR) {
        history_word(&person->history, "denied", gloss_session_id(event->session), "name", event->error->name);
    } else if (event->type == GLOSS_EV_OP) {
        history_op(&person->history, event, false);
    } else if (event->type == GLOSS_EV_JOINED) {
        history_join(&person->history, event, true, event->seq);
    }
}

static void on_error(struct person *person, struct joined *joined, const struct gloss_event *event)
{
    if (!joined) {
        herd_die(person->name, event->error->message);
    }
    history_word(&person->history, "failed", joined->id, "what", event->error->message);
    joined->session = NULL; /* it stays where it is for ever: the stage notices */
}

static void on_event(struct gloss *g, const struct gloss_event *event, void *arg)
{
    struct person *person = arg;
    struct joined *joined = joined_of(event);
    (void)g;
    if (event->session && !joined) {
        on_foreign(person, event);
        return;
    }
    switch (event->type) {
    case GLOSS_EV_CONNECTED:
        person->is_connected = true;
        person->herd->board->connected++;
        break;
    case GLOSS_EV_DISCONNECTED: on_down(person, event); break;
    case GLOSS_EV_JOINED: on_joined(person, joined, event); break;
    case GLOSS_EV_SYNCED:
        *joined->seq = event->seq;
        history_state(&person->history, joined->session);
        break;
    case GLOSS_EV_OP:
        herd_delivered(joined, event);
        *joined->seq = event->seq;
        history_op(&person->history, event, !joined->is_from_state || gloss_session_is_synced(joined->session));
        break;
    case GLOSS_EV_RESYNC: history_word(&person->history, "resync", joined->id, "why", event->error->name); break;
    case GLOSS_EV_PRESENCE:
        if (!event->peer->gone) {
            history_word(&person->history, "presence", joined->id, "who", event->peer->account);
        }
        break;
    case GLOSS_EV_ERROR: on_error(person, joined, event); break;
    default: break;
    }
}

/* ---- from begin to end */

static char *read_token(const char *path)
{
    char line[256];
    FILE *file = fopen(path, "r");
    if (!file || !fgets(line, sizeof line, file)) {
        herd_die("a token cannot be read", path);
    }
    (void)fclose(file);
    line[strcspn(line, "\n")] = '\0';
    return strdup(line);
}

static void join(struct person *person, const char *session, bool is_from_state, bool is_stranger)
{
    struct gloss_join options;
    struct joined *joined = &person->joined[person->count];
    gloss_join_init(&options);
    options.names = false;
    options.from = is_from_state ? GLOSS_FROM_STATE : GLOSS_FROM_LOG;
    joined->person = person;
    joined->id = session;
    joined->is_from_state = is_from_state;
    if (gloss_join(person->gloss, session, &options, &joined->session) != 0) {
        herd_die(person->name, gloss_last_error(person->gloss)->message);
    }
    if (!is_stranger) {
        gloss_session_set_data(joined->session, joined);
        person->count++;
    }
}

static void join_all(struct person *person, const json_t *about)
{
    size_t i;
    const json_t *session;
    bool is_from_state = json_is_true(json_object_get(about, "from_state"));
    json_array_foreach(json_object_get(about, "sessions"), i, session)
    {
        join(person, json_string_value(session), is_from_state, false);
    }
    const char *foreign = json_string_value(json_object_get(about, "foreign"));
    if (foreign) {
        join(person, foreign, false, true);
    }
}

void person_start(struct person *person, const json_t *config, const json_t *about)
{
    struct gloss_config options;
    struct gloss_error error;
    char *token = read_token(json_string_value(json_object_get(about, "token_file")));
    gloss_config_init(&options);
    options.url = json_string_value(json_object_get(config, "url"));
    options.ca_file = json_string_value(json_object_get(config, "ca"));
    options.token = token;
    options.on_event = on_event;
    options.arg = person;
    person->name = json_string_value(json_object_get(about, "name"));
    history_open(&person->history, json_string_value(json_object_get(config, "folder")), person->name, person->herd->begin_ns);
    history_word(&person->history, "who", NULL, "user", json_string_value(json_object_get(about, "user")));
    person->gloss = gloss_new(&options, &error);
    free(token);
    if (!person->gloss) {
        herd_die(person->name, error.message);
    }
    join_all(person, about);
    if (gloss_connect(person->gloss) != 0) {
        herd_die(person->name, gloss_last_error(person->gloss)->message);
    }
}

struct gloss_session *person_some_session(struct person *person, struct joined **joined)
{
    *joined = &person->joined[wish_random(person, person->count)];
    struct gloss_session *session = (*joined)->session;
    return session && gloss_session_is_joined(session) && gloss_session_is_synced(session) ? session : NULL;
}

void person_tell_state(struct person *person)
{
    for (size_t i = 0; i < person->count; i++) {
        if (person->joined[i].session) {
            history_state(&person->history, person->joined[i].session);
        }
    }
}

void person_end(struct person *person)
{
    wish_forget(person);
    gloss_free(&person->gloss);
    history_close(&person->history);
}
