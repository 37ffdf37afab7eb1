/*
 * socket.h - what we want of a TCP socket, and ask of it. Apart, because Linux's header for it and the C library's do not go
 * together.
 *
 * Owns      nothing; the descriptor is lent.
 * Thread    any.
 * Errors    none: a socket that is no TCP is left as it is, and has acknowledged nothing.
 */
#ifndef NET_SOCKET_H
#define NET_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A machine that has vanished is noticed by the kernel, too, after gone_ms without a sign of it: also when we have closed the socket and only the kernel still
 * holds what was not taken. */
void socket_tune(
    int fd, uint64_t gone_ms); /* no delay; the kernel holds little that is not under way, so that a slow reader shows early */
/* Of a listening socket: a newcomer is told of when it has said something, or after a second or two; a TCP connection that says nothing costs nothing until then. */
void socket_defer(int fd);
/* What is written goes when a segment is full, or at the latest when it is no longer held: so the pieces of something long are sent, and whoever reads is woken, once. */
void socket_hold(int fd, bool is_held);
/* It counts as readable when so many bytes are there, or its end. */
void socket_await(int fd, size_t bytes);
/* The other end has said that nothing more comes, or is gone. */
bool socket_is_over(int fd);
/* When it is closed what was not taken is thrown away, and the other end told so: else the kernel keeps it, for minutes, for one that does not read. */
void socket_abandon(int fd);
/* Bytes that came, bytes that were acknowledged, and the smoothed round trip in microseconds. */
void socket_traffic(int fd, uint64_t *bytes_in, uint64_t *bytes_out, uint64_t *round_trip_us);
/* How many bytes the other end's machine has acknowledged. It stops doing so when its program does not read. */
uint64_t socket_acknowledged(int fd);
bool socket_has_input(int fd);  /* something has come that was not read */
bool socket_has_unread(int fd); /* something was sent that is not acknowledged */

#endif
