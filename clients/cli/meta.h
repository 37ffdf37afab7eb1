/*
 * meta.h - what is known of a brief beside its text: title, authors, publisher, date, source, language, folder, tags.
 *
 * Owns      nothing; what comes back is the caller's.
 * Thread    any.
 * Errors    none here: what cannot be is refused by the server.
 * Source    PROTOCOL.md, "Documents".
 */
#ifndef CLI_META_H
#define CLI_META_H

#include "clients/cli/cli.h"

/* Puts what options say (--author --publisher --date --source --language --folder --tag) into object. An empty value is null: it takes the field
 * away; where nothing is to be taken away (may_clear false) it is left out. */
void meta_fill(struct cli *cli, json_t *object, bool may_clear);
/* "ana, ben" of a list of strings; empty for none: the caller's. */
char *meta_join(const json_t *list);

#endif
