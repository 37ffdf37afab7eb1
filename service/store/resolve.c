#include "service/store/resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "proto/gl_buf.h"
#include "service/base/mem.h"

enum { LIST_MAX_BYTES = 65536, ADDRESSES_MAX = 8 /* of one host */ };

/* What the thread and we share; the last of the two frees it. */
struct look_up {
    atomic_int owners;
    int done_fd;                             /* readable when the thread has written everything else */
    struct gl_slice hosts, addresses, ports; /* as they were given, commas between */
    struct gl_buf host, hostaddr, port;      /* the answer, likewise: the same length (no ports: none were given) */
    unsigned entries;
};
struct resolve {
    struct look_up *shared;
    struct loop_watch *watch;
    loop_fn fn;
    void *ctx;
};

static void disown(struct look_up *shared)
{
    if (atomic_fetch_sub(&shared->owners, 1) > 1) {
        return;
    }
    close(shared->done_fd);
    free((void *)shared->hosts.data);
    free((void *)shared->addresses.data);
    free((void *)shared->ports.data);
    gl_buf_fini(&shared->host);
    gl_buf_fini(&shared->hostaddr);
    gl_buf_fini(&shared->port);
    mem_free(&shared);
}

/* Item number i of "a,b,c"; a list of one stands for all. */
static struct gl_slice item(struct gl_slice list, unsigned i)
{
    const bool is_one = !memchr(list.data ? list.data : "", ',', list.len);
    for (; i > 0 && !is_one; i--) {
        const char *comma = memchr(list.data, ',', list.len);
        size_t skip = comma ? (size_t)(comma - list.data) + 1 : list.len;
        list = gl_slice_of(list.data + skip, list.len - skip);
    }
    const char *comma = memchr(list.data ? list.data : "", ',', list.len);
    return gl_slice_of(list.data, comma ? (size_t)(comma - list.data) : list.len);
}

static unsigned items_of(struct gl_slice list)
{
    unsigned items = 1;
    for (size_t i = 0; i < list.len; i++) {
        items += list.data[i] == ',';
    }
    return items;
}

static bool is_name(struct gl_slice host)
{
    unsigned char address[sizeof(struct in6_addr)];
    char text[256];
    if (host.len == 0 || host.data[0] == '/' || host.data[0] == '@') { /* a socket's folder */
        return false;
    }
    snprintf(text, sizeof(text), "%.*s", (int)host.len, host.data);
    return inet_pton(AF_INET, text, address) != 1 && inet_pton(AF_INET6, text, address) != 1;
}

/* ---- the thread */

static void put(struct look_up *shared, unsigned i, struct gl_slice address)
{
    const char *comma = shared->entries++ > 0 ? "," : "";
    gl_buf_str(&shared->host, comma);
    gl_buf_slice(&shared->host, item(shared->hosts, i));
    gl_buf_str(&shared->hostaddr, comma);
    gl_buf_slice(&shared->hostaddr, address);
    if (shared->ports.len > 0) {
        gl_buf_str(&shared->port, comma);
        gl_buf_slice(&shared->port, item(shared->ports, i));
    }
}

static void look_up_one(struct look_up *shared, unsigned i)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list = NULL;
    struct gl_slice host = item(shared->hosts, i);
    char name[256], address[INET6_ADDRSTRLEN + 20];
    unsigned count = 0;
    snprintf(name, sizeof(name), "%.*s", (int)host.len, host.data);
    if (getaddrinfo(name, NULL, &hints, &list) != 0) {
        return;
    }
    for (const struct addrinfo *at = list; at && count < ADDRESSES_MAX; at = at->ai_next) {
        if (getnameinfo(at->ai_addr, at->ai_addrlen, address, sizeof(address), NULL, 0, NI_NUMERICHOST) == 0) {
            put(shared, i, gl_slice_str(address));
            count++;
        }
    }
    freeaddrinfo(list);
}

static void *look_up_all(void *arg)
{
    struct look_up *shared = arg;
    unsigned hosts = items_of(shared->hosts);
    for (unsigned i = 0; i < hosts; i++) {
        struct gl_slice address = shared->addresses.len > 0 ? item(shared->addresses, i) : gl_slice_of("", 0);
        if (address.len > 0 || !is_name(item(shared->hosts, i))) {
            put(shared, i, address);
        } else {
            look_up_one(shared, i);
        }
    }
    eventfd_write(shared->done_fd, 1);
    disown(shared);
    return NULL;
}

static void start_thread(struct look_up *shared)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the loop */
    atomic_store(&shared->owners, 2);
    if (pthread_create(&thread, &attributes, look_up_all, shared) != 0) { /* then there is no answer, which is one */
        atomic_store(&shared->owners, 1);
        eventfd_write(shared->done_fd, 1);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
}

/* ---- our side */

static struct gl_slice value_of(const struct conninfo *conninfo, const char *keyword)
{
    const char *value = conninfo_get(conninfo, keyword);
    return gl_slice_str(value ? value : "");
}

static bool is_needed(const struct conninfo *conninfo)
{
    struct gl_slice hosts = value_of(conninfo, "host"), addresses = value_of(conninfo, "hostaddr");
    for (unsigned i = 0; i < items_of(hosts); i++) {
        if (is_name(item(hosts, i)) && (addresses.len == 0 || item(addresses, i).len == 0)) {
            return true;
        }
    }
    return false;
}

static struct gl_slice copy(struct gl_slice slice)
{
    return gl_slice_of(mem_copy(slice.data, slice.len), slice.len);
}

static void on_done(void *ctx, int events)
{
    struct resolve *resolve = ctx;
    (void)events;
    loop_watch_free(&resolve->watch);
    resolve->fn(resolve->ctx);
}

struct resolve *resolve_new(struct loop *loop, const struct conninfo *conninfo, loop_fn fn, void *ctx)
{
    if (!is_needed(conninfo)) {
        return NULL;
    }
    struct resolve *resolve = mem_alloc(sizeof(*resolve));
    struct look_up *shared = resolve->shared = mem_alloc(sizeof(*shared));
    atomic_init(&shared->owners, 1);
    shared->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    shared->hosts = copy(value_of(conninfo, "host"));
    shared->addresses = copy(value_of(conninfo, "hostaddr"));
    shared->ports = copy(value_of(conninfo, "port"));
    gl_buf_init(&shared->host, LIST_MAX_BYTES);
    gl_buf_init(&shared->hostaddr, LIST_MAX_BYTES);
    gl_buf_init(&shared->port, LIST_MAX_BYTES);
    resolve->fn = fn;
    resolve->ctx = ctx;
    if (shared->done_fd < 0) { /* out of descriptors: the connection would not have got one either */
        disown(shared);
        mem_free(&resolve);
        return NULL;
    }
    resolve->watch = loop_watch_new(loop, shared->done_fd, on_done, resolve);
    loop_watch_set(resolve->watch, LOOP_READ);
    start_thread(shared);
    return resolve;
}

bool resolve_put(const struct resolve *resolve, struct conninfo *conninfo)
{
    struct look_up *shared = resolve->shared;
    eventfd_t done; /* reading it also orders what the thread wrote before what we read */
    if (eventfd_read(shared->done_fd, &done) != 0 || shared->entries == 0) {
        return false;
    }
    const char *host = gl_buf_cstr(&shared->host), *hostaddr = gl_buf_cstr(&shared->hostaddr), *port = gl_buf_cstr(&shared->port);
    if (!host || !hostaddr || !port) {
        return false;
    }
    conninfo_put(conninfo, "host", host);
    conninfo_put(conninfo, "hostaddr", hostaddr);
    if (shared->ports.len > 0) {
        conninfo_put(conninfo, "port", port);
    }
    return true;
}

void resolve_free(struct resolve **address)
{
    struct resolve *resolve = *address;
    if (resolve) {
        loop_watch_free(&resolve->watch);
        disown(resolve->shared);
        mem_free(address);
    }
}
