/*
 * token.h - tokens: "gls_", 43 base64url characters of 32 random bytes, "_", 6 hex digits of a CRC-32 over all before, so that secret scanners
 * recognise one and a mistyped one is refused without asking the database.
 *
 * Owns      nothing.
 * Thread    any.
 * Errors    none.
 */
#ifndef TOKEN_H
#define TOKEN_H

#include "proto/gl_buf.h"

#define TOKEN_TEXT 54 /* 4 + 43 + 1 + 6 */

void token_make(char text[TOKEN_TEXT + 1]);
bool token_is_well_formed(struct gl_slice text) GL_MUST_USE;
/* What is stored of it, and looked up by: SHA-256 of the whole text. */
void token_digest(struct gl_slice text, unsigned char digest[32]);

#endif
