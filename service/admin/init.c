/* glossd init: roles and database, through a connection that may make them. */
#include <stdio.h>

#include "service/admin/database.h"
#include "service/base/mem.h"

#define PASSWORD_FILE_MAX 1024

static const struct {
    unsigned bit;
    const char *what;
} things[] = {{1, "owner"}, {2, "append"}, {4, "reader"}, {8, "database"}};

static void tell(const struct settings *settings, unsigned made, bool json)
{
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof(things) / sizeof(things[0]); i++) {
        if (made & things[i].bit) {
            json_array_append_new(list, json_string(things[i].what));
        }
    }
    if (json) {
        print_json(json_pack("{s:s, s:s, s:s, s:o}", "owner", settings->owner_role, "append", settings->append_role, "reader",
                             settings->reader_role, "made", list));
        return;
    }
    puts(made ? "roles and database are ready; `glossd migrate` comes next" : "roles and database were ready already");
    json_decref(list);
}

static int run(struct settings *settings, int argc, char **argv)
{
    bool json = false;
    const char *file = NULL;
    const struct admin_option options[] = {{"json", NULL, &json}, {"password-file", &file, NULL}, {0}};
    if (!admin_options(&admin_init, options, &argc, argv)) {
        return ADMIN_USAGE;
    }
    if (argc) {
        return admin_usage(&admin_init, "\"%s\" is one word too many", argv[0]);
    }
    if (!settings->database_admin[0]) {
        admin_complain(
            "the setting database_admin is empty; it must be the connection string of a role that may make roles and databases");
        return ADMIN_SETTINGS;
    }
    size_t len = 0;
    char *password = file ? read_secret(file, PASSWORD_FILE_MAX, &len) : NULL;
    if (file && !password) {
        return ADMIN_FAILED;
    }
    struct admin_roles roles = {.owner = settings->owner_role, .append = settings->append_role, .reader = settings->reader_role};
    struct gl_err err = {0};
    unsigned made;
    if (password) {
        password[len] = '\0';
        roles.owner_password = roles.append_password = roles.reader_password = password;
    }
    enum gl_code code = admin_db_init(settings->database_admin, settings->database, &roles, &made, &err);
    mem_free(&password);
    if (code != GL_OK) {
        return database_failed(&err);
    }
    tell(settings, made, json);
    return ADMIN_OK;
}

const struct admin_verb admin_init = {
    .name = "init",
    .usage = "[--password-file FILE] [--json]",
    .help = "make the roles and the database, where they are missing",
    .run = run,
};
