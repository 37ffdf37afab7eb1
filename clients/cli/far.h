/*
 * far.h - the other ends of relations that lead into other briefs.
 *
 * Owns      a reference to each annotation, and the titles.
 * Lifetime  far_gather / far_fini, embedded in yours.
 * Thread    the main thread.
 * Errors    none: an end that cannot be read is one that is hidden. What is read is as of now, also for `show --at`.
 */
#ifndef CLI_FAR_H
#define CLI_FAR_H

#include "clients/cli/cli.h"
#include "proto/model/annotation.h"

struct far_end {
    gl_uuid annotation;
    struct gl_annotation *end; /* NULL: it is not there, or not for us to see */
    char *title;               /* of its brief; NULL: not for us to see */
};

struct far_list {
    struct far_end *items; /* by annotation */
    size_t count;
};

/* Joins each session that relations among the annotations lead to, but `session`, for as long as it takes to read it. */
void far_gather(struct cli *cli, const char *session, struct gl_annotation *const *annotations, size_t count,
                struct far_list *far);
void far_fini(struct far_list *far);
const struct far_end *far_find(const struct far_list *far, const gl_uuid *annotation); /* NULL: it was not asked for */

#endif
