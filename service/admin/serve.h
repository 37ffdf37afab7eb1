/*
 * serve.h - a worker of `glossd serve`, wired together: loop, store, core, helpers, network.
 *
 * Owns      everything of the worker, until serve_worker() returns.
 * Thread    serve_worker() runs in a process of its own and returns when that should end.
 * Errors    an exit code of admin.h; what was wrong has been said.
 */
#ifndef SERVE_H
#define SERVE_H

#include "service/admin/admin.h"
#include "service/base/seat.h"

/* Of what the table of settings cannot check: networks. */
enum gl_code serve_check(const struct settings *settings, struct gl_err *err) GL_MUST_USE;
/* Whether the database fits. One that is not there is waited for by whoever serves; is_strict: that is wrong, too. */
int serve_check_database(const struct settings *settings, bool is_strict);
int serve_worker(struct settings *settings, struct seat *seat);
/* Why the service cannot be started or go on, for people: as a sentence, or as a line of the log when that is JSON. */
void serve_fail(const struct settings *settings, const char *fmt, ...) GL_PRINTF(2, 3);

#endif
