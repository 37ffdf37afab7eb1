/*
 * mqtt.c - MQTT 3.1.1 over WebSockets, quality of service 1: every message is acknowledged, the broker's and ours.
 * A session is a topic. With `retained` each op has a topic of its own below it, where it stays: that is how an MQTT client finds a state.
 */
#include <stdio.h>

#include "tests/bench/load/peer.h"

#define CONNECT    0x10
#define CONNACK    0x20
#define PUBLISH    0x30
#define PUBACK     0x40
#define SUBSCRIBE  0x82
#define SUBACK     0x90
#define QOS1       0x02
#define RETAIN     0x01
#define PACKET_IDS 65535u
#define TOPIC_MAX  128

static void put_u16(struct gl_buf *buf, size_t value)
{
    gl_buf_byte(buf, (char)(value >> 8));
    gl_buf_byte(buf, (char)value);
}

static void put_text(struct gl_buf *buf, const char *text)
{
    put_u16(buf, strlen(text));
    gl_buf_str(buf, text);
}

static void put_packet(struct gl_buf *out, unsigned type, struct gl_slice rest)
{
    size_t left = rest.len;
    gl_buf_byte(out, (char)type);
    do {
        gl_buf_byte(out, (char)((left & 0x7f) | (left > 0x7f ? 0x80 : 0)));
        left >>= 7;
    } while (left > 0);
    gl_buf_slice(out, rest);
}

static void say(struct client *client, unsigned type, const struct gl_buf *rest)
{
    struct gl_buf out;
    gl_buf_init(&out, rest->len + 8);
    put_packet(&out, type, gl_buf_peek(rest));
    wire_send(&client->wire, gl_buf_peek(&out));
    gl_buf_fini(&out);
}

static void topic_of(const struct client *client, const char *behind, char topic[TOPIC_MAX])
{
    char session[GL_UUID_TEXT + 1];
    gl_uuid_format(&client->stream->id, session);
    snprintf(topic, TOPIC_MAX, "s/%s%s", session, behind);
}

/* ---- coming */

static void open_mqtt(struct client *client)
{
    char name[64];
    struct gl_buf rest;
    snprintf(name, sizeof name, "load-%08x-%u", client->group->load->run, client->number);
    gl_buf_init(&rest, 256);
    put_text(&rest, "MQTT");
    gl_buf_byte(&rest, 4);    /* 3.1.1 */
    gl_buf_byte(&rest, 0x02); /* a clean session */
    put_u16(&rest, 0);        /* no keep-alive */
    put_text(&rest, name);
    say(client, CONNECT, &rest);
    gl_buf_fini(&rest);
    client_set_state(client, CLIENT_SIGNING_IN);
}

static void subscribe(struct client *client)
{
    char topic[TOPIC_MAX];
    struct gl_buf rest;
    topic_of(client, client->group->plan.records || client->group->plan.retained ? "/#" : "", topic);
    gl_buf_init(&rest, 256);
    put_u16(&rest, 1);
    put_text(&rest, topic);
    gl_buf_byte(&rest, 1); /* at least once */
    client_set_state(client, CLIENT_JOINING);
    say(client, SUBSCRIBE, &rest);
    gl_buf_fini(&rest);
}

/* ---- what comes */

static void take_publish(struct client *client, struct gl_slice rest)
{
    const unsigned char *bytes = (const unsigned char *)rest.data;
    size_t topic = rest.len >= 2 ? (size_t)bytes[0] << 8 | bytes[1] : 0, head = topic + 4;
    if (rest.len < head) {
        peer_unreadable(client, rest);
        return;
    }
    struct gl_buf id;
    gl_buf_init(&id, 2);
    gl_buf_put(&id, bytes + topic + 2, 2);
    say(client, PUBACK, &id);
    gl_buf_fini(&id);
    struct gl_slice payload = gl_slice_of(rest.data + head, rest.len - head);
    if (client->state == CLIENT_LIVE)
        peer_took_ops(client, payload);
    else
        peer_joined(client, peer_count_ops(payload));
}

/* A packet's id is the number of its first op, as far as it goes. */
static void take_puback(struct client *client, struct gl_slice rest)
{
    const unsigned char *bytes = (const unsigned char *)rest.data;
    if (rest.len < 2 || !client->sent)
        return;
    const uint64_t told = (uint64_t)bytes[0] << 8 | bytes[1], batch = client->group->plan.batch;
    for (uint64_t number = client->first_unanswered; number < client->next_op; number++)
        if (number % PACKET_IDS + 1 == told) {
            for (uint64_t i = 0; i < batch; i++)
                writer_answered(client, number + i, number + i + 1);
            return;
        }
}

static void take_packet(struct client *client, unsigned type, struct gl_slice rest)
{
    switch (type & 0xf0) {
    case CONNACK: subscribe(client); break;
    case SUBACK:
        if (client->group->plan.records == 0)
            peer_joined(client, 0);
        break;
    case PUBLISH: take_publish(client, rest); break;
    case PUBACK: take_puback(client, rest); break;
    default: peer_unreadable(client, rest); break;
    }
}

/* How many bytes the first packet has; 0: it is not all there. */
static size_t packet_len(struct gl_slice bytes, size_t *head)
{
    size_t len = 0;
    for (size_t i = 1; i < bytes.len && i < 5; i++) {
        unsigned char byte = (unsigned char)bytes.data[i];
        len |= (size_t)(byte & 0x7f) << (7 * (i - 1));
        if (byte & 0x80)
            continue;
        *head = i + 1;
        return *head + len <= bytes.len ? *head + len : 0;
    }
    return 0;
}

static size_t take_packets(struct client *client, struct gl_slice bytes)
{
    size_t at = 0, head, len;
    while (client->wire.state == WIRE_OPEN && (len = packet_len(gl_slice_of(bytes.data + at, bytes.len - at), &head)) > 0) {
        take_packet(client, (unsigned char)bytes.data[at], gl_slice_of(bytes.data + at + head, len - head));
        at += len;
    }
    return at;
}

/* Packets and messages of the WebSocket need not end together. */
static void message_mqtt(struct client *client, struct gl_slice message)
{
    struct gl_buf *half = &client->half;
    if (half->len == 0) {
        size_t used = take_packets(client, message);
        gl_buf_put(half, message.data + used, message.len - used);
        return;
    }
    gl_buf_slice(half, message);
    size_t used = take_packets(client, gl_buf_peek(half));
    memmove(half->data, half->data + used, half->len - used);
    half->len -= used;
}

static void submit_mqtt(struct client *client, uint64_t first, uint64_t count)
{
    char topic[TOPIC_MAX], behind[64] = "";
    const bool is_retained = client->group->plan.retained;
    struct gl_buf rest;
    gl_buf_init(&rest, 256 * 1024);
    if (is_retained)
        snprintf(behind, sizeof behind, "/%u-%llu", client->number, (unsigned long long)first);
    topic_of(client, behind, topic);
    put_text(&rest, topic);
    put_u16(&rest, first % PACKET_IDS + 1);
    peer_put_ops(&rest, client, first, count);
    say(client, PUBLISH | QOS1 | (is_retained ? RETAIN : 0), &rest);
    gl_buf_fini(&rest);
}

const struct dialect dialect_mqtt = {.name = "mqtt",
                                     .what = "MQTT 3.1.1 over WebSockets, quality of service 1",
                                     .subprotocol = "mqtt",
                                     .path = "/mqtt",
                                     .is_binary = true,
                                     .is_echoed = true,
                                     .open = open_mqtt,
                                     .message = message_mqtt,
                                     .submit = submit_mqtt};
