/* upload.c - a document arrives in pieces, is checked whole, and becomes document, revision and session in one transaction. */
#include <stdio.h>

#include "service/core/document_meta.h"
#include "service/core/library.h"

struct upload {
    gl_uuid id;
    struct peer *peer; /* NULL once the connection is gone */
    struct core *core;
    gl_uuid project_id, account;
    char *title, *filename;
    struct gl_slice title_slice, filename_slice;
    json_t *meta; /* may be NULL */
    struct gl_buf bytes, meta_text;
    size_t expected;
    uint64_t touched_ms; /* when it began, or the last piece came */
    uint8_t sha256[32];
    /* while it is being committed: */
    struct request *request;
    struct project *project;
    struct gl_text *text;
    struct append_document document;
    bool is_lent; /* to an op, which may be under way longer than its request waits */
};

void upload_free(struct upload **address)
{
    struct upload *upload = *address;
    if (!upload)
        return;
    *address = NULL;
    if (upload->request || upload->is_lent) { /* the commit goes on; its end frees it */
        upload->peer = NULL;
        return;
    }
    upload->core->upload_bytes -= upload->expected;
    gl_buf_fini(&upload->bytes);
    gl_buf_fini(&upload->meta_text);
    json_decref(upload->meta);
    gl_text_free(&upload->text);
    mem_free(&upload->title);
    mem_free(&upload->filename);
    if (upload->project)
        project_release(upload->project);
    mem_free(&upload);
}

/* What it announced is kept free for it, of a sum that everybody shares: whoever does not go on gives it back. */
void upload_sweep(struct peer *peer, uint64_t now_ms)
{
    if (peer->upload && !peer->upload->request && now_ms - peer->upload->touched_ms >= UPLOAD_IDLE_MS)
        upload_free(&peer->upload);
}

static void upload_done(struct upload *upload)
{
    upload->request = NULL;
    if (upload->peer)
        upload->peer->upload = NULL;
    upload_free(&upload);
}

/* ---- begin */

static bool fits(struct request *request, uint64_t bytes)
{
    const struct core_limits *limits = &request->core->limits;
    if (bytes > limits->document_bytes) {
        struct gl_err err = {0};
        gl_fail_at(&err, GL_E_TOO_LARGE, "bytes", "the document has %llu bytes; this server takes at most %zu",
                   (unsigned long long)bytes, limits->document_bytes);
        request_fail_data(request, &err, json_pack("{s:I}", "limit", (json_int_t)limits->document_bytes));
        return false;
    }
    if (bytes == 0) {
        request_fail_at(request, GL_E_INVALID_PARAMS, "bytes", "the document is empty; there is nothing to annotate in it");
        return false;
    }
    if (request->peer->upload && request->peer->upload->request) {
        request_fail(request, GL_E_BUSY, "another upload of this connection is being stored");
        return false;
    }
    if (request->core->upload_bytes + bytes > limits->uploads_bytes) {
        request_fail(request, GL_E_BUSY, "too many uploads are under way; try again in a moment");
        return false;
    }
    return true;
}

static bool has_good_meta(struct request *request, const struct gl_document_begin_params *params)
{
    struct gl_err found = {0};
    char path[GL_ERR_PATH_MAX + 8] = "meta";
    if (!params->has_meta)
        return true;
    if (!json_is_object(params->meta)) {
        request_fail_at(request, GL_E_INVALID_PARAMS, path, "meta must be an object");
        return false;
    }
    if (document_meta_check(params->meta, true, &found) == GL_OK)
        return true;
    snprintf(path, sizeof path, "meta.%s", found.path);
    request_fail_at(request, GL_E_INVALID_PARAMS, path, "%s", found.detail);
    return false;
}

static void start_upload(struct request *request, const struct gl_document_begin_params *params)
{
    struct peer *peer = request->peer;
    if (peer->is_closed || !fits(request, params->bytes)) {
        if (peer->is_closed)
            request_fail(request, GL_E_SHUTTING_DOWN, "gone");
        return;
    }
    if (!quota_take_ops(request, &request->project, 1)) /* now, and not when all has been sent */
        return;
    upload_free(&peer->upload); /* one at a time: a new one ends the old */
    struct upload *upload = mem_alloc(sizeof *upload);
    upload->id = gl_uuid_v7((uint64_t)loop_unix_ms(request->core->loop));
    upload->peer = peer;
    upload->core = request->core;
    upload->project_id = request->project;
    upload->account = request->account;
    upload->expected = params->bytes;
    upload->touched_ms = loop_now_ms(request->core->loop);
    memcpy(upload->sha256, params->sha256, sizeof upload->sha256);
    upload->title = mem_copy(params->title.data, params->has_title ? params->title.len : 0);
    upload->title_slice = gl_slice_of(upload->title, params->has_title ? params->title.len : 0);
    upload->filename = mem_copy(params->filename.data, params->has_filename ? params->filename.len : 0);
    upload->filename_slice = gl_slice_of(upload->filename, params->has_filename ? params->filename.len : 0);
    gl_buf_init(&upload->bytes, params->bytes);
    gl_buf_init(&upload->meta_text, SIZE_MAX);
    if (params->has_meta) {
        upload->meta = json_deep_copy(params->meta);
        gl_canon_write(&upload->meta_text, params->meta);
    }
    request->core->upload_bytes += params->bytes;
    peer->upload = upload;
    struct gl_document_begin_result result = {.has_upload = true, .upload = upload->id};
    request_reply(request, document_begin, &result);
}

/* What would be refused at the end need not be sent. It is looked at then, too: that is when it counts. */
static void on_counted(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct request *request = ctx;
    struct gl_document_begin_params params = {0};
    struct gl_err err = {0};
    json_t *data = NULL;
    if (rows_failed(request, code, rows, "project") || !request_read(request, document_begin, &params))
        return;
    if (quota_check_document(request->core, &request->project, store_u64(rows, 0, 1), store_u64(rows, 0, 2), params.bytes, &err,
                             &data))
        request_fail_data(request, &err, data);
    else
        start_upload(request, &params);
}

static void on_looked(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct request *request = ctx;
    struct gl_document_begin_params params = {0};
    struct gl_document_begin_result result = {.has_existing = true};
    if (rows_failed(request, code, rows, NULL) || !request_read(request, document_begin, &params))
        return;
    if (store_rows_count(rows) == 0 && quota_limits_documents(request->core, &request->project)) {
        store_query(request->core->store, STORE_Q_project_stored, NULL, (struct store_param[]){P_UUID(request->project)}, 1,
                    on_counted, request);
        return;
    }
    if (store_rows_count(rows) == 0) {
        start_upload(request, &params);
        return;
    }
    document_from_row(rows, 0, &result.existing);
    request_reply(request, document_begin, &result);
}

void handle_document_begin(struct request *request)
{
    struct gl_document_begin_params params = {0};
    if (!request_read(request, document_begin, &params) || !fits(request, params.bytes) || !has_good_meta(request, &params))
        return;
    store_query(request->core->store, STORE_Q_document_by_sha, &request->account,
                (struct store_param[]){P_UUID(request->project), P_BYTES(params.sha256, 32)}, 2, on_looked, request);
}

/* ---- pieces */

static struct upload *find(struct request *request, const gl_uuid *id)
{
    struct upload *upload = request->peer->upload;
    if (upload && gl_uuid_equal(&upload->id, id) && !upload->request)
        return upload;
    request_fail_at(request, GL_E_NOT_FOUND, "upload", "this connection has no such upload; begin it anew");
    return NULL;
}

void handle_document_chunk(struct request *request)
{
    struct gl_document_chunk_params params = {0};
    struct gl_err err = {0};
    struct upload *upload;
    if (!request_read(request, document_chunk, &params) || !(upload = find(request, &params.upload)))
        return;
    if (params.offset != upload->bytes.len) {
        request_fail_at(request, GL_E_INVALID_PARAMS, "offset", "offset is %llu, but %zu bytes are there",
                        (unsigned long long)params.offset, upload->bytes.len);
        return;
    }
    enum gl_code code = gl_base64_decode(params.data, &upload->bytes, &err);
    if (code == GL_E_TOO_LARGE || upload->bytes.code == GL_E_TOO_LARGE)
        gl_fail_at(&err, code = GL_E_TOO_LARGE, "data", "more bytes than the %zu that were announced", upload->expected);
    if (code != GL_OK) {
        if (!err.path[0])
            snprintf(err.path, sizeof err.path, "data");
        upload_free(&request->peer->upload);
        request_fail_data(request, &err, NULL);
        return;
    }
    upload->touched_ms = loop_now_ms(request->core->loop);
    struct gl_document_chunk_result result = {.offset = upload->bytes.len};
    request_reply(request, document_chunk, &result);
}

/* ---- commit */

/* The first line that has words in it, shortened; the file's name when there is none. */
static struct gl_slice title_of(const struct upload *upload)
{
    struct gl_slice bytes = gl_text_bytes(upload->text);
    size_t at = bytes.len >= 3 && memcmp(bytes.data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    while (at < bytes.len) {
        const char *newline = memchr(bytes.data + at, '\n', bytes.len - at);
        size_t end = newline ? (size_t)(newline - bytes.data) : bytes.len;
        size_t from = at, to = end;
        while (from < to && strchr(" \t\r#*=", bytes.data[from]))
            from++;
        while (to > from && strchr(" \t\r#*=", bytes.data[to - 1]))
            to--;
        if (to - from > 200)
            for (to = from + 200; ((unsigned char)bytes.data[to] & 0xC0) == 0x80;)
                to--;
        if (to > from)
            return gl_slice_of(bytes.data + from, to - from);
        at = end + 1;
    }
    return upload->filename_slice.len > 0 ? upload->filename_slice : GL_SLICE("untitled");
}

static void reply_document(struct upload *upload, const struct gl_document_info *info, bool is_existing)
{
    struct gl_document_commit_result result = {.document = *info, .has_existing = is_existing, .existing = is_existing};
    request_reply(upload->request, document_commit, &result);
    upload_done(upload);
}

static void on_stored(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct upload *upload = ctx;
    struct gl_document_info info;
    if (code == GL_OK && store_rows_count(rows) == 0)
        code = GL_E_NOT_FOUND;
    if (code != GL_OK) {
        request_fail(upload->request, code, "%s", gl_code_sentence(code));
        upload_done(upload);
        return;
    }
    document_from_row(rows, 0, &info);
    reply_document(upload, &info, !gl_uuid_equal(&info.document, &upload->document.document));
}

static void on_op_end(void *ctx)
{
    struct upload *upload = ctx;
    upload->is_lent = false;
    if (!upload->request)
        upload_free(&upload);
}

static void on_appended(void *ctx, struct op_outcome *outcome)
{
    struct upload *upload = ctx;
    if (outcome->code != GL_OK && outcome->code != GL_E_EXISTS) {
        request_fail_data(upload->request, &outcome->err, json_incref(outcome->data));
        upload_done(upload);
        return;
    }
    store_query(upload->core->store, STORE_Q_document_by_sha, &upload->account,
                (struct store_param[]){P_UUID(upload->project_id), P_BYTES(upload->sha256, 32)}, 2, on_stored, upload);
}

static void refuse(struct upload *upload, enum gl_code code)
{
    request_fail(upload->request, code, "%s", gl_code_sentence(code));
    upload_done(upload);
}

static json_t *change_of(const struct upload *upload)
{
    const struct append_document *document = &upload->document;
    char ids[3][GL_UUID_TEXT + 1];
    struct gl_buf hex;
    gl_uuid_format(&document->document, ids[0]);
    gl_uuid_format(&document->revision, ids[1]);
    gl_uuid_format(&document->session, ids[2]);
    gl_buf_init(&hex, 65);
    gl_buf_hex(&hex, document->sha256, 32);
    json_t *change =
        json_pack("{s:s, s:s, s:s, s:s, s:s%, s:s%, s:I, s:I}", "kind", gl_op_kind_name(GL_OP_DOCUMENT_CREATE), "document",
                  ids[0], "revision", ids[1], "session", ids[2], "title", document->title.data, document->title.len, "sha256",
                  hex.data, hex.len, "bytes", (json_int_t)document->bytes.len, "codepoints", (json_int_t)document->codepoints);
    if (document->filename.len > 0)
        json_object_set_new(change, "filename", json_stringn(document->filename.data, document->filename.len));
    json_object_update(change, upload->meta);
    gl_buf_fini(&hex);
    return change;
}

/* The right was checked when the upload began; that may be long ago. */
static void on_role(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct upload *upload = ctx;
    struct project *project = upload->project;
    uint64_t now_ms = (uint64_t)loop_unix_ms(upload->core->loop);
    enum gl_role role = GL_NOBODY;
    if (code != GL_OK || store_rows_count(rows) == 0 || !gl_role_parse(store_text(rows, 0, 1), &role)) {
        refuse(upload, code == GL_OK ? GL_E_NOT_FOUND : code);
        return;
    }
    struct append_document *document = &upload->document;
    document->document = gl_uuid_v7(now_ms);
    document->revision = gl_uuid_v7(now_ms);
    document->session = gl_uuid_v7(now_ms);
    document->title = upload->title_slice.len > 0 ? upload->title_slice : title_of(upload);
    document->filename = upload->filename_slice;
    document->bytes = gl_buf_peek(&upload->bytes);
    memcpy(document->sha256, upload->sha256, sizeof document->sha256);
    document->codepoints = gl_text_length(upload->text);
    document->meta = gl_buf_peek(&upload->meta_text);
    document->session_chain = gl_chain_start(&document->session, upload->sha256);
    struct project_op op = {.id = gl_uuid_v7(now_ms),
                            .account = upload->account,
                            .asker_role = role,
                            .asker_epoch = store_u64(rows, 0, 3),
                            .change = change_of(upload),
                            .document = document,
                            .done = on_appended,
                            .end = on_op_end,
                            .ctx = upload};
    upload->is_lent = true;
    project_enqueue(project, &op);
}

static void on_project(void *ctx, enum gl_code code, struct project *project)
{
    struct upload *upload = ctx;
    if (code != GL_OK) {
        refuse(upload, code);
        return;
    }
    upload->project = project;
    store_query(upload->core->store, STORE_Q_role_of_project, &upload->account,
                (struct store_param[]){P_UUID(upload->project_id)}, 1, on_role, upload);
}

static enum gl_code check(struct upload *upload, struct gl_err *err)
{
    if (upload->bytes.len != upload->expected)
        return gl_fail_at(err, GL_E_INVALID_PARAMS, "upload", "%zu bytes arrived of the %zu that were announced",
                          upload->bytes.len, upload->expected);
    gl_hash sha256 = gl_sha256(upload->bytes.data, upload->bytes.len);
    if (memcmp(sha256.bytes, upload->sha256, sizeof sha256.bytes) != 0)
        return gl_fail_at(err, GL_E_CHECKSUM, "upload", "%s", gl_code_sentence(GL_E_CHECKSUM));
    return gl_text_new(gl_buf_peek(&upload->bytes), &upload->text, err);
}

void handle_document_commit(struct request *request)
{
    struct gl_document_commit_params params = {0};
    struct gl_err err = {0};
    struct upload *upload;
    if (!request_read(request, document_commit, &params) || !(upload = find(request, &params.upload)))
        return;
    if (check(upload, &err) != GL_OK) {
        struct peer *peer = request->peer;
        upload_free(&peer->upload);
        request_fail_data(request, &err, NULL);
        return;
    }
    upload->request = request;
    project_acquire(request->core, &request->account, &upload->project_id, on_project, upload);
}
