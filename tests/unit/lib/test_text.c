/* Texts: fetched in windows and checked, uploaded in pieces, through losses. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/lib/fake.h"

static void start(struct fake *fake, struct client *client)
{
    fake_start(fake);
    client_new(client, fake);
    gloss_connect(client->g);
    WAIT_FOR(client, gloss_is_connected(client->g));
}

static void stop(struct fake *fake, struct client *client)
{
    client_free(client);
    fake_stop(fake);
}

static void expect_text(struct client *client)
{
    struct gl_text *text;
    struct gloss_error error;
    size_t bytes;
    int code = gloss_fetch_text_wait(client->g, fake_text(client->fake, "document"), WAIT_MS, &text, &error);
    ck_assert_msg(code == 0, "%s", error.message);
    ck_assert_uint_gt(gloss_text_length(text), 60000);
    ck_assert_int_eq(memcmp(gloss_text_bytes(text, &bytes), "Once only: a quotation.\r\nMoscow", 31), 0);
    ck_assert_uint_gt(bytes, gloss_text_length(text));
    const char *words = gloss_text_slice(text, 44, 50, &bytes); /* typographic quotes: more bytes than letters */
    ck_assert(bytes == 8 && memcmp(words, "\xE2\x80\x9Cstood", 8) == 0);
    gloss_text_free(&text);
    ck_assert_ptr_null(text);
}

START_TEST(text__comes_whole__whatever_the_windows)
{
    struct fake fake;
    struct client ana;
    start(&fake, &ana);
    expect_text(&ana);
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"short_text\",\"times\":7}");
    expect_text(&ana);
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"refuse\",\"method\":\"document.text\",\"name\":\"busy\",\"times\":3}");
    expect_text(&ana);
    stop(&fake, &ana);
}
END_TEST

static void on_text(struct gloss *g, struct gl_text *text, json_t *document, const struct gloss_error *error, void *arg)
{
    int *code = arg;
    ck_assert_ptr_nonnull(g);
    *code = error ? error->code : 1;
    if (text) {
        ck_assert_str_eq(json_string_value(json_object_get(document, "title")), "A brief");
        gloss_text_free(&text);
    }
}

START_TEST(text__goes_on_after_a_loss)
{
    struct fake fake;
    struct client ana;
    int code = 0;
    start(&fake, &ana);
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"no_answer\",\"method\":\"document.text\",\"after\":1,\"times\":3}");
    ck_assert_int_eq(gloss_fetch_text(ana.g, fake_text(&fake, "document"), on_text, &code), 0);
    pass(&ana, 200);
    ck_assert_int_eq(code, 0);
    fake_do(&fake, "{\"do\":\"clear\"}");
    fake_do(&fake, "{\"do\":\"drop\"}");
    WAIT_FOR(&ana, code != 0);
    ck_assert_int_eq(code, 1);
    ck_assert_int_eq(fake_count(&fake, "document.get"), 1);
    stop(&fake, &ana);
}
END_TEST

START_TEST(text__that_is_not_what_it_says__is_refused)
{
    struct fake fake;
    struct client ana;
    struct gl_text *text;
    struct gloss_error error;
    start(&fake, &ana);
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"wrong_text\"}");
    ck_assert_int_eq(gloss_fetch_text_wait(ana.g, fake_text(&fake, "document"), WAIT_MS, &text, &error), GLOSS_E_CHECKSUM);
    ck_assert_ptr_null(text);
    gloss_error_clear(&error);
    ck_assert_int_eq(gloss_fetch_text_wait(ana.g, fake_text(&fake, "project"), WAIT_MS, &text, &error), GLOSS_E_NOT_FOUND);
    gloss_error_clear(&error);
    ck_assert_int_eq(gloss_fetch_text_wait(ana.g, "nonsense", WAIT_MS, &text, &error), GLOSS_E_INVALID_PARAMS);
    gloss_error_clear(&error);
    /* freed in the middle of it */
    int code = 0;
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"no_answer\",\"method\":\"document.text\",\"times\":9}");
    ck_assert_int_eq(gloss_fetch_text(ana.g, fake_text(&fake, "document"), on_text, &code), 0);
    pass(&ana, 100);
    gloss_free(&ana.g);
    ck_assert_int_eq(code, GLOSS_E_DISCONNECTED);
    stop(&fake, &ana);
}
END_TEST

static unsigned progress_calls;
static void on_progress(size_t sent, size_t total, void *arg)
{
    ck_assert_ptr_nonnull(arg);
    ck_assert_uint_le(sent, total);
    progress_calls++;
}

static void on_imported(struct gloss *g, json_t *document, bool existing, const struct gloss_error *error, void *arg)
{
    int *code = arg;
    ck_assert_ptr_nonnull(g);
    ck_assert(!existing);
    ck_assert(!error == (document != NULL));
    *code = error ? error->code : 1;
}

static int import(struct client *client, const char *bytes, size_t len, bool *existing, char document[GLOSS_ID])
{
    struct gloss_import asked;
    json_t *info;
    struct gloss_error error;
    gloss_import_init(&asked);
    asked.project = fake_text(client->fake, "project");
    asked.title = "Imported";
    asked.filename = "imported.txt";
    asked.data = bytes;
    asked.bytes = len;
    int code = gloss_import_wait(client->g, &asked, WAIT_MS, &info, existing, &error);
    if (code == 0) {
        ck_assert_int_eq(json_integer_value(json_object_get(info, "bytes")), (json_int_t)len);
        snprintf(document, GLOSS_ID, "%s", json_string_value(json_object_get(info, "document")));
    }
    json_decref(info);
    gloss_error_clear(&error);
    return code;
}

static char *long_text(size_t len, char letter)
{
    char *text = malloc(len + 1);
    memset(text, letter, len);
    text[len] = '\0';
    return text;
}

START_TEST(import__makes_a_document_once__through_losses)
{
    struct fake fake;
    struct client ana;
    static const char *const losses[] = {NULL, "lose_chunk", "lose_commit"};
    start(&fake, &ana);
    for (size_t i = 0; i < 3; i++) {
        char document[GLOSS_ID], again[GLOSS_ID];
        bool existing;
        char *text = long_text(100000, (char)('a' + i));
        if (losses[i]) {
            fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"%s\"}", losses[i]);
        }
        ck_assert_int_eq(import(&ana, text, 100000, &existing, document), 0);
        ck_assert(!existing);
        ck_assert_int_eq(import(&ana, text, 100000, &existing, again), 0);
        ck_assert(existing);
        ck_assert_str_eq(document, again);
        free(text);
    }
    stop(&fake, &ana);
}
END_TEST

START_TEST(import__tells_how_far_it_is)
{
    struct fake fake;
    struct client ana;
    struct gloss_import asked;
    int code = 0;
    start(&fake, &ana);
    char *text = long_text(90000, 'p');
    gloss_import_init(&asked);
    asked.project = fake_text(&fake, "project");
    asked.data = text;
    asked.bytes = 90000;
    asked.progress = on_progress;
    ck_assert_int_eq(gloss_import(ana.g, &asked, on_imported, &code), 0);
    WAIT_FOR(&ana, code != 0);
    ck_assert_int_eq(code, 1);
    ck_assert_uint_eq(progress_calls, 5);
    free(text);
    stop(&fake, &ana);
}
END_TEST

START_TEST(import__of_what_is_no_text__is_refused_with_the_place)
{
    struct fake fake;
    struct client ana;
    bool existing;
    char document[GLOSS_ID];
    start(&fake, &ana);
    ck_assert_int_eq(import(&ana, "abc\xFFxyz", 7, &existing, document), GLOSS_E_INVALID_UTF8);
    ck_assert_ptr_nonnull(strstr(gloss_last_error(ana.g)->message, "3"));
    ck_assert_int_eq(import(&ana, "abc\0xyz", 7, &existing, document), GLOSS_E_CONTAINS_NUL);
    char *text = long_text((1 << 20) + 1, 'x');
    ck_assert_int_eq(import(&ana, text, (1 << 20) + 1, &existing, document), GLOSS_E_TOO_LARGE);
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"refuse\",\"method\":\"document.begin\",\"name\":\"forbidden\"}");
    ck_assert_int_eq(import(&ana, text, 100, &existing, document), GLOSS_E_FORBIDDEN);
    free(text);
    stop(&fake, &ana);
}
END_TEST

START_TEST(import__given_up__does_not_touch_its_bytes_again)
{
    struct fake fake;
    struct client ana;
    struct gloss_import asked;
    start(&fake, &ana);
    char *text = long_text(50000, 'q');
    gloss_import_init(&asked);
    asked.project = fake_text(&fake, "project");
    asked.data = text;
    asked.bytes = 50000;
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"slow\",\"method\":\"document.chunk\",\"ms\":200}");
    ck_assert_int_eq(gloss_import_wait(ana.g, &asked, 50, NULL, NULL, NULL), GLOSS_E_TIMED_OUT);
    free(text);
    pass(&ana, 400);
    ck_assert_int_eq(fake_count(&fake, "document.chunk"), 1);
    stop(&fake, &ana);
}
END_TEST

RUN("text", text__comes_whole__whatever_the_windows, text__goes_on_after_a_loss, text__that_is_not_what_it_says__is_refused,
    import__makes_a_document_once__through_losses, import__tells_how_far_it_is,
    import__of_what_is_no_text__is_refused_with_the_place, import__given_up__does_not_touch_its_bytes_again)
