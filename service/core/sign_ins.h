/*
 * sign_ins.h - who signed in, and who was turned away: noted in audit, a row for all that one account did from one address within a moment.
 *
 * Owns      what was noted and is not in the database yet: SIGN_INS_MOST different rows, and beyond them how many there were; what is under way.
 * Lifetime  sign_ins_new / sign_ins_free.
 * Thread    the loop thread.
 * Errors    none: while the database is away the rows wait, and are counted together; a worker that is killed takes the last second with it.
 *
 * Nobody waits for it: not who signs in, and no flood of refusals makes more than so many rows a second. What somebody typed is never noted: an account that there
 * is, by its id; otherwise the address only.
 */
#ifndef SIGN_INS_H
#define SIGN_INS_H

#include "service/core/core.h"

enum { SIGN_INS_MOST = 128 };

struct sign_ins;
struct sign_ins *sign_ins_new(struct store *store);
void sign_ins_free(struct sign_ins **sign_ins);

/* account NULL: not known. how: "token" or "password"; of who was turned away also what it was: "token form". */
void sign_ins_note(struct sign_ins *sign_ins, bool is_welcome, const gl_uuid *account, const gl_uuid *token, const char *how,
                   const char *address);
void sign_ins_write(struct sign_ins *sign_ins); /* once a second, and when the worker is about to end */

#endif
