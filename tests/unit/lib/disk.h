/*
 * disk.h - a disk that fails when a test says so, and clients that keep something on it.
 *
 * These programs are linked with a copy of the library whose write, fsync, fdatasync, rename, ftruncate, open, mkostemp and unlink are those of disk.c: they count bytes
 * and calls, and kill the process when their time has come, in the middle of a write, too.
 *
 * Owns      the state of the disk: one for the program. Folders are the test's to drop.
 * Errors    a check that fails.
 */
#ifndef LIB_DISK_H
#define LIB_DISK_H

#include "tests/unit/lib/fake.h"

extern uint64_t written, kill_at; /* 0: not at all. A call that writes nothing counts as a byte */
extern bool is_disk_full, is_dir_failing;
/* Instead of the process, what it does to the disk ends: the same to see afterwards, and much faster than fork(). */
extern bool is_killed_here, is_dead;
extern void (*disk_meanwhile)(void); /* once, as another process would: when the next new file has its name, and no bytes yet */

void make_dir(char dir[64]);
void empty_dir(const char *dir);
void drop_dir(const char *dir);
size_t read_file(const char *path, char *bytes, size_t size);
void write_file(const char *path, const char *bytes, size_t len);
bool has_words(const char *path, const char *words);

struct gloss_config queue_config(struct client *client, struct fake *fake, const char *dir);
void start_client(struct client *ana, struct fake *fake, const char *dir);
void join_offline(struct client *ana);
void join_cached(struct client *ana);
void sign_in_once(struct fake *fake, const char *dir); /* so that it is known whose ops they are */
void somebody(struct fake *fake, const char *note);    /* else says something */
void leave_cache(struct fake *fake, const char *dir);  /* a run with a connection that leaves its replica behind */

#endif
