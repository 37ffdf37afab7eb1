/*
 * trust.h - which servers are believed: TLS settings, trusted certificates, and why one is refused, in words.
 *
 * Owns      the OpenSSL context.
 * Lifetime  lg_trust_new / lg_trust_free.
 * Thread    any one at a time.
 * Errors    GL_E_SETTING when the file of certificates cannot be used, GL_E_NOMEM.
 */
#ifndef LG_TRUST_H
#define LG_TRUST_H

#include "proto/gl_err.h"

struct lg_trust;

/* TLS 1.2 or newer. ca_file NULL: the certificates that the system trusts. host is what the server's certificate must name. */
enum gl_code lg_trust_new(const char *ca_file, const char *host, struct lg_trust **trust, struct gl_err *err) GL_MUST_USE;
void lg_trust_free(struct lg_trust **trust);
void *lg_trust_ssl_ctx(struct lg_trust *trust); /* an SSL_CTX, lent */

/* For each certificate of the chain: store is OpenSSL's X509_STORE_CTX, is_fine what it thinks so far. False refuses, and says
 * why in *err (GL_E_UNTRUSTED; the first reason stays). */
bool lg_trust_check(struct lg_trust *trust, void *store, bool is_fine, struct gl_err *err);

#endif
