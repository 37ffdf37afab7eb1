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
    HOLDERS_MAX = 1024,
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

/* Sockets that take what is sent to one of some addresses and a port. */
struct holders {
    const union address *addresses;
    size_t address_count;
    uint16_t port;
    unsigned long inodes[HOLDERS_MAX];
    size_t count;
};

static bool is_everywhere(const union address *address)
{
    return address->any.sa_family == AF_INET ? !address->v4.sin_addr.s_addr : IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr);
}

/* Could not both be listened on at one port? "::" is every address of both families. */
static bool are_in_the_way(const union address *a, const union address *b)
{
    if (a->any.sa_family != b->any.sa_family)
        return is_everywhere(a->any.sa_family == AF_INET6 ? a : b);
    if (is_everywhere(a) || is_everywhere(b))
        return true;
    return a->any.sa_family == AF_INET ? a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr
                                       : IN6_ARE_ADDR_EQUAL(&a->v6.sin6_addr, &b->v6.sin6_addr);
}

/* From the kernel's hexadecimal digits: words of 32 bits, each as a number of this machine. */
static bool read_address(const char *digits, union address *address)
{
    uint32_t words[4];
    size_t count = strlen(digits) / 8;
    *address = (union address){.any.sa_family = count == 1 ? AF_INET : AF_INET6};
    for (size_t i = 0; i < count; i++) {
        char word[9] = "";
        memcpy(word, digits + i * 8, 8);
        words[i] = (uint32_t)strtoul(word, NULL, 16);
    }
    if (count == 1)
        memcpy(&address->v4.sin_addr, words, 4);
    else if (count == 4)
        memcpy(&address->v6.sin6_addr, words, 16);
    return count == 1 || count == 4;
}

/* Adds what listens there, from one of the tables of /proc/net. */
static void find_sockets(struct holders *holders, const char *table)
{
    FILE *file = fopen(table, "re");
    char line[512], digits[33];
    while (file && holders->count < HOLDERS_MAX && fgets(line, sizeof(line), file)) {
        unsigned local_port, state;
        unsigned long inode;
        union address address;
        if (sscanf(line, " %*[^:]: %32[0-9A-Fa-f]:%x %*[^:]:%*x %x %*s %*s %*s %*s %*s %lu", digits, &local_port, &state,
                   &inode) != 4 ||
            local_port != holders->port || state != TCP_LISTEN || !read_address(digits, &address))
            continue;
        for (size_t i = 0; i < holders->address_count; i++)
            if (are_in_the_way(&address, &holders->addresses[i])) {
                holders->inodes[holders->count++] = inode;
                break;
            }
    }
    if (file)
        fclose(file);
}

static bool process_has_one(const char *pid, const struct holders *holders)
{
    char folder[300];
    snprintf(folder, sizeof(folder), "/proc/%.20s/fd", pid);
    DIR *fds = opendir(folder);
    bool has = false;
    for (struct dirent *entry; fds && !has && (entry = readdir(fds));) {
        char target[64];
        unsigned long inode;
        ssize_t len = readlinkat(dirfd(fds), entry->d_name, target, sizeof(target) - 1);
        target[len > 0 ? len : 0] = '\0';
        if (sscanf(target, "socket:[%lu]", &inode) != 1)
            continue;
        for (size_t i = 0; i < holders->count; i++)
            has = has || holders->inodes[i] == inode;
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

pid_t listener_holder(char *const *addresses, size_t address_count, uint16_t port, const char *wanted, char name[32])
{
    union address parsed[ADDRESSES_MAX];
    struct holders holders = {.addresses = parsed, .port = port};
    for (size_t i = 0; i < address_count && holders.address_count < ADDRESSES_MAX; i++)
        holders.address_count += parse_address(addresses[i], port, &parsed[holders.address_count]);
    find_sockets(&holders, "/proc/net/tcp");
    find_sockets(&holders, "/proc/net/tcp6");
    DIR *processes = holders.count ? opendir("/proc") : NULL;
    pid_t found = 0;
    for (struct dirent *entry; processes && !found && (entry = readdir(processes));) {
        if (entry->d_name[0] < '0' || entry->d_name[0] > '9' || !process_has_one(entry->d_name, &holders))
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
static void describe_holder(const char *address, uint16_t port, char *who, size_t room)
{
    char name[32], *one[] = {(char *)address};
    pid_t pid = listener_holder(one, 1, port, NULL, name);
    *who = '\0';
    if (pid)
        snprintf(who, room, " by %s (process %d)", name, (int)pid);
}

static enum gl_code explain(int error, const char *address, uint16_t port, struct gl_err *err)
{
    char who[128];
    if (error == EADDRINUSE) {
        describe_holder(address, port, who, sizeof(who));
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

/* ---- under another program */

void listener_hand_over(const struct listener *listener, struct handover *handover)
{
    handover_say(handover, "listener %zu %zu %u %d %s", listener->sets, listener->per_set, listener->port, listener->is_inherited,
                 listener->host);
    for (size_t i = 0; i < listener->sets * listener->per_set; i++) {
        handover_say(handover, "listening %zu %d", i, listener->fds[i]);
        handover_keep(handover, listener->fds[i]);
    }
}

bool listener_take_over(struct listener *listener, const struct handover *handover)
{
    size_t sets, per_set, at, count = 0;
    unsigned port;
    int is_inherited, fd;
    const char *line = handover_next(handover, "listener", NULL);
    *listener = (struct listener){0};
    if (!line || sscanf(line, "%zu %zu %u %d %63s", &sets, &per_set, &port, &is_inherited, listener->host) != 5)
        return false;
    make_room(listener, sets, per_set);
    listener->port = (uint16_t)port;
    listener->is_inherited = is_inherited;
    for (line = NULL; (line = handover_next(handover, "listening", line));)
        if (sscanf(line, "%zu %d", &at, &fd) == 2 && at < sets * per_set && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) {
            listener->fds[at] = fd;
            count++;
        }
    return count == sets * per_set;
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
