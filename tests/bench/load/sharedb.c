/*
 * sharedb.c - ShareDB with the type json0: a session is a document, an object with a member for each annotation. As its own client does, one request is
 * under way and what waits is put together into the next.
 */
#include "tests/bench/load/peer.h"
#include "tests/bench/load/scan.h"

#define COLLECTION "s"

static void open_sharedb(struct client *client)
{
    client_set_state(client, CLIENT_SIGNING_IN);
    client_say(client, "{\"a\":\"hs\",\"id\":null,\"protocol\":1,\"protocolMinor\":2}");
}

static void subscribe(struct client *client)
{
    char id[GL_UUID_TEXT + 1];
    gl_uuid_format(&client->stream->id, id);
    client_set_state(client, CLIENT_JOINING);
    client_say(client, "{\"a\":\"s\",\"c\":\"" COLLECTION "\",\"d\":\"%s\"}", id);
}

static void take_snapshot(struct client *client, struct gl_slice message)
{
    struct gl_slice data = scan_member(message, "data");
    if (!scan_number(scan_member(data, "v"), &client->seq)) {
        peer_unreadable(client, message);
        return;
    }
    uint64_t records = peer_count_ops(data);
    if (records >= client->group->plan.records)
        peer_joined(client, records);
    else
        client_refused(client, GL_SLICE("too few"), 100);
}

/* {"a":"op","v":…,"op":[{"p":["id"],"oi":{…}},…]}; without op: the answer to one's own. */
static void take_op(struct client *client, struct gl_slice message)
{
    struct gl_slice components = scan_member(message, "op"), component, path;
    uint64_t version = 0;
    size_t at = 0, first = 0;
    if (!scan_number(scan_member(message, "v"), &version) || version < client->seq)
        return; /* what others did before one's own op comes with its answer, and by the subscription too */
    client->seq = version + 1;
    if (components.len == 0) {
        for (uint64_t number = client->first_unanswered, end = client->next_op; client->sent && number < end; number++)
            writer_answered(client, number, number + 1);
        return;
    }
    client->group->load->now_us = load_now_us();
    while ((component = scan_item(components, &at)).len > 0) {
        path = scan_member(component, "p");
        first = 0;
        peer_took_op(client, scan_text(scan_item(path, &first)));
    }
}

static void message_sharedb(struct client *client, struct gl_slice message)
{
    struct gl_slice action = scan_text(scan_member(message, "a"));
    if (scan_member(message, "error").len > 0)
        peer_unreadable(client, message);
    else if (gl_slice_is(action, "hs") && client->state == CLIENT_SIGNING_IN)
        subscribe(client);
    else if (gl_slice_is(action, "s") && client->state == CLIENT_JOINING)
        take_snapshot(client, message);
    else if (gl_slice_is(action, "op") && client->state == CLIENT_LIVE)
        take_op(client, message);
}

static void submit_sharedb(struct client *client, uint64_t first, uint64_t count)
{
    struct gl_buf buf;
    gl_buf_init(&buf, 256 * 1024);
    gl_buf_str(&buf, "{\"a\":\"op\",\"c\":\"" COLLECTION "\",\"d\":\"");
    gl_buf_uuid(&buf, &client->stream->id);
    gl_buf_printf(&buf, "\",\"v\":%llu,\"seq\":%llu,\"x\":{},\"op\":[", (unsigned long long)client->seq,
                  (unsigned long long)first + 1);
    for (uint64_t i = 0; i < count; i++) {
        const gl_uuid id = writer_id(client, first + i);
        gl_buf_str(&buf, i > 0 ? ",{\"p\":[\"" : "{\"p\":[\"");
        gl_buf_uuid(&buf, &id);
        gl_buf_str(&buf, "\"],\"oi\":");
        peer_put_op(&buf, client, first + i);
        gl_buf_byte(&buf, '}');
    }
    gl_buf_str(&buf, "]}");
    wire_send(&client->wire, gl_buf_peek(&buf));
    gl_buf_fini(&buf);
}

const struct dialect dialect_sharedb = {.name = "sharedb",
                                        .what = "ShareDB, json0",
                                        .path = "/",
                                        .is_composed = true,
                                        .open = open_sharedb,
                                        .message = message_sharedb,
                                        .submit = submit_sharedb};
