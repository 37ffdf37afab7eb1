/*
 * brief.h - which brief, which project, which annotation somebody means.
 *
 * Owns      struct brief owns the document's description.
 * Lifetime  brief_find ... brief_fini.
 * Thread    the main thread.
 * Errors    an exit status; what was wrong has been said: several that begin so are listed, and of none near ones are named.
 */
#ifndef CLI_BRIEF_H
#define CLI_BRIEF_H

#include "clients/cli/cli.h"

struct brief {
    json_t *info;         /* document_info */
    const char *document; /* these point into it */
    const char *session;
    const char *project;
    const char *title;
    uint64_t codepoints;
};

/* By id, or by the unique beginning (or the whole) of a title or file name; within --project when that is given. */
int brief_find(struct cli *cli, const char *word, struct brief *brief) GL_MUST_USE;
void brief_take(struct brief *brief, json_t *document_info); /* which is taken */
int brief_by_id(struct cli *cli, const char *document, struct brief *brief) GL_MUST_USE;
void brief_fini(struct brief *brief);

/* The project that `name` (a name or an id) means; *id is the caller's. */
int project_find(struct cli *cli, const char *name, char **id) GL_MUST_USE;
/* Its description (project_info, the caller's). name NULL: the only project that one belongs to. */
int project_take(struct cli *cli, const char *name, json_t **info) GL_MUST_USE;
int project_list(struct cli *cli,
                 json_t **projects) GL_MUST_USE; /* all of them, an array that is the caller's also when it fails */
int project_members(struct cli *cli, const char *project, json_t **members) GL_MUST_USE; /* likewise, by the project's id */
/* The project to write to when nobody named one: the only one where one may. */
int project_for_writing(struct cli *cli, char **id) GL_MUST_USE;
/* Every project's name by its id, as an object; NULL with *status when it cannot be read. */
json_t *project_names(struct cli *cli, int *status);

struct place {
    char annotation[GLOSS_ID];
    char session[GLOSS_ID];
    char document[GLOSS_ID];
};
bool annotation_may_be(const char *word); /* it looks like an annotation's id or the beginning of one */
/* The annotation that has this id, or the only one whose id begins so; within --brief when that is given. */
int annotation_find(struct cli *cli, const char *word, struct place *place) GL_MUST_USE;

#endif
