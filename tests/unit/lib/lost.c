/* lost.c - see lost.h. */
#include "tests/unit/lib/lost.h"

enum gloss_choice choice;
unsigned asked;
char asked_name[32], asked_note[64], lost_ops[LOST_MAX][GLOSS_ID];
unsigned lost, forgotten;
uint64_t lost_seq, result_seq;
bool leaves;

static enum gloss_choice on_conflict(struct gloss_session *session, struct gloss_conflict *conflict, void *arg)
{
    (void)session;
    (void)arg;
    const char *note = json_string_value(json_object_get(conflict->change, "note"));
    snprintf(asked_name, sizeof(asked_name), "%s", conflict->error->name);
    snprintf(asked_note, sizeof(asked_note), "%s", note ? note : "");
    asked++;
    return choice;
}

static void on_event(struct client *client, const struct gloss_event *event)
{
    if (event->type == GLOSS_EV_RESULT) {
        result_seq = event->seq;
    }
    if (event->type != GLOSS_EV_LOST) {
        return;
    }
    ck_assert_int_eq(event->error->code, GLOSS_E_LOST);
    if (!event->op) {
        forgotten++;
        return;
    }
    ck_assert_str_eq(json_string_value(json_object_get(event->payload, "id")), event->op);
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(event->payload, "change"), "kind")), event->kind);
    snprintf(lost_ops[lost++ % LOST_MAX], GLOSS_ID, "%s", event->op);
    lost_seq = event->seq;
    if (leaves) {
        gloss_leave(&client->session);
        ck_assert_str_eq(event->op, lost_ops[0]);
    }
}

void begin(struct client *ana, struct fake *fake, const char *dir, bool asks)
{
    struct gloss_config config = dir ? queue_config(ana, fake, dir) : client_config(ana, fake, "good");
    config.on_conflict = asks ? on_conflict : NULL;
    client_new_with(ana, fake, &config);
    ana->on_event = on_event;
    asked = lost = forgotten = 0;
    lost_seq = result_seq = 0;
    leaves = false;
}

void start(struct client *ana, struct fake *fake, const char *dir, bool asks)
{
    fake_start(fake);
    begin(ana, fake, dir, asks);
    client_join(ana, NULL);
    WAIT_FOR(ana, ana->seen[GLOSS_EV_SYNCED]);
}

void stop(struct client *ana, struct fake *fake)
{
    client_free(ana);
    fake_stop(fake);
}

void make(struct client *ana, unsigned count, const char *prefix, bool atomic)
{
    unsigned before = ana->results;
    submit(ana, creates(count, prefix), atomic);
    WAIT_FOR(ana, ana->results == before + count && gloss_session_seq(ana->session) >= ana->result_seq);
}

void go_back(struct fake *fake, unsigned to, unsigned then)
{
    fake_do(fake, "{\"do\":\"rewind\",\"to\":%u,\"then\":%u}", to, then);
    fake_do(fake, "{\"do\":\"drop\"}");
}

void lose(struct client *ana, struct fake *fake, unsigned made, enum gloss_choice answer, unsigned to, unsigned then)
{
    make(ana, made, "anas", false);
    choice = answer;
    go_back(fake, to, then);
}

bool log_has(struct fake *fake, const char *op)
{
    json_t *log = fake_ask(fake, "{\"do\":\"log\"}");
    const json_t *ops = json_object_get(log, "ops");
    unsigned found = 0;
    for (size_t i = 0; i < json_array_size(ops); i++) {
        found += strcmp(json_string_value(json_array_get(ops, i)), op) == 0;
    }
    json_decref(log);
    ck_assert_uint_le(found, 1);
    return found == 1;
}
