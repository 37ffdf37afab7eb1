/*
 * tell.h - whom an op concerns: who is named in a note, whose annotation is answered, or decided about by somebody else.
 *
 * Owns      nothing.
 * Thread    any; pure.
 * Errors    none.
 * Source    PROTOCOL.md, "The inbox".
 */
#ifndef TELL_H
#define TELL_H

#include "proto/model/state.h"

/* Called for each reason to tell somebody: account, or (NULL) whoever is called name, which is lent from the note. Who is a member, and which account a name
 * is, the database knows; so it is with those who are told of their own doing by name. */
typedef void (*tell_fn)(void *ctx, const char *why, const gl_uuid *account, struct gl_slice name);
/* An op of that kind by an account, before (NULL: new) and after; answered: who made what after answers (NULL: it answers nothing). */
void tell_each(enum gl_op_kind kind, const gl_uuid *by, const struct gl_annotation *before, const struct gl_annotation *after,
               const gl_uuid *answered, tell_fn fn, void *ctx);

#endif
