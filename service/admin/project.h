/*
 * project.h - what the files of glossd project share.
 *
 * Owns      nothing.
 * Thread    the main thread; everything blocks.
 * Errors    functions give an exit code and have said on standard error what is wrong.
 */
#ifndef ADMIN_PROJECT_H
#define ADMIN_PROJECT_H

#include "service/admin/database.h"

struct project_options {
    bool json, yes;
    const char *owner;
};
int find_project(struct admin_db *db, const char *name, gl_uuid *project) GL_MUST_USE;             /* by name or id */
int give_project(struct admin_db *db, const gl_uuid *project, const gl_uuid *account) GL_MUST_USE; /* makes it an owner */

/* project_archive.c: the words export and import. */
int project_export(struct admin_db *db, int argc, char **argv, const void *options);
int project_import(struct admin_db *db, int argc, char **argv, const void *options);

#endif
