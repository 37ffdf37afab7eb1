/* test_bundle.c - a file of members: what is read is what was written, and no bit of it may be another one, nor be missing. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "service/admin/bundle.h"

static FILE *file;
static int fd;
static off_t size;
static struct gl_err err;

static void setup(void)
{
    struct bundle_out out;
    char large[1500];
    memset(large, 'x', sizeof(large));
    file = tmpfile();
    ck_assert_ptr_nonnull(file);
    fd = fileno(file);
    bundle_out_init(&out, fd, "it.tar", 1795334400);
    ck_assert_int_eq(bundle_put(&out, "it/manifest.json", GL_SLICE("{}"), &err), GL_OK);
    ck_assert_int_eq(bundle_put(&out, "it/empty", GL_SLICE(""), &err), GL_OK);
    ck_assert_int_eq(bundle_put(&out, "it/large.000001", gl_slice_of(large, sizeof(large)), &err), GL_OK);
    ck_assert_int_eq(bundle_end(&out, &err), GL_OK);
    size = lseek(fd, 0, SEEK_END);
    ck_assert_uint_eq(out.bytes, (uint64_t)size);
}

static void teardown(void)
{
    fclose(file);
}

/* Reads all of it; how many members were proved. */
static enum gl_code read_all(int *members, gl_hash *chain)
{
    struct bundle_in in;
    enum gl_code code = GL_OK;
    lseek(fd, 0, SEEK_SET);
    bundle_in_init(&in, fd, "it.tar");
    for (*members = 0; *members < 3 && code == GL_OK; *members += code == GL_OK) {
        code = bundle_next(&in, &err);
    }
    *chain = in.chain;
    if (code == GL_OK) {
        code = bundle_is_over(&in, &err);
    }
    bundle_in_fini(&in);
    return code;
}

static void must_fail(const char *what, off_t at)
{
    int members;
    gl_hash chain;
    err.detail[0] = '\0';
    ck_assert_msg(read_all(&members, &chain) == GL_E_MALFORMED, "%s at byte %ld was not seen", what, (long)at);
    ck_assert_msg(strstr(err.detail, "it.tar is") != NULL, "%s at byte %ld: %s", what, (long)at, err.detail);
}

START_TEST(bundle__as_it_was_written__is_read)
{
    int members;
    gl_hash chain, zero = {{0}};
    ck_assert_msg(read_all(&members, &chain) == GL_OK, "%s", err.detail);
    ck_assert_int_eq(members, 3);
    ck_assert(!gl_hash_equal(&chain, &zero));
}
END_TEST

/* The header's time is the one thing that only the first header says: another time there is seen at the second one. */
START_TEST(bundle__with_any_bit_changed__is_refused)
{
    for (off_t at = 0; at < size; at++) {
        char was, is;
        ck_assert_int_eq(pread(fd, &was, 1, at), 1);
        is = (char)(was ^ (1 << (at % 8)));
        ck_assert_int_eq(pwrite(fd, &is, 1, at), 1);
        must_fail("a bit", at);
        ck_assert_int_eq(pwrite(fd, &was, 1, at), 1);
    }
}
END_TEST

START_TEST(bundle__cut_anywhere__is_refused_and_says_where)
{
    for (off_t at = size - 1; at >= 0; at--) {
        char where[64];
        ck_assert_int_eq(ftruncate(fd, at), 0);
        must_fail("a cut", at);
        snprintf(where, sizeof(where), "ends here, at byte %ld;", (long)at);
        ck_assert_msg(strstr(err.detail, where) != NULL, "%s is not in: %s", where, err.detail);
    }
}
END_TEST

START_TEST(bundle__with_more_behind_it__is_refused)
{
    ck_assert_int_eq(pwrite(fd, "", 1, size), 1);
    must_fail("more", size);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bundle");
    TCase *tcase = tcase_create("bundle");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, bundle__as_it_was_written__is_read);
    tcase_add_test(tcase, bundle__with_any_bit_changed__is_refused);
    tcase_add_test(tcase, bundle__cut_anywhere__is_refused_and_says_where);
    tcase_add_test(tcase, bundle__with_more_behind_it__is_refused);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
