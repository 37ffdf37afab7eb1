/*
 * deliver.c - what a subscriber lacks, sent to it: ops from memory, or from the store when they are older, and pages of the state.
 *
 * A subscriber is a cursor. Who keeps up shares one encoded frame with everybody else who does; who does not is served from where it stands whenever its
 * socket has room, and the log in the store is as good a source as memory, only slower.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "service/core/core_priv.h"

#define OPS_FRAME_BYTES (192u * 1024)
#define PAGE_BYTES      (60u * 1024)
#define PAGE_RECORDS    512u /* more than fit: a record has 200 bytes and more */
#define PAGE_TAIL       16   /* what stands behind the records */
#define TAIL_OPS        256

/* Of ops in one frame; one op may be larger. */
static size_t ops_frame_bytes(const struct session *session)
{
    const size_t most = session->core->limits.frame_bytes / 4 * 3;
    return most < OPS_FRAME_BYTES ? most : OPS_FRAME_BYTES;
}

struct gl_slice logged_op(const struct store_tail_op *op)
{
    struct gl_buf buf;
    size_t len;
    gl_buf_init(&buf, op->payload.len + 256);
    gl_buf_grow(&buf, op->payload.len + 64);
    gl_buf_clear(&buf);
    if (op->payload.len > 0) {
        gl_buf_str(&buf, "{\"payload\":");
        gl_buf_slice(&buf, op->payload);
        gl_buf_str(&buf, ",\"salt\":\"");
        gl_buf_hex(&buf, op->salt, sizeof op->salt);
    } else {
        gl_buf_str(&buf, "{\"leaf\":\"");
        gl_buf_hex(&buf, op->leaf.bytes, sizeof op->leaf.bytes);
    }
    gl_buf_str(&buf, "\"}");
    char *bytes = gl_buf_take(&buf, &len);
    if (!bytes)
        abort(); /* the ceiling fits by construction: only memory can have run out */
    return gl_slice_of(bytes, len);
}

/* ---- frames of ops, spliced from bytes that are canonical already */

static void frame_put(struct frame *frame, const void *data, size_t len)
{
    memcpy(frame->data + frame->len, data, len);
    frame->len += len;
}

struct frame *ops_frame(const char *method, const char *scope, const gl_uuid *id, uint64_t first, const gl_hash *chain,
                        const gl_hash *sum, const struct gl_slice *logged, size_t count)
{
    struct gl_buf head;
    size_t bytes = 512;
    char text[GL_UUID_TEXT + 1];
    for (size_t i = 0; i < count; i++)
        bytes += logged[i].len + 1;
    gl_uuid_format(id, text);
    gl_buf_init(&head, 512);
    gl_buf_printf(&head, "{\"jsonrpc\":\"2.0\",\"method\":\"%s\",\"params\":{\"chain\":\"", method);
    gl_buf_hex(&head, chain->bytes, 32);
    gl_buf_printf(&head, "\",\"first\":%llu,\"ops\":[", (unsigned long long)first);
    struct frame *frame = frame_new(bytes);
    frame_put(frame, head.data, head.len);
    for (size_t i = 0; i < count; i++) {
        frame_put(frame, ",", i > 0);
        frame_put(frame, logged[i].data, logged[i].len);
    }
    gl_buf_clear(&head);
    gl_buf_printf(&head, "],\"%s\":\"%s\"", scope, text);
    if (sum) {
        gl_buf_str(&head, ",\"state\":\"");
        gl_buf_hex(&head, sum->bytes, 32);
        gl_buf_byte(&head, '"');
    }
    gl_buf_str(&head, "}}");
    frame_put(frame, head.data, head.len);
    gl_buf_fini(&head);
    return frame;
}

/* The ops from seq on that fit into one frame; *last is the last of them. */
static struct frame *recent_frame(const struct session *session, uint64_t seq, uint64_t *last)
{
    struct gl_slice logged[TAIL_OPS];
    const struct recent_op *op = NULL, *next;
    size_t count = 0, bytes = 0;
    while (count < TAIL_OPS && (next = session_recent_find(session, seq + count)) &&
           (count == 0 || bytes + next->logged.len <= ops_frame_bytes(session))) {
        op = next;
        logged[count++] = op->logged;
        bytes += op->logged.len;
    }
    assert(op); /* the caller looked */
    *last = seq + count - 1 - (MUTATION(cursor_one_behind) && count > 2);
    return ops_frame("session.ops", "session", &session->id, seq, &op->chain,
                     op->has_sum ? MUTATION(sum_of_another) ? &op->chain : &op->sum : NULL, logged, count);
}

static void send_ops(struct subscription *subscription, struct frame *frame, uint64_t last, const gl_hash *chain)
{
    subscription->cursor_chain = *chain;
    subscription->peer->core->counts.deliveries += last - subscription->cursor;
    if (!MUTATION(cursor_not_moved) || last % 16)
        subscription->cursor = last;
    subscription->peer->link.write(subscription->peer->link.ctx, frame);
    if (subscription->peer->submits)
        submit_flush(subscription->peer, &subscription->session->id);
}

bool peer_has_room(const struct peer *peer)
{
    return !peer->is_closed && !peer->is_closing && !peer->link.is_full(peer->link.ctx);
}

/* An op names the codebook that it was judged under. Another worker's may name one that has not been read here yet: nobody gets it before the project's ops. */
static bool may_deliver(struct session *session)
{
    const struct project *project = session->project;
    if (session->codebook <= project->told && session->codebook <= project->head) /* told is ahead while a reload is under way */
        return true;
    project_reload(session->project); /* and its ops, and these behind them, are delivered when it is there */
    return false;
}

/* Of the newest op, whoever judged it: both ends are told on the database's clock, as each worker estimates it. */
static void measure_delivery(const struct session *session)
{
    int64_t took_ms = store_now_ms(session->core->store) - session->last_at_ms;
    if (session->subscriptions && session->last_at_ms > 0)
        metric_observe(delivery, took_ms > 0 ? (uint64_t)took_ms * 1000 : 0);
}

void deliver_live(struct session *session, uint64_t from_seq)
{
    if (!may_deliver(session))
        return;
    while (from_seq <= session->state->seq && session_recent_find(session, from_seq)) {
        uint64_t last;
        struct frame *frame = recent_frame(session, from_seq, &last);
        frame->readers = session->subscription_count;
        for (struct subscription *it = session->subscriptions, *next; it; it = next) {
            next = it->next_of_session;
            if (it->is_live && (it->cursor == from_seq - 1 || (MUTATION(first_of_group_untold) && it->cursor + 2 == from_seq)) &&
                !it->reading && !it->peer->outbox && peer_has_room(it->peer) && project_is_told(it, session->codebook))
                send_ops(it, frame, last, &session_recent_find(session, last)->chain);
        }
        frame_unref(&frame);
        from_seq = last + 1;
    }
    measure_delivery(session);
    for (struct subscription *it = session->subscriptions; it; it = it->next_of_session)
        if (it->is_live && it->cursor < session->state->seq && !it->reading && peer_has_room(it->peer))
            peer_pump_later(it->peer);
}

/* ---- below the recent ops: from the store, one chunk at a time */

struct reading {
    struct subscription *subscription; /* NULL once it is gone */
    struct session *session;
    uint64_t after;
};

/* Another worker has erased what this subscriber lacks, and this one has not heard of it yet: nothing can be made of a leaf. */
static bool has_erased(const struct store_tail *tail)
{
    for (size_t i = 0; i < tail->count; i++)
        if (tail->ops[i].payload.len == 0)
            return true;
    return false;
}

static void send_tail(struct subscription *subscription, const struct store_tail *tail)
{
    const struct session *session = subscription->session;
    struct gl_slice logged[TAIL_OPS];
    size_t count = 0, bytes = 0;
    if (!may_deliver(subscription->session) || !project_is_told(subscription, session->codebook))
        return; /* it is read again when there is room */
    while (count < tail->count && tail->ops[count].seq <= session->state->seq && count < TAIL_OPS &&
           (count == 0 || bytes + tail->ops[count].payload.len <= ops_frame_bytes(session))) {
        bytes += tail->ops[count].payload.len + 64;
        logged[count] = logged_op(&tail->ops[count]);
        count++;
    }
    if (count == 0)
        return;
    struct frame *frame =
        ops_frame("session.ops", "session", &session->id, tail->ops[0].seq, &tail->ops[count - 1].chain, NULL, logged, count);
    send_ops(subscription, frame, tail->ops[count - 1].seq, &tail->ops[count - 1].chain);
    frame_unref(&frame);
    for (size_t i = 0; i < count; i++)
        free((void *)logged[i].data);
}

/* What follows in the log of a database that went back in time does not follow what was sent. */
static void go_on_with(struct subscription *subscription, const struct store_tail *tail)
{
    if (gl_hash_equal(&tail->chain_before, &subscription->cursor_chain) || MUTATION(catch_up_skips_one))
        send_tail(subscription, tail);
    else
        subscription_rejoin(subscription);
}

static void on_tail(void *ctx, enum gl_code code, const struct store_tail *tail)
{
    struct reading *reading = ctx;
    struct subscription *subscription = reading->subscription;
    struct session *session = reading->session;
    if (subscription) {
        struct peer *peer = subscription->peer;
        subscription->reading = NULL;
        if (code == GL_OK && has_erased(tail))
            subscription_rejoin(subscription);
        else if (code == GL_OK && !peer->is_closed && !peer->is_closing && subscription->cursor == reading->after)
            go_on_with(subscription, tail);
        else if (code == GL_E_NOT_FOUND)
            subscription_set_role(subscription, GL_NOBODY); /* removed, before this worker heard of it */
        /* when the store is down the sweep pumps again */
        if (code == GL_OK)
            peer_pump_later(peer);
    }
    mem_free(&reading);
    session_release(session);
}

static void read_tail(struct subscription *subscription)
{
    struct session *session = subscription->session;
    struct reading *reading = mem_alloc(sizeof *reading);
    *reading = (struct reading){subscription, session, subscription->cursor};
    subscription->reading = &reading->subscription;
    session->uses++;
    store_tail_read(session->core->store, &subscription->peer->account, &session->id,
                    subscription->cursor + MUTATION(catch_up_skips_one), TAIL_OPS, ops_frame_bytes(session), on_tail, reading);
}

static void tell_behind(struct subscription *subscription)
{
    struct gl_session_notice_notice notice = {.session = subscription->session->id,
                                              .what = GL_SLICE("resynchronise"),
                                              .has_seq = true,
                                              .seq = subscription->cursor + 1};
    subscription->is_behind = true;
    subscription->peer->core->counts.resyncs++;
    send_session_notice(subscription->peer, &notice);
}

bool deliver_pump(struct subscription *subscription)
{
    struct session *session = subscription->session;
    while (subscription->is_live && subscription->cursor < session->state->seq) {
        if (!may_deliver(session) || subscription->reading || !peer_has_room(subscription->peer) ||
            !project_is_told(subscription, session->codebook))
            return false;
        if (!session_recent_find(session, subscription->cursor + 1)) {
            if (!subscription->is_behind)
                tell_behind(subscription);
            read_tail(subscription);
            return false;
        }
        uint64_t last;
        struct frame *frame = recent_frame(session, subscription->cursor + 1, &last);
        send_ops(subscription, frame, last, &session_recent_find(session, last)->chain);
        frame_unref(&frame);
    }
    subscription->is_behind = false;
    return true;
}

/* ---- pages */

/* Most do not, and that is seen without looking at the annotation itself: a place in the text is asked for among hundreds of thousands. */
static bool stands_in(const struct gl_state *state, size_t at, const struct page_range *range)
{
    struct gl_annotation *annotation;
    struct gl_span spans[GL_SPANS_MAX];
    if (state->reaches[at].begin_cp >= range->end_cp || state->reaches[at].end_cp <= range->begin_cp)
        return false;
    annotation = state->items[at];
    if (annotation->span_count == 1)
        return true;
    bool is_there = false;
    const size_t count = gl_annotation_spans(annotation, spans, GL_SPANS_MAX);
    for (size_t i = 0; i < count && !is_there; i++)
        is_there = spans[i].begin_cp < range->end_cp && spans[i].end_cp > range->begin_cp;
    gl_annotation_put_away(annotation);
    return is_there;
}

/* The records of one page, where they are. */
struct page_records {
    struct gl_slice records[PAGE_RECORDS];
    size_t count, bytes;
};

/* Records from `at` on, of the range if there is one; where the page ends. */
static size_t find_records(struct page_records *found, const struct gl_state *state, const struct page_range *range, size_t at,
                           size_t most)
{
    found->count = found->bytes = 0;
    for (; at < state->count && found->count < PAGE_RECORDS; at++) {
        if ((range && !stands_in(state, at, range)) || (MUTATION(page_misses_deleted) && state->items[at]->is_deleted))
            continue;
        struct gl_slice record = state->items[at]->canonical;
        if (found->count > 0 && found->bytes + record.len > most)
            break;
        found->records[found->count++] = record;
        found->bytes += record.len + 1;
    }
    return at;
}

/* Written once, where it is sent from: the records come last, and into what was begun as an empty array. */
static void put_records(struct gl_buf *out, const struct page_records *found)
{
    assert(out->code != GL_OK || memcmp(out->data + out->len - 3, "[]}", 3) == 0);
    if (out->code != GL_OK)
        return;
    out->len -= 2;
    gl_buf_reserve(out, found->bytes + PAGE_TAIL);
    for (size_t i = 0; i < found->count; i++) {
        if (i > 0)
            gl_buf_byte(out, ',');
        gl_buf_slice(out, found->records[i]);
    }
    gl_buf_str(out, "]}");
}

static void send_page(struct subscription *subscription, struct request *page)
{
    const struct gl_state *state = subscription->session->state;
    const struct page_range *range = page->user;
    struct gl_session_page_result result = {.as_of = state->seq + MUTATION(page_newer_than_it_is), .records_raw = GL_SLICE("[]")};
    struct page_records found;
    const size_t quarter = subscription->peer->core->limits.frame_bytes / 4;
    size_t end =
        find_records(&found, state, range, range ? 0 : subscription->page_at, PAGE_BYTES < quarter ? PAGE_BYTES : quarter);
    if (!range)
        result.next = subscription->page_at = end + (MUTATION(page_skips_one) && end < state->count);
    result.has_next = !range;
    result.has_done = result.done = end >= state->count;
    struct gl_buf *out = request_result(page);
    gl_session_page_result_write(out, &result);
    put_records(out, &found);
    request_send(page);
}

void deliver_pages(struct subscription *subscription)
{
    while (subscription->pages && !subscription->peer->outbox && peer_has_room(subscription->peer)) {
        struct request *page = subscription->pages;
        subscription->pages = page->next;
        if (!subscription->pages)
            subscription->pages_tail = &subscription->pages;
        subscription->page_count--;
        page->next = NULL;
        send_page(subscription, page);
    }
}
