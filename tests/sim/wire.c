/* wire.c - see wire.h. Here: what is under way in each direction, the worker's end, and a connection's life. */
#define _GNU_SOURCE 1 /* memmem */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/gl_wire.h"
#include "service/base/mem.h"
#include "service/core/handler.h"
#include "tests/sim/watch.h"
#include "tests/sim/wire_priv.h"

#define FRAME_BYTES (256 * 1024)

static struct conn *conns;

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
    if (conn->transport)
        wire_transport_lose(conn->transport, conn);
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
        wire_tell_down(t, reason, conn->close_code);
    if (fn)
        fn(ctx, NULL);
}

/* That it is going: who asks by hand has his answer all the same. */
static bool is_about_the_worker(const json_t *message)
{
    const char *method = json_string_value(json_object_get(message, "method"));
    return method && strcmp(method, "server.notice") == 0;
}

static void client_hears(struct conn *conn, struct frame *frame)
{
    if (conn->transport) {
        wire_transport_hear(conn->transport, frame);
    } else if (conn->fn) {
        json_t *root = NULL;
        struct gl_err err = {0};
        if (gl_json_load(gl_slice_of(frame->data, frame->len), &root, &err) == GL_OK && !is_about_the_worker(root))
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
    wire_check(conn, frame);
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
        wire_note_join(conn, &envelope);
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

struct conn *wire_conn_new(struct worker *worker, size_t person)
{
    struct conn *conn = mem_alloc(sizeof *conn);
    struct peer_link link = {
        .ctx = conn, .is_full = link_is_full, .write = link_write, .close = link_close, .address = conn->address};
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

struct worker *wire_draw_worker(void)
{
    struct worker *worker = &workers[draw(DICE_NET, worker_count)];
    return worker->core && !worker->is_draining ? worker : NULL;
}

struct conn *wire_dial(struct worker *worker, size_t person, wire_fn fn, void *ctx)
{
    struct conn *conn = wire_conn_new(worker, person);
    struct gl_slice name = GL_SLICE("by hand");
    conn->fn = fn;
    conn->fn_ctx = ctx;
    peer_sign_in(conn->peer, &database.accounts[person], name, false, NULL);
    return conn;
}

void wire_send_text(struct conn *conn, char *text, size_t len)
{
    struct packet *packet = mem_alloc(sizeof *packet);
    packet->text = text;
    packet->len = len;
    lane_put(conn, &conn->to_worker, packet, to_worker);
}

void wire_send(struct conn *conn, json_t *message)
{
    char *text = json_dumps(message, JSON_COMPACT);
    wire_send_text(conn, text, strlen(text));
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

bool wire_is_cut(void)
{
    const struct conn *conn = conns;
    while (conn && (!conn->to_client.cut_at_ms || conn->is_client_gone))
        conn = conn->next;
    return conn;
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
