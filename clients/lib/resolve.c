/*
 * resolve.c - from a host's name to its addresses, without waiting.
 */
#include "clients/lib/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Shared by the look-up and its thread; the last of the two frees it. */
struct lg_resolve {
    atomic_int owners;
    atomic_bool is_done; /* set by the thread behind everything else that it writes */
    int event_fd;
    int problem; /* of getaddrinfo */
    int system_error;
    size_t count;
    char addresses[LG_ADDRESSES_MAX][LG_ADDRESS_TEXT];
    char host[];
};

static void disown(struct lg_resolve *resolve)
{
    if (atomic_fetch_sub(&resolve->owners, 1) == 1) {
        if (resolve->event_fd >= 0) {
            (void)close(resolve->event_fd);
        }
        free(resolve);
    }
}

static void look_up(struct lg_resolve *resolve, int flags)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags};
    struct addrinfo *list = NULL;
    resolve->problem = getaddrinfo(resolve->host, NULL, &hints, &list);
    resolve->system_error = errno;
    for (struct addrinfo *item = list; item && resolve->count < LG_ADDRESSES_MAX; item = item->ai_next) {
        if (getnameinfo(item->ai_addr, item->ai_addrlen, resolve->addresses[resolve->count], LG_ADDRESS_TEXT, NULL, 0,
                        NI_NUMERICHOST) == 0) {
            resolve->count++;
        }
    }
    if (list) {
        freeaddrinfo(list);
    }
    atomic_store(&resolve->is_done, true);
}

static void *resolver_thread(void *arg)
{
    struct lg_resolve *resolve = arg;
    look_up(resolve, AI_ADDRCONFIG);
    uint64_t one = 1;
    ssize_t written = write(resolve->event_fd, &one, sizeof(one));
    (void)written; /* an empty counter takes it */
    disown(resolve);
    return NULL;
}

static enum gl_code start_thread(struct lg_resolve *resolve, struct gl_err *err)
{
    resolve->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (resolve->event_fd < 0) {
        return gl_fail(err, GL_E_SYSTEM, "no descriptor for looking up a host: %s", strerror(errno));
    }
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    if (pthread_attr_init(&attributes) != 0) {
        return gl_fail(err, GL_E_NOMEM, "out of memory");
    }
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    /* Signals are for the program's own threads. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    atomic_store(&resolve->owners, 2);
    int problem = pthread_create(&thread, &attributes, resolver_thread, resolve);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    if (problem != 0) {
        atomic_store(&resolve->owners, 1);
        return gl_fail(err, GL_E_SYSTEM, "no thread for looking up a host: %s", strerror(problem));
    }
    return GL_OK;
}

enum gl_code lg_resolve_new(const char *host, struct lg_resolve **out, struct gl_err *err)
{
    size_t len = strlen(host);
    unsigned char address[sizeof(struct in6_addr)];
    struct lg_resolve *resolve = calloc(1, sizeof(*resolve) + len + 1);
    *out = resolve;
    if (!resolve) {
        return gl_fail(err, GL_E_NOMEM, "out of memory");
    }
    memcpy(resolve->host, host, len + 1);
    atomic_init(&resolve->owners, 1);
    atomic_init(&resolve->is_done, false);
    resolve->event_fd = -1;
    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1) {
        look_up(resolve, AI_NUMERICHOST);
        return GL_OK;
    }
    enum gl_code code = start_thread(resolve, err);
    if (code != GL_OK) {
        lg_resolve_free(out);
    }
    return code;
}

void lg_resolve_free(struct lg_resolve **resolve)
{
    if (*resolve) {
        disown(*resolve);
        *resolve = NULL;
    }
}

int lg_resolve_fd(const struct lg_resolve *resolve)
{
    return resolve->event_fd;
}

enum gl_code lg_resolve_result(struct lg_resolve *resolve, char addresses[LG_ADDRESSES_MAX][LG_ADDRESS_TEXT], size_t *count,
                               struct gl_err *err)
{
    *count = 0;
    if (!atomic_load(&resolve->is_done)) {
        return gl_fail(err, GL_E_BUSY, "the look-up is still going on");
    }
    if (resolve->problem == EAI_MEMORY) {
        return gl_fail(err, GL_E_NOMEM, "out of memory");
    }
    if (resolve->problem != 0 || resolve->count == 0) {
        const char *why = resolve->problem == 0            ? "it has no address"
                          : resolve->problem == EAI_SYSTEM ? strerror(resolve->system_error)
                                                           : gai_strerror(resolve->problem);
        return gl_fail(err, GL_E_UNREACHABLE, "the host %.200s cannot be found: %s", resolve->host, why);
    }
    memcpy(addresses, resolve->addresses, sizeof(resolve->addresses));
    *count = resolve->count;
    return GL_OK;
}
