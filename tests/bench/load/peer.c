#include "tests/bench/load/peer.h"

#include "service/base/mem.h"
#include "tests/bench/load/scan.h"

void peer_put_op(struct gl_buf *buf, const struct client *client, uint64_t number)
{
    const gl_uuid id = writer_id(client, number);
    const uint64_t start = writer_start_cp(client, number);
    gl_buf_str(buf, PEER_OP_BEGINS);
    gl_buf_uuid(buf, &id);
    gl_buf_printf(buf, "\",\"target\":{\"type\":\"spans\",\"spans\":[{\"start\":%llu,\"end\":%llu}]},\"note\":\"n ",
                  (unsigned long long)start, (unsigned long long)(start + SPAN_CP));
    writer_put_note(buf, client, number);
    gl_buf_str(buf, "\"}");
}

void peer_put_ops(struct gl_buf *buf, const struct client *client, uint64_t first, uint64_t count)
{
    if (count > 1)
        gl_buf_byte(buf, '[');
    for (uint64_t i = 0; i < count; i++) {
        if (i > 0)
            gl_buf_byte(buf, ',');
        peer_put_op(buf, client, first + i);
    }
    if (count > 1)
        gl_buf_byte(buf, ']');
}

void peer_unreadable(struct client *client, struct gl_slice message)
{
    struct faults *faults = &client->group->load->faults;
    faults_note(faults, &faults->unreadable, "%s said: %.*s", client->group->load->dialect->name,
                message.len < 160 ? (int)message.len : 160, message.data);
}

/* ---- who was sent what */

static uint64_t *seen_of(struct client *client)
{
    if (!client->seen)
        client->seen = mem_array(client_room(client)->count, sizeof *client->seen);
    return client->seen;
}

/* That a client is sent its own op is its answer where a server has no other. */
static void take_own(struct client *client, uint64_t number)
{
    if (client->group->load->dialect->is_answered_by_echo)
        writer_answered(client, number, number + 1);
}

static void take_new(struct client *client, struct client *writer, uint64_t number)
{
    const struct sent *sent = writer_sent(writer, number);
    if (sent && client->state == CLIENT_LIVE)
        hist_add(&client->group->delivery, client->group->load->now_us - sent->due_us);
    client->group->deliveries++;
    if (client == writer)
        take_own(client, number);
}

void peer_took_op(struct client *client, struct gl_slice text)
{
    struct load *load = client->group->load;
    struct faults *faults = &load->faults;
    gl_uuid id;
    uint64_t number;
    struct client *writer = gl_uuid_parse(text, &id) ? writer_of(load, &id, &number) : NULL;
    if (!writer || writer->stream != client->stream || number >= writer->next_op)
        return; /* of an earlier run */
    uint64_t *next = &seen_of(client)[writer->rank];
    if (number < *next) {
        faults_note(faults, &faults->twice, "client %u had op %llu of %u and was sent %llu", client->number,
                    (unsigned long long)*next - 1, writer->number, (unsigned long long)number);
        return;
    }
    if (number > *next && client->state == CLIENT_LIVE)
        faults_note(faults, &faults->lost, "client %u lacked op %llu of %u and was sent %llu", client->number,
                    (unsigned long long)*next, writer->number, (unsigned long long)number);
    *next = number + 1;
    take_new(client, writer, number);
}

void peer_took_ops(struct client *client, struct gl_slice text)
{
    const size_t begins = sizeof PEER_OP_BEGINS - 1;
    struct gl_slice item;
    size_t at = 0;
    client->group->load->now_us = load_now_us();
    if (text.len > begins + GL_UUID_TEXT && memcmp(text.data, PEER_OP_BEGINS, begins) == 0) {
        peer_took_op(client, gl_slice_of(text.data + begins, GL_UUID_TEXT));
        return;
    }
    while ((item = scan_item(text, &at)).len > begins + GL_UUID_TEXT && memcmp(item.data, PEER_OP_BEGINS, begins) == 0)
        peer_took_op(client, gl_slice_of(item.data + begins, GL_UUID_TEXT));
    if (at == 0 || at + 1 < text.len)
        peer_unreadable(client, text);
}

uint64_t peer_count_ops(struct gl_slice text)
{
    const char *at = text.data, *end = text.data + text.len;
    uint64_t count = 0;
    while ((at = memmem(at, (size_t)(end - at), PEER_OP_BEGINS, sizeof PEER_OP_BEGINS - 1))) {
        at += sizeof PEER_OP_BEGINS - 1;
        count++;
    }
    return count;
}

/* What came with the join were annotations, not ops. */
static void has_all(struct client *client)
{
    const struct room *room = client_room(client);
    for (size_t i = 0; i < room->count; i++)
        seen_of(client)[i] = room->writers[i]->next_op;
}

void peer_joined(struct client *client, uint64_t records)
{
    if (client->state >= CLIENT_LIVE)
        return;
    if (client->records == 0 && records > 0)
        hist_add(&client->group->first_page, load_now_us() - client->joining_us);
    client->records += records;
    if (client->records < client->group->plan.records)
        return;
    if (client->group->plan.records > 0)
        has_all(client);
    client_is_live(client);
}

bool peer_is_behind(const struct client *client)
{
    const struct room *room = client_room(client);
    for (size_t i = 0; i < room->count; i++) {
        const struct client *writer = room->writers[i];
        const bool is_sent = writer != client || client->group->load->dialect->is_echoed;
        if (is_sent && (client->seen ? client->seen[i] : 0) < writer->next_op)
            return true;
    }
    return false;
}
