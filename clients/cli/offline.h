/*
 * offline.h - changes that are kept on disk until `gloss sync` sends them.
 *
 * The queue is the library's (gloss.h, "Unsent work"), below $XDG_STATE_HOME/gloss/queue; which briefs and annotations there are is known from
 * earlier runs (known.h). An annotation that waits to be made may be named, too.
 *
 * Owns      nothing; the queue is the library's.
 * Thread    the main thread.
 * Errors    an exit status; what was wrong has been said.
 */
#ifndef CLI_OFFLINE_H
#define CLI_OFFLINE_H

#include "clients/cli/brief.h"

/* link_open of a run with --offline: makes cli->gloss, which does not connect. */
int offline_open(struct cli *cli) GL_MUST_USE;
char *offline_folder(void); /* of the queue; NULL: no home. The caller's. */
/* Opens the queue of a session, and nothing else of it. */
int offline_join(struct cli *cli, const char *id, struct gloss_session **session) GL_MUST_USE;
/* An annotation that was seen, or that waits to be made. */
int offline_find_annotation(struct cli *cli, const char *word, struct place *place) GL_MUST_USE;
/* Keeps ops ({"id","base"?,"change"}, lent) and tells; several are one atomic step. An op without base gets what had been seen of its annotation. */
int offline_keep(struct cli *cli, const char *session, json_t *ops) GL_MUST_USE;
/* "tag “closer ties” as claim": what a change asks for, harmless. */
void offline_put_words(struct gl_buf *out, const json_t *change);

#endif
