/*
 * cache.c - a session's replica on disk: there at once the next time, also without a connection, and continued by seq.
 *
 * The file is written like a journal: a head, then the records. What does not add up to the state sum in the head is thrown away,
 * as is what the server's chain or sum does not confirm: nothing is lost by that but time.
 */
#include <stdio.h>
#include <stdlib.h>

#include "clients/lib/lib_priv.h"

#define SUFFIX   ".cache"
#define MANY_OPS 2000 /* after so many it is written again */

static void name_of(const struct gloss_session *session, char name[2 * GLOSS_ID + sizeof(SUFFIX)])
{
    (void)snprintf(name, 2 * GLOSS_ID + sizeof(SUFFIX), "%s.%s" SUFFIX, session->g->account_id, session->id);
}

/* ---- writing */

static void write_hash(struct gl_buf *buf, const char *name, const gl_hash *hash)
{
    char hex[GLOSS_HASH];
    lg_hash_text(hash, hex);
    gl_write_str(buf, name, gl_slice_str(hex));
}

static void write_names(struct gl_buf *buf, const struct lg_names *names)
{
    const char *comma = "";
    gl_write_json(buf, "members", names->members, (struct gl_slice){NULL, 0});
    gl_write_bool(buf, "open", gl_codebook_is_open(names->book));
    gl_write_name(buf, "terms");
    gl_buf_byte(buf, '[');
    for (int kind = 0; kind < (int)GL_TERM_KIND_COUNT; kind++) {
        size_t count = gl_codebook_count(names->book, (enum gl_term_kind)kind);
        for (size_t i = 0; i < count; i++, comma = ",") {
            gl_buf_str(buf, comma);
            gl_buf_slice(buf, gl_codebook_at(names->book, (enum gl_term_kind)kind, i)->canonical);
        }
    }
    gl_buf_byte(buf, ']');
    gl_write_u64(buf, "version", names->version);
}

static void write_head(struct gl_buf *buf, const struct gloss_session *session)
{
    const struct gl_state *state = session->replica;
    gl_buf_byte(buf, '{');
    write_hash(buf, "chain", &session->chain);
    gl_write_json(buf, "document", session->document, (struct gl_slice){NULL, 0});
    gl_write_str(buf, "mode", gl_slice_str(state->mode));
    gl_write_u64(buf, "mode_seq", state->mode_seq);
    if (session->names) {
        write_names(buf, session->names);
    }
    gl_write_str(buf, "role", gl_slice_str(session->role));
    gl_write_u64(buf, "seq", session->seq);
    gl_write_str(buf, "session", gl_slice_str(session->id));
    write_hash(buf, "sum", &state->sum);
    gl_buf_byte(buf, '}');
}

static enum gl_code write_cache(const struct gloss_session *session, struct gl_err *err)
{
    char name[2 * GLOSS_ID + sizeof(SUFFIX)];
    struct lg_journal_writer writer;
    struct gl_buf head;
    gl_buf_init(&head, SIZE_MAX);
    lg_journal_begin(&writer);
    write_head(&head, session);
    lg_journal_add(&writer, gl_buf_peek(&head));
    for (size_t i = 0; i < session->replica->count; i++) {
        lg_journal_add(&writer, session->replica->items[i]->canonical);
    }
    enum gl_code code = head.code != GL_OK ? head.code : writer.file.code;
    if (code != GL_OK) {
        code = gl_fail(err, code, "out of memory");
    } else {
        name_of(session, name);
        code = lg_file_write(session->g->queue_dir, name, gl_buf_peek(&writer.file), err);
    }
    gl_buf_fini(&head);
    gl_buf_fini(&writer.file);
    return code;
}

/* One of another log would hide that it is another, until it is known what of it is lost. */
static bool is_worth_it(const struct gloss_session *session)
{
    bool is_hiding = session->doubt.is_there && (session->accepted || session->doubt.is_told);
    return !is_hiding && session->wants_cache && session->g->account_id[0] && session->replica && session->has_position &&
           session->seq >= session->pages_as_of && !session->is_paging && session->document && session->state != LG_FAILED;
}

int gloss_session_save(struct gloss_session *session)
{
    struct gl_err err = {0};
    if (!session->wants_cache) {
        return lg_fail(session->g, GLOSS_E_SETTING, "the session was joined without a cache");
    }
    if (!is_worth_it(session) || session->is_left) {
        return lg_fail(session->g, GLOSS_E_NOT_FOUND, "the state is not here yet");
    }
    if (write_cache(session, &err) != GL_OK) {
        return lg_fail_gl(session->g, &err);
    }
    session->cached_seq = session->seq;
    session->is_cached = true;
    return GLOSS_OK;
}

/* If it cannot be written there is an older one, or none. */
void lg_cache_keep(struct gloss_session *session, bool now)
{
    struct gl_err err = {0};
    bool is_new = !session->is_cached || session->cached_seq != session->seq;
    bool is_due = now || session->seq >= session->cached_seq + MANY_OPS;
    if (is_new && is_due && is_worth_it(session)) {
        session->is_cached = write_cache(session, &err) == GL_OK;
        session->cached_seq = session->seq;
    }
}

void lg_cache_drop(struct gloss_session *session)
{
    char name[2 * GLOSS_ID + sizeof(SUFFIX)];
    if (session->wants_cache && session->g->account_id[0]) {
        name_of(session, name);
        lg_file_drop(session->g->queue_dir, name);
    }
    session->is_cached = session->is_unconfirmed = false;
}

/* ---- reading */

struct reading {
    struct gloss_session *session;
    json_t *head;
    struct gl_state *state;
    gl_hash sum;
};

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static enum gl_code read_head(struct reading *reading, json_t *head, struct gl_err *err)
{
    static const uint8_t any[32];
    const json_t *seq = json_object_get(head, "seq");
    gl_hash chain;
    if (!lg_json_hash(head, "chain", &chain) || !lg_json_hash(head, "sum", &reading->sum) || !json_is_integer(seq) ||
        !json_is_object(json_object_get(head, "document")) || strcmp(text_of(head, "session"), reading->session->id) != 0) {
        return gl_fail(err, GL_E_MALFORMED, "this is no cache of the session");
    }
    reading->state = gl_state_new(&reading->session->uuid, any);
    if (!reading->state) {
        return gl_fail(err, GL_E_NOMEM, "out of memory");
    }
    reading->state->seq = (uint64_t)json_integer_value(seq);
    reading->state->chain = chain;
    gl_state_set_mode(reading->state, text_of(head, "mode"), (uint64_t)json_integer_value(json_object_get(head, "mode_seq")));
    reading->head = json_incref(head);
    return GL_OK;
}

static enum gl_code read_record(void *arg, struct gl_slice payload, struct gl_err *err)
{
    struct reading *reading = arg;
    struct gl_annotation *annotation = NULL;
    json_t *record = NULL;
    enum gl_code code = gl_json_load(payload, &record, err);
    if (code == GL_OK && !reading->head) {
        code = read_head(reading, record, err);
    } else if (code == GL_OK) {
        code = gl_annotation_from_record(record, &annotation, err);
        if (code == GL_OK && gl_state_put(reading->state, annotation) != GL_OK) {
            code = gl_fail(err, GL_E_NOMEM, "out of memory");
        }
    }
    gl_annotation_unref(&annotation);
    json_decref(record);
    return code;
}

static int take_names(struct gloss_session *session, const json_t *head)
{
    const json_t *project = json_object_get(json_object_get(head, "document"), "project");
    gl_uuid id;
    bool is_id = json_is_string(project) && gl_uuid_parse(gl_slice_str(json_string_value(project)), &id);
    if (!session->wants_names || !is_id || !json_is_object(json_object_get(head, "members"))) {
        return GLOSS_OK;
    }
    int code = lg_names_get(session->g, json_string_value(project), &session->names);
    return code == GLOSS_OK ? lg_names_recall(session->names, head) : code;
}

static int take(struct gloss_session *session, struct reading *reading)
{
    int code = take_names(session, reading->head);
    if (code != GLOSS_OK) {
        return code;
    }
    session->replica = reading->state;
    reading->state = NULL;
    session->seq = session->head = session->cached_seq = session->replica->seq;
    session->chain = session->replica->chain;
    session->document = json_incref(json_object_get(reading->head, "document"));
    (void)snprintf(session->role, sizeof(session->role), "%s", text_of(reading->head, "role"));
    (void)snprintf(session->mode, sizeof(session->mode), "%s", text_of(reading->head, "mode"));
    session->has_position = session->is_unconfirmed = session->is_cached = session->was_joined = true;
    return GLOSS_OK;
}

int lg_cache_recall(struct gloss_session *session)
{
    char name[2 * GLOSS_ID + sizeof(SUFFIX)];
    struct reading reading = {.session = session};
    struct gl_err err = {0};
    if (!session->wants_cache || session->has_position || session->replica) {
        return GLOSS_OK;
    }
    name_of(session, name);
    enum gl_code code = lg_journal_look(session->g->queue_dir, name, read_record, &reading, &err);
    bool is_whole = code == GL_OK && reading.head && gl_hash_equal(&reading.state->sum, &reading.sum);
    int result = code == GL_E_NOMEM ? lg_fail_nomem(session->g) : GLOSS_OK;
    if (is_whole) {
        result = take(session, &reading);
    } else if (result == GLOSS_OK && code != GL_E_NOT_FOUND) {
        lg_cache_drop(session);
    }
    gl_state_free(&reading.state);
    json_decref(reading.head);
    return result;
}
