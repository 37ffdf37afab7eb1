/*
 * networks.h - which addresses are meant by "127.0.0.1, 10.0.0.0/8, fd00::/8".
 *
 * Owns      nothing; a network is a plain value.
 * Thread    any.
 * Errors    GL_E_SETTING with a sentence for the operator.
 * Source    RFC 4632, RFC 4291; an IPv4 address and the IPv6 address that stands for it (::ffff:a.b.c.d) are one.
 */
#ifndef NETWORKS_H
#define NETWORKS_H

#include "proto/gl_err.h"

struct network {
    unsigned char address[16]; /* IPv4 as ::ffff:a.b.c.d */
    unsigned bits;             /* that count, of 128 */
};

/* name is the setting's, for the sentence. */
enum gl_code network_parse(const char *text, const char *name, struct network *network, struct gl_err *err) GL_MUST_USE;
/* address as net writes it: 192.0.2.1:50000 or [2001:db8::1]:50000. What cannot be read is in no network. */
bool network_has(const struct network *network, const char *address);

#endif
