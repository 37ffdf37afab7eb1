/*
 * resolve.h - from a host's name to its addresses, without waiting.
 *
 * Owns      one look-up. The system's resolver can only be asked by waiting, so a short-lived thread waits; it may outlive the
 *           look-up that started it, and then frees what they shared.
 * Lifetime  lg_resolve_new / lg_resolve_free (at any time).
 * Thread    the caller's.
 * Errors    GL_E_NOMEM, GL_E_SYSTEM (no thread, no descriptor) at the beginning; GL_E_UNREACHABLE in the result.
 */
#ifndef LG_RESOLVE_H
#define LG_RESOLVE_H

#include <netinet/in.h>

#include "proto/gl_err.h"

#define LG_ADDRESSES_MAX 8
#define LG_ADDRESS_TEXT  INET6_ADDRSTRLEN

struct lg_resolve;

enum gl_code lg_resolve_new(const char *host, struct lg_resolve **resolve, struct gl_err *err) GL_MUST_USE;
void lg_resolve_free(struct lg_resolve **resolve);
int lg_resolve_fd(const struct lg_resolve *resolve); /* readable when the result is there; -1: it is there already */
/* Numeric addresses in the order in which to try them. */
enum gl_code lg_resolve_result(struct lg_resolve *resolve, char addresses[LG_ADDRESSES_MAX][LG_ADDRESS_TEXT], size_t *count,
                               struct gl_err *err) GL_MUST_USE;

#endif
