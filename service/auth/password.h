/*
 * password.h - passwords as they are stored: scrypt$15$8$1$salt$hash (cost as log2, block size, parallelism, then base64).
 *
 * Owns      nothing; what it needs it wipes.
 * Thread    any, but never the loop's: one check takes a quarter of a second and 32 MiB.
 * Errors    none: a stored text that cannot be read fits no password. Running out of memory ends the process.
 * Source    RFC 7914; the cost is raised here, old records keep theirs.
 */
#ifndef PASSWORD_H
#define PASSWORD_H

#include "proto/gl_buf.h"

#define PASSWORD_MAX_BYTES  1024
#define PASSWORD_RECORD_MAX 128

/* What to store for password, with a salt of its own. */
void password_hash(struct gl_slice password, char record[PASSWORD_RECORD_MAX]);
/* Is it the password behind stored? With stored empty (no such account, or no password) it takes the same time and says no. */
bool password_verify(struct gl_slice stored, struct gl_slice password) GL_MUST_USE;

#endif
