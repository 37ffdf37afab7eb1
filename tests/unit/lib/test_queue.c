/* The queue of unsent ops on disk, through any end of the program. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/lib/disk.h"

static const char account[] = "01900000-0000-7000-8000-0000000000aa", session_id[] = "01900000-0000-7000-8000-0000000000bb";

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

/* A small one of its own; the mount goes with the test's process. */
static bool small_disk(const char *dir)
{
    return geteuid() == 0 && unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", dir, "tmpfs", 0, "size=65536") == 0;
}

START_TEST(disk__that_is_really_full__is_an_error__loses_nothing__and_leaves_nothing_behind)
{
    char dir[64], path[512], left[520];
    make_dir(dir);
    if (!small_disk(dir)) {
        printf("skipped: a file system of one's own needs root\n");
        drop_dir(dir);
        return;
    }
    struct gloss *g = offline(dir);
    struct gloss_session *session = join(g);
    unsigned kept = 0;
    int code = GLOSS_OK;
    while (code == GLOSS_OK && kept < 10000) {
        code = submit_numbers(session, kept, 1, false);
        kept += code == GLOSS_OK;
    }
    ck_assert_int_eq(code, GLOSS_E_SYSTEM);
    ck_assert_ptr_nonnull(strstr(gloss_last_error(g)->message, "No space"));
    ck_assert_uint_gt(kept, 10);
    ck_assert_uint_eq(gloss_pending_count(session), kept);
    journal_path(dir, path);
    snprintf(left, sizeof(left), "%s.new", path);
    ck_assert_int_ne(access(left, F_OK), 0);
    leave(g, &session);
    session = join(g); /* also while there is no room */
    ck_assert_uint_eq(gloss_pending_count(session), kept);
    ck_assert_int_eq(submit_numbers(session, kept, 1, false), GLOSS_E_SYSTEM);
    ck_assert_int_eq(mount(NULL, dir, NULL, MS_REMOUNT, "size=1m"), 0);
    ck_assert_int_eq(submit_numbers(session, kept, 1, false), 0);
    leave(g, &session);
    session = join(g);
    ck_assert_uint_eq(gloss_pending_count(session), kept + 1);
    gloss_free(&g);
    ck_assert_int_eq(umount(dir), 0);
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

START_TEST(queue__of_somebody_else_than_who_signs_in__is_left_and_so_is_the_session)
{
    char dir[64];
    struct fake fake;
    struct client ana;
    make_dir(dir);
    fake_start(&fake);
    struct gloss_config config = queue_config(&ana, &fake, dir);
    config.account_id = account;
    client_new_with(&ana, &fake, &config);
    client_join(&ana, NULL); /* behind hello: it is known, as it seems, who one is */
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_ERROR]);
    ck_assert_int_eq(ana.error.code, GLOSS_E_SETTING);
    WAIT_FOR(&ana, fake_count(&fake, "session.leave") == 1);
    ck_assert_int_eq(fake_count(&fake, "session.join"), 1);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_JOINED], 0);
    client_stop(&ana, &fake);
    empty_dir(dir);
    drop_dir(dir);
}
END_TEST

RUN("queue", queue__killed_at_every_byte__loses_nothing_and_makes_nothing_up,
    journal__cut_at_every_byte__has_what_stands_before_the_cut, journal__that_is_damaged__is_refused_and_left_alone,
    queue__open_in_one_place__is_busy_in_another, submit__when_the_disk_is_full__keeps_nothing_and_goes_on_later,
    disk__that_is_really_full__is_an_error__loses_nothing__and_leaves_nothing_behind,
    journal__whose_directory_cannot_be_synced__takes_nothing_until_it_can, queues__of_a_directory__are_listed,
    ops__of_a_run_without_a_connection__are_sent_by_the_next, ops__of_many_killed_runs__are_applied_once,
    queue__of_somebody_else_than_who_signs_in__is_left_and_so_is_the_session)
