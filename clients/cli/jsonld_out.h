/*
 * jsonld_out.h - many annotations as one AnnotationCollection, written as they come.
 *
 * Owns      the page that is being filled, at most page_size annotations; nothing else is kept, however many come.
 * Lifetime  jsonld_out_begin, jsonld_out_put for each, jsonld_out_end.
 * Thread    the main thread.
 * Errors    none of its own; main tells when standard output could not be written.
 * Source    W3C Web Annotation Data Model, 5.
 *
 * Three forms: one document, a collection with its only page embedded; one annotation a line, each by itself; pages, each a line by itself, and
 * behind them the collection that names the first and the last. How many there are is known at the end, and JSON's members have no order.
 */
#ifndef CLI_JSONLD_OUT_H
#define CLI_JSONLD_OUT_H

#include "clients/cli/cli.h"

enum jsonld_form { JSONLD_DOCUMENT, JSONLD_LINES, JSONLD_PAGES };

struct jsonld_out {
    struct cli *cli;
    enum jsonld_form form;
    const char *id; /* of the collection: a session, a project */
    const char *label;
    size_t page_size;
    json_t *items; /* JSONLD_PAGES: of the page that is being filled */
    uint64_t total, pages;
    char modified[32]; /* the newest time, "": not known */
};

void jsonld_out_begin(struct jsonld_out *out);
/* annotation is taken; it has a @context when the form is JSONLD_LINES. */
void jsonld_out_put(struct jsonld_out *out, json_t *annotation);
void jsonld_out_modified(struct jsonld_out *out, const char *at); /* may be NULL or "" */
void jsonld_out_end(struct jsonld_out *out);
/* One annotation and nothing else. */
void jsonld_out_one(struct cli *cli, json_t *annotation);

#endif
