#include "clients/cli/follow.h"

#include "clients/cli/link.h"
#include "clients/cli/say.h"

#define TURN_MS 500

static void end_here(struct follow *follow)
{
    follow->is_over = true;
    if (follow->on_end) {
        follow->on_end(follow);
    }
}

static void on_lost(struct follow *follow, const struct gloss_event *event)
{
    if (follow->says_losses && !follow->is_lost && event->retry_in_ms >= 0) {
        say(follow->cli, "the connection was lost (%s); coming back", event->error ? event->error->message : "");
    }
    follow->is_lost = true;
}

static void on_back(struct follow *follow)
{
    if (follow->says_losses && follow->is_lost) {
        say(follow->cli, "connected again; it goes on behind op %llu", (unsigned long long)gloss_session_seq(follow->session));
    }
    follow->is_lost = false;
}

static void on_op(struct follow *follow, const struct gloss_event *event)
{
    follow->seq = event->seq;
    if (follow->on_op && !(follow->has_until && event->seq > follow->until)) {
        follow->on_op(follow, event);
    }
    if (follow->has_until && event->seq >= follow->until && !follow->is_over) {
        end_here(follow);
    }
}

/* From now on the state is read anew, and what came between is not told: a log that has lost its end is no longer the one that was followed. */
static void on_resync(struct follow *follow, const struct gloss_error *error)
{
    struct link *link = &follow->cli->link;
    bool went_back = follow->from_now && follow->was_synced && error && error->code != GLOSS_E_ARCHIVED;
    if (went_back && link->final_code == 0) {
        link->final_code = GLOSS_E_RESYNC;
        link->final_error = *error;
        json_incref(link->final_error.data);
    } else if (!went_back) {
        say(follow->cli, "the server's log is not the one that was read so far (%s); reading it anew",
            error ? error->message : "");
    }
}

static void on_event(struct gloss *g, const struct gloss_event *event, void *arg)
{
    struct follow *follow = arg;
    (void)g;
    if (event->type == GLOSS_EV_DISCONNECTED && follow->session) {
        on_lost(follow, event);
    }
    if (!follow->session || event->session != follow->session || follow->is_over) {
        return;
    }
    switch (event->type) {
    case GLOSS_EV_JOINED:
        follow->head = follow->head ? follow->head : gloss_session_head(follow->session);
        on_back(follow);
        break;
    case GLOSS_EV_OP: on_op(follow, event); break;
    case GLOSS_EV_SYNCED:
        follow->was_synced = true;
        follow->seq = event->seq;
        if (follow->to_head || (follow->has_until && event->seq >= follow->until)) {
            end_here(follow);
        }
        break;
    case GLOSS_EV_RESYNC: on_resync(follow, event->error); break;
    case GLOSS_EV_NOTICE:
        if (follow->says_losses && event->notice && strcmp(event->notice, "rights") == 0) {
            say(follow->cli, "your role is now: %s", event->role ? event->role : "none");
        }
        break;
    default: break;
    }
}

/* What was shown cannot be taken back. */
static int tell_went_back(struct follow *follow)
{
    struct cli *cli = follow->cli;
    (void)fail_error(cli, "the log cannot be followed any further", &cli->link.final_error);
    say_more(cli, "the server's database went back in time: of the ops shown here, up to %llu, the newest may not exist any more",
             (unsigned long long)follow->seq);
    say_more(cli, "begin again to see what there is; `gloss sync` tells what was lost of what it had sent for you");
    return EXIT_LOST;
}

int follow_open(struct follow *follow)
{
    return link_open(follow->cli, on_event, follow);
}

int follow_run(struct follow *follow)
{
    struct cli *cli = follow->cli;
    struct gloss_join options;
    gloss_join_init(&options);
    options.from = follow->from_now ? GLOSS_FROM_STATE : GLOSS_FROM_LOG;
    options.archive = true;
    options.since = follow->after;
    options.chain = follow->chain;
    options.replica = follow->after == 0;
    if (gloss_join(cli->gloss, follow->session_id, &options, &follow->session) != 0) {
        return fail_error(cli, "the session cannot be opened", gloss_last_error(cli->gloss));
    }
    struct link_later later = {0};
    while (!follow->is_over && cli->link.final_code == 0) {
        (void)!(link_step(cli, TURN_MS, follow->patience_ms) ||
                link_put_off_join(cli, &later, follow->session, follow->patience_ms));
        if (follow->on_turn) {
            follow->on_turn(follow);
        }
    }
    if (follow->is_over) {
        return 0;
    }
    if (cli->link.final_code == GLOSS_E_RESYNC && !follow->is_quiet) {
        return tell_went_back(follow);
    }
    return follow->is_quiet ? (int)error_status(cli->link.final_code) : link_fail(cli, "the log cannot be read");
}
