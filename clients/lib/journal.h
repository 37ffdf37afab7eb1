/*
 * journal.h - a file of records that survives any end of the program: what was appended with sync is there after it, whole.
 *
 * Owns      a journal owns its file and a lock file beside it; no two journals, of whatever process, have the same file open.
 * Lifetime  lg_journal_open / lg_journal_close. A file is begun, and written anew, under another name and then renamed.
 * Thread    one at a time. Waits for the disk.
 * Units     bytes; a record is at most LG_RECORD_MAX.
 * Errors    GL_E_BUSY: somebody has it open; GL_E_CHECKSUM: the file is damaged, which no end of a program does; GL_E_SYSTEM, with
 *           the system's reason; GL_E_NOMEM. A failed append leaves the file as it was.
 *
 * The file: 16 bytes "gloss.journal.1\n", 16 random bytes, then records: length (4 bytes, little endian), check (16 bytes),
 * payload. check is the first half of SHA-256(check before it, or the random bytes; length; payload), so that a record stands for
 * all before it and none of another file can be taken for one of this. What an append left unfinished is cut off when it is
 * opened.
 */
#ifndef LG_JOURNAL_H
#define LG_JOURNAL_H

#include "proto/gl_buf.h"

#define LG_RECORD_MAX (64u << 20)

#define LG_CHECK_BYTES 16

struct lg_journal;
struct lg_journal_writer {
    struct gl_buf file;
    uint8_t check[LG_CHECK_BYTES]; /* of the last record */
};

typedef enum gl_code lg_journal_fn(void *arg, struct gl_slice payload, struct gl_err *err);
/* Writes the records of a new file, in order, with lg_journal_add; want of memory is remembered by the writer. */
typedef void lg_journal_fill(void *arg, struct lg_journal_writer *writer);

/* Makes dir when it is not there. Each record of the file goes to read; a file that is not there is begun with those of fill. */
enum gl_code lg_journal_open(const char *dir, const char *name, lg_journal_fill *fill, lg_journal_fn *read, void *arg,
                             struct lg_journal **out, struct gl_err *err) GL_MUST_USE;
void lg_journal_close(struct lg_journal **journal);
/* sync: on the disk when this returns; otherwise in the system's hands, which a kill of the program does not undo. */
enum gl_code lg_journal_append(struct lg_journal *journal, struct gl_slice payload, bool sync, struct gl_err *err) GL_MUST_USE;
/* In place of all records those of fill. Not GL_OK: the old ones are still there, or the new ones, of which it is not sure that they
 * survive a loss of power; then every append fails until it is written anew. */
enum gl_code lg_journal_rewrite(struct lg_journal *journal, lg_journal_fill *fill, void *arg, struct gl_err *err) GL_MUST_USE;
void lg_journal_begin(struct lg_journal_writer *writer);
void lg_journal_add(struct lg_journal_writer *writer, struct gl_slice payload);
uint64_t lg_journal_bytes(const struct lg_journal *journal);

/* The records of a file, without locking or changing anything. GL_E_NOT_FOUND: there is none. */
enum gl_code lg_journal_look(const char *dir, const char *name, lg_journal_fn *read, void *arg, struct gl_err *err) GL_MUST_USE;
bool lg_journal_is_open(const char *dir, const char *name); /* by anybody */

/* A whole small file: bytes under name, whole or not at all; and back. The caller frees; GL_E_NOT_FOUND. */
enum gl_code lg_file_write(const char *dir, const char *name, struct gl_slice bytes, struct gl_err *err) GL_MUST_USE;
void lg_file_drop(const char *dir, const char *name);
enum gl_code lg_file_read(const char *dir, const char *name, struct gl_buf *bytes, struct gl_err *err) GL_MUST_USE;

#endif
