/*
 * fields.h - what the options and words of tag, note, edit and the like say about an annotation: its place, status and attributes.
 *
 * Owns      nothing; what is put into a change belongs to it.
 * Thread    the main thread.
 * Errors    an exit status; what was wrong has been said.
 */
#ifndef CLI_FIELDS_H
#define CLI_FIELDS_H

#include "clients/cli/cli.h"

/* The target of a new annotation: the words quoted (several for a place in several pieces) with --nth --prefix --suffix, or --start --end, each
 * as often as there are pieces; or --whole. *target is the caller's. */
int fields_target(struct cli *cli, char *const *quotes, size_t quote_count, json_t **target) GL_MUST_USE;
/* --status, checked here because the list of them is known. */
int fields_status(struct cli *cli, json_t *change) GL_MUST_USE;
/* --attribute NAME=VALUE, as often as it is there; NAME= takes it away where that may_clear. A whole number and true or false are sent as such. */
int fields_attributes(struct cli *cli, json_t *change, bool may_clear) GL_MUST_USE;
/* The same values once more, as the codebook of the project wants them: 3 as a string where its type is text, yes as true where it is boolean. */
int fields_settle(struct cli *cli, const char *project, json_t *change) GL_MUST_USE;

#endif
