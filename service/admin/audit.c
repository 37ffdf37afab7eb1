/* glossd audit: who administered what, when, and from where. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/gl_json.h"
#include "service/admin/database.h"

enum { LIMIT_DEFAULT = 100, LIMIT_MOST = 1000000, PAGE = 1000 };
enum { ID, AT, ACCOUNT, NAME, ACTION, SUBJECT, SUBJECT_NAME, DETAIL, ADDRESS };

struct options {
    bool json;
    const char *user, *action, *limit;
};

static json_t *text_or_null(const struct store_rows *rows, size_t row, size_t column)
{
    return store_is_null(rows, row, column) ? NULL : json_text(store_text(rows, row, column));
}

static json_t *id_or_null(const struct store_rows *rows, size_t row, size_t column)
{
    gl_uuid id = store_uuid(rows, row, column);
    return store_is_null(rows, row, column) ? NULL : json_id(&id);
}

static void print_row(const struct store_rows *rows, size_t row)
{
    json_t *detail = NULL;
    struct gl_err err = {0};
    if (!store_is_null(rows, row, DETAIL) && gl_json_load(store_text(rows, row, DETAIL), &detail, &err) != GL_OK)
        detail = NULL;
    print_json(json_pack("{s:I, s:o, s:o*, s:o*, s:o, s:o*, s:o*, s:o*, s:o*}", "id", (json_int_t)store_u64(rows, row, ID), "at",
                         json_time(store_time(rows, row, AT)), "account", id_or_null(rows, row, ACCOUNT), "name",
                         text_or_null(rows, row, NAME), "action", json_text(store_text(rows, row, ACTION)), "subject",
                         id_or_null(rows, row, SUBJECT), "subject_name", text_or_null(rows, row, SUBJECT_NAME), "detail", detail,
                         "address", text_or_null(rows, row, ADDRESS)));
}

static void print_line(const struct store_rows *rows, size_t row)
{
    char at[GL_TIME_TEXT + 1], subject[GL_UUID_TEXT + 1];
    gl_uuid id = store_uuid(rows, row, SUBJECT);
    gl_time_format(store_time(rows, row, AT), at);
    printf("%.19sZ  ", at);
    const struct gl_slice action = store_text(rows, row, ACTION);
    const bool is_stranger =
        action.len >= 7 && memcmp(action.data, "sign_in", 7) == 0; /* who wanted to be nobody that is known */
    print_text(!store_is_null(rows, row, NAME) ? store_text(rows, row, NAME)
               : is_stranger                   ? GL_SLICE("somebody")
                                               : GL_SLICE("glossd"));
    if (!store_is_null(rows, row, ADDRESS)) {
        fputs(" from ", stdout);
        print_text(store_text(rows, row, ADDRESS));
    }
    fputs("  ", stdout);
    print_text(store_text(rows, row, ACTION));
    putchar(' ');
    if (!store_is_null(rows, row, SUBJECT_NAME)) {
        print_text(store_text(rows, row, SUBJECT_NAME));
    } else if (!store_is_null(rows, row, SUBJECT)) {
        gl_uuid_format(&id, subject);
        fputs(subject, stdout);
    }
    if (!store_is_null(rows, row, DETAIL)) {
        fputs("  ", stdout);
        print_text(store_text(rows, row, DETAIL));
    }
    putchar('\n');
}

static int print(struct admin_db *db, const struct options *options, uint64_t left)
{
    uint64_t below = INT64_MAX;
    for (size_t count = PAGE; left > 0 && count == PAGE;) {
        struct store_rows *rows;
        struct gl_err err = {0};
        const struct store_param params[] = {P_U64(below), P_U64(left < PAGE ? left : PAGE),
                                             options->user ? P_TEXT(gl_slice_str(options->user)) : P_NULL,
                                             options->action ? P_TEXT(gl_slice_str(options->action)) : P_NULL};
        if (admin_db_query(db, STORE_Q_audit_list, params, 4, &rows, &err) != GL_OK)
            return database_failed(&err);
        count = store_rows_count(rows);
        for (size_t i = 0; i < count; i++)
            (options->json ? print_row : print_line)(rows, i);
        if (count > 0)
            below = store_u64(rows, count - 1, ID);
        left -= count;
        admin_rows_free(&rows);
    }
    return ADMIN_OK;
}

static int run(struct settings *settings, int argc, char **argv)
{
    struct options it = {0};
    const struct admin_option options[] = {
        {"json", NULL, &it.json}, {"user", &it.user, NULL}, {"action", &it.action, NULL}, {"limit", &it.limit, NULL}, {0}};
    struct admin_db *db;
    gl_uuid account;
    char *end = NULL;
    if (!admin_options(&admin_audit, options, &argc, argv))
        return ADMIN_USAGE;
    if (argc)
        return admin_usage(&admin_audit, "\"%s\" is one word too many", argv[0]);
    const uint64_t limit = it.limit ? strtoull(it.limit, &end, 10) : LIMIT_DEFAULT;
    if (it.limit && (end == it.limit || *end || limit < 1 || limit > LIMIT_MOST))
        return admin_usage(&admin_audit, "--limit takes a number from 1 to %d, not \"%s\"", LIMIT_MOST, it.limit);
    int code = database_open(settings, &db);
    if (code != ADMIN_OK)
        return code;
    if (it.user)
        code = find_user(db, it.user, &account);
    if (code == ADMIN_OK)
        code = print(db, &it, limit);
    admin_db_close(&db);
    if (fflush(stdout) != 0 && code == ADMIN_OK) {
        admin_complain("the answer could not be written to standard output");
        code = ADMIN_FAILED;
    }
    return code;
}

const struct admin_verb admin_audit = {
    .name = "audit",
    .usage = "[--user NAME] [--action ACTION] [--limit N] [--json]",
    .help =
        "who administered what, when and from where, newest first (--action sign_in: who signed in, and who was turned away); audit_days says how long that is kept",
    .run = run,
};
