/*
 * servers.h - the file of servers that somebody has signed in to: servers.json.
 *
 *   {"current": URL, "default": NAME, "servers": [{"name", "url", "token", "token_id"?, "ca"?, "account"?}]}
 *
 * The entry that `default` names is the one to talk to. Files of earlier versions have neither `default` nor names: then it is the one whose url is
 * `current`, which is still written for them, and an entry is called by its host.
 *
 * Owns      nothing; what comes back is the caller's, entries are lent by it.
 * Thread    any.
 * Errors    a sentence in *problem. A file that others may read is not used.
 */
#ifndef CLI_SERVERS_H
#define CLI_SERVERS_H

#include <jansson.h>

#include "proto/gl_buf.h"

char *servers_path(void); /* whether it exists or not; NULL: no home */
/* "https://HOST:PORT", however it was written: what makes two addresses the same server. NULL: that is no address of a server. */
char *servers_url_key(const char *url);

/* An empty object when there is no file; NULL with a sentence. Every entry has a name. */
json_t *servers_load(struct gl_buf *problem);
/* The file is replaced whole and is only for its owner. */
bool servers_save(const json_t *kept, struct gl_buf *problem) GL_MUST_USE;

json_t *servers_by_name(const json_t *kept, const char *name);
/* The default one when it has this address, else the first that has; NULL: none. */
json_t *servers_by_url(const json_t *kept, const char *url);
json_t *servers_default(const json_t *kept); /* NULL: none is kept, or it was taken out */
void servers_set_default(json_t *kept, json_t *server);
/* Takes an entry out; the one that is left becomes the default when it is the only one. */
void servers_remove(json_t *kept, const char *name);
/* There is no such server: which ones are there, and is one of them what was meant? */
void servers_say_unknown(const json_t *kept, const char *name, struct gl_buf *problem);

#endif
