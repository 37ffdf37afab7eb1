/*
 * help.h - what glossd says of itself, made of its verbs, exit statuses and settings: for a terminal, and as the manual page glossd.8.
 *
 * Owns      nothing.
 * Thread    any.
 * Errors    none; whoever gives the file looks whether it could be written.
 */
#ifndef ADMIN_HELP_H
#define ADMIN_HELP_H

#include "service/admin/admin.h"

void help_print(FILE *out);       /* the verbs, and where to read on */
void help_print_whole(FILE *out); /* with every setting */
void help_print_verb(FILE *out, const struct admin_verb *verb);
void help_print_man(FILE *out);

/* The verb of that name, or NULL; and the name that is most like it, or NULL. */
const struct admin_verb *help_find_verb(const char *name);
const char *help_nearest_verb(const char *name);

#endif
