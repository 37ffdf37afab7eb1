/* glossd backup: everything that the database has, as of one moment, into one file, while people work. */
#include "service/admin/backup.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static json_t *tables_of(const struct store_rows *tables, uint64_t *bytes)
{
    json_t *list = json_array();
    *bytes = 0;
    for (size_t i = 0; i < store_rows_count(tables); i++) {
        json_array_append_new(list, json_pack("{s:o, s:o}", "name", json_text(store_text(tables, i, 0)), "columns",
                                              json_text(store_text(tables, i, 1))));
        *bytes += store_u64(tables, i, 2);
    }
    return list;
}

/* A note for whoever looks later who took everything away; a standby cannot take it. */
static enum gl_code note(struct admin_db *db, bool is_standby, const json_t *manifest, struct gl_err *err)
{
    char detail[128];
    snprintf(detail, sizeof(detail), "{\"backup\": \"%s\"}", json_string_value(json_object_get(manifest, "id")));
    const struct store_param params[] = {P_TEXT(gl_slice_str("backup")), P_NULL, P_TEXT(gl_slice_str(detail))};
    if (is_standby) {
        return GL_OK;
    }
    enum gl_code code = database_say_from(db, err);
    return code == GL_OK ? admin_db_query(db, STORE_Q_copy_note, params, 3, NULL, err) : code;
}

static enum gl_code write_tables(struct backup_out *out, const json_t *manifest, const struct store_rows *tables,
                                 struct gl_err *err)
{
    const json_t *list = json_object_get(manifest, "tables");
    enum gl_code code = backup_put_manifest(out, manifest, err);
    for (size_t i = 0; i < store_rows_count(tables) && code == GL_OK; i++) {
        const struct copy_source source = {.table = store_text(tables, i, 0), .columns = store_text(tables, i, 1)};
        code = backup_put_table(out, json_string_value(json_object_get(json_array_get(list, i), "name")), &source, err);
    }
    return code == GL_OK ? backup_put_end(out, err) : code;
}

static void tell(const json_t *said, bool json, bool to_stdout)
{
    FILE *to = to_stdout ? stdout : stderr;
    if (json) {
        json_dumpf(said, to, JSON_COMPACT);
        fputc('\n', to);
    } else {
        fprintf(to, "backed up as of %s: %lld rows, %.1f MB in %.1f s\n", json_string_value(json_object_get(said, "at")),
                (long long)json_integer_value(json_object_get(said, "rows")),
                (double)json_integer_value(json_object_get(said, "bytes")) / 1e6,
                json_number_value(json_object_get(said, "seconds")));
    }
    fflush(to);
}

static json_t *what_was_done(const struct backup_out *out, const json_t *manifest, const char *path)
{
    return json_pack("{s:O, s:O, s:O, s:I, s:I, s:f, s:s}", "backup", json_object_get(manifest, "id"), "at",
                     json_object_get(manifest, "at"), "schema", json_object_get(manifest, "schema"), "rows",
                     (json_int_t)out->rows, "bytes", (json_int_t)out->file.bytes, "seconds", meter_seconds(&out->meter), "file",
                     path);
}

static enum gl_code write_all(struct admin_db *db, int fd, const char *path, json_t **said, struct gl_err *err)
{
    struct store_rows *tables = NULL;
    int version;
    int64_t at_ms = 0;
    bool is_standby = false;
    uint64_t bytes;
    enum gl_code code = copy_begin(db, &version, err);
    if (code == GL_OK) {
        code = admin_db_query(db, STORE_Q_copy_tables, NULL, 0, &tables, err);
    }
    json_t *manifest = code == GL_OK ? backup_manifest(db, &backup_form, &at_ms, &is_standby, err) : NULL;
    if (manifest) {
        struct backup_out out;
        json_object_set_new(manifest, "tables", tables_of(tables, &bytes));
        backup_out_init(&out, &backup_form, db, fd, path, at_ms, bytes);
        code = write_tables(&out, manifest, tables, err);
        admin_db_rollback(db);
        if (code == GL_OK) {
            code = note(db, is_standby, manifest, err);
        }
        *said = what_was_done(&out, manifest, path);
        backup_out_fini(&out);
    }
    admin_rows_free(&tables);
    json_decref(manifest);
    return manifest || code != GL_OK ? code : err->code;
}

static int run(struct settings *settings, int argc, char **argv)
{
    bool json = false;
    struct gl_err err = {0};
    struct admin_db *db;
    char *new_path;
    json_t *said = NULL;
    const struct admin_option options[] = {{"json", NULL, &json}, {0}};
    if (!admin_options(&admin_backup, options, &argc, argv)) {
        return ADMIN_USAGE;
    }
    if (argc != 1) {
        return admin_usage(&admin_backup, "it takes one file, not %d", argc);
    }
    if (admin_db_open(settings->database, settings->owner_role, &db, &err) != GL_OK) {
        return database_failed(&err);
    }
    signal(SIGPIPE, SIG_IGN); /* said as what it is: it cannot be written */
    int exit_code = ADMIN_FAILED, fd = backup_create(argv[0], &new_path);
    if (fd >= 0) {
        bool is_whole = write_all(db, fd, argv[0], &said, &err) == GL_OK;
        bool is_kept = backup_keep(fd, argv[0], &new_path, is_whole) == 0;
        exit_code = !is_whole ? database_failed(&err) : is_kept ? ADMIN_OK : ADMIN_FAILED;
        if (exit_code == ADMIN_OK) {
            tell(said, json, fd != STDOUT_FILENO);
        }
        json_decref(said);
    }
    admin_db_close(&db);
    return exit_code;
}

const struct admin_verb admin_backup = {
    .name = "backup",
    .usage = "FILE|- [--json]",
    .help = "write everything, as of one moment, into a file (-: standard output) while people work",
    .run = run,
};
