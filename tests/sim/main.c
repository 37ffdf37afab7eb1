/*
 * main.c - the program: a range of seeds on several processes, the figures, and what becomes of a seed that fails.
 *
 *   sim [--seed N] [--count N] [--jobs N] [--ops N] [--without FAULT,…] [--trace] [--no-shrink] [--mutation NAME] [--quiet] [--cover] [--within SECONDS]
 *   sim --faults | --mutations     lists them
 *
 * Exit status: 0 every promise was kept, 1 one was not, 2 the arguments.
 */
#define _GNU_SOURCE 1 /* strsep */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proto/gl_err.h"
#include "proto/gl_mutation.h"
#include "service/base/log.h"
#include "service/base/map.h"
#include "tests/sim/sim.h"

#define JOBS_MAX 16
#define SEED_SECONDS                                                                                                             \
    30 /* of CPU: a seed takes milliseconds, and nothing in it waits for the clock; one that takes this long hangs */

#ifdef GLOSS_MUTATIONS
enum gl_mutation gl_mutation;
static const char *const mutation_names[] = {"none",
#define X(name, doc) #name,
                                             GL_MUTATIONS(X)
#undef X
};
static const char *const mutation_docs[] = {"",
#define X(name, doc) doc,
                                            GL_MUTATIONS(X)
#undef X
};
#endif

struct job { /* shared with the child that does it */
    struct tally tally;
    uint64_t seed; /* under way */
    bool has_failed;
    char why[1024];
};
struct options {
    struct plan plan;
    uint64_t count;
    unsigned jobs, within_s; /* 0: however long it takes */
    bool shrinks, is_quiet, must_cover;
    const char *program, *mutation;
};
static struct job *jobs;

/* ---- seeds, in children: a seed may end its process */

static void do_seeds(struct job *job, const struct options *options, unsigned which)
{
    const struct itimerval limit = {.it_value.tv_sec = SEED_SECONDS};
    for (uint64_t i = which; i < options->count && !job->has_failed; i += options->jobs) {
        struct plan plan = options->plan;
        plan.seed += i;
        job->seed = plan.seed;
        setitimer(ITIMER_PROF, &limit, NULL);
        if (!sim_run(&plan, &job->tally)) {
            snprintf(job->why, sizeof job->why, "%s", world.why);
            job->has_failed = true;
        }
    }
}

static pid_t start(struct job *job, const struct options *options, unsigned which)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        do_seeds(job, options, which);
        fflush(stdout);
        exit(0); /* not _exit: the sanitizer looks for leaks */
    }
    return pid;
}

static void finish(struct job *job, pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        continue;
    if (job->has_failed || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
        return;
    job->has_failed = true;
    if (WIFSIGNALED(status))
        snprintf(job->why, sizeof job->why, "the process ended by signal %d (%s)", WTERMSIG(status),
                 WTERMSIG(status) == SIGPROF ? "it hung" : strsignal(WTERMSIG(status)));
    else
        snprintf(job->why, sizeof job->why, "the process ended with status %d", WEXITSTATUS(status));
}

/* One seed by itself; what it says goes nowhere unless it is traced. */
static bool fails(const struct plan *plan, char *why, size_t size)
{
    struct options options = {.plan = *plan, .count = 1, .jobs = 1};
    memset(&jobs[JOBS_MAX], 0, sizeof jobs[JOBS_MAX]);
    finish(&jobs[JOBS_MAX], start(&jobs[JOBS_MAX], &options, 0));
    snprintf(why, size, "%s", jobs[JOBS_MAX].why);
    return jobs[JOBS_MAX].has_failed;
}

/* ---- shrinking: fewer ops and fewer kinds of faults, as long as it still fails */

static bool try_less(struct plan *plan, const struct plan *less)
{
    char why[1024];
    if (!fails(less, why, sizeof why))
        return false;
    *plan = *less;
    return true;
}

static void shrink(struct plan *plan)
{
    for (int i = 0; i < FAULT_COUNT; i++) {
        struct plan less = *plan;
        less.without |= 1u << i;
        if (less.without != plan->without)
            try_less(plan, &less);
    }
    for (unsigned step = plan->ops / 2; step > 0; step /= 2) {
        struct plan less = *plan;
        while (less.ops > step) {
            less.ops -= step;
            if (!try_less(plan, &less))
                break;
        }
    }
}

static void print_command(const struct options *options, const struct plan *plan)
{
    printf("%s --seed %" PRIu64 " --ops %u", options->program, plan->seed, plan->ops);
    for (unsigned i = 0, any = 0; i < FAULT_COUNT; i++)
        if (plan->without >> i & 1)
            printf("%s%s", any++ ? "," : " --without ", fault_names[i]);
    if (options->mutation)
        printf(" --mutation %s", options->mutation);
    printf(" --trace\n");
}

static void report(const struct options *options, const struct job *job)
{
    struct plan plan = options->plan;
    char why[1024];
    plan.seed = job->seed;
    plan.is_traced = false;
    printf("seed %" PRIu64 " fails: %s\n", job->seed, job->why);
    if (!options->shrinks)
        return;
    if (!fails(&plan, why, sizeof why)) {
        printf("and by itself it does not: the simulator is not deterministic\n");
        return;
    }
    shrink(&plan);
    struct plan shown = plan;
    shown.is_traced = true;
    printf("shrunk:\n");
    fails(&shown, why, sizeof why);
    printf("%s\nagain: ", why);
    print_command(options, &plan);
}

/* ---- figures */

static void add(struct tally *sum, const struct tally *one)
{
    sum->seeds += one->seeds;
    for (int i = 0; i < SEEN_COUNT; i++)
        sum->seen[i] += one->seen[i];
    for (int i = 0; i < FAULT_COUNT; i++)
        sum->faults[i] += one->faults[i];
    for (int i = 0; i < CODES_MAX; i++)
        sum->refusals[i] += one->refusals[i];
    cover_add(&sum->cover, &one->cover);
}

static void print_column(const char *name, uint64_t value, unsigned *column)
{
    printf("  %-26s %10" PRIu64 "%s", name, value, ++*column % 3 ? "" : "\n");
}

static void print_tally(const struct tally *tally)
{
    unsigned column = 0;
    printf("seen:\n");
    for (int i = 0; i < SEEN_COUNT; i++)
        print_column(seen_names[i], tally->seen[i], &column);
    printf("\nfaults:\n");
    for (unsigned i = column = 0; i < FAULT_COUNT; i++)
        print_column(fault_names[i], tally->faults[i], &column);
    printf("\nrefusals:\n");
    for (unsigned i = column = 0; i < CODES_MAX; i++)
        if (tally->refusals[i] > 0)
            print_column(gl_code_name((enum gl_code)i), tally->refusals[i], &column);
    printf("\n");
}

static double seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double cpu_of_children(void)
{
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int run(const struct options *options)
{
    pid_t pids[JOBS_MAX];
    struct tally sum = {0};
    const struct job *failed = NULL;
    double began = seconds(CLOCK_MONOTONIC);
    for (unsigned i = 0; i < options->jobs; i++)
        pids[i] = start(&jobs[i], options, i);
    for (unsigned i = 0; i < options->jobs; i++) {
        finish(&jobs[i], pids[i]);
        add(&sum, &jobs[i].tally);
        if (jobs[i].has_failed && (!failed || jobs[i].seed < failed->seed))
            failed = &jobs[i];
    }
    if (!options->is_quiet)
        print_tally(&sum);
    const size_t missed = options->is_quiet ? 0 : cover_print(&sum.cover);
    printf("%" PRIu64 " seeds in %.1f s (%.2f ms of CPU each), %" PRIu64 " ops asked, %" PRIu64 " accepted\n", sum.seeds,
           seconds(CLOCK_MONOTONIC) - began, sum.seeds ? cpu_of_children() * 1000 / (double)sum.seeds : 0,
           sum.seen[SEEN_ops_asked], sum.seen[SEEN_ops_accepted]);
    if (failed)
        report(options, failed);
    if (options->must_cover && missed > 0)
        printf("%zu transitions were never seen\n", missed);
    const bool is_late = options->within_s > 0 && cpu_of_children() > (double)options->within_s * options->jobs;
    if (is_late)
        printf("%.0f s of CPU: more than %u jobs have in %u s\n", cpu_of_children(), options->jobs, options->within_s);
    return failed != NULL || is_late || (options->must_cover && missed > 0);
}

/* ---- arguments */

static bool read_faults(const char *text, uint32_t *without)
{
    char copy[512], *at = copy, *name;
    snprintf(copy, sizeof copy, "%s", text);
    while ((name = strsep(&at, ","))) {
        int i = 0;
        while (i < FAULT_COUNT && strcmp(name, fault_names[i]) != 0)
            i++;
        if (i == FAULT_COUNT)
            return false;
        *without |= 1u << i;
    }
    return true;
}

static bool choose_mutation(const char *name)
{
#ifdef GLOSS_MUTATIONS
    for (size_t i = 1; i < sizeof mutation_names / sizeof *mutation_names; i++)
        if (strcmp(name, mutation_names[i]) == 0)
            gl_mutation = (enum gl_mutation)i;
    return gl_mutation != GL_MUTATION_none;
#else
    (void)name;
    return false;
#endif
}

static int list_faults(void)
{
    for (int i = 0; i < FAULT_COUNT; i++)
        printf("%-14s %s\n", fault_names[i], fault_docs[i]);
    return 0;
}

static int list_mutations(void)
{
#ifdef GLOSS_MUTATIONS
    for (size_t i = 1; i < sizeof mutation_names / sizeof *mutation_names; i++)
        printf("%-28s %s\n", mutation_names[i], mutation_docs[i]);
#endif
    return 0;
}

static bool take_option(struct options *options, const char *name, const char *value)
{
    if (strcmp(name, "--seed") == 0)
        options->plan.seed = strtoull(value, NULL, 10);
    else if (strcmp(name, "--count") == 0)
        options->count = strtoull(value, NULL, 10);
    else if (strcmp(name, "--jobs") == 0)
        options->jobs = (unsigned)strtoul(value, NULL, 10);
    else if (strcmp(name, "--ops") == 0)
        options->plan.ops = (unsigned)strtoul(value, NULL, 10);
    else if (strcmp(name, "--within") == 0)
        options->within_s = (unsigned)strtoul(value, NULL, 10);
    else if (strcmp(name, "--without") == 0)
        return read_faults(value, &options->plan.without);
    else if (strcmp(name, "--mutation") == 0)
        return choose_mutation(options->mutation = value);
    else
        return false;
    return options->jobs >= 1 && options->jobs <= JOBS_MAX && options->plan.ops <= 500;
}

static bool read_arguments(int argc, char **argv, struct options *options)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--trace") == 0)
            options->plan.is_traced = true;
        else if (strcmp(argv[i], "--no-shrink") == 0)
            options->shrinks = false;
        else if (strcmp(argv[i], "--cover") == 0)
            options->must_cover = true;
        else if (strcmp(argv[i], "--quiet") == 0)
            options->is_quiet = true;
        else if (i + 1 >= argc || !take_option(options, argv[i], argv[i + 1]))
            return false;
        else
            i++;
    }
    return true;
}

/* What the real code draws once in a process must not depend on which seed comes first. */
static void warm_up(void)
{
    struct plan plan = {.seed = 0};
    struct map map;
    world_begin(&plan, NULL);
    map_init(&map);
    map_fini(&map);
    world_end();
    log_init((enum log_level)(LOG_ERROR + 1), LOG_TEXT); /* a seed may end its worker in any way */
}

int main(int argc, char **argv)
{
    struct options options = {.plan = {.seed = 1, .ops = 200}, .count = 1, .jobs = 1, .shrinks = true, .program = argv[0]};
    if (argc == 2 && strcmp(argv[1], "--faults") == 0)
        return list_faults();
    if (argc == 2 && strcmp(argv[1], "--mutations") == 0)
        return list_mutations();
    if (!read_arguments(argc, argv, &options)) {
        fprintf(stderr, "sim: see tests/sim/README.md for the arguments\n");
        return 2;
    }
    size_t size = (JOBS_MAX + 1) * sizeof *jobs;
    jobs = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (jobs == MAP_FAILED)
        return 2;
    warm_up();
    return run(&options);
}
