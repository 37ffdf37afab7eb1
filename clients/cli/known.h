/*
 * known.h - what earlier runs saw of a server, for runs that cannot ask it: who one is, which briefs there are, which annotations were looked at.
 *
 * Below $XDG_CACHE_HOME/gloss is a folder for each server and token. Nothing in it is needed by a run that reaches the server, and everything may be
 * thrown away. What cannot be written is not: a cache is no reason to fail.
 *
 * Owns      cli->known, until known_end.
 * Thread    the main thread.
 * Errors    the functions that find say what is wrong and give the exit status.
 */
#ifndef CLI_KNOWN_H
#define CLI_KNOWN_H

#include "clients/cli/brief.h"

void known_account(struct cli *cli, const char *account); /* signed in as this one */
void known_brief(struct cli *cli, const json_t *document_info);
/* Somebody has looked at the annotation as it was after op seq. */
void known_annotation(struct cli *cli, const char *session, const char *id, uint64_t seq);
/* Where its log was then (64 hex digits): without that nobody knows of which log the seq is. is_all: everything that is there was looked at. */
void known_chain(struct cli *cli, const char *session, uint64_t seq, const char *chain, bool is_all);
void known_end(struct cli *cli); /* writes what is new */

/* Without the server. */
const char *known_who(struct cli *cli); /* the account's id; NULL: nobody was signed in here yet */
int known_find_brief(struct cli *cli, const char *word, struct brief *brief) GL_MUST_USE;
/* seq: what had been seen of it, 0 when nothing is known; several or none is said. */
int known_find_annotation(struct cli *cli, const char *word, struct place *place, bool is_quiet) GL_MUST_USE;
uint64_t known_seq(struct cli *cli, const char *session, const char *annotation);
const char *known_chain_at(struct cli *cli, const char *session, uint64_t seq); /* NULL: not known */
const char *known_title(struct cli *cli, const char *session);                  /* of its brief; NULL: not known */

#endif
