/*
 * ask.h - one question to the server on this machine that has these settings, over HTTPS.
 *
 * Owns      its connection, until it returns.
 * Thread    the main thread; blocks until the answer is there or the time is over.
 * Units     milliseconds.
 * Errors    GL_E_SETTING when the settings do not say where it listens; GL_E_GONE when nobody answers there, not in time or not the whole.
 *
 * The certificate is not looked at: nothing secret is asked or told, and whoever listens on a port of this machine is not told from another by a name.
 */
#ifndef ASK_H
#define ASK_H

#include "proto/gl_buf.h"
#include "service/base/settings.h"

/* The answer's status, and its body into *body (initialised by the caller). */
enum gl_code ask_server(const struct settings *settings, const char *path, uint64_t at_most_ms, unsigned *status,
                        struct gl_buf *body, struct gl_err *err) GL_MUST_USE;

struct gl_slice ask_first_line(const struct gl_buf *body);

#endif
