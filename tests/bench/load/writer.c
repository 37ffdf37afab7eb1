/* writer.c - the ops of one client: made from their numbers alone, so that each can be sent again as it was, until it has an answer. */
#include <stdio.h>

#include "service/base/mem.h"
#include "tests/bench/load/load.h"
#include "tests/bench/load/scan.h"

#define ID_STEP 128 /* a request's id is that of its first op times this, and how many there are; above those of hello and join */
#define NO_OP   0xffffffffffff0000u /* numbers of annotations, which no op has */
#define OP_MAX  512                 /* bytes of an op beside its note */
#define SPAN_CP 24

static gl_uuid id_of(const struct client *client, uint64_t number)
{
    gl_uuid id;
    uint32_t run = client->group->load->run;
    for (int i = 0; i < 4; i++) {
        id.bytes[i] = (uint8_t)(run >> (24 - 8 * i));
        id.bytes[4 + i] = (uint8_t)(client->number >> (24 - 8 * i));
    }
    for (int i = 0; i < 8; i++)
        id.bytes[8 + i] = (uint8_t)(number >> (56 - 8 * i));
    return id;
}

static struct client *client_of(struct load *load, const gl_uuid *id, uint64_t *number)
{
    uint32_t run = 0, client = 0;
    *number = 0;
    for (int i = 0; i < 4; i++) {
        run = run << 8 | id->bytes[i];
        client = client << 8 | id->bytes[4 + i];
    }
    for (int i = 8; i < 16; i++)
        *number = *number << 8 | id->bytes[i];
    return run == load->run && client < load->client_count ? load->clients[client] : NULL;
}

static struct sent *sent_at(struct client *client, uint64_t number)
{
    return &client->sent[number % SENT_KEPT];
}

/* An op is known to the stream the first time that anybody is sent it. */
uint64_t writer_due(void *ctx, const gl_uuid *op, uint64_t seq)
{
    struct load *load = ctx;
    uint64_t number;
    struct client *client = client_of(load, op, &number);
    if (!client || !client->sent || number >= client->next_op || client->next_op - number > SENT_KEPT)
        return 0;
    struct sent *sent = sent_at(client, number);
    if (sent->seen_seq && sent->seen_seq != seq)
        faults_note(&load->faults, &load->faults.twice, "an op came as %llu and as %llu", (unsigned long long)sent->seen_seq,
                    (unsigned long long)seq);
    if (sent->told_seq && sent->told_seq != seq)
        faults_note(&load->faults, &load->faults.disorder, "an op was answered with %llu and came as %llu",
                    (unsigned long long)sent->told_seq, (unsigned long long)seq);
    sent->seen_seq = seq;
    return sent->due_us;
}

/* ---- sending */

static void put_note(struct gl_buf *buf, uint64_t number, size_t bytes)
{
    static const char words[] = "heard twice, and measured once more at the corner by the harbour ";
    for (size_t i = 0; i < bytes; i++)
        gl_buf_byte(buf, words[(i + number) % (sizeof words - 1)]);
}

static void put_op(struct gl_buf *buf, const struct client *client, uint64_t number)
{
    const struct group_plan *plan = &client->group->plan;
    const gl_uuid op = id_of(client, number);
    const bool is_new = plan->kept == 0 || number < plan->kept;
    const gl_uuid annotation = id_of(client, NO_OP + (plan->kept ? number % plan->kept : 0));
    const uint64_t start = (number * 7919 + client->number * 104729) % (client->group->load->codepoints - SPAN_CP);
    gl_buf_str(buf, "{\"id\":\"");
    gl_buf_uuid(buf, &op);
    gl_buf_str(buf, is_new ? "\",\"change\":{\"kind\":\"annotation.create\""
                           : "\",\"base\":0,\"change\":{\"kind\":\"annotation.update\"");
    if (plan->kept) {
        gl_buf_str(buf, ",\"annotation\":\"");
        gl_buf_uuid(buf, &annotation);
        gl_buf_byte(buf, '"');
    }
    if (is_new)
        gl_buf_printf(buf, ",\"target\":{\"type\":\"spans\",\"spans\":[{\"start\":%llu,\"end\":%llu}]}",
                      (unsigned long long)start, (unsigned long long)(start + SPAN_CP));
    gl_buf_str(buf, ",\"note\":\"n ");
    put_note(buf, number, plan->note);
    gl_buf_str(buf, "\"}}");
}

static void send_ops(struct client *client, uint64_t first, uint64_t count)
{
    struct gl_buf buf;
    gl_buf_init(&buf, 256 + count * (OP_MAX + client->group->plan.note));
    gl_buf_printf(&buf, "{\"jsonrpc\":\"2.0\",\"id\":%llu,\"method\":\"session.submit\",\"params\":{\"session\":\"",
                  (unsigned long long)((first + 1) * ID_STEP + count));
    gl_buf_uuid(&buf, &client->stream->id);
    gl_buf_str(&buf, "\",\"ops\":[");
    for (uint64_t i = 0; i < count; i++) {
        if (i > 0)
            gl_buf_byte(&buf, ',');
        put_op(&buf, client, first + i);
    }
    gl_buf_str(&buf, "]}}");
    wire_send(&client->wire, gl_buf_peek(&buf));
    gl_buf_fini(&buf);
}

static bool may_send(const struct client *client, uint64_t now_us)
{
    const struct group_plan *plan = &client->group->plan;
    return client->state == CLIENT_LIVE && now_us >= client->not_before_us && !wire_is_full(&client->wire) &&
           (plan->in_flight == 0 || (client->in_flight + plan->batch <= plan->in_flight &&
                                     client->next_op - client->first_unanswered + plan->batch < SENT_KEPT));
}

static void send_new(struct client *client, uint64_t due_us)
{
    struct group *group = client->group;
    uint64_t count = group->plan.batch;
    for (uint64_t i = 0; i < count; i++)
        *sent_at(client, client->next_op + i) = (struct sent){.due_us = due_us};
    client->next_op += count;
    client->in_flight += count;
    if (client->next_op - client->first_unanswered > SENT_KEPT) /* of one that does not care */
        client->first_unanswered = client->next_op - SENT_KEPT;
    group->asked += count;
    send_ops(client, client->next_op - count, count);
}

/* The next of the group that can take it; NULL: nobody can now. */
static struct client *next_writer(struct group *group, uint64_t now_us)
{
    for (size_t i = 0; i < group->plan.clients; i++) {
        struct client *client = &group->clients[group->next_writer++ % group->plan.clients];
        if (may_send(client, now_us))
            return client;
    }
    return NULL;
}

/* Ops are due at fixed times, whether or not the server keeps up: what it does not take in time counts from when it was due. */
void writer_turn(struct group *group)
{
    const uint64_t now_us = group->load->now_us, batch = group->plan.batch;
    while (group->plan.rate > 0 && group->live > 0 && group->due_us <= now_us) {
        struct client *client = next_writer(group, now_us);
        if (client)
            send_new(client, group->due_us);
        else if (group->plan.in_flight == 0)
            group->skipped += batch;
        else
            return;
        group->due_us += batch * 1000000 / group->plan.rate;
    }
}

void writer_resume(struct client *client)
{
    if (client->group->plan.in_flight == 0) {
        client->first_unanswered = client->next_op;
        client->in_flight = 0;
    }
    for (uint64_t number = client->first_unanswered; number < client->next_op; number++) {
        if (sent_at(client, number)->is_answered)
            continue;
        client->group->repeated++;
        send_ops(client, number, 1);
    }
}

/* ---- answers */

static void answered(struct client *client, uint64_t number, uint64_t seq)
{
    struct sent *sent = sent_at(client, number);
    struct faults *faults = &client->group->load->faults;
    if (sent->is_answered || number < client->first_unanswered)
        return;
    if (sent->seen_seq && seq && sent->seen_seq != seq)
        faults_note(faults, &faults->disorder, "an op came as %llu and was answered with %llu",
                    (unsigned long long)sent->seen_seq, (unsigned long long)seq);
    sent->told_seq = seq;
    sent->is_answered = true;
    client->in_flight--;
    if (seq) {
        client->group->answered++;
        hist_add(&client->group->answer, load_now_us() - sent->due_us);
    }
    while (client->first_unanswered < client->next_op && sent_at(client, client->first_unanswered)->is_answered)
        client->first_unanswered++;
}

static void take_result(struct client *client, uint64_t number, struct gl_slice result)
{
    uint64_t seq = 0;
    if (!scan_number(scan_member(result, "seq"), &seq)) {
        struct gl_slice name = scan_text(scan_member(scan_member(scan_member(result, "error"), "data"), "name"));
        refusals_count(&client->group->refusals, name.data, name.len);
    }
    answered(client, number, seq);
}

/* A refused request is sent again after a while, unless its sender does not care. */
static void take_refused(struct client *client, uint64_t first, uint64_t count, struct gl_slice error)
{
    struct gl_slice data = scan_member(error, "data"), name = scan_text(scan_member(data, "name"));
    uint64_t wait_ms = 50;
    refusals_count(&client->group->refusals, name.data, name.len);
    if (client->group->plan.in_flight > 0 && scan_number(scan_member(data, "retry_after_ms"), &wait_ms)) {
        client->not_before_us = client->group->load->now_us + 1000 * wait_ms;
        client->group->repeated += count;
        send_ops(client, first, count);
        return;
    }
    for (uint64_t i = 0; i < count; i++)
        answered(client, first + i, 0);
}

bool writer_take_answer(struct client *client, uint64_t id, struct gl_slice message)
{
    const uint64_t first = id / ID_STEP - 1, count = id % ID_STEP;
    struct gl_slice error = scan_member(message, "error"), result;
    if (id < ID_STEP || count == 0 || first + count > client->next_op)
        return false;
    if (error.len > 0) {
        take_refused(client, first, count, error);
        return true;
    }
    struct gl_slice results = scan_member(scan_member(message, "result"), "results");
    size_t at = 0;
    for (uint64_t i = 0; i < count && (result = scan_item(results, &at)).len > 0; i++)
        take_result(client, first + i, result);
    return true;
}
