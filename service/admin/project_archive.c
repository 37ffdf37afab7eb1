/* glossd project export and import: one project with its texts, codebook, logs and states, from one server to another. service/decisions/backup.md. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "service/admin/backup.h"
#include "service/admin/check_repair.h"
#include "service/admin/project.h"

/* ---- which tables: those of projects, but for what belongs to a server */

static bool is_taken(const struct store_rows *tables, size_t i)
{
    static const char *const left[] = {"job", "quota", "webhook"};
    for (size_t k = 0; k < sizeof(left) / sizeof(*left); k++) {
        if (gl_slice_is(store_text(tables, i, 0), left[k])) {
            return false;
        }
    }
    return store_bool(tables, i, 3) || gl_slice_is(store_text(tables, i, 0), "project");
}

/* The manifest's list; of[n] is the row of `tables` that its entry n stands for. The first entry is people. */
static json_t *tables_of(const struct store_rows *tables, size_t **of)
{
    json_t *list = json_array();
    *of = calloc(store_rows_count(tables) + 1, sizeof(**of));
    json_array_append_new(list, json_pack("{s:s, s:o}", "name", "account", "columns", json_text(copy_people.columns)));
    for (size_t i = 0; i < store_rows_count(tables); i++) {
        if (is_taken(tables, i)) {
            (*of)[json_array_size(list)] = i;
            json_array_append_new(list, json_pack("{s:o, s:o}", "name", json_text(store_text(tables, i, 0)), "columns",
                                                  json_text(store_text(tables, i, 4))));
        }
    }
    return list;
}

static struct copy_source source_of(const struct store_rows *tables, const size_t *of, size_t i, const gl_uuid *project)
{
    struct copy_source source = copy_people;
    if (i > 0) {
        source.table = store_text(tables, of[i], 0);
        source.columns = store_text(tables, of[i], 4);
        source.of = gl_slice_is(source.table, "project") ? GL_SLICE("id") : GL_SLICE("project");
    }
    source.project = project;
    return source;
}

static enum gl_code note(struct admin_db *db, const char *action, const gl_uuid *project, const json_t *manifest,
                         struct gl_err *err)
{
    char detail[128];
    snprintf(detail, sizeof(detail), "{\"archive\": \"%s\"}", json_string_value(json_object_get(manifest, "id")));
    const struct store_param params[] = {P_TEXT(gl_slice_str(action)), P_UUID(*project), P_TEXT(gl_slice_str(detail))};
    return admin_db_query(db, STORE_Q_copy_note, params, 3, NULL, err);
}

/* ---- export */

static enum gl_code add_project(struct admin_db *db, const gl_uuid *project, json_t *manifest, struct gl_err *err)
{
    struct store_rows *rows;
    const struct store_param param = P_UUID(*project);
    enum gl_code code = admin_db_query(db, STORE_Q_copy_project, &param, 1, &rows, err);
    if (code != GL_OK) {
        return code;
    }
    if (store_rows_count(rows) == 0) {
        code = gl_fail(err, GL_E_NOT_FOUND, "the project is gone");
    } else {
        json_object_set_new(manifest, "project", json_id(project));
        json_object_set_new(manifest, "name", json_text(store_text(rows, 0, 0)));
        json_object_set_new(manifest, "inbox_since_ms",
                            store_is_null(rows, 0, 1) ? json_null() : json_integer(store_time(rows, 0, 1)));
    }
    admin_rows_free(&rows);
    return code;
}

static enum gl_code write_tables(struct backup_out *out, const gl_uuid *project, const json_t *manifest,
                                 const struct store_rows *tables, const size_t *of, struct gl_err *err)
{
    const json_t *list = json_object_get(manifest, "tables");
    enum gl_code code = backup_put_manifest(out, manifest, err);
    for (size_t i = 0; i < json_array_size(list) && code == GL_OK; i++) {
        const char *name = json_string_value(json_object_get(json_array_get(list, i), "name"));
        const struct copy_source source = source_of(tables, of, i, project);
        code = backup_put_table(out, name, &source, err);
    }
    return code == GL_OK ? backup_put_end(out, err) : code;
}

static json_t *what_was_done(const json_t *manifest, const char *path, uint64_t rows, uint64_t bytes)
{
    return json_pack("{s:O, s:O, s:O, s:O, s:I, s:I, s:s}", "project", json_object_get(manifest, "project"), "name",
                     json_object_get(manifest, "name"), "archive", json_object_get(manifest, "id"), "at",
                     json_object_get(manifest, "at"), "rows", (json_int_t)rows, "bytes", (json_int_t)bytes, "file", path);
}

static enum gl_code write_project(struct admin_db *db, const gl_uuid *project, int fd, const char *path, json_t **said,
                                  struct gl_err *err)
{
    struct store_rows *tables = NULL;
    int version;
    int64_t at_ms = 0;
    bool is_standby = false;
    size_t *of = NULL;
    json_t *manifest = NULL;
    enum gl_code code = copy_begin(db, &version, err);
    if (code == GL_OK) {
        code = admin_db_query(db, STORE_Q_copy_tables, NULL, 0, &tables, err);
    }
    if (code == GL_OK) {
        manifest = backup_manifest(db, &project_form, &at_ms, &is_standby, err);
        code = manifest ? add_project(db, project, manifest, err) : err->code;
    }
    if (code == GL_OK) {
        struct backup_out out;
        json_object_set_new(manifest, "tables", tables_of(tables, &of));
        backup_out_init(&out, &project_form, db, fd, path, at_ms, 0);
        code = write_tables(&out, project, manifest, tables, of, err);
        *said = what_was_done(manifest, path, out.rows, out.file.bytes);
        backup_out_fini(&out);
    }
    admin_db_rollback(db);
    if (code == GL_OK && !is_standby) {
        code = note(db, "project.export", project, manifest, err);
    }
    admin_rows_free(&tables);
    json_decref(manifest);
    free(of);
    return code;
}

static void tell(const json_t *said, bool json, const char *verb, FILE *to)
{
    if (json) {
        json_dumpf(said, to, JSON_COMPACT);
        fputc('\n', to);
    } else {
        fprintf(to, "%s project %s as of %s: %lld rows, %.1f MB\n", verb, json_string_value(json_object_get(said, "project")),
                json_string_value(json_object_get(said, "at")), (long long)json_integer_value(json_object_get(said, "rows")),
                (double)json_integer_value(json_object_get(said, "bytes")) / 1e6);
    }
    fflush(to);
}

int project_export(struct admin_db *db, int argc, char **argv, const void *given)
{
    gl_uuid project;
    char *new_path;
    json_t *said = NULL;
    struct gl_err err = {0};
    (void)argc;
    int exit_code = find_project(db, argv[0], &project);
    if (exit_code != ADMIN_OK) {
        return exit_code;
    }
    signal(SIGPIPE, SIG_IGN); /* said as what it is: it cannot be written */
    int fd = backup_create(argv[1], &new_path);
    if (fd < 0) {
        return ADMIN_FAILED;
    }
    bool is_whole = write_project(db, &project, fd, argv[1], &said, &err) == GL_OK;
    bool is_kept = backup_keep(fd, argv[1], &new_path, is_whole) == 0;
    exit_code = !is_whole ? database_failed(&err) : is_kept ? ADMIN_OK : ADMIN_FAILED;
    if (exit_code == ADMIN_OK) {
        tell(said, ((const struct project_options *)given)->json, "exported", fd == STDOUT_FILENO ? stderr : stdout);
    }
    json_decref(said);
    return exit_code;
}

/* ---- import */

struct importing {
    struct admin_db *db;
    struct backup_in in;
    struct store_rows *tables;
    size_t *of;
    gl_uuid project;
};

static enum gl_code look(struct importing *it, struct gl_err *err)
{
    const char *id = json_string_value(json_object_get(it->in.manifest, "project"));
    struct store_rows *rows;
    if (!id || !gl_uuid_parse(gl_slice_str(id), &it->project)) {
        return bundle_wrong(&it->in.file, err, "it does not say which project it has");
    }
    enum gl_code code = admin_db_query(it->db, STORE_Q_copy_tables, NULL, 0, &it->tables, err);
    if (code != GL_OK) {
        return code;
    }
    json_t *here = tables_of(it->tables, &it->of);
    bool is_same = json_equal(here, json_object_get(it->in.manifest, "tables"));
    json_decref(here);
    if (!is_same) {
        return gl_fail(err, GL_E_SCHEMA_TOO_OLD,
                       "%s has schema %d, and this database another one; run `glossd migrate` there and export the project again",
                       it->in.file.path, it->in.schema);
    }
    const struct store_param param = P_UUID(it->project);
    code = admin_db_query(it->db, STORE_Q_copy_project, &param, 1, &rows, err);
    if (code == GL_OK && store_rows_count(rows) > 0) {
        code = gl_fail(err, GL_E_EXISTS, "the project %s is here already, and nothing of it is overwritten", id);
    }
    admin_rows_free(&rows);
    return code;
}

static enum gl_code take_part(void *ctx, size_t table, struct gl_slice rows, uint64_t *count, struct gl_err *err)
{
    struct importing *it = ctx;
    struct gl_err why = {0};
    const struct copy_source source = source_of(it->tables, it->of, table, &it->project);
    enum gl_code code =
        table == 0 ? copy_people_in(it->db, rows, count, &why) : copy_in_beside(it->db, &source, rows, count, &why);
    if (code == GL_E_EXISTS) {
        return gl_fail(err, code, "something of the project is here already, so nothing was imported: %s: %.300s",
                       it->in.file.name, why.detail);
    }
    return code == GL_OK ? code : gl_fail(err, code, "%s was not taken: %.380s", it->in.file.name, why.detail);
}

/* Whoever made the file: every log, state and row of it must be what `glossd check` wants to see. */
static enum gl_code prove(struct importing *it, struct gl_err *err)
{
    struct store_rows *rows;
    const struct store_param project = P_UUID(it->project);
    const json_t *since = json_object_get(it->in.manifest, "inbox_since_ms");
    const int64_t since_ms = json_is_integer(since) ? json_integer_value(since) : 0;
    enum gl_code code = admin_db_query(it->db, STORE_Q_copy_streams, &project, 1, &rows, err);
    for (size_t i = 0; code == GL_OK && i < store_rows_count(rows); i++) {
        struct report found;
        gl_uuid stream = store_uuid(rows, i, 0);
        report_init(&found);
        code = look_at_stream(it->db, since_ms, &stream, &found, err);
        if (code == GL_OK && found.total > 0) {
            char id[GL_UUID_TEXT + 1];
            gl_uuid_format(&stream, id);
            report_tell(&found, id);
            code = gl_fail(err, GL_E_MALFORMED,
                           "%s does not hold together, so nothing was imported; run `glossd check` where it comes from",
                           it->in.file.path);
        }
        report_fini(&found);
    }
    if (code == GL_OK && store_rows_count(rows) == 0) {
        code = bundle_wrong(&it->in.file, err, "the project has no log");
    }
    admin_rows_free(&rows);
    if (code == GL_OK && since_ms > 0) {
        const struct store_param at = P_TIME(since_ms);
        code = admin_db_query(it->db, STORE_Q_copy_inbox_since, &at, 1, NULL, err);
    }
    return code;
}

static enum gl_code import(struct importing *it, struct gl_err *err)
{
    enum gl_code code = admin_db_begin(it->db, err);
    if (code == GL_OK) {
        code = look(it, err);
    }
    if (code == GL_OK) {
        code = backup_in_tables(&it->in, take_part, it, err);
    }
    if (code == GL_OK) {
        code = prove(it, err);
    }
    if (code == GL_OK) {
        code = note(it->db, "project.import", &it->project, it->in.manifest, err);
    }
    if (code == GL_OK) {
        return admin_db_commit(it->db, err);
    }
    admin_db_rollback(it->db);
    return code;
}

static int import_from(struct admin_db *db, int fd, const char *path, uint64_t bytes, const struct project_options *options,
                       const gl_uuid *owner)
{
    struct importing it = {.db = db};
    struct gl_err err = {0};
    enum gl_code code = backup_in_init(&it.in, &project_form, fd, path, &err);
    it.in.meter.total = bytes;
    if (code == GL_OK) {
        code = import(&it, &err);
    }
    meter_clear(&it.in.meter);
    int exit_code = code == GL_OK ? ADMIN_OK : database_failed(&err);
    if (exit_code == ADMIN_OK && owner) {
        exit_code = give_project(db, &it.project, owner);
    }
    if (exit_code == ADMIN_OK) {
        json_t *said = what_was_done(it.in.manifest, path, it.in.rows, it.in.file.bytes);
        tell(said, options->json, "imported", stdout);
        json_decref(said);
    }
    admin_rows_free(&it.tables);
    free(it.of);
    backup_in_fini(&it.in);
    return exit_code;
}

int project_import(struct admin_db *db, int argc, char **argv, const void *given)
{
    const struct project_options *options = given;
    gl_uuid owner;
    uint64_t bytes;
    (void)argc;
    int exit_code = options->owner ? find_user(db, options->owner, &owner) : ADMIN_OK;
    if (exit_code != ADMIN_OK) {
        return exit_code;
    }
    int fd = backup_open(argv[0], &bytes);
    if (fd < 0) {
        return ADMIN_FAILED;
    }
    exit_code = import_from(db, fd, argv[0], bytes, options, options->owner ? &owner : NULL);
    close(fd);
    return exit_code;
}
