/*
 * listener.h - the sockets that the service listens on.
 *
 * Owns      the descriptors, from listener_open to listener_close. One set a worker: each socket has a queue of its own, and the supervisor keeps it
 *           open, so that those who connect while a worker is dead wait for its successor.
 * Lifetime  listener_open / listener_close. A process that serves one set closes the others with listener_keep.
 * Thread    one at a time.
 * Errors    GL_E_SETTING for an address that is none; GL_E_EXISTS when the port is taken (the detail names who has it and what to do); GL_E_FORBIDDEN
 *           for a port that this user may not have; GL_E_SYSTEM otherwise.
 * Source    socket(7) SO_REUSEPORT; sd_listen_fds(3): sockets that systemd hands over are used instead, shared by all workers.
 */
#ifndef LISTENER_H
#define LISTENER_H

#include <stdint.h>
#include <sys/types.h>

#include "service/base/handover.h"

struct listener {
    int *fds; /* sets * per_set of them, set after set */
    size_t sets;
    size_t per_set;
    uint16_t port; /* the real one, when 0 was asked for */
    bool is_inherited;
    char host[64]; /* of the first address, as it stands in a URL: where it can be reached from this machine */
};

enum gl_code listener_open(struct listener *listener, char *const *addresses, size_t address_count, uint16_t port, size_t sets,
                           struct gl_err *err) GL_MUST_USE;
/* Of the same process under another program; true: there they are. */
void listener_hand_over(const struct listener *listener, struct handover *handover);
bool listener_take_over(struct listener *listener, const struct handover *handover) GL_MUST_USE;
/* Who listens on port at one of the addresses: its process, and what it is called; wanted, unless NULL, is how it must be called. 0: nobody, or
   another user's. */
pid_t listener_holder(char *const *addresses, size_t address_count, uint16_t port, const char *wanted, char name[32]);
const int *listener_set(const struct listener *listener, size_t set); /* per_set descriptors, non-blocking */
void listener_keep(struct listener *listener, size_t set);            /* closes all others */
void listener_close(struct listener *listener);

#endif
