/* What stands in a log line, and that nobody waits for one. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "service/base/clock.h"
#include "service/base/log.h"
#include "tests/support/suite.h"

static int pipe_read, saved_stderr;
static char text[1 << 16];

static void setup(void)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    pipe_read = ends[0];
    fcntl(pipe_read, F_SETFL, O_NONBLOCK);
    saved_stderr = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    log_init(LOG_INFO, LOG_TEXT);
    log_set_process(NULL);
    log_set_context(NULL);
}

static void teardown(void)
{
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    close(pipe_read);
}

/* All that was logged so far. */
static const char *logged(void)
{
    size_t len = 0;
    for (ssize_t got; len < sizeof(text) - 1 && (got = read(pipe_read, text + len, sizeof(text) - 1 - len)) > 0;)
        len += (size_t)got;
    text[len] = '\0';
    return text;
}

static json_t *logged_object(void)
{
    json_error_t error;
    json_t *object = json_loads(logged(), JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(object != NULL, "%s: %s", error.text, text);
    return object;
}

static const char *member(const json_t *object, const char *name)
{
    const char *value = json_string_value(json_object_get(object, name));
    ck_assert_msg(value != NULL, "there is no %s", name);
    return value;
}

START_TEST(log_event__as_text__is_one_line_of_fields)
{
    gl_uuid id;
    ck_assert(gl_uuid_parse(GL_SLICE("018f3c5e-7b1a-7c3d-8e9f-0123456789ab"), &id));
    log_set_process("worker 1");
    log_set_context(&(struct log_context){.connection = 7, .request = "42", .trace = {.id = "0af7651916cd43dd8448eb211c80319c"}});
    log_event(LOG_WARN, EV_session_loaded, F_ID("session", &id), F_U64("seq", 9), F_I64("offset", -3), F_MS("took", 12),
              F_STR("plain", "a.b-c"), F_STR("words", "two words"), F_STR("empty", ""), F_CODE("code", GL_E_STALE));
    const char *line = logged();
    ck_assert_uint_eq(strcspn(line, "\n"), strlen(line) - 1);
    char pid[32];
    snprintf(pid, sizeof(pid), " pid=%d ", getpid());
    const char *const parts[] = {
        " warn  session.loaded process=\"worker 1\"", pid, " connection=7 request=42 trace=0af7651916cd43dd8448eb211c80319c ",
        " session=018f3c5e-7b1a-7c3d-8e9f-0123456789ab seq=9 offset=-3 took_ms=12 plain=a.b-c words=\"two words\" empty=\"\" code=stale\n"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
        ck_assert_msg(strstr(line, parts[i]) != NULL, "%s is missing in %s", parts[i], line);
    struct tm when;
    ck_assert_ptr_nonnull(strptime(line, "%Y-%m-%dT%H:%M:%S", &when));
    ck_assert(line[19] == '.' && line[23] == 'Z' && line[24] == ' ');
}
END_TEST

START_TEST(log_event__as_json__is_one_object_a_line)
{
    log_init(LOG_INFO, LOG_JSON);
    log_event(LOG_ERROR, EV_store_lost, F_STR("detail", "he said \"no\"\n\x1b[2J\xe2\x80\xae\xff"), F_U64("n", UINT64_MAX >> 1));
    json_t *line = logged_object();
    ck_assert_str_eq(member(line, "event"), "store.lost");
    ck_assert_str_eq(member(line, "level"), "error");
    ck_assert_str_eq(member(line, "detail"), "he said \"no\"\n\x1b[2J\xe2\x80\xae\xef\xbf\xbd");
    ck_assert_uint_eq(strlen(member(line, "time")), 24);
    ck_assert_ptr_null(json_object_get(line, "connection"));
    ck_assert_ptr_null(strpbrk(text, "\x1b\xff"));
    ck_assert_uint_eq(strcspn(text, "\n"), strlen(text) - 1);
    json_decref(line);
}
END_TEST

START_TEST(log_event__value_that_looks_like_a_line__stays_a_value)
{
    log_event(LOG_INFO, EV_peer_closed, F_STR("detail", "x\n2026-01-01T00:00:00.000Z error store.lost pid=1"));
    const char *line = logged();
    ck_assert_uint_eq(strcspn(line, "\n"), strlen(line) - 1);
    ck_assert_ptr_nonnull(strstr(line, "detail=\"x\\n2026"));
}
END_TEST

START_TEST(log_event__values_too_long_for_a_line__are_cut_and_it_says_so)
{
    static char longest[9000];
    memset(longest, 'x', sizeof(longest) - 1);
    log_init(LOG_INFO, LOG_JSON);
    log_event(LOG_INFO, EV_peer_closed, F_STR("a", longest), F_STR("b", longest), F_STR("c", longest), F_STR("d", longest),
              F_STR("e", longest));
    json_t *line = logged_object();
    ck_assert(json_is_true(json_object_get(line, "cut")));
    ck_assert_ptr_nonnull(strstr(member(line, "a"), "xxx…"));
    ck_assert_uint_le(strlen(text), 4096);
    json_decref(line);
}
END_TEST

START_TEST(log_event__below_the_level__is_not_written)
{
    enum log_level level;
    log_event(LOG_DEBUG, EV_peer_closed);
    ck_assert_str_eq(logged(), "");
    ck_assert(log_level_parse("debug", &level) && !log_level_parse("loud", &level));
    log_set_level(LOG_DEBUG);
    log_event(LOG_DEBUG, EV_peer_closed);
    ck_assert_ptr_nonnull(strstr(logged(), "peer.closed"));
}
END_TEST

static size_t count(const char *haystack, const char *needle)
{
    size_t found = 0;
    for (; (haystack = strstr(haystack, needle)); haystack++)
        found++;
    return found;
}

START_TEST(log_event__same_event_too_often__is_held_back_and_counted)
{
    uint64_t begun_ms = clock_monotonic_ms();
    for (int i = 0; i < 500; i++)
        log_event(LOG_INFO, EV_peer_refused);
    size_t seconds = 2 + (clock_monotonic_ms() - begun_ms) / 1000; /* that were touched: each lets some through */
    log_event(LOG_INFO, EV_peer_closed);                           /* another event is not concerned */
    const char *lines = logged();
    ck_assert_uint_le(count(lines, "peer.refused"), 20 * seconds);
    ck_assert_uint_ge(count(lines, "peer.refused"), 20);
    ck_assert_uint_eq(count(lines, "peer.closed"), 1);
    size_t held_back = 0;
    for (struct timespec pause = {.tv_nsec = 50000000}; !held_back; nanosleep(&pause, NULL)) {
        log_event(LOG_INFO, EV_peer_refused);
        const char *told = strstr(logged(), "held_back=");
        held_back = told ? strtoul(told + 10, NULL, 10) : 0;
    }
    ck_assert_uint_ge(held_back, seconds < 5 ? 400 : 1);
}
END_TEST

/* The reader of a pipe that stopped reading must not stop the service. */
START_TEST(log_event__when_nobody_reads__does_not_wait_and_says_later_what_is_missing)
{
    static char longest[900];
    memset(longest, 'x', sizeof(longest) - 1);
    fcntl(pipe_read, F_SETPIPE_SZ, 4096);
    for (int event = 0; event < LOG_EVENT_COUNT; event++)
        log_event(LOG_INFO, (enum log_event_id)event, F_STR("detail", longest));
    ck_assert_str_ne(logged(), "");
    log_event(LOG_INFO, EV_peer_closed);
    const char *told = strstr(logged(), "dropped=");
    ck_assert_msg(told != NULL, "%s", text);
    ck_assert_uint_gt(strtoul(told + 8, NULL, 10), 5);
}
END_TEST

START_TEST(log_event__when_the_disk_is_full__is_counted_and_said_when_there_is_room)
{
    const int to_pipe = dup(STDERR_FILENO), full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    ck_assert_int_ge(full, 0);
    dup2(full, STDERR_FILENO);
    log_event(LOG_INFO, EV_peer_closed);
    log_event(LOG_INFO, EV_worker_ready);
    dup2(to_pipe, STDERR_FILENO);
    log_event(LOG_INFO, EV_peer_closed);
    ck_assert_msg(strstr(logged(), "dropped=2") != NULL, "%s", text);
    close(to_pipe);
    close(full);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, log_event__as_text__is_one_line_of_fields);
    tcase_add_test(tests, log_event__as_json__is_one_object_a_line);
    tcase_add_test(tests, log_event__value_that_looks_like_a_line__stays_a_value);
    tcase_add_test(tests, log_event__values_too_long_for_a_line__are_cut_and_it_says_so);
    tcase_add_test(tests, log_event__below_the_level__is_not_written);
    tcase_add_test(tests, log_event__same_event_too_often__is_held_back_and_counted);
    tcase_add_test(tests, log_event__when_nobody_reads__does_not_wait_and_says_later_what_is_missing);
    tcase_add_test(tests, log_event__when_the_disk_is_full__is_counted_and_said_when_there_is_room);
}

int main(void)
{
    return suite_run("log", add);
}
