/*
 * yjs.c - Hocuspocus: Yjs documents by y-protocols, version 1 of the update format. A session is a document with one map, in which each annotation
 * has a key of its own; so an update is an item without neighbours, and can be made and read without Yjs.
 */
#include <stdio.h>

#include "tests/bench/load/peer.h"

enum { SAYS_SYNC = 0, SAYS_AWARENESS = 1, SAYS_AUTH = 2, SAYS_SYNC_REPLY = 4, SAYS_STATUS = 8 };
enum { SYNC_STEP1 = 0, SYNC_STEP2 = 1, SYNC_UPDATE = 2 };
#define MAP            "annotations"
#define CONTENT_ANY    8
#define CONTENT_GC     0
#define CONTENT_SKIP   10
#define HAS_PARENT_SUB 0x20
#define HAS_RIGHT      0x40
#define HAS_LEFT       0x80
#define ANY_TEXT       119
#define UPDATE_MAX     (256u * 1024)

struct cursor { /* reads; behind the end it gives zeroes and is not well */
    const unsigned char *at, *end;
    bool is_well;
};

static uint64_t read_number(struct cursor *cursor)
{
    uint64_t value = 0;
    for (unsigned shift = 0; cursor->at < cursor->end && shift < 63; shift += 7) {
        unsigned char byte = *cursor->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
    cursor->is_well = false;
    return 0;
}

static struct gl_slice read_bytes(struct cursor *cursor)
{
    uint64_t len = read_number(cursor);
    if (!cursor->is_well || len > (uint64_t)(cursor->end - cursor->at)) {
        cursor->is_well = false;
        return (struct gl_slice){0};
    }
    cursor->at += len;
    return gl_slice_of(cursor->at - len, (size_t)len);
}

static void put_number(struct gl_buf *buf, uint64_t value)
{
    for (; value > 0x7f; value >>= 7)
        gl_buf_byte(buf, (char)(0x80 | (value & 0x7f)));
    gl_buf_byte(buf, (char)value);
}

static void put_bytes(struct gl_buf *buf, struct gl_slice bytes)
{
    put_number(buf, bytes.len);
    gl_buf_slice(buf, bytes);
}

/* Every message begins with the document's name and what it is. */
static void begin(struct gl_buf *buf, const struct client *client, unsigned says)
{
    char name[GL_UUID_TEXT + 1];
    gl_uuid_format(&client->stream->id, name);
    gl_buf_init(buf, 2 * UPDATE_MAX);
    put_bytes(buf, gl_slice_str(name));
    put_number(buf, says);
}

static void say(struct client *client, struct gl_buf *buf)
{
    wire_send(&client->wire, gl_buf_peek(buf));
    gl_buf_fini(buf);
}

/* ---- coming */

static void open_yjs(struct client *client)
{
    struct gl_buf buf;
    begin(&buf, client, SAYS_AUTH);
    put_number(&buf, 0); /* a token */
    put_bytes(&buf, GL_SLICE("load"));
    put_bytes(&buf, GL_SLICE("4.7.0"));
    client_set_state(client, CLIENT_SIGNING_IN);
    say(client, &buf);
}

static void say_sync(struct client *client, unsigned step, struct gl_slice bytes)
{
    struct gl_buf buf;
    begin(&buf, client, SAYS_SYNC);
    put_number(&buf, step);
    put_bytes(&buf, bytes);
    say(client, &buf);
}

/* ---- what comes */

/* Items of one client. Those that we did not make are not looked for: every key of the map is an op of ours. */
static uint64_t take_items(struct client *client, struct cursor *cursor, uint64_t count)
{
    uint64_t taken = 0;
    for (uint64_t i = 0; cursor->is_well && i < count; i++) {
        unsigned info = cursor->at < cursor->end ? *cursor->at++ : 0xff;
        struct gl_slice key = {0};
        if ((info & 0x1f) == CONTENT_GC || (info & 0x1f) == CONTENT_SKIP) {
            read_number(cursor);
            continue;
        }
        for (unsigned bit = HAS_LEFT; bit >= HAS_RIGHT; bit >>= 1)
            if (info & bit) {
                read_number(cursor);
                read_number(cursor);
            }
        if (!(info & (HAS_LEFT | HAS_RIGHT))) {
            if (read_number(cursor) != 1)
                cursor->is_well = false;
            read_bytes(cursor); /* the map's name */
            if (info & HAS_PARENT_SUB)
                key = read_bytes(cursor);
        }
        if ((info & 0x1f) != CONTENT_ANY || read_number(cursor) != 1 || cursor->at == cursor->end || *cursor->at++ != ANY_TEXT)
            cursor->is_well = false;
        read_bytes(cursor);
        taken++;
        if (cursor->is_well && client->state == CLIENT_LIVE)
            peer_took_op(client, key);
    }
    return taken;
}

static uint64_t take_update(struct client *client, struct gl_slice update)
{
    struct cursor cursor = {(const unsigned char *)update.data, (const unsigned char *)update.data + update.len, true};
    uint64_t clients = read_number(&cursor), taken = 0;
    for (uint64_t i = 0; cursor.is_well && i < clients; i++) {
        uint64_t count = read_number(&cursor);
        read_number(&cursor); /* whose */
        read_number(&cursor); /* from which on */
        taken += take_items(client, &cursor, count);
    }
    if (!cursor.is_well)
        peer_unreadable(client, update);
    return taken;
}

static void take_sync(struct client *client, struct cursor *cursor)
{
    uint64_t step = read_number(cursor);
    struct gl_slice bytes = read_bytes(cursor);
    if (step == SYNC_STEP1) {
        say_sync(client, SYNC_STEP2, GL_SLICE("\0\0")); /* nothing that the server lacks */
        client->pages_asked++;                          /* and one status is the answer to that */
    } else if (step == SYNC_STEP2 && client->state == CLIENT_JOINING) {
        peer_joined(client, take_update(client, bytes));
    } else if (step == SYNC_UPDATE || step == SYNC_STEP2) {
        take_update(client, bytes);
    }
}

/* Each request has one answer, in their order; they do not say to what. */
static void take_status(struct client *client, uint64_t is_taken)
{
    if (client->pages_asked > 0) {
        client->pages_asked--;
        return;
    }
    uint64_t number = client->first_unanswered;
    for (uint64_t i = 0; client->sent && i < client->group->plan.batch; i++)
        writer_answered(client, number + i, is_taken ? number + i + 1 : 0);
}

static void message_yjs(struct client *client, struct gl_slice message)
{
    struct cursor cursor = {(const unsigned char *)message.data, (const unsigned char *)message.data + message.len, true};
    read_bytes(&cursor); /* the document */
    uint64_t says = read_number(&cursor);
    client->group->load->now_us = load_now_us();
    if (says == SAYS_AUTH && client->state == CLIENT_SIGNING_IN) {
        client_set_state(client, CLIENT_JOINING);
        say_sync(client, SYNC_STEP1, GL_SLICE("\0")); /* of an empty document */
    } else if (says == SAYS_SYNC || says == SAYS_SYNC_REPLY) {
        take_sync(client, &cursor);
    } else if (says == SAYS_STATUS) {
        take_status(client, read_number(&cursor));
    } else if (says != SAYS_AWARENESS) {
        peer_unreadable(client, message);
    }
    if (!cursor.is_well)
        peer_unreadable(client, message);
}

/* ---- ops */

static void put_item(struct gl_buf *buf, const struct client *client, uint64_t number)
{
    struct gl_buf op;
    const gl_uuid id = writer_id(client, number);
    char key[GL_UUID_TEXT + 1];
    gl_buf_init(&op, UPDATE_MAX);
    peer_put_op(&op, client, number);
    gl_uuid_format(&id, key);
    gl_buf_byte(buf, CONTENT_ANY | HAS_PARENT_SUB);
    put_number(buf, 1); /* its parent has a name */
    put_bytes(buf, GL_SLICE(MAP));
    put_bytes(buf, gl_slice_str(key));
    put_number(buf, 1);
    gl_buf_byte(buf, ANY_TEXT);
    put_bytes(buf, gl_buf_peek(&op));
    gl_buf_fini(&op);
}

static void submit_yjs(struct client *client, uint64_t first, uint64_t count)
{
    struct gl_buf update;
    gl_buf_init(&update, UPDATE_MAX);
    put_number(&update, 1); /* client */
    put_number(&update, count);
    put_number(&update, (uint64_t)client->group->load->run << 16 | client->number);
    put_number(&update, first);
    for (uint64_t i = 0; i < count; i++)
        put_item(&update, client, first + i);
    put_number(&update, 0); /* nothing deleted */
    say_sync(client, SYNC_UPDATE, gl_buf_peek(&update));
    gl_buf_fini(&update);
}

const struct dialect dialect_yjs = {.name = "yjs",
                                    .what = "Hocuspocus: Yjs by y-protocols",
                                    .path = "/",
                                    .is_binary = true,
                                    .is_echoed = true,
                                    .open = open_yjs,
                                    .message = message_yjs,
                                    .submit = submit_yjs};
