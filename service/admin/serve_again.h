/*
 * serve_again.h - `glossd restart`: the program file that is installed now takes the place of the one that runs.
 *
 * Thread    the main thread of the supervisor, or of a process that was made for it.
 * Errors    an exit code of admin.h from the rehearsal; serve_again_exchange returns only when it failed, with errno.
 *
 * The process stays, and with it its number, its children and the sockets: whoever looks after it (systemd, an engine) sees nothing. The arguments are those that it
 * was started with, file and environment are read anew.
 */
#ifndef SERVE_AGAIN_H
#define SERVE_AGAIN_H

#include "service/base/handover.h"

void serve_again_note_program(void); /* which file that is: once, at the beginning, before it can be replaced */
/* In a process of its own: becomes that program, which says with its exit code whether it could go on from here. */
int serve_again_rehearse(void);
void serve_again_exchange(struct handover *handover);

#endif
