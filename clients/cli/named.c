#include "clients/cli/named.h"

#include "clients/cli/offline.h"
#include "clients/cli/say.h"

static int gather(struct cli *cli, const char *id, json_t *ops)
{
    struct gloss_session *session = NULL;
    struct gloss_pending pending;
    int status = offline_join(cli, id, &session);
    for (size_t i = 0; status == 0 && gloss_pending_at(session, i, &pending); i++) {
        json_object_set_new(ops, pending.op, json_true());
    }
    gloss_leave(&session);
    return status;
}

/* Looks with a client that does not connect, so that nothing is sent by looking. A queue that cannot be opened (another process works with it) is told by
 * offline_join(), and does not hide the others: only what is in it cannot be named. */
static int gather_all(struct cli *cli, const json_t *sessions, json_t *ops)
{
    struct gloss *connected = cli->gloss;
    json_t *session;
    size_t i;
    cli->gloss = NULL;
    int status = offline_open(cli);
    json_array_foreach((json_t *)sessions, i, session)
    {
        if (status == 0) {
            (void)gather(cli, json_string_value(session), ops);
        }
    }
    gloss_free(&cli->gloss);
    cli->gloss = connected;
    return status;
}

/* The whole id of the only op that begins so. */
static int whole_id(struct cli *cli, const char *given, const json_t *ops, json_t *into)
{
    struct gl_buf found;
    const char *op;
    json_t *value;
    size_t count = 0;
    int status = 0;
    gl_buf_init(&found, SIZE_MAX);
    json_object_foreach((json_t *)ops, op, value)
    {
        if (*given && strncmp(given, op, strlen(given)) == 0) {
            gl_buf_str(&found, count++ ? ", " : "");
            gl_buf_str(&found, op);
        }
    }
    if (count == 0) {
        status = fail(cli, EXIT_COULD_NOT, "not_found",
                      "not found: no op that begins with `%s` waits here, where it can be read; nothing was done", given);
    } else if (count > 1) {
        status = fail(cli, EXIT_COULD_NOT, "ambiguous", "ambiguous: %zu ops that wait begin with `%s`, so nothing was done: %s",
                      count, given, gl_buf_cstr(&found));
    } else {
        json_object_set_new(into, gl_buf_cstr(&found), json_true());
    }
    gl_buf_fini(&found);
    return status;
}

static int whole_ids(struct cli *cli, enum option_id id, const json_t *ops, json_t *into, bool *is_all)
{
    const char *given;
    int status = 0;
    for (size_t i = 0; status == 0 && (given = cli_nth(cli, id, i)); i++) {
        if (strcmp(given, "all") == 0) {
            *is_all = true;
        } else {
            status = whole_id(cli, given, ops, into);
        }
    }
    return status;
}

int named_find(struct cli *cli, const json_t *sessions, struct named *named)
{
    json_t *ops = json_object();
    int status = 0;
    *named = (struct named){.drop = json_object(), .send = json_object()};
    if (cli_flag(cli, OPT_give_up) || cli_flag(cli, OPT_send_anew)) {
        status = gather_all(cli, sessions, ops);
        status = status ? status : whole_ids(cli, OPT_give_up, ops, named->drop, &named->drop_all);
        status = status ? status : whole_ids(cli, OPT_send_anew, ops, named->send, &named->send_all);
    }
    json_decref(ops);
    return status;
}

void named_fini(struct named *named)
{
    json_decref(named->drop);
    json_decref(named->send);
    *named = (struct named){0};
}
