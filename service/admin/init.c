/* glossd init: roles and database, through a connection that may make them. The owner can have another password than the roles that serve. */
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

/* The password in file into *password, which mem_free ends; without a file it stays NULL. */
static int read_password(const char *file, char **password)
{
    size_t len = 0;
    if (!file) {
        return ADMIN_OK;
    }
    *password = read_secret(file, PASSWORD_FILE_MAX, &len);
    if (!*password) {
        return ADMIN_FAILED;
    }
    (*password)[len] = '\0';
    return ADMIN_OK;
}

static int make(const struct settings *settings, const char *owner_password, const char *password, bool json)
{
    const struct admin_roles roles = {.owner = settings->owner_role,
                                      .append = settings->append_role,
                                      .reader = settings->reader_role,
                                      .owner_password = owner_password ? owner_password : password,
                                      .append_password = password,
                                      .reader_password = password};
    struct gl_err err = {0};
    unsigned made;
    enum gl_code code = admin_db_init(settings->database_admin, settings->database, &roles, &made, &err);
    if (code != GL_OK) {
        return database_failed(&err);
    }
    tell(settings, made, json);
    return ADMIN_OK;
}

static int run(struct settings *settings, int argc, char **argv)
{
    bool json = false;
    const char *file = NULL, *owner_file = NULL;
    const struct admin_option options[] = {
        {"json", NULL, &json}, {"password-file", &file, NULL}, {"owner-password-file", &owner_file, NULL}, {0}};
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
    char *password = NULL, *owner_password = NULL;
    int exit_code = read_password(file, &password);
    if (exit_code == ADMIN_OK) {
        exit_code = read_password(owner_file, &owner_password);
    }
    if (exit_code == ADMIN_OK) {
        exit_code = make(settings, owner_password, password, json);
    }
    mem_free(&password);
    mem_free(&owner_password);
    return exit_code;
}

const struct admin_verb admin_init = {
    .name = "init",
    .usage = "[--password-file FILE] [--owner-password-file FILE] [--json]",
    .help = "make the roles and the database, where they are missing",
    .run = run,
};
