/*
 * judge_redact.c - decides about erasing a person's words: whose, from which annotations, and which ops of the log lose what they say.
 *
 * What the records hold is in the view. What the log holds is not: whoever judges looks it up (words.c) and hands it in, complete up to the view's state.
 */
#include <stdlib.h>

#include "service/base/mem.h"
#include "service/core/judge_priv.h"

#define EFFECTS_MAX_BYTES 100000 /* beyond this an erasure of everything stops: it is asked again for the rest */

static const char *const MEMBERS[] = {"kind", "annotations", "account", "reason", NULL};

struct redaction {
    struct trial *trial;
    bool has_account; /* only this one's words; otherwise everybody's */
    gl_uuid account;
    gl_uuid *ids; /* the annotations, as asked or as found; each once */
    size_t count;
    struct map by_id; /* their ids -> the redaction itself */
    json_t *effects;
    size_t bytes;
};

/* ---- the request */

static enum gl_code refuse(const struct trial *trial, const char *member, const char *why)
{
    char path[GL_ERR_PATH_MAX];
    snprintf(path, sizeof path, "change.%.*s", (int)sizeof path - 8, member);
    return gl_fail_at(trial->err, GL_E_INVALID_PARAMS, path, "change.%s %s", member, why);
}

static bool read_id(const json_t *value, gl_uuid *id)
{
    return json_is_string(value) && gl_uuid_parse(gl_slice_of(json_string_value(value), json_string_length(value)), id);
}

static void add_id(struct redaction *redaction, const gl_uuid *id)
{
    redaction->ids[redaction->count] = *id;
    map_put(&redaction->by_id, &redaction->ids[redaction->count++], redaction);
}

static enum gl_code read_annotations(struct redaction *redaction, const json_t *list)
{
    struct trial *trial = redaction->trial;
    if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > JUDGE_REDACT_MAX)
        return refuse(trial, "annotations", "must be a list of 1 to 1000 ids");
    if (!trial->ask->has_base)
        return gl_fail_at(trial->err, GL_E_INVALID_PARAMS, "base",
                          "base must say what you had seen: a seq, or the id of your own earlier op");
    for (size_t i = 0; i < json_array_size(list); i++) {
        gl_uuid id;
        if (!read_id(json_array_get(list, i), &id) || map_get(&redaction->by_id, &id))
            return refuse(trial, "annotations", "must be ids of annotations, each once");
        if (!judge_find(trial->view, &id))
            return gl_fail_at(trial->err, GL_E_NOT_FOUND, "change.annotations", "this session has no annotation %s",
                              json_string_value(json_array_get(list, i)));
        add_id(redaction, &id);
    }
    return GL_OK;
}

static enum gl_code read_request(struct redaction *redaction)
{
    struct trial *trial = redaction->trial;
    const json_t *change = trial->ask->change, *list = json_object_get(change, "annotations"),
                 *account = json_object_get(change, "account"), *reason = json_object_get(change, "reason");
    redaction->has_account = account != NULL;
    if (account && !read_id(account, &redaction->account))
        return refuse(trial, "account", "must be the id of an account");
    if (reason &&
        (!json_is_string(reason) || json_string_length(reason) == 0 || json_string_length(reason) > GL_REASON_MAX_BYTES))
        return refuse(trial, "reason", "must be a text of 1 to 1024 bytes");
    if (!list && !account)
        return refuse(trial, "annotations", "is missing: say which annotations, or whose words");
    if (trial->ask->role < GL_ANNOTATOR && !MUTATION(role_not_checked))
        return gl_fail(trial->err, GL_E_FORBIDDEN, "erasing words needs the role annotator; yours is %s",
                       gl_role_name(trial->ask->role));
    if (trial->ask->role < GL_CURATOR && account && !gl_uuid_equal(&redaction->account, &trial->ask->account))
        return gl_fail(trial->err, GL_E_FORBIDDEN, "only curators erase other people's words");
    return list ? read_annotations(redaction, list) : GL_OK;
}

/* ---- whose words they are */

/* A text that the codebook offers is no person's. That there is such a list today says nothing of what was written before, or beside it. */
bool judge_is_word(const struct gl_codebook *terms, const char *attribute, const json_t *value)
{
    const struct gl_term *term = terms ? gl_codebook_by_name(terms, GL_TERM_ATTRIBUTE, gl_slice_str(attribute)) : NULL;
    const char *type = term ? json_string_value(json_object_get(term->record, "type")) : NULL;
    const json_t *offered = type && strcmp(type, "enum") == 0 ? json_object_get(term->record, "values") : NULL;
    for (size_t i = 0; i < json_array_size(offered); i++)
        if (json_equal(json_array_get(offered, i), value))
            return false;
    return json_is_string(value);
}

static enum gl_code check_owner(const struct redaction *redaction, const gl_uuid *author)
{
    const struct judge_ask *ask = redaction->trial->ask;
    if (ask->role >= GL_CURATOR || gl_uuid_equal(author, &ask->account) || MUTATION(anybody_erases))
        return GL_OK;
    return gl_fail(redaction->trial->err, GL_E_FORBIDDEN,
                   "some of these words are somebody else's: name your own account, or ask a curator");
}

/* The annotations that words of this account were found on, when none were named. */
static void take_found(struct redaction *redaction)
{
    const struct judge_words *words = redaction->trial->ask->words;
    for (size_t i = 0; i < words->count && redaction->count < JUDGE_REDACT_MAX; i++)
        if (!map_get(&redaction->by_id, &words->list[i].annotation))
            add_id(redaction, &words->list[i].annotation);
}

/* ---- what becomes of a record */

/* Field goes, if it is among those whose words are erased. */
static enum gl_code drop_field(struct redaction *redaction, const char *field, json_t *set, const char *member)
{
    struct trial *trial = redaction->trial;
    gl_uuid author = gl_annotation_field_author(trial->before, field);
    if (redaction->has_account && !gl_uuid_equal(&author, &redaction->account))
        return GL_OK;
    json_object_set_new(set, member, json_null());
    trial_note_field(trial, field);
    redaction->bytes += 2 * strlen(field) + 32;
    return check_owner(redaction, &author);
}

static enum gl_code drop_words(struct redaction *redaction)
{
    struct trial *trial = redaction->trial;
    const char *name;
    json_t *value, *attributes = json_object();
    enum gl_code code = GL_OK;
    if (json_object_get(gl_annotation_record(trial->before), "note"))
        code = drop_field(redaction, "note", trial->set, "note");
    json_object_foreach(json_object_get(gl_annotation_record(trial->before), "attributes"), name, value)
    {
        char field[GL_ERR_PATH_MAX];
        snprintf(field, sizeof field, "attributes.%.64s", name);
        if (code == GL_OK && judge_is_word(trial->view->terms, name, value))
            code = drop_field(redaction, field, attributes, name);
    }
    if (json_object_size(attributes) > 0)
        json_object_set(trial->set, "attributes", attributes);
    json_decref(attributes);
    return code;
}

static bool is_in_log(const struct judge_words *words, const gl_uuid *id)
{
    for (size_t i = 0; i < words->count; i++)
        if (gl_uuid_equal(&words->list[i].annotation, id))
            return true;
    return false;
}

/* One annotation: its effect, unless nothing of it is erased. */
static enum gl_code redact_one(struct redaction *redaction, const gl_uuid *id)
{
    struct trial *trial = redaction->trial;
    char text[GL_UUID_TEXT + 1];
    trial->before = judge_find(trial->view, id);
    if (!trial->before)
        return GL_OK;
    trial->set = json_object();
    trial->prev = json_object();
    enum gl_code code = drop_words(redaction);
    if (code == GL_OK && (json_object_size(trial->set) > 0 || is_in_log(trial->ask->words, id))) {
        gl_uuid_format(id, text);
        uint64_t seq = gl_annotation_field_seq(trial->before, "redacted");
        if (seq > 0)
            json_object_set_new(trial->prev, "redacted", json_integer((json_int_t)seq));
        json_object_set_new(trial->set, "redacted", json_true());
        json_array_append_new(redaction->effects,
                              json_pack("{s:[s], s:O, s:O}", "ids", text, "prev", trial->prev, "set", trial->set));
        redaction->bytes += 160;
    }
    json_decref(trial->set);
    json_decref(trial->prev);
    trial->set = trial->prev = NULL;
    judge_put_away(trial->view, trial->before);
    return code;
}

static enum gl_code redact_all(struct redaction *redaction, bool is_named)
{
    struct trial *trial = redaction->trial;
    enum gl_code code = GL_OK;
    for (size_t i = 0; i < redaction->count && code == GL_OK; i++) {
        if (!is_named && redaction->bytes > EFFECTS_MAX_BYTES) {
            for (; redaction->count > i; redaction->count--)
                map_remove(&redaction->by_id, &redaction->ids[redaction->count - 1]);
            break;
        }
        code = redact_one(redaction, &redaction->ids[i]);
        if (code == GL_OK && is_named && json_array_size(trial->conflicts) > 0)
            code = judge_refuse_stale(trial);
    }
    return code;
}

/* ---- what becomes of the log */

/* The first effect: the ops that lose their words. They are in order, and an op says words of one annotation only. */
static enum gl_code erase_ops(struct redaction *redaction)
{
    const struct judge_words *words = redaction->trial->ask->words;
    json_t *ops = json_array();
    enum gl_code code = GL_OK;
    for (size_t i = 0; i < words->count && code == GL_OK; i++) {
        if (!map_get(&redaction->by_id, &words->list[i].annotation))
            continue;
        code = check_owner(redaction, &words->list[i].account);
        json_array_append_new(ops, json_integer((json_int_t)words->list[i].seq));
    }
    json_array_insert_new(redaction->effects, 0, json_pack("{s:[], s:{}, s:{s:o}}", "ids", "prev", "set", "ops", ops));
    return code;
}

static enum gl_code decide(struct redaction *redaction)
{
    struct trial *trial = redaction->trial;
    const struct judge_words *words = trial->ask->words;
    bool is_named = redaction->count > 0;
    if (!words || words->as_of != trial->view->state->seq) { /* ops in flight carry no words: words.c sees to that */
        trial->verdict->wants_words = true;
        return gl_fail(trial->err, GL_E_BUSY, "%s", gl_code_sentence(GL_E_BUSY));
    }
    if (!is_named)
        take_found(redaction);
    enum gl_code code = redact_all(redaction, is_named);
    if (code == GL_OK && json_array_size(redaction->effects) == 0 && words->was_cut)
        code = gl_fail(trial->err, GL_E_TOO_LARGE,
                       "there are more words than one atomic request can erase: ask for each erasure by itself");
    else if (code == GL_OK && json_array_size(redaction->effects) == 0)
        code = gl_fail_at(trial->err, GL_E_NOT_FOUND, is_named ? "change.annotations" : "change.account",
                          "there are no words left to erase");
    return code == GL_OK ? erase_ops(redaction) : code;
}

enum gl_code judge_redact(struct trial *trial, json_t **effects)
{
    struct redaction redaction = {.trial = trial};
    enum gl_code code = judge_only_members(trial->ask->change, MEMBERS, trial->err);
    if (code != GL_OK)
        return code;
    redaction.ids = mem_array(JUDGE_REDACT_MAX, sizeof *redaction.ids);
    redaction.effects = json_array();
    map_init(&redaction.by_id);
    code = read_request(&redaction);
    if (code == GL_OK)
        code = decide(&redaction);
    if (code == GL_OK)
        *effects = json_incref(redaction.effects);
    json_decref(redaction.effects);
    map_fini(&redaction.by_id);
    mem_free(&redaction.ids);
    return code;
}
