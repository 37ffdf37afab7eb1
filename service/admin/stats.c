/* glossd stats: how much there is in the database, and what its workers are at. */
#include <stdio.h>

#include "proto/gl_json.h"
#include "service/admin/ask_workers.h"

static json_int_t number(const json_t *it, const char *name)
{
    return json_integer_value(json_object_get(it, name));
}

static double per_second(const json_t *body, const char *name)
{
    const json_int_t ms = number(body, "rate_ms");
    return ms > 0 ? (double)number(body, name) * 1000 / (double)ms : 0;
}

static int how_much(struct admin_db *db, json_t **stored)
{
    struct store_rows *rows;
    struct gl_err err = {0};
    enum gl_code code = admin_db_query(db, STORE_Q_stats, NULL, 0, &rows, &err);
    if (code == GL_OK) {
        code = gl_json_load(store_text(rows, 0, 0), stored, &err);
        admin_rows_free(&rows);
    }
    return code == GL_OK ? ADMIN_OK : database_failed(&err);
}

static void print_stored(const json_t *stored)
{
    static const char *const names[] = {"accounts",    "administrators", "disabled",      "tokens", "projects",
                                        "documents",   "sessions",       "annotations",   "ops",    "jobs_waiting",
                                        "jobs_failed", "text_bytes",     "database_bytes"};
    const char *table;
    json_t *bytes;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        printf("%-16s %" JSON_INTEGER_FORMAT "\n", names[i], number(stored, names[i]));
    json_object_foreach(json_object_get(stored, "tables"), table, bytes)
        printf("  %-14s %" JSON_INTEGER_FORMAT " bytes\n", table, json_integer_value(bytes));
}

static void print_worker(const json_t *worker)
{
    const json_t *body = json_object_get(worker, "body");
    print_text(gl_slice_str(json_string_value(json_object_get(worker, "node"))));
    printf("/%" JSON_INTEGER_FORMAT "  ", number(worker, "pid"));
    if (json_is_null(body)) {
        puts("does not answer");
        return;
    }
    printf("%s  up %" JSON_INTEGER_FORMAT " s  %" JSON_INTEGER_FORMAT " connections (%" JSON_INTEGER_FORMAT
           " signed in), %" JSON_INTEGER_FORMAT " sessions in memory  %.1f ops/s, %.1f deliveries/s, %.0f bytes/s out\n",
           json_string_value(json_object_get(worker, "version")), number(body, "seconds_up"), number(body, "connections"),
           number(body, "signed_in"), number(body, "sessions"), per_second(body, "rate_ops"), per_second(body, "rate_deliveries"),
           per_second(body, "rate_bytes_out"));
}

static void print_all(json_t *stored, json_t *answers, bool json)
{
    size_t i;
    json_t *worker;
    if (json) {
        json_array_foreach(answers, i, worker)
        {
            json_object_update_missing(worker, json_object_get(worker, "body"));
            json_object_set_new(worker, "answered", json_boolean(!json_is_null(json_object_get(worker, "body"))));
            json_object_del(worker, "body");
        }
        json_object_set(stored, "workers", answers);
        print_json(json_incref(stored));
        return;
    }
    print_stored(stored);
    json_array_foreach(answers, i, worker) print_worker(worker);
}

static int run(struct settings *settings, int argc, char **argv)
{
    bool json = false;
    const struct admin_option options[] = {{"json", NULL, &json}, {0}};
    struct admin_db *db;
    json_t *stored = NULL, *answers = NULL;
    if (!admin_options(&admin_stats, options, &argc, argv))
        return ADMIN_USAGE;
    if (argc)
        return admin_usage(&admin_stats, "\"%s\" is one word too many", argv[0]);
    int code = database_open(settings, &db);
    if (code != ADMIN_OK)
        return code;
    code = how_much(db, &stored);
    if (code == ADMIN_OK)
        code = ask_workers(db, "stats", json_object(), true, &answers);
    if (code == ADMIN_OK) {
        code = ask_silent(answers) ? ADMIN_FAILED : ADMIN_OK;
        ask_tell_silent(answers);
        print_all(stored, answers, json);
    }
    json_decref(stored);
    json_decref(answers);
    admin_db_close(&db);
    if (fflush(stdout) != 0 && code == ADMIN_OK) {
        admin_complain("the answer could not be written to standard output");
        code = ADMIN_FAILED;
    }
    return code;
}

const struct admin_verb admin_stats = {
    .name = "stats",
    .usage = "[--json]",
    .help = "how much there is in the database and how large it is, and what each worker has to do (rates: of the last minute)",
    .run = run,
};
