#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "service/admin/backup.h"
#include "service/store/migrate.h"

int backup_open(const char *path, uint64_t *bytes)
{
    struct stat about;
    int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        admin_complain("%s cannot be read: %s", path, strerror(errno));
        return -1;
    }
    *bytes = fstat(fd, &about) == 0 && S_ISREG(about.st_mode) ? (uint64_t)about.st_size : 0;
    return fd;
}

/* ---- the manifest */

/* A schema is known by its migrations, each by its SHA-256. */
static enum gl_code check_schema(struct backup_in *in, struct gl_err *err)
{
    const json_t *list = json_object_get(in->manifest, "migrations");
    in->schema = (int)json_integer_value(json_object_get(in->manifest, "schema"));
    if (in->schema > migrations_newest()) {
        return gl_fail(err, GL_E_SCHEMA_TOO_NEW, "%s has schema %d, this program knows only up to %d; use a newer glossd",
                       in->file.path, in->schema, migrations_newest());
    }
    if (in->schema < 1 || json_array_size(list) != (size_t)in->schema) {
        return bundle_wrong(&in->file, err, "it does not say which schema it has");
    }
    for (int i = 0; i < in->schema; i++) {
        const char *hex = json_string_value(json_object_get(json_array_get(list, (size_t)i), "sha256"));
        gl_hash ours = gl_sha256(migrations[i].sql, migrations[i].len), theirs;
        if (!hex || !gl_hex_decode(gl_slice_str(hex), theirs.bytes, sizeof(theirs.bytes)) || !gl_hash_equal(&ours, &theirs)) {
            return gl_fail(err, GL_E_CHECKSUM,
                           "%s has migration %s in another form than this program; use the glossd that belongs to it",
                           in->file.path, migrations[i].name);
        }
    }
    return GL_OK;
}

static enum gl_code check_format(struct backup_in *in, struct gl_err *err)
{
    const char *format = json_string_value(json_object_get(in->manifest, "format"));
    const struct backup_form *other = in->form == &backup_form ? &project_form : &backup_form;
    if (!format) {
        return bundle_wrong(&in->file, err, "it does not say what it is");
    }
    if (strcmp(format, other->format) == 0) {
        return gl_fail(err, GL_E_INVALID_PARAMS, "%s is for `%s`", in->file.path, other->verb);
    }
    if (strcmp(format, in->form->format) != 0) {
        return gl_fail(err, GL_E_SCHEMA_TOO_NEW, "%s has the form %.40s, this program knows %s; use the glossd that made it",
                       in->file.path, format, in->form->format);
    }
    return check_schema(in, err);
}

enum gl_code backup_in_init(struct backup_in *in, const struct backup_form *form, int fd, const char *path, struct gl_err *err)
{
    *in = (struct backup_in){.form = form, .counts = json_object()};
    bundle_in_init(&in->file, fd, strcmp(path, "-") == 0 ? "standard input" : path);
    meter_init(&in->meter, "restore", 0);
    enum gl_code code = bundle_next(&in->file, err);
    if (code != GL_OK) {
        return code;
    }
    in->manifest = json_loadb(in->file.content.data, in->file.content.len, 0, NULL);
    const char *name = strchr(in->file.name, '/');
    if (!in->manifest || !name || strcmp(name, "/manifest.json") != 0) {
        return bundle_wrong(&in->file, err, "a manifest should be here");
    }
    return check_format(in, err);
}

void backup_in_fini(struct backup_in *in)
{
    meter_clear(&in->meter);
    bundle_in_fini(&in->file);
    json_decref(in->manifest);
    json_decref(in->counts);
}

/* ---- the tables */

/* Which part a member is: of the same table the next one, or the first one of a table that comes later. */
static bool find_part(const struct backup_in *in, const json_t *tables, size_t *table, unsigned *part)
{
    char expected[BUNDLE_NAME_MAX + 1];
    for (size_t i = *table; i < json_array_size(tables); i++) {
        unsigned number = i == *table ? *part + 1 : 1;
        const char *name = json_string_value(json_object_get(json_array_get(tables, i), "name"));
        snprintf(expected, sizeof(expected), "%s/%s.%06u", in->form->folder, name ? name : "", number);
        if (strcmp(expected, in->file.name) == 0) {
            *table = i;
            *part = number;
            return true;
        }
    }
    return false;
}

static enum gl_code check_end(struct backup_in *in, const gl_hash *chain, struct gl_err *err)
{
    struct gl_buf hex;
    gl_buf_init(&hex, 65);
    gl_buf_hex(&hex, chain->bytes, sizeof(chain->bytes));
    json_t *expected = json_pack("{s:O, s:I, s:I, s:s#}", "tables", in->counts, "rows", (json_int_t)in->rows, "parts",
                                 (json_int_t)in->parts, "chain", hex.data, (int)hex.len);
    json_t *found = json_loadb(in->file.content.data, in->file.content.len, 0, NULL);
    enum gl_code code =
        json_equal(expected, found) ? GL_OK : bundle_wrong(&in->file, err, "what it counts is not what came before it");
    json_decref(expected);
    json_decref(found);
    gl_buf_fini(&hex);
    return code == GL_OK ? bundle_is_over(&in->file, err) : code;
}

static enum gl_code take_part(struct backup_in *in, const json_t *tables, size_t table, backup_part_fn fn, void *ctx,
                              struct gl_err *err)
{
    uint64_t count = 0;
    const char *name = json_string_value(json_object_get(json_array_get(tables, table), "name"));
    enum gl_code code = fn(ctx, table, gl_buf_peek(&in->file.content), &count, err);
    json_int_t before = json_integer_value(json_object_get(in->counts, name));
    json_object_set_new(in->counts, name, json_integer(before + (json_int_t)count));
    in->rows += count;
    in->parts++;
    meter_tell(&in->meter, in->file.bytes, name);
    return code;
}

enum gl_code backup_in_tables(struct backup_in *in, backup_part_fn fn, void *ctx, struct gl_err *err)
{
    const json_t *tables = json_object_get(in->manifest, "tables");
    char end[BUNDLE_NAME_MAX + 1];
    size_t table = 0;
    unsigned part = 0;
    snprintf(end, sizeof(end), "%s/end.json", in->form->folder);
    for (size_t i = 0; i < json_array_size(tables); i++) {
        const char *name = json_string_value(json_object_get(json_array_get(tables, i), "name"));
        json_object_set_new(in->counts, name ? name : "", json_integer(0));
    }
    for (;;) {
        const gl_hash chain = in->file.chain;
        enum gl_code code = bundle_next(&in->file, err);
        if (code != GL_OK) {
            return code;
        }
        if (strcmp(in->file.name, end) == 0) {
            return check_end(in, &chain, err);
        }
        code = find_part(in, tables, &table, &part) ? take_part(in, tables, table, fn, ctx, err)
                                                    : bundle_wrong(&in->file, err, "this part does not belong here");
        if (code != GL_OK) {
            return code;
        }
    }
}
