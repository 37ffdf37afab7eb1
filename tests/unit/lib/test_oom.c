/*
 * Out of memory, anywhere: an error, never an abort, and nothing lost once there is memory again.
 *
 * This program is linked with copies of the library and of proto that call oom_malloc for malloc and so on, and jansson is told
 * the
 * same. libwebsockets, libuv and OpenSSL keep the sound ones: what they do without memory is not ours. So does jansson while it
 * reads:
 * its lexer then loses letters of strings without a word (strbuffer_append_byte is not asked how it went). That it has no memory
 * at
 * all to read a message is tried.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/lib/fake.h"

void *oom_malloc(size_t size);
void *oom_calloc(size_t count, size_t size);
void *oom_realloc(void *before, size_t size);
char *oom_strdup(const char *text);
char *oom_strndup(const char *text, size_t len);
json_t *oom_json_loadb(const char *bytes, size_t len, size_t flags, json_error_t *error);

static unsigned asked, failed;
static unsigned fail_at;     /* this allocation fails; 0: none */
static unsigned fail_one_in; /* about so many fail; 0: none */
static unsigned seed;

static bool fails(void)
{
    asked++;
    seed = seed * 1664525 + 1013904223;
    bool is_failing = (fail_at != 0 && asked == fail_at) || (fail_one_in != 0 && (seed >> 8) % fail_one_in == 0);
    failed += is_failing;
    return is_failing;
}

void *oom_malloc(size_t size)
{
    return fails() ? NULL : malloc(size);
}

void *oom_calloc(size_t count, size_t size)
{
    return fails() ? NULL : calloc(count, size);
}

void *oom_realloc(void *before, size_t size)
{
    return fails() ? NULL : realloc(before, size);
}

char *oom_strdup(const char *text)
{
    return fails() ? NULL : strdup(text);
}

char *oom_strndup(const char *text, size_t len)
{
    return fails() ? NULL : strndup(text, len);
}

json_t *oom_json_loadb(const char *bytes, size_t len, size_t flags, json_error_t *error)
{
    unsigned odds = fail_one_in, place = fail_at;
    if (fails()) {
        memset(error, 0, sizeof(*error));
        error->text[sizeof(error->text) - 1] = json_error_out_of_memory; /* where json_error_code() looks */
        return NULL;
    }
    fail_one_in = fail_at = 0;
    json_t *value = json_loadb(bytes, len, flags, error);
    fail_one_in = odds;
    fail_at = place;
    return value;
}

static void stop_failing(void)
{
    fail_at = fail_one_in = 0;
}

static void wrap_all(void)
{
    json_set_alloc_funcs(oom_malloc, free);
}

START_TEST(new__without_memory__says_so)
{
    struct gloss_config config;
    struct gloss_error error;
    wrap_all();
    gloss_config_init(&config);
    config.url = "https://localhost/";
    config.token = "t";
    int refusals = 0;
    for (unsigned n = 1;; n++) {
        asked = 0;
        fail_at = n;
        struct gloss *g = gloss_new(&config, &error);
        stop_failing();
        if (g) {
            gloss_free(&g);
            break;
        }
        refusals++;
        ck_assert_int_eq(error.code, GLOSS_E_NOMEM);
        gloss_error_clear(&error);
    }
    ck_assert_int_gt(refusals, 5);
}
END_TEST

static void on_text(struct gloss *g, struct gl_text *text, json_t *document, const struct gloss_error *error, void *arg)
{
    int *answers = arg;
    (void)g;
    (void)document;
    ck_assert(!text == (error != NULL));
    gloss_text_free(&text);
    ++*answers;
}

static bool had_memory(int code)
{
    ck_assert_msg(code == 0 || code == GLOSS_E_NOMEM, "%d", code);
    return code == 0;
}

/* Everything that the library does; what it has no memory for at once is asked again, as a program would. */
static void live_through(struct fake *fake, struct client *ana, bool names)
{
    struct gloss_config config = client_config(ana, fake, "good");
    struct gloss_join options;
    int texts = 0;
    gloss_join_init(&options);
    options.names = names;
    memset(ana, 0, sizeof(*ana));
    ana->fake = fake;
    while (!(ana->g = gloss_new(&config, NULL))) {
    }
    while (!had_memory(gloss_join(ana->g, fake_text(fake, "session"), &options, &ana->session))) {
    }
    while (!had_memory(gloss_fetch_text(ana->g, fake_text(fake, "document"), on_text, &texts))) {
    }
    gloss_connect(ana->g);
    pass(ana, 60);
    unsigned odds = fail_one_in, place = fail_at;
    stop_failing(); /* what follows is the test's own */
    json_t *ops = creates(20, "note");
    fail_one_in = odds;
    fail_at = place;
    while (!had_memory(gloss_submit(ana->session, ops, false, client_on_result, ana))) {
    }
    json_decref(ops);
    pass(ana, 60);
    stop_failing();
    fake_do(fake,
            "{\"do\":\"op\",\"change\":{\"kind\":\"annotation.create\",\"target\":{\"type\":\"document\"},\"label\":\"claim\"}}");
    WAIT_FOR(ana, ana->results == 20 && texts == 1 && gloss_session_is_synced(ana->session));
    ck_assert_uint_eq(ana->accepted, 20);
    expect_same(ana);
    ck_assert_uint_eq(ana->seen[GLOSS_EV_ERROR], 0);
    client_free(ana);
}

START_TEST(life__when_one_allocation_fails__goes_on)
{
    struct fake fake;
    struct client ana;
    wrap_all();
    fake_start(&fake);
    unsigned last = 100;
    uint64_t until = now_ms() + 12000;
    for (unsigned n = 1; n < last && now_ms() < until; n += 1 + n / 6) {
        asked = 0;
        fail_at = n;
        live_through(&fake, &ana, n % 2);
        last = asked;
    }
    ck_assert_uint_gt(failed, 10);
    fake_stop(&fake);
}
END_TEST

START_TEST(life__when_many_allocations_fail__goes_on)
{
    struct fake fake;
    struct client ana;
    static const unsigned odds[] = {3000, 1000, 300, 100, 30, 15};
    wrap_all();
    fake_start(&fake);
    for (unsigned i = 0; i < 30; i++) {
        seed = i;
        fail_one_in = odds[i % 6];
        live_through(&fake, &ana, i % 4 != 0);
    }
    ck_assert_uint_gt(failed, 50);
    fake_stop(&fake);
}
END_TEST

/* The queue, without a server: what was asked for at once fails with NOMEM or is kept, whichever allocation fails. */
static void queue_up(const char *dir, unsigned n, size_t *kept)
{
    struct gloss_config config;
    struct gloss_session *session = NULL;
    struct gloss_pending pending;
    char op[GLOSS_ID] = "";
    gloss_config_init(&config);
    config.url = "https://127.0.0.1:1/";
    config.token = "t";
    config.queue_dir = dir;
    config.account_id = "01900000-0000-7000-8000-0000000000aa";
    json_t *single = creates(2, "single"), *step = creates(2, "step");
    asked = 0;
    fail_at = n;
    struct gloss *g = gloss_new(&config, NULL);
    if (g && had_memory(gloss_join(g, "01900000-0000-7000-8000-0000000000bb", NULL, &session))) {
        size_t before = gloss_pending_count(session);
        *kept += had_memory(gloss_submit(session, single, false, NULL, NULL)) ? 2 : 0;
        *kept += had_memory(gloss_submit(session, step, true, NULL, NULL)) ? 2 : 0;
        ck_assert_uint_eq(gloss_pending_count(session), *kept);
        if (gloss_pending_at(session, before, &pending) && !pending.is_atomic) {
            memcpy(op, pending.op, sizeof(op));
            ck_assert_int_eq(gloss_pending_drop(session, op), 0);
            *kept -= 1;
        }
        gloss_leave(&session);
        ck_assert_int_eq(gloss_process(g), 0);
    }
    stop_failing();
    gloss_free(&g);
    json_decref(single);
    json_decref(step);
}

static void drop_folder(const char *dir)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    ck_assert_int_eq(system(command), 0);
}

START_TEST(queue__whichever_allocation_fails__keeps_what_it_said_it_kept)
{
    char dir[] = "/tmp/gloss-oom-XXXXXX";
    bool is_over = false;
    wrap_all();
    for (unsigned n = 1; !is_over; n++) {
        unsigned failed_before = failed;
        ck_assert_ptr_nonnull(mkdtemp(dir));
        size_t kept = 0, before;
        queue_up(dir, n, &kept);
        is_over = failed == failed_before;
        before = kept;
        queue_up(dir, 0, &kept); /* with memory: everything is there, and goes on */
        ck_assert_uint_eq(kept, before + 3);
        drop_folder(dir);
        memcpy(dir, "/tmp/gloss-oom-XXXXXX", sizeof(dir));
    }
    ck_assert_uint_gt(failed, 40);
}
END_TEST

RUN("oom", queue__whichever_allocation_fails__keeps_what_it_said_it_kept, new__without_memory__says_so,
    life__when_one_allocation_fails__goes_on, life__when_many_allocations_fail__goes_on)
