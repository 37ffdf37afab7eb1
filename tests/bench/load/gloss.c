/* gloss.c - Gloss, as PROTOCOL.md has it: signing in, joining, going on after a loss, ops and their answers, and the proof of every stream. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/load/dialect.h"
#include "tests/bench/load/scan.h"

#define ID_HELLO       1
#define ID_JOIN        2
#define ID_PAGE        3
#define TEXT_OF_(what) #what
#define TEXT_OF(what)  TEXT_OF_(what)
#define ID_STEP        128                 /* of a request for ops: that of its first op times this, and how many there are */
#define NO_OP          0xffffffffffff0000u /* numbers of annotations, which no op has */
#define OP_MAX         512                 /* bytes of an op beside its note */
#define PAGES_MOST     16                  /* under way at once */
#define PAGE_HEAD      160                 /* bytes: what stands before the records of a page fits into so many */

/* ---- coming */

static void join(struct client *client)
{
    char session[GL_UUID_TEXT + 1], since[CHAIN_TEXT + 64] = "";
    gl_uuid_format(&client->stream->id, session);
    if (client->has_joined)
        snprintf(since, sizeof since, client->seq > 0 ? ",\"since\":%llu,\"chain\":\"%.*s\"" : ",\"since\":%llu",
                 (unsigned long long)client->seq, CHAIN_TEXT, client->chain);
    client_set_state(client, CLIENT_JOINING);
    client_say(client, "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"session.join\",\"params\":{\"session\":\"%s\"%s}}", ID_JOIN,
               session, since);
}

static void open_gloss(struct client *client)
{
    struct load *load = client->group->load;
    client_set_state(client, CLIENT_SIGNING_IN);
    client_say(client, "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"hello\",\"params\":{\"token\":\"%s\",\"client\":\"load\"}}",
               ID_HELLO, load->tokens[client->number % load->token_count]);
    if (client->group->plan.at_hello)
        join(client);
}

static void look_whether_live(struct client *client)
{
    if (client->state == CLIENT_BEHIND && client->seq >= client->wanted_seq && client->pages_asked == 0)
        client_is_live(client);
}

static void ask_page(struct client *client)
{
    char session[GL_UUID_TEXT + 1];
    gl_uuid_format(&client->stream->id, session);
    client->pages_asked++;
    client_say(client, "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"session.page\",\"params\":{\"session\":\"%s\"}}", ID_PAGE,
               session);
}

static void note_unreadable(struct client *client, const char *what, struct gl_slice message)
{
    struct faults *faults = &client->group->load->faults;
    faults_note(faults, &faults->unreadable, "an answer to %s: %.*s", what, message.len < 120 ? (int)message.len : 120,
                message.data);
}

static void take_join(struct client *client, struct gl_slice result)
{
    struct gl_slice chain = scan_text(scan_member(result, "chain"));
    if (!scan_number(scan_member(result, "seq"), &client->wanted_seq) || chain.len != CHAIN_TEXT ||
        !scan_number(scan_member(result, "records"), &client->wanted_records)) {
        note_unreadable(client, "session.join", result);
        return;
    }
    if (client->group->plan.page && client->wanted_records < client->group->plan.records)
        faults_note(&client->group->load->faults, &client->group->load->faults.lost,
                    "client %u joined a session of %llu records, not %llu", client->number,
                    (unsigned long long)client->wanted_records, (unsigned long long)client->group->plan.records);
    const bool is_first = !client->has_joined;
    if (is_first) {
        client->seq = client->wanted_seq;
        memcpy(client->chain, chain.data, CHAIN_TEXT);
    }
    client->has_joined = true;
    client_set_state(client, CLIENT_BEHIND);
    for (int i = 0; is_first && client->group->plan.page && i < PAGES_MOST; i++)
        ask_page(client);
    look_whether_live(client);
}

/* Are there as many as the page says? */
static void prove_page(struct client *client, struct gl_slice message, uint64_t said)
{
    struct faults *faults = &client->group->load->faults;
    struct gl_slice records = scan_member(scan_member(message, "result"), "records"), record;
    uint64_t count = 0;
    for (size_t at = 0; (record = scan_item(records, &at)).len > 0; count++)
        if (scan_text(scan_member(record, "id")).len != GL_UUID_TEXT)
            note_unreadable(client, "session.page", record);
    if (count != said)
        faults_note(faults, count < said ? &faults->lost : &faults->twice, "client %u was sent %llu records in a page of %llu",
                    client->number, (unsigned long long)count, (unsigned long long)said);
}

/* Records are looked at one by one only where that is asked for: a page says itself how many there were, before them. */
static void take_page(struct client *client, struct gl_slice message)
{
    struct faults *faults = &client->group->load->faults;
    const size_t head = message.len < PAGE_HEAD ? message.len : PAGE_HEAD;
    const char *next = memmem(message.data, head, "\"next\":", 7);
    if (client->records == 0)
        hist_add(&client->group->first_page, load_now_us() - client->joining_us);
    if (next) {
        const uint64_t before = client->records;
        client->records = strtoull(next + 7, NULL, 10);
        if (client->group->plan.prove)
            prove_page(client, message, client->records - before);
    } else {
        note_unreadable(client, "session.page", message);
    }
    const bool is_done = memmem(message.data, head, "\"done\":true", 11) != NULL;
    client->pages_asked = is_done ? 0 : client->pages_asked - (client->pages_asked > 0);
    if (!is_done && client->state == CLIENT_BEHIND) {
        ask_page(client);
        return;
    }
    if (client->state == CLIENT_BEHIND && client->records < client->wanted_records)
        faults_note(faults, &faults->lost, "client %u had %llu of %llu records", client->number,
                    (unsigned long long)client->records, (unsigned long long)client->wanted_records);
    look_whether_live(client);
}

/* ---- what it is sent */

static void take_ops(struct client *client, struct gl_slice message, bool is_deflated)
{
    struct group *group = client->group;
    struct faults *faults = &group->load->faults;
    const struct stream_frame *frame = stream_take(client->stream, message, is_deflated);
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
    if (id != ID_HELLO && id != ID_JOIN) {
        refusals_count(&client->group->refusals, name.data, name.len);
        return;
    }
    if (gl_slice_is(name, "resync"))
        client->has_joined = false;
    scan_number(scan_member(scan_member(error, "data"), "retry_after_ms"), &wait_ms);
    client_refused(client, name, wait_ms);
}

/* An op is known to the stream the first time that anybody is sent it. */
uint64_t gloss_due(void *ctx, const gl_uuid *op, uint64_t seq)
{
    struct load *load = ctx;
    uint64_t number;
    struct client *client = writer_of(load, op, &number);
    struct sent *sent = client ? writer_sent(client, number) : NULL;
    if (!sent)
        return 0;
    if (sent->seen_seq && sent->seen_seq != seq)
        faults_note(&load->faults, &load->faults.twice, "an op came as %llu and as %llu", (unsigned long long)sent->seen_seq,
                    (unsigned long long)seq);
    if (sent->told_seq && sent->told_seq != seq)
        faults_note(&load->faults, &load->faults.disorder, "an op was answered with %llu and came as %llu",
                    (unsigned long long)sent->told_seq, (unsigned long long)seq);
    sent->seen_seq = seq;
    return sent->due_us;
}

/* ---- answers to ops */

static void submit_gloss(struct client *client, uint64_t first, uint64_t count);

static void take_result(struct client *client, uint64_t number, struct gl_slice result)
{
    uint64_t seq = 0;
    if (!scan_number(scan_member(result, "seq"), &seq)) {
        struct gl_slice name = scan_text(scan_member(scan_member(scan_member(result, "error"), "data"), "name"));
        refusals_count(&client->group->refusals, name.data, name.len);
    }
    if (seq > client->stream->told)
        client->stream->told = seq;
    writer_answered(client, number, seq);
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
        submit_gloss(client, first, count);
        return;
    }
    for (uint64_t i = 0; i < count; i++)
        writer_answered(client, first + i, 0);
}

static bool take_answer(struct client *client, uint64_t id, struct gl_slice answer, struct gl_slice error)
{
    const uint64_t first = id / ID_STEP - 1, count = id % ID_STEP;
    struct gl_slice result;
    if (id < ID_STEP || count == 0 || first + count > client->next_op)
        return false;
    if (error.len > 0) {
        take_refused(client, first, count, error);
        return true;
    }
    struct gl_slice results = scan_member(answer, "results");
    size_t at = 0;
    for (uint64_t i = 0; i < count && (result = scan_item(results, &at)).len > 0; i++)
        take_result(client, first + i, result);
    return true;
}

/* A page is 60 KB, and reading it to its end to see what it is would cost more than receiving it. */
static bool is_page(struct gl_slice message)
{
    static const char begins[] = "{\"id\":" TEXT_OF(ID_PAGE) ",\"jsonrpc\":\"2.0\",\"result\":{";
    return message.len > sizeof begins && memcmp(message.data, begins, sizeof begins - 1) == 0;
}

static void message_gloss(struct client *client, struct gl_slice message)
{
    uint64_t id = 0;
    const bool is_deflated = client->wire.shared->took_binary; /* only ops go to many */
    if (is_deflated || stream_is_ops(message)) {
        take_ops(client, message, is_deflated);
        return;
    }
    if (is_page(message)) {
        take_page(client, message);
        return;
    }
    enum { ID, METHOD, PARAMS, ERROR, RESULT, MEMBERS };
    static const char *const names[MEMBERS] = {
        [ID] = "id", [METHOD] = "method", [PARAMS] = "params", [ERROR] = "error", [RESULT] = "result"};
    struct gl_slice members[MEMBERS];
    scan_members(message, MEMBERS, names, members);
    if (members[METHOD].len > 0) {
        client->group->notices += gl_slice_is(scan_text(scan_member(members[PARAMS], "what")), "resynchronise");
        return;
    }
    scan_number(members[ID], &id);
    if (id >= ID_STEP && client->sent && take_answer(client, id, members[RESULT], members[ERROR]))
        return;
    if (members[ERROR].len > 0)
        take_refusal(client, id, members[ERROR]);
    else if (id == ID_HELLO && !client->group->plan.at_hello)
        join(client);
    else if (id == ID_JOIN)
        take_join(client, members[RESULT]);
    else if (id == ID_PAGE)
        take_page(client, message);
}

/* ---- ops */

static void put_op(struct gl_buf *buf, const struct client *client, uint64_t number)
{
    const struct group_plan *plan = &client->group->plan;
    const gl_uuid op = writer_id(client, number);
    const bool is_new = plan->kept == 0 || number < plan->kept;
    const gl_uuid annotation = writer_id(client, NO_OP + (plan->kept ? number % plan->kept : 0));
    const uint64_t start = writer_start_cp(client, number);
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
    writer_put_note(buf, client, number);
    gl_buf_str(buf, "\"}}");
}

static void submit_gloss(struct client *client, uint64_t first, uint64_t count)
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

const struct dialect dialect_gloss = {.name = "gloss",
                                      .what = "Gloss, gloss.v1",
                                      .subprotocol = "gloss.v1.deflate, gloss.v1",
                                      .path = "/ws",
                                      .is_proved = true,
                                      .is_echoed = true,
                                      .open = open_gloss,
                                      .message = message_gloss,
                                      .submit = submit_gloss};
