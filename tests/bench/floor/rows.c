#include "tests/bench/floor/rows.h"

#include <arpa/inet.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/base/mem.h"

#define COMMIT_TEXTS                                                                                                             \
    64 /* as many as Gloss appends of a session that is alone: enough that a commit is shared, few enough that telling goes on beside it */
#define TEXT_OID  25
#define TEXTS_OID 1009
#define BINARY    1

/* Two rows for each text, as a create of Gloss has; ids are made here, since whoever stores anything has some. The same as floors.py's ONE_COMMIT, but the texts are those that came. */
static const char statement[] =
    "with given as materialized (select text, nextval('floor.seq') as seq from unnest($1) as of (text)),"
    " new as materialized (select text, seq, ('018f0000-0000-7000-8000-' || lpad(to_hex(seq), 12, '0'))::uuid as id, decode(repeat('ab', 32), 'hex') as hash"
    " from given),"
    " logged as (insert into floor.op select $2, $2, n.seq, n.id, $2, 'annotation.create', n.hash, n.text, substr(n.hash, 1, 16), n.hash from new n)"
    " insert into floor.annotation select $2, $2, n.id, $2, n.seq, null, 'open', 0, 10, false, left(n.text, 560) from new n";
static const char stream[] = "018f0000-0000-7000-8000-000000000001";

struct text {
    struct path *path;
    size_t at, len; /* in bytes */
};
struct batch {
    struct text *texts;
    char *bytes; /* of all texts, each behind its length: a binary array but for its head */
    size_t count, cap, len, room;
};
struct array_head {
    uint32_t dimensions, has_null, element, count, first;
};

static PGconn *database;
static rows_told *told;
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

int rows_open(const char *conninfo, rows_told *when_told)
{
    const Oid types[] = {TEXTS_OID, 2950 /* uuid */};
    told = when_told;
    database = PQconnectdb(conninfo);
    if (PQstatus(database) != CONNECTION_OK)
        fail("connect");
    check(PQprepare(database, "rows", statement, 2, types), PGRES_COMMAND_OK, "prepare");
    check(PQexec(database, "set plan_cache_mode = force_generic_plan"), PGRES_COMMAND_OK, "plan once");
    return PQsocket(database);
}

static void put_bytes(struct batch *batch, const void *data, size_t len)
{
    batch->bytes = mem_grow(batch->bytes, &batch->room, batch->len + len, 1);
    memcpy(batch->bytes + batch->len, data, len);
    batch->len += len;
}

void rows_put(struct path *path, const unsigned char *text, size_t len)
{
    const uint32_t count = htonl((uint32_t)len);
    const struct array_head room = {0};
    if (waiting.len == 0)
        put_bytes(&waiting, &room, sizeof room);
    put_bytes(&waiting, &count, sizeof count);
    waiting.texts = mem_grow(waiting.texts, &waiting.cap, waiting.count + 1, sizeof *waiting.texts);
    waiting.texts[waiting.count++] = (struct text){path, waiting.len, len};
    put_bytes(&waiting, text, len);
}

/* The first texts of those that wait become the commit that is under way. */
static void take_some(void)
{
    const size_t count = waiting.count < COMMIT_TEXTS ? waiting.count : COMMIT_TEXTS;
    under_way = waiting;
    waiting = (struct batch){0};
    for (size_t i = count; i < under_way.count; i++)
        rows_put(under_way.texts[i].path, (const unsigned char *)under_way.bytes + under_way.texts[i].at, under_way.texts[i].len);
    under_way.count = count;
    under_way.len = under_way.texts[count - 1].at + under_way.texts[count - 1].len;
}

void rows_send(void)
{
    if (is_under_way || waiting.count == 0)
        return;
    take_some();
    const struct array_head head = {htonl(1), 0, htonl(TEXT_OID), htonl((uint32_t)under_way.count), htonl(1)};
    memcpy(under_way.bytes, &head, sizeof head);
    const char *values[] = {under_way.bytes, stream};
    const int lengths[] = {(int)under_way.len, 0}, formats[] = {BINARY, 0};
    if (!PQsendQueryPrepared(database, "rows", 2, values, lengths, formats, 0))
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
        told(done.texts[i].path, (const unsigned char *)done.bytes + done.texts[i].at, done.texts[i].len);
    mem_free(&done.texts);
    mem_free(&done.bytes);
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
