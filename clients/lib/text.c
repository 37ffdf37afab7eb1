/*
 * text.c - a document's text, fetched in windows and checked.
 */
#include <stdlib.h>

#include "clients/lib/lib_priv.h"
#include "proto/model/text.h"

#define WINDOW_CP       32768
#define WINDOWS_AT_ONCE 4

/* A stretch of the text. The server may answer with less than was asked for; then the rest is asked for again. */
struct window {
    uint64_t begin_cp, end_cp; /* what is still missing of it */
    struct gl_buf text;
    bool is_asked;
    struct fetch *fetch;
};

struct fetch {
    struct lg_job job;
    char document[GLOSS_ID];
    gl_uuid id;
    gloss_text_fn fn;
    void *arg;
    json_t *info; /* document_info; NULL: not asked yet */
    gl_hash sha256;
    struct window *windows;
    size_t count;
    struct gl_text *text;
};

static void fetch_down(struct lg_job *job)
{
    struct fetch *fetch = (struct fetch *)job;
    for (size_t i = 0; i < fetch->count; i++) {
        fetch->windows[i].is_asked = false;
    }
}

static void forget_windows(struct fetch *fetch)
{
    for (size_t i = 0; i < fetch->count; i++) {
        gl_buf_fini(&fetch->windows[i].text);
    }
    free(fetch->windows);
    fetch->windows = NULL;
    fetch->count = 0;
    json_decref(fetch->info);
    fetch->info = NULL;
}

static void fetch_free(struct lg_job *job)
{
    struct fetch *fetch = (struct fetch *)job;
    forget_windows(fetch);
    gl_text_free(&fetch->text);
    free(fetch);
}

static void fetch_end(struct lg_job *job, const struct gloss_error *error)
{
    struct fetch *fetch = (struct fetch *)job;
    struct gl_text *text = fetch->text;
    fetch->text = NULL;
    fetch->fn(job->g, text, error ? NULL : fetch->info, error, fetch->arg);
}

static void end_gl(struct fetch *fetch, const struct gl_err *err)
{
    struct gloss_error error = {0};
    lg_error_take_gl(&error, err);
    lg_job_end(&fetch->job, &error);
    gloss_error_clear(&error);
}

static void finish(struct fetch *fetch)
{
    struct gl_buf all;
    struct gl_err err = {0};
    gl_buf_init(&all, SIZE_MAX);
    for (size_t i = 0; i < fetch->count; i++) {
        gl_buf_slice(&all, gl_buf_peek(&fetch->windows[i].text));
    }
    enum gl_code code =
        all.code == GL_OK ? gl_text_new(gl_buf_peek(&all), &fetch->text, &err) : gl_fail(&err, all.code, "out of memory");
    gl_buf_fini(&all);
    if (code == GL_OK && memcmp(gl_text_sha256(fetch->text), fetch->sha256.bytes, 32) != 0) {
        gl_text_free(&fetch->text);
        code = gl_fail(&err, GL_E_CHECKSUM, "the text that came does not have the SHA-256 that the server says");
    }
    if (code != GL_OK) {
        end_gl(fetch, &err);
    } else {
        lg_job_end(&fetch->job, NULL);
    }
}

static void ask_windows(struct fetch *fetch);

static void on_window(struct gloss *g, json_t *result, const struct gloss_error *error, void *arg)
{
    struct window *window = arg;
    struct fetch *fetch = window->fetch;
    struct gl_document_text_result read;
    struct gl_reader reader;
    window->is_asked = false;
    if (error) {
        lg_job_trouble(&fetch->job, error);
        return;
    }
    gl_reader_init(&reader, &g->arena);
    bool is_read = gl_document_text_result_read(&reader, result, &read) == GL_OK;
    if (!is_read || read.end <= window->begin_cp || read.end > window->end_cp ||
        gl_utf8_count(read.text) != read.end - window->begin_cp) {
        struct gl_err err = {0};
        (void)gl_fail(&err, GL_E_CHECKSUM, "the server sent another part of the text than it was asked for");
        end_gl(fetch, &err);
        return;
    }
    gl_buf_slice(&window->text, read.text);
    window->begin_cp = read.end;
    fetch->job.failures = 0;
    ask_windows(fetch);
}

static bool ask_window(struct fetch *fetch, struct window *window)
{
    struct gl_document_text_params params = {.document = fetch->id, .start = window->begin_cp, .end = window->end_cp};
    struct gl_buf buf;
    gl_buf_init(&buf, SIZE_MAX);
    gl_document_text_params_write(&buf, &params);
    bool is_asked = buf.code == GL_OK && lg_call(fetch->job.g, fetch, "document.text", gl_buf_peek(&buf), LG_CALL_DEADLINE_MS,
                                                 on_window, window) == GLOSS_OK;
    gl_buf_fini(&buf);
    return is_asked;
}

static void ask_windows(struct fetch *fetch)
{
    size_t asked = 0, missing = 0;
    for (size_t i = 0; i < fetch->count && asked < WINDOWS_AT_ONCE; i++) {
        struct window *window = &fetch->windows[i];
        if (window->begin_cp >= window->end_cp) {
            continue;
        }
        missing++;
        if (!window->is_asked && !ask_window(fetch, window)) {
            lg_drop_nomem(fetch->job.g);
            return;
        }
        window->is_asked = true;
        asked++;
    }
    if (missing == 0) {
        finish(fetch);
    }
}

static void on_info(struct gloss *g, json_t *result, const struct gloss_error *error, void *arg)
{
    struct fetch *fetch = arg;
    struct gl_document_get_result read;
    struct gl_reader reader;
    if (error) {
        lg_job_trouble(&fetch->job, error);
        return;
    }
    gl_reader_init(&reader, &g->arena);
    if (gl_document_get_result_read(&reader, result, &read) != GL_OK) {
        end_gl(fetch, &reader.err);
        return;
    }
    fetch->count = (size_t)((read.document.codepoints + WINDOW_CP - 1) / WINDOW_CP);
    fetch->windows = calloc(fetch->count + 1, sizeof(*fetch->windows));
    if (!fetch->windows) {
        fetch->count = 0;
        lg_drop_nomem(g);
        return;
    }
    for (size_t i = 0; i < fetch->count; i++) {
        uint64_t begin = i * WINDOW_CP, end = begin + WINDOW_CP;
        uint64_t length = read.document.codepoints;
        fetch->windows[i] = (struct window){.begin_cp = begin, .end_cp = end < length ? end : length, .fetch = fetch};
        gl_buf_init(&fetch->windows[i].text, SIZE_MAX);
    }
    memcpy(fetch->sha256.bytes, read.document.sha256, 32);
    fetch->info = json_incref(json_object_get(result, "document"));
    ask_windows(fetch);
}

static void fetch_up(struct lg_job *job)
{
    struct fetch *fetch = (struct fetch *)job;
    if (fetch->info) {
        ask_windows(fetch);
        return;
    }
    struct gl_document_get_params params = {.document = fetch->id};
    struct gl_buf buf;
    gl_buf_init(&buf, SIZE_MAX);
    gl_document_get_params_write(&buf, &params);
    if (buf.code != GL_OK ||
        lg_call(job->g, job, "document.get", gl_buf_peek(&buf), LG_CALL_DEADLINE_MS, on_info, fetch) != GLOSS_OK) {
        lg_drop_nomem(job->g);
    }
    gl_buf_fini(&buf);
}

static const struct lg_job_class fetch_class = {.up = fetch_up, .down = fetch_down, .end = fetch_end, .free = fetch_free};

int gloss_fetch_text(struct gloss *g, const char *document, gloss_text_fn fn, void *arg)
{
    gl_uuid id;
    if (g->state == LG_STOPPED) {
        lg_error_copy(&g->last_error, &g->final_error);
        return g->final_error.code;
    }
    if (lg_is_over(g) || !document || !gl_uuid_parse(gl_slice_str(document), &id)) {
        return lg_fail(g, GLOSS_E_INVALID_PARAMS, "a document's id is a UUID: 36 lower case characters");
    }
    struct fetch *fetch = calloc(1, sizeof(*fetch));
    if (!fetch) {
        return lg_fail_nomem(g);
    }
    fetch->job.class = &fetch_class;
    fetch->id = id;
    fetch->fn = fn;
    fetch->arg = arg;
    lg_job_add(g, &fetch->job);
    return GLOSS_OK;
}

/* ---- for programs that do not see proto */

void gloss_text_free(struct gl_text **text)
{
    gl_text_free(text);
}

const char *gloss_text_bytes(const struct gl_text *text, size_t *bytes)
{
    struct gl_slice slice = gl_text_bytes(text);
    *bytes = slice.len;
    return slice.data;
}

size_t gloss_text_length(const struct gl_text *text)
{
    return gl_text_length(text);
}

const char *gloss_text_slice(const struct gl_text *text, size_t begin, size_t end, size_t *bytes)
{
    struct gl_slice slice = gl_text_slice(text, begin, end);
    *bytes = slice.len;
    return slice.data;
}
