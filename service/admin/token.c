/* glossd token: what programs sign in with. */
#include "service/auth/token.h"

#include <stdio.h>
#include <stdlib.h>

#include "service/admin/database.h"
#include "service/base/clock.h"

#define LABEL_MAX_BYTES 256
#define DAYS_MAX        3650

struct token_options {
    bool json, yes;
    const char *label, *expires;
};

/* Days, or null for ever; false after saying that it is none. */
static bool take_days(const struct token_options *options, struct store_param *days)
{
    *days = P_NULL;
    if (!options->expires) {
        return true;
    }
    char *end;
    unsigned long value = strtoul(options->expires, &end, 10);
    if (*end || end == options->expires || value < 1 || value > DAYS_MAX) {
        admin_complain("--expires takes a number of days from 1 to %d, not \"%s\"", DAYS_MAX, options->expires);
        return false;
    }
    *days = P_U64(value);
    return true;
}

static void tell(const struct store_rows *rows, const char *secret, const struct token_options *options)
{
    if (!options->json) {
        puts(secret);
        return;
    }
    gl_uuid id = store_uuid(rows, 0, 0);
    json_t *it =
        json_pack("{s:o, s:s, s:s}", "token", json_id(&id), "secret", secret, "label", options->label ? options->label : "");
    if (!store_is_null(rows, 0, 1)) {
        json_object_set_new(it, "expires", json_time(store_time(rows, 0, 1)));
    }
    print_json(it);
}

static int add(struct admin_db *db, int argc, char **argv, const void *given)
{
    const struct token_options *options = given;
    struct store_param days;
    struct store_rows *rows;
    struct gl_err err = {0};
    gl_uuid account, id = gl_uuid_v7((uint64_t)clock_unix_ms());
    (void)argc;
    struct gl_slice label = gl_slice_str(options->label ? options->label : "");
    if (label.len > LABEL_MAX_BYTES) {
        admin_complain("the label is longer than %d bytes", LABEL_MAX_BYTES);
        return ADMIN_FAILED;
    }
    if (!take_days(options, &days)) {
        return ADMIN_USAGE;
    }
    int exit_code = find_user(db, argv[0], &account);
    if (exit_code != ADMIN_OK) {
        return exit_code;
    }
    char secret[TOKEN_TEXT + 1];
    unsigned char digest[32];
    token_make(secret);
    token_digest(gl_slice_str(secret), digest);
    struct store_param params[] = {P_UUID(id), P_UUID(account), P_TEXT(label), P_BYTES(digest, sizeof(digest)), days};
    if (admin_db_query(db, STORE_Q_admin_token_add, params, 5, &rows, &err) != GL_OK) {
        return database_failed(&err);
    }
    tell(rows, secret, options);
    admin_rows_free(&rows);
    return ADMIN_OK;
}

static void print_token(const struct store_rows *rows, size_t row, bool json)
{
    gl_uuid id = store_uuid(rows, row, 0);
    bool is_revoked = store_bool(rows, row, 4);
    json_t *it = json_pack("{s:o, s:o, s:o, s:b}", "token", json_id(&id), "label", json_text(store_text(rows, row, 1)), "created",
                           json_time(store_time(rows, row, 2)), "revoked", is_revoked);
    if (!store_is_null(rows, row, 3)) {
        json_object_set_new(it, "expires", json_time(store_time(rows, row, 3)));
    }
    if (json) {
        print_json(it);
        return;
    }
    const char *expires = json_string_value(json_object_get(it, "expires"));
    printf("%s  made %.10s  %s%.10s%s  ", json_string_value(json_object_get(it, "token")),
           json_string_value(json_object_get(it, "created")), expires ? "ends " : "does not end", expires ? expires : "",
           is_revoked ? "  (revoked)" : "");
    print_text(store_text(rows, row, 1));
    putchar('\n');
    json_decref(it);
}

static int list(struct admin_db *db, int argc, char **argv, const void *given)
{
    struct store_rows *rows;
    struct gl_err err = {0};
    gl_uuid account;
    (void)argc;
    int exit_code = find_user(db, argv[0], &account);
    if (exit_code != ADMIN_OK) {
        return exit_code;
    }
    struct store_param param = P_UUID(account);
    if (admin_db_query(db, STORE_Q_admin_token_list, &param, 1, &rows, &err) != GL_OK) {
        return database_failed(&err);
    }
    for (size_t i = 0; i < store_rows_count(rows); i++) {
        print_token(rows, i, ((const struct token_options *)given)->json);
    }
    admin_rows_free(&rows);
    return ADMIN_OK;
}

static int revoke(struct admin_db *db, int argc, char **argv, const void *given)
{
    struct store_rows *rows;
    struct gl_err err = {0};
    gl_uuid id;
    (void)argc;
    if (!gl_uuid_parse(gl_slice_str(argv[0]), &id)) {
        admin_complain("\"%s\" is no id of a token; `glossd token list NAME` shows them", argv[0]);
        return ADMIN_FAILED;
    }
    if (!confirmed(((const struct token_options *)given)->yes,
                   "token %s is worth nothing any more, and connections that use it end", argv[0]))
        return ADMIN_USAGE;
    struct store_param param = P_UUID(id);
    if (admin_db_query(db, STORE_Q_admin_token_revoke, &param, 1, &rows, &err) != GL_OK) {
        return database_failed(&err);
    }
    bool is_there = store_rows_count(rows) > 0;
    admin_rows_free(&rows);
    if (!is_there) {
        admin_complain("there is no token %s; `glossd token list NAME` shows them", argv[0]);
        return ADMIN_FAILED;
    }
    if (((const struct token_options *)given)->json) {
        print_json(json_pack("{s:o, s:b}", "token", json_id(&id), "revoked", 1));
    } else {
        puts("revoked; connections that use it end within seconds");
    }
    return ADMIN_OK;
}

static const struct subverb subverbs[] = {{"add", add, 1, 1}, {"list", list, 1, 1}, {"revoke", revoke, 1, 1}, {0}};

static int run(struct settings *settings, int argc, char **argv)
{
    struct token_options it = {.json = false};
    const struct admin_option options[] = {
        {"json", NULL, &it.json}, {"label", &it.label, NULL}, {"expires", &it.expires, NULL}, {"yes", NULL, &it.yes}, {0}};
    if (!admin_options(&admin_token, options, &argc, argv)) {
        return ADMIN_USAGE;
    }
    return run_subverb(&admin_token, subverbs, settings, argc, argv, &it);
}

const struct admin_verb admin_token = {
    .name = "token",
    .usage = "add NAME [--label TEXT] [--expires DAYS] | list NAME | revoke TOKEN [--yes] [--json]",
    .help = "make a user's token (it is printed once), list and revoke them",
    .run = run,
};
