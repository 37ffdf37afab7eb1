#include "clients/cli/link.h"

#include <stdlib.h>

#include "clients/cli/known.h"
#include "clients/cli/offline.h"
#include "clients/cli/say.h"
#include "proto/gl_err.h"

#define STEP_MS           1000
#define TRACEPARENT_BYTES 55
#define CALL_MS           30000
#define QUOTA_MS          1000 /* when the server did not say */
#define QUOTA_SAID_MS     3000 /* a wait that a person should know of */
#define LATER_SAID_MS     3000 /* the same, of what the server puts off */

static void keep_final(struct link *link, const struct gloss_error *error)
{
    if (link->final_code == 0) {
        link->final_code = error->code ? error->code : GLOSS_E_INTERNAL;
        link->final_error = *error;
        link->final_error.code = link->final_code;
        json_incref(link->final_error.data);
    }
}

static void on_event(struct gloss *g, const struct gloss_event *event, void *arg)
{
    struct link *link = arg;
    switch (event->type) {
    case GLOSS_EV_CONNECTED: link->lost_ms = 0; break;
    case GLOSS_EV_DISCONNECTED: link->lost_ms = link->lost_ms ? link->lost_ms : screen_now_ms(); break;
    case GLOSS_EV_ERROR: keep_final(link, event->error); break;
    default: break;
    }
    if (link->fn) {
        link->fn(g, event, link->arg);
    }
}

bool link_has_ended(const struct cli *cli, int before)
{
    return before == 0 && cli->link.final_code != 0;
}

int link_fail(struct cli *cli, const char *doing)
{
    int status = fail_error(cli, doing, &cli->link.final_error);
    return cli->link.is_put_off ? EXIT_UNREACHABLE : status;
}

static int check_settings(struct cli *cli)
{
    if (!cli->settings.url) {
        return fail(
            cli, EXIT_NOT_SIGNED_IN, "no_server",
            "no server is named: run `gloss login --url https://HOST:PORT/`, or say which with --server NAME, --url or GLOSS_URL");
    }
    if (!cli->settings.token) {
        return fail(
            cli, EXIT_NOT_SIGNED_IN, "sign_in_first",
            "you are not signed in to %s: run `gloss login`, or name a token's file with --token-file or GLOSS_TOKEN_FILE",
            cli->settings.url);
    }
    return 0;
}

static int connect_first(struct cli *cli)
{
    int code = gloss_connect(cli->gloss);
    if (code != 0) {
        keep_final(&cli->link, gloss_last_error(cli->gloss));
    }
    while (cli->link.final_code == 0 && !gloss_is_connected(cli->gloss)) {
        if (link_step(cli, STEP_MS, LINK_FOR_EVER)) {
            break;
        }
    }
    return cli->link.final_code ? link_fail(cli, "not connected") : 0;
}

/* What is no trace context is none: it is not for the command itself. */
static const char *traceparent(void)
{
    const char *given = getenv("TRACEPARENT");
    return given && strlen(given) == TRACEPARENT_BYTES && strspn(given, "0123456789abcdef-") == TRACEPARENT_BYTES ? given : NULL;
}

int link_sign_in(struct cli *cli, const char *account, const char *password)
{
    struct gloss_error error = {0};
    struct gloss_config config;
    gloss_config_init(&config);
    config.url = cli->settings.url;
    config.token = account ? NULL : cli->settings.token;
    config.account = account;
    config.password = password;
    config.ca_file = cli->settings.ca;
    config.client = "gloss " GLOSS_CLI_VERSION;
    config.on_event = on_event;
    config.arg = &cli->link;
    config.once = true;
    config.queue_dir = cli->link.queue_folder;
    config.traceparent = traceparent();
    cli->gloss = gloss_new(&config, &error);
    if (cli->gloss) {
        return connect_first(cli);
    }
    int status = fail_error(cli, "the connection cannot be made", &error);
    gloss_error_clear(&error);
    return status;
}

int link_open(struct cli *cli, gloss_event_fn fn, void *arg)
{
    int status = check_settings(cli);
    cli->link.fn = fn;
    cli->link.arg = arg;
    if (status == 0 && cli_flag(cli, OPT_offline)) {
        return offline_open(cli);
    }
    status = status ? status : link_sign_in(cli, NULL, NULL);
    if (status == EXIT_UNREACHABLE && args_takes(cli->args.verb, OPT_offline)) {
        say_more(cli, "with --offline it is kept here, and `gloss sync` sends it once the server is there");
    }
    if (status == 0) {
        known_account(cli, gloss_account(cli->gloss));
    }
    return status;
}

void link_close(struct cli *cli)
{
    gloss_free(&cli->gloss);
    gloss_error_clear(&cli->link.final_error);
}

int link_step(struct cli *cli, int timeout_ms, int patience_ms)
{
    int code = gloss_wait(cli->gloss, timeout_ms);
    if (code == GLOSS_E_TIMED_OUT) {
        code = 0;
    }
    if (code != 0) {
        keep_final(&cli->link, gloss_last_error(cli->gloss));
    }
    if (patience_ms >= 0 && cli->link.lost_ms && screen_now_ms() - cli->link.lost_ms > patience_ms) {
        struct gloss_error error = {.code = GLOSS_E_UNREACHABLE, .name = "unreachable"};
        snprintf(error.message, sizeof error.message, "the connection was lost and did not come back within %d seconds",
                 patience_ms / 1000);
        keep_final(&cli->link, &error);
    }
    return cli->link.final_code;
}

static int put_off(struct cli *cli, struct link_later *later, const struct gloss_error *error, int patience_ms)
{
    int64_t now_ms = screen_now_ms();
    bool is_later = error && gl_code_retry(gl_code_from_wire(error->code)) == GL_LATER;
    if (!is_later || error->code == GLOSS_E_RATE_LIMITED ||
        !gloss_is_connected(cli->gloss)) { /* a quota says itself until when */
        later->since_ms = 0;
        return cli->link.final_code;
    }
    later->since_ms = later->since_ms ? later->since_ms : now_ms;
    if (now_ms - later->since_ms > LATER_SAID_MS && !later->is_said) {
        later->is_said = true;
        say(cli, "the server puts it off: %s; waiting", error->message[0] ? error->message : gloss_code_sentence(error->code));
    }
    if (patience_ms >= 0 && now_ms - later->since_ms > patience_ms) {
        cli->link.is_put_off = cli->link.final_code == 0;
        keep_final(&cli->link, error);
    }
    return cli->link.final_code;
}

int link_put_off_ops(struct cli *cli, struct link_later *later, struct gloss_session *session, int patience_ms)
{
    struct gloss_pending pending;
    size_t i = 0;
    bool has_one;
    do {
        has_one = gloss_pending_at(session, i++, &pending);
    } while (has_one && pending.state == GLOSS_PENDING_KEPT);
    const struct gloss_error *error = has_one ? pending.error : NULL;
    if (error && strcmp(later->op, pending.op) != 0) { /* it gets on */
        snprintf(later->op, sizeof later->op, "%s", pending.op);
        later->since_ms = 0;
    }
    return put_off(cli, later, error, patience_ms);
}

/* What the server said last stays until it has let us in: a wait that ends without anything is an error of ours, and says nothing of that. */
int link_put_off_join(struct cli *cli, struct link_later *later, const struct gloss_session *session, int patience_ms)
{
    const struct gloss_error *last = gloss_last_error(cli->gloss);
    if (gloss_session_is_joined(session) || !gloss_is_connected(cli->gloss)) {
        later->said = (struct gloss_error){0};
    } else if (last->code != 0 && last->code != GLOSS_E_TIMED_OUT && last->code != GLOSS_E_DISCONNECTED) {
        later->said = (struct gloss_error){.code = last->code, .retry_after_ms = last->retry_after_ms};
        snprintf(later->said.name, sizeof later->said.name, "%s", last->name);
        snprintf(later->said.message, sizeof later->said.message, "%s", last->message);
    }
    return put_off(cli, later, later->said.code != 0 ? &later->said : NULL, patience_ms);
}

/* Until then the connection is served. False: it is over. */
static bool wait_for_quota(struct cli *cli, const struct gloss_error *error)
{
    const int64_t until_ms = screen_now_ms() + (error->retry_after_ms > 0 ? error->retry_after_ms : QUOTA_MS);
    if (error->retry_after_ms >= QUOTA_SAID_MS) {
        say_more(cli, "%s", error->message);
    }
    for (int64_t left_ms; (left_ms = until_ms - screen_now_ms()) > 0;) {
        if (link_step(cli, left_ms < STEP_MS ? (int)left_ms : STEP_MS, LINK_PATIENCE_MS)) {
            return false;
        }
    }
    return true;
}

/* What a quota puts off was not looked at: it is asked again when the server said. */
int link_try(struct cli *cli, const char *method, json_t *params, json_t **result, struct gloss_error *error)
{
    *result = NULL;
    int code = gloss_call_wait(cli->gloss, method, params, CALL_MS, result, error);
    while (code == GLOSS_E_RATE_LIMITED && wait_for_quota(cli, error)) {
        gloss_error_clear(error);
        code = gloss_call_wait(cli->gloss, method, params, CALL_MS, result, error);
    }
    json_decref(params);
    return code;
}

int link_call(struct cli *cli, const char *doing, const char *method, json_t *params, json_t **result)
{
    struct gloss_error error = {0};
    if (link_try(cli, method, params, result, &error) == 0) {
        return 0;
    }
    int status = fail_error(cli, doing, &error);
    gloss_error_clear(&error);
    return status;
}

int link_list(struct cli *cli, const char *doing, const char *method, json_t *params, const char *list, link_item_fn fn,
              void *arg)
{
    json_t *result = NULL, *item;
    bool goes_on = true;
    int status;
    size_t i;
    do {
        status = link_call(cli, doing, method, json_deep_copy(params), &result);
        json_array_foreach(json_object_get(result, list), i, item)
        {
            goes_on = goes_on && fn(item, arg);
        }
        json_t *next = json_object_get(result, "next");
        goes_on = goes_on && json_is_string(next);
        if (goes_on) {
            json_object_set(params, "cursor", next);
        }
        json_decref(result);
        result = NULL;
    } while (status == 0 && goes_on);
    json_decref(params);
    return status;
}

int link_join(struct cli *cli, const char *session_id, const struct gloss_join *options, struct gloss_session **session)
{
    if (gloss_join(cli->gloss, session_id, options, session) != 0) {
        return fail_error(cli, "the session cannot be opened", gloss_last_error(cli->gloss));
    }
    struct link_later later = {0};
    while (!gloss_session_is_synced(*session)) {
        if (link_step(cli, STEP_MS, LINK_PATIENCE_MS) || link_put_off_join(cli, &later, *session, LINK_PATIENCE_MS)) {
            return link_fail(cli, "the session cannot be opened");
        }
    }
    return 0;
}
