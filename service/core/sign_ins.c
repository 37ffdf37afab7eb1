#include "service/core/sign_ins.h"

#include <stdio.h>
#include <string.h>

#include "proto/gl_json.h"
#include "service/base/mem.h"

#define ADDRESS_ROOM 64

struct noted {
    bool is_welcome, has_account, has_token;
    gl_uuid account, token;
    const char *how; /* a constant */
    char address[ADDRESS_ROOM];
    uint64_t times;
};
struct page { /* what is written at once */
    struct noted rows[SIGN_INS_MOST];
    size_t count;
    uint64_t more[2]; /* beyond them: turned away, welcome */
};
struct sign_ins {
    struct store *store;
    struct page waiting, writing;
    bool is_writing;
};

struct sign_ins *sign_ins_new(struct store *store)
{
    struct sign_ins *sign_ins = mem_alloc(sizeof *sign_ins);
    sign_ins->store = store;
    return sign_ins;
}

void sign_ins_free(struct sign_ins **sign_ins)
{
    mem_free(sign_ins);
}

/* Without the port: each connection has another one. */
static void put_host(char host[ADDRESS_ROOM], const char *address)
{
    const char *colon = strrchr(address, ':');
    const size_t len = colon ? (size_t)(colon - address) : strlen(address);
    snprintf(host, ADDRESS_ROOM, "%.*s", (int)len, address);
}

static bool is_same(const struct noted *a, const struct noted *b)
{
    return a->is_welcome == b->is_welcome && a->has_account == b->has_account && a->has_token == b->has_token &&
           gl_uuid_equal(&a->account, &b->account) && gl_uuid_equal(&a->token, &b->token) && strcmp(a->how, b->how) == 0 &&
           strcmp(a->address, b->address) == 0;
}

static void add(struct page *page, const struct noted *it)
{
    for (size_t i = 0; i < page->count; i++)
        if (is_same(&page->rows[i], it)) {
            page->rows[i].times += it->times;
            return;
        }
    if (page->count < SIGN_INS_MOST)
        page->rows[page->count++] = *it;
    else
        page->more[it->is_welcome] += it->times;
}

void sign_ins_note(struct sign_ins *sign_ins, bool is_welcome, const gl_uuid *account, const gl_uuid *token, const char *how,
                   const char *address)
{
    struct noted it = {
        .is_welcome = is_welcome, .has_account = account != NULL, .has_token = token != NULL, .how = how, .times = 1};
    if (account)
        it.account = *account;
    if (token)
        it.token = *token;
    put_host(it.address, address);
    add(&sign_ins->waiting, &it);
}

/* ---- into the database */

static json_t *id_text(const gl_uuid *id)
{
    char text[GL_UUID_TEXT + 1];
    gl_uuid_format(id, text);
    return json_string(text);
}

static json_t *row_of(const struct noted *it)
{
    json_t *detail = json_pack("{s:s, s:I}", it->is_welcome ? "by" : "why", it->how, "times", (json_int_t)it->times);
    json_t *row = json_pack("{s:s, s:o, s:s}", "action", it->is_welcome ? "sign_in" : "sign_in.refused", "detail", detail,
                            "address", it->address);
    if (it->has_account)
        json_object_set_new(row, "account", id_text(&it->account));
    if (it->has_token)
        json_object_set_new(row, "subject", id_text(&it->token));
    return row;
}

static json_t *rows_of(const struct page *page)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < page->count; i++)
        json_array_append_new(rows, row_of(&page->rows[i]));
    if (page->more[0] > 0 || page->more[1] > 0)
        json_array_append_new(rows, json_pack("{s:s, s:{s:I, s:I}}", "action", "sign_in.more", "detail", "refused",
                                              (json_int_t)page->more[0], "welcome", (json_int_t)page->more[1]));
    return rows;
}

/* What was not written waits with what has come meanwhile. An unknown outcome is left at that: rather none than twice. */
static void on_written(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct sign_ins *sign_ins = ctx;
    const struct page *page = &sign_ins->writing;
    (void)rows;
    sign_ins->is_writing = false;
    if (code == GL_OK || code == GL_E_UNKNOWN_OUTCOME)
        return;
    for (size_t i = 0; i < page->count; i++)
        add(&sign_ins->waiting, &page->rows[i]);
    for (size_t i = 0; i < 2; i++)
        sign_ins->waiting.more[i] += page->more[i];
}

void sign_ins_write(struct sign_ins *sign_ins)
{
    struct gl_buf text;
    const struct page *waiting = &sign_ins->waiting;
    const bool is_empty = waiting->count == 0 && waiting->more[0] == 0 && waiting->more[1] == 0;
    if (is_empty || sign_ins->is_writing || !store_is_up(sign_ins->store))
        return;
    sign_ins->writing = sign_ins->waiting;
    memset(&sign_ins->waiting, 0, sizeof sign_ins->waiting);
    sign_ins->is_writing = true;
    json_t *rows = rows_of(&sign_ins->writing);
    gl_buf_init(&text, SIZE_MAX);
    gl_canon_write(&text, rows);
    store_query(sign_ins->store, STORE_Q_sign_ins, NULL, (struct store_param[]){P_TEXT(gl_buf_peek(&text))}, 1, on_written,
                sign_ins);
    gl_buf_fini(&text);
    json_decref(rows);
}
