/*
 * dialect.h - how a server is spoken to: signing in, joining a session, asking for changes, reading what comes. One table a server.
 *
 * A dialect moves a client through its states (client_set_state, client_is_live), tells of answers (writer_answered), and of what came: gloss.c has
 * streams that prove themselves, all others count by writer (peer.h).
 *
 * Thread    one. A callback may drop the client's connection.
 */
#ifndef DIALECT_H
#define DIALECT_H

#include "tests/bench/load/load.h"

struct dialect {
    const char *name, *subprotocol, *what;
    const char *path; /* %s in it: the session's id */
    bool is_binary;
    bool is_proved;           /* its streams have chains, and clients the seq that they have */
    bool is_echoed;           /* an author is sent its own ops, too */
    bool is_answered_by_echo; /* and has no other answer */
    bool
        is_composed; /* its clients have one request under way, and put what waits into the next; unless told to keep ops apart */
    void (*open)(struct client *client);
    void (*message)(struct client *client, struct gl_slice message);
    void (*submit)(struct client *client, uint64_t first, uint64_t count);
};
uint64_t gloss_due(void *load, const gl_uuid *op, uint64_t seq); /* for the streams: when it was due; 0: not known */
extern const struct dialect dialect_gloss, dialect_plain, dialect_relay, dialect_mqtt, dialect_yjs, dialect_sharedb;

#endif
