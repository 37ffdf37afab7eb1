#include "service/admin/database.h"

#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/gl_json.h"
#include "service/base/escape.h"
#include "service/base/mem.h"

int database_failed(const struct gl_err *err)
{
    admin_complain("%s", err->detail[0] ? err->detail : gl_code_sentence(err->code));
    switch (err->code) {
    case GL_E_STORE_DOWN: return ADMIN_DATABASE;
    case GL_E_SCHEMA_TOO_OLD:
    case GL_E_SCHEMA_TOO_NEW:
    case GL_E_CHECKSUM: return ADMIN_SCHEMA;
    case GL_E_SETTING: return ADMIN_SETTINGS;
    default: return ADMIN_FAILED;
    }
}

enum gl_code database_say_from(struct admin_db *db, struct gl_err *err)
{
    char from[160], host[64] = "";
    const struct passwd *user = getpwuid(getuid());
    gethostname(host, sizeof(host) - 1);
    if (user)
        snprintf(from, sizeof(from), "%.64s@%s", user->pw_name, host);
    else
        snprintf(from, sizeof(from), "%u@%s", (unsigned)getuid(), host);
    const struct store_param param = P_TEXT(gl_slice_str(from));
    return admin_db_query(db, STORE_Q_admin_from, &param, 1, NULL, err);
}

int database_open(const struct settings *settings, struct admin_db **db)
{
    struct gl_err err = {0};
    enum gl_code code = admin_db_open(settings->database, settings->owner_role, db, &err);
    if (code == GL_OK) {
        code = admin_db_check_schema(*db, &err);
    }
    if (code == GL_OK) {
        code = database_say_from(*db, &err);
    }
    if (code == GL_OK) {
        return ADMIN_OK;
    }
    admin_db_close(db);
    return database_failed(&err);
}

void print_json(json_t *object)
{
    json_dumpf(object, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(object);
}

json_t *json_id(const gl_uuid *id)
{
    char text[GL_UUID_TEXT + 1];
    gl_uuid_format(id, text);
    return json_string(text);
}

json_t *json_text(struct gl_slice text)
{
    return json_stringn(text.data, text.len);
}

json_t *json_time(int64_t unix_ms)
{
    char text[GL_TIME_TEXT + 1];
    gl_time_format(unix_ms, text);
    return json_string(text);
}

void print_text(struct gl_slice text)
{
    char safe[1024];
    for (size_t used = 1; text.len > 0 && used > 0; text.data += used, text.len -= used) {
        fwrite(safe, 1, escape_text(safe, sizeof(safe), text, &used), stdout);
    }
}

int find_user(struct admin_db *db, const char *name, gl_uuid *account)
{
    struct store_rows *rows;
    struct gl_err err = {0};
    struct store_param param = P_TEXT(gl_slice_str(name));
    if (admin_db_query(db, STORE_Q_admin_user_find, &param, 1, &rows, &err) != GL_OK) {
        return database_failed(&err);
    }
    bool is_there = store_rows_count(rows) > 0;
    if (is_there) {
        *account = store_uuid(rows, 0, 0);
    } else {
        admin_complain("there is no user \"%s\"; `glossd user list` lists them", name);
    }
    admin_rows_free(&rows);
    return is_there ? ADMIN_OK : ADMIN_FAILED;
}

char *read_secret(const char *path, size_t max, size_t *len)
{
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(path, "rb");
    if (!file) {
        admin_complain("%s cannot be read: %s", path, strerror(errno));
        return NULL;
    }
    char *secret = mem_alloc(max + 3); /* the largest one may end with CR LF; one byte more is too many */
    *len = fread(secret, 1, max + 3, file);
    bool is_read = !ferror(file);
    if (!is_stdin) {
        fclose(file);
    }
    char *end = memchr(secret, '\n', *len);
    if (end) {
        *len = (size_t)(end - secret);
    }
    if (*len > 0 && secret[*len - 1] == '\r') {
        --*len;
    }
    if (!is_read || *len == 0 || *len > max) {
        admin_complain("%s %s", path,
                       !is_read    ? "cannot be read"
                       : *len == 0 ? "is empty"
                                   : "holds more than a password may have");
        mem_free(&secret);
    }
    return secret;
}

bool confirmed(bool yes, const char *fmt, ...)
{
    char lost[1024], answer[16] = "";
    va_list args;
    va_start(args, fmt);
    vsnprintf(lost, sizeof(lost), fmt, args);
    va_end(args);
    if (yes)
        return true;
    if (!isatty(STDIN_FILENO)) {
        admin_complain("%s: nobody can be asked here whether that is meant; say --yes", lost);
        return false;
    }
    admin_complain("%s; type yes to go on:", lost);
    if (fgets(answer, sizeof(answer), stdin) && strcmp(answer, "yes\n") == 0)
        return true;
    admin_complain("nothing was changed");
    return false;
}

int run_subverb(const struct admin_verb *verb, const struct subverb *subverbs, const struct settings *settings, int argc,
                char **argv, const void *options)
{
    const struct subverb *subverb = subverbs;
    if (argc == 0) {
        return admin_usage(verb, "what about it? Say one of the words below");
    }
    while (subverb->name && strcmp(subverb->name, argv[0]) != 0) {
        subverb++;
    }
    if (!subverb->name) {
        return admin_usage(verb, "\"%s\" is not one of its words", argv[0]);
    }
    if (argc - 1 < subverb->min || argc - 1 > subverb->max) {
        return admin_usage(verb, "%s takes %d operand%s, not %d", argv[0], subverb->min, subverb->min == 1 ? "" : "s", argc - 1);
    }
    struct admin_db *db;
    int exit_code = database_open(settings, &db);
    if (exit_code == ADMIN_OK) {
        exit_code = subverb->run(db, argc - 1, argv + 1, options);
        admin_db_close(&db);
    }
    if (fflush(stdout) != 0 && exit_code == ADMIN_OK) {
        admin_complain("the answer could not be written to standard output");
        exit_code = ADMIN_FAILED;
    }
    return exit_code;
}
