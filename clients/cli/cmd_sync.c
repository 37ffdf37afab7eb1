/*
 * cmd_sync.c - gloss sync: what --offline kept is sent, or listed.
 *
 * Each session has its queue. The library sends what waits as soon as the session is joined; what is refused because of what others did meanwhile is
 * kept and told here, with what stands there now.
 */
#include <signal.h>
#include <stdlib.h>

#include "clients/cli/change.h"
#include "clients/cli/cmds.h"
#include "clients/cli/known.h"
#include "clients/cli/link.h"
#include "clients/cli/named.h"
#include "clients/cli/offline.h"
#include "clients/cli/refused.h"
#include "clients/cli/say.h"
#include "clients/cli/servers.h"
#include "clients/cli/waiting.h"

#define STEP_MS 200

static volatile sig_atomic_t caught; /* a signal: what is under way is left where it is, safely */

static void catch_signal(int number)
{
    caught = number;
}

/* An op that has its answer. */
struct answered {
    char op[GLOSS_ID], annotation[GLOSS_ID];
    uint64_t seq; /* 0: refused */
    struct gloss_error error;
};

struct sync {
    struct cli *cli;
    json_t *sessions;   /* ids of those with a queue of ours */
    json_t *remembered; /* of these, in which ops are remembered that were accepted */
    struct named named;
    json_t *changes;      /* op -> change, of the session that is worked on, without what was given up */
    json_t *anew;         /* of these, what was refused before and is to be sent again */
    size_t others;        /* ops of other accounts */
    size_t waiting, lost; /* queues in which something waits; ops that the server had accepted */
    bool is_more_lost;    /* perhaps, and not remembered */
    struct answered *answered;
    size_t answered_count, answered_cap;
    size_t sent, left;
    struct progress progress;
    bool is_closed_to_us; /* the session that is worked on, not the connection, has ended with an error */
};

static int first_of(int status, int next)
{
    return status ? status : next;
}

/* ---- which queues ---------------------------------------------------------------------------------------------------------- */

static void take_queue(const struct gloss_queue *queue, void *arg)
{
    struct sync *sync = arg;
    const char *who = known_who(sync->cli);
    char *its = queue->url ? servers_url_key(queue->url) : NULL, *here = servers_url_key(sync->cli->settings.url);
    bool is_here = its && here && strcmp(its, here) == 0, is_ours = who && strcmp(queue->account, who) == 0;
    if (queue->pending + queue->accepted > 0 && is_here && is_ours) {
        json_array_append_new(sync->sessions, json_string(queue->session));
        sync->waiting += queue->pending > 0;
        if (queue->accepted > 0) {
            json_object_set_new(sync->remembered, queue->session, json_true());
        }
    } else if (queue->pending > 0) {
        sync->others += queue->pending;
    }
    free(its);
    free(here);
}

/* A queue that cannot be read is told; what is in the others goes on. */
static int find_queues(struct sync *sync)
{
    char *folder = offline_folder();
    int code = folder ? gloss_queue_list(folder, take_queue, sync) : GLOSS_E_NOT_FOUND;
    int status = 0;
    if (code != 0 && code != GLOSS_E_NOT_FOUND) { /* not found: nothing was ever kept */
        status = fail(sync->cli, EXIT_COULD_NOT, gloss_code_name(code), "not every queue in %s can be read: %s", folder,
                      code == GLOSS_E_CHECKSUM ? "a file is damaged" : gloss_code_sentence(code));
    }
    free(folder);
    return status;
}

/* ---- listing -------------------------------------------------------------------------------------------------------------------- */

static int list_all(struct sync *sync)
{
    json_t *session;
    size_t i;
    int status = offline_open(sync->cli), worst = status ? status : find_queues(sync);
    json_array_foreach(sync->sessions, i, session)
    {
        worst = first_of(worst, waiting_list(sync->cli, json_string_value(session), &sync->left));
    }
    return worst;
}

/* ---- sending ------------------------------------------------------------------------------------------------------------------- */

static struct answered *answer_add(struct sync *sync, const char *op)
{
    if (sync->answered_count == sync->answered_cap) {
        sync->answered_cap = sync->answered_cap ? sync->answered_cap * 2 : 32;
        sync->answered = heap_grow(sync->answered, sync->answered_cap, sizeof *sync->answered);
    }
    struct answered *answered = &sync->answered[sync->answered_count++];
    *answered = (struct answered){0};
    snprintf(answered->op, sizeof answered->op, "%s", op ? op : "");
    return answered;
}

static void on_event(struct gloss *g, const struct gloss_event *event, void *arg)
{
    struct sync *sync = arg;
    (void)g;
    sync->is_closed_to_us |= event->type == GLOSS_EV_ERROR && event->session;
    if (event->type == GLOSS_EV_LOST && !event->op) {
        say(sync->cli, "%s", event->error->message);
        sync->is_more_lost = true;
    }
    if (event->type != GLOSS_EV_RESULT) {
        return;
    }
    struct answered *answered = answer_add(sync, event->op);
    const struct gloss_result *result = event->result;
    answered->seq = result->error ? 0 : result->seq;
    snprintf(answered->annotation, sizeof answered->annotation, "%s", result->annotation ? result->annotation : "");
    if (result->error) {
        answered->error = *result->error;
        json_incref(answered->error.data);
    }
}

/* Everything that waits, and what of it was refused before. */
static void take_changes(struct sync *sync, struct gloss_session *session)
{
    struct gloss_pending pending;
    json_object_clear(sync->changes);
    json_object_clear(sync->anew);
    for (size_t i = 0; gloss_pending_at(session, i, &pending); i++) {
        bool is_named = json_object_del(sync->named.send, pending.op) == 0; /* one that was not refused is sent anyway */
        json_object_set(sync->changes, pending.op, (json_t *)pending.change);
        if (pending.state == GLOSS_PENDING_KEPT && (is_named || sync->named.send_all)) {
            json_object_set_new(sync->anew, pending.op, json_true());
        }
    }
}

static bool is_to_drop(struct sync *sync, const struct gloss_pending *pending)
{
    bool is_named = json_object_del(sync->named.drop, pending->op) == 0;
    return is_named || (sync->named.drop_all && pending->state == GLOSS_PENDING_KEPT);
}

/* What --drop names, before anything is sent. */
static int drop_named(struct sync *sync, struct gloss_session *session)
{
    json_t *drop = json_array(), *op;
    struct gloss_pending pending;
    int status = 0;
    size_t i;
    for (i = 0; gloss_pending_at(session, i, &pending); i++) {
        if (is_to_drop(sync, &pending)) {
            json_array_append_new(drop, json_string(pending.op));
        }
    }
    json_array_foreach(drop, i, op)
    {
        int code = gloss_pending_drop(session, json_string_value(op));
        if (code != 0 && code != GLOSS_E_NOT_FOUND) { /* not found: it went with another op of its step */
            say(sync->cli, "not given up: %s", json_string_value(op));
            status = fail_error(sync->cli, "the op cannot be given up", gloss_last_error(sync->cli->gloss));
        }
    }
    json_decref(drop);
    return status;
}

/* What --send names, over what is there now. */
static int send_named(struct sync *sync, struct gloss_session *session)
{
    const char *op;
    json_t *value;
    int status = 0;
    json_object_foreach(sync->anew, op, value)
    {
        int code = gloss_pending_send(session, op);
        if (code != 0 && code != GLOSS_E_NOT_FOUND) { /* not found: a step or what it builds on took it along */
            status = fail_error(sync->cli, "the op cannot be sent anew", gloss_last_error(sync->cli->gloss));
        }
    }
    return status;
}

/* One that is named, and that another process has sent or given up since it was looked for. */
static int tell_missed(struct sync *sync)
{
    const json_t *lists[] = {sync->named.drop, sync->named.send};
    const char *op;
    json_t *value;
    int status = 0;
    for (size_t i = 0; i < 2; i++) {
        json_object_foreach((json_t *)lists[i], op, value)
        {
            status = fail(sync->cli, EXIT_COULD_NOT, "not_found", "not found: %s does not wait here any more", op);
        }
    }
    return status;
}

static size_t count_under_way(struct gloss_session *session)
{
    struct gloss_pending pending;
    size_t count = 0;
    for (size_t i = 0; gloss_pending_at(session, i, &pending); i++) {
        count += pending.state != GLOSS_PENDING_KEPT;
    }
    return count;
}

/* One that is not done: what it was, why, what stands there now, and what can be done about it. */
static void tell_refused(struct sync *sync, struct gloss_session *session, const char *op, const json_t *change,
                         const struct gloss_error *error, bool is_kept)
{
    struct cli *cli = sync->cli;
    struct gl_buf words;
    gl_buf_init(&words, SIZE_MAX);
    if (cli->is_json) {
        out_json(cli, json_pack("{s:s, s:s, s:b, s:O, s:o}", "op", op, "session", gloss_session_id(session), "kept", is_kept,
                                "change", change, "error", refused_json(session, error)));
    }
    bool is_lost = error->code == GLOSS_E_LOST;
    offline_put_words(&words, change);
    say(cli, "%s: %s", is_lost ? "lost" : "not done", gl_buf_cstr(&words));
    sync->lost += is_lost;
    refused_tell(cli, session, NULL, error);
    if (is_kept) {
        refused_choices(cli, op, error);
    } else {
        say_more(cli, "it waits no longer");
    }
    gl_buf_fini(&words);
    sync->left++;
}

/* Whether it is the error that has ended the session: then the op has no answer, and stays in its queue. */
static bool is_of_session(const struct sync *sync, const struct gloss_error *error)
{
    return sync->is_closed_to_us && error->code == sync->cli->link.final_code;
}

static void tell_answers(struct sync *sync, struct gloss_session *session)
{
    for (size_t i = 0; i < sync->answered_count; i++) {
        struct answered answered = sync->answered[i]; /* printing may wait, and more answers come meanwhile */
        const json_t *change = json_object_get(sync->changes, answered.op);
        if (answered.seq) {
            change_print(sync->cli, session, NULL, answered.op, answered.seq, answered.annotation);
            sync->sent++;
        } else if (change && is_of_session(sync, &answered.error)) {
            sync->left++;
        } else if (change) { /* otherwise it was given up */
            tell_refused(sync, session, answered.op, change, &answered.error, false);
        }
        gloss_error_clear(&answered.error);
    }
    sync->answered_count = 0;
}

/* Waits for answers, and tells each as it comes: who ends this in the middle knows how far it came. */
static void wait_for_answers(struct sync *sync, struct gloss_session *session)
{
    struct cli *cli = sync->cli;
    struct link_later later = {0};
    size_t left, all = 0;
    progress_begin(&sync->progress, &cli->err, "sending");
    while ((left = count_under_way(session)) > 0 && cli->link.final_code == 0 && !caught) {
        char tail[48];
        all = left > all ? left : all;
        snprintf(tail, sizeof tail, "%zu of %zu", all - left, all);
        progress_step(&sync->progress, all - left, all, tail);
        (void)!(link_step(cli, STEP_MS, LINK_PATIENCE_MS) || link_put_off_ops(cli, &later, session, LINK_PATIENCE_MS));
        if (sync->answered_count > 0 && !sync->is_closed_to_us) {
            progress_end(&sync->progress);
            tell_answers(sync, session);
        }
    }
    progress_end(&sync->progress);
}

static void tell_kept(struct sync *sync, struct gloss_session *session)
{
    struct gloss_pending pending;
    for (size_t i = 0; gloss_pending_at(session, i, &pending); i++) {
        static const struct gloss_error nothing = {.name = "kept", .message = "it waits here"};
        char op[GLOSS_ID];
        snprintf(op, sizeof op, "%s", pending.op);
        if (pending.state == GLOSS_PENDING_KEPT) { /* the others only wait, when this was interrupted */
            tell_refused(sync, session, op, pending.change, pending.error ? pending.error : &nothing, true);
        }
    }
}

/* The same, and all that was sent to it was accepted. */
static int tell_unknown(struct sync *sync, const char *id)
{
    struct link *link = &sync->cli->link;
    const char *title = known_title(sync->cli, id);
    say(sync->cli, "`%s` is not there for you any more: whether all that was accepted there is still in it cannot be known",
        title ? title : id);
    gloss_error_clear(&link->final_error);
    link->final_code = 0;
    return 0;
}

/* The session cannot be joined any more: that is no reason not to send what waits for others. */
static int tell_closed(struct sync *sync, const char *id, size_t left)
{
    struct link *link = &sync->cli->link;
    const char *title = known_title(sync->cli, id);
    bool is_kept = left > 0;
    int status = fail_error(sync->cli,
                            is_kept ? "what waits for a brief cannot be sent"
                                    : "whether all that was accepted for a brief is still there cannot be known",
                            &link->final_error);
    if (is_kept) {
        say_more(sync->cli, "%zu op%s for `%s` %s kept here: `gloss sync --list` shows them, `gloss sync --drop OP` gives one up",
                 left, left == 1 ? "" : "s", title ? title : id, left == 1 ? "is" : "are");
    }
    gloss_error_clear(&link->final_error);
    link->final_code = 0;
    return status;
}

/* Sends what is left in the queue. */
static int send_waiting(struct sync *sync, struct gloss_session *session)
{
    struct cli *cli = sync->cli;
    struct link_later later = {0};
    size_t left = sync->left;
    int status = 0;
    sync->is_closed_to_us = false;
    while (!(gloss_session_is_synced(session) && gloss_session_is_proven(session)) && cli->link.final_code == 0 && !caught) {
        (void)!(link_step(cli, STEP_MS, LINK_PATIENCE_MS) || link_put_off_join(cli, &later, session, LINK_PATIENCE_MS));
    }
    if (cli->link.final_code == 0 && !caught) {
        status = send_named(sync, session);
    }
    wait_for_answers(sync, session);
    tell_answers(sync, session);
    if (caught) {
        sync->left += count_under_way(session);
    }
    bool is_not_there = cli->link.final_code == GLOSS_E_NOT_FOUND || cli->link.final_code == GLOSS_E_FORBIDDEN;
    if (is_not_there && sync->is_closed_to_us && json_object_size(sync->changes) == 0) {
        return tell_unknown(sync, gloss_session_id(session));
    }
    if (cli->link.final_code && sync->is_closed_to_us) {
        return tell_closed(sync, gloss_session_id(session), sync->left - left);
    }
    if (cli->link.final_code) {
        return link_fail(cli, "not everything was sent; what waits is kept");
    }
    tell_kept(sync, session);
    return status;
}

static int send_session(struct sync *sync, const char *id)
{
    struct cli *cli = sync->cli;
    struct gloss_session *session = NULL;
    struct gloss_join options;
    gloss_join_init(&options);
    if (gloss_join(cli->gloss, id, &options, &session) != 0) {
        return fail_error(cli, "the queue cannot be opened", gloss_last_error(cli->gloss));
    }
    int status = drop_named(sync, session); /* before anything is sent: nothing has been processed since */
    take_changes(sync, session);
    if (json_object_size(sync->changes) > 0 || json_object_get(sync->remembered, id)) {
        int sent = send_waiting(sync, session);
        status = first_of(status, sent);
    }
    gloss_leave(&session);
    return status;
}

/* So that nobody is killed between an answer and telling it. A second signal ends the program at once. */
static void listen_to_signals(void)
{
    struct sigaction on_signal = {.sa_handler = catch_signal,
                                  .sa_flags = (int)SA_RESETHAND}; /* no SA_RESTART: waiting must end */
    sigaction(SIGINT, &on_signal, NULL);
    sigaction(SIGTERM, &on_signal, NULL);
}

static int send_all(struct sync *sync)
{
    json_t *session;
    size_t i;
    int worst = 0;
    char *folder = offline_folder();
    sync->cli->link.queue_folder = folder;
    int status = link_open(sync->cli, on_event, sync);
    if (status == 0) {
        listen_to_signals();
        worst = find_queues(sync); /* known only now whose they are */
        status = named_find(sync->cli, sync->sessions, &sync->named);
    }
    json_array_foreach(sync->sessions, i, session)
    {
        if (status == 0 && sync->cli->link.final_code == 0 && !caught) {
            worst = first_of(worst, send_session(sync, json_string_value(session)));
        }
    }
    if (status == 0 && sync->cli->link.final_code == 0 && !caught) {
        worst = first_of(worst, tell_missed(sync));
    }
    link_close(sync->cli); /* while there is a folder */
    sync->cli->link.queue_folder = NULL;
    free(folder);
    return first_of(status, worst);
}

static void end_by_signal(struct sync *sync)
{
    say(sync->cli, "interrupted after %zu answer%s; what has none waits here, and `gloss sync` goes on with it", sync->sent,
        sync->sent == 1 ? "" : "s");
    (void)fflush(NULL);
    (void)signal(caught, SIG_DFL);
    (void)raise(caught);
}

static int end_status(const struct sync *sync)
{
    return sync->lost || sync->is_more_lost ? EXIT_LOST : sync->left ? EXIT_SOME_REFUSED : EXIT_DONE;
}

int cmd_sync(struct cli *cli)
{
    struct sync sync = {
        .cli = cli, .sessions = json_array(), .remembered = json_object(), .changes = json_object(), .anew = json_object()};
    bool is_list = cli_flag(cli, OPT_list_waiting);
    int status = is_list ? list_all(&sync) : send_all(&sync);
    if (caught) {
        end_by_signal(&sync);
    }
    if (status == 0 && sync.waiting == 0 && sync.left == 0 && !cli->is_json) {
        say(cli, "nothing waits%s", sync.others ? " for this account on this server" : "");
    }
    if (sync.others) {
        say(cli, "%zu op%s of another account or for another server wait%s, too; sign in there to send them", sync.others,
            sync.others == 1 ? "" : "s", sync.others == 1 ? "s" : "");
    }
    free(sync.answered);
    named_fini(&sync.named);
    json_decref(sync.changes);
    json_decref(sync.anew);
    json_decref(sync.sessions);
    json_decref(sync.remembered);
    return status == 0 && !is_list ? end_status(&sync) : status;
}
