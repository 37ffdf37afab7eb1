/*
 * names.c - the labels and members of a project: read at each connection, then kept current from the project's stream.
 *
 * An op of a session names labels and accounts by id, and says which version of the codebook it was judged under. The project's
 * stream and the session's are two: an op can arrive before the label that it uses. Then it waits a moment for project.ops, and
 * after that the codebook is asked for.
 */
#include <stdlib.h>

#include "clients/lib/lib_priv.h"

/* gloss.h is read by programs that have no codebook.h. */
_Static_assert((int)GLOSS_TERM_LABEL == (int)GL_TERM_LABEL && (int)GLOSS_TERM_ATTRIBUTE == (int)GL_TERM_ATTRIBUTE &&
                   (int)GLOSS_TERM_RELATION == (int)GL_TERM_RELATION && (int)GL_TERM_KIND_COUNT == 3,
               "gloss.h and codebook.h disagree about the kinds of terms");

#define HOLD_MS 100

static void read_labels(struct lg_names *names, struct gl_slice cursor);
static void read_members(struct lg_names *names, struct gl_slice cursor);
static enum gl_code put_terms(struct gl_codebook *book, const json_t *list);

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* ---- made and freed */

int lg_names_recall(struct lg_names *names, const json_t *saved)
{
    if (names->version != 0 || names->is_loaded) {
        return GLOSS_OK; /* what is here is newer */
    }
    if (json_object_update(names->members, json_object_get(saved, "members")) != 0 ||
        put_terms(names->book, json_object_get(saved, "terms")) != GL_OK) {
        return lg_fail_nomem(names->g);
    }
    gl_codebook_set_open(names->book, json_is_true(json_object_get(saved, "open")));
    names->version = (uint64_t)json_integer_value(json_object_get(saved, "version"));
    return GLOSS_OK;
}

static void names_free(struct lg_names *names)
{
    lg_calls_forget(names->g, names);
    gl_codebook_free(&names->next_book);
    gl_codebook_free(&names->book);
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
    names->book = gl_codebook_new();
    names->members = json_object();
    if (!names->book || !names->members) {
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

static enum gl_code put_terms(struct gl_codebook *book, const json_t *list)
{
    struct gl_err err = {0};
    enum gl_code code = GL_OK;
    for (size_t i = 0; i < json_array_size(list) && code != GL_E_NOMEM; i++) {
        code = gl_codebook_put(book, json_array_get(list, i), &err); /* one of a newer kind is passed over */
    }
    return code == GL_E_NOMEM ? code : GL_OK;
}

static void all_terms(struct lg_names *names, const json_t *result)
{
    gl_codebook_free(&names->book);
    names->book = names->next_book;
    names->next_book = NULL;
    gl_codebook_set_open(names->book, json_is_true(json_object_get(result, "open")));
    names->version = names->stream_seq > names->next_version ? names->stream_seq : names->next_version;
}

/* Asked for again from the beginning, later. */
static bool is_put_off(struct lg_names *names, const struct gloss_error *error, uint64_t *at_ms)
{
    bool is_later = error && lg_error_is_later(error) && (error->code != GLOSS_E_INTERNAL || names->failures < LG_INTERNAL_MAX);
    if (is_later) {
        *at_ms = lg_now_ms() + lg_retry_delay(names->g, error, names->failures++);
        lg_wake_at(names->g, *at_ms);
    }
    return is_later;
}

/* The end of one reading of the codebook; what could not be read is not waited for. */
static void labels_done(struct lg_names *names)
{
    gl_codebook_free(&names->next_book);
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
    if (is_put_off(names, error, &names->labels_at_ms)) {
        return;
    }
    if (error) {
        labels_done(names);
        return;
    }
    names->failures = 0;
    json_t *next = json_object_get(result, "next");
    names->next_version = (uint64_t)json_integer_value(json_object_get(result, "version"));
    if (put_terms(names->next_book, json_object_get(result, "terms")) != GL_OK) {
        lg_drop_nomem(g);
        return;
    }
    if (json_is_string(next)) {
        read_labels(names, gl_slice_of(json_string_value(next), json_string_length(next)));
        return;
    }
    all_terms(names, result);
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
        gl_codebook_free(&names->next_book);
        names->next_book = gl_codebook_new();
    }
    names->is_reading_labels = true;
    gl_buf_init(&buf, SIZE_MAX);
    bool is_id = gl_uuid_parse(gl_slice_str(names->project), &params.project);
    gl_codebook_get_params_write(&buf, &params);
    if (!is_id || !names->next_book || buf.code != GL_OK ||
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
        read_members(names, (struct gl_slice){NULL, 0});
    }
    note_loaded(names);
}

static void on_members(struct gloss *g, json_t *result, const struct gloss_error *error, void *arg)
{
    struct lg_names *names = arg;
    size_t i;
    json_t *member;
    if (is_put_off(names, error, &names->members_at_ms)) {
        return;
    }
    if (!error) {
        names->failures = 0;
        json_array_foreach(json_object_get(result, "members"), i, member)
        {
            const char *account = text_of(member, "account"), *name = text_of(member, "name");
            if (account && name && json_object_set_new(names->members, account, json_string(name)) != 0) {
                lg_drop_nomem(g);
                return;
            }
        }
    }
    const json_t *next = json_object_get(result, "next");
    if (json_is_string(next))
        read_members(names, gl_slice_of(json_string_value(next), json_string_length(next)));
    else
        members_done(names);
}

static void read_members(struct lg_names *names, struct gl_slice cursor)
{
    struct gloss *g = names->g;
    struct gl_member_list_params params = {.has_cursor = cursor.data != NULL, .cursor = cursor};
    struct gl_buf buf;
    if (!cursor.data && names->is_reading_members) {
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
        read_members(names, (struct gl_slice){NULL, 0});
    }
}

/* What comes next may have seqs that there were before. */
void lg_names_anew(struct lg_names *names)
{
    names->is_loaded = false;
    names->version = names->stream_seq = names->asked = 0;
    read_labels(names, (struct gl_slice){NULL, 0});
    read_members(names, (struct gl_slice){NULL, 0});
}

void lg_names_down(struct gloss *g)
{
    for (struct lg_names *names = g->names; names; names = names->next) {
        gl_codebook_free(&names->next_book);
        names->is_loaded = names->is_reading_labels = names->is_reading_members = false;
        names->reads_labels_again = names->reads_members_again = false;
        names->stream_seq = names->hold_until_ms = names->asked = 0;
        names->labels_at_ms = names->members_at_ms = 0;
        names->failures = 0;
    }
}

/* ---- the project's stream */

/* Terms and policy; what this version does not know is read anew. False: out of memory. */
static bool take_term(struct lg_names *names, json_t *payload)
{
    struct gl_err err = {0};
    struct gl_op op;
    enum gl_code code = gl_op_read(payload, &op, &err);
    if (code == GL_OK) {
        code = gl_codebook_apply(names->book, &op, &err);
        gl_op_fini(&op);
    }
    if (code != GL_OK && code != GL_E_NOMEM) {
        read_labels(names, (struct gl_slice){NULL, 0});
    }
    return code != GL_E_NOMEM;
}

static bool take_project_op(struct lg_names *names, json_t *payload)
{
    const char *kind = text_of(payload, "kind");
    if (kind && strncmp(kind, "member.", 7) == 0) {
        read_members(names, (struct gl_slice){NULL, 0});
    }
    return !kind || strncmp(kind, "member.", 7) == 0 || take_term(names, payload);
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
        read_members(names, (struct gl_slice){NULL, 0});
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
        read_members(names, (struct gl_slice){NULL, 0});
        note_loaded(names);
        return false;
    }
    if (codebook <= names->version || codebook <= names->asked) {
        names->hold_until_ms = 0;
        return true;
    }
    if (names->hold_until_ms == 0) {
        names->hold_until_ms = lg_now_ms() + HOLD_MS;
        lg_wake_at(names->g, names->hold_until_ms);
    } else if (names->hold_until_ms <= lg_now_ms()) {
        names->asked = codebook; /* if this does not bring it nothing does */
        read_labels(names, (struct gl_slice){NULL, 0});
        note_loaded(names);
    }
    return false;
}

static bool is_time(struct gloss *g, uint64_t *at_ms, uint64_t now)
{
    bool has_come = *at_ms != 0 && now >= *at_ms;
    if (has_come) {
        *at_ms = 0;
    } else if (*at_ms != 0) {
        lg_wake_at(g, *at_ms);
    }
    return has_come;
}

void lg_names_timers(struct gloss *g, uint64_t now)
{
    for (struct lg_names *names = g->names; names; names = names->next) {
        if (is_time(g, &names->labels_at_ms, now)) {
            names->is_reading_labels = false;
            read_labels(names, (struct gl_slice){NULL, 0});
        }
        if (is_time(g, &names->members_at_ms, now)) {
            names->is_reading_members = false;
            read_members(names, (struct gl_slice){NULL, 0});
        }
        if (names->hold_until_ms > now) {
            lg_wake_at(g, names->hold_until_ms);
        }
    }
}

/* ---- looking */

static const struct gl_codebook *book_of(const struct gloss_session *session)
{
    return session->names ? session->names->book : NULL;
}

static const struct gl_term *find_term(const struct gloss_session *session, const char *id)
{
    gl_uuid uuid;
    bool is_id = id && gl_uuid_parse(gl_slice_str(id), &uuid);
    return is_id && session->names ? gl_codebook_find(session->names->book, &uuid) : NULL;
}

static const struct gl_term *named_term(const struct gloss_session *session, enum gl_term_kind kind, const char *name)
{
    const struct gl_codebook *book = book_of(session);
    return book && name ? gl_codebook_by_name(book, kind, gl_slice_str(name)) : NULL;
}

const char *gloss_label_name(const struct gloss_session *session, const char *label_id)
{
    const struct gl_term *term = find_term(session, label_id);
    return term ? text_of(term->record, "name") : NULL;
}

const char *gloss_label_id(const struct gloss_session *session, const char *name)
{
    const struct gl_term *term = named_term(session, GL_TERM_LABEL, name);
    return term ? text_of(term->record, "id") : NULL;
}

size_t gloss_label_count(const struct gloss_session *session)
{
    return gloss_term_count(session, GLOSS_TERM_LABEL);
}

bool gloss_label_at(const struct gloss_session *session, size_t index, const char **id, const char **name)
{
    const json_t *record = gloss_term_at(session, GLOSS_TERM_LABEL, index);
    *id = text_of(record, "id");
    *name = text_of(record, "name");
    return record != NULL;
}

size_t gloss_term_count(const struct gloss_session *session, enum gloss_term_kind kind)
{
    const struct gl_codebook *book = book_of(session);
    bool is_kind = (int)kind >= 0 && (int)kind < (int)GL_TERM_KIND_COUNT;
    return book && is_kind ? gl_codebook_count(book, (enum gl_term_kind)kind) : 0;
}

const json_t *gloss_term_at(const struct gloss_session *session, enum gloss_term_kind kind, size_t index)
{
    return index < gloss_term_count(session, kind) ? gl_codebook_at(book_of(session), (enum gl_term_kind)kind, index)->record
                                                   : NULL;
}

const json_t *gloss_term_find(const struct gloss_session *session, const char *id)
{
    const struct gl_term *term = find_term(session, id);
    return term ? term->record : NULL;
}

const json_t *gloss_term_named(const struct gloss_session *session, enum gloss_term_kind kind, const char *name)
{
    const struct gl_term *term = named_term(session, (enum gl_term_kind)kind, name);
    return term ? term->record : NULL;
}

int gloss_attribute_check(struct gloss_session *session, const char *name, const json_t *value, const char *label_id)
{
    const struct gl_codebook *book = book_of(session);
    struct gl_err err = {0};
    gl_uuid label;
    bool has_label = label_id && gl_uuid_parse(gl_slice_str(label_id), &label);
    if (!book || !session->names->version) {
        return lg_fail(session->g, GLOSS_E_NOT_FOUND, "the codebook is not here yet");
    }
    if (!name || !value || (label_id && !has_label)) {
        return lg_fail(session->g, GLOSS_E_INVALID_PARAMS, "an attribute has a name and a value, a label an id");
    }
    enum gl_code code = gl_codebook_check_attribute(book, gl_slice_str(name), value, has_label ? &label : NULL, &err);
    return code == GL_OK ? GLOSS_OK : lg_fail_gl(session->g, &err);
}

bool gloss_codebook_is_open(const struct gloss_session *session)
{
    return session->names && gl_codebook_is_open(session->names->book);
}

uint64_t gloss_codebook_version(const struct gloss_session *session)
{
    return session->names ? session->names->version : 0;
}

const char *gloss_member_name(const struct gloss_session *session, const char *account_id)
{
    return session->names && account_id ? text_of(session->names->members, account_id) : NULL;
}
