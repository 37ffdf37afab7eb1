/*
 * database.h - what the verbs that talk to the database share: opening it, exit codes, and rows of JSON.
 *
 * Owns      nothing; what is opened is the caller's, for admin_db_close().
 * Thread    the main thread; everything blocks.
 * Errors    functions that give an exit code have said on standard error what is wrong.
 */
#ifndef ADMIN_DATABASE_H
#define ADMIN_DATABASE_H

#include <jansson.h>

#include "service/admin/admin.h"
#include "service/store/admin_pg.h"

/* As the owner, with the schema that this program needs. */
int database_open(const struct settings *settings, struct admin_db **db) GL_MUST_USE;
/* audit notes with what this connection does who it was: the user of this machine, and the machine. database_open() has said so. */
enum gl_code database_say_from(struct admin_db *db, struct gl_err *err) GL_MUST_USE;
/* Says err->detail; gives the exit code that belongs to its code. */
int database_failed(const struct gl_err *err);

/* One object a line on standard output; takes the reference. */
void print_json(json_t *object);
json_t *json_id(const gl_uuid *id);
json_t *json_text(struct gl_slice text);
json_t *json_time(int64_t unix_ms);
/* Text of others, made fit for a terminal. */
void print_text(struct gl_slice text);

/* The account of that name; false after saying that there is none. */
int find_user(struct admin_db *db, const char *name, gl_uuid *account) GL_MUST_USE;
/* The first line of a file ("-": standard input) without its end, at most max bytes; NULL after saying why not. Freed with mem_free.
 * docker/gloss-start reads the same file as this. */
char *read_secret(const char *path, size_t max, size_t *len);

/* Whether a person means it: asks on a terminal unless yes (the option) is given; without a terminal nobody can be asked, and it takes --yes. What would be
 * lost is a clause: "connections of \"ana\" end". False after saying that nothing was changed; the verb then gives ADMIN_USAGE. */
bool confirmed(bool yes, const char *fmt, ...) GL_PRINTF(2, 3);

/* Verbs of two words: the first operand chooses. */
struct subverb {
    const char *name;
    int (*run)(struct admin_db *db, int argc, char **argv, const void *options);
    int min, max; /* operands behind it */
};
int run_subverb(const struct admin_verb *verb, const struct subverb *subverbs, const struct settings *settings, int argc,
                char **argv, const void *options);

#endif
