/*
 * The queue of unsent ops on disk, through any end of the program.
 *
 * This program is linked with a copy of the library whose write, fsync, fdatasync, rename, ftruncate, open and unlink are those below: they
 * count bytes and calls, and kill the process when their time has come, in the middle of a write, too.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/lib/fake.h"

static const char account[] = "01900000-0000-7000-8000-0000000000aa", session_id[] = "01900000-0000-7000-8000-0000000000bb";

/* ---- the disk */

ssize_t kill_write(int fd, const void *bytes, size_t len);
int kill_fsync(int fd);
int kill_fdatasync(int fd);
int kill_rename(const char *from, const char *to);
int kill_ftruncate(int fd, off_t len);
int kill_open(const char *path, int flags, ...);
int kill_unlink(const char *path);

static uint64_t written, kill_at; /* 0: not at all. A call that writes nothing counts as a byte */
static bool is_disk_full, is_dir_failing;
static bool is_killed_here,
    is_dead; /* instead of the process, what it does to the disk ends: the same to see afterwards, and much faster than fork() */

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

int kill_open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    return !(flags & (O_CREAT | O_TRUNC)) || can_do() ? open(path, flags, mode) : -1;
}

int kill_unlink(const char *path)
{
    return can_do() ? unlink(path) : -1;
}

static void make_dir(char dir[64])
{
    snprintf(dir, 64, "/tmp/gloss-queue-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void empty_dir(const char *dir)
{
    char path[512];
    DIR *all = opendir(dir);
    for (struct dirent *entry; (entry = readdir(all)) != NULL;) {
        snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
        (void)unlink(path);
    }
    closedir(all);
}

static void drop_dir(const char *dir)
{
    empty_dir(dir);
    ck_assert_int_eq(rmdir(dir), 0);
}

static void journal_path(const char *dir, char path[512])
{
    snprintf(path, 512, "%s/%s.%s.queue", dir, account, session_id);
}

/* ---- a client that has no connection */

static struct gloss *offline(const char *dir)
{
    struct gloss_config config;
    struct gloss_error error;
    gloss_config_init(&config);
    config.url = "https://127.0.0.1:1/";
    config.token = "none";
    config.queue_dir = dir;
    config.account_id = account;
    struct gloss *g = gloss_new(&config, &error);
    ck_assert_msg(g != NULL, "%s", error.message);
    return g;
}

static struct gloss_session *join(struct gloss *g)
{
    struct gloss_session *session;
    int code = gloss_join(g, session_id, NULL, &session);
    ck_assert_msg(code == 0, "%s", gloss_last_error(g)->message);
    return session;
}

static void leave(struct gloss *g, struct gloss_session **session)
{
    gloss_leave(session);
    ck_assert_int_eq(gloss_process(g), 0);
}

/* Op number n, and what is in it, follow from n. */
static void id_of(unsigned n, char id[GLOSS_ID])
{
    snprintf(id, GLOSS_ID, "01900000-0000-7000-8000-%012x", n + 1);
}

static json_t *op_of(unsigned n)
{
    char id[GLOSS_ID], note[100];
    id_of(n, id);
    memset(note, 'a' + (int)(n % 26), sizeof(note));
    snprintf(note, sizeof(note), "note %u", n);
    note[strlen(note)] = ' ';
    note[10 + n * 37 % 50] = '\0';
    return json_pack("{s:s, s:{s:s, s:{s:s}, s:s}}", "id", id, "change", "kind", "annotation.create", "target", "type",
                     "document", "note", note);
}

static int submit_numbers(struct gloss_session *session, unsigned first, unsigned many, bool atomic)
{
    json_t *ops = json_array();
    for (unsigned i = 0; i < many; i++) {
        json_array_append_new(ops, op_of(first + i));
    }
    int code = gloss_submit(session, ops, atomic, NULL, NULL);
    json_decref(ops);
    return code;
}

/* ---- killed at every byte */

/* The run: each line is one thing that is asked for. */
static const struct step {
    unsigned first, many;
    bool is_atomic, is_drop;
} steps[] = {
    {0, 1, false, false}, {1, 3, false, false}, {4, 2, true, false}, {0, 1, false, true},
    {6, 1, false, false}, {2, 1, false, true},  {4, 1, false, true}, /* both of the step */
    {1, 1, false, true},  {3, 1, false, true},  {6, 1, false, true}, /* nothing left: written anew */
    {7, 2, false, false}, {9, 1, false, false}, {8, 1, false, true},
};
#define STEPS     (sizeof(steps) / sizeof(steps[0]))
#define OPS_COUNT 10

static int do_step(struct gloss_session *session, unsigned i)
{
    char id[GLOSS_ID];
    id_of(steps[i].first, id);
    return steps[i].is_drop ? gloss_pending_drop(session, id)
                            : submit_numbers(session, steps[i].first, steps[i].many, steps[i].is_atomic);
}

static void run(struct gloss *g, int said)
{
    struct gloss_session *session = join(g);
    for (unsigned char i = 0; i < STEPS; i++) {
        if (do_step(session, i) != 0 || write(said, &i, 1) != 1) {
            _exit(3);
        }
    }
    gloss_leave(&session);
    _exit(0);
}

/* Which ops wait after the first `count` steps. */
static void expect_after(unsigned count, bool waits[OPS_COUNT])
{
    memset(waits, 0, OPS_COUNT * sizeof(*waits));
    for (unsigned i = 0; i < count; i++) {
        for (unsigned n = 0; n < steps[i].many; n++) {
            waits[steps[i].first + n] = !steps[i].is_drop;
        }
        if (steps[i].is_drop && steps[i].first == 4) {
            waits[5] = false;
        }
    }
}

static void look(struct gloss_session *session, bool waits[OPS_COUNT])
{
    struct gloss_pending pending;
    unsigned last = 0;
    memset(waits, 0, OPS_COUNT * sizeof(*waits));
    for (size_t i = 0; gloss_pending_at(session, i, &pending); i++) {
        unsigned n = (unsigned)strtoul(pending.op + 24, NULL, 16) - 1;
        ck_assert_uint_lt(n, OPS_COUNT);
        ck_assert_msg(!waits[n], "op %u is there twice", n);
        ck_assert_msg(i == 0 || n > last, "op %u stands behind op %u", n, last);
        json_t *asked = op_of(n);
        ck_assert_msg(json_equal(pending.change, json_object_get(asked, "change")), "op %u is another one now", n);
        json_decref(asked);
        ck_assert(pending.is_atomic == (n == 4 || n == 5));
        waits[n] = true;
        last = n;
    }
}

/* What is there is what was acknowledged; what was under way may be there, as a whole. */
static void expect_steps(struct gloss_session *session, unsigned acknowledged, uint64_t at)
{
    bool before[OPS_COUNT], after[OPS_COUNT], found[OPS_COUNT];
    expect_after(acknowledged, before);
    expect_after(acknowledged < STEPS ? acknowledged + 1 : acknowledged, after);
    look(session, found);
    ck_assert_msg(memcmp(found, before, sizeof(found)) == 0 || memcmp(found, after, sizeof(found)) == 0,
                  "killed at byte %llu, after %u acknowledged steps: something else is there", (unsigned long long)at,
                  acknowledged);
}

static unsigned run_and_kill(struct gloss *g, uint64_t at, bool *is_over)
{
    int said[2], status;
    unsigned char last;
    unsigned acknowledged = 0;
    ck_assert_int_eq(pipe(said), 0);
    pid_t pid = fork();
    if (pid == 0) {
        kill_at = at;
        written = 0;
        run(g, said[1]);
    }
    close(said[1]);
    while (read(said[0], &last, 1) == 1) {
        acknowledged = last + 1u;
    }
    close(said[0]);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    *is_over = WIFEXITED(status);
    ck_assert_msg(*is_over ? WEXITSTATUS(status) == 0 : WTERMSIG(status) == SIGKILL, "status %d", status);
    return acknowledged;
}

#define BYTES_AT_ONCE 200
#define KILL_EVERY    23 /* a real kill so often */

/* The same in this process. */
static unsigned run_until_dead(struct gloss *g, uint64_t at, bool *is_over)
{
    struct gloss_session *session = NULL;
    unsigned acknowledged = 0;
    kill_at = at;
    written = 0;
    is_killed_here = true;
    if (gloss_join(g, session_id, NULL, &session) == 0) {
        while (acknowledged < STEPS && do_step(session, acknowledged) == 0 && !is_dead) {
            acknowledged++;
        }
        gloss_leave(&session);
    }
    (void)gloss_process(g);
    *is_over = !is_dead;
    ck_assert(is_dead || acknowledged == STEPS);
    kill_at = 0;
    is_killed_here = is_dead = false;
    return acknowledged;
}

/* The runs that are killed at bytes first ... first + many - 1. True: the last one came to its end. */
static bool try_bytes(const char *dir, uint64_t first, uint64_t many)
{
    struct gloss *g = offline(dir);
    bool is_over = false;
    for (uint64_t at = first; at < first + many && !is_over; at++) {
        empty_dir(dir);
        unsigned acknowledged = at % KILL_EVERY == 0 ? run_and_kill(g, at, &is_over) : run_until_dead(g, at, &is_over);
        ck_assert(!is_over || acknowledged == STEPS);
        for (int again = 0; again < 2; again++) { /* mended once, it stays so */
            struct gloss_session *session = join(g);
            expect_steps(session, acknowledged, at);
            leave(g, &session);
        }
    }
    gloss_free(&g);
    return is_over;
}

START_TEST(queue__killed_at_every_byte__loses_nothing_and_makes_nothing_up)
{
    char dir[64];
    int status = 0;
    uint64_t at = 1;
    make_dir(dir);
    for (bool is_over = false; !is_over; at += BYTES_AT_ONCE) {
        pid_t pid = fork(); /* forking stays cheap in a process that is young */
        if (pid == 0) {
            _exit(try_bytes(dir, at, BYTES_AT_ONCE) ? 10 : 20);
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_msg(WIFEXITED(status) && (WEXITSTATUS(status) == 10 || WEXITSTATUS(status) == 20), "bytes from %llu: status %d",
                      (unsigned long long)at, status);
        is_over = WEXITSTATUS(status) == 10;
    }
    ck_assert_uint_gt(at, 2000);
    empty_dir(dir);
    drop_dir(dir);
}
END_TEST

static size_t read_file(const char *path, char *bytes, size_t size)
{
    FILE *file = fopen(path, "r");
    size_t len = fread(bytes, 1, size, file);
    fclose(file);
    return len;
}

static void write_file(const char *path, const char *bytes, size_t len)
{
    FILE *file = fopen(path, "w");
    ck_assert_uint_eq(fwrite(bytes, 1, len, file), len);
    fclose(file);
}

START_TEST(journal__cut_at_every_byte__has_what_stands_before_the_cut)
{
    char dir[64], path[512];
    static char bytes[65536];
    struct stat info;
    size_t ends[4];
    make_dir(dir);
    journal_path(dir, path);
    struct gloss *g = offline(dir);
    struct gloss_session *session = join(g);
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_int_eq(submit_numbers(session, i, 1, false), 0);
        ck_assert_int_eq(stat(path, &info), 0);
        ck_assert_int_eq(info.st_mode & 0777, 0600);
        ends[i] = (size_t)info.st_size;
    }
    leave(g, &session);
    size_t len = read_file(path, bytes, sizeof(bytes));
    for (size_t cut = 0; cut <= len; cut++) {
        bool found[OPS_COUNT];
        write_file(path, bytes, cut);
        session = join(g);
        look(session, found);
        for (unsigned i = 0; i < 4; i++) {
            ck_assert_msg(found[i] == (ends[i] <= cut), "cut at byte %zu of %zu: op %u", cut, len, i);
        }
        ck_assert_int_eq(submit_numbers(session, 8, 1, false), 0);
        leave(g, &session);
        session = join(g);
        look(session, found);
        ck_assert(found[8]);
        leave(g, &session);
    }
    gloss_free(&g);
    drop_dir(dir);
}
END_TEST

START_TEST(journal__that_is_damaged__is_refused_and_left_alone)
{
    char dir[64], path[512];
    static char bytes[65536], after[65536];
    make_dir(dir);
    journal_path(dir, path);
    struct gloss *g = offline(dir);
    struct gloss_session *session = join(g);
    ck_assert_int_eq(submit_numbers(session, 0, 1, false), 0);
    ck_assert_int_eq(submit_numbers(session, 1, 1, false), 0);
    leave(g, &session);
    size_t len = read_file(path, bytes, sizeof(bytes));
    for (size_t at = 0; at < 200; at++) { /* all of it in or before the first op: not what an unfinished append looks like */
        bytes[at] ^= 0x10;
        write_file(path, bytes, len);
        int code = gloss_join(g, session_id, NULL, &session);
        if (code == 0) { /* a length that now reaches past the end looks like an unfinished append */
            ck_assert_msg(gloss_pending_count(session) == 0, "byte %zu", at);
            leave(g, &session);
        } else {
            ck_assert_msg(code == GLOSS_E_CHECKSUM, "byte %zu: %d", at, code);
            ck_assert_uint_eq(read_file(path, after, sizeof(after)), len);
            ck_assert_mem_eq(bytes, after, len);
        }
        bytes[at] ^= 0x10;
    }
    gloss_free(&g);
    drop_dir(dir);
}
END_TEST

START_TEST(queue__open_in_one_place__is_busy_in_another)
{
    char dir[64];
    make_dir(dir);
    struct gloss *g = offline(dir), *other = offline(dir);
    struct gloss_session *session = join(g), *second;
    ck_assert_int_eq(gloss_join(other, session_id, NULL, &second), GLOSS_E_BUSY);
    ck_assert_ptr_null(second);
    ck_assert_int_eq(submit_numbers(session, 0, 1, false), 0);
    leave(g, &session);
    session = join(other);
    ck_assert_uint_eq(gloss_pending_count(session), 1);
    struct gloss_join options;
    gloss_join_init(&options);
    options.no_queue = true;
    ck_assert_int_eq(gloss_join(g, session_id, &options, &second), 0);
    gloss_free(&g);
    gloss_free(&other);
    drop_dir(dir);
}
END_TEST

START_TEST(submit__when_the_disk_is_full__keeps_nothing_and_goes_on_later)
{
    char dir[64];
    bool found[OPS_COUNT];
    make_dir(dir);
    struct gloss *g = offline(dir);
    struct gloss_session *session = join(g);
    ck_assert_int_eq(submit_numbers(session, 0, 1, false), 0);
    is_disk_full = true;
    ck_assert_int_eq(submit_numbers(session, 1, 1, false), GLOSS_E_SYSTEM);
    ck_assert_ptr_nonnull(strstr(gloss_last_error(g)->message, "No space"));
    is_disk_full = false;
    ck_assert_uint_eq(gloss_pending_count(session), 1);
    ck_assert_int_eq(submit_numbers(session, 2, 1, false), 0);
    leave(g, &session);
    session = join(g);
    look(session, found);
    ck_assert(found[0] && !found[1] && found[2]);
    gloss_free(&g);
    drop_dir(dir);
}
END_TEST

START_TEST(journal__whose_directory_cannot_be_synced__takes_nothing_until_it_can)
{
    char dir[64], id[GLOSS_ID];
    bool found[OPS_COUNT];
    make_dir(dir);
    struct gloss *g = offline(dir);
    struct gloss_session *session = join(g);
    ck_assert_int_eq(submit_numbers(session, 0, OPS_COUNT - 2, false), 0);
    is_dir_failing = true;
    for (unsigned i = 0; i < OPS_COUNT - 2; i++) { /* the last one: nothing is left, so it is written anew */
        id_of(i, id);
        ck_assert_int_eq(gloss_pending_drop(session, id), 0);
    }
    ck_assert_int_eq(submit_numbers(session, OPS_COUNT - 2, 1, false), GLOSS_E_SYSTEM);
    is_dir_failing = false;
    ck_assert_int_eq(submit_numbers(session, OPS_COUNT - 1, 1, false), 0);
    leave(g, &session);
    session = join(g);
    look(session, found);
    for (unsigned i = 0; i < OPS_COUNT; i++) {
        ck_assert_msg(found[i] == (i == OPS_COUNT - 1), "op %u", i);
    }
    gloss_free(&g);
    drop_dir(dir);
}
END_TEST

static void note_queue(const struct gloss_queue *queue, void *arg)
{
    struct gloss_queue *found = arg;
    ck_assert_str_eq(queue->account, account);
    ck_assert_str_eq(queue->session, session_id);
    ck_assert_str_eq(queue->url, "https://127.0.0.1:1/");
    found->pending += queue->pending;
    found->is_open |= queue->is_open;
    found->since_ms = queue->since_ms;
}

START_TEST(queues__of_a_directory__are_listed)
{
    char dir[64];
    struct gloss_queue found = {0};
    make_dir(dir);
    ck_assert_int_eq(gloss_queue_list("/nonexistent/queue", note_queue, &found), GLOSS_E_NOT_FOUND);
    struct gloss *g = offline(dir);
    struct gloss_session *session = join(g);
    ck_assert_int_eq(submit_numbers(session, 0, 3, false), 0);
    char id[GLOSS_ID];
    id_of(1, id);
    ck_assert_int_eq(gloss_pending_drop(session, id), 0);
    ck_assert_int_eq(gloss_queue_list(dir, note_queue, &found), 0);
    ck_assert_uint_eq(found.pending, 2);
    ck_assert(found.is_open && found.since_ms > 1500000000000);
    leave(g, &session);
    found = (struct gloss_queue){0};
    ck_assert_int_eq(gloss_queue_list(dir, note_queue, &found), 0);
    ck_assert(found.pending == 2 && !found.is_open);
    for (unsigned i = 0; i < 16; i++) { /* some stand before the good one, in whatever order */
        char path[128];
        snprintf(path, sizeof(path), "%s/damaged %u.queue", dir, i);
        write_file(path, "this is no journal, but long enough to be one", 45);
    }
    found = (struct gloss_queue){0};
    ck_assert_int_eq(gloss_queue_list(dir, note_queue, &found), GLOSS_E_CHECKSUM);
    ck_assert_uint_eq(found.pending, 2);
    gloss_free(&g);
    empty_dir(dir);
    drop_dir(dir);
}
END_TEST

/* ---- on the way to a server */

static struct gloss_config queue_config(struct client *client, struct fake *fake, const char *dir)
{
    struct gloss_config config = client_config(client, fake, "good");
    config.queue_dir = dir;
    return config;
}

static void start_client(struct client *ana, struct fake *fake, const char *dir)
{
    const struct gloss_config config = queue_config(ana, fake, dir);
    client_new_with(ana, fake, &config);
}

static void join_offline(struct client *ana)
{
    ck_assert_int_eq(gloss_join(ana->g, fake_text(ana->fake, "session"), NULL, &ana->session), 0);
}

/* So that it is known whose ops they are. */
static void sign_in_once(struct fake *fake, const char *dir)
{
    struct client ana;
    start_client(&ana, fake, dir);
    ck_assert_ptr_null(gloss_account(ana.g));
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    client_free(&ana);
}

START_TEST(ops__of_a_run_without_a_connection__are_sent_by_the_next)
{
    char dir[64];
    struct fake fake;
    struct client ana;
    make_dir(dir);
    fake_start(&fake);
    start_client(&ana, &fake, dir);
    join_offline(&ana);
    json_t *ops = creates(1, "early");
    ck_assert_int_eq(gloss_submit(ana.session, ops, false, NULL, NULL), GLOSS_E_SETTING); /* who is it? */
    json_decref(ops);
    client_free(&ana);
    sign_in_once(&fake, dir);

    start_client(&ana, &fake, dir);
    ck_assert_ptr_nonnull(gloss_account(ana.g));
    join_offline(&ana);
    submit(&ana, creates(5, "note"), false);
    struct gloss_pending pending;
    ck_assert(gloss_pending_at(ana.session, 0, &pending));
    json_t *update = json_pack("[{s:{s:s, s:s, s:s}}]", "change", "kind", "annotation.update", "annotation", pending.annotation,
                               "note", "changed before it was sent");
    submit(&ana, update, false);
    client_free(&ana);

    start_client(&ana, &fake, dir);
    join_offline(&ana);
    ck_assert_uint_eq(gloss_pending_count(ana.session), 6);
    ck_assert(gloss_pending_at(ana.session, 5, &pending));
    ck_assert(json_is_string(pending.base)); /* the op that makes it */
    gloss_connect(ana.g);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_RESULT] == 6);
    ck_assert_uint_eq(gloss_pending_count(ana.session), 0);
    WAIT_FOR(&ana, gloss_session_is_synced(ana.session) && gloss_session_seq(ana.session) == 6);
    expect_same(&ana);
    const json_t *record = gloss_annotation_record(gloss_annotation_at(ana.session, 0));
    ck_assert_str_eq(json_string_value(json_object_get(record, "note")), "changed before it was sent");
    client_free(&ana);
    fake_stop(&fake);
    drop_dir(dir);
}
END_TEST

/* ---- the replica on disk */

static void join_cached(struct client *ana)
{
    struct gloss_join options;
    gloss_join_init(&options);
    options.cache = true;
    ck_assert_int_eq(gloss_join(ana->g, fake_text(ana->fake, "session"), &options, &ana->session), 0);
}

static void somebody(struct fake *fake, const char *note)
{
    fake_do(
        fake,
        "{\"do\":\"op\",\"change\":{\"kind\":\"annotation.create\",\"target\":{\"type\":\"document\"},\"label\":\"claim\",\"note\":\"%s\"}}",
        note);
}

/* A run with a connection that leaves its replica behind. */
static void leave_cache(struct fake *fake, const char *dir)
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

START_TEST(replica__of_the_last_run__is_there_without_a_connection__and_continued)
{
    char dir[64], label[GLOSS_ID];
    struct fake fake;
    struct client ana;
    make_dir(dir);
    fake_start(&fake);
    somebody(&fake, "before");
    leave_cache(&fake, dir);
    int pages = fake_count(&fake, "session.page");
    somebody(&fake, "while away");

    start_client(&ana, &fake, dir);
    join_cached(&ana);
    ck_assert_uint_eq(gloss_session_seq(ana.session), 1);
    ck_assert_uint_eq(gloss_annotation_count(ana.session), 1);
    const json_t *record = gloss_annotation_record(gloss_annotation_at(ana.session, 0));
    ck_assert_str_eq(json_string_value(json_object_get(record, "note")), "before");
    ck_assert(gloss_annotation_label(gloss_annotation_at(ana.session, 0), label));
    ck_assert_str_eq(gloss_label_name(ana.session, label), "claim");
    ck_assert_str_eq(json_string_value(json_object_get(gloss_session_document(ana.session), "title")), "A brief");
    /* a change of what is there needs no connection, and no base */
    char annotation[GLOSS_ID];
    gloss_annotation_id(gloss_annotation_at(ana.session, 0), annotation);
    json_t *change = json_pack("{s:s, s:s, s:s}", "kind", "annotation.update", "annotation", annotation, "note", "offline");
    ck_assert_int_eq(gloss_submit_change(ana.session, change, NULL, NULL, client_on_result, &ana), 0);
    json_decref(change);
    gloss_connect(ana.g);
    WAIT_FOR(&ana, ana.results == 1 && gloss_session_is_synced(ana.session));
    ck_assert_uint_eq(ana.accepted, 1);
    ck_assert(ana.resumed);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_OP] == 2); /* only what came since */
    ck_assert_int_eq(fake_count(&fake, "session.page"), pages);
    expect_same(&ana);
    client_free(&ana);
    fake_stop(&fake);
    empty_dir(dir);
    drop_dir(dir);
}
END_TEST

static void cache_path(struct fake *fake, struct gloss *g, const char *dir, char path[512])
{
    snprintf(path, 512, "%s/%s.%s.cache", dir, gloss_account(g), fake_text(fake, "session"));
}

START_TEST(replica__that_does_not_fit__is_read_anew)
{
    char dir[64], path[512];
    struct fake fake;
    struct client ana;
    static char bytes[65536];
    make_dir(dir);
    fake_start(&fake);
    somebody(&fake, "one");
    somebody(&fake, "two");
    leave_cache(&fake, dir);
    fake_do(&fake, "{\"do\":\"rewind\",\"to\":1,\"then\":3}"); /* another past */
    start_client(&ana, &fake, dir);
    join_cached(&ana);
    ck_assert_uint_eq(gloss_annotation_count(ana.session), 2);
    gloss_connect(ana.g);
    WAIT_FOR(&ana, gloss_session_is_synced(ana.session));
    ck_assert_uint_eq(ana.seen[GLOSS_EV_RESYNC], 1);
    expect_same(&ana);
    cache_path(&fake, ana.g, dir, path);
    client_free(&ana);
    size_t len = read_file(path, bytes, sizeof(bytes));
    for (size_t at = 0; at < len; at += 97) { /* damaged or cut: as if there were none */
        bytes[at] ^= 1;
        write_file(path, bytes, at % 2 == 0 ? len : at);
        bytes[at] ^= 1;
        start_client(&ana, &fake, dir);
        join_cached(&ana);
        ck_assert_msg(gloss_annotation_count(ana.session) == 0, "byte %zu", at);
        client_free(&ana);
        ck_assert_int_ne(access(path, F_OK), 0);
    }
    fake_stop(&fake);
    empty_dir(dir);
    drop_dir(dir);
}
END_TEST

static bool has_words(const char *path, const char *words)
{
    static char bytes[65536];
    size_t len = access(path, F_OK) == 0 ? read_file(path, bytes, sizeof(bytes)) : 0;
    return memmem(bytes, len, words, strlen(words)) != NULL;
}

START_TEST(words_that_were_erased__leave_the_disk)
{
    char dir[64], cache[512], queue[512];
    struct fake fake;
    struct client ana;
    make_dir(dir);
    fake_start(&fake);
    start_client(&ana, &fake, dir);
    join_cached(&ana);
    gloss_connect(ana.g);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    submit(&ana, creates(1, "canary"), false);
    somebody(&fake, "canary too");
    WAIT_FOR(&ana, ana.results == 1 && gloss_session_seq(ana.session) == 2);
    ck_assert_int_eq(gloss_session_save(ana.session), 0);
    cache_path(&fake, ana.g, dir, cache);
    snprintf(queue, sizeof(queue), "%s/%s.%s.queue", dir, gloss_account(ana.g), fake_text(&fake, "session"));
    ck_assert(has_words(cache, "canary"));
    fake_do(&fake, "{\"do\":\"redact\",\"at\":0}");
    fake_do(&fake, "{\"do\":\"redact\",\"at\":1}");
    WAIT_FOR(&ana, gloss_session_seq(ana.session) == 4 && !has_words(queue, "canary"));
    ck_assert(!has_words(cache, "canary"));
    const json_t *record = gloss_annotation_record(gloss_annotation_at(ana.session, 1));
    ck_assert(!json_object_get(record, "note") && json_is_true(json_object_get(record, "redacted")));
    ck_assert_uint_eq(ana.seen[GLOSS_EV_RESYNC], 0);
    expect_same(&ana);
    client_free(&ana);
    fake_stop(&fake);
    empty_dir(dir);
    drop_dir(dir);
}
END_TEST

START_TEST(words_that_were_erased_while_away__leave_the_disk_with_the_rest)
{
    char dir[64], cache[512];
    struct fake fake;
    struct client ana;
    make_dir(dir);
    fake_start(&fake);
    somebody(&fake, "before");
    leave_cache(&fake, dir);
    somebody(&fake, "canary");
    fake_do(&fake, "{\"do\":\"redact\",\"at\":1}");
    start_client(&ana, &fake, dir);
    join_cached(&ana);
    gloss_connect(ana.g);
    WAIT_FOR(&ana, gloss_session_is_synced(ana.session));
    ck_assert_uint_eq(ana.seen[GLOSS_EV_RESYNC], 1); /* what it lacks has only a leaf: the state in pages */
    ck_assert_uint_eq(gloss_session_seq(ana.session), 3);
    expect_same(&ana);
    cache_path(&fake, ana.g, dir, cache);
    client_free(&ana);
    ck_assert(!has_words(cache, "canary"));
    fake_stop(&fake);
    empty_dir(dir);
    drop_dir(dir);
}
END_TEST

/* ---- conflicts */

static enum gloss_choice choice;
static unsigned conflicts;
static char shown_note[64], shown_name[32];
static json_t *instead;

static enum gloss_choice on_conflict(struct gloss_session *session, struct gloss_conflict *conflict, void *arg)
{
    (void)session;
    (void)arg;
    const char *note = json_string_value(json_object_get(conflict->current, "note"));
    ck_assert_ptr_nonnull(conflict->change);
    ck_assert_int_gt(conflict->since_ms, 1500000000000);
    snprintf(shown_note, sizeof(shown_note), "%s", note ? note : "");
    snprintf(shown_name, sizeof(shown_name), "%s", conflict->error->name);
    conflict->instead = json_incref(instead);
    conflicts++;
    return choice;
}

/* ana has changed offline what ben changed meanwhile; her program asks her when it is back. */
static void into_conflict(struct client *ana, struct fake *fake, const char *dir, char annotation[GLOSS_ID], bool asks)
{
    fake_start(fake);
    somebody(fake, "first");
    leave_cache(fake, dir);
    struct gloss_config config = queue_config(ana, fake, dir);
    config.on_conflict = asks ? on_conflict : NULL;
    client_new_with(ana, fake, &config);
    join_cached(ana);
    gloss_annotation_id(gloss_annotation_at(ana->session, 0), annotation);
    json_t *change = json_pack("{s:s, s:s, s:s}", "kind", "annotation.update", "annotation", annotation, "note", "anas");
    char id[GLOSS_ID];
    ck_assert_int_eq(gloss_submit_change(ana->session, change, NULL, id, client_on_result, ana), 0);
    json_object_set_new(change, "note", json_string("anas second"));
    json_t *base = json_string(id);
    ck_assert_int_eq(gloss_submit_change(ana->session, change, base, NULL, client_on_result, ana), 0);
    json_decref(base);
    json_decref(change);
    fake_do(fake, "{\"do\":\"op\",\"change\":{\"kind\":\"annotation.update\",\"annotation\":\"%s\",\"note\":\"bens\"}}",
            annotation);
    conflicts = 0;
    gloss_connect(ana->g);
}

static const char *note_of(struct client *ana, const char *annotation)
{
    const struct gl_annotation *now = gloss_annotation_find(ana->session, annotation);
    return json_string_value(json_object_get(gloss_annotation_record(now), "note"));
}

static void end_conflict(struct client *ana, struct fake *fake, const char *dir)
{
    client_free(ana);
    fake_stop(fake);
    empty_dir(dir);
    drop_dir(dir);
}

START_TEST(conflict__dropped__is_called_back_with_its_error)
{
    char dir[64], annotation[GLOSS_ID];
    struct fake fake;
    struct client ana;
    make_dir(dir);
    choice = GLOSS_DROP;
    into_conflict(&ana, &fake, dir, annotation, true);
    WAIT_FOR(&ana, ana.results == 2);
    ck_assert_uint_eq(ana.accepted, 0);
    ck_assert_uint_eq(conflicts, 2); /* the one that builds on it, too */
    ck_assert_str_eq(shown_name, "depends_on_refused");
    ck_assert_str_eq(shown_note, "bens");
    WAIT_FOR(&ana, ana.last_seq == 2);
    ck_assert_str_eq(note_of(&ana, annotation), "bens");
    ck_assert_uint_eq(gloss_pending_count(ana.session), 0);
    end_conflict(&ana, &fake, dir);
}
END_TEST

START_TEST(conflict__sent_anew__is_accepted_with_what_builds_on_it)
{
    char dir[64], annotation[GLOSS_ID];
    struct fake fake;
    struct client ana;
    make_dir(dir);
    choice = GLOSS_SEND_ANEW;
    into_conflict(&ana, &fake, dir, annotation, true);
    WAIT_FOR(&ana, ana.results == 2);
    ck_assert_uint_eq(ana.accepted, 2);
    ck_assert_uint_eq(conflicts, 1);
    ck_assert_str_eq(shown_name, "stale");
    ck_assert_str_eq(shown_note, "bens");
    WAIT_FOR(&ana, ana.last_seq == 4);
    ck_assert_str_eq(note_of(&ana, annotation), "anas second");
    end_conflict(&ana, &fake, dir);
}
END_TEST

START_TEST(conflict__with_another_change_instead__sends_that)
{
    char dir[64], annotation[GLOSS_ID];
    struct fake fake;
    struct client ana;
    make_dir(dir);
    choice = GLOSS_SEND_ANEW;
    into_conflict(&ana, &fake, dir, annotation, true);
    instead = json_pack("{s:s, s:s, s:s}", "kind", "annotation.update", "annotation", annotation, "note", "both");
    WAIT_FOR(&ana, conflicts == 1);
    json_decref(instead);
    instead = NULL;
    WAIT_FOR(&ana, ana.last_seq >= 3);
    ck_assert(ana.last_seq > 3 || strcmp(note_of(&ana, annotation), "both") == 0);
    WAIT_FOR(&ana, ana.results == 2);
    ck_assert_uint_eq(ana.accepted, 2);
    end_conflict(&ana, &fake, dir);
}
END_TEST

START_TEST(conflict__kept__stays_through_a_restart_until_it_is_sent)
{
    char dir[64], annotation[GLOSS_ID], op[GLOSS_ID];
    struct fake fake;
    struct client ana;
    struct gloss_pending pending;
    make_dir(dir);
    choice = GLOSS_KEEP;
    into_conflict(&ana, &fake, dir, annotation, true);
    WAIT_FOR(&ana, conflicts == 1 && gloss_session_is_synced(ana.session));
    pass(&ana, 200); /* neither is sent by itself */
    ck_assert_uint_eq(ana.results, 0);
    ck_assert_uint_eq(gloss_pending_count(ana.session), 2);
    for (size_t i = 0; i < 2; i++) {
        ck_assert(gloss_pending_at(ana.session, i, &pending));
        ck_assert_int_eq(pending.state, GLOSS_PENDING_KEPT);
        ck_assert_int_eq(pending.error->code, i == 0 ? GLOSS_E_STALE : GLOSS_E_DEPENDS_ON_REFUSED);
    }
    json_t *later = creates(1, "later"); /* others are not held up */
    submit(&ana, later, false);
    WAIT_FOR(&ana, ana.results == 1);
    ck_assert_uint_eq(ana.accepted, 1);
    client_free(&ana);

    struct gloss_config config = queue_config(&ana, &fake, dir);
    client_new_with(&ana, &fake, &config);
    join_cached(&ana);
    gloss_connect(ana.g);
    WAIT_FOR(&ana, gloss_session_is_synced(ana.session));
    ck_assert(gloss_pending_at(ana.session, 0, &pending));
    ck_assert_int_eq(pending.state, GLOSS_PENDING_KEPT);
    ck_assert_int_eq(pending.error->code, GLOSS_E_STALE);
    memcpy(op, pending.op, sizeof(op));
    ck_assert_int_eq(gloss_pending_send(ana.session, annotation), GLOSS_E_NOT_FOUND);
    ck_assert_int_eq(gloss_pending_send(ana.session, op), 0);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_RESULT] == 2);
    WAIT_FOR(&ana, gloss_session_seq(ana.session) == 5);
    ck_assert_str_eq(note_of(&ana, annotation), "anas second");
    ck_assert_uint_eq(gloss_pending_count(ana.session), 0);
    end_conflict(&ana, &fake, dir);
}
END_TEST

START_TEST(conflict__kept__does_not_keep_words_that_were_erased)
{
    char dir[64], annotation[GLOSS_ID], queue[512];
    struct fake fake;
    struct client ana;
    struct gloss_pending pending;
    make_dir(dir);
    choice = GLOSS_KEEP;
    into_conflict(&ana, &fake, dir, annotation, true);
    WAIT_FOR(&ana, gloss_session_is_synced(ana.session) && conflicts == 1);
    snprintf(queue, sizeof(queue), "%s/%s.%s.queue", dir, gloss_account(ana.g), fake_text(&fake, "session"));
    ck_assert(has_words(queue, "\"bens\""));
    fake_do(&fake, "{\"do\":\"redact\",\"at\":0}");
    WAIT_FOR(&ana, gloss_session_seq(ana.session) == 3 && !has_words(queue, "\"bens\""));
    ck_assert(has_words(queue, "\"anas\"")); /* not sent yet, so not erased */
    ck_assert(gloss_pending_at(ana.session, 0, &pending));
    ck_assert_int_eq(pending.error->code, GLOSS_E_STALE);
    ck_assert(json_is_object(json_object_get(pending.error->data, "current")));
    ck_assert_ptr_null(json_object_get(json_object_get(pending.error->data, "current"), "note"));
    end_conflict(&ana, &fake, dir);
}
END_TEST

START_TEST(conflict__that_nobody_is_asked_about__is_called_back__or_kept_of_an_earlier_run)
{
    char dir[64], annotation[GLOSS_ID], second_dir[64];
    struct fake fake;
    struct client ana;
    struct gloss_pending pending;
    make_dir(dir);
    into_conflict(&ana, &fake, dir, annotation, false);
    WAIT_FOR(&ana, ana.results == 2);
    ck_assert_uint_eq(ana.accepted, 0);
    end_conflict(&ana, &fake, dir);

    make_dir(second_dir);
    into_conflict(&ana, &fake, second_dir, annotation, false);
    client_free(&ana); /* before anything was sent */
    start_client(&ana, &fake, second_dir);
    join_cached(&ana);
    gloss_connect(ana.g);
    WAIT_FOR(&ana, gloss_session_is_synced(ana.session) && gloss_pending_at(ana.session, 1, &pending) &&
                       pending.state == GLOSS_PENDING_KEPT);
    ck_assert_int_eq(gloss_pending_drop(ana.session, pending.op), 0);
    WAIT_FOR(&ana, gloss_pending_count(ana.session) == 1);
    end_conflict(&ana, &fake, second_dir);
}
END_TEST

/* The session is whole, and its first op is kept because of this. */
static bool is_kept(struct client *ana, int code)
{
    struct gloss_pending pending;
    return gloss_session_is_synced(ana->session) && gloss_pending_at(ana->session, 0, &pending) &&
           pending.state == GLOSS_PENDING_KEPT && pending.error->code == code;
}

/* What an earlier run left is somebody's work: whatever the reason, it stays. And since a closed session or a right that was taken says nothing of what others wrote meanwhile,
 * sending it again does not overwrite that: it is refused once more, as stale, and only then sent over what was shown. */
static void refuse_and_send(const char *name, int code)
{
    char dir[64], annotation[GLOSS_ID], op[GLOSS_ID];
    struct fake fake;
    struct client ana;
    struct gloss_pending pending;
    make_dir(dir);
    into_conflict(&ana, &fake, dir, annotation, false);
    client_free(&ana); /* before anything was sent */
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"refuse\",\"method\":\"session.submit\",\"name\":\"%s\"}", name);
    start_client(&ana, &fake, dir);
    join_cached(&ana);
    gloss_connect(ana.g);
    WAIT_FOR(&ana, is_kept(&ana, code));
    ck_assert_uint_eq(gloss_pending_count(ana.session), 2);
    for (int time = 0; time < 2; time++) {
        ck_assert(gloss_pending_at(ana.session, 0, &pending));
        memcpy(op, pending.op, sizeof(op));
        ck_assert_int_eq(gloss_pending_send(ana.session, op), 0);
        if (time == 0) {
            WAIT_FOR(&ana, is_kept(&ana, GLOSS_E_STALE));
            ck_assert_str_eq(note_of(&ana, annotation), "bens");
        }
    }
    WAIT_FOR(&ana, strncmp(note_of(&ana, annotation), "anas", 4) == 0);
    end_conflict(&ana, &fake, dir);
}

START_TEST(refusal__for_another_reason__keeps_what_an_earlier_run_left__and_its_base)
{
    refuse_and_send("forbidden", GLOSS_E_FORBIDDEN);
    refuse_and_send("unknown_label", GLOSS_E_UNKNOWN_LABEL);
    refuse_and_send("session_closed", GLOSS_E_SESSION_CLOSED);
}
END_TEST

START_TEST(op__that_builds_on_one_that_is_given_up__has_the_base_of_that_one)
{
    char dir[64], annotation[GLOSS_ID], op[GLOSS_ID];
    struct fake fake;
    struct client ana;
    struct gloss_pending pending;
    make_dir(dir);
    into_conflict(&ana, &fake, dir, annotation, false);
    client_free(&ana);
    for (int run = 0; run < 2; run++) { /* given up in one run, sent in the next */
        start_client(&ana, &fake, dir);
        join_cached(&ana);
        gloss_connect(ana.g);
        if (run == 0) {
            WAIT_FOR(&ana, is_kept(&ana, GLOSS_E_STALE));
            ck_assert(gloss_pending_at(ana.session, 0, &pending));
            memcpy(op, pending.op, sizeof(op));
            ck_assert_int_eq(gloss_pending_drop(ana.session, op), 0);
            WAIT_FOR(&ana, gloss_pending_count(ana.session) == 1 && is_kept(&ana, GLOSS_E_DEPENDS_ON_REFUSED));
            client_free(&ana);
        }
    }
    WAIT_FOR(&ana, is_kept(&ana, GLOSS_E_DEPENDS_ON_REFUSED));
    ck_assert(gloss_pending_at(ana.session, 0, &pending));
    ck_assert_int_gt(json_integer_value(pending.base), 0);
    memcpy(op, pending.op, sizeof(op));
    ck_assert_int_eq(gloss_pending_send(ana.session, op), 0);
    WAIT_FOR(&ana, is_kept(&ana, GLOSS_E_STALE));
    ck_assert_str_eq(note_of(&ana, annotation), "bens");
    end_conflict(&ana, &fake, dir);
}
END_TEST

static void expect_pending(struct client *ana, size_t count, int state)
{
    struct gloss_pending pending;
    ck_assert_uint_eq(gloss_pending_count(ana->session), count);
    for (size_t i = 0; i < count; i++) {
        ck_assert(gloss_pending_at(ana->session, i, &pending));
        ck_assert_msg((int)pending.state == state, "op %zu: %d", i, (int)pending.state);
    }
}

/* A step of three, of which the last is refused; all are kept. The client is one of the next run, which has no connection yet. */
static void step_into_conflict(struct client *ana, struct fake *fake, const char *dir, char annotation[GLOSS_ID])
{
    fake_start(fake);
    somebody(fake, "first");
    leave_cache(fake, dir);
    struct gloss_config config = queue_config(ana, fake, dir);
    config.on_conflict = on_conflict;
    choice = GLOSS_KEEP;
    conflicts = 0;
    client_new_with(ana, fake, &config);
    join_cached(ana);
    gloss_annotation_id(gloss_annotation_at(ana->session, 0), annotation);
    json_t *ops = creates(2, "with it");
    json_array_append_new(
        ops, json_pack("{s:{s:s, s:s, s:s}}", "change", "kind", "annotation.update", "annotation", annotation, "note", "anas"));
    submit(ana, ops, true);
    fake_do(fake, "{\"do\":\"op\",\"change\":{\"kind\":\"annotation.update\",\"annotation\":\"%s\",\"note\":\"bens\"}}",
            annotation);
    gloss_connect(ana->g);
    WAIT_FOR(ana, conflicts == 1);
    pass(ana, 100);
    expect_pending(ana, 3, GLOSS_PENDING_KEPT);
    client_free(ana);
    client_new_with(ana, fake, &config);
    join_cached(ana);
}

START_TEST(refusal__that_the_disk_does_not_take__is_told_when_it_does)
{
    char dir[64], annotation[GLOSS_ID];
    struct fake fake;
    struct client ana;
    make_dir(dir);
    into_conflict(&ana, &fake, dir, annotation, false);
    is_disk_full = true;
    WAIT_FOR(&ana, fake_count(&fake, "session.submit") > 0 && gloss_session_is_synced(ana.session));
    pass(&ana, 300);
    ck_assert_uint_eq(ana.results, 0); /* the next start would send them again */
    is_disk_full = false;
    WAIT_FOR(&ana, ana.results == 2);
    ck_assert_uint_eq(ana.accepted, 0);
    client_free(&ana);
    start_client(&ana, &fake, dir);
    join_cached(&ana);
    expect_pending(&ana, 0, GLOSS_PENDING_WAITING);
    end_conflict(&ana, &fake, dir);
}
END_TEST

START_TEST(refusal__that_the_disk_never_takes__is_left_to_the_next_run)
{
    char dir[64], annotation[GLOSS_ID];
    struct fake fake;
    struct client ana;
    make_dir(dir);
    into_conflict(&ana, &fake, dir, annotation, false);
    is_disk_full = true;
    WAIT_FOR(&ana, fake_count(&fake, "session.submit") > 0 && gloss_session_is_synced(ana.session));
    pass(&ana, 300);
    gloss_leave(&ana.session);
    ck_assert_uint_eq(ana.results, 2);
    ck_assert_int_eq(ana.result_error.code, GLOSS_E_DISCONNECTED); /* not that it was refused */
    client_free(&ana);
    is_disk_full = false;
    start_client(&ana, &fake, dir);
    join_cached(&ana);
    expect_pending(&ana, 2, GLOSS_PENDING_WAITING);
    end_conflict(&ana, &fake, dir);
}
END_TEST

START_TEST(conflict__in_an_atomic_step__is_asked_once_and_decided_for_all)
{
    char dir[64], annotation[GLOSS_ID];
    struct fake fake;
    struct client ana;
    struct gloss_pending pending;
    make_dir(dir);
    step_into_conflict(&ana, &fake, dir, annotation);
    gloss_connect(ana.g);
    WAIT_FOR(&ana, gloss_session_is_synced(ana.session));
    ck_assert(gloss_pending_at(ana.session, 0, &pending));
    ck_assert_int_eq(gloss_pending_send(ana.session, pending.op), 0);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_RESULT] == 3);
    WAIT_FOR(&ana, gloss_session_seq(ana.session) == 5);
    ck_assert_str_eq(note_of(&ana, annotation), "anas");
    ck_assert_uint_eq(conflicts, 1);
    end_conflict(&ana, &fake, dir);
}
END_TEST

START_TEST(atomic_step__sent_anew_when_the_program_ends__waits_as_a_whole)
{
    char dir[64], annotation[GLOSS_ID];
    struct fake fake;
    struct client ana;
    struct gloss_pending pending;
    make_dir(dir);
    step_into_conflict(&ana, &fake, dir, annotation);
    ck_assert(gloss_pending_at(ana.session, 0, &pending));
    ck_assert_int_eq(gloss_pending_send(ana.session, pending.op), 0);
    client_free(&ana); /* before it was sent */
    start_client(&ana, &fake, dir);
    join_cached(&ana);
    expect_pending(&ana, 3, GLOSS_PENDING_WAITING);
    end_conflict(&ana, &fake, dir);
}
END_TEST

START_TEST(atomic_step__that_builds_on_a_kept_op__is_sent_with_it_as_a_whole)
{
    char dir[64], annotation[GLOSS_ID], op[GLOSS_ID];
    struct fake fake;
    struct client ana;
    struct gloss_pending pending;
    make_dir(dir);
    choice = GLOSS_KEEP;
    into_conflict(&ana, &fake, dir, annotation, true);
    WAIT_FOR(&ana, conflicts == 1 && gloss_session_is_synced(ana.session));
    ck_assert(gloss_pending_at(ana.session, 0, &pending));
    memcpy(op, pending.op, sizeof(op));
    json_t *ops = creates(1, "with it");
    json_array_insert_new(ops, 0,
                          json_pack("{s:s, s:{s:s, s:s, s:s}}", "base", op, "change", "kind", "annotation.update", "annotation",
                                    annotation, "note", "in a step"));
    submit(&ana, ops, true);
    pass(&ana, 100);
    expect_pending(&ana, 4, GLOSS_PENDING_KEPT);
    ck_assert_int_eq(gloss_pending_send(ana.session, op), 0);
    expect_pending(&ana, 4, GLOSS_PENDING_WAITING);
    WAIT_FOR(&ana, ana.results == 4);
    ck_assert_uint_eq(ana.accepted, 4);
    end_conflict(&ana, &fake, dir);
}
END_TEST

START_TEST(atomic_step__whose_second_op_is_refused__is_not_sent_in_part)
{
    char dir[64];
    struct fake fake;
    struct client ana;
    make_dir(dir);
    fake_start(&fake);
    struct gloss_config config = queue_config(&ana, &fake, dir);
    config.on_conflict = on_conflict;
    client_new_with(&ana, &fake, &config);
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    json_t *ops = creates(1, "made");
    char id[GLOSS_ID];
    gloss_new_id(id);
    json_object_set_new(json_array_get(ops, 0), "id", json_string(id));
    json_array_append_new(ops, json_pack("{s:s, s:{s:s, s:s, s:s}}", "base", id, "change", "kind", "annotation.update",
                                         "annotation", fake_text(&fake, "project"), "note", "of nothing"));
    submit(&ana, ops, true);
    WAIT_FOR(&ana, ana.results == 2);
    ck_assert_uint_eq(ana.accepted, 0);
    ck_assert_int_eq(fake_count(&fake, "session.submit"), 1);
    end_conflict(&ana, &fake, dir);
}
END_TEST

START_TEST(atomic_step__of_an_earlier_run_that_is_too_large__is_kept_and_holds_nothing_up)
{
    char dir[64];
    struct fake fake;
    struct client ana;
    struct gloss_pending pending;
    make_dir(dir);
    fake_start(&fake);
    fake_do(&fake, "{\"do\":\"set\",\"ops_in_flight\":4}");
    sign_in_once(&fake, dir);
    start_client(&ana, &fake, dir);
    join_offline(&ana);
    submit(&ana, creates(5, "many"), true);
    client_free(&ana);
    start_client(&ana, &fake, dir);
    join_offline(&ana);
    submit(&ana, creates(1, "behind it"), false);
    gloss_connect(ana.g);
    WAIT_FOR(&ana, ana.results == 1);
    ck_assert_uint_eq(ana.accepted, 1);
    expect_pending(&ana, 5, GLOSS_PENDING_KEPT);
    ck_assert(gloss_pending_at(ana.session, 0, &pending));
    ck_assert_int_eq(pending.error->code, GLOSS_E_TOO_LARGE);
    end_conflict(&ana, &fake, dir);
}
END_TEST

START_TEST(conflict__with_a_change_instead_that_is_too_large__is_kept)
{
    char dir[64], annotation[GLOSS_ID];
    static char big[300001];
    struct fake fake;
    struct client ana;
    make_dir(dir);
    memset(big, 'x', sizeof(big) - 1);
    choice = GLOSS_SEND_ANEW;
    instead = json_pack("{s:s, s:s}", "kind", "annotation.update", "note", big);
    into_conflict(&ana, &fake, dir, annotation, true);
    json_object_set_new(instead, "annotation", json_string(annotation));
    WAIT_FOR(&ana, conflicts == 1);
    json_decref(instead);
    instead = NULL;
    pass(&ana, 100);
    expect_pending(&ana, 2, GLOSS_PENDING_KEPT);
    end_conflict(&ana, &fake, dir);
}
END_TEST

#define ROUNDS     60
#define EACH_ROUND 4

/* One life: some ops more, then sending until the end comes. */
static void live(struct fake *fake, const char *dir, unsigned round, uint64_t at, int said)
{
    struct client client, *ana = &client;
    start_client(ana, fake, dir);
    kill_at = at;
    written = 0;
    join_offline(ana);
    for (unsigned i = 0; i < EACH_ROUND; i++) {
        unsigned n = round * EACH_ROUND + i;
        if (submit_numbers(ana->session, n, 1, false) == 0 && write(said, &n, sizeof(n)) != sizeof(n)) {
            _exit(3);
        }
    }
    gloss_connect(ana->g);
    for (int i = 0; i < 500 && gloss_pending_count(ana->session) > 0; i++) {
        (void)gloss_wait(ana->g, 10);
    }
    kill(getpid(), SIGKILL);
}

START_TEST(ops__of_many_killed_runs__are_applied_once)
{
    char dir[64];
    struct fake fake;
    struct client ana;
    bool acknowledged[ROUNDS * EACH_ROUND] = {false};
    make_dir(dir);
    fake_start(&fake);
    sign_in_once(&fake, dir);
    for (unsigned round = 0; round < ROUNDS; round++) {
        int said[2];
        unsigned n;
        ck_assert_int_eq(pipe(said), 0);
        pid_t pid = fork();
        if (pid == 0) {
            live(&fake, dir, round, 1 + round * 83 % 1900, said[1]);
        }
        close(said[1]);
        while (read(said[0], &n, sizeof(n)) == sizeof(n)) {
            acknowledged[n] = true;
        }
        close(said[0]);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    }
    start_client(&ana, &fake, dir);
    join_offline(&ana);
    gloss_connect(ana.g);
    WAIT_FOR(&ana, gloss_session_is_synced(ana.session) && gloss_pending_count(ana.session) == 0);
    expect_same(&ana);
    unsigned applied[ROUNDS * EACH_ROUND] = {0}, all = 0;
    for (size_t i = 0; i < gloss_annotation_count(ana.session); i++) {
        const json_t *record = gloss_annotation_record(gloss_annotation_at(ana.session, i));
        unsigned n = (unsigned)strtoul(json_string_value(json_object_get(record, "note")) + 5, NULL, 10);
        json_t *asked = op_of(n);
        ck_assert(json_equal(json_object_get(json_object_get(asked, "change"), "note"), json_object_get(record, "note")));
        json_decref(asked);
        applied[n]++;
    }
    for (unsigned n = 0; n < ROUNDS * EACH_ROUND; n++) {
        ck_assert_msg(applied[n] <= 1, "op %u was applied %u times", n, applied[n]);
        ck_assert_msg(!acknowledged[n] || applied[n] == 1, "op %u was acknowledged, and is lost", n);
        all += applied[n];
    }
    ck_assert_uint_gt(all, ROUNDS);
    client_free(&ana);
    fake_stop(&fake);
    drop_dir(dir);
}
END_TEST

RUN("queue", queue__killed_at_every_byte__loses_nothing_and_makes_nothing_up,
    journal__cut_at_every_byte__has_what_stands_before_the_cut, journal__that_is_damaged__is_refused_and_left_alone,
    queue__open_in_one_place__is_busy_in_another, submit__when_the_disk_is_full__keeps_nothing_and_goes_on_later,
    journal__whose_directory_cannot_be_synced__takes_nothing_until_it_can,
    refusal__that_the_disk_does_not_take__is_told_when_it_does, refusal__that_the_disk_never_takes__is_left_to_the_next_run,
    queues__of_a_directory__are_listed, ops__of_a_run_without_a_connection__are_sent_by_the_next,
    replica__of_the_last_run__is_there_without_a_connection__and_continued, replica__that_does_not_fit__is_read_anew,
    words_that_were_erased__leave_the_disk, words_that_were_erased_while_away__leave_the_disk_with_the_rest,
    conflict__dropped__is_called_back_with_its_error, conflict__sent_anew__is_accepted_with_what_builds_on_it,
    conflict__with_another_change_instead__sends_that, conflict__kept__stays_through_a_restart_until_it_is_sent,
    conflict__kept__does_not_keep_words_that_were_erased,
    conflict__that_nobody_is_asked_about__is_called_back__or_kept_of_an_earlier_run,
    refusal__for_another_reason__keeps_what_an_earlier_run_left__and_its_base,
    op__that_builds_on_one_that_is_given_up__has_the_base_of_that_one,
    conflict__in_an_atomic_step__is_asked_once_and_decided_for_all,
    atomic_step__sent_anew_when_the_program_ends__waits_as_a_whole,
    atomic_step__that_builds_on_a_kept_op__is_sent_with_it_as_a_whole,
    atomic_step__whose_second_op_is_refused__is_not_sent_in_part,
    atomic_step__of_an_earlier_run_that_is_too_large__is_kept_and_holds_nothing_up,
    conflict__with_a_change_instead_that_is_too_large__is_kept, ops__of_many_killed_runs__are_applied_once)
