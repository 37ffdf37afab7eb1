/*
 * fake.c - the scripted server, and a client of it whose events are written down.
 */
#include "tests/unit/lib/fake.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES (1 << 20)

int open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int count = 0;
    while (readdir(dir)) {
        count++;
    }
    closedir(dir);
    return count;
}

uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- the server */

static const char *from_environment(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value && value[0] ? value : otherwise;
}

static void run_server(int in, int out)
{
    char script[4096], folder[4096];
    const char *python = from_environment("PYTHON", "/usr/bin/python3");
    snprintf(script, sizeof(script), "%s/tests/unit/lib/fake_server.py", from_environment("GLOSS_SOURCE_DIR", "."));
    snprintf(folder, sizeof(folder), "%s/tests/unit/lib/certificates", from_environment("GLOSS_BUILD_DIR", "/tmp"));
    dup2(in, 0);
    dup2(out, 1);
    for (int fd = 3; fd < 64; fd++) {
        close(fd);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    unsetenv("LD_PRELOAD");
    execl(python, python, "-B", script, folder, (char *)NULL);
    _exit(127);
}

static json_t *read_line(struct fake *fake)
{
    char *line = malloc(LINE_MAX_BYTES);
    ck_assert_msg(line && fgets(line, LINE_MAX_BYTES, fake->out), "the scripted server is gone");
    json_t *value = json_loads(line, 0, NULL);
    free(line);
    ck_assert_ptr_nonnull(value);
    return value;
}

/* The event loop's library keeps two descriptors for the whole process, from the first loop on. */
static void warm_up(void)
{
    struct gloss_config config;
    gloss_config_init(&config);
    config.url = "https://127.0.0.1:1/";
    config.token = "none";
    struct gloss *g = gloss_new(&config, NULL);
    ck_assert_ptr_nonnull(g);
    gloss_free(&g);
}

void fake_start(struct fake *fake)
{
    int to[2], from[2];
    warm_up();
    fake->descriptors = open_descriptors();
    ck_assert(pipe(to) == 0 && pipe(from) == 0);
    fake->pid = fork();
    if (fake->pid == 0) {
        run_server(to[0], from[1]);
    }
    close(to[0]);
    close(from[1]);
    fake->in = fdopen(to[1], "w");
    fake->out = fdopen(from[0], "r");
    fake->about = read_line(fake);
}

void fake_stop(struct fake *fake)
{
    fclose(fake->in);
    fclose(fake->out);
    kill(fake->pid, SIGKILL);
    waitpid(fake->pid, NULL, 0);
    json_decref(fake->about);
    for (uint64_t end = now_ms() + 60000; open_descriptors() != fake->descriptors && now_ms() < end;) {
        usleep(10000); /* the thread that looked a name up may still be about to close its own */
    }
    ck_assert_int_eq(open_descriptors(), fake->descriptors);
}

static __attribute__((format(printf, 2, 0))) json_t *ask(struct fake *fake, const char *fmt, va_list args)
{
    vfprintf(fake->in, fmt, args);
    fputc('\n', fake->in);
    fflush(fake->in);
    json_t *answer = read_line(fake);
    const char *problem = json_string_value(json_object_get(answer, "problem"));
    ck_assert_msg(!problem, "the scripted server says: %s", problem);
    return answer;
}

json_t *fake_ask(struct fake *fake, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    json_t *answer = ask(fake, fmt, args);
    va_end(args);
    return answer;
}

void fake_do(struct fake *fake, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    json_decref(ask(fake, fmt, args));
    va_end(args);
}

const char *fake_text(const struct fake *fake, const char *name)
{
    return json_string_value(json_object_get(fake->about, name));
}

int fake_count(struct fake *fake, const char *method)
{
    json_t *stats = fake_ask(fake, "{\"do\":\"stats\"}");
    int count = (int)json_integer_value(json_object_get(json_object_get(stats, "counts"), method));
    json_decref(stats);
    return count;
}

const char *fake_url(const struct fake *fake, const char *port)
{
    static char url[128];
    snprintf(url, sizeof(url), strcmp(port, "ipv6") == 0 ? "https://[::1]:%d/" : "https://127.0.0.1:%d/",
             (int)json_integer_value(json_object_get(json_object_get(fake->about, "ports"), port)));
    return url;
}

void fake_fault(struct fake *fake, const char *name, int times)
{
    fake_do(fake, "{\"do\":\"fault\",\"fault\":\"%s\",\"times\":%d}", name, times);
}

void fake_bens(struct fake *fake, int count, bool each)
{
    fake_do(fake,
            "{\"do\":\"op\",\"count\":%d,\"each\":%s,"
            "\"change\":{\"kind\":\"annotation.create\",\"target\":{\"type\":\"document\"},\"note\":\"ben\"}}",
            count, each ? "true" : "false");
}

/* ---- the client */

static void note_op(struct client *client, const struct gloss_event *event)
{
    const json_t *record = event->annotation ? gloss_annotation_record(event->annotation) : NULL;
    const char *note = json_string_value(json_object_get(record, "note"));
    char label[GLOSS_ID];
    if (client->follows) {
        ck_assert_uint_eq(event->seq, client->last_seq + 1);
    }
    client->follows = true;
    client->last_seq = event->seq;
    ck_assert_uint_eq(gloss_session_seq(event->session), event->seq);
    ck_assert(event->erased || json_integer_value(json_object_get(event->payload, "seq")) == (json_int_t)event->seq);
    snprintf(client->last_note, sizeof(client->last_note), "%s", note ? note : "");
    snprintf(client->last_kind, sizeof(client->last_kind), "%s", event->kind ? event->kind : "");
    const char *author = gloss_member_name(event->session, event->account);
    snprintf(client->last_author, sizeof(client->last_author), "%s", author ? author : "?");
    bool has_label = event->annotation && gloss_annotation_label(event->annotation, label);
    const char *name = has_label ? gloss_label_name(event->session, label) : NULL;
    snprintf(client->last_label, sizeof(client->last_label), "%s", name ? name : "");
}

static void note_event(struct gloss *g, const struct gloss_event *event, void *arg)
{
    struct client *client = arg;
    ck_assert_ptr_eq(g, client->g);
    client->seen[event->type]++;
    if (event->error) {
        ck_assert_int_ne(event->error->code, 0);
        ck_assert_str_ne(event->error->message, "");
        json_t *data = json_incref(event->error->data);
        gloss_error_clear(&client->error);
        client->error = *event->error;
        client->error.data = data;
    }
    switch (event->type) {
    case GLOSS_EV_OP: note_op(client, event); break;
    case GLOSS_EV_JOINED: client->resumed = event->resumed; break;
    case GLOSS_EV_DISCONNECTED: client->retry_in_ms = event->retry_in_ms; break;
    case GLOSS_EV_RESYNC: client->follows = false; break;
    case GLOSS_EV_SYNCED:
        ck_assert_uint_eq(event->seq, gloss_session_seq(event->session));
        ck_assert(!client->follows || client->last_seq == event->seq);
        client->synced_seq = client->last_seq = event->seq;
        client->follows = true;
        break;
    case GLOSS_EV_NOTICE: snprintf(client->notice, sizeof(client->notice), "%s", event->notice); break;
    default: break;
    }
    if (client->on_event) {
        client->on_event(client, event);
    }
}

struct gloss_config client_config(struct client *client, struct fake *fake, const char *port)
{
    struct gloss_config config;
    gloss_config_init(&config);
    config.url = fake_url(fake, port);
    config.token = fake_text(fake, "token");
    config.ca_file = fake_text(fake, "ca");
    config.client = "test/1";
    config.on_event = note_event;
    config.arg = client;
    return config;
}

void client_new_with(struct client *client, struct fake *fake, const struct gloss_config *config)
{
    struct gloss_error error;
    memset(client, 0, sizeof(*client));
    client->fake = fake;
    client->g = gloss_new(config, &error);
    ck_assert_msg(client->g != NULL, "%s", error.message);
}

void client_new(struct client *client, struct fake *fake)
{
    const struct gloss_config config = client_config(client, fake, "good");
    client_new_with(client, fake, &config);
}

void client_join(struct client *client, const struct gloss_join *options)
{
    ck_assert_int_eq(gloss_join(client->g, fake_text(client->fake, "session"), options, &client->session), 0);
    ck_assert_int_eq(gloss_connect(client->g), 0);
}

void client_join_submit_only(struct client *client)
{
    struct gloss_join options;
    gloss_join_init(&options);
    options.submit_only = true;
    options.replica = options.names = false;
    client_join(client, &options);
}

void client_free(struct client *client)
{
    gloss_free(&client->g);
    ck_assert_ptr_null(client->g);
    gloss_error_clear(&client->error);
    gloss_error_clear(&client->result_error);
}

void client_start(struct client *client, struct fake *fake, int ops)
{
    fake_start(fake);
    if (ops > 0) {
        fake_bens(fake, ops, false);
    }
    client_new(client, fake);
}

void client_start_synced(struct client *client, struct fake *fake, int ops)
{
    client_start(client, fake, ops);
    client_join(client, NULL);
    WAIT_FOR(client, client->seen[GLOSS_EV_SYNCED]);
}

void client_stop(struct client *client, struct fake *fake)
{
    client_free(client);
    fake_stop(fake);
}

void client_on_result(struct gloss_session *session, const struct gloss_result *result, void *arg)
{
    struct client *client = arg;
    ck_assert_ptr_nonnull(session);
    ck_assert(result->index == client->next_index || result->index == 0);
    client->next_index = result->index + 1;
    client->results++;
    client->accepted += result->error == NULL;
    client->repeated += result->repeated;
    client->result_seq = result->seq;
    snprintf(client->result_annotation, GLOSS_ID, "%s", result->annotation ? result->annotation : "");
    if (result->error) {
        json_t *data = json_incref(result->error->data);
        gloss_error_clear(&client->result_error);
        client->result_error = *result->error;
        client->result_error.data = data;
    }
}

json_t *creates(unsigned count, const char *prefix)
{
    json_t *ops = json_array();
    for (unsigned i = 0; i < count; i++) {
        char note[64];
        snprintf(note, sizeof(note), "%s %u", prefix, i);
        json_array_append_new(ops, json_pack("{s:{s:s, s:{s:s}, s:s}}", "change", "kind", "annotation.create", "target", "type",
                                             "document", "note", note));
    }
    return ops;
}

void submit(struct client *client, json_t *ops, bool atomic)
{
    client->next_index = 0;
    int code = gloss_submit(client->session, ops, atomic, client_on_result, client);
    ck_assert_msg(code == 0, "%s", gloss_last_error(client->g)->message);
    json_decref(ops);
}

void pass(struct client *client, int ms)
{
    uint64_t until = now_ms() + (uint64_t)ms;
    for (uint64_t now = now_ms(); now < until; now = now_ms()) {
        (void)gloss_wait(client->g, (int)(until - now));
    }
}

void expect_same(struct client *client)
{
    char chain[GLOSS_HASH], sum[GLOSS_HASH];
    json_t *state = fake_ask(client->fake, "{\"do\":\"state\"}");
    WAIT_FOR(client, gloss_session_seq(client->session) == (uint64_t)json_integer_value(json_object_get(state, "seq")));
    gloss_session_chain(client->session, chain);
    ck_assert_str_eq(chain, json_string_value(json_object_get(state, "chain")));
    if (gloss_session_state_sum(client->session, sum)) {
        ck_assert_str_eq(sum, json_string_value(json_object_get(state, "state")));
        ck_assert_uint_eq(gloss_annotation_count(client->session), (size_t)json_integer_value(json_object_get(state, "records")));
    }
    json_decref(state);
}

/* ---- running */

int run_suite(const char *name, const TTest *const *tests, size_t count)
{
    Suite *all = suite_create(name);
    for (size_t i = 0; i < count; i++) {
        TCase *one = tcase_create(tests[i]->name);
        tcase_set_timeout(one, 120);
        tcase_add_test(one, tests[i]);
        suite_add_tcase(all, one);
    }
    SRunner *runner = srunner_create(all);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
