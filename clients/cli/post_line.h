/*
 * post_line.h - one line of `gloss post`: from NDJSON to an op with an id that is the same whenever the same input is posted.
 *
 * Owns      nothing; the op that comes back is the caller's.
 * Thread    any one at a time.
 * Errors    a sentence about the line in err->detail.
 * Source    "Contract from outside"; README.md, "Ids of posted lines".
 */
#ifndef CLI_POST_LINE_H
#define CLI_POST_LINE_H

#include "clients/cli/tally.h"
#include "proto/gl_json.h"

#define POST_LINE_MAX 65536 /* bytes of a line, its end not counted */

/* What all lines of a run have in common. */
struct post_run {
    const char *account; /* ids as text */
    const char *session;
    const char *run;    /* NULL: none */
    const char *agent;  /* NULL: none */
    json_t *attributes; /* of every line that has not its own of that name; NULL: none */
    struct tally tally;
};

/* *op becomes {"id","change"}. Lines without id are counted in run->tally, so every line must be given once, in order. */
enum gl_code post_line_read(struct post_run *run, struct gl_slice line, json_t **op, struct gl_err *err) GL_MUST_USE;
/* UUIDv8 of SHA-256("gloss.post" 0 account 0 session 0 run 0 line 0 occurrence): line is canonical JSON, occurrence decimal, run empty for none. */
gl_uuid post_line_id(const struct post_run *run, struct gl_slice canonical, uint64_t occurrence);

#endif
