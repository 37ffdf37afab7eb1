/* disk.c - a disk that fails when a test says so, and clients that keep something on it. */
#include "tests/unit/lib/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

ssize_t kill_write(int fd, const void *bytes, size_t len);
int kill_fsync(int fd);
int kill_fdatasync(int fd);
int kill_rename(const char *from, const char *to);
int kill_ftruncate(int fd, off_t len);
int kill_open(const char *path, int flags, ...);
int kill_mkostemp(char *path, int flags);
int kill_unlink(const char *path);

uint64_t written, kill_at;
bool is_disk_full, is_dir_failing, is_killed_here, is_dead;
void (*disk_meanwhile)(void);

static bool can_do(void)
{
    if (is_dead) {
        errno = EIO;
    }
    return !is_dead;
}

static void count(uint64_t bytes)
{
    written += bytes;
    if (kill_at != 0 && written >= kill_at && !is_killed_here) {
        kill(getpid(), SIGKILL);
    }
    is_dead |= kill_at != 0 && written >= kill_at;
}

ssize_t kill_write(int fd, const void *bytes, size_t len)
{
    if (!can_do()) {
        return -1;
    }
    if (is_disk_full) {
        ck_assert_int_ge(write(fd, bytes, len / 2), 0);
        errno = ENOSPC;
        return -1;
    }
    if (kill_at != 0 && written + len >= kill_at) {
        len = (size_t)(kill_at - written);
    }
    ssize_t done = write(fd, bytes, len);
    count(len);
    return can_do() ? done : -1;
}

int kill_fsync(int fd)
{
    struct stat info;
    if (!can_do()) {
        return -1;
    }
    count(1); /* what is killed is the program, not the system */
    if (!can_do()) {
        return -1;
    }
    if (is_dir_failing && fstat(fd, &info) == 0 && S_ISDIR(info.st_mode)) {
        errno = EIO;
        return -1;
    }
    return 0;
}

int kill_fdatasync(int fd)
{
    return kill_fsync(fd);
}

int kill_rename(const char *from, const char *to)
{
    if (can_do()) {
        count(1);
    }
    return can_do() ? rename(from, to) : -1;
}

int kill_ftruncate(int fd, off_t len)
{
    if (can_do()) {
        count(1);
    }
    return can_do() ? ftruncate(fd, len) : -1;
}

static void happen_meanwhile(void)
{
    void (*once)(void) = disk_meanwhile;
    disk_meanwhile = NULL;
    if (once) {
        once();
    }
}

int kill_open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    int fd = !(flags & (O_CREAT | O_TRUNC)) || can_do() ? open(path, flags, mode) : -1;
    if (flags & O_CREAT) {
        happen_meanwhile();
    }
    return fd;
}

int kill_mkostemp(char *path, int flags)
{
    int fd = can_do() ? mkostemp(path, flags) : -1;
    happen_meanwhile();
    return fd;
}

int kill_unlink(const char *path)
{
    return can_do() ? unlink(path) : -1;
}

void make_dir(char dir[64])
{
    snprintf(dir, 64, "/tmp/gloss-queue-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
}

void empty_dir(const char *dir)
{
    char path[512];
    DIR *all = opendir(dir);
    for (struct dirent *entry; (entry = readdir(all)) != NULL;) {
        snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
        (void)unlink(path);
    }
    closedir(all);
}

void drop_dir(const char *dir)
{
    empty_dir(dir);
    ck_assert_int_eq(rmdir(dir), 0);
}

size_t read_file(const char *path, char *bytes, size_t size)
{
    FILE *file = fopen(path, "r");
    size_t len = fread(bytes, 1, size, file);
    fclose(file);
    return len;
}

void write_file(const char *path, const char *bytes, size_t len)
{
    FILE *file = fopen(path, "w");
    ck_assert_uint_eq(fwrite(bytes, 1, len, file), len);
    fclose(file);
}

bool has_words(const char *path, const char *words)
{
    static char bytes[65536];
    size_t len = access(path, F_OK) == 0 ? read_file(path, bytes, sizeof(bytes)) : 0;
    return memmem(bytes, len, words, strlen(words)) != NULL;
}

/* ---- clients */

struct gloss_config queue_config(struct client *client, struct fake *fake, const char *dir)
{
    struct gloss_config config = client_config(client, fake, "good");
    config.queue_dir = dir;
    return config;
}

void start_client(struct client *ana, struct fake *fake, const char *dir)
{
    const struct gloss_config config = queue_config(ana, fake, dir);
    client_new_with(ana, fake, &config);
}

void join_offline(struct client *ana)
{
    ck_assert_int_eq(gloss_join(ana->g, fake_text(ana->fake, "session"), NULL, &ana->session), 0);
}

void sign_in_once(struct fake *fake, const char *dir)
{
    struct client ana;
    start_client(&ana, fake, dir);
    ck_assert_ptr_null(gloss_account(ana.g));
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    client_free(&ana);
}

void join_cached(struct client *ana)
{
    struct gloss_join options;
    gloss_join_init(&options);
    options.cache = true;
    ck_assert_int_eq(gloss_join(ana->g, fake_text(ana->fake, "session"), &options, &ana->session), 0);
}

void somebody(struct fake *fake, const char *note)
{
    fake_do(
        fake,
        "{\"do\":\"op\",\"change\":{\"kind\":\"annotation.create\",\"target\":{\"type\":\"document\"},\"label\":\"claim\",\"note\":\"%s\"}}",
        note);
}

void leave_cache(struct fake *fake, const char *dir)
{
    struct client ana;
    start_client(&ana, fake, dir);
    join_cached(&ana);
    gloss_connect(ana.g);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    client_free(&ana);
    for (json_int_t open = 1; open > 0;) { /* until the server has read all that was asked */
        json_t *stats = fake_ask(fake, "{\"do\":\"stats\"}");
        open = json_integer_value(json_object_get(stats, "open"));
        json_decref(stats);
    }
}
