/*
 * test_briefs.c - real briefs, where they are at hand: ../shared/briefs beside the checkout, or GLOSS_BRIEFS.
 *
 * Skipped (exit status 77) where there are none: they are not ours to copy.
 */
#include "tests/unit/model/model_test.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#define SKIPPED 77
#define ROUNDS  500

static glob_t briefs;

static struct gl_slice read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct gl_buf buf;
    char chunk[65536];
    gl_buf_init(&buf, SIZE_MAX);
    ck_assert_msg(file != NULL, "%s cannot be opened", path);
    for (size_t len; (len = fread(chunk, 1, sizeof chunk, file)) > 0;) {
        gl_buf_put(&buf, chunk, len);
    }
    fclose(file);
    size_t len;
    char *data = gl_buf_take(&buf, &len);
    ck_assert_ptr_nonnull(data);
    return gl_slice_of(data, len);
}

static void free_slice(struct gl_slice slice)
{
    free((char *)(uintptr_t)slice.data);
}

START_TEST(brief__comes_out_as_it_went_in)
{
    struct gl_slice bytes = read_file(briefs.gl_pathv[_i]);
    struct gl_text *text = text_from(bytes);
    ck_assert(gl_slice_equal(gl_text_bytes(text), bytes));
    ck_assert(gl_slice_equal(gl_text_slice(text, 0, gl_text_length(text)), bytes));
    gl_text_free(&text);
    free_slice(bytes);
}
END_TEST

START_TEST(brief__is_indexed_as_a_count_says)
{
    struct gl_slice bytes = read_file(briefs.gl_pathv[_i]);
    struct gl_text *text = text_from(bytes);
    size_t cp = 0;
    for (size_t byte = 0; byte <= bytes.len; byte++) {
        if (byte == bytes.len || ((unsigned char)bytes.data[byte] & 0xC0) != 0x80) {
            ck_assert_uint_eq(gl_text_byte_of(text, cp), byte);
            ck_assert_uint_eq(gl_text_cp_of(text, byte), cp);
            cp++;
        }
    }
    ck_assert_uint_eq(gl_text_length(text), cp - 1);
    gl_text_free(&text);
    free_slice(bytes);
}
END_TEST

static size_t boundary_at(const struct gl_text *text, size_t cp)
{
    while (!gl_text_is_grapheme_boundary(text, cp)) {
        cp++;
    }
    return cp;
}

/* Every place is really one, they are in order, and the one that the quote was taken from is among them. */
static void check_matches(const struct gl_text *text, struct gl_match place, const struct gl_match *matches, size_t count)
{
    bool is_among = false;
    struct gl_slice quote = gl_text_slice(text, place.begin_cp, place.end_cp);
    for (size_t i = 0; i < count; i++) {
        ck_assert(gl_slice_equal(gl_text_slice(text, matches[i].begin_cp, matches[i].end_cp), quote));
        ck_assert(i == 0 || matches[i - 1].begin_cp < matches[i].begin_cp);
        is_among |= matches[i].begin_cp == place.begin_cp && matches[i].end_cp == place.end_cp;
    }
    ck_assert_msg(is_among, "%zu to %zu is not among %zu places", place.begin_cp, place.end_cp, count);
}

START_TEST(brief__gives_every_quote_back)
{
    static struct gl_match matches[10000];
    struct gl_slice bytes = read_file(briefs.gl_pathv[_i]);
    struct gl_text *text = text_from(bytes);
    struct gl_target_scope scope = {.text = text, .revision = uuid_of(1), .session = uuid_of(2)};
    uint64_t seed = 0x5851F42D4C957F2Du;
    for (size_t round = 0; round < ROUNDS; round++) {
        size_t begin = boundary_at(text, random_below(&seed, gl_text_length(text)));
        size_t rest = gl_text_length(text) - begin, longest = rest < 200 ? rest : 200, count;
        if (longest == 0) {
            continue;
        }
        struct gl_match place = {begin, boundary_at(text, begin + 1 + random_below(&seed, longest))};
        struct gl_slice quote = gl_text_slice(text, place.begin_cp, place.end_cp);
        ck_assert_int_eq(gl_text_find(text, quote, GL_SLICE(""), GL_SLICE(""), matches, 10000, &count), GL_OK);
        check_matches(text, place, matches, count);

        json_t *stored, *again,
            *asked = json_pack("{s:s, s:[{s:I, s:I}]}", "type", "spans", "spans", "start", (json_int_t)place.begin_cp, "end",
                               (json_int_t)place.end_cp);
        struct gl_err err;
        assert_code("by position", gl_target_resolve(asked, &scope, &stored, NULL, &err), GL_OK, &err);
        assert_code("as stored", gl_target_resolve(stored, &scope, &again, NULL, &err), GL_OK, &err);
        assert_json_equal("as stored", again, stored);
        json_decref(asked);
        json_decref(stored);
        json_decref(again);
    }
    gl_text_free(&text);
    free_slice(bytes);
}
END_TEST

/* A quote typed by hand: straight quotes, one wrong letter. */
START_TEST(brief__knows_what_was_meant)
{
    struct gl_slice bytes = read_file(briefs.gl_pathv[_i]);
    struct gl_text *text = text_from(bytes);
    uint64_t seed = 0x2545F4914F6CDD1Du;
    for (size_t round = 0; round < 20; round++) {
        size_t begin = boundary_at(text, random_below(&seed, gl_text_length(text) - 120)), end = boundary_at(text, begin + 100),
               count;
        struct gl_slice quote = gl_text_slice(text, begin, end);
        struct gl_candidate candidates[5];
        char typed[512];
        ck_assert_uint_lt(quote.len, sizeof typed);
        memcpy(typed, quote.data, quote.len);
        for (size_t i = 40; i < 60; i++) { /* the first plain letter there */
            if (typed[i] >= 'a' && typed[i] <= 'z') {
                typed[i] = '#';
                break;
            }
        }
        ck_assert_int_eq(gl_text_nearest(text, gl_slice_of(typed, quote.len), candidates, 5, &count), GL_OK);
        ck_assert_uint_ge(count, 1);
        ck_assert_uint_ge(candidates[0].score_thousandths, 950);
        bool is_there = false;
        for (size_t i = 0; i < count; i++) {
            is_there |= candidates[i].begin_cp < end && begin < candidates[i].end_cp;
        }
        ck_assert(is_there);
    }
    gl_text_free(&text);
    free_slice(bytes);
}
END_TEST

static bool find_briefs(void)
{
    char pattern[4096];
    const char *folder = getenv("GLOSS_BRIEFS"), *source = getenv("GLOSS_SOURCE_DIR");
    if (folder) {
        snprintf(pattern, sizeof pattern, "%s/*.txt", folder);
    } else {
        snprintf(pattern, sizeof pattern, "%s/../shared/briefs/*.txt", source ? source : ".");
    }
    return glob(pattern, 0, NULL, &briefs) == 0 && briefs.gl_pathc > 0;
}

int main(void)
{
    if (!find_briefs()) {
        printf("skipped: no briefs in ../shared/briefs beside the checkout, and GLOSS_BRIEFS names none\n");
        return SKIPPED;
    }
    int count = (int)briefs.gl_pathc;
    Suite *suite = suite_create("briefs");
    TCase *tcase = tcase_create("briefs");
    tcase_add_loop_test(tcase, brief__comes_out_as_it_went_in, 0, count);
    tcase_add_loop_test(tcase, brief__is_indexed_as_a_count_says, 0, count);
    tcase_add_loop_test(tcase, brief__gives_every_quote_back, 0, count);
    tcase_add_loop_test(tcase, brief__knows_what_was_meant, 0, count);
    suite_add_tcase(suite, tcase);
    int status = suite_run(suite);
    globfree(&briefs);
    return status;
}
