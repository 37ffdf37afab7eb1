/* wire.c - see wire.h. */
#define _GNU_SOURCE 1 /* memmem */
#include "tests/sim/wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/lib/transport.h"
#include "proto/gl_json.h"
#include "proto/gl_wire.h"
#include "service/base/mem.h"
#include "service/core/handler.h"
#include "tests/sim/person.h"
#include "tests/sim/watch.h"

#define FRAME_BYTES (256 * 1024)

struct packet {
    struct packet *next;
    struct frame *frame; /* to a client; NULL: the server closes */
    char *text;          /* to a worker */
    size_t len;
    uint64_t at_ms;
};
struct lane { /* one direction */
    struct packet *first, **last;
    uint64_t last_ms, stalled_until_ms, cut_at_ms;
};
struct conn {
    struct conn *next;
    struct worker *worker;
    uint64_t life;
    size_t person;
    struct peer *peer; /* NULL: that end is closed */
    struct lg_transport *transport;
    uint64_t dial; /* of the transport */
    wire_fn fn;
    void *fn_ctx;
    bool is_client_gone, is_closing, was_full;
    uint64_t peer_gone_ms;
    struct lane to_worker, to_client;
    size_t unread, window;
    unsigned close_code;
    uint64_t told[LOGS];  /* the last op that was written of each, where it is joined; to hold promise 2 against */
    uint64_t shown[LOGS]; /* the newest op that was ever written of each: what it had erased is gone */
    bool is_told[LOGS], join_has_since[LOGS]; /* of projects, too: what project.ops brought */
    uint64_t join_id[LOGS], join_since[LOGS]; /* asked for, not answered */
    char address[24];
    struct packet *held, **held_tail; /* pages that others overtake */
};
static struct conn *conns;

/* ---- libgloss's end */

struct incoming {
    struct incoming *next;
    struct lg_transport_event event;
    struct frame *frame;
};
struct lg_transport {
    size_t person;
    struct conn *conn;
    uint64_t dial, heard_ms;
    struct incoming *first, **last;
    struct frame *lent;
};

uint64_t lg_now_ms(void)
{
    return world.now_ms;
}

const char *lg_reason_name(enum lg_reason reason)
{
    return reason == LG_CLOSED ? "closed" : reason == LG_REFUSED ? "refused" : "lost";
}

static void push(struct lg_transport *t, const struct lg_transport_event *event, struct frame *frame)
{
    struct incoming *it = mem_alloc(sizeof *it);
    *it = (struct incoming){NULL, *event, frame};
    *t->last = it;
    t->last = &it->next;
    t->heard_ms = world.now_ms;
    person_wake(t->person);
}

static void push_down(struct lg_transport *t, enum lg_reason reason, unsigned close_code)
{
    struct lg_transport_event event = {.type = LG_DOWN, .reason = reason, .close_code = close_code};
    gl_fail(&event.err, reason == LG_REFUSED ? GL_E_UNREACHABLE : GL_E_DISCONNECTED, "the simulator says so");
    push(t, &event, NULL);
}

/* ---- promise 1, 2 and 7, at the moment when a worker writes */

static bool after(const char **at, const char *end, const char *what)
{
    const char *found = memmem(*at, (size_t)(end - *at), what, strlen(what));
    if (found)
        *at = found + strlen(what);
    return found;
}

static size_t log_index(const char *text)
{
    gl_uuid id;
    struct db_log *log = gl_uuid_parse(gl_slice_of(text, GL_UUID_TEXT), &id) ? db_log_of(&id) : NULL;
    return log ? (size_t)(log - database.logs) : LOGS;
}

/* Where in the log this chain stands; 0: nowhere. */
static uint64_t seq_of_chain(const struct db_log *log, uint64_t from, const gl_hash *chain)
{
    for (uint64_t seq = from; seq >= 1 && seq <= log->head; seq++)
        if (gl_hash_equal(&log->ops[seq - 1].chain, chain))
            return seq;
    return 0;
}

/* Who was told of an erasure is sent no more of it: neither the words, nor an op without them. */
static void check_erased(struct conn *conn, size_t n, uint64_t first, uint64_t last)
{
    if (conn->shown[n] < last)
        conn->shown[n] = last;
    for (uint64_t seq = first; seq <= last; seq++) {
        const struct db_op *op = &database.logs[n].ops[seq - 1];
        if (op->erased_by > 0 && op->erased_by <= conn->shown[n])
            broken(7, "person %zu was sent op %" PRIu64 " of %zu, which op %" PRIu64 " had erased", conn->person, seq, n,
                   op->erased_by);
    }
}

static void check_ops(struct conn *conn, const struct frame *frame)
{
    const char *at = frame->data, *end = frame->data + frame->len, *tail;
    gl_hash chain;
    SAW(frames_of_ops);
    if (!after(&at, end, "\"chain\":\"") || !gl_hex_decode(gl_slice_of(at, 64), chain.bytes, 32) ||
        !after(&at, end, "\"first\":")) {
        broken(2, "a session.ops that cannot be read");
        return;
    }
    uint64_t first = strtoull(at, NULL, 10);
    tail = end - 200 > at ? end - 200 : at;
    size_t n = after(&tail, end, "],\"session\":\"") ? log_index(tail) : LOGS;
    if (n == LOGS) {
        broken(7, "person %zu was sent ops of a session that does not exist", conn->person);
        return;
    }
    const struct db_log *log = &database.logs[n];
    const struct db_project *project = db_project_of(log);
    uint64_t last = seq_of_chain(log, first, &chain);
    trace("worker %zu  to person %zu: ops %" PRIu64 " to %" PRIu64 " of %zu", conn->worker->index, conn->person, first, last, n);
    if (last == 0)
        broken(1, "person %zu was sent ops of %zu from %" PRIu64 " that are not in the log (it ends at %" PRIu64 ")",
               conn->person, n, first, log->head);
    if (conn->is_told[n] && first != conn->told[n] + 1)
        broken(2, "person %zu was sent op %" PRIu64 " of %zu behind op %" PRIu64, conn->person, first, n, conn->told[n]);
    if (project->roles[conn->person] < GL_VIEWER && world.is_calm && world.now_ms > project->role_since_ms[conn->person] + 5000)
        broken(7, "person %zu was sent ops of %zu, %" PRIu64 " ms after the right to see them went", conn->person, n,
               world.now_ms - project->role_since_ms[conn->person]);
    if (project->role_since_ms[conn->person] == 0 && project->roles[conn->person] < GL_VIEWER)
        broken(7, "person %zu, who never was a member, was sent ops of %zu", conn->person, n);
    conn->is_told[n] = true;
    conn->told[n] = last;
    check_erased(conn, n, first, last);
}

/* A project's ops come in order, and only those that are durable. Who joins anew may have missed some. */
static void check_project_ops(struct conn *conn, const struct frame *frame)
{
    const char *at = frame->data, *end = frame->data + frame->len, *tail;
    gl_hash chain;
    if (!after(&at, end, "\"chain\":\"") || !gl_hex_decode(gl_slice_of(at, 64), chain.bytes, 32) ||
        !after(&at, end, "\"first\":"))
        return;
    uint64_t first = strtoull(at, NULL, 10);
    tail = end - 200 > at ? end - 200 : at;
    size_t n = after(&tail, end, "],\"project\":\"") ? log_index(tail) : LOGS;
    if (n >= FIRST_SESSION) {
        broken(7, "person %zu was sent ops of a project that does not exist", conn->person);
        return;
    }
    const struct db_project *project = &database.projects[n];
    uint64_t last = seq_of_chain(&database.logs[n], first, &chain);
    if (last == 0)
        broken(1, "person %zu was sent ops of project %zu from %" PRIu64 " that are not in its log", conn->person, n, first);
    if (conn->is_told[n] && first != conn->told[n] + 1)
        broken(2, "person %zu was sent op %" PRIu64 " of project %zu behind op %" PRIu64, conn->person, first, n, conn->told[n]);
    if (project->role_since_ms[conn->person] == 0 && project->roles[conn->person] < GL_VIEWER)
        broken(7, "person %zu, who never was a member, was sent ops of project %zu", conn->person, n);
    conn->is_told[n] = true;
    conn->told[n] = last;
}

static void check_result(struct conn *conn, const json_t *result)
{
    gl_uuid id;
    const char *text = json_string_value(json_object_get(result, "id"));
    uint64_t seq = (uint64_t)json_integer_value(json_object_get(result, "seq"));
    if (!text || !gl_uuid_parse(gl_slice_str(text), &id))
        return;
    struct asked *it = asked_of(&id);
    if (!seq && it)
        it->unfound_ms = it->sought_ms[conn->worker->index] ? it->sought_ms[conn->worker->index] : world.now_ms - 60;
    if (!seq)
        return;
    for (size_t n = FIRST_SESSION; n < LOGS; n++) {
        const struct db_log *log = &database.logs[n];
        if (seq > log->head || !gl_uuid_equal(&log->ops[seq - 1].id, &id))
            continue;
        if (conn->is_told[n] && conn->told[n] < seq)
            broken(2, "person %zu was told the result of op %" PRIu64 " of %zu before the op itself", conn->person, seq, n);
        return;
    }
    broken(1, "person %zu was told that op %s has seq %" PRIu64 ", and no log has it there", conn->person, text, seq);
}

static void check_answer(struct conn *conn, const struct frame *frame)
{
    struct gl_err err = {0};
    json_t *root = NULL, *result;
    size_t i;
    if (!memmem(frame->data, frame->len, "\"results\":[", 11) ||
        gl_json_load(gl_slice_of(frame->data, frame->len), &root, &err) != GL_OK)
        return;
    json_array_foreach(json_object_get(json_object_get(root, "result"), "results"), i, result) check_result(conn, result);
    json_decref(root);
}

/* From where the ops of a session come: what its join says, once that is answered. */
static void note_join(struct conn *conn, const struct gl_envelope *envelope)
{
    const char *text = json_string_value(json_object_get(envelope->params, "session"));
    size_t n = text ? log_index(text) : LOGS;
    if (n == LOGS)
        return;
    if (gl_slice_is(envelope->name, "session.leave")) {
        conn->is_told[n] = false;
        conn->join_id[n] = 0;
        return;
    }
    conn->join_id[n] = (uint64_t)envelope->id.number;
    conn->join_has_since[n] = json_object_get(envelope->params, "since") != NULL;
    conn->join_since[n] = (uint64_t)json_integer_value(json_object_get(envelope->params, "since"));
}

static void check_joined(struct conn *conn, const struct frame *frame)
{
    uint64_t id = frame->len > 6 && memcmp(frame->data, "{\"id\":", 6) == 0 ? strtoull(frame->data + 6, NULL, 10) : 0;
    for (size_t n = FIRST_SESSION; id && n < LOGS; n++) {
        if (conn->join_id[n] != id || !memmem(frame->data, frame->len, "\"result\":", 9))
            continue;
        conn->is_told[database.logs[n].project] = false;
        conn->is_told[n] = conn->join_has_since[n];
        conn->told[n] = conn->join_since[n];
        conn->join_id[n] = 0;
    }
}

/* The worker ends a subscription: no ops come before results any more. */
static void check_notice(struct conn *conn, const struct frame *frame)
{
    bool is_over = memmem(frame->data, frame->len, "\"rejoin\"", 8) ||
                   (memmem(frame->data, frame->len, "\"rights\"", 8) && !memmem(frame->data, frame->len, "\"role\":", 7));
    for (size_t n = FIRST_SESSION; is_over && n < LOGS; n++) {
        char id[GL_UUID_TEXT + 1];
        gl_uuid_format(&database.logs[n].id, id);
        if (memmem(frame->data, frame->len, id, GL_UUID_TEXT))
            conn->is_told[n] = false;
    }
}

static void check_written(struct conn *conn, const struct frame *frame)
{
    static const char OPS[] = "{\"jsonrpc\":\"2.0\",\"method\":\"session.ops\"";
    if (frame->len > sizeof OPS && memcmp(frame->data, OPS, sizeof OPS - 1) == 0)
        check_ops(conn, frame);
    else if (memmem(frame->data, frame->len < 60 ? frame->len : 60, "\"project.ops\"", 13))
        check_project_ops(conn, frame);
    else if (memmem(frame->data, frame->len, "\"session.notice\"", 16))
        check_notice(conn, frame);
    else
        check_answer(conn, frame);
    check_joined(conn, frame);
    if (conn->person != 3 && memmem(frame->data, frame->len, "secret of q", 11))
        broken(7, "person %zu was sent words of the other project", conn->person);
    if (conn->person == 3 && memmem(frame->data, frame->len, "words of p", 10))
        broken(7, "person 3 was sent words of the other project");
}

/* ---- what is under way */

static void to_client(void *ctx, uint64_t arg);
static void to_worker(void *ctx, uint64_t arg);

static void lane_put(struct conn *conn, struct lane *lane, struct packet *packet, event_fn fn)
{
    uint64_t at = world.now_ms + 1 + draw(DICE_NET, chance(DICE_NET, 50) ? 60 : 4);
    packet->at_ms = at > lane->last_ms ? at : lane->last_ms;
    if (lane->stalled_until_ms > packet->at_ms)
        packet->at_ms = lane->stalled_until_ms;
    lane->last_ms = packet->at_ms;
    *lane->last = packet;
    lane->last = &packet->next;
    world_at(packet->at_ms - world.now_ms, fn, conn, 0);
}

static struct packet *lane_take(struct lane *lane)
{
    struct packet *first = lane->first;
    if (!first || first->at_ms > world.now_ms)
        return NULL;
    lane->first = first->next;
    if (!lane->first)
        lane->last = &lane->first;
    return first;
}

static void packet_free(struct packet *packet)
{
    if (packet->frame)
        frame_unref(&packet->frame);
    free(packet->text);
    mem_free(&packet);
}

static bool is_cut(const struct lane *lane, const struct packet *packet)
{
    return lane->cut_at_ms && packet->at_ms > lane->cut_at_ms;
}

static void client_gone(struct conn *conn)
{
    conn->is_client_gone = true;
    if (conn->transport && conn->transport->conn == conn)
        conn->transport->conn = NULL;
    conn->transport = NULL;
    conn->fn = NULL;
}

static void tell_client_down(struct conn *conn, enum lg_reason reason)
{
    struct lg_transport *t = conn->transport;
    wire_fn fn = conn->fn;
    void *ctx = conn->fn_ctx;
    if (conn->is_client_gone)
        return;
    client_gone(conn);
    if (t)
        push_down(t, reason, conn->close_code);
    if (fn)
        fn(ctx, NULL);
}

static void client_hears(struct conn *conn, struct frame *frame)
{
    struct lg_transport_event event = {.type = LG_MESSAGE, .message = gl_slice_of(frame->data, frame->len)};
    if (conn->transport) {
        push(conn->transport, &event, frame_ref(frame));
    } else if (conn->fn) {
        json_t *root = NULL;
        struct gl_err err = {0};
        if (gl_json_load(event.message, &root, &err) == GL_OK)
            conn->fn(conn->fn_ctx, root);
        json_decref(root);
    }
}

static void look_writable(void *ctx, uint64_t life)
{
    struct conn *conn = ctx;
    if (!conn->peer || conn->worker->life != life)
        return;
    if (worker_is_frozen(conn->worker)) {
        world_at(conn->worker->frozen_until_ms - world.now_ms, look_writable, conn, life);
        return;
    }
    conn->was_full = false;
    peer_writable(conn->peer);
}

static void to_client(void *ctx, uint64_t arg)
{
    struct conn *conn = ctx;
    struct packet *packet;
    (void)arg;
    while ((packet = lane_take(&conn->to_client))) {
        conn->unread -= packet->len;
        if (conn->is_client_gone || is_cut(&conn->to_client, packet))
            SAW(frames_lost);
        else if (packet->frame)
            client_hears(conn, packet->frame);
        else
            tell_client_down(conn, LG_CLOSED);
        packet_free(packet);
    }
    if (conn->was_full && conn->unread <= conn->window / 2)
        world_at(0, look_writable, conn, conn->life);
}

static void worker_end_gone(struct conn *conn)
{
    struct peer *peer = conn->peer;
    conn->peer = NULL;
    conn->peer_gone_ms = world.now_ms;
    if (peer)
        peer_closed(peer);
    watch_came(conn->worker, NULL, "left");
}

static void worker_notices(void *ctx, uint64_t life)
{
    struct conn *conn = ctx;
    if (conn->worker->life != life || !conn->peer)
        return;
    if (worker_is_frozen(conn->worker))
        world_at(conn->worker->frozen_until_ms - world.now_ms, worker_notices, conn, life);
    else
        worker_end_gone(conn);
}

/* ---- the worker's end */

static bool link_is_full(void *ctx)
{
    struct conn *conn = ctx;
    bool is_full = conn->unread >= conn->window;
    if (is_full && !conn->was_full)
        SAW(sockets_full);
    conn->was_full |= is_full;
    return is_full;
}

static void let_pages_go(void *ctx, uint64_t arg)
{
    struct conn *conn = ctx;
    struct packet *packet;
    (void)arg;
    while ((packet = conn->held)) {
        conn->held = packet->next;
        packet->next = NULL;
        lane_put(conn, &conn->to_client, packet, to_client);
    }
    conn->held_tail = &conn->held;
}

/* Pages may be made early and come late (PROTOCOL.md: ops overtake them), but each after the one before. */
static bool hold_page(struct conn *conn, struct packet *packet)
{
    if (!memmem(packet->frame->data, packet->frame->len < 80 ? packet->frame->len : 80, "{\"as_of\":", 9))
        return false;
    if (!conn->held && !fault_hits(FAULT_late_page, 300))
        return false;
    if (!conn->held)
        world_at(1 + draw(DICE_NET, 60), let_pages_go, conn, 0);
    *conn->held_tail = packet;
    conn->held_tail = &packet->next;
    return true;
}

static void link_write(void *ctx, struct frame *frame)
{
    struct conn *conn = ctx;
    struct packet *packet = mem_alloc(sizeof *packet);
    check_written(conn, frame);
    packet->frame = frame_ref(frame);
    packet->len = frame->len;
    conn->unread += frame->len;
    if (!hold_page(conn, packet))
        lane_put(conn, &conn->to_client, packet, to_client);
}

static void link_close(void *ctx, unsigned code, const char *reason)
{
    struct conn *conn = ctx;
    (void)reason;
    conn->close_code = code;
    conn->is_closing = true;
    SAW(closed_by_server);
    lane_put(conn, &conn->to_client, mem_alloc(sizeof(struct packet)), to_client);
    world_at(1, worker_notices, conn, conn->life);
}

static void say_hello(struct conn *conn, const struct gl_request_id *id)
{
    static const char *const names[PEOPLE_MAX] = {"ana", "ben", "cem", "dia", "eva", "fay"};
    struct gl_buf buf;
    struct gl_hello_result hello = {
        .account = {.account = database.accounts[conn->person], .name = gl_slice_str(names[conn->person])},
        .server = GL_SLICE("glossd sim"),
        .protocol = GL_SLICE("gloss.v1"),
        .time = 1700000000000 + (int64_t)world.now_ms,
        .limits = {.frame_bytes = FRAME_BYTES, .ops_in_flight = 64, .pages_in_flight = 2}};
    gl_buf_init(&buf, 4096);
    gl_result_begin(&buf, id);
    gl_hello_result_write(&buf, &hello);
    gl_envelope_end(&buf);
    struct frame *frame = frame_from(gl_buf_peek(&buf));
    peer_sign_in(conn->peer, &hello.account.account, hello.account.name, false, NULL);
    link_write(conn, frame);
    frame_unref(&frame);
    gl_buf_fini(&buf);
}

/* Signing in belongs to other tests: the wire does it. And it looks what is joined and left. */
static bool is_hello(struct conn *conn, const struct packet *packet)
{
    json_t *root = NULL;
    struct gl_err err = {0};
    struct gl_envelope envelope;
    if (memmem(packet->text, packet->len, "\"session.submit\"", 16) || memmem(packet->text, packet->len, "\"session.page\"", 14))
        return false;
    if (gl_json_load(gl_slice_of(packet->text, packet->len), &root, &err) != GL_OK ||
        gl_envelope_read(root, &envelope, &err) != GL_OK)
        abort(); /* libgloss wrote it */
    bool is_hello = gl_slice_is(envelope.name, "hello");
    if (is_hello)
        say_hello(conn, &envelope.id);
    else
        note_join(conn, &envelope);
    json_decref(root);
    return is_hello;
}

static void to_worker(void *ctx, uint64_t arg)
{
    struct conn *conn = ctx;
    struct packet *packet;
    if (worker_is_frozen(conn->worker) && conn->peer) {
        world_at(conn->worker->frozen_until_ms - world.now_ms, to_worker, conn, arg);
        return;
    }
    while ((packet = lane_take(&conn->to_worker))) {
        if (!conn->peer || conn->is_closing || is_cut(&conn->to_worker, packet))
            SAW(frames_lost);
        else if (!is_hello(conn, packet))
            peer_receive(conn->peer, gl_slice_of(packet->text, packet->len));
        watch_came(conn->worker, NULL, "asked");
        packet_free(packet);
    }
}

/* ---- a connection's life */

static struct conn *conn_new(struct worker *worker, size_t person)
{
    struct conn *conn = mem_alloc(sizeof *conn);
    struct peer_link link = {conn, link_is_full, link_write, link_close, conn->address};
    snprintf(conn->address, sizeof conn->address, "person %zu", person);
    conn->worker = worker;
    conn->life = worker->life;
    conn->person = person;
    conn->held_tail = &conn->held;
    conn->to_worker.last = &conn->to_worker.first;
    conn->to_client.last = &conn->to_client.first;
    conn->window = fault_hits(FAULT_full, 250) ? 1 + draw(DICE_NET, 3000) : 1 << 20;
    conn->next = conns;
    conns = conn;
    conn->peer = peer_new(worker->core, &link);
    SAW(connections);
    return conn;
}

static void connected(void *ctx, uint64_t dial)
{
    struct conn *conn = ctx;
    struct lg_transport_event event = {.type = LG_UP};
    if (!conn->is_client_gone && conn->transport && conn->transport->dial == dial)
        push(conn->transport, &event, NULL);
}

static struct worker *draw_worker(void)
{
    struct worker *worker = &workers[draw(DICE_NET, worker_count)];
    return worker->core && !worker->is_draining ? worker : NULL;
}

struct refusal {
    struct lg_transport *transport;
    size_t person;
    uint64_t dial;
};

void lg_transport_connect(struct lg_transport *t, int timeout_ms)
{
    struct worker *worker = draw_worker();
    (void)timeout_ms;
    lg_transport_close(t);
    t->dial++;
    t->heard_ms = world.now_ms;
    if (!worker) {
        SAW(connections_refused);
        push_down(t, LG_REFUSED, 0);
        return;
    }
    t->conn = conn_new(worker, t->person);
    t->conn->transport = t;
    t->conn->dial = t->dial;
    world_at(1 + draw(DICE_NET, 5), connected, t->conn, t->dial);
}

struct conn *wire_dial(struct worker *worker, size_t person, wire_fn fn, void *ctx)
{
    struct conn *conn = conn_new(worker, person);
    struct gl_slice name = GL_SLICE("by hand");
    conn->fn = fn;
    conn->fn_ctx = ctx;
    peer_sign_in(conn->peer, &database.accounts[person], name, false, NULL);
    return conn;
}

static void send_text(struct conn *conn, char *text, size_t len)
{
    struct packet *packet = mem_alloc(sizeof *packet);
    packet->text = text;
    packet->len = len;
    lane_put(conn, &conn->to_worker, packet, to_worker);
}

void wire_send(struct conn *conn, json_t *message)
{
    char *text = json_dumps(message, JSON_COMPACT);
    send_text(conn, text, strlen(text));
    json_decref(message);
}

void wire_hang_up(struct conn *conn)
{
    if (conn->is_client_gone)
        return;
    client_gone(conn);
    world_at(1 + draw(DICE_NET, 5), worker_notices, conn, conn->life);
}

static void client_notices(void *ctx, uint64_t arg)
{
    (void)arg;
    tell_client_down(ctx, LG_LOST);
}

static uint64_t until_noticed(void)
{
    return draw(DICE_FAULT, 4) == 0 ? 500 + draw(DICE_FAULT, 6000) : draw(DICE_FAULT, 20);
}

void wire_cut(struct conn *conn)
{
    uint64_t at = world.now_ms + draw(DICE_FAULT, 4);
    trace("the connection of person %zu with worker %zu is cut", conn->person, conn->worker->index);
    conn->to_client.cut_at_ms = conn->to_worker.cut_at_ms = at;
    world_at(until_noticed() + 4, worker_notices, conn, conn->life);
    world_at(until_noticed() + 4, client_notices, conn, 0);
}

void wire_stall(struct conn *conn)
{
    struct lane *lane = draw(DICE_FAULT, 2) ? &conn->to_client : &conn->to_worker;
    lane->stalled_until_ms = world.now_ms + draw(DICE_FAULT, 3000);
    trace("the connection of person %zu with worker %zu stalls", conn->person, conn->worker->index);
}

struct conn *wire_draw(void)
{
    size_t count = 0;
    struct conn *it;
    for (it = conns; it; it = it->next)
        count += it->peer && !it->is_client_gone;
    if (count == 0)
        return NULL;
    count = draw(DICE_FAULT, count);
    for (it = conns; it; it = it->next)
        if (it->peer && !it->is_client_gone && count-- == 0)
            return it;
    return NULL;
}

bool wire_had_peer(const struct worker *worker, size_t person, uint64_t since_ms)
{
    for (const struct conn *conn = conns; conn; conn = conn->next)
        if (conn->worker == worker && conn->person == person && (conn->peer || conn->peer_gone_ms >= since_ms))
            return true;
    return false;
}

void wire_worker_gone(struct worker *worker)
{
    for (struct conn *conn = conns; conn; conn = conn->next) {
        if (conn->worker != worker || !conn->peer)
            continue;
        conn->to_client.cut_at_ms = world.now_ms + draw(DICE_FAULT, 4);
        worker_end_gone(conn);
        world_at(4 + draw(DICE_FAULT, 10), client_notices, conn, 0);
    }
}

void wire_heal(void)
{
    for (struct conn *conn = conns; conn; conn = conn->next)
        conn->to_client.stalled_until_ms = conn->to_worker.stalled_until_ms = 0;
}

void wire_begin(void)
{
    conns = NULL;
}

void wire_end(void)
{
    struct packet *packet;
    while (conns) {
        struct conn *conn = conns;
        conns = conn->next;
        tell_client_down(conn, LG_LOST);
        while ((packet = conn->to_client.first)) {
            conn->to_client.first = packet->next;
            packet_free(packet);
        }
        while ((packet = conn->held)) {
            conn->held = packet->next;
            packet_free(packet);
        }
        while ((packet = conn->to_worker.first)) {
            conn->to_worker.first = packet->next;
            packet_free(packet);
        }
        mem_free(&conn);
    }
}

/* ---- transport.h, the rest */

enum gl_code lg_transport_new(const char *url, const char *ca_file, struct lg_transport **transport, struct gl_err *err)
{
    (void)ca_file;
    (void)err;
    struct lg_transport *t = mem_alloc(sizeof *t);
    t->person = (size_t)atoi(url);
    t->last = &t->first;
    *transport = t;
    return GL_OK;
}

static void forget_events(struct lg_transport *t)
{
    while (t->first) {
        struct incoming *it = t->first;
        t->first = it->next;
        if (it->frame)
            frame_unref(&it->frame);
        mem_free(&it);
    }
    t->last = &t->first;
}

void lg_transport_close(struct lg_transport *t)
{
    if (t->conn)
        wire_hang_up(t->conn);
    t->conn = NULL;
    forget_events(t);
}

void lg_transport_goodbye(struct lg_transport *t)
{
    lg_transport_close(t);
}

void lg_transport_free(struct lg_transport **transport)
{
    if (!*transport)
        return;
    lg_transport_close(*transport);
    if ((*transport)->lent)
        frame_unref(&(*transport)->lent);
    mem_free(transport);
}

int lg_transport_fd(const struct lg_transport *t)
{
    (void)t;
    return -1;
}
int lg_transport_timeout(struct lg_transport *t)
{
    return t->first ? 0 : -1;
}
void lg_transport_run(struct lg_transport *t)
{
    (void)t;
}

bool lg_transport_next(struct lg_transport *t, struct lg_transport_event *event)
{
    struct incoming *it = t->first;
    if (t->lent)
        frame_unref(&t->lent);
    if (!it)
        return false;
    *event = it->event;
    t->lent = it->frame;
    t->first = it->next;
    if (!t->first)
        t->last = &t->first;
    mem_free(&it);
    return true;
}

enum gl_code lg_transport_send(struct lg_transport *t, struct gl_slice message)
{
    if (t->conn)
        send_text(t->conn, mem_copy(message.data, message.len), message.len);
    return GL_OK;
}

static void pong(void *ctx, uint64_t dial)
{
    struct conn *conn = ctx;
    if (conn->transport && conn->transport->dial == dial && conn->peer && !conn->to_client.cut_at_ms)
        conn->transport->heard_ms = world.now_ms;
}

void lg_transport_ping(struct lg_transport *t)
{
    if (t->conn)
        world_at(10, pong, t->conn, t->dial);
}

size_t lg_transport_waiting(const struct lg_transport *t)
{
    (void)t;
    return 0;
}
uint64_t lg_transport_heard_ms(const struct lg_transport *t)
{
    return t->heard_ms;
}
