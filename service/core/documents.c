/* documents.c - lists of documents, one document, a part of a text, and where an annotation is. */
#include <stdio.h>

#include "service/core/library.h"

#define LIMIT_DEFAULT   100
#define TEXT_CODEPOINTS 32768
#define META_COLUMN     13 /* the first column of the metadata */
#define KEY_COLUMN      20 /* of a list: what it is sorted by */

static void meta_from_row(const struct store_rows *rows, size_t row, struct gl_document_info *info)
{
    struct {
        bool *has;
        struct gl_slice *text;
    } members[] = {{&info->has_authors, &info->authors_raw}, {&info->has_publisher, &info->publisher},
                   {&info->has_date, &info->date},           {&info->has_source, &info->source},
                   {&info->has_language, &info->language},   {&info->has_folder, &info->folder},
                   {&info->has_tags, &info->tags_raw}};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if ((*members[i].has = !store_is_null(rows, row, META_COLUMN + i)))
            *members[i].text = store_text(rows, row, META_COLUMN + i);
}

void document_from_row(const struct store_rows *rows, size_t row, struct gl_document_info *info)
{
    *info = (struct gl_document_info){.document = store_uuid(rows, row, 0),
                                      .project = store_uuid(rows, row, 1),
                                      .session = store_uuid(rows, row, 2),
                                      .revision = store_uuid(rows, row, 3),
                                      .title = store_text(rows, row, 4),
                                      .has_filename = !store_is_null(rows, row, 5),
                                      .bytes = store_u64(rows, row, 7),
                                      .codepoints = store_u64(rows, row, 8),
                                      .created = store_time(rows, row, 9),
                                      .has_seq = true,
                                      .seq = store_u64(rows, row, 10),
                                      .has_annotations = true,
                                      .annotations = store_u64(rows, row, 11),
                                      .has_role = true,
                                      .role = store_text(rows, row, 12)};
    if (info->has_filename)
        info->filename = store_text(rows, row, 5);
    meta_from_row(rows, row, info);
    struct gl_slice sha256 = store_bytes(rows, row, 6);
    memcpy(info->sha256, sha256.data, sha256.len < sizeof info->sha256 ? sha256.len : sizeof info->sha256);
}

struct list_order {
    struct gl_slice sort;
    bool descending;
    size_t limit;
    char mark[16]; /* what its cursors begin with */
};

static struct gl_slice list_cursor(struct request *request, const struct list_order *order, struct gl_slice key,
                                   const gl_uuid *document)
{
    struct gl_buf text;
    gl_buf_init(&text, 1024);
    gl_buf_str(&text, order->mark);
    gl_buf_slice(&text, key);
    struct gl_slice cursor = cursor_write(request, gl_buf_peek(&text), document);
    gl_buf_fini(&text);
    return cursor;
}

static void on_documents(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct request *request = ctx;
    struct gl_document_list_result result = {0};
    const struct list_order *order = request->user;
    const size_t limit = order->limit;
    if (rows_failed(request, code, rows, NULL))
        return;
    struct page_size size;
    size_t count = store_rows_count(rows), taken = 0;
    struct gl_document_info *documents = gl_arena_alloc(&request->arena, (count + 1) * sizeof *documents);
    page_size_init(&size);
    for (; taken < count && taken < limit; taken++) {
        document_from_row(rows, taken, &documents[taken]);
        if (!page_takes(&size, gl_document_info, &documents[taken]))
            break;
    }
    page_size_fini(&size);
    result.documents = documents;
    result.documents_count = taken;
    if ((result.has_next = count > taken))
        result.next = list_cursor(request, order, store_text(rows, taken - 1, KEY_COLUMN), &documents[taken - 1].document);
    request_reply(request, document_list, &result);
}

static bool read_order(struct request *request, const struct gl_document_list_params *params, struct list_order *order)
{
    static const char *const sorts[] = {"title", "date", "created"};
    size_t i = 0;
    while (params->has_sort && i < 3 && !gl_slice_is(params->sort, sorts[i]))
        i++;
    if (i == 3) {
        request_fail_at(request, GL_E_INVALID_PARAMS, "sort", "sort must be title, date or created");
        return false;
    }
    *order = (struct list_order){.sort = gl_slice_str(sorts[i]),
                                 .descending = params->has_descending && params->descending,
                                 .limit = params->has_limit && params->limit > 0 ? (size_t)params->limit : LIMIT_DEFAULT};
    snprintf(order->mark, sizeof order->mark, "%s%c", sorts[i], order->descending ? '-' : '+');
    return true;
}

#define TEXT_OR_NULL(member) params.has_##member ? P_TEXT(params.member) : P_NULL

void handle_document_list(struct request *request)
{
    struct gl_document_list_params params = {0};
    struct page_cursor cursor;
    struct list_order *order = gl_arena_alloc(&request->arena, sizeof *order);
    if (!request_read(request, document_list, &params) || !read_order(request, &params, order) ||
        !cursor_read(request, params.has_cursor, params.cursor, &cursor))
        return;
    const size_t mark = strlen(order->mark);
    if (cursor.name.data && (cursor.name.len < mark || memcmp(cursor.name.data, order->mark, mark) != 0)) {
        refuse_cursor(request);
        return;
    }
    request->user = order;
    struct store_param asked[] = {params.has_project ? P_UUID(params.project) : P_NULL,
                                  TEXT_OR_NULL(prefix),
                                  TEXT_OR_NULL(folder),
                                  TEXT_OR_NULL(tag),
                                  TEXT_OR_NULL(language),
                                  TEXT_OR_NULL(author),
                                  TEXT_OR_NULL(text),
                                  P_BOOL(order->descending),
                                  cursor.name.data ? P_TEXT(gl_slice_of(cursor.name.data + mark, cursor.name.len - mark))
                                                   : P_NULL,
                                  cursor.name.data ? P_UUID(cursor.id) : P_NULL,
                                  P_TEXT(order->sort),
                                  P_U64(order->limit + 1)};
    store_query(request->core->store, STORE_Q_document_list, &request->account, asked, sizeof asked / sizeof *asked, on_documents,
                request);
}

static void on_document(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct request *request = ctx;
    struct gl_document_get_result result = {0};
    if (rows_failed(request, code, rows, "document"))
        return;
    document_from_row(rows, 0, &result.document);
    request_reply(request, document_get, &result);
}

void handle_document_get(struct request *request)
{
    struct gl_document_get_params params = {0};
    if (!request_read(request, document_get, &params))
        return;
    store_query(request->core->store, STORE_Q_document_get, &request->account, (struct store_param[]){P_UUID(params.document)}, 1,
                on_document, request);
}

/* ---- a part of the text. The session in memory has it; right and revision were checked before the handler ran. */

static void reply_text(struct request *request, const struct gl_text *text, uint64_t start, uint64_t end)
{
    uint64_t length = gl_text_length(text);
    if (start > length) {
        struct gl_err err = {0};
        gl_fail_at(&err, GL_E_OUT_OF_RANGE, "start", "start is %llu, but the text has %llu code points",
                   (unsigned long long)start, (unsigned long long)length);
        request_fail_data(request, &err, json_pack("{s:I}", "length", (json_int_t)length));
        return;
    }
    end = end < length ? end : length;
    end = end < start ? start : end;
    end = end - start < TEXT_CODEPOINTS ? end : start + TEXT_CODEPOINTS;
    struct gl_document_text_result result = {.text = gl_text_slice(text, start, end), .end = end, .codepoints = length};
    request_reply(request, document_text, &result);
}

static void on_text_session(void *ctx, enum gl_code code, struct session *session)
{
    struct request *request = ctx;
    struct gl_document_text_params params = {0};
    if (code != GL_OK) {
        memory_refuse(request, code);
        return;
    }
    if (request_read(request, document_text, &params))
        reply_text(request, session->text, params.start, params.end);
    session_release(session);
}

static void on_text_document(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct request *request = ctx;
    struct store_session from = {0};
    if (rows_failed(request, code, rows, "document"))
        return;
    document_from_row(rows, 0, &from.document);
    from.session = from.document.session;
    from.project = from.document.project;
    session_acquire(request->core, &request->account, &from, on_text_session, request);
}

void handle_document_text(struct request *request)
{
    struct gl_document_text_params params = {0};
    if (!request_read(request, document_text, &params))
        return;
    for (struct subscription *it = request->peer->subscriptions; it; it = it->next_of_peer) {
        if (gl_uuid_equal(&it->session->document.document, &params.document)) {
            reply_text(request, it->session->text, params.start, params.end);
            return;
        }
    }
    store_query(request->core->store, STORE_Q_document_get, &request->account, (struct store_param[]){P_UUID(params.document)}, 1,
                on_text_document, request);
}

/* ---- where an annotation is */

static void on_located(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct request *request = ctx;
    if (rows_failed(request, code, rows, NULL))
        return;
    size_t count = store_rows_count(rows);
    struct gl_annotation_place *places = gl_arena_alloc(&request->arena, (count + 1) * sizeof *places);
    for (size_t i = 0; i < count; i++)
        places[i] = (struct gl_annotation_place){.annotation = store_uuid(rows, i, 0),
                                                 .session = store_uuid(rows, i, 1),
                                                 .document = store_uuid(rows, i, 2),
                                                 .has_deleted = true,
                                                 .deleted = store_bool(rows, i, 3)};
    struct gl_annotation_locate_result result = {.found = places, .found_count = count};
    request_reply(request, annotation_locate, &result);
}

/* The smallest and the largest id that begin so; false when no id can. */
static bool id_range(struct gl_slice beginning, gl_uuid *low, gl_uuid *high)
{
    char text[2][GL_UUID_TEXT + 1];
    static const char pattern[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    if (beginning.len < 4 || beginning.len > GL_UUID_TEXT)
        return false;
    for (size_t i = 0; i < GL_UUID_TEXT; i++) {
        bool is_given = i < beginning.len;
        if (is_given && pattern[i] == '-' && beginning.data[i] != '-')
            return false;
        text[0][i] = is_given ? beginning.data[i] : pattern[i] == '-' ? '-' : '0';
        text[1][i] = is_given ? beginning.data[i] : pattern[i] == '-' ? '-' : 'f';
    }
    return gl_uuid_parse(gl_slice_of(text[0], GL_UUID_TEXT), low) && gl_uuid_parse(gl_slice_of(text[1], GL_UUID_TEXT), high);
}

void handle_annotation_locate(struct request *request)
{
    struct gl_annotation_locate_params params = {0};
    gl_uuid low, high;
    if (!request_read(request, annotation_locate, &params))
        return;
    if (!id_range(params.annotation, &low, &high)) {
        request_fail_at(request, GL_E_INVALID_PARAMS, "annotation",
                        "annotation must be an id in lower case, or at least its first 4 characters");
        return;
    }
    store_query(request->core->store, STORE_Q_annotation_locate, &request->account,
                (struct store_param[]){P_UUID(low), P_UUID(high)}, 2, on_located, request);
}
