/*
 * url.h - the address of a server, taken apart.
 *
 * Owns      copies of its parts.
 * Lifetime  lg_url_init / lg_url_fini, embedded in yours.
 * Thread    any.
 * Errors    GL_E_SETTING with what is wrong, GL_E_NOMEM.
 */
#ifndef LG_URL_H
#define LG_URL_H

#include <stdint.h>

#include "proto/gl_err.h"

struct lg_url {
    char *host;      /* a name or a numeric address, without brackets */
    char *authority; /* host:port as it goes into the Host header */
    char *path;      /* of the WebSocket, "/ws" */
    uint16_t port;
};

/* https://host[:port]/ (then "ws" is added to the path) or wss://host[:port]/path. */
enum gl_code lg_url_init(struct lg_url *url, const char *text, struct gl_err *err) GL_MUST_USE;
void lg_url_fini(struct lg_url *url);

#endif
