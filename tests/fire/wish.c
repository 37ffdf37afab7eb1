/*
 * wish.c - what people ask for: new annotations, changes of what others have made, some of them made with an old state in view, and now and
 * then the same once more. Every ask is kept until it is answered.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fire/herd.h"

#define NEWEST    40 /* annotations that people change: few, so that they meet */
#define OLD_VIEW  30 /* how many ops somebody may be behind */
#define SPAN_MOST 9

struct ask {
    struct ask *next;
    struct joined *joined;
    char id[GLOSS_ID];
    json_t *op;      /* {"id","base"?,"change"} */
    uint64_t seq;    /* with which it was accepted before; 0: it was not */
    bool is_unknown; /* the connection went before the answer came */
    bool is_other;   /* the id of an earlier op with another change */
};

static const char *const labels[] = {"claim", "evidence", "threat", "actor", "question"};
static const char *const statuses[] = {"active", "accepted", "rejected", "resolved", "proposed"};

uint64_t wish_random(struct person *person, uint64_t below)
{
    person->random += 0x9e3779b97f4a7c15u; /* splitmix64 */
    uint64_t z = person->random;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % (below ? below : 1);
}

#define SOME(person, list) ((list)[wish_random((person), sizeof(list) / sizeof((list)[0]))])

/* ---- what */

static json_t *some_note(struct person *person)
{
    char text[64];
    (void)snprintf(text, sizeof text, "%s says %llu", person->name, (unsigned long long)wish_random(person, 100000));
    return json_string(text);
}

static json_t *make_new(struct person *person)
{
    uint64_t start = wish_random(person, person->herd->length - SPAN_MOST), len = 1 + wish_random(person, SPAN_MOST);
    json_t *change = json_pack("{s:s, s:s, s:{s:s, s:[{s:I, s:I}]}}", "kind", "annotation.create", "label", SOME(person, labels),
                               "target", "type", "spans", "spans", "start", (json_int_t)start, "end", (json_int_t)(start + len));
    if (wish_random(person, 3) == 0) {
        json_object_set_new(change, "note", some_note(person));
    }
    return change;
}

static struct gl_annotation *some_annotation(struct person *person, struct gloss_session *session, char id[GLOSS_ID])
{
    size_t count = gloss_annotation_count(session), most = count < NEWEST ? count : NEWEST;
    struct gl_annotation *found = count ? gloss_annotation_at(session, count - 1 - wish_random(person, most)) : NULL;
    if (found) {
        gloss_annotation_id(found, id);
    }
    return found;
}

static json_t *make_update(struct person *person, const char *id)
{
    json_t *change = json_pack("{s:s, s:s}", "kind", "annotation.update", "annotation", id);
    uint64_t what = wish_random(person, 8);
    if (what < 3) {
        json_object_set_new(change, "note", some_note(person));
    } else if (what < 5) {
        json_object_set_new(change, "label", json_string(SOME(person, labels)));
    } else if (what < 6) {
        json_object_set_new(change, "status", json_string(SOME(person, statuses)));
    } else {
        const char *name = wish_random(person, 2) ? "sure" : "weight";
        json_object_set_new(change, "attributes", json_pack("{s:I}", name, (json_int_t)wish_random(person, 100)));
    }
    return change;
}

static json_t *make_change(struct person *person, struct gloss_session *session)
{
    char id[GLOSS_ID];
    uint64_t what = wish_random(person, 100);
    const struct gl_annotation *found = what < 30 ? NULL : some_annotation(person, session, id);
    if (!found) {
        return make_new(person);
    }
    if (gloss_annotation_is_deleted(found)) {
        return json_pack("{s:s, s:s}", "kind", "annotation.restore", "annotation", id);
    }
    if (what < 40) {
        return json_pack("{s:s, s:{s:s, s:s}, s:o}", "kind", "annotation.create", "target", "type", "annotation", "annotation",
                         id, "note", some_note(person));
    }
    if (what < 46) {
        return json_pack("{s:s, s:s}", "kind", "annotation.delete", "annotation", id);
    }
    return make_update(person, id);
}

/* What its author had seen: everything, or what was there some ops ago. */
static uint64_t some_base(struct person *person, struct gloss_session *session)
{
    uint64_t seq = gloss_session_seq(session);
    uint64_t behind = wish_random(person, 6) == 0 ? wish_random(person, OLD_VIEW) : 0;
    return behind < seq ? seq - behind : 0;
}

/* ---- answers */

static void ask_free(struct ask *ask)
{
    json_decref(ask->op);
    free(ask);
}

static void unlink_ask(struct person *person, const struct ask *ask)
{
    struct ask **at = &person->asks;
    while (*at != ask) {
        at = &(*at)->next;
    }
    *at = ask->next;
    person->unanswered--;
    person->herd->board->in_flight--;
}

static void count_answer(struct person *person, struct ask *ask, const struct gloss_result *result)
{
    struct board *board = person->herd->board;
    board->resolved += ask->is_unknown;
    board->known += ask->is_unknown && result->repeated;
    if (ask->seq > 0 || ask->is_other) {
        return;
    }
    board->acked += result->error == NULL;
    board->refused += result->error != NULL;
    board->conflicts += result->error && (result->error->code == GLOSS_E_STALE || result->error->code == GLOSS_E_CONFLICT ||
                                          result->error->code == GLOSS_E_GONE);
}

static void on_result(struct gloss_session *session, const struct gloss_result *result, void *arg)
{
    struct ask *ask = arg;
    struct person *person = ask->joined->person;
    (void)session;
    unlink_ask(person, ask);
    if (person->herd->is_over) {
        ask_free(ask); /* called back by the end, not by the server */
        return;
    }
    history_result(&person->history, ask->joined->id, result);
    count_answer(person, ask, result);
    if (result->error || ask->seq > 0) {
        ask_free(ask);
        return;
    }
    if (person->last) {
        ask_free(person->last);
    }
    person->last = ask;
    ask->seq = result->seq;
}

/* ---- asking */

static struct ask *ask_new(struct joined *joined, json_t *op)
{
    struct ask *ask = calloc(1, sizeof *ask);
    if (!ask || !op) {
        herd_die("there is no memory", joined->person->name);
    }
    ask->joined = joined;
    ask->op = op;
    (void)snprintf(ask->id, sizeof ask->id, "%s", json_string_value(json_object_get(op, "id")));
    return ask;
}

static void submit(struct person *person, struct gloss_session *session, struct ask *ask)
{
    json_t *ops = json_pack("[O]", ask->op);
    const json_t *change = json_object_get(ask->op, "change"), *base = json_object_get(ask->op, "base");
    bool is_again = ask->seq > 0 || ask->is_other;
    history_ask(&person->history, ask->joined->id, ask->id, change, base, is_again);
    person->herd->board->asked += !is_again;
    person->herd->board->again += is_again;
    person->herd->board->in_flight++;
    person->unanswered++;
    ask->next = person->asks;
    person->asks = ask;
    if (gloss_submit(session, ops, false, on_result, ask) != 0) {
        herd_die("an op was not taken", gloss_last_error(person->gloss)->message);
    }
    json_decref(ops);
}

static json_t *make_op(struct person *person, struct gloss_session *session)
{
    char id[GLOSS_ID];
    gloss_new_id(id);
    return json_pack("{s:s, s:I, s:o}", "id", id, "base", (json_int_t)some_base(person, session), "change",
                     make_change(person, session));
}

/* An op that was accepted before, with the same id: the same change, or (which must be refused) another one. */
static struct ask *ask_again(struct person *person)
{
    const struct ask *last = person->last;
    json_t *op = json_deep_copy(last->op);
    bool is_other = wish_random(person, 4) == 0;
    if (is_other) {
        json_object_set_new(op, "change", make_new(person));
        json_object_set_new(json_object_get(op, "change"), "note", some_note(person));
    }
    struct ask *ask = ask_new(last->joined, op);
    ask->seq = is_other ? 0 : last->seq;
    ask->is_other = is_other;
    return ask;
}

static void ask_once(struct person *person)
{
    struct joined *joined;
    struct gloss_session *session = person_some_session(person, &joined);
    if (!session) {
        return;
    }
    if (person->last && person->last->joined == joined && wish_random(person, 25) == 0) {
        submit(person, session, ask_again(person));
    } else {
        submit(person, session, ask_new(joined, make_op(person, session)));
    }
}

void wish_next(struct person *person, uint64_t now)
{
    const struct herd *herd = person->herd;
    uint64_t step = (uint64_t)(1e9 / herd->rate);
    if (herd->is_quiet || person->count == 0 || (!herd->is_eager && now < person->next_ns)) {
        return;
    }
    while (person->is_connected && person->unanswered < herd->in_flight) {
        size_t before = person->unanswered;
        ask_once(person);
        if (!herd->is_eager || person->unanswered == before) {
            break;
        }
    }
    person->next_ns = now + step / 2 + wish_random(person, step);
    (void)gloss_process(person->gloss); /* sent at once */
}

void wish_cut(struct person *person)
{
    for (struct ask *ask = person->asks; ask; ask = ask->next) {
        history_unknown(&person->history, ask->joined->id, ask->id);
        if (!ask->is_unknown) {
            ask->is_unknown = true;
            person->herd->board->unknown++;
        }
    }
}

void wish_forget(struct person *person)
{
    if (person->last) {
        ask_free(person->last);
        person->last = NULL;
    }
}
