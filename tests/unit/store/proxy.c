#include "tests/unit/store/proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "service/base/clock.h"
#include "service/base/mem.h"

#define PAIRS_MAX 32
#define HELD_MAX  (4 << 20)
#define LET_GO_MS 150

struct pair {
    int client, server; /* -1: closed */
    char *held;
    size_t held_len;
    unsigned long long let_go_at_ms; /* 0: not yet */
};
struct proxy {
    char folder[64], socket[96], server[108];
    int listener;
    pthread_t thread;
    atomic_int mode;
    atomic_bool must_cut, must_stop;
    struct pair pairs[PAIRS_MAX];
};

static int unix_socket(const char *path, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(address->sun_path, sizeof(address->sun_path), "%s", path);
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static void put_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);
        if (sent <= 0 && errno != EINTR) {
            return;
        }
        data += sent > 0 ? sent : 0;
        len -= sent > 0 ? (size_t)sent : 0;
    }
}

static void shut(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = -1;
}

static void shut_pair(struct pair *pair)
{
    shut(&pair->client);
    shut(&pair->server);
    mem_free(&pair->held);
    pair->held_len = 0;
    pair->let_go_at_ms = 0;
}

static void take_client(struct proxy *proxy)
{
    struct sockaddr_un address;
    int client = accept(proxy->listener, NULL, NULL), server = unix_socket(proxy->server, &address);
    bool is_connected = connect(server, (struct sockaddr *)&address, sizeof(address)) == 0;
    for (int i = 0; is_connected && i < PAIRS_MAX; i++) {
        if (proxy->pairs[i].client < 0 && proxy->pairs[i].server < 0) {
            proxy->pairs[i] = (struct pair){.client = client, .server = server};
            return;
        }
    }
    shut(&client);
    shut(&server);
}

static void from_client(struct proxy *proxy, struct pair *pair)
{
    char data[65536];
    ssize_t len = read(pair->client, data, sizeof(data));
    int mode = atomic_load(&proxy->mode);
    if (len <= 0) {
        shut_pair(pair);
    } else if (mode == PROXY_HOLD && pair->held_len + (size_t)len < HELD_MAX) {
        pair->held = mem_realloc(pair->held, HELD_MAX);
        memcpy(pair->held + pair->held_len, data, (size_t)len);
        pair->held_len += (size_t)len;
    } else if (mode != PROXY_LOSE_REQUESTS) {
        put_all(pair->server, data, (size_t)len);
    }
}

static void from_server(struct proxy *proxy, struct pair *pair)
{
    char data[65536];
    ssize_t len = read(pair->server, data, sizeof(data));
    if (len <= 0) {
        shut_pair(pair);
    } else if (atomic_load(&proxy->mode) != PROXY_LOSE_ANSWERS && pair->client >= 0) {
        put_all(pair->client, data, (size_t)len);
    }
}

static void cut(struct proxy *proxy)
{
    for (int i = 0; i < PAIRS_MAX; i++) {
        struct pair *pair = &proxy->pairs[i];
        if (pair->client >= 0 && pair->held_len > 0) {
            shut(&pair->client);
            pair->let_go_at_ms = clock_monotonic_ms() + LET_GO_MS;
        } else if (pair->let_go_at_ms == 0) {
            shut_pair(pair);
        }
    }
    atomic_store(&proxy->mode, PROXY_PASS);
    atomic_store(&proxy->must_cut, false);
}

static void let_go(struct proxy *proxy)
{
    for (int i = 0; i < PAIRS_MAX; i++) {
        struct pair *pair = &proxy->pairs[i];
        if (pair->let_go_at_ms > 0 && pair->let_go_at_ms <= clock_monotonic_ms() && pair->server >= 0) {
            put_all(pair->server, pair->held, pair->held_len);
            pair->held_len = 0;
            pair->let_go_at_ms += 1000000;
        }
    }
}

static void turn(struct proxy *proxy)
{
    struct pollfd polled[1 + 2 * PAIRS_MAX];
    polled[0] = (struct pollfd){.fd = proxy->listener, .events = POLLIN};
    for (int i = 0; i < PAIRS_MAX; i++) {
        polled[1 + 2 * i] = (struct pollfd){.fd = proxy->pairs[i].client, .events = POLLIN};
        polled[2 + 2 * i] = (struct pollfd){.fd = proxy->pairs[i].server, .events = POLLIN};
    }
    poll(polled, 1 + 2 * PAIRS_MAX, 1);
    if (polled[0].revents) {
        take_client(proxy);
    }
    for (int i = 0; i < PAIRS_MAX; i++) {
        if (polled[1 + 2 * i].revents && proxy->pairs[i].client == polled[1 + 2 * i].fd) {
            from_client(proxy, &proxy->pairs[i]);
        }
        if (polled[2 + 2 * i].revents && proxy->pairs[i].server >= 0 && proxy->pairs[i].server == polled[2 + 2 * i].fd) {
            from_server(proxy, &proxy->pairs[i]);
        }
    }
}

static void *run(void *ctx)
{
    struct proxy *proxy = ctx;
    while (!atomic_load(&proxy->must_stop)) {
        turn(proxy);
        let_go(proxy);
        if (atomic_load(&proxy->must_cut)) {
            cut(proxy);
        }
    }
    for (int i = 0; i < PAIRS_MAX; i++) {
        shut_pair(&proxy->pairs[i]);
    }
    return NULL;
}

struct proxy *proxy_start(const char *server_socket)
{
    struct sockaddr_un address;
    struct proxy *proxy = mem_alloc(sizeof(*proxy));
    snprintf(proxy->folder, sizeof(proxy->folder), "/tmp/gloss-proxy.XXXXXX");
    if (!mkdtemp(proxy->folder)) {
        abort();
    }
    snprintf(proxy->socket, sizeof(proxy->socket), "%s/.s.PGSQL.5432", proxy->folder);
    snprintf(proxy->server, sizeof(proxy->server), "%s", server_socket);
    for (int i = 0; i < PAIRS_MAX; i++) {
        proxy->pairs[i].client = proxy->pairs[i].server = -1;
    }
    proxy->listener = unix_socket(proxy->socket, &address);
    if (bind(proxy->listener, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(proxy->listener, 16) != 0) {
        abort();
    }
    pthread_create(&proxy->thread, NULL, run, proxy);
    return proxy;
}

void proxy_stop(struct proxy **address)
{
    struct proxy *proxy = *address;
    atomic_store(&proxy->must_stop, true);
    pthread_join(proxy->thread, NULL);
    close(proxy->listener);
    unlink(proxy->socket);
    rmdir(proxy->folder);
    mem_free(address);
}

const char *proxy_folder(const struct proxy *proxy)
{
    return proxy->folder;
}

void proxy_set(struct proxy *proxy, enum proxy_mode mode)
{
    atomic_store(&proxy->mode, mode);
}

void proxy_cut(struct proxy *proxy)
{
    atomic_store(&proxy->must_cut, true);
    while (atomic_load(&proxy->must_cut)) {
        usleep(500);
    }
}
