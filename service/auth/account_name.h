/*
 * account_name.h - what an account may be called.
 *
 * Thread    any.
 * Errors    none.
 */
#ifndef ACCOUNT_NAME_H
#define ACCOUNT_NAME_H

#include "proto/gl_buf.h"

#define ACCOUNT_NAME_MAX_BYTES 256
#define ACCOUNT_NAME_RULE      "1 to 256 bytes of UTF-8 without control characters or spaces at the ends"

bool account_name_is_good(struct gl_slice name) GL_MUST_USE;

#endif
