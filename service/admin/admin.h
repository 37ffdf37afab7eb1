/*
 * admin.h - the verbs of glossd: one file and one row each.
 *
 * Owns      nothing; settings and arguments are lent to a verb.
 * Thread    the main thread, before any event loop; verbs may block (serve makes processes of its own).
 * Errors    each verb gives an exit code of the table below, after it has said on standard error what is wrong and what to do.
 *
 * Results go to standard output (with --json one object a line), everything else to standard error.
 */
#ifndef ADMIN_H
#define ADMIN_H

#include <stdbool.h>

#include "proto/gl_err.h"
#include "service/base/settings.h"

/* Scripts rely on them: name, status, when. `glossd --help` and glossd.8 print this table. */
#define ADMIN_EXITS(ROW)                                                                                                         \
    ROW(OK, 0, "done")                                                                                                           \
    ROW(FAILED, 1, "refused, or a check found something")                                                                        \
    ROW(USAGE, 2, "the command line is not right")                                                                               \
    ROW(SETTINGS, 3, "a setting is not right")                                                                                   \
    ROW(DATABASE, 4, "the database is not there")                                                                                \
    ROW(SCHEMA, 5, "the database's schema is older or newer than this program")                                                  \
    ROW(PORT, 6, "the port is taken, or may not be used")                                                                        \
    ROW(CERTIFICATE, 7, "the certificate or its key cannot be used")

enum admin_exit {
#define ADMIN_EXIT(name, status, when) ADMIN_##name = status,
    ADMIN_EXITS(ADMIN_EXIT)
#undef ADMIN_EXIT
};

struct admin_verb {
    const char *name;
    const char *usage; /* what follows the name: "add NAME [--admin] | list | disable NAME" */
    const char *help;  /* one line, lower case, no full stop */
    /* argv[0] is the first argument behind the verb; flags that name settings are gone already. */
    int (*run)(struct settings *settings, int argc, char **argv);
};

/* Every verb in the order of the help text: verbs.def. Each defines `const struct admin_verb admin_NAME`. */
#define ADMIN_VERB(name) extern const struct admin_verb admin_##name;
#include "service/admin/verbs.def"
#undef ADMIN_VERB

/* Options of a verb: value takes an argument (--name V or --name=V), flag does not; exactly one of the two is given. */
struct admin_option {
    const char *name; /* without the dashes */
    const char **value;
    bool *flag;
};
/* Takes the options (ends with an empty row) out of argv, wherever they stand; *argc operands remain. False, after saying what is wrong, for an unknown
 * option (with the nearest option or setting) or a missing value: the verb then gives ADMIN_USAGE. */
bool admin_options(const struct admin_verb *verb, const struct admin_option *options, int *argc, char **argv) GL_MUST_USE;
int admin_usage(const struct admin_verb *verb, const char *fmt, ...)
    GL_PRINTF(2, 3);                                       /* says it and how the verb is used; gives ADMIN_USAGE */
void admin_complain(const char *fmt, ...) GL_PRINTF(1, 2); /* "glossd: …" on standard error, made safe for a terminal */

#endif
