/* client.c - one client of Gloss: it signs in, joins, checks what it is sent, and goes on after a loss. */
#include <stdarg.h>
#include <stdio.h>

#include "service/base/mem.h"
#include "tests/bench/load/load.h"
#include "tests/bench/load/scan.h"

#define ID_HELLO 1
#define ID_JOIN  2

void client_say(struct client *client, const char *fmt, ...)
{
    char text[2048];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    wire_send(&client->wire, gl_slice_of(text, (size_t)len));
}

/* ---- coming */

static void set_state(struct client *client, enum client_state state)
{
    struct group *group = client->group;
    group->live += (size_t)(state == CLIENT_LIVE) - (size_t)(client->state == CLIENT_LIVE);
    group->arriving += (size_t)(state > CLIENT_AWAY && state < CLIENT_LIVE);
    group->arriving -= (size_t)(client->state > CLIENT_AWAY && client->state < CLIENT_LIVE);
    client->state = state;
}

void client_start(struct client *client)
{
    client->wire.rcvbuf = (int)client->group->plan.rcvbuf;
    client->wire.keeps_ticket = client->group->plan.tickets;
    client->wire.allowance = client->group->plan.read ? client->group->plan.read : UINT64_MAX;
    if (wire_connect(&client->wire))
        set_state(client, CLIENT_ARRIVING);
}

static void on_open(struct wire *wire)
{
    struct client *client = (struct client *)(void *)wire;
    struct load *load = client->group->load;
    set_state(client, CLIENT_SIGNING_IN);
    client_say(client, "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"hello\",\"params\":{\"token\":\"%s\",\"client\":\"load\"}}",
               ID_HELLO, load->tokens[client->number % load->token_count]);
}

static void join(struct client *client)
{
    char session[GL_UUID_TEXT + 1], since[CHAIN_TEXT + 64] = "";
    gl_uuid_format(&client->stream->id, session);
    if (client->has_joined)
        snprintf(since, sizeof since, client->seq > 0 ? ",\"since\":%llu,\"chain\":\"%.*s\"" : ",\"since\":%llu",
                 (unsigned long long)client->seq, CHAIN_TEXT, client->chain);
    set_state(client, CLIENT_JOINING);
    client_say(client, "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"session.join\",\"params\":{\"session\":\"%s\"%s}}", ID_JOIN,
               session, since);
}

static void look_whether_live(struct client *client)
{
    if (client->state != CLIENT_BEHIND || client->seq < client->wanted_seq)
        return;
    set_state(client, CLIENT_LIVE);
    if (client->away_since_us)
        hist_add(&client->group->back, client->group->load->now_us - client->away_since_us);
    client->away_since_us = 0;
    if (client->sent)
        writer_resume(client);
}

static void take_join(struct client *client, struct gl_slice result)
{
    struct gl_slice chain = scan_text(scan_member(result, "chain"));
    if (!scan_number(scan_member(result, "seq"), &client->wanted_seq) || chain.len != CHAIN_TEXT) {
        faults_note(&client->group->load->faults, &client->group->load->faults.unreadable, "an answer to session.join: %.120s",
                    result.data);
        return;
    }
    if (!client->has_joined) {
        client->seq = client->wanted_seq;
        memcpy(client->chain, chain.data, CHAIN_TEXT);
    }
    client->has_joined = true;
    set_state(client, CLIENT_BEHIND);
    look_whether_live(client);
}

/* ---- what it is sent */

static void take_ops(struct client *client, struct gl_slice message)
{
    struct group *group = client->group;
    struct faults *faults = &group->load->faults;
    const struct stream_frame *frame = stream_take(client->stream, message);
    uint64_t now_us = load_now_us();
    if (!frame)
        return;
    if (frame->first <= client->seq)
        faults_note(faults, &faults->twice, "client %u had op %llu and was sent %llu", client->number,
                    (unsigned long long)client->seq, (unsigned long long)frame->first);
    else if (frame->first > client->seq + 1)
        faults_note(faults, &faults->lost, "client %u had op %llu and was sent %llu", client->number,
                    (unsigned long long)client->seq, (unsigned long long)frame->first);
    for (uint64_t seq = frame->first; seq <= frame->last; seq++) {
        uint64_t due_us = client->state == CLIENT_LIVE ? stream_due(client->stream, seq) : 0;
        if (due_us)
            hist_add(&group->delivery, now_us - due_us);
    }
    group->deliveries += frame->last - frame->first + 1;
    client->seq = frame->last;
    memcpy(client->chain, frame->chain, CHAIN_TEXT);
    look_whether_live(client);
}

static void take_refusal(struct client *client, uint64_t id, struct gl_slice error)
{
    struct gl_slice name = scan_text(scan_member(scan_member(error, "data"), "name"));
    uint64_t wait_ms = 100;
    refusals_count(&client->group->refusals, name.data, name.len);
    if (id != ID_HELLO && id != ID_JOIN)
        return;
    if (gl_slice_is(name, "resync"))
        client->has_joined = false;
    scan_number(scan_member(scan_member(error, "data"), "retry_after_ms"), &wait_ms);
    wire_drop(&client->wire); /* and from the beginning, when its turn comes */
    set_state(client, CLIENT_AWAY);
    client->not_before_us = client->group->load->now_us + 1000 * wait_ms;
}

static void on_message(struct wire *wire, struct gl_slice message)
{
    struct client *client = (struct client *)(void *)wire;
    uint64_t id = 0;
    if (stream_is_ops(message)) {
        take_ops(client, message);
        return;
    }
    if (scan_member(message, "method").len > 0) {
        client->group->notices += gl_slice_is(scan_text(scan_member(scan_member(message, "params"), "what")), "resynchronise");
        return;
    }
    scan_number(scan_member(message, "id"), &id);
    if (id > ID_JOIN && client->sent && writer_take_answer(client, id, message))
        return;
    if (scan_member(message, "error").len > 0)
        take_refusal(client, id, scan_member(message, "error"));
    else if (id == ID_HELLO)
        join(client);
    else if (id == ID_JOIN)
        take_join(client, scan_member(message, "result"));
}

static void on_closed(struct wire *wire, unsigned code)
{
    struct client *client = (struct client *)(void *)wire;
    struct group *group = client->group;
    char name[16];
    const bool was_in = client->state == CLIENT_LIVE || client->state == CLIENT_BEHIND;
    snprintf(name, sizeof name, "%u", code);
    refusals_count(&group->closes, name, strlen(name));
    set_state(client, CLIENT_AWAY);
    if (client->stopped_us)
        report_said("closed", "\"group\":\"%s\",\"code\":%u,\"after_ms\":%.1f", group->plan.name, code,
                    (double)(load_now_us() - client->stopped_us) / 1000);
    client->stopped_us = 0;
    if (!was_in)
        client->not_before_us = group->load->now_us + 20000; /* not in a circle */
    if (client->away_since_us)
        return;
    client->away_since_us = group->load->now_us;
    group->lost_connections++;
    if (group->lost_now++ == 0)
        group->begun_us = group->load->now_us;
    group->is_told_live = false;
}

void client_stop_reading(struct client *client)
{
    if (client->state == CLIENT_AWAY)
        return;
    client->stopped_us = load_now_us();
    wire_stop_reading(&client->wire, true);
}

const struct wire_events client_events = {on_open, on_message, on_closed};
