/* wire_transport.c - libgloss's end of a connection: clients/lib/transport.h, with the events that wait until the client looks. */
#include <stdlib.h>

#include "service/base/mem.h"
#include "tests/sim/wire_priv.h"

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

/* ---- what it hears */

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

void wire_tell_down(struct lg_transport *t, enum lg_reason reason, unsigned close_code)
{
    struct lg_transport_event event = {.type = LG_DOWN, .reason = reason, .close_code = close_code};
    gl_fail(&event.err, reason == LG_REFUSED ? GL_E_UNREACHABLE : GL_E_DISCONNECTED, "the simulator says so");
    push(t, &event, NULL);
}

void wire_transport_lose(struct lg_transport *t, const struct conn *conn)
{
    if (t->conn == conn)
        t->conn = NULL;
}

void wire_transport_hear(struct lg_transport *t, struct frame *frame)
{
    struct lg_transport_event event = {.type = LG_MESSAGE, .message = gl_slice_of(frame->data, frame->len)};
    push(t, &event, frame_ref(frame));
}

/* ---- transport.h */

static void connected(void *ctx, uint64_t dial)
{
    struct conn *conn = ctx;
    struct lg_transport_event event = {.type = LG_UP};
    if (!conn->is_client_gone && conn->transport && conn->transport->dial == dial)
        push(conn->transport, &event, NULL);
}

void lg_transport_connect(struct lg_transport *t, int timeout_ms)
{
    struct worker *worker = wire_draw_worker();
    (void)timeout_ms;
    lg_transport_close(t);
    t->dial++;
    t->heard_ms = world.now_ms;
    if (!worker) {
        SAW(connections_refused);
        wire_tell_down(t, LG_REFUSED, 0);
        return;
    }
    t->conn = wire_conn_new(worker, t->person);
    t->conn->transport = t;
    t->conn->dial = t->dial;
    world_at(1 + draw(DICE_NET, 5), connected, t->conn, t->dial);
}

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
        wire_send_text(t->conn, mem_copy(message.data, message.len), message.len);
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
