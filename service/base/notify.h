/*
 * notify.h - telling systemd how we are, when it asked for that (NOTIFY_SOCKET).
 *
 * Owns      nothing.
 * Thread    one at a time.
 * Errors    none: what cannot be sent is not sent.
 * Source    sd_notify(3); a datagram is all there is to it, so no library.
 */
#ifndef NOTIFY_H
#define NOTIFY_H

void notify_send(const char *state); /* "READY=1" */

#endif
