/*
 * model_redact.c - what an erasure should name and take, worked out from PROTOCOL.md, "Erasure": which ops said the words, which fields still have them, who may.
 *
 * The codebook of the simulator has no attribute with a list of values, so every text is a word.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "service/base/mem.h"
#include "tests/sim/model_priv.h"

struct erasure {
    struct model *model;
    const struct db_op *op;
    const char *whose;    /* only this account's words; NULL: everybody's */
    const json_t *named;  /* NULL: wherever they are */
    json_t *ops;          /* the seqs that lose their words */
    json_t *effects;      /* as they should be */
    bool takes_of_others; /* which is the curators' */
};

static bool has_text(const json_t *set)
{
    const char *name;
    json_t *value;
    if (json_is_string(json_object_get(set, "note")))
        return true;
    json_object_foreach(json_object_get(set, "attributes"), name, value)
    {
        if (json_is_string(value))
            return true;
    }
    return false;
}

void model_note_words(struct model *model, const struct db_op *op, const struct thing *thing, const json_t *set)
{
    if (!has_text(set))
        return;
    model->words = mem_grow(model->words, &model->word_cap, model->word_count + 1, sizeof *model->words);
    model->words[model->word_count++] = (struct word){op->seq, thing->id, op->account, 0};
}

/* ---- what is meant */

static bool is_by(const char *whose, const gl_uuid *account)
{
    char text[GL_UUID_TEXT + 1];
    gl_uuid_format(account, text);
    return strcmp(whose, text) == 0;
}

static bool is_named(const struct erasure *erasure, const gl_uuid *annotation)
{
    char text[GL_UUID_TEXT + 1];
    gl_uuid_format(annotation, text);
    for (size_t i = 0; i < json_array_size(erasure->named); i++)
        if (strcmp(json_string_value(json_array_get(erasure->named, i)), text) == 0)
            return true;
    return !erasure->named;
}

static bool is_meant(const struct erasure *erasure, const struct word *word)
{
    bool is_there = word->erased_by == 0 || word->erased_by == erasure->op->seq;
    return is_there && is_named(erasure, &word->annotation) && (!erasure->whose || is_by(erasure->whose, &word->account));
}

static void erase_words(struct erasure *erasure)
{
    struct model *model = erasure->model;
    for (size_t i = 0; i < model->word_count; i++) {
        struct word *word = &model->words[i];
        if (!is_meant(erasure, word))
            continue;
        word->erased_by = erasure->op->seq;
        erasure->takes_of_others |= !gl_uuid_equal(&word->account, &erasure->op->account);
        json_array_append_new(erasure->ops, json_integer((json_int_t)word->seq));
    }
}

static bool was_erased_now(const struct erasure *erasure, const struct thing *thing)
{
    const struct model *model = erasure->model;
    for (size_t i = 0; i < model->word_count; i++)
        if (model->words[i].erased_by == erasure->op->seq && gl_uuid_equal(&model->words[i].annotation, &thing->id))
            return true;
    return false;
}

/* ---- what goes from a record */

static void drop(struct erasure *erasure, const struct thing *thing, const char *path, json_t *set, const char *name)
{
    const char *author = json_string_value(json_object_get(thing->who, path));
    author = author ? author : thing->creator;
    if (erasure->whose && strcmp(author, erasure->whose) != 0)
        return;
    erasure->takes_of_others |= !is_by(author, &erasure->op->account);
    json_object_set_new(set, name, json_null());
}

static json_t *dropped(struct erasure *erasure, const struct thing *thing)
{
    json_t *set = json_object(), *attributes = json_object(), *value;
    const char *name;
    if (json_object_get(thing->record, "note"))
        drop(erasure, thing, "note", set, "note");
    json_object_foreach(json_object_get(thing->record, "attributes"), name, value)
    {
        char path[80];
        snprintf(path, sizeof path, "attributes.%s", name);
        if (json_is_string(value))
            drop(erasure, thing, path, attributes, name);
    }
    if (json_object_size(attributes) > 0)
        json_object_set(set, "attributes", attributes);
    json_decref(attributes);
    return set;
}

static void redact_one(struct erasure *erasure, struct thing *thing)
{
    char id[GL_UUID_TEXT + 1];
    json_t *set = dropped(erasure, thing);
    if (json_object_size(set) > 0 || was_erased_now(erasure, thing)) {
        gl_uuid_format(&thing->id, id);
        json_object_set_new(set, "redacted", json_true());
        json_array_append_new(erasure->effects,
                              json_pack("{s:[s], s:o, s:O}", "ids", id, "prev", model_prev(thing, set), "set", set));
        model_cover(erasure->op, thing, set);
        model_set_fields(thing, erasure->op, set);
    }
    json_decref(set);
}

static void redact_named(struct erasure *erasure)
{
    for (size_t i = 0; i < json_array_size(erasure->named) && !world.is_broken; i++) {
        gl_uuid id;
        struct thing *thing = gl_uuid_parse(gl_slice_str(json_string_value(json_array_get(erasure->named, i))), &id)
                                  ? model_find(erasure->model, &id)
                                  : NULL;
        if (thing)
            redact_one(erasure, thing);
        else
            broken(4, "op %" PRIu64 " erases words of what is not there", erasure->op->seq);
    }
}

/* In the order in which something was first said of them. */
static void redact_found(struct erasure *erasure)
{
    struct model *model = erasure->model;
    for (size_t i = 0; i < model->word_count; i++) {
        bool is_first = model->words[i].erased_by == erasure->op->seq;
        for (size_t n = 0; n < i && is_first; n++)
            is_first = model->words[n].erased_by != erasure->op->seq ||
                       !gl_uuid_equal(&model->words[n].annotation, &model->words[i].annotation);
        if (is_first)
            redact_one(erasure, model_find(model, &model->words[i].annotation));
    }
}

void model_redact(struct model *model, const struct db_op *op, const json_t *change, const json_t *effects)
{
    struct erasure erasure = {.model = model,
                              .op = op,
                              .whose = json_string_value(json_object_get(change, "account")),
                              .named = json_object_get(change, "annotations"),
                              .ops = json_array()};
    const json_t *ops = json_object_get(json_object_get(json_array_get(effects, 0), "set"), "ops");
    erase_words(&erasure);
    erasure.effects = json_pack("[{s:[], s:{}, s:{s:O}}]", "ids", "prev", "set", "ops", erasure.ops);
    (erasure.named ? redact_named : redact_found)(&erasure);
    SAW(erasures_checked);
    if (!json_equal(ops, erasure.ops))
        broken(7, "op %" PRIu64 " erases other ops than those that say what it names", op->seq);
    if (!json_equal(effects, erasure.effects))
        broken(4, "op %" PRIu64 " takes other words than it names, or names other ops than those that had set them", op->seq);
    if (json_array_size(erasure.effects) < 2)
        broken(4, "op %" PRIu64 " erases nothing", op->seq);
    if (op->role < GL_CURATOR && (erasure.takes_of_others || (erasure.whose && !is_by(erasure.whose, &op->account))))
        broken(7, "op %" PRIu64 " erases somebody else's words, and its author was %s", op->seq, gl_role_name(op->role));
    json_decref(erasure.effects);
    json_decref(erasure.ops);
}

/* ---- the end */

void model_check_erased(const struct model *model)
{
    const struct db_log *log = model->log;
    size_t erased = 0;
    for (uint64_t i = 0; i < log->head; i++)
        erased += log->ops[i].erased_by > 0;
    for (size_t i = 0; i < model->word_count && !world.is_broken; i++) {
        const struct word *word = &model->words[i];
        erased -= word->erased_by > 0;
        if (log->ops[word->seq - 1].erased_by != word->erased_by)
            broken(7, "op %" PRIu64 " of %zu was erased by op %" PRIu64 ", and should be by op %" PRIu64 " (0: by none)",
                   word->seq, (size_t)(log - database.logs), log->ops[word->seq - 1].erased_by, word->erased_by);
    }
    if (erased > 0 && !world.is_broken)
        broken(7, "%zu ops of %zu were erased that say nothing", erased, (size_t)(log - database.logs));
}
