/*
 * journal.c - a file of records that survives any end of the program.
 */
#include "clients/lib/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "proto/model/hash.h"

#define MAGIC         "gloss.journal.1\n"
#define CHECK_BYTES   LG_CHECK_BYTES
#define BEGIN_BYTES   (16 + CHECK_BYTES)
#define BEFORE_BYTES  (4 + CHECK_BYTES) /* of each record's payload */
#define PATH_BYTES    4096
#define LEFT_BEHIND_S 3600

struct lg_journal {
    char *dir, *name;
    int fd, lock_fd;
    uint64_t bytes;
    uint8_t check[CHECK_BYTES]; /* of the last record */
    bool is_broken;             /* until it is written anew nothing more is appended: it may not be there after a loss of power */
};

/* ---- files */

static enum gl_code failed(struct gl_err *err, const char *what, const char *dir, const char *name)
{
    int reason = errno;
    char text[128] = "";
    return reason == ENOMEM ? gl_fail(err, GL_E_NOMEM, "out of memory")
                            : gl_fail(err, GL_E_SYSTEM, "%s %s/%s: %s", what, dir, name, strerror_r(reason, text, sizeof(text)));
}

static bool path_of(char path[PATH_BYTES], const char *dir, const char *name, const char *suffix)
{
    int len = snprintf(path, PATH_BYTES, "%s/%s%s", dir, name, suffix);
    if (len < 0 || len >= PATH_BYTES) {
        errno = ENAMETOOLONG;
        return false;
    }
    return true;
}

static int open_file(const char *dir, const char *name, const char *suffix, int flags)
{
    char path[PATH_BYTES];
    return path_of(path, dir, name, suffix) ? open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
}

static bool write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t done = write(fd, bytes, len);
        if (done < 0 && errno != EINTR) {
            return false;
        }
        bytes += done > 0 ? done : 0;
        len -= done > 0 ? (size_t)done : 0;
    }
    return true;
}

/* Beside a file that nobody else writes, for it is locked, what an end in the middle has left is written over. Others get a name that no one else has. */
static int open_beside(const char *dir, const char *name, bool is_locked, char path[PATH_BYTES])
{
    if (!path_of(path, dir, name, is_locked ? ".new" : ".XXXXXX")) {
        return -1;
    }
    return is_locked ? open_file(dir, name, ".new", O_RDWR | O_CREAT | O_TRUNC | O_APPEND)
                     : mkostemp(path, O_APPEND | O_CLOEXEC); /* mode 0600 */
}

/* What somebody who was ended in the middle has left under a name of open_beside(): nobody writes for an hour. */
static void drop_left_behind(const char *dir, const char *name)
{
    char path[PATH_BYTES];
    const size_t len = strlen(name);
    struct stat info;
    struct dirent *entry;
    DIR *folder = opendir(dir);
    while (folder && (entry = readdir(folder))) {
        bool is_beside = strncmp(entry->d_name, name, len) == 0 && entry->d_name[len] == '.' && strlen(entry->d_name + len) == 7;
        if (is_beside && path_of(path, dir, entry->d_name, "") && lstat(path, &info) == 0 && S_ISREG(info.st_mode) &&
            time(NULL) - info.st_mtime > LEFT_BEHIND_S) {
            (void)unlink(path);
        }
    }
    if (folder) {
        (void)closedir(folder);
    }
}

/* Writes bytes under another name, and gives them name: *is_there. True: that will be so after a loss of power, too. *out is the file, open for appending, when
 * it is there; NULL: it is not locked. */
static bool put_in_place(const char *dir, const char *name, struct gl_slice bytes, int *out, bool *is_there)
{
    char from[PATH_BYTES], to[PATH_BYTES];
    int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = dir_fd < 0 ? -1 : open_beside(dir, name, out != NULL, from);
    *is_there =
        fd >= 0 && write_all(fd, bytes.data, bytes.len) && fsync(fd) == 0 && path_of(to, dir, name, "") && rename(from, to) == 0;
    bool is_lasting = *is_there && fsync(dir_fd) == 0;
    int reason = errno;
    if (fd >= 0 && !*is_there) {
        (void)unlink(from); /* a full disk would stay so */
    } else if (!out) {
        drop_left_behind(dir, name);
    }
    if (dir_fd >= 0) {
        (void)close(dir_fd);
    }
    if (fd >= 0 && (!*is_there || !out)) {
        (void)close(fd);
    } else if (out) {
        *out = fd;
    }
    errno = reason;
    return is_lasting;
}

static enum gl_code make_dir(const char *dir, struct gl_err *err)
{
    struct stat info;
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        return failed(err, "cannot make", dir, "");
    }
    if (stat(dir, &info) == 0 && !S_ISDIR(info.st_mode)) {
        return gl_fail(err, GL_E_SYSTEM, "%s is not a directory", dir);
    }
    return GL_OK;
}

static enum gl_code read_fd(int fd, struct gl_buf *bytes)
{
    struct stat info;
    if (fstat(fd, &info) != 0) {
        return GL_E_SYSTEM;
    }
    char *at = gl_buf_grow(bytes, (size_t)info.st_size);
    size_t left = at ? (size_t)info.st_size : 0;
    off_t from = 0;
    while (left > 0) {
        ssize_t done = pread(fd, at + from, left, from);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return GL_E_SYSTEM;
        }
        from += done;
        left -= (size_t)done;
    }
    return bytes->code;
}

enum gl_code lg_file_write(const char *dir, const char *name, struct gl_slice bytes, struct gl_err *err)
{
    enum gl_code code = make_dir(dir, err);
    bool is_there;
    if (code == GL_OK && !put_in_place(dir, name, bytes, NULL, &is_there)) {
        code = failed(err, "cannot write", dir, name);
    }
    return code;
}

enum gl_code lg_file_read(const char *dir, const char *name, struct gl_buf *bytes, struct gl_err *err)
{
    int fd = open_file(dir, name, "", O_RDONLY);
    if (fd < 0) {
        return errno == ENOENT ? gl_fail(err, GL_E_NOT_FOUND, "there is no %s", name) : failed(err, "cannot open", dir, name);
    }
    enum gl_code code = read_fd(fd, bytes);
    if (code != GL_OK) {
        code = code == GL_E_NOMEM ? gl_fail(err, code, "out of memory") : failed(err, "cannot read", dir, name);
    }
    (void)close(fd);
    return code;
}

void lg_file_drop(const char *dir, const char *name)
{
    char path[PATH_BYTES];
    if (path_of(path, dir, name, "")) {
        (void)unlink(path);
    }
    drop_left_behind(dir, name);
}

/* ---- records */

static void check_of(const uint8_t before[CHECK_BYTES], const uint8_t len[4], struct gl_slice payload, uint8_t out[CHECK_BYTES])
{
    uint8_t parts[CHECK_BYTES + 4 + sizeof(gl_hash)];
    gl_hash body = gl_sha256(payload.data, payload.len);
    memcpy(parts, before, CHECK_BYTES);
    memcpy(parts + CHECK_BYTES, len, 4);
    memcpy(parts + CHECK_BYTES + 4, body.bytes, sizeof(body.bytes));
    gl_hash all = gl_sha256(parts, sizeof(parts));
    memcpy(out, all.bytes, CHECK_BYTES);
}

/* Appends to buf the record that follows one whose check is *check, which becomes that of the new one. */
static void add_record(struct gl_buf *buf, uint8_t check[CHECK_BYTES], struct gl_slice payload)
{
    uint8_t len[4] = {(uint8_t)payload.len, (uint8_t)(payload.len >> 8), (uint8_t)(payload.len >> 16),
                      (uint8_t)(payload.len >> 24)};
    check_of(check, len, payload, check);
    gl_buf_put(buf, len, sizeof(len));
    gl_buf_put(buf, check, CHECK_BYTES);
    gl_buf_slice(buf, payload);
}

static uint32_t length_at(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static bool is_all_zero(const char *at, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (at[i]) {
            return false;
        }
    }
    return true;
}

/* Whether what is left of a file, of which no record can be read, may be what one append left unfinished. */
static bool is_unfinished(const char *at, size_t left)
{
    return left < BEFORE_BYTES || length_at((const uint8_t *)at) >= left - BEFORE_BYTES || is_all_zero(at, left);
}

struct scan {
    uint64_t good; /* bytes that are whole records */
    uint8_t check[CHECK_BYTES];
};

static enum gl_code scan_file(struct gl_slice file, const char *name, lg_journal_fn *read, void *arg, struct scan *scan,
                              struct gl_err *err)
{
    enum gl_code code = GL_OK;
    memset(scan, 0, sizeof(*scan));
    if (file.len < BEGIN_BYTES || memcmp(file.data, MAGIC, 16) != 0) {
        bool is_cut = file.len < BEGIN_BYTES && memcmp(file.data, MAGIC, file.len < 16 ? file.len : 16) == 0;
        return is_cut ? GL_OK : gl_fail(err, GL_E_CHECKSUM, "%s is not a journal of gloss, or is damaged at its beginning", name);
    }
    memcpy(scan->check, file.data + 16, CHECK_BYTES);
    scan->good = BEGIN_BYTES;
    while (code == GL_OK && scan->good < file.len) {
        const uint8_t *at = (const uint8_t *)file.data + scan->good;
        size_t left = file.len - (size_t)scan->good;
        uint32_t len = left < BEFORE_BYTES ? 0 : length_at(at);
        uint8_t check[CHECK_BYTES];
        bool is_whole = left >= BEFORE_BYTES && len > 0 && len <= left - BEFORE_BYTES;
        if (is_whole) {
            check_of(scan->check, at, gl_slice_of(at + BEFORE_BYTES, len), check);
        }
        if (!is_whole || memcmp(check, at + 4, CHECK_BYTES) != 0) {
            return is_unfinished((const char *)at, left)
                       ? GL_OK
                       : gl_fail(err, GL_E_CHECKSUM, "%s is damaged at byte %llu", name, (unsigned long long)scan->good);
        }
        memcpy(scan->check, check, CHECK_BYTES);
        scan->good += BEFORE_BYTES + len;
        code = read(arg, gl_slice_of(at + BEFORE_BYTES, len), err);
    }
    return code;
}

/* ---- opened and closed */

/* Locks of the open file, not of the process: two journals of one process exclude each other, too. */
static const struct flock whole_file = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

static enum gl_code lock(struct lg_journal *journal, struct gl_err *err)
{
    journal->lock_fd = open_file(journal->dir, journal->name, ".lock", O_RDWR | O_CREAT);
    if (journal->lock_fd < 0) {
        return failed(err, "cannot open the lock of", journal->dir, journal->name);
    }
    if (fcntl(journal->lock_fd, F_OFD_SETLK, &whole_file) != 0) {
        return errno == EAGAIN || errno == EACCES
                   ? gl_fail(err, GL_E_BUSY, "another process uses %s/%s", journal->dir, journal->name)
                   : failed(err, "cannot lock", journal->dir, journal->name);
    }
    return GL_OK;
}

void lg_journal_begin(struct lg_journal_writer *writer)
{
    gl_buf_init(&writer->file, SIZE_MAX);
    if (getrandom(writer->check, CHECK_BYTES, 0) != CHECK_BYTES) {
        memset(writer->check, 0, CHECK_BYTES); /* only tells files apart */
    }
    gl_buf_str(&writer->file, MAGIC);
    gl_buf_put(&writer->file, writer->check, CHECK_BYTES);
}

void lg_journal_add(struct lg_journal_writer *writer, struct gl_slice payload)
{
    add_record(&writer->file, writer->check, payload);
}

enum gl_code lg_journal_rewrite(struct lg_journal *journal, lg_journal_fill *fill, void *arg, struct gl_err *err)
{
    struct lg_journal_writer writer;
    int fd = -1;
    bool is_there = false, is_lasting = false;
    enum gl_code code = GL_OK;
    lg_journal_begin(&writer);
    fill(arg, &writer);
    if (writer.file.code != GL_OK) {
        code = gl_fail(err, GL_E_NOMEM, "out of memory");
    } else {
        is_lasting = put_in_place(journal->dir, journal->name, gl_buf_peek(&writer.file), &fd, &is_there);
        code = is_lasting ? GL_OK : failed(err, "cannot write", journal->dir, journal->name);
    }
    if (is_there) { /* the old file has no name any more */
        if (journal->fd >= 0) {
            (void)close(journal->fd);
        }
        journal->fd = fd;
        journal->bytes = writer.file.len;
        journal->is_broken = !is_lasting;
        memcpy(journal->check, writer.check, CHECK_BYTES);
    }
    gl_buf_fini(&writer.file);
    return code;
}

/* What is in the file, and behind which record it goes on. */
static enum gl_code read_journal(struct lg_journal *journal, lg_journal_fn *read, void *arg, struct gl_err *err)
{
    struct gl_buf file;
    struct scan scan = {0};
    gl_buf_init(&file, SIZE_MAX);
    enum gl_code code = read_fd(journal->fd, &file);
    if (code != GL_OK) {
        code = code == GL_E_NOMEM ? gl_fail(err, code, "out of memory") : failed(err, "cannot read", journal->dir, journal->name);
    } else {
        code = scan_file(gl_buf_peek(&file), journal->name, read, arg, &scan, err);
    }
    if (code == GL_OK && scan.good < file.len && (ftruncate(journal->fd, (off_t)scan.good) != 0 || fsync(journal->fd) != 0)) {
        code = failed(err, "cannot mend", journal->dir, journal->name);
    }
    journal->bytes = scan.good;
    memcpy(journal->check, scan.check, CHECK_BYTES);
    gl_buf_fini(&file);
    return code;
}

static enum gl_code open_locked(struct lg_journal *journal, lg_journal_fill *fill, lg_journal_fn *read, void *arg,
                                struct gl_err *err)
{
    journal->fd = open_file(journal->dir, journal->name, "", O_RDWR | O_APPEND);
    if (journal->fd < 0 && errno != ENOENT) {
        return failed(err, "cannot open", journal->dir, journal->name);
    }
    enum gl_code code = journal->fd < 0 ? GL_OK : read_journal(journal, read, arg, err);
    if (code == GL_OK && journal->bytes <= BEGIN_BYTES) { /* cut before its first record: nothing was acknowledged in it */
        code = lg_journal_rewrite(journal, fill, arg, err);
    }
    return code;
}

enum gl_code lg_journal_open(const char *dir, const char *name, lg_journal_fill *fill, lg_journal_fn *read, void *arg,
                             struct lg_journal **out, struct gl_err *err)
{
    struct lg_journal *journal = calloc(1, sizeof(*journal));
    *out = NULL;
    if (!journal) {
        return gl_fail(err, GL_E_NOMEM, "out of memory");
    }
    journal->fd = journal->lock_fd = -1;
    journal->dir = strdup(dir);
    journal->name = strdup(name);
    enum gl_code code = journal->dir && journal->name ? make_dir(dir, err) : gl_fail(err, GL_E_NOMEM, "out of memory");
    if (code == GL_OK) {
        code = lock(journal, err);
    }
    if (code == GL_OK) {
        code = open_locked(journal, fill, read, arg, err);
    }
    if (code != GL_OK) {
        lg_journal_close(&journal);
    }
    *out = journal;
    return code;
}

void lg_journal_close(struct lg_journal **out)
{
    struct lg_journal *journal = *out;
    *out = NULL;
    if (!journal) {
        return;
    }
    if (journal->fd >= 0) {
        (void)close(journal->fd);
    }
    if (journal->lock_fd >= 0) {
        (void)close(journal->lock_fd);
    }
    free(journal->dir);
    free(journal->name);
    free(journal);
}

uint64_t lg_journal_bytes(const struct lg_journal *journal)
{
    return journal->bytes;
}

/* ---- appending */

static void take_back(struct lg_journal *journal)
{
    journal->is_broken = ftruncate(journal->fd, (off_t)journal->bytes) != 0 || fsync(journal->fd) != 0;
}

enum gl_code lg_journal_append(struct lg_journal *journal, struct gl_slice payload, bool sync, struct gl_err *err)
{
    struct gl_buf record;
    uint8_t check[CHECK_BYTES];
    if (journal->is_broken) {
        return gl_fail(err, GL_E_SYSTEM, "%s/%s could not be written before, so nothing more is", journal->dir, journal->name);
    }
    if (payload.len == 0 || payload.len > LG_RECORD_MAX) {
        return gl_fail(err, GL_E_TOO_LARGE, "%zu bytes do not go into one record of the queue", payload.len);
    }
    memcpy(check, journal->check, CHECK_BYTES);
    gl_buf_init(&record, SIZE_MAX);
    add_record(&record, check, payload);
    enum gl_code code = record.code == GL_OK ? GL_OK : gl_fail(err, GL_E_NOMEM, "out of memory");
    if (code == GL_OK && (!write_all(journal->fd, record.data, record.len) || (sync && fdatasync(journal->fd) != 0))) {
        code = failed(err, "cannot write", journal->dir, journal->name);
        take_back(journal);
    }
    if (code == GL_OK) {
        journal->bytes += record.len;
        memcpy(journal->check, check, CHECK_BYTES);
    }
    gl_buf_fini(&record);
    return code;
}

/* ---- looking */

enum gl_code lg_journal_look(const char *dir, const char *name, lg_journal_fn *read, void *arg, struct gl_err *err)
{
    struct gl_buf file;
    struct scan scan;
    gl_buf_init(&file, SIZE_MAX);
    enum gl_code code = lg_file_read(dir, name, &file, err);
    if (code == GL_OK) {
        code = scan_file(gl_buf_peek(&file), name, read, arg, &scan, err);
    }
    gl_buf_fini(&file);
    return code;
}

bool lg_journal_is_open(const char *dir, const char *name)
{
    struct flock found = whole_file;
    int fd = open_file(dir, name, ".lock", O_RDWR);
    bool is_open = fd >= 0 && fcntl(fd, F_OFD_GETLK, &found) == 0 && found.l_type != F_UNLCK;
    if (fd >= 0) {
        (void)close(fd);
    }
    return is_open;
}
