/*
 * hello.h - the first message of TLS: is all of it there?
 *
 * Owns      nothing.
 * Thread    any; there is no socket here, so that it can be tested and fuzzed alone.
 * Units     bytes.
 * Errors    none: what is no TLS is left to the library, which says so and hangs up.
 * Source    RFC 8446 5.1 (records) and 4 (messages), as in all versions of TLS since 1.0
 */
#ifndef NET_HELLO_H
#define NET_HELLO_H

#include <stddef.h>

#define HELLO_MAX 16384 /* a browser's has 600 to 2 500 */

/* How many bytes of a connection must be there before its first message can be whole: at most len when it is, or is none. SIZE_MAX: longer than HELLO_MAX. */
size_t hello_needs(const unsigned char *bytes, size_t len);

#endif
