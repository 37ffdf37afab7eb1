/*
 * files.h - small files of gloss's own: settings, what it remembers.
 *
 * Owns      nothing; paths and texts that come back are the caller's.
 * Thread    any one at a time.
 * Errors    errno says why.
 */
#ifndef CLI_FILES_H
#define CLI_FILES_H

#include <stdbool.h>

/* Replaces the file whole, for its owner only; folders above it that are not there are made so, too. */
bool file_write_private(const char *path, const char *text);
/* Every folder above path that is not there yet, only for its owner. */
bool file_make_folders(const char *path);
/* "$VARIABLE/gloss", or "~/FALLBACK/gloss" when the variable has no absolute path; NULL: no home. The caller's. */
char *file_folder(const char *variable, const char *fallback);

#endif
