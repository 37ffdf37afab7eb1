/*
 * import.c - a text uploaded: announced, sent in pieces, committed. After a loss it begins again; the server then knows the
 * bytes, or does not.
 */
#include <stdio.h>
#include <stdlib.h>

#include "clients/lib/lib_priv.h"

#define CHUNK_BYTES    65536
#define ENVELOPE_BYTES 512

struct import {
    struct lg_job job;
    gl_uuid project;
    char *title, *filename;
    const char *data;
    size_t bytes, sent, reached; /* reached: the most that was ever sent */
    gl_hash sha256;
    gl_uuid upload;
    bool was_committed; /* asked for once: if it exists now, then through us */
    void (*progress)(size_t sent, size_t total, void *arg);
    gloss_import_fn fn;
    void *arg;
    json_t *meta; /* NULL: none */
    json_t *document;
    bool existing;
};

static void import_down(struct lg_job *job)
{
    ((struct import *)job)->sent = 0;
}

static void import_drop(struct import *import)
{
    json_decref(import->document);
    json_decref(import->meta);
    free(import->title);
    free(import->filename);
    free(import);
}

static void import_free(struct lg_job *job)
{
    import_drop((struct import *)job);
}

static void import_end(struct lg_job *job, const struct gloss_error *error)
{
    struct import *import = (struct import *)job;
    import->fn(job->g, error ? NULL : import->document, !error && import->existing, error, import->arg);
}

static void end_gl(struct import *import, const struct gl_err *err)
{
    struct gloss_error error = {0};
    lg_error_take_gl(&error, err);
    lg_job_end(&import->job, &error);
    gloss_error_clear(&error);
}

static void ask(struct import *import, const char *method, struct gl_buf *params, gloss_answer_fn fn)
{
    struct gloss *g = import->job.g;
    if (params->code != GL_OK || lg_call(g, import, method, gl_buf_peek(params), LG_CALL_DEADLINE_MS, fn, import) != GLOSS_OK) {
        lg_drop_nomem(g);
    }
    gl_buf_fini(params);
}

/* Trouble with the upload as such (it is gone, or stands elsewhere) is not the end: it is begun again. */
static void trouble(struct import *import, const struct gloss_error *error)
{
    struct gloss_error again = {0};
    if (error->code == GLOSS_E_NOT_FOUND) {
        lg_error_set(&again, GLOSS_E_BUSY, "%s", error->message);
        lg_job_trouble(&import->job, &again);
        gloss_error_clear(&again);
    } else {
        lg_job_trouble(&import->job, error);
    }
}

static void on_committed(struct gloss *g, json_t *result, const struct gloss_error *error, void *arg)
{
    struct import *import = arg;
    struct gl_document_commit_result read;
    struct gl_reader reader;
    if (error) {
        trouble(import, error);
        return;
    }
    gl_reader_init(&reader, &g->arena);
    if (gl_document_commit_result_read(&reader, result, &read) != GL_OK) {
        end_gl(import, &reader.err);
        return;
    }
    import->document = json_incref(json_object_get(result, "document"));
    import->existing = read.has_existing && read.existing;
    lg_job_end(&import->job, NULL);
}

static void commit(struct import *import)
{
    struct gl_document_commit_params params = {.upload = import->upload};
    struct gl_buf buf;
    gl_buf_init(&buf, SIZE_MAX);
    gl_document_commit_params_write(&buf, &params);
    import->was_committed = true;
    ask(import, "document.commit", &buf, on_committed);
}

static void send_chunk(struct import *import);

static void on_chunk(struct gloss *g, json_t *result, const struct gloss_error *error, void *arg)
{
    struct import *import = arg;
    uint64_t offset = (uint64_t)json_integer_value(json_object_get(result, "offset"));
    if (error) {
        trouble(import, error);
        return;
    }
    if (offset <= import->sent || offset > import->bytes) {
        struct gl_err err = {0};
        (void)gl_fail(&err, GL_E_CHECKSUM, "the server counts the bytes of the upload otherwise");
        end_gl(import, &err);
        return;
    }
    import->sent = (size_t)offset;
    if (import->sent > import->reached) { /* what begins again and ends again at the same point does not get further */
        import->reached = import->sent;
        import->job.failures = 0;
    }
    if (import->progress) {
        import->progress(import->sent, import->bytes, import->arg);
    }
    if (!import->job.is_over && !lg_is_over(g)) {
        send_chunk(import);
    }
}

static void send_chunk(struct import *import)
{
    const struct gl_limits *limits = &import->job.g->limits;
    size_t left = import->bytes - import->sent;
    size_t fits = (size_t)(limits->frame_bytes > 2 * ENVELOPE_BYTES ? (limits->frame_bytes - ENVELOPE_BYTES) / 4 * 3 : 1);
    size_t most = limits->chunk_bytes > 0 && limits->chunk_bytes < CHUNK_BYTES ? (size_t)limits->chunk_bytes : CHUNK_BYTES;
    struct gl_buf text, buf;
    if (left == 0) {
        commit(import);
        return;
    }
    most = most < fits ? most : fits;
    gl_buf_init(&text, SIZE_MAX);
    gl_buf_init(&buf, SIZE_MAX);
    gl_buf_base64(&text, import->data + import->sent, left < most ? left : most);
    struct gl_document_chunk_params params = {.upload = import->upload, .offset = import->sent, .data = gl_buf_peek(&text)};
    gl_document_chunk_params_write(&buf, &params);
    if (text.code != GL_OK) {
        buf.code = text.code;
    }
    ask(import, "document.chunk", &buf, on_chunk);
    gl_buf_fini(&text);
}

static void on_begun(struct gloss *g, json_t *result, const struct gloss_error *error, void *arg)
{
    struct import *import = arg;
    struct gl_document_begin_result read;
    struct gl_reader reader;
    if (error) {
        lg_job_trouble(&import->job, error);
        return;
    }
    gl_reader_init(&reader, &g->arena);
    enum gl_code code = gl_document_begin_result_read(&reader, result, &read);
    if (code == GL_OK && read.has_existing) {
        import->document = json_incref(json_object_get(result, "existing"));
        import->existing = !import->was_committed;
        lg_job_end(&import->job, NULL);
    } else if (code == GL_OK && read.has_upload) {
        import->upload = read.upload;
        import->sent = 0;
        send_chunk(import);
    } else {
        (void)gl_fail(&reader.err, GL_E_MALFORMED, "the server neither takes the upload nor has the text");
        end_gl(import, &reader.err);
    }
}

static void import_up(struct lg_job *job)
{
    struct import *import = (struct import *)job;
    struct gl_err err = {0};
    if (job->g->limits.document_bytes > 0 && import->bytes > job->g->limits.document_bytes) {
        (void)gl_fail(&err, GL_E_TOO_LARGE, "the text has %zu bytes; this server takes %llu", import->bytes,
                      (unsigned long long)job->g->limits.document_bytes);
        end_gl(import, &err);
        return;
    }
    struct gl_document_begin_params params = {.project = import->project, .bytes = import->bytes};
    struct gl_buf buf;
    params.has_title = import->title != NULL;
    params.title = gl_slice_str(import->title);
    params.has_filename = import->filename != NULL;
    params.filename = gl_slice_str(import->filename);
    params.has_meta = import->meta != NULL;
    params.meta = import->meta;
    memcpy(params.sha256, import->sha256.bytes, 32);
    gl_buf_init(&buf, SIZE_MAX);
    gl_document_begin_params_write(&buf, &params);
    ask(import, "document.begin", &buf, on_begun);
}

static const struct lg_job_class import_class = {.up = import_up, .down = import_down, .end = import_end, .free = import_free};

void gloss_import_init(struct gloss_import *import)
{
    memset(import, 0, sizeof(*import));
    import->size = sizeof(*import);
}

static enum gl_code check(const struct gloss_import *asked, gl_uuid *project, struct gl_err *err)
{
    if (asked->size < sizeof(*asked)) {
        return gl_fail(err, GL_E_SETTING, "gloss_import_init was not called");
    }
    if (!asked->project || !gl_uuid_parse(gl_slice_str(asked->project), project)) {
        return gl_fail(err, GL_E_INVALID_PARAMS, "a project's id is a UUID: 36 lower case characters");
    }
    if ((asked->title && gl_utf8_check(gl_slice_str(asked->title), err) != GL_OK) ||
        (asked->filename && gl_utf8_check(gl_slice_str(asked->filename), err) != GL_OK)) {
        return gl_fail(err, GL_E_INVALID_UTF8, "the title or the file's name is not valid UTF-8");
    }
    return gl_utf8_check(gl_slice_of(asked->data, asked->bytes), err);
}

int gloss_import(struct gloss *g, const struct gloss_import *asked, gloss_import_fn fn, void *arg)
{
    struct gl_err err = {0};
    gl_uuid project;
    if (g->state == LG_STOPPED) {
        lg_error_copy(&g->last_error, &g->final_error);
        return g->final_error.code;
    }
    if (lg_is_over(g)) {
        return lg_fail(g, GLOSS_E_DISCONNECTED, "the client is being closed");
    }
    if (check(asked, &project, &err) != GL_OK) {
        return lg_fail_gl(g, &err);
    }
    struct import *import = calloc(1, sizeof(*import));
    if (!import) {
        return lg_fail_nomem(g);
    }
    import->job.class = &import_class;
    import->project = project;
    import->title = asked->title ? strdup(asked->title) : NULL;
    import->filename = asked->filename ? strdup(asked->filename) : NULL;
    import->meta = asked->meta ? json_deep_copy(asked->meta) : NULL;
    if ((asked->title && !import->title) || (asked->filename && !import->filename) || (asked->meta && !import->meta)) {
        import_drop(import);
        return lg_fail_nomem(g);
    }
    import->data = asked->data;
    import->bytes = asked->bytes;
    import->sha256 = gl_sha256(asked->data, asked->bytes);
    import->progress = asked->progress;
    import->fn = fn;
    import->arg = arg;
    lg_job_add(g, &import->job);
    return GLOSS_OK;
}

void lg_import_cancel(struct gloss *g, const void *arg)
{
    struct gloss_error error = {0};
    lg_error_set(&error, GLOSS_E_TIMED_OUT, "%s", "");
    for (struct lg_job *job = g->jobs; job; job = job->next) {
        if (job->class == &import_class && ((struct import *)job)->arg == arg) {
            lg_job_end(job, &error);
        }
    }
    gloss_error_clear(&error);
}
