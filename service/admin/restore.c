/* glossd restore: a database again from what `glossd backup` wrote, in one transaction: all of it, or what was there before. */
#include <stdio.h>
#include <unistd.h>

#include "proto/gl_json.h"
#include "service/admin/backup.h"

struct restoring {
    struct admin_db *db;
    struct backup_in in;
    struct store_rows *tables; /* of the database, in the manifest's order */
};

/* The schema was made anew from the migrations that the backup names; so it has the same tables, or somebody has changed some by hand. */
static enum gl_code compare_tables(struct restoring *it, struct gl_err *err)
{
    const json_t *list = json_object_get(it->in.manifest, "tables");
    enum gl_code code = admin_db_query(it->db, STORE_Q_copy_tables, NULL, 0, &it->tables, err);
    if (code != GL_OK) {
        return code;
    }
    bool is_same = json_array_size(list) == store_rows_count(it->tables);
    for (size_t i = 0; is_same && i < store_rows_count(it->tables); i++) {
        const char *name = json_string_value(json_object_get(json_array_get(list, i), "name"));
        const char *columns = json_string_value(json_object_get(json_array_get(list, i), "columns"));
        is_same = name && columns && gl_slice_is(store_text(it->tables, i, 0), name) &&
                  gl_slice_is(store_text(it->tables, i, 1), columns);
    }
    return is_same ? GL_OK
                   : gl_fail(err, GL_E_CHECKSUM, "%s has other tables than schema %d; somebody has changed that database by hand",
                             it->in.file.path, it->in.schema);
}

static enum gl_code take_part(void *ctx, size_t table, struct gl_slice rows, uint64_t *count, struct gl_err *err)
{
    struct restoring *it = ctx;
    struct gl_err why = {0};
    enum gl_code code = copy_in(it->db, store_text(it->tables, table, 0), store_text(it->tables, table, 1), rows, count, &why);
    if (code != GL_OK) {
        gl_fail(err, code, "%s was not taken: %.380s", it->in.file.name, why.detail);
    }
    return code;
}

/* Where from is said only now: else migrations on the way (0016) would note it in rows that were there before. */
static enum gl_code note(struct restoring *it, struct gl_err *err)
{
    json_t *detail =
        json_pack("{s:O, s:O}", "backup", json_object_get(it->in.manifest, "id"), "at", json_object_get(it->in.manifest, "at"));
    struct gl_buf text;
    gl_buf_init(&text, SIZE_MAX);
    gl_canon_write(&text, detail);
    const struct store_param params[] = {P_TEXT(gl_slice_str("restore")), P_NULL, P_TEXT(gl_buf_peek(&text))};
    enum gl_code code = database_say_from(it->db, err);
    if (code == GL_OK) {
        code = admin_db_query(it->db, STORE_Q_copy_note, params, 3, NULL, err);
    }
    gl_buf_fini(&text);
    json_decref(detail);
    return code;
}

static enum gl_code restore(struct restoring *it, const struct copy_roles *roles, struct gl_err *err)
{
    enum gl_code code = restore_begin(it->db, roles, it->in.schema, err);
    if (code == GL_OK) {
        code = compare_tables(it, err);
    }
    if (code == GL_OK) {
        code = backup_in_tables(&it->in, take_part, it, err);
    }
    if (code == GL_OK) {
        code = restore_finish(it->db, roles, it->in.schema, err);
    }
    if (code == GL_OK) {
        code = note(it, err);
    }
    return code == GL_OK ? admin_db_commit(it->db, err) : code;
}

static void tell(const struct restoring *it, bool json)
{
    const json_t *manifest = it->in.manifest;
    const char *at = json_string_value(json_object_get(manifest, "at"));
    if (json) {
        print_json(json_pack("{s:O, s:s, s:i, s:I, s:f}", "backup", json_object_get(manifest, "id"), "at", at, "schema",
                             it->in.schema, "rows", (json_int_t)it->in.rows, "seconds", meter_seconds(&it->in.meter)));
    } else {
        printf(
            "restored as of %s: %llu rows in %.1f s; `glossd check` proves it. What was revoked, erased or signed since then has to be "
            "done again\n",
            at, (unsigned long long)it->in.rows, meter_seconds(&it->in.meter));
    }
}

static int run_with(const struct settings *settings, const char *path, int fd, uint64_t bytes, bool json)
{
    const struct copy_roles roles = {settings->owner_role, settings->append_role, settings->reader_role};
    struct restoring it = {0};
    struct gl_err err = {0};
    enum gl_code code = backup_in_init(&it.in, &backup_form, fd, path, &err);
    it.in.meter.total = bytes;
    if (code == GL_OK) {
        code = admin_db_open(settings->database, settings->owner_role, &it.db, &err);
    }
    if (code == GL_OK) {
        code = restore(&it, &roles, &err);
    }
    meter_clear(&it.in.meter);
    if (code == GL_OK) {
        tell(&it, json);
    }
    admin_rows_free(&it.tables);
    admin_db_close(&it.db);
    backup_in_fini(&it.in);
    return code == GL_OK ? ADMIN_OK : database_failed(&err);
}

static int run(struct settings *settings, int argc, char **argv)
{
    bool json = false;
    uint64_t bytes;
    const struct admin_option options[] = {{"json", NULL, &json}, {0}};
    if (!admin_options(&admin_restore, options, &argc, argv)) {
        return ADMIN_USAGE;
    }
    if (argc != 1) {
        return admin_usage(&admin_restore, "it takes one file, not %d", argc);
    }
    int fd = backup_open(argv[0], &bytes);
    if (fd < 0) {
        return ADMIN_FAILED;
    }
    int exit_code = run_with(settings, argv[0], fd, bytes, json);
    close(fd);
    return exit_code;
}

const struct admin_verb admin_restore = {
    .name = "restore",
    .usage = "FILE|- [--json]",
    .help = "make an empty database what a backup has (-: standard input): all of it, or nothing",
    .run = run,
};
