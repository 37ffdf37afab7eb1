/*
 * check.c - see check.h. Promise 1, 2 and 7 are also looked at whenever a worker writes (wire.c); here is what only the whole can show: exactly once,
 * the chain, the state as a function of the log, rights at the time, and that nobody's change was overwritten unseen.
 */
#include "tests/sim/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/gl_json.h"
#include "proto/model/state.h"
#include "service/base/mem.h"
#include "tests/sim/model.h"
#include "tests/sim/person.h"

/* ---- promise 4: who set which field last */

struct field {
    gl_uuid annotation;
    char name[48];
    uint64_t seq;
    gl_uuid account;
};
struct history {
    struct field *fields;
    size_t count, cap;
};
struct change {
    const struct db_log *log;
    const struct db_op *op;
    gl_uuid annotation;
    uint64_t base;
};

static struct field *field_of(struct history *history, const gl_uuid *annotation, const char *name)
{
    for (size_t i = 0; i < history->count; i++)
        if (gl_uuid_equal(&history->fields[i].annotation, annotation) && strcmp(history->fields[i].name, name) == 0)
            return &history->fields[i];
    history->fields = mem_grow(history->fields, &history->cap, history->count + 1, sizeof *history->fields);
    struct field *field = &history->fields[history->count++];
    *field = (struct field){.annotation = *annotation};
    snprintf(field->name, sizeof field->name, "%s", name);
    return field;
}

static void check_field(const struct change *change, const struct field *field)
{
    if (field->seq > change->base && !gl_uuid_equal(&field->account, &change->op->account))
        broken(4, "op %" PRIu64 " was made on %" PRIu64 " and accepted, though somebody else had changed %s in op %" PRIu64,
               change->op->seq, change->base, field->name, field->seq);
}

static void set_field(struct history *history, const struct change *change, const char *name)
{
    struct field *field = field_of(history, &change->annotation, name);
    bool is_erased = change->op->kind == GL_OP_REDACT && strcmp(name, "redacted") != 0; /* that it was is no news to anybody */
    if (change->op->kind == GL_OP_ANNOTATION_UPDATE || is_erased)
        check_field(change, field);
    field->seq = change->op->seq;
    field->account = change->op->account;
}

static bool depends_on_all(const struct db_op *op, const json_t *set)
{
    const char *status = json_string_value(json_object_get(set, "status"));
    if (op->kind == GL_OP_ANNOTATION_DELETE || op->kind == GL_OP_ANNOTATION_RESTORE)
        return true;
    return op->kind == GL_OP_ANNOTATION_UPDATE && status && strcmp(status, "active") != 0 && strcmp(status, "proposed") != 0;
}

/* The seq that a base means: a number, or an op of one's own. */
static uint64_t base_of(const struct db_log *log, const struct db_op *op, const json_t *payload)
{
    const json_t *base = json_object_get(json_object_get(payload, "intent"), "base");
    gl_uuid id;
    if (!json_is_string(base)) {
        if (json_integer_value(base) >= (json_int_t)op->seq)
            broken(4, "op %" PRIu64 " was accepted, though it was made on op %" PRId64, op->seq,
                   (int64_t)json_integer_value(base));
        return (uint64_t)json_integer_value(base);
    }
    const struct db_op *there = gl_uuid_parse(gl_slice_str(json_string_value(base)), &id) ? db_find(log, &id) : NULL;
    if (!there || there->seq >= op->seq || !gl_uuid_equal(&there->account, &op->account)) {
        broken(4, "op %" PRIu64 " was accepted, though the op that it builds on is none of its author's before it", op->seq);
        return 0;
    }
    return there->seq;
}

static void check_effect(struct history *history, const struct db_log *log, const struct db_op *op, const json_t *payload,
                         const json_t *effect)
{
    const json_t *set = json_object_get(effect, "set");
    struct change change = {.log = log, .op = op};
    const char *id = json_string_value(json_array_get(json_object_get(effect, "ids"), 0)), *name;
    json_t *value;
    if (!id || !gl_uuid_parse(gl_slice_str(id), &change.annotation))
        return; /* a session's mode, or the ops of a redact */
    bool has_base = op->kind != GL_OP_ANNOTATION_CREATE;
    if (op->kind == GL_OP_REDACT) /* everything of an account: whatever there is */
        has_base = json_object_get(json_object_get(json_object_get(payload, "intent"), "change"), "annotations") != NULL;
    change.base = op->kind == GL_OP_ANNOTATION_CREATE ? 0 : has_base ? base_of(log, op, payload) : op->seq;
    SAW(overwrites_checked);
    if (depends_on_all(op, set))
        for (size_t i = 0; i < history->count; i++)
            if (gl_uuid_equal(&history->fields[i].annotation, &change.annotation))
                check_field(&change, &history->fields[i]);
    json_object_foreach((json_t *)(uintptr_t)set, name, value)
    {
        char path[48];
        const char *attribute;
        json_t *ignored;
        if (strcmp(name, "attributes") != 0) {
            if (strcmp(name, "creator") != 0 && strcmp(name, "created") != 0)
                set_field(history, &change, name);
            continue;
        }
        json_object_foreach(value, attribute, ignored)
        {
            snprintf(path, sizeof path, "attributes.%.30s", attribute);
            set_field(history, &change, path);
        }
    }
}

static void check_overwrite(struct history *history, const struct db_log *log, const struct db_op *op, const json_t *payload)
{
    const json_t *effects = json_object_get(payload, "effects");
    for (size_t i = 0; i < json_array_size(effects); i++)
        check_effect(history, log, op, payload, json_array_get(effects, i));
}

/* ---- one log */

static void check_words(const struct db_log *log, const struct db_op *op, const json_t *payload)
{
    const struct asked *it = asked_of(&op->id);
    size_t n = (size_t)(log - database.logs);
    if (!it || it->log != n || !gl_uuid_equal(&op->account, &database.accounts[it->person])) {
        broken(3, "op %" PRIu64 " of %zu is nobody's, or somebody else's", op->seq, n);
        return;
    }
    if (!json_equal(json_object_get(it->op, "change"), json_object_get(json_object_get(payload, "intent"), "change")))
        broken(3, "op %" PRIu64 " of %zu does not say what its author asked", op->seq, n);
    const char *step = json_string_value(json_object_get(payload, "step"));
    if (it->count > 1 ? !step || strcmp(step, asked[it->first].text) != 0 : step != NULL)
        broken(3, "op %" PRIu64 " of %zu does not say with which others it was asked for, or says what was not", op->seq, n);
    enum gl_role needed = op->kind == GL_OP_SESSION_MODE ? GL_CURATOR : GL_ANNOTATOR;
    if (op->role < needed)
        broken(7, "op %" PRIu64 " of %zu was accepted when its author was %s", op->seq, n, gl_role_name(op->role));
}

static void check_order(const struct db_op *op, const json_t *payload, char *last_at, size_t size, json_int_t *codebook)
{
    const char *at = json_string_value(json_object_get(payload, "at"));
    json_int_t version = json_integer_value(json_object_get(payload, "codebook"));
    if ((uint64_t)json_integer_value(json_object_get(payload, "seq")) != op->seq)
        broken(2, "op %" PRIu64 " calls itself something else", op->seq);
    if (!at || strcmp(at, last_at) < 0)
        broken(2, "op %" PRIu64 " is from %s, the one before from %s", op->seq, at ? at : "never", last_at);
    if (version < *codebook)
        broken(2, "op %" PRIu64 " was judged under an older codebook than the one before", op->seq);
    int64_t at_ms, committed_ms = 1700000000000 + (int64_t)op->at_ms;
    if (at && gl_time_parse(gl_slice_str(at), &at_ms) && (at_ms > committed_ms + 300 || at_ms < committed_ms - 60000))
        broken(2, "op %" PRIu64 " says %s, and was committed %" PRId64 " ms later", op->seq, at, committed_ms - at_ms);
    *codebook = version;
    snprintf(last_at, size, "%s", at ? at : "");
}

/* The state is what the log makes of nothing. */
static void check_replay(struct gl_state *state, const struct db_op *op, json_t *payload)
{
    struct gl_err err = {0};
    struct gl_buf salt;
    gl_buf_init(&salt, 64);
    gl_buf_hex(&salt, op->salt, sizeof op->salt);
    json_t *logged = json_pack("{s:O, s:s%}", "payload", payload, "salt", salt.data, salt.len);
    if (gl_state_append(state, logged, &err) != GL_OK)
        broken(5, "op %" PRIu64 " cannot be applied: %s", op->seq, err.detail);
    else if (!gl_hash_equal(&state->chain, &op->chain))
        broken(5, "the chain of op %" PRIu64 " is not that of its bytes", op->seq);
    json_decref(logged);
    gl_buf_fini(&salt);
}

static void check_records(const struct db_log *log, const struct gl_state *state)
{
    if (!gl_hash_equal(&state->sum, &log->sum))
        broken(5, "the log of %zu makes another state than its stream says", (size_t)(log - database.logs));
    if (state->count != log->record_count || state->live_count != log->live_count)
        broken(5, "the log of %zu makes %zu annotations, the database has %zu", (size_t)(log - database.logs), state->count,
               log->record_count);
    for (size_t i = 0; i < log->record_count; i++) {
        const struct gl_annotation *made = gl_state_find(state, &log->records[i]->id);
        if (!made || !gl_hash_equal(&made->hash, &log->records[i]->hash))
            broken(5, "a row of %zu is not what the log makes of it", (size_t)(log - database.logs));
    }
}

static void check_log(const struct db_log *log)
{
    gl_hash sha256 = gl_sha256(SIM_TEXT, strlen(SIM_TEXT));
    struct gl_state *state = gl_state_new(&log->id, sha256.bytes);
    struct model *model = model_new(log);
    struct history history = {0};
    char last_at[40] = "";
    json_int_t codebook = 0;
    for (uint64_t i = 0; i < log->head && !world.is_broken; i++) {
        const struct db_op *op = &log->ops[i];
        struct gl_err err = {0};
        json_t *payload = NULL;
        if (gl_json_load(op->payload, &payload, &err) != GL_OK)
            broken(5, "op %" PRIu64 " cannot be read", op->seq);
        check_order(op, payload, last_at, sizeof last_at, &codebook);
        check_words(log, op, payload);
        check_replay(state, op, payload);
        check_overwrite(&history, log, op, payload);
        model_take(model, op, payload, base_of(log, op, payload));
        json_decref(payload);
    }
    if (!world.is_broken)
        check_records(log, state);
    if (!world.is_broken)
        model_check_end(model);
    model_free(&model);
    gl_state_free(&state);
    mem_free(&history.fields);
}

/* ---- what people were told */

/* Who may not see a session any more is told that there is nothing, whatever is in its log. */
static bool may_be_hidden(const struct asked *it)
{
    const struct db_project *project = db_project_of(&database.logs[it->log]);
    return project->role_since_ms[it->person] > 1000000 && (it->code == GLOSS_E_NOT_FOUND || it->code == GLOSS_E_FORBIDDEN);
}

/* The op that is named did set what it is said to have set. */
static bool has_set(const struct db_op *op, const char *annotation, const char *field)
{
    json_t *payload = NULL, *effect;
    size_t i;
    bool has = false;
    if (strcmp(field, "replies") == 0 || gl_json_load(op->payload, &payload, NULL) != GL_OK)
        return true; /* looked at in the model, when a deletion is accepted */
    json_array_foreach(json_object_get(payload, "effects"), i, effect)
    {
        const json_t *set = json_object_get(effect, "set");
        const char *id = json_string_value(json_array_get(json_object_get(effect, "ids"), 0));
        const bool is_attribute = strncmp(field, "attributes.", 11) == 0;
        if (id && annotation && strcmp(id, annotation) == 0)
            has |= is_attribute ? json_object_get(json_object_get(set, "attributes"), field + 11) != NULL
                                : json_object_get(set, field) != NULL;
    }
    json_decref(payload);
    return has;
}

static void check_stale(const struct asked *it)
{
    const char *field = json_string_value(json_object_get(it->data, "field"));
    const json_t *change = json_object_get(it->op, "change");
    const struct db_log *log = &database.logs[it->log];
    uint64_t seq = (uint64_t)json_integer_value(json_object_get(it->data, "seq"));
    const json_t *base = json_object_get(it->op, "base");
    const char *author = json_string_value(json_object_get(it->data, "author"));
    gl_uuid account;
    SAW(stale_refusals_checked);
    if (seq == 0 || seq > log->head || !author || !gl_uuid_parse(gl_slice_str(author), &account) ||
        !gl_uuid_equal(&account, &log->ops[seq - 1].account))
        broken(4, "op %s was refused as stale for op %" PRIu64 ", which is not that author's", it->text, seq);
    else if (gl_uuid_equal(&account, &database.accounts[it->person]))
        broken(4, "op %s was refused as stale for a change of its own author", it->text);
    else if (json_is_integer(base) && (json_int_t)seq <= json_integer_value(base))
        broken(4, "op %s was refused as stale for op %" PRIu64 ", which it had seen", it->text, seq);
    else if (json_object_get(change, "annotation") && strcmp(json_string_value(json_object_get(change, "kind")), "redact") != 0 &&
             (!field || !has_set(&log->ops[seq - 1], json_string_value(json_object_get(change, "annotation")), field)))
        broken(4, "op %s was refused as stale for %s, which op %" PRIu64 " had not set", it->text, field ? field : "nothing",
               seq);
}

/* What it builds on was accepted: then it cannot have been refused for that. */
static void check_depends(const struct asked *it)
{
    const struct asked *built_on = asked_refused_for(it);
    if (built_on && built_on->seq > 0)
        broken(4, "op %s was refused because of what it builds on, and that is op %" PRIu64, it->text, built_on->seq);
}

/* A copy of it waited at a worker that could not know that its client was gone, and asked elsewhere: README, "What is not promised". */
static bool was_late_copy(const struct asked *it, const struct db_op *op)
{
    bool is_late = op->is_awaited && op->at_ms >= it->unfound_ms;
    if (is_late)
        SAW(refused_then_accepted);
    return is_late;
}

static void check_asked(const struct asked *it)
{
    const struct db_log *log = &database.logs[it->log];
    size_t count = 0;
    uint64_t seq = 0;
    for (uint64_t i = 0; i < log->head; i++) {
        if (!gl_uuid_equal(&log->ops[i].id, &it->id))
            continue;
        seq = i + 1;
        count++;
    }
    if (count > 1)
        broken(3, "op %s is in the log %zu times", it->text, count);
    if (it->is_done && it->seq && it->seq != seq)
        broken(1, "op %s was acknowledged as %" PRIu64 " and is %" PRIu64 " in the log", it->text, it->seq, seq);
    if (it->is_done && !it->seq && it->code != NO_ANSWER && count > 0 && !may_be_hidden(it) &&
        !was_late_copy(it, &log->ops[seq - 1]))
        broken(3, "op %s was refused (%s) and is in the log as %" PRIu64, it->text, gl_code_name(gl_code_from_wire(it->code)),
               seq);
    if (it->is_done && it->code == GLOSS_E_STALE)
        check_stale(it);
    if (it->is_done)
        check_depends(it);
}

static void check_group(size_t first)
{
    size_t there = 0;
    for (size_t i = first; i < first + asked[first].count; i++)
        there += db_find(&database.logs[asked[i].log], &asked[i].id) != NULL;
    if (there > 0 && there < asked[first].count)
        broken(3, "of %zu ops asked for as one, %zu are in the log (the first is %s)", asked[first].count, there,
               asked[first].text);
}

void check_promises(void)
{
    for (size_t n = FIRST_SESSION; n < LOGS && !world.is_broken; n++)
        check_log(&database.logs[n]);
    for (size_t i = 0; i < asked_count && !world.is_broken; i++) {
        check_asked(&asked[i]);
        if (asked[i].count > 0 && asked[i].first == i)
            check_group(i);
    }
}
