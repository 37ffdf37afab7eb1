/*
 * terms.h - the codebook of a project: labels, attributes and types of relations; what the groups label, attribute and relation share.
 *
 * Owns      struct terms owns what was read.
 * Lifetime  terms_open ... terms_fini.
 * Thread    the main thread.
 * Errors    an exit status; what was wrong has been said, with near names for one that is not there.
 * Source    PROTOCOL.md, "The codebook".
 */
#ifndef CLI_TERMS_H
#define CLI_TERMS_H

#include "clients/cli/cli.h"

struct terms {
    json_t *info; /* project_info */
    json_t *list; /* the records, by kind and name */
    uint64_t version;
    bool is_open; /* an unknown label makes a new one */
};

/* Signs in and reads the codebook of --project, or of the only project. */
int terms_open(struct cli *cli, struct terms *terms) GL_MUST_USE;
int terms_read(struct cli *cli, const char *project, struct terms *terms) GL_MUST_USE; /* without info */
void terms_fini(struct terms *terms);
const json_t *terms_by_id(const struct terms *terms, const char *id); /* NULL: there is none */
/* The term of that kind ("label") with this name or id. */
int terms_find(struct cli *cli, const struct terms *terms, const char *kind, const char *name, const json_t **term) GL_MUST_USE;
/* How many are in use, not retired. */
size_t terms_count(const struct terms *terms, const char *kind);
/* Its colour, or the one that follows from its place among the labels by age. */
unsigned terms_colour(const struct terms *terms, const json_t *term);

/* The same for every label at once, by id; the array is the caller's. */
struct label_colour {
    char id[GLOSS_ID];
    unsigned colour;
};
struct label_colour *terms_colours(const struct terms *terms, size_t *count);
unsigned label_colour_find(const struct label_colour *colours, size_t count,
                           const char *id); /* PAINT_COLOURS - 1: it is none of them */

/* Asks for one change of the project's stream and tells: `done` the name, or {"op","seq","kind","id","name"}. change is taken. */
int terms_submit(struct cli *cli, const json_t *info, json_t *change, const char *done, const char *name) GL_MUST_USE;

/* Fields of a change that come from options; an empty value takes the field away (null). */
void terms_set(struct cli *cli, json_t *change, const char *field, enum option_id id);
int terms_set_colour(struct cli *cli, json_t *change) GL_MUST_USE;
/* An option that names labels, as often as it was given; ids go into the field. */
int terms_set_labels(struct cli *cli, const struct terms *terms, json_t *change, const char *field,
                     enum option_id id) GL_MUST_USE;
void terms_set_strings(struct cli *cli, json_t *change, const char *field, enum option_id id);

/* The verbs that are the same for every kind; the first word is the term's name. */
int terms_run_rename(struct cli *cli, const char *kind) GL_MUST_USE;
int terms_run_retire(struct cli *cli, const char *kind, bool retired) GL_MUST_USE;
/* new and edit: `fill` puts the options' fields into the change. */
typedef int (*terms_fill_fn)(struct cli *cli, const struct terms *terms, json_t *change);
int terms_run_new(struct cli *cli, const char *kind, terms_fill_fn fill) GL_MUST_USE;
int terms_run_edit(struct cli *cli, const char *kind, terms_fill_fn fill) GL_MUST_USE;
/* "claim, evidence" of an array of label ids. */
void terms_put_names(struct gl_buf *out, const struct terms *terms, const json_t *ids);

#endif
