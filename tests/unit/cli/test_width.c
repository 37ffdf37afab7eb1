/* How many columns a terminal takes for a text. */
#include "clients/cli/width.h"
#include "tests/support/suite.h"

static const struct {
    const char *what;
    struct gl_slice text;
    size_t columns;
    size_t clusters;
} rows[] = {
    {"ASCII", GL_SLICE("abc"), 3, 3},
    {"an accent apart", GL_SLICE("e\xcc\x81"), 1, 1},
    {"many accents on one letter", GL_SLICE("a\xcc\x81\xcc\x82\xcc\x83\xcc\x84"), 1, 1},
    {"Chinese", GL_SLICE("中文"), 4, 2},
    {"full width letters", GL_SLICE("ＡＢ"), 4, 2},
    {"half width katakana", GL_SLICE("ｱｲ"), 2, 2},
    {"Hangul syllables", GL_SLICE("한국"), 4, 2},
    {"Hangul from jamo", GL_SLICE("\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab"), 2, 1},
    {"Arabic with vowels", GL_SLICE("مَرْحَبًا"), 5, 5},
    {"Hebrew", GL_SLICE("שלום"), 4, 4},
    {"an emoji", GL_SLICE("🙂"), 2, 1},
    {"an emoji with skin colour", GL_SLICE("👍🏽"), 2, 1},
    {"a family joined by ZWJ", GL_SLICE("👩‍👩‍👧‍👦"), 2, 1},
    {"a flag", GL_SLICE("🇦🇫"), 2, 1},
    {"two flags", GL_SLICE("🇦🇫🇨🇳"), 4, 2},
    {"half a flag", GL_SLICE("🇦"), 1, 1},
    {"a heart as text", GL_SLICE("❤"), 1, 1},
    {"a heart as emoji", GL_SLICE("❤️"), 2, 1},
    {"a keycap", GL_SLICE("1️⃣"), 2, 1},
    {"the flag of England, with tags", GL_SLICE("🏴󠁧󠁢󠁥󠁮󠁧󠁿"), 2, 1},
    {"Devanagari with a vowel sign", GL_SLICE("नि"), 1, 1},
    {"Thai with SARA AM", GL_SLICE("น้ำ"), 2, 1},
    {"a zero width space",
     GL_SLICE("a\xe2\x80\x8b"
              "b"),
     2, 3},
    {"an escape", GL_SLICE("\x1b"), 4, 1},
    {"an override", GL_SLICE("\xe2\x80\xae"), 6, 1},
    {"a bad byte", GL_SLICE("a\xff"), 5, 2},
    {"CR LF is one", GL_SLICE("a\r\nb"), 2, 3},
    {"an accent behind an override stands alone", GL_SLICE("\xe2\x80\xae\xcc\x81"), 6, 2},
};

START_TEST(text_columns__counts_clusters_as_terminals_do)
{
    size_t clusters = 0, cp = 0;
    struct cluster cluster;
    for (size_t at = 0; at < rows[_i].text.len; clusters++) {
        cluster_next(rows[_i].text, &at, &cluster);
        cp += cluster.codepoints;
    }
    ck_assert_msg(text_columns(rows[_i].text) == rows[_i].columns, "%s: %zu columns", rows[_i].what, text_columns(rows[_i].text));
    ck_assert_msg(clusters == rows[_i].clusters, "%s: %zu clusters", rows[_i].what, clusters);
    ck_assert_uint_ge(cp, clusters);
}
END_TEST

START_TEST(cluster_next__whatever_the_bytes__goes_forward_to_the_end)
{
    unsigned seed = 7;
    for (int round = 0; round < 2000; round++) {
        char bytes[20];
        for (size_t i = 0; i < sizeof bytes; i++) {
            seed = seed * 1664525u + 1013904223u;
            bytes[i] = (char)(seed >> 24);
        }
        size_t at = 0, sum = 0;
        while (at < sizeof bytes) {
            struct cluster cluster;
            size_t before = at;
            cluster_next(gl_slice_of(bytes, sizeof bytes), &at, &cluster);
            ck_assert_uint_gt(at, before);
            ck_assert_uint_eq(at - before, cluster.bytes);
            sum += cluster.bytes;
        }
        ck_assert_uint_eq(sum, sizeof bytes);
    }
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_loop_test(tests, text_columns__counts_clusters_as_terminals_do, 0, sizeof rows / sizeof *rows);
    tcase_add_test(tests, cluster_next__whatever_the_bytes__goes_forward_to_the_end);
}

int main(void)
{
    return suite_run("width", add);
}
