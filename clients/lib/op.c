/*
 * op.c - one op that was asked for: its id, its base, its text.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "clients/lib/lib_priv.h"

#define ENVELOPE_BYTES 256 /* what is around the ops in a message */

int64_t lg_time_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + (int64_t)now.tv_nsec / 1000000;
}

void gloss_new_id(char id[GLOSS_ID])
{
    gl_uuid uuid = gl_uuid_v7((uint64_t)lg_time_ms());
    gl_uuid_format(&uuid, id);
}

static bool needs_base(const json_t *change)
{
    const char *kind = json_string_value(json_object_get(change, "kind"));
    bool is_redact = kind && strcmp(kind, "redact") == 0;
    return is_redact ? json_object_get(change, "annotations") != NULL
                     : kind && strcmp(kind, "annotation.create") != 0 && strncmp(kind, "annotation.", 11) == 0;
}

static bool read_id(const json_t *text, gl_uuid *id)
{
    return json_is_string(text) && gl_uuid_parse(gl_slice_of(json_string_value(text), json_string_length(text)), id);
}

static int take_id(struct gloss *g, const json_t *asked, struct lg_op *op)
{
    const json_t *given = json_object_get(asked, "id");
    gl_uuid id;
    if (!given) {
        gloss_new_id(op->id);
        return GLOSS_OK;
    }
    if (!read_id(given, &id)) {
        return lg_fail(g, GLOSS_E_INVALID_PARAMS, "the id of an op is a UUID: 36 lower case characters");
    }
    gl_uuid_format(&id, op->id);
    return GLOSS_OK;
}

/* Which annotation it is about. */
static void take_subject(const json_t *change, struct lg_op *op)
{
    const char *kind = json_string_value(json_object_get(change, "kind"));
    gl_uuid id, op_id;
    op->is_create = kind && strcmp(kind, "annotation.create") == 0;
    if (read_id(json_object_get(change, "annotation"), &id)) {
        gl_uuid_format(&id, op->subject);
    } else if (op->is_create && gl_uuid_parse(gl_slice_str(op->id), &op_id)) {
        id = gl_op_annotation_id(&op_id);
        gl_uuid_format(&id, op->subject);
    }
}

static enum gl_code write_request(struct lg_op *op, const json_t *base, const uint64_t *base_seq, const json_t *change)
{
    const char *base_text = json_string_value(base);
    struct gl_buf buf;
    size_t len;
    gl_buf_init(&buf, SIZE_MAX);
    gl_buf_byte(&buf, '{');
    if (base_seq) {
        gl_write_u64(&buf, "base", *base_seq);
    } else if (base) {
        gl_write_json(&buf, "base", base, (struct gl_slice){NULL, 0});
    }
    gl_write_json(&buf, "change", change, (struct gl_slice){NULL, 0});
    gl_write_str(&buf, "id", gl_slice_str(op->id));
    gl_buf_byte(&buf, '}');
    enum gl_code code = buf.code;
    char *request = gl_buf_take(&buf, &len);
    gl_buf_fini(&buf);
    if (!request) {
        return code == GL_OK ? GL_E_NOMEM : code;
    }
    free(op->request);
    op->request = request;
    op->len = len;
    (void)snprintf(op->base, sizeof(op->base), "%s", !base_seq && base_text ? base_text : "");
    json_int_t number = json_is_integer(base) ? json_integer_value(base) : 0;
    op->base_seq = base_seq ? *base_seq : number > 0 ? (uint64_t)number : 0;
    return GL_OK;
}

static int could_not_write(struct gloss *g, enum gl_code code)
{
    return code == GL_E_NOMEM
               ? lg_fail_nomem(g)
               : lg_fail(g, GLOSS_E_INVALID_PARAMS, "a change must be JSON without real numbers, with ASCII names");
}

static const struct lg_op *create_in(const struct lg_op *list, const char *annotation)
{
    while (list && !(list->is_create && strcmp(list->subject, annotation) == 0)) {
        list = list->next;
    }
    return list;
}

/* The op that waits to make the annotation that op changes; NULL: none does. */
static const struct lg_op *its_create(const struct gloss_session *session, const struct lg_op *list, const struct lg_op *op)
{
    if (!op->subject[0] || gloss_annotation_find(session, op->subject)) {
        return NULL;
    }
    const struct lg_op *found = create_in(list, op->subject);
    return found ? found : create_in(session->ops, op->subject);
}

/* A change of what is there says what it has in view: unless the program does, what the session shows. */
static int fill(struct gloss_session *session, const json_t *asked, const struct lg_op *list, struct lg_op *op)
{
    struct gloss *g = session->g;
    const json_t *change = json_object_get(asked, "change"), *base = json_object_get(asked, "base");
    bool is_open = !base && needs_base(change);
    const struct lg_op *create = is_open ? its_create(session, list, op) : NULL;
    json_t *own = create ? json_string(create->id) : NULL;
    if (create && !own) {
        return lg_fail_nomem(g);
    }
    if (is_open && !create && !session->has_position) {
        return lg_fail(g, GLOSS_E_INVALID_PARAMS,
                       "the session is not joined yet, so it is not known what you have seen: give a base");
    }
    enum gl_code code =
        write_request(op, own ? own : base, is_open && !create ? &session->seq : NULL, json_object_get(asked, "change"));
    json_decref(own);
    return code == GL_OK ? GLOSS_OK : could_not_write(g, code);
}

static int check_size(struct gloss *g, const struct lg_op *op)
{
    return op->len + ENVELOPE_BYTES > g->limits.frame_bytes
               ? lg_fail(g, GLOSS_E_TOO_LARGE, "an op of %zu bytes does not fit into a message", op->len)
               : GLOSS_OK;
}

int lg_op_make(struct gloss_session *session, const json_t *asked, const struct lg_op *list, struct lg_op **out)
{
    struct gloss *g = session->g;
    const json_t *change = json_object_get(asked, "change"), *base = json_object_get(asked, "base");
    *out = NULL;
    if (!json_is_object(change) || (base && !json_is_integer(base) && !json_is_string(base))) {
        return lg_fail(g, GLOSS_E_INVALID_PARAMS, "an op is {\"id\", \"base\", \"change\"}; base is a seq or the id of an op");
    }
    struct lg_op *op = calloc(1, sizeof(*op));
    if (!op) {
        return lg_fail_nomem(g);
    }
    op->since_ms = lg_time_ms();
    int code = take_id(g, asked, op);
    if (code == GLOSS_OK) {
        take_subject(change, op);
        code = fill(session, asked, list, op);
    }
    if (code == GLOSS_OK) {
        code = check_size(g, op);
    }
    if (code != GLOSS_OK) {
        lg_op_free(op);
        op = NULL;
    }
    *out = op;
    return code;
}

static enum gl_code read_original(const json_t *was, struct lg_op *op)
{
    struct lg_op before = {0};
    memcpy(before.id, op->id, sizeof(before.id));
    if (!json_is_object(json_object_get(was, "change"))) {
        return GL_E_MALFORMED;
    }
    enum gl_code code = write_request(&before, json_object_get(was, "base"), NULL, json_object_get(was, "change"));
    op->original = before.request;
    op->original_len = before.len;
    return code;
}

enum gl_code lg_op_read(const json_t *asked, struct lg_op **out)
{
    const json_t *change = json_object_get(asked, "change");
    gl_uuid id;
    *out = NULL;
    if (!json_is_object(change) || !read_id(json_object_get(asked, "id"), &id)) {
        return GL_E_MALFORMED;
    }
    struct lg_op *op = calloc(1, sizeof(*op));
    if (!op) {
        return GL_E_NOMEM;
    }
    gl_uuid_format(&id, op->id);
    take_subject(change, op);
    enum gl_code code = write_request(op, json_object_get(asked, "base"), NULL, change);
    if (code == GL_OK && json_object_get(asked, "was")) {
        code = read_original(json_object_get(asked, "was"), op);
    }
    if (code != GL_OK) {
        lg_op_free(op);
        op = NULL;
    }
    *out = op;
    return code;
}

void lg_op_swap_texts(struct lg_op *op, struct lg_op *other)
{
    struct lg_op mine = *op;
    op->request = other->request;
    op->len = other->len;
    op->original = other->original;
    op->original_len = other->original_len;
    other->request = mine.request;
    other->len = mine.len;
    other->original = mine.original;
    other->original_len = mine.original_len;
}

void lg_op_free(struct lg_op *op)
{
    free(op->request);
    free(op->original);
    json_decref(op->asked);
    gloss_error_clear(&op->error);
    free(op);
}

void lg_ops_free(struct lg_op *list)
{
    while (list) {
        struct lg_op *op = list;
        list = op->next;
        lg_op_free(op);
    }
}

void lg_op_done(struct lg_op *op, const struct gloss_error *error)
{
    op->state = LG_OP_DONE;
    free(op->request);
    op->request = NULL;
    gloss_error_clear(&op->error);
    if (error) {
        lg_error_copy(&op->error, error);
    }
}

const json_t *lg_op_asked(struct lg_op *op)
{
    struct gl_err err = {0};
    if (!op->asked && op->request && gl_json_load(gl_slice_of(op->request, op->len), &op->asked, &err) != GL_OK) {
        op->asked = NULL;
    }
    return op->asked;
}

int lg_op_renew(struct gloss_session *session, struct lg_op *op, const json_t *base, const json_t *change)
{
    const json_t *asked = lg_op_asked(op);
    struct lg_op copy = {0};
    if (!asked) {
        return lg_fail_nomem(session->g);
    }
    change = change ? change : json_object_get(asked, "change");
    memcpy(copy.id, op->id, sizeof(copy.id));
    copy.view = op->view;
    copy.original = op->original;
    copy.original_len = op->original_len;
    enum gl_code code = write_request(&copy, needs_base(change) ? base : NULL, NULL, change);
    if (code != GL_OK) {
        return could_not_write(session->g, code);
    }
    take_subject(change, &copy);
    int disk = check_size(session->g, &copy);
    if (disk == GLOSS_OK && op->is_on_disk) {
        disk = lg_queue_renew(session, &copy);
    }
    if (disk != GLOSS_OK) {
        free(copy.request);
        return disk;
    }
    free(op->request);
    json_decref(op->asked);
    op->asked = NULL;
    op->request = copy.request;
    op->len = copy.len;
    memcpy(op->base, copy.base, sizeof(op->base));
    op->base_seq = copy.base_seq;
    op->is_create = copy.is_create;
    memcpy(op->subject, copy.subject, sizeof(op->subject));
    return GLOSS_OK;
}

int lg_op_restore(struct gloss_session *session, struct lg_op *op)
{
    struct gl_err err = {0};
    json_t *asked = NULL;
    char *original = op->original;
    enum gl_code code = gl_json_load(gl_slice_of(original, op->original_len), &asked, &err);
    op->original = NULL; /* on disk it is as it was, too */
    int result = code == GL_OK ? lg_op_renew(session, op, json_object_get(asked, "base"), json_object_get(asked, "change"))
                               : lg_fail_gl(session->g, &err);
    json_decref(asked);
    if (result == GLOSS_OK) {
        free(original);
    } else {
        op->original = original;
    }
    return result;
}

struct lg_op *lg_op_find(const struct gloss_session *session, const char *id)
{
    struct lg_op *op = session->ops;
    while (op && strcmp(op->id, id) != 0) {
        op = op->next;
    }
    return op;
}

void lg_ops_group(struct gloss *g, struct lg_op *list, size_t count)
{
    uint64_t group = ++g->next_group;
    for (struct lg_op *op = list; op; op = op->next) {
        op->group = group;
        op->group_left = count--;
    }
}

void lg_ops_count(struct lg_op *list)
{
    for (struct lg_op *op = list; op; op = op->next) {
        op->group_left = 0;
        for (const struct lg_op *at = op; at && op->group && at->group == op->group; at = at->next) {
            op->group_left++;
        }
    }
}

bool lg_op_shares_step(const struct lg_op *op, const struct lg_op *other)
{
    return op == other || (op->group && op->group == other->group);
}
