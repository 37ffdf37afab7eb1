/*
 * tls.c - the certificate and its key: reading them, and giving them to each handshake.
 *
 * The library's own way of changing a certificate says that all is well when it is not, and keeps serving the old one when
 * the kind of key changes. So a pair is read into a context of its own, where OpenSSL checks it, and each handshake takes
 * the pair that is current: connections that live are not touched.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <unistd.h>

#include "service/base/log.h"
#include "service/net/net_priv.h"

#define WARN_DAYS 30

/* Mozilla's "intermediate" without the finite-field key exchanges. */
static const char ciphers_12[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char ciphers_13[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
static const char groups[] = "X25519:P-256:P-384";

static int no_passphrase(char *buf, int size, int rwflag, void *ctx)
{
    (void)buf, (void)size, (void)rwflag, (void)ctx;
    return -1; /* rather than asking on the terminal */
}

/* The last thing OpenSSL said, for people. */
static const char *openssl_said(char *text, size_t room)
{
    unsigned long error = ERR_peek_last_error();
    const char *reason = error ? ERR_reason_error_string(error) : NULL;
    snprintf(text, room, "%s", reason ? reason : "OpenSSL gives no reason");
    return text;
}

static enum gl_code check_readable(const char *path, const char *setting, struct gl_err *err)
{
    if (!path || !*path)
        return gl_fail_at(err, GL_E_SETTING, setting, "the setting %s is empty; it names a PEM file", setting);
    if (access(path, R_OK) != 0)
        return gl_fail_at(err, GL_E_SETTING, setting, "the file %s (setting %s) cannot be read: %s", path, setting,
                          strerror(errno));
    return GL_OK;
}

static enum gl_code read_key(SSL_CTX *scratch, const char *certificate_path, const char *key_path, struct gl_err *err)
{
    char said[256];
    bool is_read = SSL_CTX_use_PrivateKey_file(scratch, key_path, SSL_FILETYPE_PEM) == 1;
    unsigned long error = ERR_peek_last_error();
    if (is_read && SSL_CTX_check_private_key(scratch) == 1)
        return GL_OK;
    if (is_read || (ERR_GET_LIB(error) == ERR_LIB_X509 && ERR_GET_REASON(error) == X509_R_KEY_VALUES_MISMATCH))
        return gl_fail_at(err, GL_E_SETTING, "tls_key", "the key in %s does not belong to the certificate in %s", key_path,
                          certificate_path);
    return gl_fail_at(err, GL_E_SETTING, "tls_key",
                      "there is no usable private key in %s (it must be PEM, without a passphrase): %s", key_path,
                      openssl_said(said, sizeof said));
}

static void tell_expiry(const X509 *leaf, const char *path)
{
    int days = 0, seconds = 0;
    if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(leaf)) != 1)
        return;
    if (days < 0 || seconds < 0)
        log_event(LOG_ERROR, EV_tls_expires, F_STR("detail", "the certificate has expired; clients refuse it"),
                  F_STR("file", path));
    else if (days < WARN_DAYS)
        log_event(LOG_WARN, EV_tls_expires, F_I64("days", days), F_STR("file", path));
    if (X509_cmp_current_time(X509_get0_notBefore(leaf)) > 0)
        log_event(LOG_ERROR, EV_tls_expires, F_STR("detail", "the certificate is not valid yet; is the clock right?"),
                  F_STR("file", path));
}

static enum gl_code read_pair(SSL_CTX *scratch, struct tls_pair *pair, const char *certificate_path, const char *key_path,
                              struct gl_err *err)
{
    char said[256];
    if (SSL_CTX_use_certificate_chain_file(scratch, certificate_path) != 1)
        return gl_fail_at(err, GL_E_SETTING, "tls_certificate", "there is no usable certificate in %s (it must be PEM): %s",
                          certificate_path, openssl_said(said, sizeof said));
    enum gl_code code = read_key(scratch, certificate_path, key_path, err);
    if (code)
        return code;
    STACK_OF(X509) *chain = NULL;
    SSL_CTX_get0_chain_certs(scratch, &chain);
    pair->leaf = SSL_CTX_get0_certificate(scratch);
    pair->key = SSL_CTX_get0_privatekey(scratch);
    X509_up_ref(pair->leaf);
    EVP_PKEY_up_ref(pair->key);
    pair->chain = chain ? X509_chain_up_ref(chain) : NULL;
    tell_expiry(pair->leaf, certificate_path);
    return GL_OK;
}

enum gl_code tls_load(struct tls_pair *pair, const char *certificate_path, const char *key_path, struct gl_err *err)
{
    enum gl_code code;
    *pair = (struct tls_pair){0};
    if ((code = check_readable(certificate_path, "tls_certificate", err)) || (code = check_readable(key_path, "tls_key", err)))
        return code;
    SSL_CTX *scratch = SSL_CTX_new(TLS_server_method());
    if (!scratch)
        return gl_fail(err, GL_E_SYSTEM, "OpenSSL could not be started");
    SSL_CTX_set_default_passwd_cb(scratch, no_passphrase);
    ERR_clear_error();
    code = read_pair(scratch, pair, certificate_path, key_path, err);
    ERR_clear_error();
    SSL_CTX_free(scratch);
    return code;
}

void tls_free(struct tls_pair *pair)
{
    X509_free(pair->leaf);
    EVP_PKEY_free(pair->key);
    sk_X509_pop_free(pair->chain, X509_free);
    *pair = (struct tls_pair){0};
}

static int give_certificate(SSL *ssl, void *ctx)
{
    const struct tls_pair *pair = ctx;
    SSL_certs_clear(ssl);
    return SSL_use_cert_and_key(ssl, pair->leaf, pair->key, pair->chain, 1);
}

void tls_prepare(SSL_CTX *ctx, struct tls_pair *pair)
{
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(ctx, ciphers_12);
    SSL_CTX_set_ciphersuites(ctx, ciphers_13);
    SSL_CTX_set1_groups_list(ctx, groups);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* resumption is by tickets, which cost no memory here */
    SSL_CTX_set_num_tickets(ctx, 1);
    SSL_CTX_set_cert_cb(ctx, give_certificate, pair);
}
