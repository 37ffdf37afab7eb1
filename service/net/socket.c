#include "service/net/socket.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define UNSENT_BYTES     65536
#define STATE_CLOSE      7 /* as the kernel numbers them (net/tcp_states.h) */
#define STATE_CLOSE_WAIT 8
#define DEFER_S          1 /* the kernel makes of it one more answer to the first packet */

void socket_tune(int fd, uint64_t gone_ms)
{
    int on = 1, unsent = UNSENT_BYTES, probes = 3, every_s = (int)(gone_ms / 4000) + 1;
    unsigned gone = (unsigned)gone_ms;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &every_s, sizeof every_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every_s, sizeof every_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &gone, sizeof gone);
}

void socket_defer(int fd)
{
    int seconds = DEFER_S;
    setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds);
}

void socket_hold(int fd, bool is_held)
{
    int on = is_held;
    setsockopt(fd, IPPROTO_TCP, TCP_CORK, &on, sizeof on);
}

void socket_await(int fd, size_t bytes)
{
    int least = (int)bytes;
    setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &least, sizeof least);
}

bool socket_is_over(int fd)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof info;
    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len);
    return info.tcpi_state == STATE_CLOSE || info.tcpi_state == STATE_CLOSE_WAIT;
}

void socket_abandon(int fd)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void socket_traffic(int fd, uint64_t *bytes_in, uint64_t *bytes_out, uint64_t *round_trip_us)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof info;
    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len);
    *bytes_in = info.tcpi_bytes_received;
    *bytes_out = info.tcpi_bytes_acked;
    *round_trip_us = info.tcpi_rtt;
}

bool socket_has_input(int fd)
{
    int left = 0;
    return ioctl(fd, SIOCINQ, &left) == 0 && left > 0;
}

bool socket_has_unread(int fd)
{
    int left = 0;
    return ioctl(fd, SIOCOUTQ, &left) == 0 && left > 0;
}

uint64_t socket_acknowledged(int fd)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof info;
    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len);
    return info.tcpi_bytes_acked;
}
