/*
 * cmd_show.c - gloss show: the brief with everything on it, now or as it was.
 */
#include <stdlib.h>

#include "clients/cli/brief.h"
#include "clients/cli/cmds.h"
#include "clients/cli/follow.h"
#include "clients/cli/known.h"
#include "clients/cli/link.h"
#include "clients/cli/ops.h"
#include "clients/cli/say.h"
#include "clients/cli/sheet.h"
#include "clients/cli/words.h"
#include "proto/model/hash.h"

/* The state at one seq: what --at and now have in common. */
struct moment {
    struct gl_annotation **items; /* deleted ones too, a reference each */
    size_t count;
    uint64_t seq;
    char chain[GLOSS_HASH], state[GLOSS_HASH];
};

static void take_moment(struct moment *moment, const struct gloss_session *session)
{
    size_t all = gloss_annotation_count(session);
    moment->items = heap_alloc(all, sizeof(struct gl_annotation *));
    for (size_t i = 0; i < all; i++) {
        moment->items[moment->count++] = gloss_annotation_ref(gloss_annotation_at(session, i));
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

/* A relation's record with what is known of its other end. */
static void put_end(json_t *record, const struct gl_annotation *annotation, const struct gloss_session *session,
                    const struct far_list *far)
{
    char id[GLOSS_ID];
    gl_uuid_format(&annotation->link.to, id);
    const struct far_end *end = far_find(far, &annotation->link.to);
    const struct gl_annotation *near = end ? NULL : gloss_annotation_find(session, id), *there = end ? end->end : near;
    json_object_set_new(record, "dangling", json_boolean(!there || there->is_deleted));
    if (end && end->title) {
        json_object_set_new(record, "to_title", json_string(end->title));
    }
    if (there && !there->is_deleted) {
        json_t *place = json_object();
        record_put_place(place, there);
        json_object_set(record, "to_exact", json_object_get(place, "exact"));
        json_decref(place);
    }
}

static void print_json(struct cli *cli, const struct brief *brief, const struct gloss_session *session,
                       const struct moment *moment, const struct far_list *far)
{
    json_t *list = json_array();
    for (size_t i = 0; i < moment->count; i++) {
        if (!moment->items[i]->is_deleted) {
            json_t *record = record_json(session, moment->items[i]);
            if (moment->items[i]->target_kind == GL_TARGET_RELATION) {
                put_end(record, moment->items[i], session, far);
            }
            json_array_append_new(list, record);
        }
    }
    out_json(cli, json_pack("{s:s, s:s, s:s, s:I, s:I, s:s, s:s, s:o}", "document", brief->document, "session", brief->session,
                            "title", brief->title, "codepoints", (json_int_t)brief->codepoints, "seq", (json_int_t)moment->seq,
                            "chain", moment->chain, "state", moment->state, "annotations", list));
}

static bool take_pages(void *ctx, struct gl_buf *out)
{
    struct screen *screen = ctx;
    screen_put(screen, out);
    gl_buf_clear(out);
    return !ferror(screen->stream);
}

static int print_sheet(struct cli *cli, const struct brief *brief, const struct gloss_session *session,
                       const struct moment *moment, const struct far_list *far)
{
    uint64_t width = cli->out.columns;
    struct gl_text *text = NULL;
    struct terms terms = {0};
    int status = cli_number(cli, OPT_width, SCREEN_LEAST, SCREEN_MOST, &width, NULL);
    status = status ? status : terms_read(cli, brief->project, &terms);
    status = status ? status : words_fetch(cli, brief->document, &text);
    if (status) {
        terms_fini(&terms);
        return status;
    }
    struct sheet sheet = {.title = brief->title,
                          .seq = moment->seq,
                          .session = session,
                          .terms = &terms,
                          .annotations = moment->items,
                          .count = moment->count,
                          .far = far,
                          .unfolds = cli_flag(cli, OPT_unfold),
                          .columns = (unsigned)width,
                          .paint = cli_flag(cli, OPT_plain) ? PAINT_PLAIN : cli->out.paint,
                          .take = take_pages,
                          .take_ctx = &cli->out};
    struct gl_buf out;
    gl_buf_init(&out, SIZE_MAX);
    if (!cli_flag(cli, OPT_plain)) {
        screen_begin_pages(&cli->out);
    }
    sheet_put(&out, text, &sheet);
    take_pages(&cli->out, &out);
    gl_buf_fini(&out);
    gloss_text_free(&text);
    terms_fini(&terms);
    return 0;
}

/* What was looked at, and as of when: so that it may be changed without the server, and nothing that somebody else did since is overwritten. */
static void remember(struct cli *cli, const struct brief *brief, const struct moment *moment)
{
    known_chain(cli, brief->session, moment->seq, moment->chain, true);
    for (size_t i = 0; i < moment->count; i++) {
        char id[GLOSS_ID];
        gloss_annotation_id(moment->items[i], id);
        known_annotation(cli, brief->session, id, moment->seq);
    }
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
        remember(cli, brief, moment);
    }
    return status;
}

int cmd_show(struct cli *cli)
{
    struct brief brief = {0};
    struct moment moment = {0};
    struct far_list far = {0};
    struct follow follow = {.cli = cli, .patience_ms = LINK_PATIENCE_MS, .on_end = on_end, .arg = &moment};
    int status = cli_number(cli, OPT_at, 0, INT64_MAX, &follow.until, &follow.has_until);
    status = status ? status : follow_open(&follow);
    status = status ? status : brief_find(cli, cli_word(cli, 0), &brief);
    status = status ? status : read_moment(cli, &follow, &brief, &moment);
    if (status == 0) {
        far_gather(cli, brief.session, moment.items, moment.count, &far);
    }
    if (status == 0 && cli->is_json) {
        print_json(cli, &brief, follow.session, &moment, &far);
    } else if (status == 0) {
        status = print_sheet(cli, &brief, follow.session, &moment, &far);
    }
    far_fini(&far);
    moment_fini(&moment);
    brief_fini(&brief);
    return status;
}
