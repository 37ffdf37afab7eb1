/* model.c - see model.h. */
#include "tests/sim/model_priv.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "proto/gl_json.h"
#include "service/base/mem.h"

/* ---- hashes */

static gl_hash sha256(const void *a, size_t a_len, const void *b, size_t b_len)
{
    static EVP_MD *algorithm; /* looked up once: that takes longer than hashing */
    static EVP_MD_CTX *ctx;
    gl_hash hash;
    if (!ctx) {
        algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
        ctx = EVP_MD_CTX_new();
    }
    EVP_DigestInit_ex(ctx, algorithm, NULL);
    EVP_DigestUpdate(ctx, a, a_len);
    EVP_DigestUpdate(ctx, b, b_len);
    EVP_DigestFinal_ex(ctx, hash.bytes, NULL);
    return hash;
}

static gl_hash chain_before_all(const struct db_log *log)
{
    uint8_t bytes[16 + 32];
    gl_hash text = sha256(SIM_TEXT, strlen(SIM_TEXT), "", 0);
    memcpy(bytes, log->id.bytes, 16);
    memcpy(bytes + 16, text.bytes, 32);
    return sha256("gloss.v1", 8, bytes, sizeof bytes);
}

static void check_chain(struct model *model, const struct db_op *op)
{
    gl_hash leaf = sha256(op->salt, sizeof op->salt, op->payload.data, op->payload.len);
    model->chain = sha256(model->chain.bytes, 32, leaf.bytes, 32);
    if (!gl_hash_equal(&model->chain, &op->chain))
        broken(5, "the chain of op %" PRIu64 " is not SHA-256(chain before, SHA-256(salt, bytes))", op->seq);
    if (op->erased_by > 0 && !gl_hash_equal(&leaf, &op->leaf))
        broken(5, "op %" PRIu64 " lost its words, and the leaf that stayed is not in the chain", op->seq);
}

static void add(gl_hash *sum, const gl_hash *item)
{
    for (unsigned i = 32, carry = 0; i-- > 0; carry >>= 8) {
        carry += (unsigned)sum->bytes[i] + item->bytes[i];
        sum->bytes[i] = (uint8_t)carry;
    }
}

/* ---- what is there */

struct model *model_new(const struct db_log *log)
{
    struct model *model = mem_alloc(sizeof *model);
    model->log = log;
    model->chain = chain_before_all(log);
    snprintf(model->mode, sizeof model->mode, "shared");
    return model;
}

void model_free(struct model **model)
{
    for (size_t i = 0; i < (*model)->count; i++) {
        json_decref((*model)->things[i].record);
        json_decref((*model)->things[i].seqs);
        json_decref((*model)->things[i].who);
    }
    mem_free(&(*model)->things);
    mem_free(&(*model)->words);
    mem_free(model);
}

struct thing *model_find(const struct model *model, const gl_uuid *id)
{
    for (size_t i = 0; i < model->count; i++)
        if (gl_uuid_equal(&model->things[i].id, id))
            return &model->things[i];
    return NULL;
}

static bool is_deleted(const struct thing *thing)
{
    return json_object_get(thing->record, "deleted") != NULL;
}

static const char *text_in(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static bool id_in(const json_t *object, const char *name, gl_uuid *id)
{
    const char *text = text_in(object, name);
    return text && gl_uuid_parse(gl_slice_str(text), id);
}

/* ---- does the effect do what was asked? */

static void check_same(const struct db_op *op, const char *what, const json_t *asked, const json_t *set)
{
    if (asked ? !set || !json_equal(asked, set) : set != NULL)
        broken(4, "op %" PRIu64 " sets %s to something else than was asked", op->seq, what);
}

static void check_label(const struct model *model, const struct db_op *op, const char *name, const json_t *set)
{
    const struct db_project *project = db_project_of(model->log);
    gl_uuid id;
    bool is_it = false;
    if (!name || !json_is_string(set) || !gl_uuid_parse(gl_slice_str(json_string_value(set)), &id)) {
        broken(4, "op %" PRIu64 " sets a label that was not asked for, or none", op->seq);
        return;
    }
    for (size_t i = 0; i < project->term_count; i++)
        is_it |= gl_uuid_equal(&project->terms[i].id, &id) && strcmp(project->terms[i].name, name) == 0;
    if (!is_it)
        broken(4, "op %" PRIu64 " sets a label that is not %s", op->seq, name);
}

static void check_target(const struct db_op *op, const json_t *asked, const json_t *set)
{
    const json_t *exact = json_object_get(json_array_get(json_object_get(asked, "spans"), 0), "exact");
    const json_t *span = json_array_get(json_object_get(set, "spans"), 0);
    check_same(op, "target.type", json_object_get(asked, "type"), json_object_get(set, "type"));
    check_same(op, "target.annotation", json_object_get(asked, "annotation"), json_object_get(set, "annotation"));
    check_same(op, "target.spans.exact", exact, json_object_get(span, "exact"));
    json_int_t start = json_integer_value(json_object_get(span, "start")), end = json_integer_value(json_object_get(span, "end"));
    if (exact && ((size_t)(end - start) != json_string_length(exact) ||
                  memcmp(SIM_TEXT + start, json_string_value(exact), json_string_length(exact)) != 0))
        broken(4, "op %" PRIu64 " points at other words than it was asked to", op->seq);
}

static void check_intent(const struct model *model, const struct db_op *op, const json_t *change, const json_t *set)
{
    const json_t *note = json_object_get(change, "note"), *status = json_object_get(change, "status"),
                 *label = json_object_get(change, "label");
    bool is_create = op->kind == GL_OP_ANNOTATION_CREATE;
    check_same(op, "note", note, json_object_get(set, "note"));
    if (status || !is_create)
        check_same(op, "status", status, json_object_get(set, "status"));
    else if (strcmp(text_in(set, "status"), "active") != 0)
        broken(4, "op %" PRIu64 " makes an annotation that is not active", op->seq);
    check_same(op, "attributes", json_object_get(change, "attributes"), json_object_get(set, "attributes"));
    if (label)
        check_label(model, op, json_string_value(label), json_object_get(set, "label"));
    else
        check_same(op, "label", NULL, json_object_get(set, "label"));
    if (json_object_get(change, "target"))
        check_target(op, json_object_get(change, "target"), json_object_get(set, "target"));
    else
        check_same(op, "target", NULL, json_object_get(set, "target"));
}

/* ---- fields */

/* What stood in each field that is set: the seq of the op that had set it. */
json_t *model_prev(const struct thing *thing, const json_t *set)
{
    json_t *expected = json_object(), *value;
    const char *name;
    json_object_foreach((json_t *)(uintptr_t)set, name, value)
    {
        const char *attribute;
        json_t *ignored;
        json_object_set(expected, name, json_object_get(thing->seqs, name));
        if (strcmp(name, "attributes") != 0)
            continue;
        json_object_foreach(value, attribute, ignored)
        {
            char path[80];
            snprintf(path, sizeof path, "attributes.%s", attribute);
            json_object_set(expected, path, json_object_get(thing->seqs, path));
        }
    }
    return expected;
}

static void check_prev(const struct db_op *op, const struct thing *thing, const json_t *prev, const json_t *set)
{
    json_t *expected = model_prev(thing, set);
    if (!json_equal(expected, prev))
        broken(4, "op %" PRIu64 " names other ops than those that had set its fields", op->seq);
    json_decref(expected);
}

static void sign(struct thing *thing, const struct db_op *op, const char *path)
{
    char account[GL_UUID_TEXT + 1];
    gl_uuid_format(&op->account, account);
    json_object_set_new(thing->seqs, path, json_integer((json_int_t)op->seq));
    if (strcmp(account, thing->creator) == 0)
        json_object_del(thing->who, path);
    else
        json_object_set_new(thing->who, path, json_string(account));
}

/* Absent, never null. */
static void put(json_t *object, const char *name, json_t *value)
{
    if (value && !json_is_null(value))
        json_object_set(object, name, value);
    else
        json_object_del(object, name);
}

static void set_attributes(struct thing *thing, const struct db_op *op, const json_t *attributes)
{
    json_t *all = json_object_get(thing->record, "attributes"), *value;
    const char *name;
    all = all ? json_copy(all) : json_object();
    json_object_foreach((json_t *)(uintptr_t)attributes, name, value)
    {
        char path[80];
        snprintf(path, sizeof path, "attributes.%s", name);
        put(all, name, value);
        sign(thing, op, path);
    }
    put(thing->record, "attributes", json_object_size(all) > 0 ? all : NULL);
    json_decref(all);
}

void model_set_fields(struct thing *thing, const struct db_op *op, const json_t *set)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)set, name, value)
    {
        if (strcmp(name, "attributes") == 0) {
            set_attributes(thing, op, value);
            continue;
        }
        put(thing->record, name, json_is_false(value) ? NULL : value); /* "deleted" */
        if (strcmp(name, "creator") != 0 && strcmp(name, "created") != 0)
            sign(thing, op, name);
    }
}

/* ---- kinds */

static struct thing *make(struct model *model, const struct db_op *op, const gl_uuid *id, const json_t *set)
{
    char account[GL_UUID_TEXT + 1], text[GL_UUID_TEXT + 1];
    const json_t *target = json_object_get(set, "target");
    gl_uuid_format(&op->account, account);
    gl_uuid_format(id, text);
    if (!text_in(set, "creator") || strcmp(text_in(set, "creator"), account) != 0 ||
        (uint64_t)json_integer_value(json_object_get(set, "created")) != op->seq)
        broken(4, "op %" PRIu64 " makes an annotation that somebody else made, or another op", op->seq);
    model->things = mem_grow(model->things, &model->cap, model->count + 1, sizeof *model->things);
    struct thing *thing = &model->things[model->count++];
    *thing = (struct thing){.id = *id, .record = json_pack("{s:s}", "id", text), .seqs = json_object(), .who = json_object()};
    json_object_set(thing->record, "creator", json_object_get(set, "creator"));
    thing->creator = text_in(thing->record, "creator");
    thing->is_reply = id_in(target, "annotation", &thing->parent);
    const struct thing *parent = thing->is_reply ? model_find(model, &thing->parent) : NULL;
    if (thing->is_reply && (!parent || is_deleted(parent)))
        broken(4, "op %" PRIu64 " replies to what is not there", op->seq);
    return thing;
}

static bool hangs_below(const struct model *model, const struct thing *thing, const gl_uuid *top)
{
    for (size_t levels = 0; thing && thing->is_reply && levels < 100; levels++) {
        if (gl_uuid_equal(&thing->parent, top))
            return true;
        thing = model_find(model, &thing->parent);
    }
    return false;
}

static void check_replies(const struct model *model, const struct db_op *op, const struct thing *thing, uint64_t base)
{
    for (size_t i = 0; i < model->count; i++) {
        const struct thing *reply = &model->things[i];
        if (reply->there_since > base && !is_deleted(reply) && !gl_uuid_equal(&reply->there_by, &op->account) &&
            hangs_below(model, reply, &thing->id))
            broken(4, "op %" PRIu64 " was made on %" PRIu64 " and deletes what somebody else replied to in op %" PRIu64, op->seq,
                   base, reply->there_since);
    }
}

static void take_mode(struct model *model, const struct db_op *op, const json_t *change, const json_t *effect)
{
    const char *mode = text_in(json_object_get(effect, "set"), "mode");
    check_same(op, "mode", json_object_get(change, "mode"), json_object_get(json_object_get(effect, "set"), "mode"));
    if ((uint64_t)json_integer_value(json_object_get(json_object_get(effect, "prev"), "mode")) != model->mode_seq)
        broken(4, "op %" PRIu64 " names another op than that which had set the mode", op->seq);
    snprintf(model->mode, sizeof model->mode, "%s", mode ? mode : "");
    model->mode_seq = op->seq;
}

static void check_may(const struct model *model, const struct db_op *op, const struct thing *thing)
{
    bool is_create = op->kind == GL_OP_ANNOTATION_CREATE, is_restore = op->kind == GL_OP_ANNOTATION_RESTORE;
    if (strcmp(model->mode, "shared") != 0)
        broken(4, "op %" PRIu64 " was accepted in a session that is %s", op->seq, model->mode);
    if (is_create ? thing != NULL : !thing)
        broken(4, "op %" PRIu64 " makes what is there, or changes what is not", op->seq);
    else if (thing && is_deleted(thing) != is_restore)
        broken(4, "op %" PRIu64 " changes what is deleted, or restores what is not", op->seq);
}

void model_cover(const struct db_op *op, const struct thing *thing, const json_t *set)
{
    const char *state = !thing ? "nothing" : is_deleted(thing) ? "deleted" : text_in(thing->record, "status");
    const char *status = text_in(set, "status"), *event = "change";
    switch (op->kind) {
    case GL_OP_ANNOTATION_CREATE: event = "create"; break;
    case GL_OP_ANNOTATION_DELETE: event = "delete"; break;
    case GL_OP_ANNOTATION_RESTORE: event = "restore"; break;
    case GL_OP_REDACT: event = "redact"; break;
    default: event = status ? status : event; break;
    }
    cover(COVER_ANNOTATION, state, event);
}

void model_take(struct model *model, const struct db_op *op, json_t *payload, uint64_t base)
{
    const json_t *effects = json_object_get(payload, "effects"), *effect = json_array_get(effects, 0),
                 *set = json_object_get(effect, "set"), *change = json_object_get(json_object_get(payload, "intent"), "change");
    const char *text = json_string_value(json_array_get(json_object_get(effect, "ids"), 0));
    gl_uuid id;
    check_chain(model, op);
    if (op->kind == GL_OP_REDACT) {
        model_redact(model, op, change, effects);
        return;
    }
    if (json_array_size(effects) != 1)
        broken(4, "op %" PRIu64 " has %zu effects", op->seq, json_array_size(effects));
    if (op->kind == GL_OP_SESSION_MODE) {
        take_mode(model, op, change, effect);
        return;
    }
    if (!text || !gl_uuid_parse(gl_slice_str(text), &id)) {
        broken(4, "op %" PRIu64 " is about nothing", op->seq);
        return;
    }
    struct thing *thing = model_find(model, &id);
    check_may(model, op, thing);
    if (world.is_broken)
        return;
    model_cover(op, thing, set);
    if (!thing)
        thing = make(model, op, &id, set);
    check_intent(model, op, change, op->kind == GL_OP_ANNOTATION_CREATE || op->kind == GL_OP_ANNOTATION_UPDATE ? set : NULL);
    check_prev(op, thing, json_object_get(effect, "prev"), set);
    if (op->kind == GL_OP_ANNOTATION_DELETE)
        check_replies(model, op, thing, base);
    model_set_fields(thing, op, set);
    model_note_words(model, op, thing, set);
    if (op->kind == GL_OP_ANNOTATION_DELETE && !is_deleted(thing))
        broken(4, "op %" PRIu64 " deletes nothing", op->seq);
    if (op->kind == GL_OP_ANNOTATION_CREATE || op->kind == GL_OP_ANNOTATION_RESTORE) {
        thing->there_since = op->seq;
        thing->there_by = op->account;
    }
}

/* ---- the end */

static void check_record(const struct thing *thing, const struct gl_annotation *row)
{
    struct gl_err err = {0};
    json_t *there = NULL;
    json_object_set(thing->record, "seqs", thing->seqs);
    if (json_object_size(thing->who) > 0)
        json_object_set(thing->record, "who", thing->who);
    if (gl_json_load(row->canonical, &there, &err) != GL_OK || !json_equal(there, thing->record))
        broken(5, "a record of the database is not what its ops say: %.*s", (int)row->canonical.len, row->canonical.data);
    json_decref(there);
}

void model_check_end(const struct model *model)
{
    const struct db_log *log = model->log;
    gl_hash sum = {{0}};
    char mode[64];
    for (size_t i = 0; i < log->record_count && !world.is_broken; i++) {
        const struct gl_annotation *row = log->records[i];
        const struct thing *thing = model_find(model, &row->id);
        gl_hash item = sha256(row->canonical.data, row->canonical.len, "", 0);
        add(&sum, &item);
        if (thing)
            check_record(thing, row);
    }
    if (strcmp(model->mode, "shared") != 0) {
        snprintf(mode, sizeof mode, "{\"mode\":\"%s\",\"seq\":%" PRIu64 "}", model->mode, model->mode_seq);
        gl_hash item = sha256(mode, strlen(mode), "", 0);
        add(&sum, &item);
    }
    model_check_erased(model);
    if (log->record_count != model->count || !gl_hash_equal(&sum, &log->sum))
        broken(5, "the sum of %zu is not that of its records", (size_t)(log - database.logs));
    if (strcmp(model->mode, log->mode) != 0)
        broken(5, "the mode of %zu is not what its ops say", (size_t)(log - database.logs));
}
