#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "service/base/seat.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void seat_beat(struct seat *seat)
{
    atomic_fetch_add_explicit(seat->beats, 1, memory_order_relaxed);
}

void seat_say_ready(struct seat *seat)
{
    seat_send(seat->control_fd, &(struct seat_message){.kind = SEAT_SAYS_READY}, -1);
}

void seat_kill_helper(struct seat *seat, unsigned slot, uint64_t generation)
{
    seat_send(seat->control_fd, &(struct seat_message){SEAT_SAYS_KILL, slot, generation}, -1);
}

enum seat_news seat_read(struct seat *seat, struct seat_helper *helper)
{
    struct seat_message message;
    int got;
    while ((got = seat_receive(seat->control_fd, &message, &helper->fd)) > 0) {
        if (message.kind == SEAT_SAYS_HELPER && helper->fd >= 0 && message.slot < seat->helpers) {
            helper->slot = message.slot;
            helper->generation = message.generation;
            return SEAT_HELPER;
        }
        if (helper->fd >= 0)
            close(helper->fd);
    }
    return got < 0 ? SEAT_ALONE : SEAT_NOTHING;
}

bool seat_pair(int fds[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0;
}

union ancillary {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

bool seat_send(int control_fd, const struct seat_message *message, int fd)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)message, .iov_len = sizeof(*message)};
    union ancillary ancillary = {0};
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd >= 0) {
        ancillary.header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&ancillary.header), &fd, sizeof(fd));
        packet.msg_control = ancillary.bytes;
        packet.msg_controllen = sizeof(ancillary.bytes);
    }
    ssize_t sent;
    do
        sent = sendmsg(control_fd, &packet, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)sizeof(*message);
}

int seat_receive(int control_fd, struct seat_message *message, int *fd)
{
    struct iovec part = {.iov_base = message, .iov_len = sizeof(*message)};
    union ancillary ancillary = {0};
    struct msghdr packet = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = ancillary.bytes, .msg_controllen = sizeof(ancillary.bytes)};
    ssize_t got;
    *fd = -1;
    do
        got = recvmsg(control_fd, &packet, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return errno == EAGAIN ? 0 : -1;
    const struct cmsghdr *header = CMSG_FIRSTHDR(&packet);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(fd, CMSG_DATA(header), sizeof(*fd));
    return got == (ssize_t)sizeof(*message) ? 1 : -1;
}
