/* test_pool.c - pieces of memory: whole, apart, and used again. */
#include "service/base/pool.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/suite.h"

enum { PIECES = 4000 };

static unsigned char mark_of(size_t i)
{
    return (unsigned char)(i * 131 + 7);
}

static void fill(unsigned char *piece, size_t bytes, size_t i)
{
    memset(piece, mark_of(i), bytes);
}

static void check(const unsigned char *piece, size_t bytes, size_t i)
{
    size_t wrong = 0;
    for (size_t k = 0; k < bytes; k++)
        wrong += piece[k] != mark_of(i);
    ck_assert_uint_eq(wrong, 0);
}

START_TEST(pieces__of_all_sizes__do_not_touch_each_other)
{
    static unsigned char *pieces[PIECES];
    for (size_t i = 0; i < PIECES; i++) {
        pieces[i] = pool_alloc(i % 700);
        ck_assert_ptr_nonnull(pieces[i]);
        ck_assert_uint_eq((uintptr_t)pieces[i] % 8, 0);
        fill(pieces[i], i % 700, i);
    }
    for (size_t i = 0; i < PIECES; i += 2) { /* every other one goes, and comes again in another size */
        check(pieces[i], i % 700, i);
        pool_free(pieces[i]);
    }
    for (size_t i = 0; i < PIECES; i += 2) {
        pieces[i] = pool_alloc((i * 7) % 700);
        fill(pieces[i], (i * 7) % 700, i);
    }
    for (size_t i = 0; i < PIECES; i++) {
        check(pieces[i], (i % 2 ? i : i * 7) % 700, i);
        pool_free(pieces[i]);
    }
}
END_TEST

START_TEST(piece__that_is_given_back__is_the_next_of_its_size)
{
    void *one = pool_alloc(40), *two = pool_alloc(40);
    pool_free(one);
    ck_assert_ptr_ne(pool_alloc(200), one);
    ck_assert_ptr_eq(pool_alloc(36), one);
    ck_assert_ptr_ne(pool_alloc(40), two);
}
END_TEST

START_TEST(nothing__is_given_back_and_asked_for)
{
    void *one = pool_alloc(0), *two = pool_alloc(0);
    ck_assert(one && two && one != two);
    pool_free(NULL);
    ck_assert_ptr_null(pool_alloc(SIZE_MAX));
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_test(tests, pieces__of_all_sizes__do_not_touch_each_other);
    tcase_add_test(tests, piece__that_is_given_back__is_the_next_of_its_size);
    tcase_add_test(tests, nothing__is_given_back_and_asked_for);
}

int main(void)
{
    return suite_run("pool", add);
}
