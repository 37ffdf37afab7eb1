/* inbox.c - what one was told: a list, newest first, and the mark up to where it was read. Rows come into being with the ops themselves (tell.c). */
#include <stdlib.h>

#include "service/core/library.h"

#define LIMIT_DEFAULT   50
#define BEGINNING_BYTES 280
#define COUNTED_MAX     1000 /* unread ones */
#define MARKED_MAX      1000 /* in a call: whoever appends waits for it */

/* ITEM columns of STORE_Q_inbox_list begin behind the count. */
enum { UNREAD, ITEM, WHY, PROJECT, DOCUMENT, TITLE, SESSION, ANNOTATION, SEQ, ACCOUNT, NAME, AT, TEXT, READ };

static struct gl_slice beginning(struct gl_slice text)
{
    if (text.len <= BEGINNING_BYTES)
        return text;
    size_t len = BEGINNING_BYTES;
    while (len > 0 && ((unsigned char)text.data[len] & 0xC0) == 0x80)
        len--;
    return gl_slice_of(text.data, len);
}

static struct gl_inbox_item item_of(const struct store_rows *rows, size_t i)
{
    struct gl_inbox_item item = {.item = store_u64(rows, i, ITEM),
                                 .why = store_text(rows, i, WHY),
                                 .project = store_uuid(rows, i, PROJECT),
                                 .document = store_uuid(rows, i, DOCUMENT),
                                 .title = store_text(rows, i, TITLE),
                                 .session = store_uuid(rows, i, SESSION),
                                 .annotation = store_uuid(rows, i, ANNOTATION),
                                 .seq = store_u64(rows, i, SEQ),
                                 .account = store_uuid(rows, i, ACCOUNT),
                                 .name = store_text(rows, i, NAME),
                                 .at = store_time(rows, i, AT)};
    if ((item.has_text = !store_is_null(rows, i, TEXT)))
        item.text = beginning(store_text(rows, i, TEXT));
    item.has_read = item.read = store_bool(rows, i, READ);
    return item;
}

static void on_list(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct request *request = ctx;
    const size_t limit = (size_t)(uintptr_t)request->user;
    if (rows_failed(request, code, rows, NULL))
        return;
    /* There is always a row: it tells how many are unread. */
    size_t count = store_is_null(rows, 0, ITEM) ? 0 : store_rows_count(rows);
    struct gl_inbox_item *items = gl_arena_alloc(&request->arena, (count + 1) * sizeof *items);
    struct page_size size;
    size_t taken = 0;
    page_size_init(&size);
    for (; taken < count && taken < limit; taken++) {
        items[taken] = item_of(rows, taken);
        if (!page_takes(&size, gl_inbox_item, &items[taken]))
            break;
    }
    page_size_fini(&size);
    struct gl_inbox_list_result result = {.items = items, .items_count = taken, .unread = store_u64(rows, 0, UNREAD)};
    if ((result.has_next = count > taken))
        result.next = number_cursor_write(request, items[taken - 1].item);
    request_reply(request, inbox_list, &result);
}

void handle_inbox_list(struct request *request)
{
    struct gl_inbox_list_params params = {0};
    uint64_t below;
    if (!request_read(request, inbox_list, &params) || !number_cursor_read(request, params.has_cursor, params.cursor, &below))
        return;
    size_t limit = params.has_limit && params.limit > 0 ? (size_t)params.limit : LIMIT_DEFAULT;
    request->user = (void *)(uintptr_t)limit;
    store_query(
        request->core->store, STORE_Q_inbox_list, &request->account,
        (struct store_param[]){P_U64(below), P_BOOL(params.has_unread && params.unread), P_U64(limit + 1), P_U64(COUNTED_MAX)}, 4,
        on_list, request);
}

static void on_read(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct request *request = ctx;
    if (rows_failed(request, code, rows, NULL))
        return;
    struct gl_inbox_read_result result = {.marked = store_u64(rows, 0, 0)};
    result.has_more = result.more = result.marked >= MARKED_MAX;
    request_reply(request, inbox_read, &result);
}

void handle_inbox_read(struct request *request)
{
    struct gl_inbox_read_params params = {0};
    if (!request_read(request, inbox_read, &params))
        return;
    store_query(request->core->store, STORE_Q_inbox_read, &request->account,
                (struct store_param[]){P_U64(params.through), P_U64(MARKED_MAX)}, 2, on_read, request);
}
