/*
 * help.h - what the table of verbs says, for people: help and the manual page.
 *
 * Owns      nothing.
 * Thread    the main thread.
 * Errors    an exit status: 0 but for a verb or group that there is not. out remembers when memory is out.
 * Source    cmds.def, exits.h.
 */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "clients/cli/cli.h"

void help_list(struct screen *screen);                       /* the verbs, one a line */
int help_verb(struct cli *cli, const struct verb_row *verb); /* one verb; NULL: the list */
int help_group(struct cli *cli, const struct group_row *group);
int help_exits(struct cli *cli);
void help_man(struct gl_buf *out); /* gloss.1, in roff's man macros */

#endif
