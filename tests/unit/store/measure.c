/* measure.c - how long one op takes to be durable, and how many go through in groups. Not a test: run it on a quiet machine with fsync on.
 *
 *     GLOSS_TEST_DATABASE=... measure_store
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/unit/store/bench.h"

#define STREAMS_MAX 64

static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

/* Processor time of the writer's backend, when it runs on this machine. */
static double backend_seconds(struct bench *bench)
{
    char path[64];
    double ticks = 0, unused;
    unsigned long long pid =
        db_count(&bench->db, "select pid from pg_stat_activity where usename = '%s' limit 1", bench->db.append);
    snprintf(path, sizeof(path), "/proc/%llu/schedstat", pid);
    FILE *file = fopen(path, "r");
    if (file) {
        if (fscanf(file, "%lf %lf", &ticks, &unused) != 2) {
            ticks = 0;
        }
        fclose(file);
    }
    return ticks / 1e9;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Only the append itself is timed: writing the ops is the scribe's, and following them too. */
static void measure_shape(struct bench *bench, struct scribe *scribes, size_t streams, size_t batch, size_t rounds)
{
    static double took[10000];
    struct append_stream all[STREAMS_MAX];
    double total = 0, before = backend_seconds(bench);
    for (size_t round = 0; round < rounds; round++) {
        for (size_t i = 0; i < streams; i++) {
            scribe_write(&scribes[i], batch);
            all[i] = scribes[i].stream;
        }
        double begin = now();
        enum gl_code code = append_wait(bench, bench->store, all, streams);
        took[round] = now() - begin;
        total += took[round];
        for (size_t i = 0; i < streams; i++) {
            if (code != GL_OK || all[i].outcome != APPEND_COMMITTED) {
                printf("not committed\n");
                exit(1);
            }
            scribe_committed(&scribes[i]);
        }
    }
    qsort(took, rounds, sizeof(took[0]), by_size);
    printf("%3zu streams x %3zu ops: p50 %7.3f ms  p99 %7.3f ms  %8.0f ops/s  backend %5.0f us/op\n", streams, batch,
           took[rounds / 2] * 1e3, took[rounds * 99 / 100] * 1e3, (double)(streams * batch * rounds) / total,
           (backend_seconds(bench) - before) * 1e6 / (double)(streams * batch * rounds));
}

START_TEST(measure__groups_of_several_shapes)
{
    static struct bench bench;
    static struct scribe scribes[STREAMS_MAX];
    bench_init(&bench);
    for (int i = 0; i < STREAMS_MAX; i++) {
        gl_uuid document, revision, session;
        char text[64];
        snprintf(text, sizeof(text), "Text number %d.", i);
        bench_document(&bench, text, &document, &revision, &session);
        gl_hash sha256 = gl_sha256(text, strlen(text));
        scribe_init(&scribes[i], &bench, &session, &bench.ana);
        scribes[i].state->chain = gl_chain_start(&session, sha256.bytes);
    }
    measure_shape(&bench, scribes, 1, 1, 200); /* warms up */
    measure_shape(&bench, scribes, 1, 1, 2000);
    measure_shape(&bench, scribes, 1, 8, 500);
    measure_shape(&bench, scribes, 1, 32, 300);
    measure_shape(&bench, scribes, 1, 128, 200);
    measure_shape(&bench, scribes, 8, 8, 300);
    measure_shape(&bench, scribes, 32, 1, 300);
    measure_shape(&bench, scribes, 64, 1, 300);
    measure_shape(&bench, scribes, 64, 4, 200);
    for (int i = 0; i < STREAMS_MAX; i++) {
        scribe_fini(&scribes[i]);
    }
    bench_fini(&bench);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("measure");
    TCase *tcase = tcase_create("measure");
    tcase_add_test(tcase, measure__groups_of_several_shapes);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite); /* the bench asserts, so it must be inside a test */
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_MINIMAL);
    srunner_free(runner);
    return EXIT_SUCCESS;
}
