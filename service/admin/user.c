/* glossd user: accounts. */
#include <stdio.h>

#include "service/admin/database.h"
#include "service/auth/account_name.h"
#include "service/auth/password.h"
#include "service/base/clock.h"
#include "service/base/mem.h"

struct user_options {
    bool json, admin, none, yes;
    const char *password_file;
};

/* The record to store, or empty when no file is named; false after saying why not. */
static bool take_password(const struct user_options *options, char record[PASSWORD_RECORD_MAX])
{
    record[0] = '\0';
    if (!options->password_file) {
        return true;
    }
    size_t len;
    char *password = read_secret(options->password_file, PASSWORD_MAX_BYTES, &len);
    if (!password) {
        return false;
    }
    password_hash(gl_slice_of(password, len), record);
    memset(password, 0, len);
    mem_free(&password);
    return true;
}

static struct store_param record_param(const char *record)
{
    return record[0] ? P_TEXT(gl_slice_str(record)) : P_NULL;
}

static int add(struct admin_db *db, int argc, char **argv, const void *given)
{
    const struct user_options *options = given;
    char record[PASSWORD_RECORD_MAX];
    gl_uuid id = gl_uuid_v7((uint64_t)clock_unix_ms());
    struct gl_err err = {0};
    (void)argc;
    if (!account_name_is_good(gl_slice_str(argv[0]))) {
        admin_complain("that is no name for a user; take %s", ACCOUNT_NAME_RULE);
        return ADMIN_FAILED;
    }
    if (!take_password(options, record)) {
        return ADMIN_FAILED;
    }
    struct store_param params[] = {P_UUID(id), P_TEXT(gl_slice_str(argv[0])), record_param(record), P_BOOL(options->admin)};
    enum gl_code code = admin_db_query(db, STORE_Q_admin_user_add, params, 4, NULL, &err);
    if (code == GL_E_EXISTS) {
        admin_complain("there is a user \"%s\" already", argv[0]);
        return ADMIN_FAILED;
    }
    if (code != GL_OK) {
        return database_failed(&err);
    }
    if (options->json) {
        print_json(json_pack("{s:o, s:s, s:b}", "account", json_id(&id), "name", argv[0], "admin", options->admin));
    } else {
        printf("user ");
        print_text(gl_slice_str(argv[0]));
        printf(" was added%s\n", record[0] ? "" : "; `glossd token add` makes a token to sign in with");
    }
    return ADMIN_OK;
}

static void print_user(const struct store_rows *rows, size_t row, bool json)
{
    gl_uuid id = store_uuid(rows, row, 0);
    if (json) {
        print_json(json_pack("{s:o, s:o, s:b, s:b, s:b, s:o, s:I}", "account", json_id(&id), "name",
                             json_text(store_text(rows, row, 1)), "admin", store_bool(rows, row, 2), "disabled",
                             store_bool(rows, row, 3), "password", store_bool(rows, row, 4), "created",
                             json_time(store_time(rows, row, 5)), "tokens", (json_int_t)store_u64(rows, row, 6)));
        return;
    }
    print_text(store_text(rows, row, 1));
    printf("%s%s  %s, %llu tokens\n", store_bool(rows, row, 2) ? "  (admin)" : "", store_bool(rows, row, 3) ? "  (disabled)" : "",
           store_bool(rows, row, 4) ? "password" : "no password", (unsigned long long)store_u64(rows, row, 6));
}

static int list(struct admin_db *db, int argc, char **argv, const void *given)
{
    const struct user_options *options = given;
    struct store_rows *rows;
    struct gl_err err = {0};
    (void)argc, (void)argv;
    if (admin_db_query(db, STORE_Q_admin_user_list, NULL, 0, &rows, &err) != GL_OK) {
        return database_failed(&err);
    }
    for (size_t i = 0; i < store_rows_count(rows); i++) {
        print_user(rows, i, options->json);
    }
    admin_rows_free(&rows);
    return ADMIN_OK;
}

static int change(struct admin_db *db, const char *name, enum store_query_id query, struct store_param value, const char *done,
                  bool json)
{
    gl_uuid account;
    struct gl_err err = {0};
    int exit_code = find_user(db, name, &account);
    if (exit_code != ADMIN_OK) {
        return exit_code;
    }
    struct store_param params[] = {P_UUID(account), value};
    if (admin_db_query(db, query, params, 2, NULL, &err) != GL_OK) {
        return database_failed(&err);
    }
    if (json) {
        print_json(json_pack("{s:o, s:s, s:s}", "account", json_id(&account), "name", name, "done", done));
    } else {
        printf("user ");
        print_text(gl_slice_str(name));
        printf(": %s\n", done);
    }
    return ADMIN_OK;
}

static int disable(struct admin_db *db, int argc, char **argv, const void *given)
{
    gl_uuid account;
    (void)argc;
    int exit_code = find_user(db, argv[0], &account);
    if (exit_code != ADMIN_OK) {
        return exit_code;
    }
    if (!confirmed(((const struct user_options *)given)->yes, "\"%s\" is kept out, and connections of that user end", argv[0])) {
        return ADMIN_USAGE;
    }
    return change(db, argv[0], STORE_Q_admin_user_enable, P_BOOL(false), "disabled", ((const struct user_options *)given)->json);
}

static int enable(struct admin_db *db, int argc, char **argv, const void *given)
{
    (void)argc;
    return change(db, argv[0], STORE_Q_admin_user_enable, P_BOOL(true), "enabled", ((const struct user_options *)given)->json);
}

static int password(struct admin_db *db, int argc, char **argv, const void *given)
{
    struct user_options options = *(const struct user_options *)given;
    char record[PASSWORD_RECORD_MAX];
    (void)argc;
    if (options.none && !confirmed(options.yes, "\"%s\" cannot sign in with a password any more", argv[0]))
        return ADMIN_USAGE;
    if (!options.password_file && !options.none) {
        options.password_file = "-";
    }
    if (!take_password(&options, record)) {
        return ADMIN_FAILED;
    }
    return change(db, argv[0], STORE_Q_admin_user_password, record_param(record), record[0] ? "password set" : "password removed",
                  options.json);
}

/* Also where nobody administrates any more who could say so through the protocol. */
static int administrate(struct admin_db *db, const char *name, bool is_admin, const struct user_options *options)
{
    struct store_rows *rows;
    struct gl_err err = {0};
    gl_uuid account;
    const struct store_param params[] = {P_TEXT(gl_slice_str(name)), P_BOOL(is_admin), P_NULL, P_NULL, P_NULL};
    int exit_code = find_user(db, name, &account);
    if (exit_code != ADMIN_OK)
        return exit_code;
    if (!is_admin && !confirmed(options->yes, "\"%s\" administrates no longer", name))
        return ADMIN_USAGE;
    if (admin_db_query(db, STORE_Q_account_update, params, 5, &rows, &err) != GL_OK)
        return database_failed(&err);
    print_user(rows, 0, options->json);
    admin_rows_free(&rows);
    return ADMIN_OK;
}

static int promote(struct admin_db *db, int argc, char **argv, const void *given)
{
    (void)argc;
    return administrate(db, argv[0], true, given);
}

static int demote(struct admin_db *db, int argc, char **argv, const void *given)
{
    (void)argc;
    return administrate(db, argv[0], false, given);
}

static const struct subverb subverbs[] = {
    {"add", add, 1, 1},         {"list", list, 0, 0},     {"disable", disable, 1, 1},   {"enable", enable, 1, 1},
    {"promote", promote, 1, 1}, {"demote", demote, 1, 1}, {"password", password, 1, 1}, {0}};

static int run(struct settings *settings, int argc, char **argv)
{
    struct user_options it = {.json = false};
    const struct admin_option options[] = {{"json", NULL, &it.json},
                                           {"admin", NULL, &it.admin},
                                           {"none", NULL, &it.none},
                                           {"yes", NULL, &it.yes},
                                           {"password-file", &it.password_file, NULL},
                                           {0}};
    if (!admin_options(&admin_user, options, &argc, argv)) {
        return ADMIN_USAGE;
    }
    return run_subverb(&admin_user, subverbs, settings, argc, argv, &it);
}

const struct admin_verb admin_user = {
    .name = "user",
    .usage =
        "add NAME [--admin] [--password-file FILE] | list | disable NAME [--yes] | enable NAME | promote NAME | demote NAME [--yes] | password NAME [--password-file FILE | --none [--yes]] [--json]",
    .help = "add, list, disable and enable users, say who administrates, and set passwords (from a file, or standard input)",
    .run = run,
};
