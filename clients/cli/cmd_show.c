/*
 * cmd_show.c - gloss show: the brief with everything on it, now or as it was.
 */
#include <stdlib.h>

#include "clients/cli/brief.h"
#include "clients/cli/cmds.h"
#include "clients/cli/follow.h"
#include "clients/cli/link.h"
#include "clients/cli/ops.h"
#include "clients/cli/say.h"
#include "clients/cli/sheet.h"
#include "clients/cli/words.h"
#include "proto/model/hash.h"

/* The state at one seq: what --at and now have in common. */
struct moment {
    struct gl_annotation **items; /* those that are not deleted, a reference each */
    size_t count;
    uint64_t seq;
    char chain[GLOSS_HASH], state[GLOSS_HASH];
};

static void take_moment(struct moment *moment, const struct gloss_session *session)
{
    size_t all = gloss_annotation_count(session);
    moment->items = heap_alloc(all, sizeof(struct gl_annotation *));
    for (size_t i = 0; i < all; i++) {
        struct gl_annotation *annotation = gloss_annotation_at(session, i);
        if (!gloss_annotation_is_deleted(annotation)) {
            moment->items[moment->count++] = gloss_annotation_ref(annotation);
        }
    }
    moment->seq = gloss_session_seq(session);
    gloss_session_chain(session, moment->chain);
    gloss_session_state_sum(session, moment->state);
}

static void moment_fini(struct moment *moment)
{
    for (size_t i = 0; i < moment->count; i++) {
        gloss_annotation_unref(&moment->items[i]);
    }
    free(moment->items);
}

/* Before the first op: nothing was there, and the chain begins with the text. */
static void take_beginning(struct moment *moment, const struct brief *brief)
{
    gl_uuid stream;
    gl_hash sum = {{0}}, chain = sum;
    uint8_t sha256[32];
    const char *hex = json_string_value(json_object_get(brief->info, "sha256"));
    if (gl_uuid_parse(gl_slice_str(brief->session), &stream) &&
        gl_hex_decode(gl_slice_str(hex ? hex : ""), sha256, sizeof sha256)) {
        chain = gl_chain_start(&stream, sha256);
    }
    hash_format(&chain, moment->chain);
    hash_format(&sum, moment->state);
}

static void on_end(struct follow *follow)
{
    take_moment(follow->arg, follow->session);
}

static void print_json(struct cli *cli, const struct brief *brief, const struct gloss_session *session,
                       const struct moment *moment)
{
    json_t *list = json_array();
    for (size_t i = 0; i < moment->count; i++) {
        json_array_append_new(list, record_json(session, moment->items[i]));
    }
    out_json(cli, json_pack("{s:s, s:s, s:s, s:I, s:I, s:s, s:s, s:o}", "document", brief->document, "session", brief->session,
                            "title", brief->title, "codepoints", (json_int_t)brief->codepoints, "seq", (json_int_t)moment->seq,
                            "chain", moment->chain, "state", moment->state, "annotations", list));
}

static int print_sheet(struct cli *cli, const struct brief *brief, const struct gloss_session *session,
                       const struct moment *moment)
{
    uint64_t width = cli->out.columns;
    struct gl_text *text = NULL;
    int status = cli_number(cli, OPT_width, SCREEN_LEAST, SCREEN_MOST, &width, NULL);
    status = status ? status : words_fetch(cli, brief->document, &text);
    if (status) {
        return status;
    }
    struct sheet sheet = {.title = brief->title,
                          .seq = moment->seq,
                          .session = session,
                          .annotations = moment->items,
                          .count = moment->count,
                          .columns = (unsigned)width,
                          .paint = cli_flag(cli, OPT_plain) ? PAINT_PLAIN : cli->out.paint};
    struct gl_buf out;
    gl_buf_init(&out, SIZE_MAX);
    sheet_put(&out, text, &sheet);
    if (cli_flag(cli, OPT_plain)) {
        screen_put(&cli->out, &out);
    } else {
        screen_page(&cli->out, &out);
    }
    gl_buf_fini(&out);
    gloss_text_free(&text);
    return 0;
}

/* The state of now is read in pages; one of the past is computed from the log up to there. */
static int read_moment(struct cli *cli, struct follow *follow, const struct brief *brief, struct moment *moment)
{
    struct gloss_join options;
    follow->session_id = brief->session;
    if (follow->has_until && follow->until > 0) {
        follow->to_head = true;
        int status = follow_run(follow);
        if (status == 0 && moment->seq < follow->until) {
            status = fail(cli, EXIT_COULD_NOT, "out_of_range", "the log has %llu ops, so there is no state at --at %llu",
                          (unsigned long long)moment->seq, (unsigned long long)follow->until);
        }
        return status;
    }
    follow->on_end = NULL;
    gloss_join_init(&options);
    int status = link_join(cli, brief->session, &options, &follow->session);
    if (status == 0 && follow->has_until) {
        take_beginning(moment, brief);
    } else if (status == 0) {
        take_moment(moment, follow->session);
    }
    return status;
}

int cmd_show(struct cli *cli)
{
    struct brief brief = {0};
    struct moment moment = {0};
    struct follow follow = {.cli = cli, .patience_ms = LINK_PATIENCE_MS, .on_end = on_end, .arg = &moment};
    int status = cli_number(cli, OPT_at, 0, INT64_MAX, &follow.until, &follow.has_until);
    status = status ? status : follow_open(&follow);
    status = status ? status : brief_find(cli, cli_word(cli, 0), &brief);
    status = status ? status : read_moment(cli, &follow, &brief, &moment);
    if (status == 0 && cli->is_json) {
        print_json(cli, &brief, follow.session, &moment);
    } else if (status == 0) {
        status = print_sheet(cli, &brief, follow.session, &moment);
    }
    moment_fini(&moment);
    brief_fini(&brief);
    return status;
}
