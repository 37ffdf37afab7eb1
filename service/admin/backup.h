/*
 * backup.h - what glossd backup and restore, and glossd project export and import share: tables in a bundle, between a manifest and an end that counts.
 *
 * Owns      struct backup_out and struct backup_in own their bundle and buffers.
 * Lifetime  backup_out_init / backup_out_fini, backup_in_init / backup_in_fini.
 * Thread    one at a time; everything blocks.
 * Errors    as bundle.h and copy.h; err->detail has a whole sentence.
 * Source    service/decisions/backup.md.
 */
#ifndef BACKUP_H
#define BACKUP_H

#include "service/admin/bundle.h"
#include "service/admin/database.h"
#include "service/admin/meter.h"
#include "service/store/copy.h"

/* One of them for each thing that can be written. */
struct backup_form {
    const char *format; /* "gloss.backup.1" */
    const char *folder; /* of all members */
    const char *verb;   /* that reads it */
};
extern const struct backup_form backup_form, project_form;

struct backup_out {
    const struct backup_form *form;
    struct admin_db *db;
    struct bundle_out file;
    struct meter meter;
    struct gl_buf part; /* rows that are not written yet */
    const char *table;
    unsigned part_number, parts;
    uint64_t rows;
    json_t *counts; /* name of a table -> rows */
};
void backup_out_init(struct backup_out *out, const struct backup_form *form, struct admin_db *db, int fd, const char *path,
                     int64_t at_ms, uint64_t bytes);
void backup_out_fini(struct backup_out *out);
enum gl_code backup_put_manifest(struct backup_out *out, const json_t *manifest, struct gl_err *err) GL_MUST_USE;
enum gl_code backup_put_table(struct backup_out *out, const char *name, const struct copy_source *source,
                              struct gl_err *err) GL_MUST_USE;
enum gl_code backup_put_end(struct backup_out *out, struct gl_err *err) GL_MUST_USE;

/* What stands in the database: format, schema with its migrations, moment. */
json_t *backup_manifest(struct admin_db *db, const struct backup_form *form, int64_t *at_ms, bool *is_standby,
                        struct gl_err *err);

struct backup_in {
    const struct backup_form *form;
    struct bundle_in file;
    struct meter meter;
    json_t *manifest, *counts;
    int schema;
    unsigned parts;
    uint64_t rows;
};
/* Reads the manifest, too. GL_E_SCHEMA_TOO_NEW, GL_E_CHECKSUM: this program does not know the schema. */
enum gl_code backup_in_init(struct backup_in *in, const struct backup_form *form, int fd, const char *path,
                            struct gl_err *err) GL_MUST_USE;
void backup_in_fini(struct backup_in *in);
/* Called for each part with the number of its table in the manifest's list; *count grows by its rows. */
typedef enum gl_code (*backup_part_fn)(void *ctx, size_t table, struct gl_slice rows, uint64_t *count, struct gl_err *err);
/* All parts, and then the proof that these were all. */
enum gl_code backup_in_tables(struct backup_in *in, backup_part_fn fn, void *ctx, struct gl_err *err) GL_MUST_USE;

/* ---- files: "-" is standard output or input. They say what is wrong; -1. */
int backup_create(const char *path, char **new_path); /* written beside it until backup_keep() */
int backup_keep(int fd, const char *path, char **new_path, bool is_whole);
int backup_open(const char *path, uint64_t *bytes);

#endif
