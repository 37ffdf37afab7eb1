/* callback.c - where the library calls us. What it says is not believed: see service/decisions/libwebsockets.md. */
#include "service/base/log.h"
#include "service/net/net_priv.h"

int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    struct conn *conn;
    switch (reason) {
    /* ---- TLS */
    case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS: {
        struct net_server *server = lws_context_user(lws_get_context(wsi));
        tls_prepare(user, &server->tls);
        return 0;
    }
    case LWS_CALLBACK_OPENSSL_PERFORM_CLIENT_CERT_VERIFICATION:
        return !len; /* the library accepts any; nobody is asked for one yet */

    /* ---- guards */
    case LWS_CALLBACK_RAW_ADOPT: /* CONNECT would become a raw socket */
    case LWS_CALLBACK_RAW_RX:
    case LWS_CALLBACK_RAW_WRITEABLE: return -1;
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE: return (conn = conn_of(wsi)) ? exchange_confirm_upgrade(conn) : -1;
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION: return !((conn = conn_of(wsi)) && conn->upgrade_is_granted);

    /* ---- plain requests */
    case LWS_CALLBACK_HTTP: return (conn = conn_of(wsi)) ? exchange_begin(conn) : -1;
    case LWS_CALLBACK_HTTP_BODY: return (conn = conn_of(wsi)) ? exchange_body(conn, gl_slice_of(in, len)) : -1;
    case LWS_CALLBACK_HTTP_BODY_COMPLETION: return (conn = conn_of(wsi)) ? exchange_body_end(conn) : -1;
    case LWS_CALLBACK_HTTP_WRITEABLE: return (conn = conn_of(wsi)) ? exchange_writable(conn) : -1;

    /* ---- WebSockets */
    case LWS_CALLBACK_ESTABLISHED: return !((conn = conn_of(wsi)) && conn->upgrade_is_granted && conn_open(conn));
    case LWS_CALLBACK_RECEIVE: return (conn = conn_of(wsi)) ? conn_receive(conn, gl_slice_of(in, len)) : -1;
    case LWS_CALLBACK_SERVER_WRITEABLE: return (conn = conn_of(wsi)) ? outgoing_writable(conn) : -1;
    case LWS_CALLBACK_RECEIVE_PONG:
        if ((conn = conn_of(wsi)))
            conn_heard(conn);
        return 0;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        return (conn = conn_of(wsi)) ? conn_closed_by_peer(conn, gl_slice_of(in, len)) : -1;

    /* ---- ends */
    case LWS_CALLBACK_CLOSED:
    case LWS_CALLBACK_CLOSED_HTTP:
        if ((conn = conn_of(wsi)))
            conn_ended(conn);
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        if ((conn = conn_of(wsi)))
            conn_free(conn);
        return 0;
    default: return 0;
    }
}

/* Hostile input makes it say something with every request; the log holds back what comes too often. */
void callback_log(int level, const char *line)
{
    char text[256];
    size_t len = 0;
    for (; line[len] && line[len] != '\n' && len < sizeof text - 1; len++)
        text[len] = line[len];
    text[len] = '\0';
    log_event(level & LLL_ERR ? LOG_WARN : LOG_INFO, EV_library_message, F_STR("text", text));
}
