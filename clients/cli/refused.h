/*
 * refused.h - why the server refused a change, in words that say what to do next.
 *
 * Owns      nothing.
 * Thread    the main thread.
 * Errors    the exit status that the refusal makes.
 */
#ifndef CLI_REFUSED_H
#define CLI_REFUSED_H

#include "clients/cli/cli.h"

/* Says it: for several places a numbered list with what stands round them, for none the nearest, for a stale change what is there now and whose it
 * is. With --json {"error":{"name",...}} as the server gave it. session may be NULL, quote too. Gives the exit status. */
int refused_say(struct cli *cli, const struct gloss_session *session, const char *quote, const struct gloss_error *error);

/* What can be done about an op that waits and was refused, as `gloss sync` says it. */
void refused_choices(struct cli *cli, const char *op, const struct gloss_error *error);
json_t *refused_json(const struct gloss_session *session, const struct gloss_error *error); /* with the author's name */

/* Only the sentences, on stderr. */
void refused_tell(struct cli *cli, const struct gloss_session *session, const char *quote, const struct gloss_error *error);

#endif
