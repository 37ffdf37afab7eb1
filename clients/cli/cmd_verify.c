/*
 * cmd_verify.c - gloss verify: the log read from its beginning or from a snapshot, hashed and applied here, compared with what the server says.
 *
 * The library checks every message by itself, and ends the session when chain or state do not fit. Here both are computed once more, from the
 * ops as they were logged, by the rules of PROTOCOL.md alone: what is printed was computed on this machine.
 */
#include <stdio.h>
#include <stdlib.h>

#include "clients/cli/brief.h"
#include "clients/cli/cmds.h"
#include "clients/cli/follow.h"
#include "clients/cli/link.h"
#include "clients/cli/say.h"
#include "clients/cli/verify_snapshot.h"
#include "proto/model/state.h"

struct verify {
    struct cli *cli;
    struct gl_state *state;
    struct gl_err err;
    struct progress progress;
    char server_chain[GLOSS_HASH], server_state[GLOSS_HASH];
    bool has_server_state;
    uint64_t erased; /* ops without their words: the chain goes over them, the state cannot be worked out any more */
    uint64_t from;   /* the seq that it begins behind: of the snapshot, or 0 */
};

static void on_op(struct follow *follow, const struct gloss_event *event)
{
    struct verify *verify = follow->arg;
    if (event->erased) {
        verify->erased++;
        verify->state->is_partial = true;
    }
    if (verify->err.code == GL_OK && event->logged) {
        enum gl_code code = gl_state_append(verify->state, event->logged, &verify->err);
        verify->err.code = code;
    }
    progress_step(&verify->progress, event->seq, follow->head, "");
}

/* The library's replica has been compared with what the server said of this seq. */
static void on_end(struct follow *follow)
{
    struct verify *verify = follow->arg;
    gloss_session_chain(follow->session, verify->server_chain);
    verify->has_server_state = gloss_session_state_sum(follow->session, verify->server_state);
}

static void print_report(struct verify *verify, const char *chain, const char *sum, bool ok)
{
    struct cli *cli = verify->cli;
    const struct gl_state *state = verify->state;
    out_line(cli, "seq         %llu", (unsigned long long)state->seq);
    if (verify->from) {
        out_line(cli, "from        %llu", (unsigned long long)verify->from);
    }
    out_line(cli, "chain       %s", chain);
    if (verify->erased) {
        out_line(cli, "erased      %llu", (unsigned long long)verify->erased);
    } else {
        out_line(cli, "state       %s", sum);
        out_line(cli, "annotations %zu", state->live_count);
    }
    if (ok && verify->erased) {
        out_line(cli, "ok: the chain was computed here from the log; %llu op%s erased, so the state cannot be",
                 (unsigned long long)verify->erased, verify->erased == 1 ? " was" : "s were");
        return;
    }
    out_line(cli, "%s",
             !ok            ? "NOT OK"
             : verify->from ? "ok: computed here from the snapshot and the log behind it, and the server says the same"
                            : "ok: computed here from the log, and the server says the same");
}

static json_t *json_report(struct verify *verify, const char *chain, const char *sum, bool ok)
{
    const struct gl_state *state = verify->state;
    json_t *line = json_pack("{s:I, s:s, s:I, s:b}", "seq", (json_int_t)state->seq, "chain", chain, "from",
                             (json_int_t)verify->from, "ok", (int)ok);
    if (verify->erased) {
        json_object_set_new(line, "erased", json_integer((json_int_t)verify->erased));
    } else {
        json_object_set_new(line, "state", json_string(sum));
        json_object_set_new(line, "annotations", json_integer((json_int_t)state->live_count));
    }
    return line;
}

static int report(struct verify *verify)
{
    struct cli *cli = verify->cli;
    char chain[GLOSS_HASH], sum[GLOSS_HASH];
    hash_format(&verify->state->chain, chain);
    hash_format(&verify->state->sum, sum);
    bool same_state = verify->has_server_state && strcmp(sum, verify->server_state) == 0;
    bool ok = verify->err.code == GL_OK && cli->link.final_code == 0 && strcmp(chain, verify->server_chain) == 0 &&
              (same_state || verify->erased);
    if (cli->is_json) {
        out_json(cli, json_report(verify, chain, sum, ok));
    } else {
        print_report(verify, chain, sum, ok);
    }
    if (!ok) {
        say(cli, "the log does not verify: %s",
            verify->err.code != GL_OK   ? verify->err.detail[0] ? verify->err.detail : gl_code_sentence(verify->err.code)
              : cli->link.final_code != 0 ? cli->link.final_error.message
                                        : "the server's chain or state sum is another");
    }
    return ok ? EXIT_DONE : EXIT_SOME_REFUSED;
}

static bool is_about_the_log(int code)
{
    return code == GLOSS_E_CHAIN_BROKEN || code == GLOSS_E_RESYNC;
}

static void copy_text(char to[GLOSS_HASH], const json_t *from)
{
    const char *text = json_string_value(from);
    (void)snprintf(to, GLOSS_HASH, "%s", text ? text : "");
}

/* What the server says is asked for, and the log read up to there: a library that holds no replica has no state to compare. */
static int from_snapshot(struct cli *cli, struct follow *follow, struct verify *verify)
{
    char chain[GLOSS_HASH];
    json_t *joined = NULL;
    int status = verify_snapshot_read(cli, follow->session_id, verify->state, &verify->err);
    if (status == 0 && verify->err.code == GL_OK) {
        status = link_call(cli, "the session cannot be opened", "session.join",
                           json_pack("{s:s, s:b}", "session", follow->session_id, "live", 0), &joined);
    }
    if (!joined) {
        return status;
    }
    follow->until = (uint64_t)json_integer_value(json_object_get(joined, "seq"));
    follow->has_until = true;
    follow->on_end = NULL;
    copy_text(verify->server_chain, json_object_get(joined, "chain"));
    copy_text(verify->server_state, json_object_get(joined, "state"));
    json_decref(joined);
    verify->has_server_state = true;
    verify->from = verify->state->seq;
    if (verify->from == follow->until) {
        return 0;
    }
    hash_format(&verify->state->chain, chain);
    follow->after = verify->from;
    follow->chain = chain;
    status = follow_run(follow);
    follow->chain = NULL;
    return status;
}

static int verify_brief(struct cli *cli, const struct brief *brief, struct follow *follow, struct verify *verify)
{
    gl_uuid stream;
    uint8_t sha256[32];
    const char *hex = json_string_value(json_object_get(brief->info, "sha256"));
    if (!gl_uuid_parse(gl_slice_str(brief->session), &stream) ||
        !gl_hex_decode(gl_slice_str(hex ? hex : ""), sha256, sizeof sha256)) {
        return fail(cli, EXIT_COULD_NOT, "malformed", "the server's description of the brief cannot be understood");
    }
    verify->state = gl_state_new(&stream, sha256);
    if (!verify->state) {
        return fail(cli, EXIT_COULD_NOT, "nomem", "out of memory");
    }
    progress_begin(&verify->progress, &cli->err, "verifying");
    follow->session_id = brief->session;
    int status = cli_flag(cli, OPT_snapshot) ? from_snapshot(cli, follow, verify) : follow_run(follow);
    progress_end(&verify->progress);
    if (status == 0 || is_about_the_log(cli->link.final_code)) {
        return report(verify);
    }
    return cli->link.final_code ? fail_error(cli, "the log cannot be read", &cli->link.final_error) : status;
}

int cmd_verify(struct cli *cli)
{
    struct brief brief = {0};
    struct verify verify = {.cli = cli};
    struct follow follow = {.cli = cli,
                            .to_head = true,
                            .is_quiet = true,
                            .patience_ms = LINK_PATIENCE_MS,
                            .on_op = on_op,
                            .on_end = on_end,
                            .arg = &verify};
    int status = follow_open(&follow);
    if (status == 0) {
        status = brief_find(cli, cli_word(cli, 0), &brief);
    }
    if (status == 0) {
        status = verify_brief(cli, &brief, &follow, &verify);
    }
    gl_state_free(&verify.state);
    brief_fini(&brief);
    return status;
}
