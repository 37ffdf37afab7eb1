/*
 * tell_server.h - the server on this machine that has these settings, and telling it something by a signal.
 *
 * Owns      nothing.
 * Thread    the main thread.
 * Errors    0, after a sentence, when nobody who may be told listens there.
 */
#ifndef TELL_SERVER_H
#define TELL_SERVER_H

#include <sys/types.h>

#include "service/admin/admin.h"

/* Its process, which has been told. */
pid_t tell_server(const struct settings *settings, int signal_number);

#endif
