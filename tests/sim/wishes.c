/* wishes.c - see wishes.h; and those who ask by hand: an op that arrives again, and the stranger. */
#include "tests/sim/wishes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/person.h"
#include "tests/sim/wire.h"

static const char *const QUOTES[] = {"harbour", "quay", "Ships come", "night", "Nobody", "not there"};
static const char *const LABELS[] = {"claim", "evidence", "threat", "doubt"};
static const char *const STATUSES[] = {"proposed", "active", "accepted", "rejected", "resolved"};

static json_t *words(size_t log)
{
    char text[64];
    snprintf(text, sizeof text, "%s %" PRIu64, log == 4 ? "secret of q" : "words of p", draw(DICE_PEOPLE, 1000));
    return json_string(text);
}

/* The latest ones are the ones that others work on, too. NULL: there is none. */
static struct gl_annotation *draw_annotation(const struct gloss_session *session)
{
    size_t count = session ? gloss_annotation_count(session) : 0;
    if (count == 0)
        return NULL;
    return gloss_annotation_at(session, draw(DICE_PEOPLE, 3) ? count - 1 - draw(DICE_PEOPLE, count < 4 ? count : 4)
                                                             : draw(DICE_PEOPLE, count));
}

static json_t *create(const struct gloss_session *session, size_t person, size_t log)
{
    char id[GLOSS_ID];
    const struct gl_annotation *there = draw(DICE_PEOPLE, 3) == 0 ? draw_annotation(session) : NULL;
    json_t *change = json_pack("{s:s, s:{s:s, s:[{s:s}]}, s:o}", "kind", "annotation.create", "target", "type", "spans", "spans",
                               "exact", QUOTES[draw(DICE_PEOPLE, 18) ? draw(DICE_PEOPLE, 5) : 5], "note", words(log));
    if (there) {
        gloss_annotation_id(there, id);
        if (draw(DICE_PEOPLE, 8) == 0) /* the id of one that is there */
            json_object_set_new(change, "annotation", json_string(id));
        else /* a reply */
            json_object_set_new(change, "target", json_pack("{s:s, s:s}", "type", "annotation", "annotation", id));
    }
    if (draw(DICE_PEOPLE, 3) == 0)
        json_object_set_new(change, "label", json_string(LABELS[draw(DICE_PEOPLE, 4)]));
    if (draw(DICE_PEOPLE, 5) == 0)
        json_object_set_new(change, "attributes", json_pack("{s:i}", "weight", (int)person));
    return change;
}

static void put_field(json_t *change, size_t log)
{
    switch (draw(DICE_PEOPLE, 8)) {
    case 0: json_object_set_new(change, "label", json_string(LABELS[draw(DICE_PEOPLE, 4)])); break;
    case 1: json_object_set_new(change, "attributes", json_pack("{s:I}", "weight", (json_int_t)draw(DICE_PEOPLE, 9))); break;
    case 2: json_object_set_new(change, "attributes", json_pack("{s:o}", "colour", words(log))); break;
    case 3: json_object_set_new(change, "status", json_string(STATUSES[draw(DICE_PEOPLE, 5)])); break;
    case 4:
        json_object_set_new(change, "target",
                            json_pack("{s:s, s:[{s:s}]}", "type", "spans", "spans", "exact", QUOTES[draw(DICE_PEOPLE, 5)]));
        break;
    default: json_object_set_new(change, "note", draw(DICE_PEOPLE, 6) ? words(log) : json_null()); break;
    }
}

static json_t *update(const char *annotation, size_t log)
{
    json_t *change = json_pack("{s:s, s:s}", "kind", "annotation.update", "annotation", annotation);
    put_field(change, log);
    if (draw(DICE_PEOPLE, 3) == 0)
        put_field(change, log);
    return change;
}

/* Of one or two annotations, whoever wrote on them; or one's own words there, or all of one's own, or of somebody else. */
static json_t *redact(const struct gloss_session *session, const char *annotation, size_t person)
{
    char account[GL_UUID_TEXT + 1], other[GLOSS_ID];
    json_t *change = json_pack("{s:s}", "kind", "redact"), *list = json_pack("[s]", annotation);
    uint64_t sort = draw(DICE_PEOPLE, 5);
    gl_uuid_format(&database.accounts[draw(DICE_PEOPLE, 4) ? person : draw(DICE_PEOPLE, WORKERS_OF_P)], account);
    gloss_annotation_id(draw_annotation(session), other);
    if (strcmp(other, annotation) != 0 && draw(DICE_PEOPLE, 2))
        json_array_append_new(list, json_string(other));
    if (sort < 4)
        json_object_set(change, "annotations", list);
    if (sort > 1)
        json_object_set_new(change, "account", json_string(account));
    if (draw(DICE_PEOPLE, 3) == 0)
        json_object_set_new(change, "reason", json_string("nobody wanted it"));
    json_decref(list);
    return change;
}

/* In every other seed: whoever lacks an erased op reads the state, so there is less in such a seed of what goes on from where it was. */
static bool wants_to_erase(void)
{
    return world.plan.seed % 2 == 0 && fault_may(FAULT_erase) && chance(DICE_PEOPLE, 50);
}

json_t *wish(const struct gloss_session *session, size_t person, size_t log, bool *needs_base)
{
    size_t count = gloss_annotation_count(session);
    char annotation[GLOSS_ID];
    *needs_base = false;
    bool is_closed = strcmp(database.logs[log].mode, "closed") == 0;
    if (draw(DICE_PEOPLE, is_closed ? 2 : 250) == 0)
        return json_pack("{s:s, s:s}", "kind", "session.mode", "mode", is_closed ? "shared" : "closed");
    if (count == 0 || draw(DICE_PEOPLE, 100) < (count < 12 ? 30 : 6))
        return create(session, person, log);
    struct gl_annotation *target = draw_annotation(session);
    gloss_annotation_id(target, annotation);
    *needs_base = true;
    if (wants_to_erase()) {
        fault_bit(FAULT_erase);
        return redact(session, annotation, person);
    }
    if (gloss_annotation_is_deleted(target) ? draw(DICE_PEOPLE, 4) > 0 : draw(DICE_PEOPLE, 14) == 0)
        return json_pack("{s:s, s:s}", "kind", gloss_annotation_is_deleted(target) ? "annotation.restore" : "annotation.delete",
                         "annotation", annotation);
    return update(annotation, log);
}

/* ---- by hand */

static json_t *request(uint64_t id, size_t log, json_t *ops)
{
    char session[GL_UUID_TEXT + 1];
    gl_uuid_format(&database.logs[log].id, session);
    return json_pack("{s:s, s:I, s:s, s:{s:s, s:b, s:o}}", "jsonrpc", "2.0", "id", (json_int_t)id, "method", "session.submit",
                     "params", "session", session, "atomic", 0, "ops", ops);
}

struct visit {
    struct conn *conn;
    const struct asked *asked;
    size_t person;
    bool is_other_words, is_somebody_else;
    uint64_t sent_ms;
};

static void on_repeated(void *ctx, const json_t *message)
{
    struct visit *visit = ctx;
    const struct asked *it = visit->asked;
    if (!message) {
        free(visit);
        return;
    }
    if (world.is_over)
        return;
    const json_t *result = json_array_get(json_object_get(json_object_get(message, "result"), "results"), 0);
    const char *error = json_string_value(json_object_get(json_object_get(json_object_get(result, "error"), "data"), "name"));
    uint64_t seq = (uint64_t)json_integer_value(json_object_get(result, "seq"));
    bool is_later = !error || strcmp(error, "store_down") == 0 || strcmp(error, "unknown_outcome") == 0 ||
                    strcmp(error, "forbidden") == 0 || strcmp(error, "resync") == 0 || strcmp(error, "shutting_down") == 0 ||
                    strcmp(error, "not_found") == 0 || strcmp(error, "internal") == 0 || strcmp(error, "busy") == 0;
    /* whose right went meanwhile is refused for whatever reason comes first */
    is_later |= db_project_of(&database.logs[it->log])->role_since_ms[visit->person] >= visit->sent_ms;
    const bool is_new = visit->is_other_words || visit->is_somebody_else;
    if (!is_new && seq > 0 && !json_is_true(json_object_get(result, "repeated")))
        broken(3, "op %s was sent again, and answered as if it were new", it->text);
    if (is_new && seq > 0)
        broken(3, "op %s was accepted with other words or from somebody else, and answered %" PRIu64, it->text, seq);
    else if (!is_new && seq > 0 && seq != it->seq)
        broken(3, "op %s was answered %" PRIu64 ", and sent again %" PRIu64, it->text, it->seq, seq);
    else if (!is_later && strcmp(error, is_new ? "id_reused" : "") != 0)
        broken(3, "op %s was accepted as %" PRIu64 ", and sent again refused: %s", it->text, it->seq, error);
    if (error && strcmp(error, "id_reused") == 0)
        SAW(id_reuse_refused);
    wire_hang_up(visit->conn);
    free(visit);
}

void op_arrives_again(void)
{
    struct worker *worker = &workers[draw(DICE_FAULT, worker_count)];
    struct asked *it = asked_count > 0 ? &asked[draw(DICE_FAULT, asked_count)] : NULL;
    if (!it || !it->is_done || !it->seq || it->person == OWNER_OF_Q || !worker->core || worker->is_draining)
        return;
    struct visit *visit = calloc(1, sizeof *visit);
    visit->asked = it;
    visit->is_other_words = draw(DICE_FAULT, 3) == 0;
    visit->sent_ms = world.now_ms;
    visit->is_somebody_else = it->log == FIRST_SESSION && draw(DICE_FAULT, 5) == 0;
    visit->person = visit->is_somebody_else ? (it->person + 1) % WORKERS_OF_P : it->person;
    visit->conn = wire_dial(worker, visit->person, on_repeated, visit);
    json_t *op = json_deep_copy(it->op);
    if (visit->is_other_words && json_is_integer(json_object_get(op, "base")) && draw(DICE_FAULT, 2))
        json_object_set_new(op, "base", json_integer(json_integer_value(json_object_get(op, "base")) + 1));
    else if (visit->is_other_words)
        json_object_set_new(json_object_get(op, "change"), "note", json_string("other words of p"));
    trace("person %zu  sends op %s to worker %zu again%s", visit->person, it->text, worker->index,
          visit->is_other_words ? ", with other words" : "");
    wire_send(visit->conn, request(1, it->log, json_pack("[o]", op)));
}

/* ---- a script: one op by a connection that has joined nothing */

struct post {
    struct conn *conn;
    size_t asked;
};

static bool is_for_later(const char *name)
{
    static const char *const names[] = {"store_down", "unknown_outcome", "shutting_down", "busy",
                                        "internal",   "resync",          "disconnected"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static void on_posted(void *ctx, const json_t *message)
{
    struct post *post = ctx;
    if (!message) {
        free(post);
        return;
    }
    if (world.is_over)
        return; /* the history is gone; the end of the connection is still to come */
    struct asked *it = &asked[post->asked];
    const json_t *result = json_array_get(json_object_get(json_object_get(message, "result"), "results"), 0);
    const json_t *error = json_object_get(result, "error");
    const char *name = json_string_value(json_object_get(json_object_get(error, "data"), "name"));
    it->done_ms = world.now_ms;
    it->seq = (uint64_t)json_integer_value(json_object_get(result, "seq"));
    if (name && !is_for_later(name)) {
        it->code = (int)json_integer_value(json_object_get(error, "code"));
        it->data = json_incref(json_object_get(error, "data"));
    }
    SAW(posted);
    wire_hang_up(post->conn);
    free(post);
}

void post_by_hand(size_t person)
{
    struct worker *worker = &workers[draw(DICE_PEOPLE, worker_count)];
    struct gloss_session *session = person_session(person, 0);
    bool needs_base;
    if (!worker->core || worker->is_draining || !session || !gloss_session_is_synced(session))
        return;
    size_t log = person_of_session(person, 0);
    uint64_t seq = gloss_session_seq(session) + (draw(DICE_PEOPLE, 6) ? 0 : 1 + draw(DICE_PEOPLE, 3)); /* what nobody has seen */
    json_t *change = wish(session, person, log, &needs_base);
    struct asked *it = asked_by_hand(person, log, change, needs_base ? json_integer((json_int_t)seq) : NULL);
    if (!it)
        return;
    struct post *post = calloc(1, sizeof *post);
    post->asked = (size_t)(it - asked);
    post->conn = wire_dial(worker, person, on_posted, post);
    trace("person %zu  posts %s to worker %zu", person, it->text, worker->index);
    wire_send(post->conn, request(1, log, json_pack("[O]", it->op)));
}

/* Somebody who has joined, and hears everything, and never does what it is told. */
static void on_heard(void *ctx, const json_t *message)
{
    (void)ctx;
    (void)message;
}

void lurk(size_t person)
{
    struct worker *worker = &workers[draw(DICE_PEOPLE, worker_count)];
    char session[GL_UUID_TEXT + 1];
    if (!worker->core || worker->is_draining)
        return;
    gl_uuid_format(&database.logs[FIRST_SESSION].id, session);
    wire_send(wire_dial(worker, person, on_heard, NULL), json_pack("{s:s, s:i, s:s, s:{s:s}}", "jsonrpc", "2.0", "id", 1,
                                                                   "method", "session.join", "params", "session", session));
}

static void on_refused(void *ctx, const json_t *message)
{
    struct visit *visit = ctx;
    if (!message) {
        free(visit);
        return;
    }
    if (json_object_get(message, "result") || json_object_get(message, "method"))
        broken(7, "a stranger was let in");
    const char *error = json_string_value(json_object_get(json_object_get(json_object_get(message, "error"), "data"), "name"));
    if (error && strcmp(error, "forbidden") == 0)
        broken(7, "a stranger was told that there is something he may not do");
    SAW(strangers_refused);
    wire_hang_up(visit->conn);
    free(visit);
}

void stranger_knocks(void)
{
    struct worker *worker = &workers[draw(DICE_PEOPLE, worker_count)];
    if (!worker->core || worker->is_draining)
        return;
    size_t log = FIRST_SESSION + draw(DICE_PEOPLE, 3),
           person = draw(DICE_PEOPLE, 2) || log == 4 ? (size_t)STRANGER : (size_t)OWNER_OF_Q;
    char session[GL_UUID_TEXT + 1];
    struct visit *visit = calloc(1, sizeof *visit);
    gl_uuid_format(&database.logs[log].id, session);
    visit->conn = wire_dial(worker, person, on_refused, visit);
    if (draw(DICE_PEOPLE, 2))
        wire_send(visit->conn, json_pack("{s:s, s:i, s:s, s:{s:s}}", "jsonrpc", "2.0", "id", 1, "method", "session.join",
                                         "params", "session", session));
    else
        wire_send(visit->conn, request(1, log,
                                       json_pack("[{s:s, s:o}]", "id", "00000000-0000-7000-8000-000000000001", "change",
                                                 create(NULL, person, log))));
}
