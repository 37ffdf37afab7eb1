/* The sockets that the service listens on. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "service/base/listener.h"
#include "tests/support/suite.h"

static struct gl_err err;

static char *addresses(const char *text)
{
    static char copy[64];
    snprintf(copy, sizeof(copy), "%s", text);
    return copy;
}

static void expect_said(const char *words)
{
    ck_assert_msg(strstr(err.detail, words) != NULL, "\"%s\" does not say \"%s\"", err.detail, words);
}

/* A socket connected to 127.0.0.1, port; -1 when refused. */
static int connect_to(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    close(fd);
    return -1;
}

START_TEST(listener_open__for_several_workers__each_has_a_queue_on_the_same_port)
{
    struct listener listener;
    char *list[] = {addresses("127.0.0.1")};
    ck_assert_msg(!listener_open(&listener, list, 1, 0, 4, &err), "%s", err.detail);
    ck_assert_uint_gt(listener.port, 0);
    ck_assert_str_eq(listener.host, "127.0.0.1");
    int fds[64], reached = 0;
    for (int i = 0; i < 64; i++)
        ck_assert_int_ge(fds[i] = connect_to(listener.port), 0);
    for (size_t set = 0; set < 4; set++) {
        struct pollfd ready = {.fd = listener_set(&listener, set)[0], .events = POLLIN};
        reached += poll(&ready, 1, 60000) == 1;
    }
    ck_assert_int_eq(reached, 4);
    for (int i = 0; i < 64; i++)
        close(fds[i]);
    listener_close(&listener);
}
END_TEST

/* As many as lost their worker, while nobody takes them; where the kernel and the descriptors allow it. */
START_TEST(listener_open__a_crowd_while_its_worker_is_dead__waits_in_the_queue)
{
    enum { CROWD = 1500 };
    static int fds[CROWD];
    unsigned most = 0;
    FILE *file = fopen("/proc/sys/net/core/somaxconn", "re");
    ck_assert_msg(file && fscanf(file, "%u", &most) == 1, "somaxconn cannot be read");
    fclose(file);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max < CROWD + 100 ? limit.rlim_max : CROWD + 100;
    setrlimit(RLIMIT_NOFILE, &limit);
    size_t count = limit.rlim_cur < CROWD + 100 || most < CROWD ? 100 : CROWD;
    struct listener listener;
    char *list[] = {addresses("127.0.0.1")};
    ck_assert_msg(!listener_open(&listener, list, 1, 0, 1, &err), "%s", err.detail);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(listener.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_ge(fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), 0);
        connect(fds[i], (struct sockaddr *)&address, sizeof(address));
        struct pollfd there = {.fd = fds[i], .events = POLLOUT};
        ck_assert_msg(poll(&there, 1, 60000) == 1, "connection %zu of %zu waits", i + 1, count);
    }
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
    listener_close(&listener);
}
END_TEST

START_TEST(listener_keep__closes_what_belongs_to_others)
{
    struct listener listener;
    char *list[] = {addresses("127.0.0.1")};
    ck_assert(!listener_open(&listener, list, 1, 0, 2, &err));
    int other = listener_set(&listener, 0)[0];
    listener_keep(&listener, 1);
    ck_assert_int_eq(fcntl(other, F_GETFD), -1);
    ck_assert_int_ge(fcntl(listener_set(&listener, 1)[0], F_GETFD), 0);
    listener_close(&listener);
}
END_TEST

START_TEST(listener_open__port_that_is_taken__says_by_whom_and_what_to_do)
{
    struct listener first, second;
    char *list[] = {addresses("127.0.0.1")}, process[64];
    ck_assert(!listener_open(&first, list, 1, 0, 1, &err));
    ck_assert_int_eq(listener_open(&second, list, 1, first.port, 1, &err), GL_E_EXISTS);
    snprintf(process, sizeof(process), "(process %d)", getpid());
    expect_said(process);
    expect_said("the setting port");
    uint16_t port = first.port;
    listener_close(&first);
    ck_assert_msg(!listener_open(&second, list, 1, port, 1, &err), "%s", err.detail);
    listener_close(&second);
}
END_TEST

static const struct {
    const char *what, *address, *said;
    enum gl_code code;
} wrong[] = {
    {"a name", "example.org", "names are not looked up", GL_E_SETTING},
    {"nonsense", "300.1.2.3", "not an IPv4 or IPv6 address", GL_E_SETTING},
    {"somebody else's address", "192.0.2.1", "no address of this machine", GL_E_SETTING},
};

START_TEST(listener_open__address_that_is_wrong__is_named)
{
    struct listener listener;
    char *list[] = {addresses(wrong[_i].address)};
    ck_assert_msg(listener_open(&listener, list, 1, 0, 1, &err) == wrong[_i].code, "%s", wrong[_i].what);
    expect_said(wrong[_i].said);
    expect_said(wrong[_i].address);
}
END_TEST

START_TEST(listener_open__star__takes_both_families)
{
    struct listener listener;
    char *list[] = {addresses("*")};
    ck_assert_msg(!listener_open(&listener, list, 1, 0, 1, &err), "%s", err.detail);
    int fd = connect_to(listener.port);
    ck_assert_int_ge(fd, 0);
    close(fd);
    listener_close(&listener);
}
END_TEST

/* As systemd does it: descriptor 3, and the variables in the environment of that very process. */
START_TEST(listener_open__with_sockets_from_systemd__uses_them)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        bind(fd, (struct sockaddr *)&address, sizeof(address));
        listen(fd, 8);
        dup2(fd, 3);
        char self[16];
        snprintf(self, sizeof(self), "%d", getpid());
        setenv("LISTEN_PID", self, 1);
        setenv("LISTEN_FDS", "1", 1);
        struct listener listener;
        char *list[] = {addresses("192.0.2.1")}; /* would fail */
        if (listener_open(&listener, list, 1, 1, 2, &err) || !listener.is_inherited || listener.port < 2 || getenv("LISTEN_FDS"))
            _exit(1);
        int client = connect_to(listener.port);
        int accepted = accept(listener_set(&listener, 1)[0], NULL, NULL);
        _exit(client < 0 || accepted < 0 || listener_set(&listener, 0)[0] != 3 ? 2 : 0);
    }
    int status;
    waitpid(pid, &status, 0);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", (unsigned)status);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_test(tests, listener_open__for_several_workers__each_has_a_queue_on_the_same_port);
    tcase_add_test(tests, listener_open__a_crowd_while_its_worker_is_dead__waits_in_the_queue);
    tcase_add_test(tests, listener_keep__closes_what_belongs_to_others);
    tcase_add_test(tests, listener_open__port_that_is_taken__says_by_whom_and_what_to_do);
    tcase_add_loop_test(tests, listener_open__address_that_is_wrong__is_named, 0, sizeof(wrong) / sizeof(*wrong));
    tcase_add_test(tests, listener_open__star__takes_both_families);
    tcase_add_test(tests, listener_open__with_sockets_from_systemd__uses_them);
}

int main(void)
{
    return suite_run("listener", add);
}
