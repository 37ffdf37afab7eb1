/*
 * trust.c - which servers are believed.
 */
#include "clients/lib/trust.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lg_trust {
    SSL_CTX *ctx;
    char *host;
    bool host_is_address;
    bool has_ca_file;
};

static enum gl_code load_certificates(SSL_CTX *ctx, const char *ca_file, struct gl_err *err)
{
    if (!ca_file) {
        return SSL_CTX_set_default_verify_paths(ctx) == 1
                   ? GL_OK
                   : gl_fail(err, GL_E_SETTING,
                             "the system's list of trusted certificates cannot be read; name one with a CA file");
    }
    FILE *file = fopen(ca_file, "re");
    if (!file) {
        return gl_fail(err, GL_E_SETTING, "the CA file %.200s cannot be opened: %s", ca_file, strerror(errno));
    }
    (void)fclose(file);
    if (SSL_CTX_load_verify_file(ctx, ca_file) != 1) {
        return gl_fail(err, GL_E_SETTING, "the CA file %.200s holds no certificate in PEM form", ca_file);
    }
    return GL_OK;
}

enum gl_code lg_trust_new(const char *ca_file, const char *host, struct lg_trust **out, struct gl_err *err)
{
    struct lg_trust *trust = calloc(1, sizeof(*trust));
    unsigned char address[sizeof(struct in6_addr)];
    enum gl_code code = GL_E_NOMEM;
    if (!trust) {
        goto out;
    }
    trust->host = strdup(host);
    trust->host_is_address = inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
    trust->has_ca_file = ca_file != NULL;
    trust->ctx = SSL_CTX_new(TLS_client_method());
    if (!trust->host || !trust->ctx || SSL_CTX_set_min_proto_version(trust->ctx, TLS1_2_VERSION) != 1) {
        goto out;
    }
    (void)SSL_CTX_set_mode(trust->ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    code = load_certificates(trust->ctx, ca_file, err);
out:
    ERR_clear_error();
    if (code == GL_E_NOMEM) {
        (void)gl_fail(err, GL_E_NOMEM, "out of memory");
    }
    if (code != GL_OK) {
        lg_trust_free(&trust);
    }
    *out = trust;
    return code;
}

void lg_trust_free(struct lg_trust **trust)
{
    if (*trust) {
        SSL_CTX_free((*trust)->ctx);
        free((*trust)->host);
        free(*trust);
        *trust = NULL;
    }
}

void *lg_trust_ssl_ctx(struct lg_trust *trust)
{
    return trust->ctx;
}

static void time_text(const ASN1_TIME *time, char *text, size_t size)
{
    struct tm parts;
    if (ASN1_TIME_to_tm(time, &parts) != 1 || strftime(text, size, "%Y-%m-%d %H:%M UTC", &parts) == 0) {
        (void)snprintf(text, size, "an unreadable date");
    }
}

static void name_text(const X509_NAME *name, char *text, size_t size)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *bytes = NULL;
    long len =
        bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB) >= 0 ? BIO_get_mem_data(bio, &bytes) : 0;
    (void)snprintf(text, size, "%.*s", (int)(len > 200 ? 200 : len), len > 0 ? bytes : "?");
    BIO_free(bio);
}

/* The names that a certificate is for, for the sentence that says that the wanted one is not among them. */
static void names_text(X509 *certificate, char *text, size_t size)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names) && used + 64 < size; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        char address[INET6_ADDRSTRLEN] = "";
        const char *shown = address;
        int len = 0;
        if (name->type == GEN_DNS) {
            shown = (const char *)ASN1_STRING_get0_data(name->d.dNSName);
            len = ASN1_STRING_length(name->d.dNSName);
        } else if (name->type == GEN_IPADD) {
            int bytes = ASN1_STRING_length(name->d.iPAddress);
            (void)inet_ntop(bytes == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(name->d.iPAddress), address, sizeof(address));
            len = bytes == 4 || bytes == 16 ? (int)strlen(address) : 0;
        }
        if (len > 0) {
            used += (size_t)snprintf(text + used, size - used, "%s%.*s", used > 0 ? ", " : "", len > 60 ? 60 : len, shown);
        }
    }
    GENERAL_NAMES_free(names);
    if (used == 0) {
        name_text(X509_get_subject_name(certificate), text, size);
    }
}

static bool names_host(const struct lg_trust *trust, X509 *certificate)
{
    return trust->host_is_address ? X509_check_ip_asc(certificate, trust->host, 0) == 1
                                  : X509_check_host(certificate, trust->host, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;
}

static void explain(const struct lg_trust *trust, X509_STORE_CTX *store, struct gl_err *err)
{
    X509 *certificate = X509_STORE_CTX_get_current_cert(store);
    const char *advice = trust->has_ca_file ? "it is not in the CA file" : "name its authority with a CA file if you know it";
    int problem = X509_STORE_CTX_get_error(store);
    char text[256] = "?";
    switch (problem) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        time_text(X509_get0_notAfter(certificate), text, sizeof(text));
        (void)gl_fail(err, GL_E_UNTRUSTED, "the certificate of %.100s is not trusted: it expired on %s", trust->host, text);
        break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        time_text(X509_get0_notBefore(certificate), text, sizeof(text));
        (void)gl_fail(err, GL_E_UNTRUSTED,
                      "the certificate of %.100s is not trusted: it is not valid before %s (is the clock right?)", trust->host,
                      text);
        break;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        (void)gl_fail(err, GL_E_UNTRUSTED, "the certificate of %.100s is not trusted: it is signed by itself; %s", trust->host,
                      advice);
        break;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        name_text(X509_get_issuer_name(certificate), text, sizeof(text));
        (void)gl_fail(err, GL_E_UNTRUSTED,
                      "the certificate of %.100s is not trusted: it was signed by %s, whom nobody here trusts; %s", trust->host,
                      text, advice);
        break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        names_text(certificate, text, sizeof(text));
        (void)gl_fail(err, GL_E_UNTRUSTED, "the certificate is not trusted: it is for %s, not for %.100s", text, trust->host);
        break;
    default:
        (void)gl_fail(err, GL_E_UNTRUSTED, "the certificate of %.100s is not trusted: %s", trust->host,
                      X509_verify_cert_error_string(problem));
    }
}

bool lg_trust_check(struct lg_trust *trust, void *store_ctx, bool is_fine, struct gl_err *err)
{
    X509_STORE_CTX *store = store_ctx;
    if (is_fine && X509_STORE_CTX_get_error_depth(store) == 0 && !names_host(trust, X509_STORE_CTX_get_current_cert(store))) {
        X509_STORE_CTX_set_error(store, trust->host_is_address ? X509_V_ERR_IP_ADDRESS_MISMATCH : X509_V_ERR_HOSTNAME_MISMATCH);
        is_fine = false;
    }
    if (!is_fine && err->code != GL_E_UNTRUSTED) {
        explain(trust, store, err);
    }
    return is_fine;
}
