/* The id map against a naive one. */
#include <stdlib.h>

#include "service/base/map.h"
#include "tests/support/suite.h"

enum { KEYS = 300, STEPS = 20000 };

static gl_uuid key_of(unsigned number)
{
    gl_uuid key = {{0}};
    memcpy(key.bytes, &number, sizeof(number));
    return key;
}

/* What stands under each key, in an array: so simple that it is right. */
struct naive {
    void *values[KEYS];
    size_t count;
};

static void *naive_put(struct naive *naive, unsigned key, void *value)
{
    void *before = naive->values[key];
    naive->values[key] = value;
    naive->count = naive->count + (value != NULL) - (before != NULL);
    return before;
}

static void expect_same(const struct map *map, const struct naive *naive)
{
    size_t seen = 0;
    void *value;
    for (size_t at = 0; (value = map_next(map, &at));)
        seen++;
    ck_assert_uint_eq(seen, naive->count);
    ck_assert_uint_eq(map->count, naive->count);
    for (unsigned number = 0; number < KEYS; number++) {
        gl_uuid key = key_of(number);
        ck_assert_ptr_eq(map_get(map, &key), naive->values[number]);
    }
}

START_TEST(map__after_many_random_steps__holds_what_a_naive_one_holds)
{
    static char values[16];
    struct map map;
    struct naive naive = {0};
    srand((unsigned)_i + 1);
    map_init(&map);
    for (unsigned step = 0; step < STEPS; step++) {
        /* Times of growing and of shrinking, so that the table is rebuilt in both directions. */
        bool grows = step / 3000 % 2 == 0;
        unsigned number = (unsigned)rand() % KEYS;
        gl_uuid key = key_of(number);
        void *value = &values[rand() % 16];
        if (rand() % 10 < (grows ? 7 : 3))
            ck_assert_ptr_eq(map_put(&map, &key, value), naive_put(&naive, number, value));
        else
            ck_assert_ptr_eq(map_remove(&map, &key), naive_put(&naive, number, NULL));
        if (step % 500 == 0)
            expect_same(&map, &naive);
    }
    expect_same(&map, &naive);
    map_fini(&map);
}
END_TEST

START_TEST(map_next__while_each_current_one_is_removed__meets_all_of_them)
{
    static char value;
    struct map map;
    size_t met = 0;
    gl_uuid keys[KEYS];
    map_init(&map);
    for (unsigned i = 0; i < KEYS; i++) {
        keys[i] = key_of(i);
        map_put(&map, &keys[i], &keys[i]);
    }
    gl_uuid *current;
    for (size_t at = 0; (current = map_next(&map, &at)); met++)
        ck_assert_ptr_eq(map_remove(&map, current), current);
    ck_assert_uint_eq(met, KEYS);
    ck_assert_uint_eq(map.count, 0);
    ck_assert_ptr_null(map_put(&map, &keys[0], &value));
    ck_assert_ptr_eq(map_get(&map, &keys[0]), &value);
    map_fini(&map);
}
END_TEST

START_TEST(map__when_things_come_and_go__does_not_grow)
{
    static char value;
    struct map map;
    map_init(&map);
    for (unsigned i = 0; i < 100000; i++) {
        gl_uuid key = key_of(i);
        map_put(&map, &key, &value);
        map_remove(&map, &key);
    }
    ck_assert_uint_le(map.cap, 64);
    map_fini(&map);
}
END_TEST

START_TEST(map__when_empty__answers)
{
    struct map map;
    gl_uuid key = key_of(1);
    size_t at = 0;
    map_init(&map);
    ck_assert_ptr_null(map_get(&map, &key));
    ck_assert_ptr_null(map_remove(&map, &key));
    ck_assert_ptr_null(map_next(&map, &at));
    map_fini(&map);
    map_fini(&map);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_loop_test(tests, map__after_many_random_steps__holds_what_a_naive_one_holds, 0, 5);
    tcase_add_test(tests, map_next__while_each_current_one_is_removed__meets_all_of_them);
    tcase_add_test(tests, map__when_things_come_and_go__does_not_grow);
    tcase_add_test(tests, map__when_empty__answers);
}

int main(void)
{
    return suite_run("map", add);
}
