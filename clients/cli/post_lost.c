#include "clients/cli/post_lost.h"

#include "clients/cli/offline.h"
#include "clients/cli/say.h"

static void tell_lost(struct post_lost *lost, const struct gloss_event *event)
{
    struct gl_buf words;
    gl_buf_init(&words, SIZE_MAX);
    offline_put_words(&words, json_object_get(event->payload, "change"));
    say(lost->cli, "lost by the server, which had accepted it as op %llu, and sent again: %s", (unsigned long long)event->seq,
        gl_buf_cstr(&words));
    gl_buf_fini(&words);
    lost->lost++;
}

void post_lost_event(struct post_lost *lost, const struct gloss_event *event)
{
    if (event->type == GLOSS_EV_LOST && event->op) {
        tell_lost(lost, event);
    } else if (event->type == GLOSS_EV_LOST) {
        lost->is_more = true;
        say(lost->cli, "%s: post the same input again, what is there is not doubled", event->error->message);
    } else if (event->type == GLOSS_EV_RESULT && !event->result->error) {
        lost->again++;
    } else if (event->type == GLOSS_EV_RESULT) {
        lost->refused++;
    }
}

/* The next one that waits for a decision. */
static bool next_kept(struct gloss_session *session, char op[GLOSS_ID], struct gloss_error *why)
{
    struct gloss_pending pending;
    for (size_t i = 0; gloss_pending_at(session, i, &pending); i++) {
        if (pending.state == GLOSS_PENDING_KEPT && pending.error) {
            snprintf(op, GLOSS_ID, "%s", pending.op);
            *why = *pending.error;
            why->data = NULL;
            return true;
        }
    }
    return false;
}

void post_lost_send(struct post_lost *lost, struct gloss_session *session)
{
    struct gloss_error why;
    char op[GLOSS_ID];
    bool is_lost = lost->lost > 0;
    while (is_lost && next_kept(session, op, &why)) {
        if (why.code != GLOSS_E_LOST) {
            say_error(lost->cli, "what the server had lost is refused now", &why);
            is_lost = gloss_pending_drop(session, op) == 0;
        } else if (gloss_pending_send(session, op) != 0) {
            is_lost = false; /* the next turn tries again */
            if (!lost->is_stuck) {
                say_error(lost->cli, "what the server had lost cannot be sent again yet", gloss_last_error(lost->cli->gloss));
            }
            lost->is_stuck = true;
        }
    }
}

int post_lost_status(const struct post_lost *lost, int status)
{
    return lost->is_more || lost->again < lost->lost ? EXIT_LOST : status;
}
