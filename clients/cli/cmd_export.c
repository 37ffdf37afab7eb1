/*
 * cmd_export.c - gloss export: the annotations in a standard form.
 *
 * The log is read, not the state, because a record says which op made it, and only the op says when.
 */
#include <stdlib.h>

#include "clients/cli/cmds.h"
#include "clients/cli/follow.h"
#include "clients/cli/jsonld.h"
#include "clients/cli/link.h"
#include "clients/cli/say.h"

struct export
{
    struct cli *cli;
    struct jsonld jsonld;
    uint64_t time_cap;
};

static void on_op(struct follow *follow, const struct gloss_event *event)
{
    struct export *export = follow->arg;
    struct jsonld *jsonld = &export->jsonld;
    if (event->seq > export->time_cap) {
        export->time_cap = event->seq + event->seq / 2 + 256;
        jsonld->times = heap_grow(jsonld->times, (size_t) export->time_cap, sizeof jsonld->times[0]);
    }
    snprintf(jsonld->times[event->seq - 1], sizeof jsonld->times[0], "%s", event->at ? event->at : "");
    jsonld->time_count = event->seq;
}

static void put_line(struct cli *cli, const json_t *value, const char *behind)
{
    struct gl_buf out;
    gl_buf_init(&out, SIZE_MAX);
    put_json(&out, value);
    gl_buf_str(&out, behind);
    screen_put(&cli->out, &out);
    gl_buf_fini(&out);
}

/* An object that stays open: its members, without the closing brace. */
static void put_open(struct cli *cli, json_t *object, const char *behind)
{
    struct gl_buf out;
    gl_buf_init(&out, SIZE_MAX);
    put_json(&out, object);
    heap_check(&out);
    out.len--;
    gl_buf_str(&out, behind);
    screen_put(&cli->out, &out);
    gl_buf_fini(&out);
    json_decref(object);
}

static void write_annotations(struct export *export, const struct gloss_session *session, bool lines)
{
    size_t left = gloss_annotation_live(session);
    for (size_t i = 0; i < gloss_annotation_count(session); i++) {
        const struct gl_annotation *annotation = gloss_annotation_at(session, i);
        if (!gloss_annotation_is_deleted(annotation)) {
            json_t *object = jsonld_annotation(&export->jsonld, annotation, lines);
            left--;
            put_line(export->cli, object, lines || left == 0 ? "\n" : ",\n");
            json_decref(object);
        }
    }
}

static void on_end(struct follow *follow)
{
    struct export *export = follow->arg;
    struct cli *cli = export->cli;
    size_t total = gloss_annotation_live(follow->session);
    export->jsonld.session = follow->session;
    if (cli_flag(cli, OPT_lines)) {
        write_annotations(export, follow->session, true);
        return;
    }
    put_open(cli, jsonld_collection(&export->jsonld, total), "");
    if (total > 0) { /* a page must not be empty, so an empty collection has none */
        fputs(",\"first\":", cli->out.stream);
        put_open(cli, jsonld_page(&export->jsonld), ",\"items\":[\n");
        write_annotations(export, follow->session, false);
        fputs("]}", cli->out.stream);
    }
    fputs("}\n", cli->out.stream);
}

int cmd_export(struct cli *cli)
{
    const char *format = cli_option(cli, OPT_format);
    struct brief brief = {0};
    struct export export = {.cli = cli, .jsonld = {.brief = &brief}};
    struct follow follow = {
        .cli = cli, .to_head = true, .patience_ms = LINK_PATIENCE_MS, .on_op = on_op, .on_end = on_end, .arg = &export};
    if (format && strcmp(format, "jsonld") != 0) {
        return fail(cli, EXIT_COULD_NOT, "usage", "`--format %s` is not known; there is: jsonld", format);
    }
    int status = follow_open(&follow);
    status = status ? status : brief_find(cli, cli_word(cli, 0), &brief);
    if (status == 0) {
        follow.session_id = brief.session;
        status = follow_run(&follow);
    }
    free(export.jsonld.times);
    brief_fini(&brief);
    return status;
}
