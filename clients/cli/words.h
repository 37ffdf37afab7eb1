/*
 * words.h - the words of a brief.
 *
 * Owns      the text is the caller's: gloss_text_free.
 * Thread    the main thread.
 * Errors    an exit status; what was wrong has been said.
 */
#ifndef CLI_WORDS_H
#define CLI_WORDS_H

#include "clients/cli/cli.h"

int words_fetch(struct cli *cli, const char *document, struct gl_text **text) GL_MUST_USE;

#endif
