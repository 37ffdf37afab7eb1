/*
 * say.h - what gloss tells people and scripts: sentences on stderr, JSON on stdout.
 *
 * Owns      nothing.
 * Thread    the main thread.
 * Errors    none; a sentence is made harmless as a whole, so that its arguments may come from outside.
 */
#ifndef CLI_SAY_H
#define CLI_SAY_H

#include "clients/cli/cli.h"
#include "proto/model/hash.h"

/* "gloss: sentence" */
void say(struct cli *cli, const char *fmt, ...) GL_PRINTF(2, 3);
/* A line that belongs to the sentence before, indented. */
void say_more(struct cli *cli, const char *fmt, ...) GL_PRINTF(2, 3);
/* A sentence, and with --json {"error":{"name","message", more...}} on stdout. Gives status. `more` (may be NULL) is taken. */
int fail(struct cli *cli, enum exit_status status, const char *name, const char *fmt, ...) GL_PRINTF(4, 5);
int fail_more(struct cli *cli, enum exit_status status, const char *name, json_t *more, const char *fmt, ...) GL_PRINTF(5, 6);
/* An error of the library or the server in words that say what to do; gives the exit status that belongs to it. doing: "the brief cannot be read". */
int fail_error(struct cli *cli, const char *doing, const struct gloss_error *error);
void say_error(struct cli *cli, const char *doing, const struct gloss_error *error); /* only the sentence */
/* Whether what was asked for may have been done all the same. */
bool error_is_unknown(int code);
enum exit_status error_status(int code);
/* {"name","code","message","path"?, what the server told beside} */
json_t *error_json(const struct gloss_error *error);

/* One JSON value on a line of its own on stdout, flushed; value is taken. Control and bidirectional characters are escaped as \uXXXX. */
void out_json(struct cli *cli, json_t *value);
void put_json(struct gl_buf *out, const json_t *value);
void hash_format(const gl_hash *hash, char hex[GLOSS_HASH]);
/* Words for people on stdout, made harmless. */
void out_line(struct cli *cli, const char *fmt, ...) GL_PRINTF(2, 3);

#endif
