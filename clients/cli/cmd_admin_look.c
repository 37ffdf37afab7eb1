/*
 * cmd_admin_look.c - gloss admin ...: what administrators look at.
 */
#include <stdlib.h>

#include "clients/cli/admin.h"
#include "clients/cli/cmds.h"
#include "clients/cli/grid.h"
#include "clients/cli/say.h"

/* One member of an item becomes one cell of its row. */
struct column {
    const char *head, *name;
    enum grid_side side;
    void (*put)(struct grid *grid, const json_t *item, const char *name);
};

static void put_text(struct grid *grid, const json_t *item, const char *name)
{
    grid_add(grid, admin_text(item, name), PAINT_NORMAL);
}

static void put_name(struct grid *grid, const json_t *item, const char *name)
{
    grid_add(grid, admin_text(item, name), PAINT_TITLE);
}

static void put_number(struct grid *grid, const json_t *item, const char *name)
{
    grid_number(grid, (uint64_t)json_integer_value(json_object_get(item, name)));
}

/* A time to the second. */
static void put_time(struct grid *grid, const json_t *item, const char *name)
{
    const char *at = admin_text(item, name);
    char *text = *at ? heap_printf("%.10s %.8s", at, strlen(at) > 11 ? at + 11 : "") : heap_copy(GL_SLICE(""));
    grid_add(grid, text, PAINT_FAINT);
    free(text);
}

static void put_flag(struct grid *grid, const json_t *item, const char *name)
{
    grid_add(grid, json_is_true(json_object_get(item, name)) ? name : "", PAINT_NORMAL);
}

/* columns ends with an empty one. Takes items. */
static void put_items(struct cli *cli, json_t *items, const struct column *columns)
{
    json_t *item;
    size_t i;
    struct grid grid;
    grid_init(&grid);
    for (const struct column *column = columns; column->head; column++) {
        grid_column(&grid, column->head, column->side);
    }
    json_array_foreach(items, i, item)
    {
        if (cli->is_json) {
            out_json(cli, json_incref(item));
            continue;
        }
        for (const struct column *column = columns; column->head; column++) {
            column->put(&grid, item, column->name);
        }
    }
    grid_put(&grid, &cli->out);
    grid_fini(&grid);
    json_decref(items);
}

/* Takes params. */
static int look(struct cli *cli, const char *doing, const char *method, json_t *params, const char *member, size_t most,
                const struct column *columns)
{
    json_t *items;
    int status = admin_list(cli, doing, method, params, member, most, &items);
    if (status == 0) {
        put_items(cli, items, columns);
    } else {
        json_decref(items);
    }
    return status;
}

int cmd_admin_list(struct cli *cli)
{
    static const struct column columns[] = {{"account", "name", GRID_LEFT, put_name},
                                            {"", "admin", GRID_LEFT, put_flag},
                                            {"", "disabled", GRID_LEFT, put_flag},
                                            {"", "password", GRID_LEFT, put_flag},
                                            {"tokens", "tokens", GRID_RIGHT, put_number},
                                            {"since", "created", GRID_LEFT, put_time},
                                            {0}};
    return look(cli, "the accounts cannot be listed", "admin.account.list", json_pack("{s:i}", "limit", 500), "accounts", 0,
                columns);
}

int cmd_admin_tokens(struct cli *cli)
{
    static const struct column columns[] = {{"token", "token", GRID_WHOLE, put_text}, {"label", "label", GRID_LEFT, put_name},
                                            {"made", "created", GRID_LEFT, put_time}, {"ends", "expires", GRID_LEFT, put_time},
                                            {"", "revoked", GRID_LEFT, put_flag},     {0}};
    int status = cli_check_text(cli, "the account's name", cli_word(cli, 0));
    return status ? status
                  : look(cli, "the tokens cannot be listed", "admin.token.list", json_pack("{s:s}", "account", cli_word(cli, 0)),
                         "tokens", 0, columns);
}

int cmd_admin_projects(struct cli *cli)
{
    static const struct column columns[] = {
        {"project", "name", GRID_LEFT, put_name},        {"members", "members", GRID_RIGHT, put_number},
        {"briefs", "documents", GRID_RIGHT, put_number}, {"since", "created", GRID_LEFT, put_time},
        {"id", "project", GRID_WHOLE, put_text},         {0}};
    return look(cli, "the projects cannot be listed", "admin.project.list", json_pack("{s:i}", "limit", 500), "projects", 0,
                columns);
}

int cmd_admin_sessions(struct cli *cli)
{
    static const struct column columns[] = {
        {"session", "session", GRID_WHOLE, put_text}, {"mode", "mode", GRID_LEFT, put_text},
        {"ops", "seq", GRID_RIGHT, put_number},       {"annotations", "annotations", GRID_RIGHT, put_number},
        {"last", "last", GRID_LEFT, put_time},        {"project", "project_name", GRID_LEFT, put_text},
        {"brief", "title", GRID_LEFT, put_name},      {0}};
    char *project = NULL;
    int status = cli->args.word_count > 0 ? admin_find_project(cli, cli_word(cli, 0), &project) : 0;
    if (status == 0) {
        status = look(cli, "the sessions cannot be listed", "admin.session.list",
                      json_pack("{s:i, s:s*}", "limit", 200, "project", project), "sessions", 0, columns);
    }
    free(project);
    return status;
}

/* One value of an object, or of what is in it: words, numbers, "ana, ben", "active 3, proposed 1". */
static void put_value(struct gl_buf *out, const json_t *value)
{
    const char *name, *between = "";
    json_t *part;
    size_t i;
    if (json_is_string(value)) {
        gl_buf_str(out, json_string_value(value));
    } else if (json_is_integer(value)) {
        gl_buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    }
    json_array_foreach(value, i, part)
    {
        gl_buf_str(out, i > 0 ? ", " : "");
        put_value(out, part);
    }
    json_object_foreach((json_t *)(uintptr_t)value, name, part)
    {
        gl_buf_printf(out, "%s%s ", between, name);
        put_value(out, part);
        between = ", ";
    }
}

/* Takes object: a line for each member that is there, what one looks for first at the top. */
static void put_session(struct cli *cli, json_t *object)
{
    static const char *const names[] = {"session",  "name",   "project",     "project_name",  "document",  "title",
                                        "revision", "sha256", "codepoints",  "mode",          "mode_seq",  "seq",
                                        "chain",    "state",  "annotations", "status",        "deleted",   "creators",
                                        "left_out", "last",   "log_bytes",   "retained_from", "snapshots", "archive_bytes"};
    if (cli->is_json) {
        out_json(cli, object);
        return;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const json_t *value = json_object_get(object, names[i]);
        struct gl_buf text;
        gl_buf_init(&text, SIZE_MAX);
        put_value(&text, value);
        if (value) {
            out_line(cli, "%-14s %s", names[i], gl_buf_cstr(&text));
        }
        gl_buf_fini(&text);
    }
    json_decref(object);
}

int cmd_admin_session(struct cli *cli)
{
    json_t *result = NULL;
    int status = admin_check_id(cli, "session", "sessions");
    status = status ? status
                    : admin_call(cli, "that cannot be told", "admin.session.show",
                                 json_pack("{s:s}", "session", cli_word(cli, 0)), &result);
    if (status == 0) {
        json_t *session = json_deep_copy(json_object_get(result, "session"));
        json_object_update_missing(session, result); /* its id is `session`, as in the list */
        put_session(cli, session);
    }
    json_decref(result);
    return status;
}

static void put_limit(struct grid *grid, const json_t *item, const char *name)
{
    if (json_integer_value(json_object_get(item, name)) == 0) {
        grid_add(grid, "any", PAINT_FAINT);
    } else {
        put_number(grid, item, name);
    }
}

static void put_some(struct grid *grid, const json_t *item, const char *name)
{
    if (json_object_get(item, name)) {
        put_number(grid, item, name);
    } else {
        grid_add(grid, "", PAINT_NORMAL);
    }
}

int admin_show_quotas(struct cli *cli, json_t *of)
{
    static const struct column columns[] = {{"quota", "what", GRID_LEFT, put_name},
                                            {"limit", "limit", GRID_RIGHT, put_limit},
                                            {"used", "used", GRID_RIGHT, put_some},
                                            {"", "own", GRID_LEFT, put_flag},
                                            {0}};
    return look(cli, "the quotas cannot be listed", "admin.quota.list", of, "quotas", 0, columns);
}

int cmd_admin_settings(struct cli *cli)
{
    static const struct column columns[] = {{"setting", "name", GRID_LEFT, put_name},
                                            {"value", "value", GRID_LEFT, put_text},
                                            {"where", "where", GRID_LEFT, put_text},
                                            {"", "reload", GRID_LEFT, put_flag},
                                            {0}};
    return look(cli, "the settings cannot be listed", "admin.setting.list", json_object(), "settings", 0, columns);
}

/* ---- connections */

static int limit_of(struct cli *cli, uint64_t most, uint64_t *limit)
{
    bool has = false;
    *limit = 100;
    return cli_number(cli, OPT_limit, 1, most, limit, &has);
}

int cmd_admin_connections(struct cli *cli)
{
    static const struct column columns[] = {
        {"connection", "connection", GRID_WHOLE, put_text}, {"account", "name", GRID_LEFT, put_name},
        {"from", "address", GRID_WHOLE, put_text},          {"since", "since", GRID_LEFT, put_time},
        {"sessions", "joined", GRID_RIGHT, put_number},     {"node", "node", GRID_LEFT, put_text},
        {"program", "client", GRID_LEFT, put_text},         {0}};
    uint64_t limit;
    json_t *result = NULL;
    const char *account = cli_option(cli, OPT_of_account);
    int status = limit_of(cli, 500, &limit);
    status = status || !account ? status : cli_check_text(cli, "the account's name", account);
    status = status ? status
                    : admin_call(cli, "the connections cannot be listed", "admin.connection.list",
                                 json_pack("{s:I, s:s*}", "limit", (json_int_t)limit, "account", account), &result);
    if (status == 0) {
        const json_int_t left_out = json_integer_value(json_object_get(result, "left_out"));
        const json_int_t silent = json_integer_value(json_object_get(result, "silent"));
        put_items(cli, json_incref(json_object_get(result, "connections")), columns);
        if (left_out > 0) {
            say(cli, "%lld more are connected; --account tells of one account only", (long long)left_out);
        }
        if (silent > 0) {
            say(cli, "%lld processes did not answer: what is connected to them is missing here", (long long)silent);
        }
    }
    json_decref(result);
    return status;
}

/* ---- figures */

static double per_second(const json_t *load, const char *name)
{
    const json_int_t ms = json_integer_value(json_object_get(load, "rate_ms"));
    return ms > 0 ? (double)json_integer_value(json_object_get(load, name)) * 1000 / (double)ms : 0;
}

static void put_stored(struct cli *cli, const json_t *stored)
{
    static const char *const names[] = {"accounts",    "administrators", "disabled",      "tokens", "projects",
                                        "documents",   "sessions",       "annotations",   "ops",    "jobs_waiting",
                                        "jobs_failed", "text_bytes",     "database_bytes"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        out_line(cli, "%-16s %lld", names[i], (long long)json_integer_value(json_object_get(stored, names[i])));
    }
}

static void put_worker(struct cli *cli, const json_t *worker)
{
    const json_t *load = json_object_get(worker, "load");
    const long long pid = json_integer_value(json_object_get(worker, "pid"));
    if (!load) {
        out_line(cli, "%s/%lld  does not answer", admin_text(worker, "node"), pid);
        return;
    }
    out_line(cli,
             "%s/%lld  %s  up %lld s  %lld connections, %lld sessions in memory  %.1f ops/s, %.1f deliveries/s, %.0f bytes/s out",
             admin_text(worker, "node"), pid, admin_text(worker, "version"),
             (long long)json_integer_value(json_object_get(load, "seconds_up")),
             (long long)json_integer_value(json_object_get(load, "connections")),
             (long long)json_integer_value(json_object_get(load, "sessions")), per_second(load, "rate_ops"),
             per_second(load, "rate_deliveries"), per_second(load, "rate_bytes_out"));
}

int cmd_admin_stats(struct cli *cli)
{
    json_t *result = NULL, *it;
    size_t i;
    int status = admin_call(cli, "that cannot be told", "admin.stats", json_object(), &result);
    if (status == 0 && cli->is_json) {
        out_json(cli, json_incref(result));
    } else if (status == 0) {
        put_stored(cli, json_object_get(result, "stored"));
        json_array_foreach(json_object_get(result, "tables"), i, it)
        {
            out_line(cli, "  %-14s %lld bytes", admin_text(it, "name"),
                     (long long)json_integer_value(json_object_get(it, "bytes")));
        }
        json_array_foreach(json_object_get(result, "workers"), i, it)
        {
            put_worker(cli, it);
        }
    }
    json_decref(result);
    return status;
}

/* ---- audit */

static void put_who(struct grid *grid, const json_t *item, const char *name)
{
    const char *who = admin_text(item, name);
    const bool is_stranger = strncmp(admin_text(item, "action"), "sign_in", 7) == 0; /* with no account that is known */
    grid_add(grid, *who ? who : is_stranger ? "somebody" : "glossd", PAINT_TITLE);
}

static void put_subject(struct grid *grid, const json_t *item, const char *name)
{
    const char *its_name = admin_text(item, "subject_name");
    grid_add(grid, *its_name ? its_name : admin_text(item, name), PAINT_NORMAL);
}

static void put_detail(struct grid *grid, const json_t *item, const char *name)
{
    struct gl_buf text;
    gl_buf_init(&text, SIZE_MAX);
    if (json_object_get(item, name)) {
        put_json(&text, json_object_get(item, name));
    }
    grid_add(grid, gl_buf_cstr(&text), PAINT_FAINT);
    gl_buf_fini(&text);
}

int cmd_admin_audit(struct cli *cli)
{
    static const struct column columns[] = {{"at", "at", GRID_LEFT, put_time},
                                            {"who", "name", GRID_LEFT, put_who},
                                            {"from", "address", GRID_LEFT, put_text},
                                            {"did", "action", GRID_LEFT, put_text},
                                            {"to", "subject", GRID_LEFT, put_subject},
                                            {"", "detail", GRID_LEFT, put_detail},
                                            {0}};
    uint64_t limit;
    const char *account = cli_option(cli, OPT_of_account), *action = cli_option(cli, OPT_action);
    int status = limit_of(cli, 1000000, &limit);
    status = status || !account ? status : cli_check_text(cli, "the account's name", account);
    status = status || !action ? status : cli_check_text(cli, "the action", action);
    if (status != 0) {
        return status;
    }
    return look(cli, "the audit cannot be read", "admin.audit.list",
                json_pack("{s:i, s:s*, s:s*}", "limit", limit < 500 ? (int)limit : 500, "account", account, "action", action),
                "entries", (size_t)limit, columns);
}
