/* project_judge_term.c - decides about a label, an attribute or a type of relation that is made or changed. */
#include "service/core/project_judge_priv.h"

struct term_change {
    enum gl_term_kind kind;
    const struct gl_term *before; /* NULL: a new one */
    gl_uuid id;
    json_t *fields;
};

static struct gl_slice text_of(const json_t *value)
{
    return gl_slice_of(json_string_value(value), json_string_length(value));
}

/* Whoever annotates makes labels as long as the codebook is open. */
static enum gl_role role_for(const struct deciding *it, const struct term_change *change, bool is_new)
{
    const bool in_passing = is_new && (change->kind == GL_TERM_LABEL || it->ask->is_wanted);
    return in_passing && gl_codebook_is_open(it->view->terms) ? GL_ANNOTATOR : GL_CURATOR;
}

static enum gl_code find_term(const struct deciding *it, struct term_change *change, bool is_new)
{
    const char *about = gl_term_kind_name(change->kind);
    const json_t *id = json_object_get(it->ask->change, about);
    change->id = gl_op_term_id(&it->ask->op);
    if ((id || !is_new) && !(json_is_string(id) && gl_uuid_parse(text_of(id), &change->id)))
        return refuse_change(it, about, "must be a UUID in lower case");
    const struct gl_term *there = gl_codebook_find(it->view->terms, &change->id);
    char path[64];
    snprintf(path, sizeof path, "change.%s", about);
    if (is_new && there)
        return gl_fail_at(it->err, GL_E_EXISTS, path, "a term with this id is there already");
    if (!is_new && (!there || there->kind != change->kind))
        return gl_fail_at(it->err, GL_E_NOT_FOUND, path, "the codebook has no such %s", about);
    change->before = is_new ? NULL : there;
    return GL_OK;
}

static enum gl_code check_name(const struct deciding *it, const struct term_change *change)
{
    const json_t *name = json_object_get(change->fields, "name");
    const struct gl_term *other = name ? gl_codebook_by_name(it->view->terms, change->kind, text_of(name)) : NULL;
    if (!other || other == change->before)
        return GL_OK;
    *it->data = json_pack("{s:O}", "current", other->record);
    return gl_fail_at(it->err, GL_E_EXISTS, "change.name", "the codebook has a %s of this name already%s",
                      gl_term_kind_name(change->kind), other->is_retired ? "; it was retired" : "");
}

/* ---- the tree of labels */

static const struct gl_term *parent_of(const struct deciding *it, const struct gl_term *label)
{
    return label && label->has_parent ? gl_codebook_find(it->view->terms, &label->parent) : NULL;
}

static size_t depth_of(const struct deciding *it, const struct gl_term *label)
{
    size_t depth = 0;
    for (; label && depth <= GL_LABEL_DEPTH_MAX; label = parent_of(it, label))
        depth++;
    return depth;
}

/* Levels from the label down to the lowest one below it. */
static size_t height_of(const struct deciding *it, const struct gl_term *label)
{
    size_t height = 1, count = label ? gl_codebook_count(it->view->terms, GL_TERM_LABEL) : 0;
    for (size_t i = 0; i < count; i++) {
        const struct gl_term *other = gl_codebook_any(it->view->terms, GL_TERM_LABEL, i);
        size_t levels = 1;
        for (; other && other != label; other = parent_of(it, other))
            levels++;
        if (other && levels > height)
            height = levels;
    }
    return height;
}

static enum gl_code check_parent(const struct deciding *it, const struct term_change *change)
{
    const json_t *parent = json_object_get(change->fields, "parent");
    gl_uuid id;
    if (!json_is_string(parent) || !gl_uuid_parse(text_of(parent), &id))
        return GL_OK; /* none, or taken away */
    const struct gl_term *above = gl_codebook_find(it->view->terms, &id);
    if (!above || above->kind != GL_TERM_LABEL)
        return gl_fail_at(it->err, GL_E_UNKNOWN_LABEL, "change.parent", "the codebook has no label with this id");
    if (gl_codebook_is_below(it->view->terms, &id, &change->id))
        return refuse_change(it, "parent", "is the label itself, or one below it: that would be a circle");
    if (depth_of(it, above) + height_of(it, change->before) > GL_LABEL_DEPTH_MAX)
        return refuse_change(it, "parent", "would make the tree deeper than 16 levels");
    return GL_OK;
}

static enum gl_code check_hotkey(const struct deciding *it, const struct term_change *change)
{
    const json_t *hotkey = json_object_get(change->fields, "hotkey");
    if (!json_is_string(hotkey))
        return GL_OK;
    for (size_t i = 0; i < gl_codebook_count(it->view->terms, GL_TERM_LABEL); i++) {
        const struct gl_term *other = gl_codebook_any(it->view->terms, GL_TERM_LABEL, i);
        if (other != change->before && !other->is_retired && json_equal(json_object_get(other->record, "hotkey"), hotkey))
            return gl_fail_at(it->err, GL_E_EXISTS, "change.hotkey", "another label has this key: %.*s", (int)other->name.len,
                              other->name.data);
    }
    return GL_OK;
}

/* Labels that an attribute or a type of relation names. */
static enum gl_code check_labels(const struct deciding *it, const struct term_change *change)
{
    static const char *const lists[] = {"labels", "from", "to"};
    gl_uuid id;
    for (size_t k = 0; k < sizeof lists / sizeof *lists; k++) {
        const json_t *list = json_object_get(change->fields, lists[k]);
        for (size_t i = 0; i < json_array_size(list); i++) {
            const struct gl_term *label =
                gl_uuid_parse(text_of(json_array_get(list, i)), &id) ? gl_codebook_find(it->view->terms, &id) : NULL;
            if (!label || label->kind != GL_TERM_LABEL) {
                char path[64];
                snprintf(path, sizeof path, "change.%s[%zu]", lists[k], i);
                return gl_fail_at(it->err, GL_E_UNKNOWN_LABEL, path, "the codebook has no label with this id");
            }
        }
    }
    return GL_OK;
}

/* ---- all of it */

static enum gl_code check_all(const struct deciding *it, const struct term_change *change)
{
    struct gl_err found = {0};
    const struct gl_term *before = change->before;
    enum gl_code code = gl_term_check_fields(change->kind, change->fields, !before, &found);
    if (code != GL_OK)
        return fail_below_change(it, code, &found);
    if (json_object_size(change->fields) == 0)
        return refuse_change(it, "kind", "is an update that sets nothing");
    if (before && (code = refuse_if_stale(it, before->seq, &before->by, before->record)) != GL_OK)
        return code;
    if ((code = check_name(it, change)) != GL_OK || (code = check_parent(it, change)) != GL_OK ||
        (code = check_hotkey(it, change)) != GL_OK)
        return code;
    return check_labels(it, change);
}

/* What makes records no larger is always welcome. */
static enum gl_code check_room(const struct deciding *it, const struct term_change *change, const struct gl_term *after)
{
    const size_t had = change->before ? change->before->canonical.len : 0;
    const size_t more = after->canonical.len > had ? after->canonical.len - had : 0;
    if ((change->before && more == 0) ||
        gl_codebook_has_room(it->view->terms, change->before ? 0 : it->view->others_taken + 1, more))
        return GL_OK;
    return gl_fail_at(it->err, GL_E_TOO_LARGE, "change",
                      "a codebook has at most %u terms, retired ones among them, of %u bytes together", GL_TERMS_MAX,
                      GL_CODEBOOK_MAX_BYTES);
}

static enum gl_code accept_term(const struct deciding *it, const struct term_change *change)
{
    struct gl_err found = {0};
    struct project_verdict *verdict = it->verdict;
    json_t *set = json_copy(change->fields);
    if (!change->before)
        json_object_set_new(set, "kind", json_string(gl_term_kind_name(change->kind)));
    enum gl_code code =
        gl_term_apply(change->before, change->kind, &change->id, set, &it->ask->account, it->view->seq, &verdict->term, &found);
    if (code != GL_OK) {
        json_decref(set);
        return fail_below_change(it, code, &found);
    }
    if ((code = check_room(it, change, verdict->term)) != GL_OK) {
        json_decref(set);
        return code;
    }
    verdict->has_made = true;
    verdict->made = change->id;
    /* What only gives more to choose from holds for nobody up too soon: ops that were judged before it are right as well. */
    verdict->moves_epoch = change->before || change->kind == GL_TERM_ATTRIBUTE;
    set_effect(it, &change->id, change->before ? change->before->seq : 0, set);
    return GL_OK;
}

enum gl_code decide_term(const struct deciding *it, enum gl_term_kind kind, bool is_new)
{
    struct term_change change = {.kind = kind};
    const struct gl_codebook *terms = it->view->terms;
    if (it->ask->is_wanted) {
        const struct gl_slice name = text_of(json_object_get(it->ask->change, "name"));
        it->verdict->is_needless = gl_codebook_by_name(terms, kind, name) || !gl_codebook_is_open(terms);
        if (it->verdict->is_needless)
            return GL_OK;
    }
    enum gl_code code = need_role(it, role_for(it, &change, is_new));
    if (code != GL_OK || (code = find_term(it, &change, is_new)) != GL_OK)
        return code;
    change.fields = fields_of(it->ask->change, gl_term_kind_name(kind));
    code = check_all(it, &change);
    if (code == GL_OK)
        code = accept_term(it, &change);
    json_decref(change.fields);
    return code;
}
