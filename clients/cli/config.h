/*
 * config.h - which server, with which token, trusting which certificates.
 *
 * An option wins over the environment, the environment over what `gloss login` wrote. A token that was kept for one server is never sent to
 * another: it is looked up by the server's address.
 *
 * Owns      the strings.
 * Lifetime  settings_load / settings_free.
 * Thread    any.
 * Errors    a sentence in *problem.
 * Source    servers.h for what was written.
 */
#ifndef CLI_CONFIG_H
#define CLI_CONFIG_H

#include "proto/gl_buf.h"

struct settings {
    char *name;     /* what the server is called; NULL: it is not kept */
    char *url;      /* NULL: nobody named one */
    char *token;    /* NULL: not signed in there */
    char *token_id; /* of a token that `gloss login` had made; NULL: not known */
    char *ca;       /* NULL: the system's */
    char *account;  /* the name at the last login, NULL: not known */
};

struct settings_asked {
    const char *server, *url, *token_file, *ca; /* options; NULL: not given */
};

bool settings_load(struct settings *settings, const struct settings_asked *asked, struct gl_buf *problem) GL_MUST_USE;
void settings_free(struct settings *settings);
/* Remembers it as the server to talk to, in place of what has its name, beside the others. */
bool settings_store(const struct settings *settings, struct gl_buf *problem) GL_MUST_USE;
/* The first line of a file, without white space round it; NULL with a sentence. what: "token", "password". */
char *settings_read_secret(const char *path, const char *what, struct gl_buf *problem);

#endif
