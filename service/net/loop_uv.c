#include "service/net/loop_uv.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "service/base/clock.h"
#include "service/base/mem.h"

struct deferred {
    loop_fn fn;
    void *ctx;
};

struct loop {
    uv_loop_t uv;
    uv_idle_t idle; /* active while something is deferred: then the loop does not wait */
    struct deferred *deferred, *running;
    size_t deferred_count, deferred_cap, running_cap;
};

static void check(int status, const char *what)
{
    if (status == 0)
        return;
    fprintf(stderr, "glossd: event loop: %s: %s\n", what, uv_strerror(status));
    abort();
}

static void free_handle(uv_handle_t *handle)
{
    mem_free(&handle);
}

/* ---- the loop */

static void run_deferred(uv_idle_t *idle)
{
    struct loop *loop = idle->data;
    struct deferred *now = loop->deferred;
    size_t count = loop->deferred_count, cap = loop->deferred_cap;

    loop->deferred = loop->running;
    loop->deferred_cap = loop->running_cap;
    loop->deferred_count = 0;
    loop->running = NULL;
    uv_idle_stop(idle); /* what is deferred meanwhile starts it again, for the next turn */
    for (size_t i = 0; i < count; i++)
        now[i].fn(now[i].ctx);
    loop->running = now;
    loop->running_cap = cap;
}

struct loop *loop_new(void)
{
    struct loop *loop = mem_alloc(sizeof *loop);
    check(uv_loop_init(&loop->uv), "start");
    check(uv_idle_init(&loop->uv, &loop->idle), "idle");
    loop->idle.data = loop;
    return loop;
}

void loop_run(struct loop *loop)
{
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop)
{
    uv_stop(&loop->uv);
}

void loop_free(struct loop **address)
{
    struct loop *loop = *address;
    if (!loop)
        return;
    *address = NULL;
    uv_close((uv_handle_t *)&loop->idle, NULL);
    while (uv_run(&loop->uv, UV_RUN_NOWAIT)) /* closing takes turns of the loop */
        ;
    int status = uv_loop_close(&loop->uv);
    assert(status == 0); /* else somebody forgot a watch, a timer or a wakeup */
    (void)status;
    mem_free(&loop->deferred);
    mem_free(&loop->running);
    mem_free(&loop);
}

struct uv_loop_s *loop_uv(struct loop *loop)
{
    return &loop->uv;
}

void loop_defer(struct loop *loop, loop_fn fn, void *ctx)
{
    if (loop->deferred_count == loop->deferred_cap)
        loop->deferred = mem_grow(loop->deferred, &loop->deferred_cap, loop->deferred_count + 1, sizeof *loop->deferred);
    loop->deferred[loop->deferred_count++] = (struct deferred){fn, ctx};
    uv_idle_start(&loop->idle, run_deferred);
}

uint64_t loop_now_ms(struct loop *loop)
{
    return uv_now(&loop->uv);
}

int64_t loop_unix_ms(struct loop *loop)
{
    (void)loop;
    return clock_unix_ms();
}

/* ---- descriptors */

#define NO_DESCRIPTORS_MS 100 /* before one is tried again */

/* libuv watches a number of our own for the same file: then neither the close of the lent one nor its reuse for another
 * file, which may be watched by somebody else on this loop, can touch the registration of either. The libuv handle lives
 * until a later turn, so it is a thing of its own. */
struct poll_handle {
    uv_poll_t uv; /* first: freed by free_handle() */
    struct loop_watch *watch;
    int fd;
};

struct loop_watch {
    struct loop *loop;
    struct poll_handle *handle; /* NULL: at rest, or there was no descriptor left for it */
    struct loop_timer *again;   /* for that; NULL: it has not happened */
    int fd, events;
    dev_t device;
    ino_t inode;
    loop_watch_fn fn;
    void *ctx;
};

static void put_to_rest(struct loop_watch *watch)
{
    struct poll_handle *handle = watch->handle;
    watch->events = 0;
    watch->handle = NULL;
    if (!handle)
        return;
    handle->watch = NULL;
    uv_close((uv_handle_t *)&handle->uv, free_handle); /* out of epoll at once */
    close(handle->fd);
}

static void on_poll(uv_poll_t *uv, int status, int events)
{
    struct loop_watch *watch = ((struct poll_handle *)uv)->watch;
    if (!watch)
        return;
    if (status < 0) {
        /* An error waits on the socket and libuv has stopped watching. Whoever reads or writes it learns which. */
        watch->events = 0;
        watch->fn(watch->ctx, LOOP_READ | LOOP_WRITE);
        return;
    }
    watch->fn(watch->ctx, (events & UV_READABLE ? LOOP_READ : 0) | (events & UV_WRITABLE ? LOOP_WRITE : 0));
}

/* Which file stands behind the number now? False when none does. */
static bool look(struct loop_watch *watch, bool *same)
{
    struct stat file;
    if (fstat(watch->fd, &file) != 0)
        return false;
    *same = file.st_dev == watch->device && file.st_ino == watch->inode;
    watch->device = file.st_dev;
    watch->inode = file.st_ino;
    return true;
}

static void on_again(void *ctx)
{
    struct loop_watch *watch = ctx;
    if (!watch->handle)
        loop_watch_set(watch, watch->events);
}

/* Descriptors are exhausted: what is watched waits until there is one, as newcomers do. */
static void wait_for_descriptor(struct loop_watch *watch)
{
    if (!watch->again)
        watch->again = loop_timer_new(watch->loop, on_again, watch);
    loop_timer_start(watch->again, NO_DESCRIPTORS_MS, 0);
}

static void open_handle(struct loop_watch *watch)
{
    const int fd = fcntl(watch->fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
        wait_for_descriptor(watch);
        return;
    }
    check(fd < 0 ? uv_translate_sys_error(errno) : 0, "watch a descriptor");
    struct poll_handle *handle = mem_alloc(sizeof *handle);
    handle->fd = fd;
    check(uv_poll_init(&watch->loop->uv, &handle->uv, handle->fd), "watch a descriptor");
    handle->watch = watch;
    watch->handle = handle;
}

struct loop_watch *loop_watch_new(struct loop *loop, int fd, loop_watch_fn fn, void *ctx)
{
    struct loop_watch *watch = mem_alloc(sizeof *watch);
    bool same;
    *watch = (struct loop_watch){.loop = loop, .fd = fd, .fn = fn, .ctx = ctx};
    if (look(watch, &same))
        open_handle(watch);
    return watch;
}

void loop_watch_set(struct loop_watch *watch, int events)
{
    bool same = false;
    if (!look(watch, &same)) { /* closed under us: there is nothing to wait for */
        put_to_rest(watch);
        return;
    }
    if (same && watch->handle && watch->events == events)
        return;
    if (!same)
        put_to_rest(watch);
    if (!watch->handle)
        open_handle(watch);
    watch->events = events;
    if (!watch->handle)
        return;
    check(uv_poll_start(&watch->handle->uv, (events & LOOP_READ ? UV_READABLE : 0) | (events & LOOP_WRITE ? UV_WRITABLE : 0),
                        on_poll),
          "watch a descriptor");
}

void loop_watch_free(struct loop_watch **address)
{
    if (!*address)
        return;
    put_to_rest(*address);
    loop_timer_free(&(*address)->again);
    mem_free(address);
}

/* ---- timers */

struct loop_timer {
    uv_timer_t uv; /* first: freed by free_handle() */
    loop_fn fn;
    void *ctx;
    bool is_firing;
};

static void on_timer(uv_timer_t *uv)
{
    struct loop_timer *timer = (struct loop_timer *)uv;
    timer->is_firing = true;
    timer->fn(timer->ctx); /* a handle that is freed here is there until a later turn */
    timer->is_firing = false;
}

struct loop_timer *loop_timer_new(struct loop *loop, loop_fn fn, void *ctx)
{
    struct loop_timer *timer = mem_alloc(sizeof *timer);
    check(uv_timer_init(&loop->uv, &timer->uv), "timer");
    timer->fn = fn;
    timer->ctx = ctx;
    return timer;
}

void loop_timer_start(struct loop_timer *timer, uint64_t after_ms, uint64_t every_ms)
{
    if (after_ms == 0 && timer->is_firing)
        after_ms = 1; /* libuv before 1.45 would run it again and again, and nothing else */
    check(uv_timer_start(&timer->uv, on_timer, after_ms, every_ms), "timer");
}

void loop_timer_stop(struct loop_timer *timer)
{
    uv_timer_stop(&timer->uv);
}

void loop_timer_free(struct loop_timer **address)
{
    if (*address)
        uv_close((uv_handle_t *)&(*address)->uv, free_handle);
    *address = NULL;
}

/* ---- being woken */

struct loop_wakeup {
    uv_async_t uv; /* first: freed by free_handle() */
    loop_fn fn;
    void *ctx;
};

static void on_wake(uv_async_t *uv)
{
    struct loop_wakeup *wakeup = (struct loop_wakeup *)uv;
    wakeup->fn(wakeup->ctx);
}

struct loop_wakeup *loop_wakeup_new(struct loop *loop, loop_fn fn, void *ctx)
{
    struct loop_wakeup *wakeup = mem_alloc(sizeof *wakeup);
    check(uv_async_init(&loop->uv, &wakeup->uv, on_wake), "wakeup");
    wakeup->fn = fn;
    wakeup->ctx = ctx;
    return wakeup;
}

void loop_wake(struct loop_wakeup *wakeup)
{
    uv_async_send(&wakeup->uv);
}

void loop_wakeup_free(struct loop_wakeup **address)
{
    if (*address)
        uv_close((uv_handle_t *)&(*address)->uv, free_handle);
    *address = NULL;
}
