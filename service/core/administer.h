/*
 * administer.h - between the methods by which administrators see to the whole server.
 *
 * Owns      nothing; what is filled in lends from rows and the request's arena.
 * Thread    the loop thread.
 * Errors    GL_E_FORBIDDEN comes from the database, too: its functions look who asks, so whoever administrates no more since hello is refused.
 * Source    PROTOCOL.md, "Administration"; migrations 0016, 0017 and 0020.
 */
#ifndef ADMINISTER_H
#define ADMINISTER_H

#include "service/core/library.h"

/* From where the request comes, as audit notes it. */
struct store_param administer_from(const struct request *request);
/* The account of this name: fn goes on with it. Otherwise the request is answered, with path for the parameter that named it. */
void administer_find(struct request *request, struct gl_slice name, const char *path,
                     void (*fn)(struct request *request, const gl_uuid *account));
/* The answer of STORE_Q_administers, where the database's own functions do not ask: true when the request is answered, because it failed or who asks does not. */
bool administers_failed(struct request *request, enum gl_code code, const struct store_rows *rows);
/* Nobody waits any more for what workers answer: this core goes. */
void administer_end(struct core *core);

#endif
