/* plain.c - a server that sends each text of a client to everybody at the same path, its author too: nginx-nchan, INSERT-then-relay, the bare echo. */
#include "tests/bench/load/peer.h"

static void open_plain(struct client *client)
{
    client_set_state(client, CLIENT_JOINING);
    client_is_live(client);
}

/* What is there already comes as one array, which may be empty. */
static void open_relay(struct client *client)
{
    client_set_state(client, CLIENT_JOINING);
}

static void message_plain(struct client *client, struct gl_slice message)
{
    if (client->state == CLIENT_JOINING)
        peer_joined(client, peer_count_ops(message));
    else
        peer_took_ops(client, message);
}

static void submit_plain(struct client *client, uint64_t first, uint64_t count)
{
    struct gl_buf buf;
    gl_buf_init(&buf, 256 * 1024);
    peer_put_ops(&buf, client, first, count);
    wire_send(&client->wire, gl_buf_peek(&buf));
    gl_buf_fini(&buf);
}

const struct dialect dialect_plain = {.name = "plain",
                                      .what = "each text goes to everybody at the same path",
                                      .path = "/ws/%s",
                                      .is_echoed = true,
                                      .is_answered_by_echo = true,
                                      .open = open_plain,
                                      .message = message_plain,
                                      .submit = submit_plain};
const struct dialect dialect_relay = {.name = "relay",
                                      .what = "the same, and what there is already comes first, as one array",
                                      .path = "/ws/%s",
                                      .is_echoed = true,
                                      .is_answered_by_echo = true,
                                      .open = open_relay,
                                      .message = message_plain,
                                      .submit = submit_plain};
