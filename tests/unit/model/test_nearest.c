/* test_nearest.c - what comes close to a quote that is not there. */
#include "tests/unit/model/model_test.h"

#include <stdlib.h>
#include <time.h>

#define TEXT                                                                                                                                   \
    "The summit ended without a joint statement. Beijing’s envoy called the talks “frank and useful” — a phrase\r\nthat officials in " \
    "Moscow repeated. Later the envoy called  the\n talks useless. Caf\u00e9 cultures differ. \u4e2d\u56fd\u5916\u4ea4\u653f\u7b56\u8bba\u6587"

START_TEST(nearest__finds_what_was_meant)
{
    static const struct {
        const char *what, *quote, *expected;
        unsigned least, most;
    } rows[] = {
        {"straight quotes for curly ones", "\"frank and useful\"", "“frank and useful”", 990, 990},
        {"a straight apostrophe", "Beijing's envoy", "Beijing’s envoy", 990, 990},
        {"another case", "the SUMMIT ended", "The summit ended", 990, 990},
        {"another dash", "useful” - a phrase", "useful” — a phrase", 990, 990},
        {"one space for many and a line's end", "envoy called the talks useless", "envoy called  the\n talks useless", 990, 990},
        {"without the accent", "Cafe cultures", "Caf\u00e9 cultures", 990, 990},
        {"one letter wrong", "without a jount statement", "without a joint statement", 900, 989},
        {"a word left out", "officials Moscow repeated", "officials in Moscow repeated", 850, 989},
        {"a word too many", "the summit has ended without", "The summit ended without", 800, 989},
        {"Chinese with one character wrong", "\u4e2d\u56fd\u5916\u8d38\u653f\u7b56", "\u4e2d\u56fd\u5916\u4ea4\u653f\u7b56", 800,
         850},
        {"spaces around it", "  joint  statement ", "joint statement", 990, 990},
    };
    struct gl_text *text = text_from(GL_SLICE(TEXT));
    struct gl_candidate candidates[5];
    size_t count;
    ck_assert_int_eq(gl_text_nearest(text, gl_slice_str(rows[_i].quote), candidates, 5, &count), GL_OK);
    ck_assert_msg(count > 0, "%s: nothing", rows[_i].what);
    struct gl_slice got = gl_text_slice(text, candidates[0].begin_cp, candidates[0].end_cp);
    ck_assert_msg(gl_slice_is(got, rows[_i].expected), "%s: %.*s", rows[_i].what, (int)got.len, got.data);
    unsigned score = candidates[0].score_thousandths;
    ck_assert_msg(score >= rows[_i].least && score <= rows[_i].most, "%s: %u", rows[_i].what, score);
    gl_text_free(&text);
}
END_TEST

START_TEST(nearest__tells_each_place_once_best_first)
{
    struct gl_text *text =
        text_from(GL_SLICE("red apples here; green apple there; red applet; nothing else of that kind in this line"));
    struct gl_candidate candidates[5];
    size_t count;
    ck_assert_int_eq(gl_text_nearest(text, GL_SLICE("red apple there"), candidates, 5, &count), GL_OK);
    ck_assert_uint_ge(count, 2);
    ck_assert_uint_eq(candidates[0].begin_cp, 0);
    for (size_t i = 1; i < count; i++) {
        ck_assert_uint_le(candidates[i].score_thousandths, candidates[i - 1].score_thousandths);
        ck_assert(candidates[i].begin_cp >= candidates[0].end_cp || candidates[i].end_cp <= candidates[0].begin_cp);
    }
    gl_text_free(&text);
}
END_TEST

START_TEST(nearest__tells_nothing_where_nothing_is_like_it)
{
    static const struct {
        struct gl_slice text, quote;
    } rows[] = {
        {{"", 0}, {"quote", 5}},
        {{"text", 4}, {"", 0}},
        {{"text", 4}, {"  ", 2}},
        {{"   ", 3}, {"quote", 5}},
        {{"abcdefgh", 8}, {"1234567890", 10}},
    };
    struct gl_text *text = text_from(rows[_i].text);
    struct gl_candidate candidates[5];
    size_t count = 1;
    ck_assert_int_eq(gl_text_nearest(text, rows[_i].quote, candidates, 5, &count), GL_OK);
    ck_assert_uint_eq(count, 0);
    gl_text_free(&text);
}
END_TEST

START_TEST(nearest__never_cuts_a_character)
{
    struct gl_text *text = text_from(GL_SLICE("xx cafe\u0301\u0323 \U0001F469\u200D\U0001F467 yy"));
    struct gl_candidate candidates[5];
    size_t count;
    ck_assert_int_eq(gl_text_nearest(text, GL_SLICE("kafe \U0001F469"), candidates, 5, &count), GL_OK);
    ck_assert_uint_ge(count, 1);
    ck_assert(gl_text_is_grapheme_boundary(text, candidates[0].begin_cp) &&
              gl_text_is_grapheme_boundary(text, candidates[0].end_cp));
    ck_assert_uint_eq(candidates[0].begin_cp, 3);
    gl_text_free(&text);
}
END_TEST

/* ---- as much as a helper process may be asked for */

static const char *const words[] = {"the",    "of", "treaty", "border",    "and",   "river",  "was",
                                    "signed", "in", "envoy",  "caf\u00e9", "talks", "\u2014", "ended"};

static struct gl_slice random_words(uint64_t *seed, char *bytes, size_t size)
{
    size_t len = 0;
    while (len + 16 < size) {
        const char *word = words[random_below(seed, sizeof words / sizeof *words)];
        memcpy(bytes + len, word, strlen(word));
        len += strlen(word);
        bytes[len++] = ' ';
    }
    return gl_slice_of(bytes, len);
}

/* A quote out of the middle, with every twentieth code point changed. */
static size_t garble(const struct gl_text *text, size_t begin_cp, size_t length, char *quote)
{
    size_t len = 0;
    for (size_t i = 0; i < length; i++) {
        struct gl_slice one = gl_text_slice(text, begin_cp + i, begin_cp + i + 1);
        if (i % 20 == 10) {
            quote[len++] = '#';
        } else {
            memcpy(quote + len, one.data, one.len);
            len += one.len;
        }
    }
    return len;
}

START_TEST(nearest__is_in_time_and_always_the_same)
{
    static const struct {
        size_t text_bytes, quote_cp;
        double seconds;
    } rows[] = {/* of processor time, with sanitizers on; without, a tenth of it */
                {(size_t)1 << 20, 200, 2},
                {(size_t)1 << 20, 16384, 10},
                {(size_t)8 << 20, 200, 10}};
    char *bytes = malloc(rows[_i].text_bytes), *quote = malloc(rows[_i].quote_cp * 4);
    uint64_t seed = 42;
    ck_assert(bytes && quote);
    struct gl_text *text = text_from(random_words(&seed, bytes, rows[_i].text_bytes));
    size_t place = gl_text_length(text) / 2, count[2], len = garble(text, place, rows[_i].quote_cp, quote);
    struct gl_candidate candidates[2][5];
    clock_t begin = clock();
    ck_assert_int_eq(gl_text_nearest(text, gl_slice_of(quote, len), candidates[0], 5, &count[0]), GL_OK);
    double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
    if (_i == 0) {
        ck_assert_int_eq(gl_text_nearest(text, gl_slice_of(quote, len), candidates[1], 5, &count[1]), GL_OK);
        ck_assert(count[0] == count[1] && memcmp(candidates[0], candidates[1], count[0] * sizeof candidates[0][0]) == 0);
    }
    ck_assert_uint_ge(count[0], 1);
    ck_assert_uint_eq(candidates[0][0].begin_cp, place);
    ck_assert_uint_ge(candidates[0][0].score_thousandths, 900);
    ck_assert_msg(seconds < rows[_i].seconds, "%.2f s", seconds);
    gl_text_free(&text);
    free(bytes);
    free(quote);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("nearest");
    TCase *tcase = tcase_create("nearest");
    tcase_add_loop_test(tcase, nearest__finds_what_was_meant, 0, 11);
    tcase_add_test(tcase, nearest__tells_each_place_once_best_first);
    tcase_add_loop_test(tcase, nearest__tells_nothing_where_nothing_is_like_it, 0, 5);
    tcase_add_test(tcase, nearest__never_cuts_a_character);
    tcase_add_loop_test(tcase, nearest__is_in_time_and_always_the_same, 0, 3);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
