/*
 * Waiting for PostgreSQL where there is no loop. libpq's own PQexec() waits for ever when the server stands still or the way to it swallows what is sent, and
 * a statement may rightly take long: a migration, a check of everything. So whenever nothing has come for some seconds the server is asked, on a connection of
 * its own, whether it is there; when it says nothing to that either, twice, the connection is shut.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#include "service/store/admin_priv.h"

enum { SILENCE_MS = 5000, PINGS = 2 };
#define PING_SECONDS "2"

static const PGconn *silent; /* the last one that was shut; these processes have one connection at a time */

void pg_begin(PGconn *pg)
{
    PQsetnonblocking(pg, 1);
    silent = NULL;
}

bool pg_is_silent(const PGconn *pg)
{
    return silent == pg;
}

static bool is_there(PGconn *pg)
{
    const char *hostaddr = PQhostaddr(pg);
    const char *const keywords[] = {"host", "hostaddr", "port", "connect_timeout", NULL};
    const char *const values[] = {PQhost(pg), hostaddr && *hostaddr ? hostaddr : NULL, PQport(pg), PING_SECONDS, NULL};
    for (int i = 0; i < PINGS; i++) {
        if (PQpingParams(keywords, values, 0) != PQPING_NO_RESPONSE) {
            return true;
        }
    }
    return false;
}

/* False: it is broken, and libpq knows. */
static bool wait_more(PGconn *pg)
{
    struct pollfd fd = {.fd = PQsocket(pg), .events = POLLIN};
    int left = PQflush(pg);
    if (left < 0 || fd.fd < 0) {
        return false;
    }
    fd.events |= left > 0 ? POLLOUT : 0;
    int ready = poll(&fd, 1, SILENCE_MS);
    if (ready < 0) {
        return errno == EINTR;
    }
    if (ready == 0 && !is_there(pg)) {
        silent = pg;
        shutdown(fd.fd, SHUT_RDWR); /* so that libpq finds it out by itself */
    }
    return !(fd.revents & ~POLLOUT) || PQconsumeInput(pg) == 1;
}

PGresult *pg_next(PGconn *pg)
{
    while (PQisBusy(pg) && wait_more(pg)) {
    }
    return PQgetResult(pg);
}

/* The last result, as PQexec() gives it: what follows an error is not executed. */
static PGresult *last_result(PGconn *pg, int is_sent)
{
    PGresult *last = NULL;
    for (PGresult *result; is_sent && (result = pg_next(pg)); last = result) {
        PQclear(last);
    }
    return last;
}

PGresult *pg_exec(PGconn *pg, const char *sql)
{
    return last_result(pg, PQsendQuery(pg, sql));
}

PGresult *pg_exec_params(PGconn *pg, const char *sql, int count, const Oid *types, const char *const *values, const int *lengths,
                         const int *formats, int format)
{
    return last_result(pg, PQsendQueryParams(pg, sql, count, types, values, lengths, formats, format));
}

int pg_copy_next(PGconn *pg, char **row)
{
    int len;
    do {
        len = PQgetCopyData(pg, row, 1);
    } while (len == 0 && wait_more(pg));
    return len > 0 ? len : -1;
}

bool pg_copy_put(PGconn *pg, struct gl_slice rows)
{
    int left = PQputCopyData(pg, rows.data, (int)rows.len) == 1 ? PQflush(pg) : -1;
    while (left > 0) {
        left = wait_more(pg) ? PQflush(pg) : -1;
    }
    return left == 0;
}
