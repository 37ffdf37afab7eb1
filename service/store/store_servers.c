/*
 * Which of several servers: a connection string may name a primary and its standbys, and who is the primary changes.
 *
 * A connection asks one of them at a time. One that says nothing at all is left to the connection that is waiting for it: the others ask elsewhere meanwhile.
 * Two connections knock often; who gets in tells all the others where, so that all are back within a round trip of the first.
 *
 * A standby that is promoted begins a timeline of its own. Whoever has seen it has nothing to do with the former primary any more, which may not know yet
 * that it is one: what is written there is lost, and what is read there is not what is true.
 */
#include "service/base/random.h"
#include "service/store/store_priv.h"

#define STUCK_MS        100 /* without a word: others need not wait there too */
#define KNOCK_LAST_MS   200
#define RETRY_FIRST_MS  50
#define RETRY_LAST_MS   2000
#define NEXT_HOST_MS    2
#define CONNECT_HOST_MS 2000 /* for one of several */

/* All of them, one after the other; NULL behind the last. */
static struct conn *conn_at(struct store *store, unsigned i)
{
    if (i < store->writer_count) {
        return &store->writers[i];
    }
    i -= store->writer_count;
    if (i < store->reader_count) {
        return &store->readers[i];
    }
    i -= store->reader_count;
    struct conn *others[] = {listener_conn(store), store->holder, store->counter};
    for (unsigned at = 0; at < sizeof(others) / sizeof(others[0]); at++) {
        if (others[at] && i-- == 0) {
            return others[at];
        }
    }
    return NULL;
}

static bool is_stuck(struct store *store, const struct conn *self, unsigned host)
{
    uint64_t now_ms = loop_now_ms(store->loop);
    struct conn *conn;
    for (unsigned i = 0; (conn = conn_at(store, i)); i++) {
        if (conn != self && conn->host == host && (conn->state == CONN_CONNECTING || conn->state == CONN_SETTING_UP) &&
            now_ms - conn->since_ms > STUCK_MS) {
            return true;
        }
    }
    return false;
}

void servers_choose(struct conn *conn)
{
    struct store *store = conn->store;
    unsigned first = conn->failures == 0 || conn->is_hurried ? store->host : conn->host + 1;
    conn->is_hurried = false;
    for (unsigned i = 0; i < store->host_count; i++) {
        conn->host = (first + i) % store->host_count;
        if (!is_stuck(store, conn, conn->host)) {
            return;
        }
    }
    conn->host = first % store->host_count;
}

uint64_t servers_patience_ms(const struct store *store)
{
    return store->host_count > 1 && store->connect_ms > CONNECT_HOST_MS ? CONNECT_HOST_MS : store->connect_ms;
}

/* Whoever knocks while the others rest. */
static bool is_knocking(const struct conn *conn)
{
    return conn->index == 0 && (conn->role == STORE_APPEND || conn->role == STORE_READER);
}

static uint64_t random_below(uint64_t end)
{
    uint32_t drawn;
    random_bytes(&drawn, sizeof(drawn));
    return drawn % end;
}

uint64_t servers_retry_ms(const struct conn *conn)
{
    const struct store *store = conn->store;
    unsigned rounds = conn->failures / store->host_count;
    uint64_t last = is_knocking(conn) ? KNOCK_LAST_MS : RETRY_LAST_MS;
    uint64_t most = rounds > 6 ? last : (uint64_t)RETRY_FIRST_MS << rounds;
    if (conn->failures % store->host_count != 0) {
        return NEXT_HOST_MS;
    }
    most = most > last ? last : most;
    return most / 2 + random_below(most / 2 + 1);
}

/* ---- whoever got in */

static bool is_same(const struct server *a, const struct server *b)
{
    return a->system == b->system && a->timeline == b->timeline;
}

/* The database may be another one now, or the same as it was some time ago: connections to what was before are of no use. */
static void leave_others(struct store *store)
{
    struct conn *conn;
    for (unsigned i = 0; (conn = conn_at(store, i)); i++) {
        if (conn->state == CONN_READY && !is_same(&conn->server, &store->server)) {
            conn_break(conn);
        }
    }
}

static void hurry_others(struct store *store, const struct conn *self)
{
    struct conn *conn;
    for (unsigned i = 0; (conn = conn_at(store, i)); i++) {
        bool is_elsewhere =
            conn->state == CONN_CONNECTING && conn->host != self->host && loop_now_ms(store->loop) - conn->since_ms > STUCK_MS;
        if (conn != self && (conn->state == CONN_DOWN || is_elsewhere)) {
            conn_hurry(conn);
        }
    }
}

enum gl_code servers_found(struct conn *conn, const struct server *server, struct gl_err *err)
{
    struct store *store = conn->store;
    bool is_former = store->server.system == server->system && server->timeline < store->server.timeline;
    if (is_former) {
        return gl_fail(
            err, GL_E_SETTING,
            "this server is on timeline %llu, and one on timeline %llu was seen: it was the primary once. If it is meant "
            "to be so again, restart glossd",
            (unsigned long long)server->timeline, (unsigned long long)store->server.timeline);
    }
    conn->server = *server;
    if (!is_same(server, &store->server)) {
        if (store->server.system) {
            log_event(LOG_WARN, EV_store_moved, F_U64("host", conn->host), F_U64("timeline", server->timeline));
        }
        store->server = *server;
        leave_others(store);
    }
    store->host = conn->host;
    store->generation += conn->role == STORE_APPEND && conn != store->holder;
    hurry_others(store, conn);
    return GL_OK;
}

uint64_t store_generation(const struct store *store)
{
    return store->generation;
}
