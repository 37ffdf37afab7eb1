/*
 * jsonld.h - an annotation in the form of the W3C Web Annotation Data Model.
 *
 * Owns      nothing; what comes back is the caller's.
 * Thread    the main thread.
 * Errors    none; what a record does not have is left out.
 * Source    https://www.w3.org/TR/2017/REC-annotation-model-20170223/; README.md, "JSON-LD".
 *
 * Ids are urn:uuid: with the ids that Gloss uses everywhere. A span is a SpecificResource with a TextPositionSelector and a TextQuoteSelector, which
 * both count code points; its state names the revision. Several spans are several targets. A reply's target is the annotation that it answers, a
 * relation's are both its ends. What the model has no word for (status, attributes, confidence, run, which end is which) stands under absolute
 * names, urn:gloss:..., which readers that do not know them pass over.
 */
#ifndef CLI_JSONLD_H
#define CLI_JSONLD_H

#include "clients/cli/brief.h"

#define JSONLD_CONTEXT "http://www.w3.org/ns/anno.jsonld"

struct jsonld {
    const struct brief *brief;
    const struct gloss_session *session; /* for names */
    json_t *terms;                       /* id -> name of every term of the codebook */
    json_t *attributes;                  /* name -> id of its attributes */
    char (*times)[32];                   /* by seq - 1: when each op was made, RFC 3339; "" when that is not known */
    uint64_t time_count;
};

/* with_context: it stands by itself, so it must say what its names mean; inside of a page it must not. */
json_t *jsonld_annotation(const struct jsonld *jsonld, const struct gl_annotation *annotation, bool with_context);

#endif
