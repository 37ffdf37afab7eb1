/*
 * complete.h - what may stand at the cursor, for the shells' completion.
 *
 * Owns      struct completion owns what it has gathered in out.
 * Lifetime  complete_words ... the caller finishes out.
 * Thread    the main thread.
 * Errors    none are said: a shell that asks in the middle of somebody's typing wants candidates or nothing.
 * Source    cmds.def: verbs, options, CLI_VALUES; what is called BRIEF, LABEL, FILE ... there is completed as such.
 *
 * The scripts in completion/ read the typed line and ask `gloss completion words -- WORD...`. The answer has a candidate a line, as the whole word that it
 * would be, a TAB, and what it is. A line with only a TAB and `files` asks the shell for file names.
 */
#ifndef CLI_COMPLETE_H
#define CLI_COMPLETE_H

#include "clients/cli/cli.h"

struct completion {
    struct cli *cli;      /* its args are those that were typed before the cursor */
    const char *word;     /* what is to be completed: the last word, or its part behind --option= */
    struct gl_slice kept; /* the part before it, which every candidate repeats */
    bool is_bare; /* the word is no option's value, and no -- is before it: what begins with - would be taken for an option */
    struct gl_buf out;
};

/* words: what was typed behind `gloss`, the last one up to the cursor. They may be changed. */
void complete_words(struct cli *cli, char **words, size_t count, struct gl_buf *out);
/* Offers value when it begins as the word does (ASCII case does not count); help may be NULL and is made harmless. */
void complete_offer(struct completion *completion, const char *value, const char *help);

/* What only the server or the file of servers knows; nothing when that does not answer within COMPLETE_MS. */
#define COMPLETE_MS 1500
typedef void (*complete_fn)(struct completion *completion);
complete_fn complete_kind(struct gl_slice name); /* of a value's name in cmds.def; NULL: nothing is known of it */

extern const char completion_bash[], completion_zsh[], completion_fish[]; /* the scripts */

#endif
