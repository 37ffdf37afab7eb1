/* glossd connections and kick: who is connected, over all workers and nodes; and the end of a connection, or of all that an account has. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "proto/model/text.h"
#include "service/admin/ask_workers.h"

struct options {
    bool json, all;
    const char *user, *reason;
};

static json_int_t number(const json_t *it, const char *name)
{
    return json_integer_value(json_object_get(it, name));
}

static void print_member(const json_t *it, const char *name, const char *without)
{
    const char *text = json_string_value(json_object_get(it, name));
    print_text(gl_slice_str(text ? text : without));
}

/* ---- connections */

static void print_connection(const json_t *it, const json_t *worker)
{
    print_member(it, "connection", "");
    fputs("  ", stdout);
    print_member(it, "name", "(not signed in)");
    printf("  from ");
    print_member(it, "address", "");
    printf("  since %.19sZ  %" JSON_INTEGER_FORMAT " sessions  %" JSON_INTEGER_FORMAT " bytes in, %" JSON_INTEGER_FORMAT
           " out  round trip %.1f ms  ",
           json_string_value(json_object_get(it, "since")), number(it, "joined"), number(it, "bytes_in"), number(it, "bytes_out"),
           (double)number(it, "round_trip_us") / 1000);
    print_member(worker, "node", "");
    printf("/%" JSON_INTEGER_FORMAT "  ", number(worker, "pid"));
    print_member(it, "client", "");
    putchar('\n');
}

static void print_connections(const json_t *answers, bool json)
{
    size_t i, j;
    json_t *worker, *it;
    json_int_t left_out = 0;
    json_array_foreach((json_t *)(uintptr_t)answers, i, worker)
    {
        const json_t *body = json_object_get(worker, "body");
        left_out += number(body, "left_out");
        json_array_foreach(json_object_get(body, "connections"), j, it)
        {
            if (!json) {
                print_connection(it, worker);
                continue;
            }
            json_object_set(it, "node", json_object_get(worker, "node"));
            json_object_set(it, "pid", json_object_get(worker, "pid"));
            print_json(json_incref(it));
        }
    }
    if (left_out > 0)
        admin_complain("%" JSON_INTEGER_FORMAT " more are connected; --user NAME tells of one account only", left_out);
}

static int list(struct admin_db *db, const struct options *options)
{
    json_t *detail = json_object(), *answers;
    gl_uuid account;
    int code = options->user ? find_user(db, options->user, &account) : ADMIN_OK;
    if (code == ADMIN_OK && options->user)
        json_object_set_new(detail, "account", json_id(&account));
    if (code != ADMIN_OK) {
        json_decref(detail);
        return code;
    }
    code = ask_workers(db, "connections", detail, true, &answers);
    if (code != ADMIN_OK)
        return code;
    print_connections(answers, options->json);
    ask_tell_silent(answers);
    code = ask_silent(answers) ? ADMIN_FAILED : ADMIN_OK;
    json_decref(answers);
    return code;
}

static int finish(struct admin_db **db, int code)
{
    admin_db_close(db);
    if (fflush(stdout) != 0 && code == ADMIN_OK) {
        admin_complain("the answer could not be written to standard output");
        code = ADMIN_FAILED;
    }
    return code;
}

static int run_connections(struct settings *settings, int argc, char **argv)
{
    struct options it = {0};
    const struct admin_option options[] = {{"json", NULL, &it.json}, {"user", &it.user, NULL}, {0}};
    struct admin_db *db;
    if (!admin_options(&admin_connections, options, &argc, argv))
        return ADMIN_USAGE;
    if (argc)
        return admin_usage(&admin_connections, "\"%s\" is one word too many", argv[0]);
    int code = database_open(settings, &db);
    return code == ADMIN_OK ? finish(&db, list(db, &it)) : code;
}

const struct admin_verb admin_connections = {
    .name = "connections",
    .usage = "[--user NAME] [--json]",
    .help = "who is connected, from where, since when, with how much traffic: of all workers of all nodes",
    .run = run_connections,
};

/* ---- kick */

static int count_ended(const json_t *answers, const struct options *options, const char *what)
{
    size_t i;
    json_t *worker;
    json_int_t ended = 0;
    json_array_foreach((json_t *)(uintptr_t)answers, i, worker) ended += number(json_object_get(worker, "body"), "ended");
    ask_tell_silent(answers);
    if (ended == 0) {
        admin_complain("%s is not connected; `glossd connections` shows who is", what);
        return ADMIN_FAILED;
    }
    if (options->json)
        print_json(json_pack("{s:I}", "ended", ended));
    else
        printf("%" JSON_INTEGER_FORMAT " connection%s ended\n", ended, ended == 1 ? "" : "s");
    return ask_silent(answers) ? ADMIN_FAILED : ADMIN_OK;
}

static int kick(struct admin_db *db, const char *what, const struct options *options)
{
    json_t *detail = json_object(), *answers;
    gl_uuid id;
    int code = ADMIN_OK;
    bool is_account = !gl_uuid_parse(gl_slice_str(what), &id);
    if (is_account)
        code = find_user(db, what, &id);
    if (code == ADMIN_OK && is_account && !options->all) {
        admin_complain("that ends every connection of \"%s\": say --all, or name one by its id (`glossd connections --user`)",
                       what);
        code = ADMIN_USAGE;
    }
    if (code != ADMIN_OK) {
        json_decref(detail);
        return code;
    }
    json_object_set_new(detail, is_account ? "account" : "connection", json_id(&id));
    if (options->reason)
        json_object_set_new(detail, "reason", json_string(options->reason));
    code = ask_workers(db, "kick", detail, false, &answers);
    if (code == ADMIN_OK) {
        code = count_ended(answers, options, what);
        json_decref(answers);
    }
    return code;
}

static int run_kick(struct settings *settings, int argc, char **argv)
{
    struct options it = {0};
    const struct admin_option options[] = {{"json", NULL, &it.json}, {"all", NULL, &it.all}, {"reason", &it.reason, NULL}, {0}};
    struct admin_db *db;
    if (!admin_options(&admin_kick, options, &argc, argv))
        return ADMIN_USAGE;
    if (argc != 1)
        return admin_usage(&admin_kick, argc ? "\"%s\" is one word too many" : "whom?", argc ? argv[1] : "");
    if (it.reason && (strlen(it.reason) > 120 || gl_utf8_check(gl_slice_str(it.reason), NULL) != GL_OK))
        return admin_usage(&admin_kick, "the reason can have 120 bytes of UTF-8");
    int code = database_open(settings, &db);
    return code == ADMIN_OK ? finish(&db, kick(db, argv[0], &it)) : code;
}

const struct admin_verb admin_kick = {
    .name = "kick",
    .usage = "CONNECTION | USER --all [--reason TEXT] [--json]",
    .help =
        "end one connection, or all of a user; who was there is told the reason. To keep somebody out: user disable, token revoke",
    .run = run_kick,
};
