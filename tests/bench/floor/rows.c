#include "tests/bench/floor/rows.h"

#include <arpa/inet.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/base/mem.h"
#include "tests/bench/floor/bytes.h"

/* As Gloss does with a session that is alone: enough rows that a commit is shared, and few enough that there is something to be told while the next is made. */
#define ROWS_MOST  64
#define HALF_LEAST 16 /* half of those that wait, if that is so many */
#define INT4_OID   23
#define TEXT_OID   25
#define TEXTS_OID  1009
#define UUID_OID   2950
#define BINARY     1

/* Two rows for each op, as a create of Gloss has; ids are made here, since whoever stores anything has some. Like floors.py's ONE_COMMIT, but of the ops that came. */
static const char statement[] =
    "with given as materialized (select text, nextval('floor.seq') as seq from (select unnest($1) as text) as of),"
    " new as materialized (select text, seq, ('018f0000-0000-7000-8000-' || lpad(to_hex(seq), 12, '0'))::uuid as id, decode(repeat('ab', 32), 'hex') as hash"
    " from given),"
    " logged as (insert into floor.op select $2, $2, n.seq, n.id, $2, 'annotation.create', n.hash, n.text, substr(n.hash, 1, 16), n.hash from new n)"
    " insert into floor.annotation select $2, $2, n.id, $2, n.seq, null, 'open', 0, 10, false, left(n.text, $3) from new n";
static const char stream[] = "018f0000-0000-7000-8000-000000000001";

struct text {
    struct path *path;
    size_t at, len;   /* in the batch's texts */
    size_t rows;      /* an op each */
    size_t array_end; /* where the last of them ends in the batch's array */
};
struct batch {
    struct text *list;
    size_t count, cap, rows;
    struct bytes texts; /* as they came, one behind the other */
    struct bytes array; /* a binary array of their ops, but for its head */
};
struct array_head {
    uint32_t dimensions, has_null, element, count, first;
};

static PGconn *database;
static rows_told *told;
static struct rows_size size;
static char record_text[12];
static struct batch waiting, under_way;
static bool is_under_way;

static void fail(const char *what)
{
    fprintf(stderr, "bench_echo: %s: %s", what, PQerrorMessage(database));
    exit(1);
}

static void check(PGresult *result, ExecStatusType wanted, const char *what)
{
    if (PQresultStatus(result) != wanted)
        fail(what);
    PQclear(result);
}

int rows_open(const char *conninfo, struct rows_size wanted, rows_told *when_told)
{
    const Oid types[] = {TEXTS_OID, UUID_OID, INT4_OID};
    told = when_told;
    size = wanted;
    snprintf(record_text, sizeof record_text, "%zu", size.record);
    database = PQconnectdb(conninfo);
    if (PQstatus(database) != CONNECTION_OK)
        fail("connect");
    check(PQprepare(database, "rows", statement, 3, types), PGRES_COMMAND_OK, "prepare");
    check(PQexec(database, "set plan_cache_mode = force_generic_plan"), PGRES_COMMAND_OK, "plan once");
    return PQsocket(database);
}

/* As much of it as its row has, and something for what it has not. */
static void put_op(struct bytes *array, const unsigned char *op, size_t len)
{
    static const unsigned char more[] = "................................................................";
    const struct array_head room = {0};
    const uint32_t count = htonl((uint32_t)size.payload);
    if (array->len == 0)
        bytes_put(array, &room, sizeof room);
    bytes_put(array, &count, sizeof count);
    bytes_put(array, op, len < size.payload ? len : size.payload);
    for (size_t at = len, part; at < size.payload; at += part) {
        part = size.payload - at < sizeof more - 1 ? size.payload - at : sizeof more - 1;
        bytes_put(array, more, part);
    }
}

/* The ops of a text: one, or an array of them, as our one client (plain.c) writes it; nothing in an op looks like what stands between two. */
static size_t put_ops(struct bytes *array, const unsigned char *text, size_t len)
{
    static const char between[] = "},{";
    const unsigned char *behind, *end = text + len;
    size_t count = 1;
    if (len > 2 && text[0] == '[') {
        text++;
        end--;
    }
    while ((behind = memmem(text, (size_t)(end - text), between, sizeof between - 1))) {
        put_op(array, text, (size_t)(behind + 1 - text));
        text = behind + 2;
        count++;
    }
    put_op(array, text, (size_t)(end - text));
    return count;
}

void rows_put(struct path *path, const unsigned char *text, size_t len)
{
    struct batch *batch = &waiting;
    batch->list = mem_grow(batch->list, &batch->cap, batch->count + 1, sizeof *batch->list);
    struct text *last = &batch->list[batch->count++];
    *last = (struct text){.path = path, .at = batch->texts.len, .len = len, .rows = put_ops(&batch->array, text, len)};
    last->array_end = batch->array.len;
    batch->rows += last->rows;
    bytes_put(&batch->texts, text, len);
}

static const unsigned char *text_of(const struct batch *batch, size_t i)
{
    return batch->texts.data + batch->list[i].at;
}

static size_t share_of(size_t rows)
{
    const size_t half = rows / 2 < HALF_LEAST ? rows : rows / 2;
    return half < ROWS_MOST ? half : ROWS_MOST;
}

/* The first texts of those that wait become the commit that is under way. */
static void take_some(void)
{
    const size_t share = share_of(waiting.rows), all = waiting.count;
    under_way = waiting;
    waiting = (struct batch){0};
    under_way.count = under_way.rows = 0;
    while (under_way.count < all && under_way.rows < share)
        under_way.rows += under_way.list[under_way.count++].rows;
    under_way.array.len = under_way.list[under_way.count - 1].array_end;
    for (size_t i = under_way.count; i < all; i++)
        rows_put(under_way.list[i].path, text_of(&under_way, i), under_way.list[i].len);
}

void rows_send(void)
{
    if (is_under_way || waiting.count == 0)
        return;
    take_some();
    const struct array_head head = {htonl(1), 0, htonl(TEXT_OID), htonl((uint32_t)under_way.rows), htonl(1)};
    memcpy(under_way.array.data, &head, sizeof head);
    const char *values[] = {(const char *)under_way.array.data, stream, record_text};
    const int lengths[] = {(int)under_way.array.len, 0, 0}, formats[] = {BINARY, 0, 0};
    if (!PQsendQueryPrepared(database, "rows", 3, values, lengths, formats, 0))
        fail("send");
    is_under_way = true;
}

/* What is under way has been committed: the next commit goes first. */
static void tell_done(void)
{
    struct batch done = under_way;
    under_way = (struct batch){0};
    is_under_way = false;
    rows_send();
    for (size_t i = 0; i < done.count; i++)
        told(done.list[i].path, text_of(&done, i), done.list[i].len);
    mem_free(&done.list);
    bytes_free(&done.texts);
    bytes_free(&done.array);
}

void rows_ready(void)
{
    if (!PQconsumeInput(database))
        fail("read");
    while (is_under_way && !PQisBusy(database)) {
        PGresult *result = PQgetResult(database);
        if (result)
            check(result, PGRES_COMMAND_OK, "store");
        else
            tell_done();
    }
}
