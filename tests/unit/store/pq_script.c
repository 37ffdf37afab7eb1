#include "tests/unit/store/pq_script.h"

#include <arpa/inet.h>
#include <libpq-fe.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "service/base/mem.h"
#include "service/store/migrate.h"

#define QUEUE_MAX 512

struct script script;

struct pg_conn {
    int fd; /* readable while there is something to fetch, always writable */
    bool is_broken, is_unreached;
    const char *sent[QUEUE_MAX]; /* not flushed yet */
    size_t sent_count;
    PGresult *answers[QUEUE_MAX]; /* NULL: the end of one statement's results */
    size_t answer_at, answer_count;
    unsigned busy, partial;
    uint64_t quiet_until_ms;
};

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void script_reset(void)
{
    script = (struct script){.break_at = 0};
}

static void make_readable(PGconn *conn, bool is_readable)
{
    eventfd_t ignored;
    if (is_readable) {
        eventfd_write(conn->fd, 1);
    } else {
        eventfd_read(conn->fd, &ignored);
    }
}

/* Every call counts; one of them is the last that works. */
static bool works(PGconn *conn)
{
    if (++script.calls == script.break_at) {
        conn->is_broken = true;
        make_readable(conn, true);
    }
    return !conn->is_broken;
}

/* ---- answers */

static struct {
    const PGresult *result;
    char sqlstate[6];
} errors[64];
static size_t error_count;

static PGresult *failure(const char *sqlstate)
{
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_FATAL_ERROR);
    errors[error_count % 64].result = result;
    memcpy(errors[error_count % 64].sqlstate, sqlstate, 6);
    error_count++;
    return result;
}

char *PQresultErrorField(const PGresult *result, int field)
{
    for (size_t i = error_count; i > 0 && i + 64 > error_count; i--) { /* the newest first: addresses come again */
        if (errors[(i - 1) % 64].result == result && field == 'C') {
            return errors[(i - 1) % 64].sqlstate;
        }
    }
    return NULL;
}

static PGresult *rows(int columns, int count)
{
    PGresAttDesc attributes[16] = {{0}};
    char name[] = "c";
    for (int i = 0; i < columns; i++) {
        attributes[i] = (PGresAttDesc){.name = name, .format = 1};
    }
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PQsetResultAttrs(result, columns, attributes);
    for (int row = 0; row < count; row++) {
        for (int column = 0; column < columns; column++) {
            PQsetvalue(result, row, column, NULL, -1);
        }
    }
    return result;
}

static void put_number(PGresult *result, int column, uint64_t value)
{
    char bytes[8];
    for (int i = 0; i < 8; i++) {
        bytes[i] = (char)(value >> (56 - 8 * i));
    }
    PQsetvalue(result, 0, column, bytes, 8);
}

static void put_bool(PGresult *result, int column, bool value)
{
    char byte = value;
    PQsetvalue(result, 0, column, &byte, 1);
}

static PGresult *server_check(void)
{
    PGresult *result = rows(12, 1);
    put_number(result, 0, script.is_old_server ? 140000 : 150000);
    put_bool(result, 1, !script.is_unsafe);
    put_bool(result, 2, true);
    put_bool(result, 3, true);
    put_bool(result, 4, false);
    put_number(result, 5, 1000 + script.connections);
    put_number(result, 6, script.connections);
    put_number(result, 7, (uint64_t)migrations_newest());
    put_number(result, 8, 0);
    put_number(result, 11, (uint64_t)migrations_newest());
    put_number(result, 9, 4711);
    put_number(result, 10, 1 + script.promotions);
    return result;
}

static PGresult *append(bool *is_error)
{
    script.appends++;
    if (script.append_errors > 0) {
        script.append_errors--;
        *is_error = true;
        return failure(script.append_error);
    }
    PGresult *result = rows(6, 1);
    put_number(result, 0, 1);
    put_number(result, 1, script.is_logged ? 1 : 0); /* fence lost, or committed */
    script.is_logged = true;
    return result;
}

static PGresult *countdown(unsigned *left, int columns, bool is_row_while_left)
{
    bool is_left = *left > 0;
    *left -= is_left;
    PGresult *result = rows(columns, is_left == is_row_while_left);
    if (columns == 1 && PQntuples(result) > 0) {
        put_number(result, 0, 1);
    }
    return result;
}

static PGresult *answer(const char *statement, bool *is_error)
{
    if (strcmp(statement, "prepare") == 0) {
        return PQmakeEmptyPGresult(NULL, PGRES_COMMAND_OK);
    }
    if (strcmp(statement, "check") == 0) {
        *is_error = script.is_without_schema;
        return script.is_without_schema ? failure("42P01") : server_check();
    }
    if (strcmp(statement, "append") == 0) {
        return append(is_error);
    }
    if (strcmp(statement, "settle_backend") == 0) {
        script.settles++;
        return countdown(&script.zombie_rounds, 1, true);
    }
    if (strcmp(statement, "settle_lock") == 0) {
        return countdown(&script.locked_rounds, 1, false);
    }
    PGresult *result = rows(1, strcmp(statement, "settle_ops") != 0 || script.is_logged);
    if (PQntuples(result) > 0) {
        put_number(result, 0, 1);
    }
    return result;
}

static void add(PGconn *conn, PGresult *result)
{
    if (conn->answer_count == QUEUE_MAX) {
        abort();
    }
    conn->answers[conn->answer_count++] = result;
}

/* All that was sent, one transaction: an error undoes the append, and what follows it is not executed. */
static void execute(PGconn *conn)
{
    bool is_error = false, was_logged = script.is_logged;
    for (size_t i = 0; i < conn->sent_count; i++) {
        if (strcmp(conn->sent[i], "sync") == 0) {
            if (!is_error && script.sync_error && was_logged != script.is_logged) {
                add(conn, failure(script.sync_error));
                script.sync_error = NULL;
                is_error = true;
            }
            script.is_logged = is_error ? was_logged : script.is_logged;
            was_logged = script.is_logged;
            is_error = false;
            add(conn, PQmakeEmptyPGresult(NULL, PGRES_PIPELINE_SYNC));
            continue;
        }
        add(conn, is_error ? PQmakeEmptyPGresult(NULL, PGRES_PIPELINE_ABORTED) : answer(conn->sent[i], &is_error));
        add(conn, NULL);
    }
    conn->sent_count = 0;
    conn->busy = script.busy_calls;
    make_readable(conn, true);
}

/* ---- names of hosts: looked up by another thread */

int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **list)
{
    (void)port, (void)hints;
    for (unsigned ms = 0; ms < script.lookup_ms; ms++) {
        usleep(1000);
    }
    atomic_fetch_add(&script.lookups, 1);
    if (script.unknown_host && strcmp(host, script.unknown_host) == 0) {
        return EAI_NONAME;
    }
    struct two { /* every host has two addresses */
        struct addrinfo info[2];
        struct sockaddr_in address[2];
    } *two = calloc(1, sizeof(*two));
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t address = 0x0a000000u + (uint32_t)strlen(host) * 256 + i;
        two->address[i] = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
        two->info[i] = (struct addrinfo){.ai_addr = (struct sockaddr *)&two->address[i], .ai_addrlen = sizeof(two->address[i])};
    }
    two->info[0].ai_next = &two->info[1];
    *list = two->info;
    return 0;
}

void freeaddrinfo(struct addrinfo *list)
{
    free(list);
}

static void note(char text[256], const char *const *keywords, const char *const *values, const char *keyword)
{
    text[0] = '\0';
    for (; *keywords; keywords++, values++) {
        if (strcmp(*keywords, keyword) == 0) {
            snprintf(text, 256, "%s", *values);
        }
    }
}

/* ---- libpq, as far as the store calls it on connections */

PGconn *PQconnectStartParams(const char *const *keywords, const char *const *values, int expand)
{
    (void)expand;
    note(script.host, keywords, values, "host");
    note(script.hostaddr, keywords, values, "hostaddr");
    note(script.port, keywords, values, "port");
    PGconn *conn = mem_alloc(sizeof(*conn));
    conn->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    conn->partial = script.partial_flush;
    script.connections++;
    if (script.unreached > 0) {
        uint64_t full = UINT64_MAX - 1; /* nothing can be written */
        script.unreached--;
        conn->is_unreached = write(conn->fd, &full, sizeof(full)) == (ssize_t)sizeof(full);
    }
    works(conn);
    return conn;
}

PostgresPollingStatusType PQconnectPoll(PGconn *conn)
{
    return works(conn) ? PGRES_POLLING_OK : PGRES_POLLING_FAILED;
}

ConnStatusType PQstatus(const PGconn *conn)
{
    return conn->is_broken ? CONNECTION_BAD : conn->is_unreached ? CONNECTION_STARTED : CONNECTION_OK;
}

int PQsocket(const PGconn *conn)
{
    return conn->fd;
}

void PQfinish(PGconn *conn)
{
    if (!conn) {
        return;
    }
    for (size_t i = conn->answer_at; i < conn->answer_count; i++) {
        PQclear(conn->answers[i]);
    }
    close(conn->fd);
    mem_free(&conn);
}

int PQsetnonblocking(PGconn *conn, int on)
{
    (void)on;
    return works(conn) ? 0 : -1;
}

int PQenterPipelineMode(PGconn *conn)
{
    return works(conn);
}

PQnoticeReceiver PQsetNoticeReceiver(PGconn *conn, PQnoticeReceiver receiver, void *arg)
{
    (void)conn, (void)receiver, (void)arg;
    return NULL;
}

static int send_statement(PGconn *conn, const char *statement)
{
    if (!works(conn)) {
        return 0;
    }
    conn->sent[conn->sent_count++] = statement;
    return 1;
}

int PQsendPrepare(PGconn *conn, const char *name, const char *sql, int count, const Oid *types)
{
    (void)name, (void)sql, (void)count, (void)types;
    return send_statement(conn, "prepare");
}

int PQsendQueryParams(PGconn *conn, const char *sql, int count, const Oid *types, const char *const *values, const int *lengths,
                      const int *formats, int format)
{
    (void)count, (void)types, (void)values, (void)lengths, (void)formats, (void)format;
    return send_statement(conn, strstr(sql, "server_version_num") ? "check" : "settings");
}

int PQsendQueryPrepared(PGconn *conn, const char *name, int count, const char *const *values, const int *lengths,
                        const int *formats, int format)
{
    (void)count, (void)values, (void)lengths, (void)formats, (void)format;
    return send_statement(conn, name);
}

int PQpipelineSync(PGconn *conn)
{
    return send_statement(conn, "sync");
}

int PQflush(PGconn *conn)
{
    if (!works(conn)) {
        return -1;
    }
    if (conn->sent_count > 0 && conn->partial > 0) {
        conn->partial--;
        return 1;
    }
    execute(conn);
    return 0;
}

int PQconsumeInput(PGconn *conn)
{
    if (conn->answer_at == conn->answer_count) {
        make_readable(conn, false);
    }
    return works(conn);
}

int PQisBusy(PGconn *conn)
{
    if (conn->answer_at == conn->answer_count && !conn->is_broken) {
        make_readable(conn, false);
        return 1;
    }
    if (script.is_deaf) {
        usleep(1000);
        return 1;
    }
    if (now_ms() < conn->quiet_until_ms) {
        usleep(1000);
        return 1;
    }
    if (conn->busy > 0) {
        conn->busy--;
        return 1;
    }
    return 0;
}

PGresult *PQgetResult(PGconn *conn)
{
    if (!works(conn)) {
        return NULL;
    }
    PGresult *result = conn->answer_at < conn->answer_count ? conn->answers[conn->answer_at++] : NULL;
    if (result && PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
        conn->quiet_until_ms = now_ms() + script.trickle_ms;
    }
    return result;
}

int PQsetSingleRowMode(PGconn *conn)
{
    (void)conn;
    return 0;
}
