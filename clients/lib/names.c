/*
 * names.c - the labels and members of a project: read at each connection, then kept current from the project's stream.
 *
 * An op of a session names labels and accounts by id, and says which version of the codebook it was judged under. The project's
 * stream and the session's are two: an op can arrive before the label that it uses. Then it waits a moment for project.ops, and
 * after that the codebook is asked for.
 */
#include <stdlib.h>

#include "clients/lib/lib_priv.h"

#define HOLD_MS 100

static void read_labels(struct lg_names *names, struct gl_slice cursor);
static void read_members(struct lg_names *names);

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* ---- made and freed */

static void drop_next(struct lg_names *names)
{
    json_decref(names->next_labels);
    json_decref(names->next_label_ids);
    json_decref(names->next_order);
    names->next_labels = names->next_label_ids = names->next_order = NULL;
}

static void names_free(struct lg_names *names)
{
    lg_calls_forget(names->g, names);
    drop_next(names);
    json_decref(names->labels);
    json_decref(names->label_ids);
    json_decref(names->order);
    json_decref(names->members);
    free(names);
}

int lg_names_get(struct gloss *g, const char *project, struct lg_names **out)
{
    for (struct lg_names *names = g->names; names; names = names->next) {
        if (strcmp(names->project, project) == 0) {
            names->refs++;
            *out = names;
            return GLOSS_OK;
        }
    }
    struct lg_names *names = calloc(1, sizeof(*names));
    *out = NULL;
    if (!names) {
        return GLOSS_E_NOMEM;
    }
    names->g = g;
    names->refs = 1;
    memcpy(names->project, project, GLOSS_ID);
    names->labels = json_object();
    names->label_ids = json_object();
    names->order = json_array();
    names->members = json_object();
    if (!names->labels || !names->label_ids || !names->order || !names->members) {
        names_free(names);
        return GLOSS_E_NOMEM;
    }
    names->next = g->names;
    g->names = names;
    *out = names;
    return GLOSS_OK;
}

void lg_names_unref(struct lg_names **out)
{
    struct lg_names *names = *out;
    *out = NULL;
    if (!names || --names->refs > 0) {
        return;
    }
    for (struct lg_names **at = &names->g->names; *at; at = &(*at)->next) {
        if (*at == names) {
            *at = names->next;
            break;
        }
    }
    names_free(names);
}

/* ---- reading all of them */

static void note_loaded(struct lg_names *names)
{
    names->is_loaded = !names->is_reading_labels && !names->is_reading_members;
}

static bool add_label(json_t *labels, json_t *ids, json_t *order, const char *id, const char *name)
{
    bool is_new = json_object_get(labels, id) == NULL;
    return json_object_set_new(labels, id, json_string(name)) == 0 && json_object_set_new(ids, name, json_string(id)) == 0 &&
           (!is_new || json_array_append_new(order, json_string(id)) == 0);
}

static bool take_labels(struct lg_names *names, const json_t *list)
{
    size_t i;
    json_t *label;
    json_array_foreach((json_t *)(uintptr_t)list, i, label)
    {
        const char *id = text_of(label, "id"), *name = text_of(label, "name"), *kind = text_of(label, "kind");
        if (kind && strcmp(kind, "label") != 0) {
            continue;
        }
        if (!id || !name || !add_label(names->next_labels, names->next_label_ids, names->next_order, id, name)) {
            return false;
        }
    }
    return true;
}

static void all_labels(struct lg_names *names, const json_t *result)
{
    json_decref(names->labels);
    json_decref(names->label_ids);
    json_decref(names->order);
    names->labels = names->next_labels;
    names->label_ids = names->next_label_ids;
    names->order = names->next_order;
    names->next_labels = names->next_label_ids = names->next_order = NULL;
    names->is_open = json_is_true(json_object_get(result, "open"));
    if (names->version < names->next_version) {
        names->version = names->next_version;
    }
}

/* The end of one reading of the codebook; what could not be read is not waited for. */
static void labels_done(struct lg_names *names)
{
    drop_next(names);
    names->is_reading_labels = false;
    names->hold_until_ms = 0;
    if (names->reads_labels_again) {
        names->reads_labels_again = false;
        read_labels(names, (struct gl_slice){NULL, 0});
    }
    note_loaded(names);
}

static void on_labels(struct gloss *g, json_t *result, const struct gloss_error *error, void *arg)
{
    struct lg_names *names = arg;
    if (error) {
        labels_done(names);
        return;
    }
    json_t *next = json_object_get(result, "next");
    names->next_version = (uint64_t)json_integer_value(json_object_get(result, "version"));
    if (!take_labels(names, json_object_get(result, "terms"))) {
        lg_drop_nomem(g);
        return;
    }
    if (json_is_string(next)) {
        read_labels(names, gl_slice_of(json_string_value(next), json_string_length(next)));
        return;
    }
    all_labels(names, result);
    labels_done(names);
}

static void read_labels(struct lg_names *names, struct gl_slice cursor)
{
    struct gloss *g = names->g;
    struct gl_codebook_get_params params = {.has_cursor = cursor.data != NULL, .cursor = cursor};
    struct gl_buf buf;
    bool is_first = !cursor.data;
    if (is_first && names->is_reading_labels) {
        names->reads_labels_again = true;
        return;
    }
    if (is_first) {
        drop_next(names);
        names->next_labels = json_object();
        names->next_label_ids = json_object();
        names->next_order = json_array();
    }
    names->is_reading_labels = true;
    gl_buf_init(&buf, SIZE_MAX);
    bool is_id = gl_uuid_parse(gl_slice_str(names->project), &params.project);
    gl_codebook_get_params_write(&buf, &params);
    if (!is_id || !names->next_labels || !names->next_label_ids || !names->next_order || buf.code != GL_OK ||
        lg_call(g, names, "codebook.get", gl_buf_peek(&buf), LG_CALL_DEADLINE_MS, on_labels, names) != GLOSS_OK) {
        lg_drop_nomem(g);
    }
    gl_buf_fini(&buf);
}

static void members_done(struct lg_names *names)
{
    names->is_reading_members = false;
    if (names->reads_members_again) {
        names->reads_members_again = false;
        read_members(names);
    }
    note_loaded(names);
}

static void on_members(struct gloss *g, json_t *result, const struct gloss_error *error, void *arg)
{
    struct lg_names *names = arg;
    size_t i;
    json_t *member;
    if (!error) {
        json_array_foreach(json_object_get(result, "members"), i, member)
        {
            const char *account = text_of(member, "account"), *name = text_of(member, "name");
            if (account && name && json_object_set_new(names->members, account, json_string(name)) != 0) {
                lg_drop_nomem(g);
                return;
            }
        }
    }
    members_done(names);
}

static void read_members(struct lg_names *names)
{
    struct gloss *g = names->g;
    struct gl_member_list_params params;
    struct gl_buf buf;
    if (names->is_reading_members) {
        names->reads_members_again = true;
        return;
    }
    names->is_reading_members = true;
    gl_buf_init(&buf, SIZE_MAX);
    bool is_id = gl_uuid_parse(gl_slice_str(names->project), &params.project);
    gl_member_list_params_write(&buf, &params);
    if (!is_id || buf.code != GL_OK ||
        lg_call(g, names, "member.list", gl_buf_peek(&buf), LG_CALL_DEADLINE_MS, on_members, names) != GLOSS_OK) {
        lg_drop_nomem(g);
    }
    gl_buf_fini(&buf);
}

void lg_names_up(struct lg_names *names)
{
    if (!names->is_loaded && !names->is_reading_labels && !names->is_reading_members) {
        read_labels(names, (struct gl_slice){NULL, 0});
        read_members(names);
    }
}

void lg_names_down(struct gloss *g)
{
    for (struct lg_names *names = g->names; names; names = names->next) {
        drop_next(names);
        names->is_loaded = names->is_reading_labels = names->is_reading_members = false;
        names->reads_labels_again = names->reads_members_again = false;
        names->stream_seq = names->hold_until_ms = 0;
    }
}

/* ---- the project's stream */

static json_t *first_set(const json_t *payload)
{
    return json_object_get(json_array_get(json_object_get(payload, "effects"), 0), "set");
}

/* label.create: the new label's id is in the effect's ids or in what it sets. False: out of memory. */
static bool take_new_label(struct lg_names *names, const json_t *payload)
{
    const json_t *set = first_set(payload);
    const char *name = text_of(set, "name"), *id = text_of(set, "label");
    if (!id) {
        id = json_string_value(json_array_get(json_object_get(json_array_get(json_object_get(payload, "effects"), 0), "ids"), 0));
    }
    if (!name || !id) {
        read_labels(names, (struct gl_slice){NULL, 0});
        return true;
    }
    return add_label(names->labels, names->label_ids, names->order, id, name);
}

static bool take_project_op(struct lg_names *names, const json_t *payload)
{
    const char *kind = text_of(payload, "kind");
    const json_t *open = json_object_get(first_set(payload), "open");
    if (!kind) {
        return true;
    }
    if (strcmp(kind, "label.create") == 0) {
        return take_new_label(names, payload);
    }
    if (strcmp(kind, "codebook.policy") == 0 && json_is_boolean(open)) {
        names->is_open = json_is_true(open);
    } else if (strncmp(kind, "member.", 7) == 0) {
        read_members(names);
    } else if (strncmp(kind, "label.", 6) == 0 || strncmp(kind, "codebook.", 9) == 0) {
        read_labels(names, (struct gl_slice){NULL, 0}); /* a kind that this version does not know */
    }
    return true;
}

static void tell(struct lg_names *names, uint64_t seq, json_t *payload)
{
    struct gloss *g = names->g;
    for (struct gloss_session *session = g->sessions; session && !lg_is_over(g); session = session->next) {
        if (session->names != names || session->is_left || session->state != LG_JOINED) {
            continue;
        }
        const struct gloss_event event = {.type = GLOSS_EV_PROJECT,
                                          .session = session,
                                          .seq = seq,
                                          .payload = payload,
                                          .op = text_of(payload, "op"),
                                          .kind = text_of(payload, "kind"),
                                          .account = text_of(payload, "account"),
                                          .at = text_of(payload, "at")};
        lg_emit(g, &event);
    }
}

static void take_ops(struct lg_names *names, uint64_t first, json_t *ops)
{
    uint64_t known = names->stream_seq > names->version ? names->stream_seq : names->version;
    if (known != 0 && first > known + 1) { /* some were missed */
        read_labels(names, (struct gl_slice){NULL, 0});
        read_members(names);
    }
    for (size_t i = 0; i < json_array_size(ops) && !lg_is_over(names->g); i++) {
        json_t *payload = json_object_get(json_array_get(ops, i), "payload");
        uint64_t seq = first + i;
        if (seq <= names->stream_seq) {
            continue;
        }
        names->stream_seq = seq;
        if (!take_project_op(names, payload)) {
            lg_drop_nomem(names->g);
            return;
        }
        names->version = seq > names->version ? seq : names->version;
        tell(names, seq, payload);
    }
    /* A reading that began before these ops may not have them: it is repeated. */
    names->reads_labels_again |= names->is_reading_labels;
}

void lg_names_on_ops(struct gloss *g, const json_t *params)
{
    const char *project = text_of(params, "project");
    json_t *first = json_object_get(params, "first"), *ops = json_object_get(params, "ops");
    for (struct lg_names *names = g->names; project && json_is_integer(first) && names; names = names->next) {
        if (strcmp(names->project, project) == 0) {
            names->refs++; /* a callback may leave the last session of it */
            take_ops(names, (uint64_t)json_integer_value(first), ops);
            lg_names_unref(&names);
            return;
        }
    }
}

bool lg_names_know(struct lg_names *names, const json_t *payload)
{
    uint64_t codebook = (uint64_t)json_integer_value(json_object_get(payload, "codebook"));
    const char *account = text_of(payload, "account");
    if (!payload) {
        return true;
    }
    if (!names->is_loaded) {
        return false;
    }
    if (account && !json_object_get(names->members, account)) {
        (void)json_object_set_new(names->members, account, json_null()); /* asked for once */
        read_members(names);
        note_loaded(names);
        return false;
    }
    if (codebook <= names->version) {
        names->hold_until_ms = 0;
        return true;
    }
    if (names->hold_until_ms == 0) {
        names->hold_until_ms = lg_now_ms() + HOLD_MS;
        lg_wake_at(names->g, names->hold_until_ms);
    } else if (names->hold_until_ms <= lg_now_ms()) {
        names->version = codebook; /* if this does not bring it nothing does */
        read_labels(names, (struct gl_slice){NULL, 0});
        note_loaded(names);
    }
    return false;
}

void lg_names_timers(struct gloss *g, uint64_t now)
{
    for (struct lg_names *names = g->names; names; names = names->next) {
        if (names->hold_until_ms > now) {
            lg_wake_at(g, names->hold_until_ms);
        }
    }
}

/* ---- looking */

const char *gloss_label_name(const struct gloss_session *session, const char *label_id)
{
    return session->names ? text_of(session->names->labels, label_id) : NULL;
}

const char *gloss_label_id(const struct gloss_session *session, const char *name)
{
    return session->names ? text_of(session->names->label_ids, name) : NULL;
}

size_t gloss_label_count(const struct gloss_session *session)
{
    return session->names ? json_array_size(session->names->order) : 0;
}

bool gloss_label_at(const struct gloss_session *session, size_t index, const char **id, const char **name)
{
    const char *at = session->names ? json_string_value(json_array_get(session->names->order, index)) : NULL;
    *id = at;
    *name = at ? text_of(session->names->labels, at) : NULL;
    return at != NULL;
}

bool gloss_codebook_is_open(const struct gloss_session *session)
{
    return session->names && session->names->is_open;
}

uint64_t gloss_codebook_version(const struct gloss_session *session)
{
    return session->names ? session->names->version : 0;
}

const char *gloss_member_name(const struct gloss_session *session, const char *account_id)
{
    return session->names ? text_of(session->names->members, account_id) : NULL;
}
