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

#include "service/base/mem.h"

#define PAIRS_MAX 32
#define HELD_MAX  (4 << 20)

struct pair {
    int client, server; /* -1: closed */
    char *held;
    size_t held_len;
    bool is_ghost; /* its client is gone, and what it had sent is still on its way */
};
struct proxy {
    char folder[64], socket[96], server[108];
    int listener;
    pthread_t thread;
    atomic_int mode;
    atomic_bool must_cut, must_let_go, must_stop;
    atomic_size_t kept, ghosts;
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
    pair->is_ghost = false;
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
        atomic_fetch_add(&proxy->kept, (size_t)len);
    } else if (mode == PROXY_LOSE_REQUESTS) {
        atomic_fetch_add(&proxy->kept, (size_t)len);
    } else {
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
            pair->is_ghost = true;
            atomic_fetch_add(&proxy->ghosts, 1);
        } else if (!pair->is_ghost) {
            shut_pair(pair);
        }
    }
    atomic_store(&proxy->mode, PROXY_PASS);
    atomic_store(&proxy->must_cut, false);
}

/* What was held arrives, and its end; the server's side is closed when all of it was obeyed. */
static void let_go(struct proxy *proxy)
{
    for (int i = 0; i < PAIRS_MAX; i++) {
        struct pair *pair = &proxy->pairs[i];
        if (pair->is_ghost && pair->server >= 0) {
            put_all(pair->server, pair->held, pair->held_len);
            pair->held_len = 0;
            shutdown(pair->server, SHUT_WR);
        }
    }
    atomic_store(&proxy->must_let_go, false);
}

static void count_ghosts(struct proxy *proxy)
{
    size_t ghosts = 0;
    for (int i = 0; i < PAIRS_MAX; i++) {
        ghosts += proxy->pairs[i].is_ghost;
    }
    atomic_store(&proxy->ghosts, ghosts);
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
        if (atomic_load(&proxy->must_let_go)) {
            let_go(proxy);
        }
        if (atomic_load(&proxy->must_cut)) {
            cut(proxy);
        }
        count_ghosts(proxy);
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
    atomic_store(&proxy->kept, 0);
    atomic_store(&proxy->mode, mode);
}

size_t proxy_kept(const struct proxy *proxy)
{
    return atomic_load(&proxy->kept);
}

void proxy_let_go(struct proxy *proxy)
{
    atomic_store(&proxy->must_let_go, true);
    while (atomic_load(&proxy->must_let_go) || atomic_load(&proxy->ghosts) > 0) {
        usleep(500);
    }
}

void proxy_cut(struct proxy *proxy)
{
    atomic_store(&proxy->must_cut, true);
    while (atomic_load(&proxy->must_cut)) {
        usleep(500);
    }
}
