/* judge_target.c - what an annotation is about: words of the text, or other annotations. */
#include "service/core/judge_priv.h"

/* ---- the annotations that a target names */

json_t *judge_deleted(const struct gl_annotation *annotation)
{
    char author[GL_UUID_TEXT + 1];
    const gl_uuid who = gl_annotation_field_author(annotation, "deleted");
    gl_uuid_format(&who, author);
    return json_pack("{s:O, s:s, s:I}", "current", gl_annotation_record(annotation), "author", author, "seq",
                     (json_int_t)gl_annotation_field_seq(annotation, "deleted"));
}

static enum gl_code check_named(struct trial *trial, const gl_uuid *id, const char *member)
{
    const struct gl_annotation *named = judge_find(trial->view, id);
    if (!named)
        return gl_fail_at(trial->err, GL_E_NOT_FOUND, member, "this session has no such annotation");
    if (!named->is_deleted || MUTATION(reply_to_deleted))
        return GL_OK;
    *trial->data = judge_deleted(named);
    judge_put_away(trial->view, named);
    return gl_fail_at(trial->err, GL_E_GONE, member, "the annotation was deleted; restore it first");
}

enum gl_code judge_want_far(struct trial *trial, const struct gl_link *link)
{
    trial->verdict->wants_far = true;
    trial->verdict->far = *link;
    return gl_fail_at(trial->err, GL_E_BUSY, "change", "the relation's other session has not been asked yet");
}

bool judge_knows_far(const struct judge_far *far, const struct gl_link *link)
{
    return far->is != JUDGE_FAR_NOT_ASKED && gl_uuid_equal(&far->session, &link->to_session) &&
           gl_uuid_equal(&far->annotation, &link->to);
}

static enum gl_code check_far(struct trial *trial, const struct gl_link *link)
{
    static const char member[] = "change.target.to";
    if (!judge_knows_far(&trial->ask->far, link))
        return judge_want_far(trial, link);
    switch (trial->ask->far.is) {
    case JUDGE_FAR_THERE: return GL_OK;
    case JUDGE_FAR_DELETED: return gl_fail_at(trial->err, GL_E_GONE, member, "the annotation was deleted; restore it first");
    default: return gl_fail_at(trial->err, GL_E_NOT_FOUND, member, "this project has no such annotation in such a session");
    }
}

static enum gl_code check_relation(struct trial *trial, const struct gl_link *link)
{
    enum gl_code code = check_named(trial, &link->from, "change.target.from");
    if (code != GL_OK)
        return code;
    return gl_uuid_equal(&link->to_session, &trial->view->session) ? check_named(trial, &link->to, "change.target.to")
                                                                   : check_far(trial, link);
}

static bool is_too_deep(const struct trial *trial, const gl_uuid *parent)
{
    size_t levels = 1; /* the new reply itself */
    for (const struct gl_annotation *at = judge_find(trial->view, parent); at && levels <= JUDGE_THREAD_LEVELS; levels++)
        at = at->target_kind == GL_TARGET_ANNOTATION ? judge_find(trial->view, &at->link.from) : NULL;
    return levels > JUDGE_THREAD_LEVELS;
}

static enum gl_code check_parent(struct trial *trial, const gl_uuid *parent)
{
    static const char member[] = "change.target.annotation";
    enum gl_code code = check_named(trial, parent, member);
    if (code != GL_OK || !is_too_deep(trial, parent))
        return code;
    return gl_fail_at(trial->err, GL_E_TOO_LARGE, member, "a thread has at most %u levels; reply further up",
                      JUDGE_THREAD_LEVELS);
}

/* ---- the target of the change */

static bool is_place(enum gl_target_kind kind)
{
    return kind == GL_TARGET_DOCUMENT || kind == GL_TARGET_SPANS;
}

static enum gl_code refuse_other_kind(struct trial *trial)
{
    return gl_fail_at(trial->err, GL_E_INVALID_PARAMS, "change.target.type",
                      "what lies in the text, a reply and a relation each stay what they are; make a new annotation");
}

static enum gl_code check_stored(struct trial *trial, const json_t *stored)
{
    struct gl_link link;
    enum gl_target_kind kind = gl_target_read(stored, &link);
    const struct gl_annotation *before = trial->before;
    if (before && (is_place(kind) ? !is_place(before->target_kind) : kind != before->target_kind))
        return refuse_other_kind(trial);
    if (kind == GL_TARGET_RELATION)
        return check_relation(trial, &link);
    if (kind != GL_TARGET_ANNOTATION)
        return GL_OK;
    if (!before)
        return check_parent(trial, &link.from);
    if (!gl_uuid_equal(&link.from, &before->link.from))
        return gl_fail_at(trial->err, GL_E_INVALID_PARAMS, "change.target.annotation",
                          "a reply stays with what it answers; write a new one");
    return GL_OK;
}

enum gl_code judge_set_target(struct trial *trial, const json_t *target)
{
    json_t *stored = NULL;
    const struct gl_target_scope scope = {trial->view->text, trial->view->revision, trial->view->session};
    enum gl_code code = gl_target_resolve(target, &scope, &stored, trial->data, trial->err);
    if (code != GL_OK) {
        char path[GL_ERR_PATH_MAX];
        if (trial->err) {
            snprintf(path, sizeof path, "change.target%s%.*s", trial->err->path[0] ? "." : "", (int)sizeof path - 16,
                     trial->err->path);
            memcpy(trial->err->path, path, sizeof path);
        }
        return code;
    }
    json_object_set_new(trial->set, "target", stored);
    code = check_stored(trial, stored);
    if (code == GL_OK)
        trial_note_field(trial, "target");
    return code;
}

/* ---- replies */

struct newest {
    const struct judge_ask *ask;
    uint64_t seq;
    gl_uuid author;
};

/* When the reply came, or came back. */
static void look_at(struct newest *newest, const struct judge_view *view, const struct gl_annotation *reply)
{
    uint64_t seq = reply->changed_seq > reply->created_seq ? gl_annotation_field_seq(reply, "deleted") : 0;
    const gl_uuid author = seq ? gl_annotation_field_author(reply, "deleted") : reply->creator;
    judge_put_away(view, reply);
    if (seq == 0)
        seq = reply->created_seq;
    if (reply->is_deleted || seq <= newest->ask->base + 3u * MUTATION(late_reply_not_seen) || seq <= newest->seq ||
        gl_uuid_equal(&author, &newest->ask->account))
        return;
    newest->seq = seq;
    newest->author = author;
}

/* The next of the thread below top, in the committed state: down, then on, then up and on. */
static const struct gl_annotation *next_below(const struct gl_state *state, const gl_uuid *top, const struct gl_annotation *at)
{
    const struct gl_annotation *next = gl_state_reply_first(state, &at->id);
    while (!next && at && !gl_uuid_equal(&at->id, top)) {
        next = gl_state_reply_next(state, at);
        at = gl_state_find(state, &at->link.from);
    }
    return next;
}

/* What is made in the view has few levels above it. */
static bool is_below(const struct judge_view *view, const gl_uuid *top, const struct gl_annotation *at)
{
    while (at && at->target_kind == GL_TARGET_ANNOTATION) {
        if (gl_uuid_equal(&at->link.from, top))
            return true;
        at = judge_find(view, &at->link.from);
    }
    return false;
}

void judge_depend_on_replies(struct trial *trial)
{
    struct judge_view *view = trial->view;
    struct newest newest = {.ask = trial->ask};
    const struct gl_annotation *at = gl_state_find(view->state, &trial->id);
    for (; at && (at = next_below(view->state, &trial->id, at)); view->steps++)
        look_at(&newest, view, judge_find(view, &at->id));
    for (size_t i = 0; (at = judge_made(view, &i)); view->steps++)
        if (is_below(view, &trial->id, at))
            look_at(&newest, view, at);
    if (newest.seq > 0)
        trial_add_conflict(trial, "replies", &newest.author, newest.seq);
}
