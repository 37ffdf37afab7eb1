/* client.c - one client: its connection, its state, and its coming back after a loss. What it says is the dialect's. */
#include <stdarg.h>
#include <stdio.h>

#include "tests/bench/load/dialect.h"

void client_say(struct client *client, const char *fmt, ...)
{
    char text[2048];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    wire_send(&client->wire, gl_slice_of(text, (size_t)len));
}

struct room *client_room(const struct client *client)
{
    const struct load *load = client->group->load;
    return &load->rooms[client->stream - load->streams];
}

/* ---- coming */

void client_set_state(struct client *client, enum client_state state)
{
    struct group *group = client->group;
    group->live += (size_t)(state == CLIENT_LIVE) - (size_t)(client->state == CLIENT_LIVE);
    group->arriving += (size_t)(state > CLIENT_AWAY && state < CLIENT_LIVE);
    group->arriving -= (size_t)(client->state > CLIENT_AWAY && client->state < CLIENT_LIVE);
    client->state = state;
    if (state == CLIENT_JOINING)
        client->joining_us = load_now_us();
}

void client_start(struct client *client)
{
    char session[GL_UUID_TEXT + 1];
    gl_uuid_format(&client->stream->id, session);
    const char *path = client->group->load->dialect->path, *place = strstr(path, "%s");
    snprintf(client->wire.path, sizeof client->wire.path, "%.*s%s", place ? (int)(place - path) : (int)strlen(path), path,
             place ? session : "");
    client->wire.door = client->group->plan.door;
    client->wire.rcvbuf = (int)client->group->plan.rcvbuf;
    client->wire.keeps_ticket = client->group->plan.tickets;
    client->wire.allowance = client->group->plan.read ? client->group->plan.read : UINT64_MAX;
    client->records = client->pages_asked = 0;
    gl_buf_clear(&client->half);
    if (wire_connect(&client->wire))
        client_set_state(client, CLIENT_ARRIVING);
}

/* From half as long as its group stays to half as long again, each another time. */
static uint64_t stay_us(const struct client *client)
{
    return client->group->plan.stay * (500 + (client->number * 7919ull + client->group->gone * 104729) % 1000);
}

void client_leave_in_time(struct client *client)
{
    struct group *group = client->group;
    if (client->state != CLIENT_LIVE || group->load->now_us < client->leaving_us || client->in_flight > 0)
        return;
    wire_drop(&client->wire);
    client_set_state(client, CLIENT_AWAY);
    client->has_joined = false;
    client->seq = 0;
    group->gone++;
}

void client_is_live(struct client *client)
{
    struct group *group = client->group;
    client_set_state(client, CLIENT_LIVE);
    hist_add(&group->joined, load_now_us() - client->joining_us);
    if (client->away_since_us)
        hist_add(&group->back, group->load->now_us - client->away_since_us);
    client->away_since_us = 0;
    client->leaving_us = load_now_us() + stay_us(client);
    if (client->sent)
        writer_resume(client);
}

void client_refused(struct client *client, struct gl_slice name, uint64_t wait_ms)
{
    refusals_count(&client->group->refusals, name.data, name.len);
    wire_drop(&client->wire); /* and from the beginning, when its turn comes */
    client_set_state(client, CLIENT_AWAY);
    client->not_before_us = client->group->load->now_us + 1000 * wait_ms;
}

/* ---- what the wire tells */

static void on_open(struct wire *wire)
{
    struct client *client = (struct client *)(void *)wire;
    client->group->load->dialect->open(client);
}

static void on_message(struct wire *wire, struct gl_slice message)
{
    struct client *client = (struct client *)(void *)wire;
    client->group->load->dialect->message(client, message);
}

static void on_closed(struct wire *wire, unsigned code)
{
    struct client *client = (struct client *)(void *)wire;
    struct group *group = client->group;
    char name[16];
    const bool was_in = client->state == CLIENT_LIVE || client->state == CLIENT_BEHIND;
    snprintf(name, sizeof name, "%u", code);
    refusals_count(&group->closes, name, strlen(name));
    client_set_state(client, CLIENT_AWAY);
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
