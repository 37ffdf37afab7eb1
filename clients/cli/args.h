/*
 * args.h - what was typed, read against the table of verbs.
 *
 * Owns      nothing: words and values point into argv.
 * Lifetime  as long as argv.
 * Thread    any.
 * Errors    args_parse gives false and a sentence in *problem.
 * Source    cmds.def.
 */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include "proto/gl_buf.h"

enum option_id {
#define CLI_OPTION(id, name, value, help) OPT_##id,
#include "clients/cli/cmds.def"
    OPT_COUNT
};

enum verb_id {
#define CLI_VERB(name, least, most, words, line, more)           VERB_##name,
#define CLI_VERB_OF(group, name, least, most, words, line, more) VERB_##group##_##name,
#include "clients/cli/cmds.def"
    VERB_COUNT
};

enum group_id {
#define CLI_GROUP(name, line, more) GROUP_##name,
#include "clients/cli/cmds.def"
    GROUP_COUNT
};

struct option_row {
    const char *name;  /* without the dashes */
    const char *value; /* what to call its value; NULL: it has none */
    const char *help;
};

struct group_row {
    const char *name;
    const char *line;
    const char *more;
};

struct cli;
struct verb_row {
    const char *name;              /* "tag"; "label new" for a verb of a group */
    const struct group_row *group; /* NULL: none */
    unsigned least, most;          /* words that it takes */
    const char *words;             /* what to call them */
    const char *line;
    const char *more;
    const enum option_id *takes; /* its own options, ending in OPT_COUNT */
    int (*run)(struct cli *cli); /* gives the exit status */
};

extern const struct option_row option_rows[OPT_COUNT];
extern const struct verb_row verb_rows[VERB_COUNT];
extern const struct group_row group_rows[GROUP_COUNT];
extern const enum option_id every_verb_takes[]; /* ending in OPT_COUNT */

#define ARGS_GIVEN_MAX 1024

struct args {
    const struct verb_row *verb;   /* help when none was typed */
    const struct group_row *group; /* typed without one of its verbs, for help; NULL otherwise */
    bool has_verb;
    char **words;
    size_t word_count;
    const char *values[OPT_COUNT]; /* NULL: not given; "" for one that has no value; the last when it was given several times */
    struct {
        enum option_id id;
        const char *value;
    } given[ARGS_GIVEN_MAX]; /* every one, in order */
    size_t given_count;
};

/* argv[0] is the program. Options may stand anywhere; behind `--` everything is a word. The words are gathered at the beginning of argv. */
bool args_parse(int argc, char **argv, struct args *args, struct gl_buf *problem) GL_MUST_USE;
bool args_takes(const struct verb_row *verb, enum option_id id); /* as an option of its own */
/* The value that the option was given the (n + 1)th time; NULL: not so often. */
const char *args_nth(const struct args *args, enum option_id id, size_t n);
const struct verb_row *args_verb(const char *name);   /* "tag", "label new"; NULL: there is none */
const struct group_row *args_group(const char *name); /* "label"; NULL: there is none */
/* The verb of the group that has this name, without the group's; NULL: there is none. */
const struct verb_row *args_verb_of(const struct group_row *group, const char *name);
/* The name most like word, NULL when none is like it. Names end with a NULL. */
const char *args_nearest(const char *word, const char *const *names);
/* How many letters have to be changed, put in, taken out or exchanged with their neighbour. ASCII case does not count. */
size_t args_distance(const char *a, const char *b);

#endif
