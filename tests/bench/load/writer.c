/* writer.c - the ops of one client: known by their numbers alone, so that each can be sent again as it was, until it has an answer. */
#include "tests/bench/load/dialect.h"

#define NOTE_WORDS   128
#define COMPOSED_MAX 64       /* ops in one request of a client that puts together what waits */
#define RATE_ANY     10000000 /* as fast as it may: an op is due when it can be sent */

gl_uuid writer_id(const struct client *client, uint64_t number)
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

struct client *writer_of(struct load *load, const gl_uuid *id, uint64_t *number)
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

struct sent *writer_sent(struct client *client, uint64_t number)
{
    const bool is_known = client->sent && number < client->next_op && client->next_op - number <= SENT_KEPT;
    return is_known ? sent_at(client, number) : NULL;
}

uint64_t writer_start_cp(const struct client *client, uint64_t number)
{
    return (number * 7919 + client->number * 104729) % (client->group->load->codepoints - SPAN_CP);
}

/* Words one behind the other, others in each note: what is compressed comes to about what people's notes come to. */
void writer_put_note(struct gl_buf *buf, const struct client *client, uint64_t number)
{
    static const char *const words[NOTE_WORDS] = {
        "about",      "above",   "after",    "again",    "against", "all",     "along",    "already",   "also",     "among",
        "another",    "any",     "around",   "because",  "become",  "been",    "before",   "began",     "behind",   "being",
        "below",      "between", "beyond",   "both",     "bridge",  "brought", "business", "called",    "cannot",   "carry",
        "caused",     "certain", "change",   "children", "city",    "clear",   "close",    "coast",     "common",   "company",
        "could",      "council", "country",  "course",   "court",   "daily",   "decided",  "demand",    "did",      "different",
        "does",       "done",    "during",   "each",     "early",   "east",    "either",   "end",       "enough",   "even",
        "every",      "example", "expected", "fact",     "family",  "few",     "figures",  "first",     "five",     "follow",
        "force",      "form",    "found",    "four",     "free",    "from",    "full",     "further",   "general",  "given",
        "government", "great",   "group",    "growth",   "half",    "hand",    "harbour",  "have",      "held",     "here",
        "high",       "hold",    "hours",    "house",    "however", "human",   "if",       "important", "increase", "indeed",
        "industry",   "instead", "interest", "into",     "island",  "itself",  "just",     "keep",      "known",    "land",
        "large",      "last",    "later",    "law",      "least",   "left",    "less",     "level",     "life",     "light",
        "likely",     "line",    "little",   "local",    "long",    "made",    "main",     "many",
    };
    uint64_t state = number ^ (uint64_t)client->number << 40;
    for (size_t bytes = client->group->plan.note; bytes > 0;) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const char *word = words[(state >> 33) % NOTE_WORDS];
        const size_t whole = strlen(word), len = whole < bytes ? whole : bytes - 1;
        gl_buf_put(buf, word, len);
        gl_buf_byte(buf, ' ');
        bytes -= len + 1;
    }
}

/* ---- sending */

static bool may_send(const struct client *client, uint64_t now_us)
{
    const struct group_plan *plan = &client->group->plan;
    if (client->group->load->dialect->is_composed && client->in_flight > 0)
        return false;
    return client->state == CLIENT_LIVE && now_us >= client->not_before_us && !wire_is_full(&client->wire) &&
           (plan->in_flight == 0 || (client->in_flight + plan->batch <= plan->in_flight &&
                                     client->next_op - client->first_unanswered + plan->batch < SENT_KEPT));
}

/* How long after the first of some ops the one behind them is due. */
static uint64_t step_us(const struct group_plan *plan, uint64_t count)
{
    return count * 1000000 / plan->rate;
}

/* How many ops the next request has: as many as are told, or as many as have become due. */
static uint64_t count_due(const struct group *group, uint64_t now_us)
{
    const struct group_plan *plan = &group->plan;
    uint64_t count = plan->batch;
    if (group->load->dialect->is_composed && !plan->apart)
        while (count < COMPOSED_MAX && count < plan->in_flight && group->due_us + step_us(plan, count) <= now_us)
            count++;
    return plan->total && plan->total - group->made < count ? plan->total - group->made : count;
}

static void send_new(struct client *client, uint64_t count)
{
    struct group *group = client->group;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t due_us = group->plan.rate == RATE_ANY ? UINT64_MAX : group->due_us + step_us(&group->plan, i);
        *sent_at(client, client->next_op + i) =
            (struct sent){.due_us = due_us < group->load->now_us ? due_us : group->load->now_us};
    }
    client->next_op += count;
    client->in_flight += count;
    if (client->next_op - client->first_unanswered > SENT_KEPT) /* of one that does not care */
        client->first_unanswered = client->next_op - SENT_KEPT;
    group->asked += count;
    group->made += count;
    group->load->dialect->submit(client, client->next_op - count, count);
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

/* Ops are due at fixed times, whether or not the server keeps up: what it does not take in time counts from when it was due.
 * Requests of one client that are due together leave in one write, a frame each. */
void writer_turn(struct group *group)
{
    const uint64_t now_us = group->load->now_us;
    const struct group_plan *plan = &group->plan;
    struct client *corked = NULL;
    while (plan->rate > 0 && group->live > 0 && group->due_us <= now_us && (!plan->total || group->made < plan->total)) {
        struct client *client = next_writer(group, now_us);
        uint64_t count = count_due(group, now_us);
        if (client) {
            if (corked && corked != client)
                wire_uncork(&corked->wire);
            corked = client;
            wire_cork(&client->wire);
            send_new(client, count);
        } else if (plan->in_flight == 0) {
            group->skipped += count;
        } else {
            break;
        }
        group->due_us += step_us(plan, count);
    }
    if (corked)
        wire_uncork(&corked->wire);
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
        client->group->load->dialect->submit(client, number, 1);
    }
}

/* ---- answers */

void writer_answered(struct client *client, uint64_t number, uint64_t seq)
{
    struct sent *sent = sent_at(client, number);
    struct faults *faults = &client->group->load->faults;
    if (sent->is_answered || number < client->first_unanswered || number >= client->next_op)
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
