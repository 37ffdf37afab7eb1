#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "service/base/listener.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "service/base/mem.h"

enum {
    ADDRESSES_MAX = 16,
    /* All who lost a worker come at once; beyond it the kernel drops their SYNs, and they wait for seconds. net.core.somaxconn (4096) bounds it. */
    BACKLOG = 65535,
    SYSTEMD_FIRST_FD = 3,
    SYSTEMD_FDS_MAX = 64,
    /* The workers of a supervisor that was killed this moment may hold the port a little longer. */
    TRIES = 20,
    TRY_EVERY_MS = 100,
};

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* ---- addresses */

/* "*" is every IPv6 and, on the same socket, every IPv4 address. Names are not looked up: which address one gives is nothing to leave to chance. */
static bool parse_address(const char *text, uint16_t port, union address *address)
{
    *address = (union address){0};
    char bare[INET6_ADDRSTRLEN + 2];
    size_t len = strlen(text);
    if (len >= sizeof(bare))
        return false;
    memcpy(bare, text, len + 1);
    if (len > 2 && bare[0] == '[' && bare[len - 1] == ']') {
        memmove(bare, bare + 1, len - 2);
        bare[len - 2] = '\0';
    }
    if (!strcmp(bare, "localhost"))
        strcpy(bare, "127.0.0.1");
    if (!strcmp(bare, "*"))
        strcpy(bare, "::");
    if (inet_pton(AF_INET, bare, &address->v4.sin_addr) == 1) {
        address->v4.sin_family = AF_INET;
        address->v4.sin_port = htons(port);
        return true;
    }
    if (inet_pton(AF_INET6, bare, &address->v6.sin6_addr) == 1) {
        address->v6.sin6_family = AF_INET6;
        address->v6.sin6_port = htons(port);
        return true;
    }
    return false;
}

static socklen_t address_len(const union address *address)
{
    return address->any.sa_family == AF_INET ? sizeof(address->v4) : sizeof(address->v6);
}

static uint16_t address_port(const union address *address)
{
    return ntohs(address->any.sa_family == AF_INET ? address->v4.sin_port : address->v6.sin6_port);
}

static void write_host(const union address *address, char host[64])
{
    char text[INET6_ADDRSTRLEN] = "";
    if (address->any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &address->v4.sin_addr, text, sizeof(text));
        snprintf(host, 64, "%s", address->v4.sin_addr.s_addr ? text : "127.0.0.1");
    } else {
        inet_ntop(AF_INET6, &address->v6.sin6_addr, text, sizeof(text));
        if (IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr))
            snprintf(host, 64, "127.0.0.1");
        else
            snprintf(host, 64, "[%s]", text);
    }
}

/* ---- who has a port */

/* The inode of the socket that listens on port, from one of the tables of /proc/net; 0 when it is not there. */
static unsigned long listening_inode(const char *table, uint16_t port)
{
    FILE *file = fopen(table, "re");
    char line[512];
    unsigned long found = 0;
    while (file && !found && fgets(line, sizeof(line), file)) {
        unsigned local_port, state;
        unsigned long inode;
        if (sscanf(line, " %*[^:]: %*[^:]:%x %*[^:]:%*x %x %*s %*s %*s %*s %*s %lu", &local_port, &state, &inode) == 3 &&
            local_port == port && state == TCP_LISTEN)
            found = inode;
    }
    if (file)
        fclose(file);
    return found;
}

static bool process_has(const char *pid, const char *link)
{
    char folder[300];
    snprintf(folder, sizeof(folder), "/proc/%.20s/fd", pid);
    DIR *fds = opendir(folder);
    bool has = false;
    for (struct dirent *entry; fds && !has && (entry = readdir(fds));) {
        char target[64];
        ssize_t len = readlinkat(dirfd(fds), entry->d_name, target, sizeof(target) - 1);
        if (len > 0) {
            target[len] = '\0';
            has = !strcmp(target, link);
        }
    }
    if (fds)
        closedir(fds);
    return has;
}

static void read_name(const char *pid, char name[32])
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
    FILE *comm = fopen(path, "re");
    snprintf(name, 32, "a process");
    if (comm && fgets(name, 32, comm))
        name[strcspn(name, "\n")] = '\0';
    if (comm)
        fclose(comm);
}

pid_t listener_holder(uint16_t port, const char *wanted, char name[32])
{
    unsigned long inode = listening_inode("/proc/net/tcp", port);
    if (!inode)
        inode = listening_inode("/proc/net/tcp6", port);
    char link[64];
    snprintf(link, sizeof(link), "socket:[%lu]", inode);
    DIR *processes = inode ? opendir("/proc") : NULL;
    pid_t found = 0;
    for (struct dirent *entry; processes && !found && (entry = readdir(processes));) {
        if (entry->d_name[0] < '0' || entry->d_name[0] > '9' || !process_has(entry->d_name, link))
            continue;
        read_name(entry->d_name, name);
        if (!wanted || !strcmp(name, wanted))
            found = (pid_t)strtol(entry->d_name, NULL, 10);
    }
    if (processes)
        closedir(processes);
    return found;
}

/* "nginx (process 123)", or nothing when /proc does not say (another user's process). */
static void describe_holder(uint16_t port, char *who, size_t room)
{
    char name[32];
    pid_t pid = listener_holder(port, NULL, name);
    *who = '\0';
    if (pid)
        snprintf(who, room, " by %s (process %d)", name, (int)pid);
}

static enum gl_code explain(int error, const char *address, uint16_t port, struct gl_err *err)
{
    char who[128];
    if (error == EADDRINUSE) {
        describe_holder(port, who, sizeof(who));
        return gl_fail(err, GL_E_EXISTS,
                       "port %u on %s is taken%s; end that program, or choose another port with the setting port", port, address,
                       who);
    }
    if (error == EACCES)
        return gl_fail(
            err, GL_E_FORBIDDEN,
            "this user may not listen on port %u; choose one from 1024 up with the setting port, or give the program CAP_NET_BIND_SERVICE",
            port);
    if (error == EADDRNOTAVAIL)
        return gl_fail(err, GL_E_SETTING, "%s is no address of this machine; correct the setting listen", address);
    return gl_fail(err, GL_E_SYSTEM, "cannot listen on %s port %u: %s", address, port, strerror(error));
}

/* ---- sockets */

static void pause_ms(long ms)
{
    struct timespec wait = {.tv_nsec = ms * 1000000};
    nanosleep(&wait, NULL);
}

/* A socket bound to address, or -1 and errno. shares: with the other sets. */
static int bind_socket(const union address *address, bool shares)
{
    const int on = 1, off = 0;
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (address->any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr) ? &off : &on, sizeof(on));
    if (shares)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    if (!bind(fd, &address->any, address_len(address)) && !listen(fd, BACKLOG))
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

/* With SO_REUSEPORT another server of the same user could take half of our connections, or we half of its. So first without. */
static int probe(const union address *address)
{
    int fd = -1;
    for (int tried = 0; tried < TRIES; tried++) {
        fd = bind_socket(address, false);
        if (fd >= 0 || errno != EADDRINUSE)
            break;
        pause_ms(TRY_EVERY_MS);
    }
    if (fd >= 0)
        close(fd);
    return fd < 0 ? -1 : 0;
}

static enum gl_code open_address(struct listener *listener, size_t at, const char *text, struct gl_err *err)
{
    union address address;
    if (!parse_address(text, listener->port, &address))
        return gl_fail(err, GL_E_SETTING,
                       "\"%.80s\" in the setting listen is not an IPv4 or IPv6 address (names are not looked up), nor *", text);
    if (listener->port && probe(&address))
        return explain(errno, text, listener->port, err);
    for (size_t set = 0; set < listener->sets; set++) {
        int fd = bind_socket(&address, true);
        if (fd < 0)
            return explain(errno, text, listener->port, err);
        listener->fds[set * listener->per_set + at] = fd;
        socklen_t len = sizeof(address);
        getsockname(fd, &address.any, &len);
        listener->port = address_port(&address); /* the kernel's choice holds for all that follow */
    }
    if (at == 0)
        write_host(&address, listener->host);
    return GL_OK;
}

static void make_room(struct listener *listener, size_t sets, size_t per_set)
{
    listener->sets = sets;
    listener->per_set = per_set;
    listener->fds = mem_array(sets * per_set, sizeof(*listener->fds));
    for (size_t i = 0; i < sets * per_set; i++)
        listener->fds[i] = -1;
}

/* How many sockets systemd hands over; none when they are for another process. */
static size_t systemd_count(void)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    if (!pid || !count || strtol(pid, NULL, 10) != getpid())
        return 0;
    long number = strtol(count, NULL, 10);
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return number > 0 && number <= SYSTEMD_FDS_MAX ? (size_t)number : 0;
}

static enum gl_code take_over(struct listener *listener, size_t sets, size_t count, struct gl_err *err)
{
    make_room(listener, sets, count);
    listener->is_inherited = true;
    for (size_t at = 0; at < count; at++) {
        int fd = SYSTEMD_FIRST_FD + (int)at, is_listening = 0;
        socklen_t len = sizeof(is_listening);
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &len) || !is_listening)
            return gl_fail(err, GL_E_SETTING, "descriptor %d of LISTEN_FDS is not a listening socket; correct the socket unit",
                           fd);
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
        for (size_t set = 0; set < sets; set++)
            listener->fds[set * count + at] = set ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : fd;
    }
    union address address = {0};
    socklen_t len = sizeof(address);
    getsockname(SYSTEMD_FIRST_FD, &address.any, &len);
    listener->port = address_port(&address);
    write_host(&address, listener->host);
    return GL_OK;
}

enum gl_code listener_open(struct listener *listener, char *const *addresses, size_t address_count, uint16_t port, size_t sets,
                           struct gl_err *err)
{
    *listener = (struct listener){.port = port};
    size_t inherited = systemd_count();
    enum gl_code code = GL_OK;
    if (inherited) {
        code = take_over(listener, sets, inherited, err);
    } else if (address_count > ADDRESSES_MAX) {
        code = gl_fail(err, GL_E_SETTING, "the setting listen has %zu addresses; there can be %d", address_count, ADDRESSES_MAX);
    } else {
        make_room(listener, sets, address_count);
        for (size_t at = 0; at < address_count && !code; at++)
            code = open_address(listener, at, addresses[at], err);
    }
    if (code)
        listener_close(listener);
    return code;
}

const int *listener_set(const struct listener *listener, size_t set)
{
    return listener->fds + set * listener->per_set;
}

void listener_keep(struct listener *listener, size_t set)
{
    for (size_t i = 0; i < listener->sets * listener->per_set; i++)
        if (i / listener->per_set != set && listener->fds[i] >= 0) {
            close(listener->fds[i]);
            listener->fds[i] = -1;
        }
}

void listener_close(struct listener *listener)
{
    for (size_t i = 0; i < listener->sets * listener->per_set; i++)
        if (listener->fds && listener->fds[i] >= 0)
            close(listener->fds[i]);
    mem_free(&listener->fds);
    listener->sets = listener->per_set = 0;
}
