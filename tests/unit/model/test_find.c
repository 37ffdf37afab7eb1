/* test_find.c - where a quote stands. */
#include "tests/unit/model/model_test.h"

#include <stdlib.h>
#include <time.h>

static json_t *finds;

START_TEST(find__gives_the_places_of_the_vectors)
{
    const json_t *row = json_array_get(finds, (size_t)_i), *expected = row_get(row, "matches");
    struct gl_text *text = text_from(row_text(row, "text"));
    struct gl_match matches[100];
    size_t count;
    enum gl_code code =
        gl_text_find(text, row_text(row, "quote"), row_text(row, "prefix"), row_text(row, "suffix"), matches, 100, &count);
    assert_code(row_what(row), code, GL_OK, NULL);
    ck_assert_msg(count == json_array_size(expected), "%s: %zu places", row_what(row), count);
    for (size_t i = 0; i < count; i++) {
        const json_t *place = json_array_get(expected, i);
        bool is_same = json_integer_value(json_array_get(place, 0)) == (json_int_t)matches[i].begin_cp &&
                       json_integer_value(json_array_get(place, 1)) == (json_int_t)matches[i].end_cp;
        ck_assert_msg(is_same, "%s: place %zu is %zu to %zu", row_what(row), i, matches[i].begin_cp, matches[i].end_cp);
    }
    gl_text_free(&text);
}
END_TEST

START_TEST(find__counts_more_than_it_stores)
{
    struct gl_text *text = text_from(GL_SLICE("a-a-a-a-a"));
    struct gl_match matches[2];
    size_t count;
    ck_assert_int_eq(gl_text_find(text, GL_SLICE("a"), GL_SLICE(""), GL_SLICE(""), matches, 2, &count), GL_OK);
    ck_assert_uint_eq(count, 5);
    ck_assert_uint_eq(matches[1].begin_cp, 2);
    ck_assert_int_eq(gl_text_find(text, GL_SLICE("a"), GL_SLICE(""), GL_SLICE(""), NULL, 0, &count), GL_OK);
    ck_assert_uint_eq(count, 5);
    gl_text_free(&text);
}
END_TEST

START_TEST(find__refuses_a_quote_that_is_no_text)
{
    struct gl_text *text = text_from(GL_SLICE("\xc3\xa9"));
    size_t count;
    ck_assert_int_eq(gl_text_find(text, GL_SLICE("\xa9"), GL_SLICE(""), GL_SLICE(""), NULL, 0, &count), GL_E_INVALID_UTF8);
    ck_assert_int_eq(gl_text_find(text, GL_SLICE("a\0b"), GL_SLICE(""), GL_SLICE(""), NULL, 0, &count), GL_E_CONTAINS_NUL);
    gl_text_free(&text);
}
END_TEST

/* A text and a quote that cost n times m when searched carelessly; and counting ends at 10 000. */
START_TEST(find__is_quick_where_everything_almost_matches)
{
    size_t size = (size_t)1 << 20, quote_size = (size_t)1 << 15, count;
    char *bytes = malloc(size);
    ck_assert_ptr_nonnull(bytes);
    memset(bytes, 'a', size);
    struct gl_text *text = text_from(gl_slice_of(bytes, size));
    clock_t begin = clock();
    ck_assert_int_eq(gl_text_find(text, gl_slice_of(bytes, quote_size), GL_SLICE(""), GL_SLICE(""), NULL, 0, &count), GL_OK);
    ck_assert_uint_eq(count, 10000);
    ck_assert_int_eq(gl_text_find(text, GL_SLICE("a"), gl_slice_of(bytes, quote_size), GL_SLICE("b"), NULL, 0, &count), GL_OK);
    ck_assert_uint_eq(count, 0);
    ck_assert_msg(clock() - begin < CLOCKS_PER_SEC, "%ld ms", (long)((clock() - begin) * 1000 / CLOCKS_PER_SEC));
    gl_text_free(&text);
    free(bytes);
}
END_TEST

/* ---- against a search that is too simple to be wrong */

static const char *const symbols[] = {"a", "b", "\u00e9", "e\u0301", "\u4e2d", "\r\n", " ", "\U0001F1E9", "\U0001F600", "e"};

static struct gl_slice random_text(uint64_t *seed, char *bytes, size_t symbols_max, size_t kinds)
{
    size_t len = 0;
    for (size_t left = random_below(seed, symbols_max + 1); left > 0; left--) {
        const char *symbol = symbols[random_below(seed, kinds)];
        memcpy(bytes + len, symbol, strlen(symbol));
        len += strlen(symbol);
    }
    return gl_slice_of(bytes, len);
}

static size_t naive_find(const struct gl_text *text, struct gl_slice quote, struct gl_match *matches)
{
    size_t count = 0, length = gl_text_length(text);
    for (size_t begin = 0; begin <= length; begin++) {
        for (size_t end = begin; end <= length; end++) {
            if (gl_slice_equal(gl_text_slice(text, begin, end), quote) && gl_text_is_grapheme_boundary(text, begin) &&
                gl_text_is_grapheme_boundary(text, end)) {
                matches[count++] = (struct gl_match){begin, end};
            }
        }
    }
    return count;
}

START_TEST(find__agrees_with_a_simple_search)
{
    uint64_t seed = 0x9E3779B97F4A7C15u + (uint64_t)_i;
    for (size_t round = 0; round < 400; round++) {
        char text_bytes[1024], quote_bytes[64];
        struct gl_match expected[256], got[256];
        size_t kinds = 2 + random_below(&seed, 9), count;
        struct gl_slice bytes = random_text(&seed, text_bytes, 80, kinds), quote = random_text(&seed, quote_bytes, 4, kinds);
        struct gl_text *text = text_from(bytes);
        size_t expected_count = quote.len > 0 ? naive_find(text, quote, expected) : 0;
        ck_assert_int_eq(gl_text_find(text, quote, GL_SLICE(""), GL_SLICE(""), got, 256, &count), GL_OK);
        if (expected_count > 0 || kinds == 2) { /* otherwise the NFC form may be there */
            ck_assert_msg(count == expected_count, "round %zu: %zu, not %zu", round, count, expected_count);
            ck_assert(memcmp(got, expected, count * sizeof *got) == 0);
        }
        gl_text_free(&text);
    }
}
END_TEST

/* Enough places for the search to change its ways in the middle. */
START_TEST(find__agrees_where_there_are_many_places)
{
    uint64_t seed = 0xA0761D6478BD642Fu + (uint64_t)_i;
    char bytes[4096], quote[8];
    for (size_t round = 0; round < 50; round++) {
        static struct gl_match got[4096];
        size_t quote_len = 1 + random_below(&seed, 7), expected = 0, count;
        for (size_t i = 0; i < sizeof bytes; i++) {
            bytes[i] = random_below(&seed, 4) ? 'a' : 'b';
        }
        size_t from = random_below(&seed, sizeof bytes - quote_len);
        memcpy(quote, bytes + from, quote_len);
        struct gl_text *text = text_from(gl_slice_of(bytes, sizeof bytes));
        ck_assert_int_eq(gl_text_find(text, gl_slice_of(quote, quote_len), GL_SLICE(""), GL_SLICE(""), got, 4096, &count), GL_OK);
        for (size_t at = 0; at + quote_len <= sizeof bytes; at++) {
            if (memcmp(bytes + at, quote, quote_len) == 0) {
                ck_assert_msg(expected < count && got[expected].begin_cp == at, "place %zu is at %zu", expected, at);
                expected++;
            }
        }
        ck_assert_uint_eq(count, expected);
        gl_text_free(&text);
    }
}
END_TEST

int main(void)
{
    json_t *vectors = vectors_load("text.json");
    finds = json_object_get(vectors, "find");
    Suite *suite = suite_create("find");
    TCase *tcase = tcase_create("find");
    tcase_add_loop_test(tcase, find__gives_the_places_of_the_vectors, 0, (int)json_array_size(finds));
    tcase_add_test(tcase, find__counts_more_than_it_stores);
    tcase_add_test(tcase, find__refuses_a_quote_that_is_no_text);
    tcase_add_test(tcase, find__is_quick_where_everything_almost_matches);
    tcase_add_loop_test(tcase, find__agrees_with_a_simple_search, 0, 8);
    tcase_add_loop_test(tcase, find__agrees_where_there_are_many_places, 0, 4);
    suite_add_tcase(suite, tcase);
    int status = suite_run(suite);
    json_decref(vectors);
    return status;
}
