/* glossd session: what sessions there are, and how large they are. */
#include <inttypes.h>
#include <stdio.h>

#include "service/admin/database.h"

enum { ID, PROJECT, TITLE, NAME, MODE, OPS, ANNOTATIONS, RETAINED_FROM, LAST_AT, BYTES };

struct session_options {
    bool json;
};

static void print_session(const struct store_rows *rows, size_t row, bool json)
{
    gl_uuid id = store_uuid(rows, row, ID);
    char text[GL_UUID_TEXT + 1];
    if (json) {
        print_json(json_pack("{s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:o*, s:I}", "session", json_id(&id), "project",
                             json_text(store_text(rows, row, PROJECT)), "title", json_text(store_text(rows, row, TITLE)), "name",
                             json_text(store_text(rows, row, NAME)), "mode", json_text(store_text(rows, row, MODE)), "ops",
                             (json_int_t)store_u64(rows, row, OPS), "annotations", (json_int_t)store_u64(rows, row, ANNOTATIONS),
                             "retained_from", (json_int_t)store_u64(rows, row, RETAINED_FROM), "last",
                             store_is_null(rows, row, LAST_AT) ? NULL : json_time(store_time(rows, row, LAST_AT)), "bytes",
                             (json_int_t)store_u64(rows, row, BYTES)));
        return;
    }
    gl_uuid_format(&id, text);
    printf("%s  ", text);
    print_text(store_text(rows, row, MODE));
    printf("  %" PRIu64 " ops (%" PRIu64 " bytes), %" PRIu64 " annotations  ", store_u64(rows, row, OPS),
           store_u64(rows, row, BYTES), store_u64(rows, row, ANNOTATIONS));
    print_text(store_text(rows, row, PROJECT));
    fputs(": ", stdout);
    print_text(store_text(rows, row, TITLE));
    putchar('\n');
}

static int list(struct admin_db *db, int argc, char **argv, const void *given)
{
    struct store_rows *rows;
    struct gl_err err = {0};
    const struct store_param param = argc ? P_TEXT(gl_slice_str(argv[0])) : P_NULL;
    if (admin_db_query(db, STORE_Q_admin_sessions, &param, 1, &rows, &err) != GL_OK)
        return database_failed(&err);
    const size_t count = store_rows_count(rows);
    for (size_t i = 0; i < count; i++)
        print_session(rows, i, ((const struct session_options *)given)->json);
    admin_rows_free(&rows);
    if (count > 0 || argc == 0)
        return ADMIN_OK;
    admin_complain("there is no project, document or session \"%s\" with a session in it; `glossd project list` lists projects",
                   argv[0]);
    return ADMIN_FAILED;
}

static const struct subverb subverbs[] = {{"list", list, 0, 1}, {0}};

static int run(struct settings *settings, int argc, char **argv)
{
    struct session_options it = {0};
    const struct admin_option options[] = {{"json", NULL, &it.json}, {0}};
    if (!admin_options(&admin_session, options, &argc, argv))
        return ADMIN_USAGE;
    return run_subverb(&admin_session, subverbs, settings, argc, argv, &it);
}

const struct admin_verb admin_session = {
    .name = "session",
    .usage = "list [PROJECT | DOCUMENT | SESSION] [--json]",
    .help = "list sessions, with their mode, ops, annotations and size",
    .run = run,
};
