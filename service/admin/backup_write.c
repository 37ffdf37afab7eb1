#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/gl_json.h"
#include "service/admin/backup.h"
#include "service/base/clock.h"
#include "service/base/mem.h"

#define PART_BYTES     ((size_t)1 << 20)
#define PART_MAX_BYTES ((size_t)1 << 31)

const struct backup_form backup_form = {.format = "gloss.backup.1", .folder = "gloss-backup", .verb = "glossd restore"};
const struct backup_form project_form = {.format = "gloss.project.1", .folder = "gloss-project", .verb = "glossd project import"};

void backup_out_init(struct backup_out *out, const struct backup_form *form, struct admin_db *db, int fd, const char *path,
                     int64_t at_ms, uint64_t bytes)
{
    *out = (struct backup_out){.form = form, .db = db, .counts = json_object()};
    bundle_out_init(&out->file, fd, strcmp(path, "-") == 0 ? "standard output" : path, (uint64_t)at_ms / 1000);
    meter_init(&out->meter, "backup", bytes);
    gl_buf_init(&out->part, PART_MAX_BYTES);
}

void backup_out_fini(struct backup_out *out)
{
    meter_clear(&out->meter);
    gl_buf_fini(&out->part);
    json_decref(out->counts);
}

static enum gl_code put_json(struct backup_out *out, const char *name, const json_t *value, struct gl_err *err)
{
    char member[BUNDLE_NAME_MAX + 1];
    snprintf(member, sizeof(member), "%s/%s", out->form->folder, name);
    struct gl_buf text;
    gl_buf_init(&text, SIZE_MAX);
    gl_canon_write(&text, value);
    gl_buf_byte(&text, '\n');
    enum gl_code code = text.code == GL_OK ? bundle_put(&out->file, member, gl_buf_peek(&text), err)
                                           : gl_fail(err, text.code, "%s cannot be written: a table's name is not ASCII", name);
    gl_buf_fini(&text);
    return code;
}

enum gl_code backup_put_manifest(struct backup_out *out, const json_t *manifest, struct gl_err *err)
{
    return put_json(out, "manifest.json", manifest, err);
}

static enum gl_code flush_part(struct backup_out *out, struct gl_err *err)
{
    char member[BUNDLE_NAME_MAX + 1];
    if (out->part.code != GL_OK) {
        return gl_fail(err, out->part.code, "a row of %s is too large", out->table);
    }
    snprintf(member, sizeof(member), "%s/%s.%06u", out->form->folder, out->table, ++out->part_number);
    enum gl_code code = bundle_put(&out->file, member, gl_buf_peek(&out->part), err);
    gl_buf_clear(&out->part);
    out->parts++;
    meter_tell(&out->meter, out->file.bytes, out->table);
    return code;
}

/* Parts end between rows. */
static enum gl_code take_row(void *ctx, struct gl_slice row, struct gl_err *err)
{
    struct backup_out *out = ctx;
    gl_buf_slice(&out->part, row);
    out->rows++;
    return out->part.len >= PART_BYTES || out->part.code != GL_OK ? flush_part(out, err) : GL_OK;
}

enum gl_code backup_put_table(struct backup_out *out, const char *name, const struct copy_source *source, struct gl_err *err)
{
    const uint64_t before = out->rows;
    out->table = name;
    out->part_number = 0;
    enum gl_code code = copy_out(out->db, source, take_row, out, err);
    if (code == GL_OK && out->part.len > 0) {
        code = flush_part(out, err);
    }
    json_object_set_new(out->counts, name, json_integer((json_int_t)(out->rows - before)));
    return code;
}

enum gl_code backup_put_end(struct backup_out *out, struct gl_err *err)
{
    struct gl_buf hex;
    gl_buf_init(&hex, 65);
    gl_buf_hex(&hex, out->file.chain.bytes, sizeof(out->file.chain.bytes));
    json_t *end = json_pack("{s:O, s:I, s:I, s:s#}", "tables", out->counts, "rows", (json_int_t)out->rows, "parts",
                            (json_int_t)out->parts, "chain", hex.data, (int)hex.len);
    enum gl_code code = put_json(out, "end.json", end, err);
    json_decref(end);
    gl_buf_fini(&hex);
    return code == GL_OK ? bundle_end(&out->file, err) : code;
}

static json_t *migrations_of(const struct store_rows *rows)
{
    json_t *list = json_array();
    for (size_t i = store_rows_count(rows); i-- > 0;) { /* they come the newest first */
        struct gl_slice hash = store_bytes(rows, i, 2);
        struct gl_buf hex;
        gl_buf_init(&hex, 65);
        gl_buf_hex(&hex, hash.data, hash.len);
        json_array_append_new(
            list, json_pack("{s:o, s:s#}", "name", json_text(store_text(rows, i, 1)), "sha256", hex.data, (int)hex.len));
        gl_buf_fini(&hex);
    }
    return list;
}

json_t *backup_manifest(struct admin_db *db, const struct backup_form *form, int64_t *at_ms, bool *is_standby, struct gl_err *err)
{
    struct store_rows *rows;
    if (admin_db_query(db, STORE_Q_copy_schema, NULL, 0, &rows, err) != GL_OK) {
        return NULL;
    }
    gl_uuid id = gl_uuid_v7((uint64_t)clock_unix_ms());
    *at_ms = store_time(rows, 0, 3);
    *is_standby = store_bool(rows, 0, 5);
    json_t *manifest =
        json_pack("{s:s, s:o, s:o, s:s, s:o, s:I, s:o}", "format", form->format, "id", json_id(&id), "at", json_time(*at_ms),
                  "program", "glossd " GLOSS_VERSION, "postgresql", json_text(store_text(rows, 0, 4)), "schema",
                  (json_int_t)store_u64(rows, 0, 0), "migrations", migrations_of(rows));
    admin_rows_free(&rows);
    return manifest;
}

/* ---- the file */

int backup_create(const char *path, char **new_path)
{
    *new_path = NULL;
    if (strcmp(path, "-") == 0) {
        if (isatty(STDOUT_FILENO)) {
            admin_complain("standard output is a terminal; name a file, or lead it into one");
            return -1;
        }
        return STDOUT_FILENO;
    }
    if (access(path, F_OK) == 0) {
        admin_complain("%s is there already, and nothing is overwritten; name another file", path);
        return -1;
    }
    *new_path = mem_alloc(strlen(path) + 5);
    sprintf(*new_path, "%s.new", path);
    unlink(*new_path); /* of one that was killed: whose it is, its mode and where it leads are not ours */
    int fd = open(*new_path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        admin_complain("%s cannot be written: %s", *new_path, strerror(errno));
        mem_free(new_path);
    }
    return fd;
}

/* A name is its folder's: it is on the disk when that is. Where folders cannot be read, or have nothing to be written, nothing better can be done. */
static bool sync_folder(const char *path)
{
    const char *end = strrchr(path, '/');
    size_t len = end ? (size_t)(end - path) + 1 : 0;
    char *folder = mem_alloc(len + 2);
    memcpy(folder, len > 0 ? path : ".", len > 0 ? len : 1);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_synced = fd >= 0 ? fsync(fd) == 0 || errno == EINVAL : errno == EACCES;
    if (fd >= 0) {
        close(fd);
    }
    mem_free(&folder);
    return is_synced;
}

/* Another backup to the same file may have taken the name meanwhile. */
static bool is_still_there(int fd, const char *path)
{
    struct stat ours, there;
    if (fstat(fd, &ours) == 0 && lstat(path, &there) == 0 && ours.st_dev == there.st_dev && ours.st_ino == there.st_ino) {
        return true;
    }
    errno = EBUSY;
    return false;
}

/* Has its name only when it is whole and on the disk. */
int backup_keep(int fd, const char *path, char **new_path, bool is_whole)
{
    if (!*new_path) {
        return 0;
    }
    bool is_ours = is_still_there(fd, *new_path);
    bool is_kept = is_whole && is_ours && fsync(fd) == 0 && rename(*new_path, path) == 0 && sync_folder(path);
    if (is_whole && !is_kept) {
        admin_complain("%s cannot be written: %s", path, strerror(errno));
    }
    close(fd);
    if (!is_kept && is_ours) {
        unlink(*new_path); /* or it has its name, and stays: only a loss of power may take that */
    }
    mem_free(new_path);
    return is_kept ? 0 : -1;
}
