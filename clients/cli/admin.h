/*
 * admin.h - what the verbs of `gloss admin` share.
 *
 * Thread    the main thread.
 * Errors    functions that give an int have said what went wrong and give the exit status; 0 is success.
 */
#ifndef CLI_ADMIN_H
#define CLI_ADMIN_H

#include "clients/cli/cli.h"

const char *admin_text(const json_t *object, const char *name); /* never NULL */
/* Signs in when nobody has, and asks. params is taken; *result is the caller's. */
int admin_call(struct cli *cli, const char *doing, const char *method, json_t *params, json_t **result) GL_MUST_USE;
/* All pages of a list, or `most` items of it (0: all) into one array, the caller's. */
int admin_list(struct cli *cli, const char *doing, const char *method, json_t *params, const char *member, size_t most,
               json_t **items) GL_MUST_USE;
/* The id of the project that a name or an id means, whoever belongs to it; the caller's. */
int admin_find_project(struct cli *cli, const char *name, char **id) GL_MUST_USE;
/* Whether the first word is an id: of a `what`, which `gloss admin where` lists. */
int admin_check_id(struct cli *cli, const char *what, const char *where) GL_MUST_USE;
/* What stands in a list of quotas, for an account or a project (params, taken). */
int admin_show_quotas(struct cli *cli, json_t *of) GL_MUST_USE;
/* Asks a person whether to go on; with --yes nobody. what: "ben is kept out, and all connections of ben end". */
int admin_confirm(struct cli *cli, const char *what) GL_MUST_USE;

#endif
