/*
 * cmd_describe.c - gloss describe: what is known of a brief beside its text.
 */
#include "clients/cli/brief.h"
#include "clients/cli/cmds.h"
#include "clients/cli/link.h"
#include "clients/cli/meta.h"
#include "clients/cli/say.h"
#include "clients/cli/stream.h"

/* --add-tag and --drop-tag: the tags that there are, changed. */
static void change_tags(struct cli *cli, const json_t *now, json_t *change)
{
    const char *tag;
    if (!cli_option(cli, OPT_add_tag) && !cli_option(cli, OPT_drop_tag)) {
        return;
    }
    json_t *tags = json_object(), *list = json_array(), *item; /* an object keeps each once, and their order */
    size_t i;
    json_array_foreach(json_object_get(now, "tags"), i, item)
    {
        json_object_set_new(tags, json_string_value(item), json_true());
    }
    for (i = 0; (tag = cli_nth(cli, OPT_add_tag, i)); i++) {
        json_object_set_new(tags, tag, json_true());
    }
    for (i = 0; (tag = cli_nth(cli, OPT_drop_tag, i)); i++) {
        json_object_del(tags, tag);
    }
    json_object_foreach(tags, tag, item)
    {
        json_array_append_new(list, json_string(tag));
    }
    json_object_set(change, "tags", json_array_size(list) ? list : json_null());
    json_decref(list);
    json_decref(tags);
}

static void print(struct cli *cli, const struct brief *brief, const struct stream_result *result)
{
    if (!cli->is_json) {
        out_line(cli, "described %s  op %llu", brief->title, (unsigned long long)result->seq);
        return;
    }
    struct brief now = {0};
    if (brief_by_id(cli, brief->document, &now) == 0) {
        json_t *object = json_copy(now.info);
        json_object_set_new(object, "op", json_string(result->op));
        json_object_set_new(object, "project_seq", json_integer((json_int_t)result->seq));
        out_json(cli, object);
    }
    brief_fini(&now);
}

int cmd_describe(struct cli *cli)
{
    struct brief brief = {0};
    struct stream_result result;
    const char *title = cli_option(cli, OPT_new_title);
    int status = link_open(cli, NULL, NULL);
    status = status ? status : brief_find(cli, cli_word(cli, 0), &brief);
    if (status) {
        return status;
    }
    json_t *change = json_pack("{s:s, s:s, s:s*}", "kind", "document.update", "document", brief.document, "title", title);
    meta_fill(cli, change, true);
    change_tags(cli, brief.info, change);
    if (json_object_size(change) == 2) {
        json_decref(change);
        status = fail(
            cli, EXIT_COULD_NOT, "usage",
            "say what to change: --title, --author, --publisher, --date, --source, --language, --folder, --tag, --add-tag or "
            "--drop-tag (`gloss info` tells what is there)");
    } else {
        status = stream_submit(cli, brief.project, change, &result);
    }
    if (status == 0) {
        print(cli, &brief, &result);
    }
    brief_fini(&brief);
    return status;
}
