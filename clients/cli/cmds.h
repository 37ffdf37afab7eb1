/*
 * cmds.h - the functions behind the verbs; each is in the file cmd_NAME.c (cmd_GROUP.c) and gives the exit status.
 *
 * Owns      nothing.
 * Thread    the main thread.
 * Errors    an exit status of exits.h; what was wrong has been said.
 */
#ifndef CLI_CMDS_H
#define CLI_CMDS_H

struct cli;

#define CLI_VERB(name, least, most, words, line, more)           int cmd_##name(struct cli *cli);
#define CLI_VERB_OF(group, name, least, most, words, line, more) int cmd_##group##_##name(struct cli *cli);
#include "clients/cli/cmds.def"

#endif
