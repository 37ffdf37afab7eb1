/*
 * library.h - between the methods that answer with rows of plain tables.
 *
 * Owns      nothing; what it fills in lends from the rows.
 * Thread    the loop thread.
 * Errors    refuse_cursor() answers for a cursor that none of these methods has given.
 */
#ifndef LIBRARY_H
#define LIBRARY_H

#include "service/core/core_priv.h"

/* One row in the column order DOCUMENT of queries.def. */
void document_from_row(const struct store_rows *rows, size_t row, struct gl_document_info *info);
/* Columns token, label, created, expires?, revoked; in the arena, with room for one more. */
struct gl_token_info *tokens_of_rows(struct request *request, const struct store_rows *rows);
/* Pages: the cursor is base64 of name, NUL, id. */
struct page_cursor {
    struct gl_slice name; /* in the arena; data NULL: from the first */
    gl_uuid id;
};
bool cursor_read(struct request *request, bool has, struct gl_slice text,
                 struct page_cursor *cursor); /* answers the request when it is none */
void refuse_cursor(struct request *request);
/* A list stops at so many bytes of what goes out, and one item more, however few items that are. */
#define PAGE_BYTES (128 * 1024)
struct page_size {
    size_t bytes;
    struct gl_buf scratch;
};
void page_size_init(struct page_size *size);
void page_size_fini(struct page_size *size);
/* page_takes(&size, gl_document_info, &info): counts one item more; false: the page was full before it. */
#define page_takes(size, type, item) (page_has_room(size) && (type##_write(&(size)->scratch, (item)), page_counted(size)))
bool page_has_room(struct page_size *size); /* these two: for page_takes */
bool page_counted(struct page_size *size);
/* Lists by number, newest first: the cursor is the number that the next page is below. */
bool number_cursor_read(struct request *request, bool has, struct gl_slice text,
                        uint64_t *below); /* answers the request when it is none */
struct gl_slice number_cursor_write(struct request *request, uint64_t number);
struct gl_slice cursor_write(struct request *request, struct gl_slice name, const gl_uuid *id); /* in the arena */
/* What a callback of store_query begins with: answers the request and returns true when there is nothing to go on with. */
bool rows_failed(struct request *request, enum gl_code code, const struct store_rows *rows, const char *missing);

#endif
