/*
 * cmd_inbox.c - gloss inbox: what others did that is for you: mentions, replies, verdicts on what you wrote.
 */
#include <stdlib.h>

#include "clients/cli/cmds.h"
#include "clients/cli/link.h"
#include "clients/cli/safe.h"
#include "clients/cli/say.h"

#define SHORT_ID 8

struct inbox {
    struct cli *cli;
    json_t *unread, *read;
    json_int_t newest;
};

static const char *string_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static bool take_item(json_t *item, void *arg)
{
    struct inbox *inbox = arg;
    json_int_t number = json_integer_value(json_object_get(item, "item"));
    inbox->newest = number > inbox->newest ? number : inbox->newest;
    json_array_append(json_is_true(json_object_get(item, "read")) ? inbox->read : inbox->unread, item);
    return true;
}

/* "ben replied to you" */
static const char *doing(const char *why)
{
    static const struct {
        const char *why, *words;
    } rows[] = {
        {"mention", "mentioned you"},
        {"reply", "replied to you"},
        {"accepted", "accepted what you wrote"},
        {"rejected", "rejected what you wrote"},
        {"resolved", "resolved your thread"},
        {"reopened", "reopened your thread"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].why, why) == 0) {
            return rows[i].words;
        }
    }
    return why;
}

/* A line of at most so many columns: what is too much of `text` is left out. */
static void put_line(struct gl_buf *out, const struct screen *screen, size_t indent, const char *text, enum paint_role role)
{
    gl_buf_printf(out, "%*s", (int)indent, "");
    paint_role(out, screen->paint, role);
    safe_put_short(out, gl_slice_str(text), screen->columns - indent);
    if (role != PAINT_NORMAL) {
        paint_reset(out, screen->paint);
    }
    gl_buf_byte(out, '\n');
}

static void put_item(struct gl_buf *out, const struct screen *screen, const json_t *item)
{
    bool is_read = json_is_true(json_object_get(item, "read"));
    const char *text = string_of(item, "text"), *at = string_of(item, "at"), *name = string_of(item, "name");
    char *head = heap_printf("%s %s %s", is_read ? " " : "*", *name ? name : "somebody", doing(string_of(item, "why")));
    char *where = heap_printf("%.10s %.5s · %.*s · %s", at, strlen(at) > 11 ? at + 11 : "", SHORT_ID,
                              string_of(item, "annotation"), string_of(item, "title"));
    put_line(out, screen, 0, head, is_read ? PAINT_NORMAL : PAINT_TITLE);
    if (*text) {
        put_line(out, screen, 4, text, PAINT_NORMAL);
    }
    put_line(out, screen, 4, where, PAINT_FAINT);
    free(where);
    free(head);
}

static void put_items(struct cli *cli, const json_t *items, struct gl_buf *out)
{
    json_t *item;
    size_t i;
    json_array_foreach((json_t *)items, i, item)
    {
        if (cli->is_json) {
            out_json(cli, json_incref(item));
        } else {
            put_item(out, &cli->out, item);
        }
    }
}

/* The server marks so many a call, and says whether there are more. */
static int mark_read(struct inbox *inbox)
{
    bool goes_on = json_array_size(inbox->unread) > 0;
    int status = 0;
    while (status == 0 && goes_on) {
        json_t *result = NULL;
        status = link_call(inbox->cli, "they cannot be marked as read", "inbox.read",
                           json_pack("{s:I}", "through", inbox->newest), &result);
        goes_on = json_is_true(json_object_get(result, "more"));
        json_decref(result);
    }
    return status;
}

int cmd_inbox(struct cli *cli)
{
    struct inbox inbox = {.cli = cli, .unread = json_array(), .read = json_array()};
    struct gl_buf out;
    json_t *params = cli_flag(cli, OPT_all_items) ? json_object() : json_pack("{s:b}", "unread", true);
    gl_buf_init(&out, SIZE_MAX);
    int status = link_open(cli, NULL, NULL);
    if (status == 0) {
        status = link_list(cli, "your inbox cannot be read", "inbox.list", params, "items", take_item, &inbox);
    } else {
        json_decref(params);
    }
    if (status == 0) {
        put_items(cli, inbox.unread, &out);
        put_items(cli, inbox.read, &out);
        screen_page(&cli->out, &out);
    }
    if (status == 0 && !cli->is_json && json_array_size(inbox.unread) + json_array_size(inbox.read) == 0) {
        say(cli, "%s",
            cli_flag(cli, OPT_all_items) ? "your inbox is empty" : "nothing new (`gloss inbox --all` shows what you have read)");
    }
    status = status || !cli_flag(cli, OPT_read) ? status : mark_read(&inbox);
    gl_buf_fini(&out);
    json_decref(inbox.unread);
    json_decref(inbox.read);
    return status;
}
