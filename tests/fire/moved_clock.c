/*
 * moved_clock.c - a wall clock that a test moves: loaded before a program (LD_PRELOAD), it adds to its time what stands in a file.
 *
 * Owns      a map of the file that MOVED_CLOCK names: 8 bytes, seconds. Whoever writes there moves the clock of every program that has it mapped.
 * Thread    any.
 * Errors    without the file the clock is the machine's. The monotonic clocks are the machine's always, as when somebody sets the date.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const _Atomic int64_t *moved;
static int (*next_clock_gettime)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("MOVED_CLOCK");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
    moved = map == MAP_FAILED ? NULL : map;
    if (fd >= 0)
        close(fd);
}

int clock_gettime(clockid_t id, struct timespec *now)
{
    if (!next_clock_gettime)
        *(void **)&next_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = next_clock_gettime(id, now);
    if (!failed && moved && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        now->tv_sec += atomic_load(moved);
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec exact;
    (void)zone;
    int failed = clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return failed;
}

time_t time(time_t *now)
{
    struct timespec exact;
    (void)clock_gettime(CLOCK_REALTIME, &exact);
    if (now)
        *now = exact.tv_sec;
    return exact.tv_sec;
}
