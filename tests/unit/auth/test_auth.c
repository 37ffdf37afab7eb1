/* test_auth.c - passwords and tokens, as they are stored and as they are told. */
#include <check.h>
#include <stdlib.h>

#include "service/auth/password.h"
#include "service/auth/token.h"

static bool fits(const char *record, const char *password)
{
    return password_verify(gl_slice_str(record), gl_slice_str(password));
}

START_TEST(password__fits_its_own_record_only)
{
    char record[PASSWORD_RECORD_MAX], other[PASSWORD_RECORD_MAX];
    password_hash(GL_SLICE("correct horse"), record);
    password_hash(GL_SLICE("correct horse"), other);
    ck_assert_int_eq(strncmp(record, "scrypt$15$8$1$", 14), 0);
    ck_assert_str_ne(record, other);
    ck_assert(fits(record, "correct horse"));
    ck_assert(!fits(record, "correct horsf"));
    ck_assert(!fits(record, ""));
}
END_TEST

static const char *const strange[] = {
    "",
    "scrypt",
    "scrypt$15$8$1$$",
    "scrypt$15$8$1$AAAAAAAAAAAAAAAAAAAAAA==$AAAA",
    "scrypt$99$8$1$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "scrypt$20$99$99$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "scrypt$4$0$1$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "scrypt$4$8$1$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=x",
    "bcrypt$4$8$1$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
};

START_TEST(password__never_fits_a_record_that_is_none)
{
    ck_assert_msg(!fits(strange[_i], "x"), "%s", strange[_i]);
}
END_TEST

START_TEST(password__of_another_program_fits)
{
    /* hashlib.scrypt(b"pleaseletmein", salt=b"SodiumChloride12", n=16384, r=8, p=1, dklen=32) of Python */
    ck_assert(fits("scrypt$14$8$1$U29kaXVtQ2hsb3JpZGUxMg==$NU8BeOJpCTTHcHHfsU0FUOWjCSb0XJtm+23LIoN43tc=", "pleaseletmein"));
}
END_TEST

START_TEST(token__is_recognised_and_a_mistyped_one_is_not)
{
    char token[TOKEN_TEXT + 1], other[TOKEN_TEXT + 1];
    token_make(token);
    token_make(other);
    ck_assert_str_ne(token, other);
    ck_assert_uint_eq(strlen(token), TOKEN_TEXT);
    ck_assert_int_eq(strncmp(token, "gls_", 4), 0);
    ck_assert(token_is_well_formed(gl_slice_str(token)));
    for (size_t i = 0; i < TOKEN_TEXT; i++) {
        char wrong[TOKEN_TEXT + 1];
        memcpy(wrong, token, sizeof(wrong));
        wrong[i] = wrong[i] == 'a' ? 'b' : 'a';
        ck_assert_msg(!token_is_well_formed(gl_slice_str(wrong)), "%zu", i);
    }
    ck_assert(!token_is_well_formed(GL_SLICE("gls_")));
    ck_assert(!token_is_well_formed(GL_SLICE("")));
}
END_TEST

START_TEST(token__of_a_known_secret_has_a_known_check)
{
    /* zlib.crc32 of Python over all before the last underscore */
    ck_assert(token_is_well_formed(GL_SLICE("gls_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA_249a24")));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("auth");
    TCase *tcase = tcase_create("auth");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, password__fits_its_own_record_only);
    tcase_add_loop_test(tcase, password__never_fits_a_record_that_is_none, 0, (int)(sizeof(strange) / sizeof(strange[0])));
    tcase_add_test(tcase, password__of_another_program_fits);
    tcase_add_test(tcase, token__is_recognised_and_a_mistyped_one_is_not);
    tcase_add_test(tcase, token__of_a_known_secret_has_a_known_check);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
