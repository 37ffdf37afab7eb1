/*
 * tls.c - the certificate and its key: reading them, and giving them to each handshake.
 *
 * The library's own way of changing a certificate says that all is well when it is not, and keeps serving the old one when
 * the kind of key changes. So a pair is read into a context of its own, where OpenSSL checks it, and each handshake takes
 * the pair that is current: connections that live are not touched.
 */
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <time.h>
#include <unistd.h>

#include "service/base/log.h"
#include "service/base/metrics.h"
#include "service/net/net_priv.h"

#define WARN_DAYS      30
#define RENEW          "Renew it (gloss-certificate, where that made it), then glossd reload"
#define TICKET_S       7200           /* that a ticket is good for */
#define TICKET_TIMES_S (4 * TICKET_S) /* its keys change that often */

/* Mozilla's "intermediate" without the finite-field key exchanges. */
static const char ciphers_12[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char ciphers_13[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
static const char groups[] = "X25519:P-256:P-384";

static int ticket_index = -1; /* where a context says whose tickets it gives */

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
    struct tm until;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(leaf), &until) == 1)
        metric_set(tls_expires, timegm(&until));
    if (days < 0 || seconds < 0)
        log_event(LOG_ERROR, EV_tls_expires, F_STR("detail", "the certificate has expired; clients refuse it. " RENEW),
                  F_STR("file", path));
    else if (days < WARN_DAYS)
        log_event(LOG_WARN, EV_tls_expires, F_I64("days", days), F_STR("detail", RENEW), F_STR("file", path));
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

/* Who has the private key is this server for everybody; so what it derives is shared by every worker of every node, now and
 * after a restart, and nothing has to be kept or told: service/decisions/tickets.md. */
static bool derive_ticket_secret(struct tls_pair *pair)
{
    static const char purpose[] = "gloss TLS tickets v1";
    unsigned char *der = NULL;
    unsigned len = 0;
    int der_len = i2d_PrivateKey(pair->key, &der);
    bool is_well = der_len > 0 && HMAC(EVP_sha256(), der, der_len, (const unsigned char *)purpose, sizeof purpose - 1,
                                       pair->ticket_secret, &len);
    OPENSSL_clear_free(der, der_len > 0 ? (size_t)der_len : 0);
    return is_well;
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
    if (!code && !derive_ticket_secret(pair)) {
        tls_free(pair);
        code = gl_fail_at(err, GL_E_SETTING, "tls_key", "no keys for tickets can be derived from the key in %s", key_path);
    }
    return code;
}

void tls_free(struct tls_pair *pair)
{
    X509_free(pair->leaf);
    EVP_PKEY_free(pair->key);
    sk_X509_pop_free(pair->chain, X509_free);
    OPENSSL_cleanse(pair->ticket_secret, sizeof pair->ticket_secret);
    OPENSSL_cleanse(pair->ticket_keys, sizeof pair->ticket_keys);
    *pair = (struct tls_pair){0};
}

static int give_certificate(SSL *ssl, void *ctx)
{
    const struct tls_pair *pair = ctx;
    SSL_certs_clear(ssl);
    return SSL_use_cert_and_key(ssl, pair->leaf, pair->key, pair->chain, 1);
}

/* ---- tickets: a client that comes back needs no signature */

static bool derive_keys(const struct tls_pair *pair, uint64_t period, struct ticket_keys *keys)
{
    unsigned char block[3][32] = {{0}}, input[9];
    unsigned len;
    bool is_well = true;
    for (int i = 0; i < 8; i++)
        input[i] = (unsigned char)(period >> (56 - 8 * i));
    for (unsigned char i = 0; i < 3; i++) {
        input[8] = i;
        is_well &=
            HMAC(EVP_sha256(), pair->ticket_secret, sizeof pair->ticket_secret, input, sizeof input, block[i], &len) != NULL;
    }
    keys->period = is_well ? period : 0;
    memcpy(keys->name, block[0], sizeof keys->name);
    memcpy(keys->cipher, block[1], sizeof keys->cipher);
    memcpy(keys->mac, block[2], sizeof keys->mac);
    OPENSSL_cleanse(block, sizeof block);
    return is_well;
}

/* Derived once: for each ticket anew they were a thirtieth of a handshake. No period is 0, as a pair begins. NULL: they cannot be. */
static const struct ticket_keys *keys_of(struct tls_pair *pair, uint64_t period)
{
    struct ticket_keys *keys = &pair->ticket_keys[period % TICKET_PERIODS];
    return keys->period == period || derive_keys(pair, period, keys) ? keys : NULL;
}

static bool use_keys(const struct ticket_keys *keys, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, bool is_new)
{
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
                                 OSSL_PARAM_construct_end()};
    return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, keys->cipher, iv, is_new) == 1 &&
           EVP_MAC_init(mac, keys->mac, sizeof keys->mac, params) == 1;
}

/* OpenSSL's own words: 1 it is done, 0 no ticket (a whole handshake), -1 the handshake fails. */
static int ticket_keys(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int is_new)
{
    struct tls_pair *pair = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), ticket_index);
    const uint64_t period = (uint64_t)time(NULL) / TICKET_TIMES_S;
    int result = 0;
    if (SSL_version(ssl) < TLS1_3_VERSION) /* there a ticket would be all that protects what is said */
        return 0;
    for (uint64_t age = 0; age < (is_new ? 1 : TICKET_PERIODS) && !result; age++) {
        const struct ticket_keys *keys = keys_of(pair, period - age);
        if (!keys || (is_new && RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1))
            return is_new ? -1 : 0;
        if (is_new || CRYPTO_memcmp(name, keys->name, sizeof keys->name) == 0)
            result = use_keys(keys, iv, cipher, mac, is_new) ? 1 : -1;
    }
    if (is_new)
        memcpy(name, pair->ticket_keys[period % TICKET_PERIODS].name, sizeof pair->ticket_keys->name);
    return result;
}

static void prepare_tickets(SSL_CTX *ctx, struct tls_pair *pair)
{
    if (ticket_index < 0)
        ticket_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    SSL_CTX_set_ex_data(ctx, ticket_index, pair);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* resumption is by tickets, which cost no memory here */
    SSL_CTX_set_num_tickets(ctx, 1);
    SSL_CTX_set_timeout(ctx, TICKET_S);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, ticket_keys);
}

void tls_prepare(SSL_CTX *ctx, struct tls_pair *pair)
{
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(ctx, ciphers_12);
    SSL_CTX_set_ciphersuites(ctx, ciphers_13);
    SSL_CTX_set1_groups_list(ctx, groups);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN); /* the file has the chain: it is not looked for anew in each handshake */
    prepare_tickets(ctx, pair);
    SSL_CTX_set_cert_cb(ctx, give_certificate, pair);
}
