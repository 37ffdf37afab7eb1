/*
 * pager.h - the program that shows long output page by page.
 *
 * Owns      a child process and the pipe to it.
 * Lifetime  pager_start ... pager_end.
 * Thread    the main thread.
 * Errors    NULL with a sentence when there is no such program: then the output goes on without it.
 *
 * GLOSS_PAGER, else PAGER, else less; "" and cat are none. less is told to keep colours, to end by itself when there is less than a page, and to
 * leave the text on the screen (LESS=FRX), unless LESS is set. While it runs Ctrl-C is the pager's.
 */
#ifndef CLI_PAGER_H
#define CLI_PAGER_H

#include <stdio.h>
#include <sys/types.h>

#include "proto/gl_buf.h"

bool pager_is_wanted(void);                            /* somebody has not said that there is to be none */
FILE *pager_start(pid_t *pid, struct gl_buf *problem); /* what is written there is shown */
void pager_end(FILE *pipe, pid_t pid);                 /* waits until whoever reads has read enough */

#endif
