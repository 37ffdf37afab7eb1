#include "clients/cli/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clients/cli/heap.h"

char *file_folder(const char *variable, const char *fallback)
{
    const char *value = getenv(variable), *home = getenv("HOME");
    if (value && value[0] == '/') {
        return heap_printf("%s/gloss", value);
    }
    return home && *home ? heap_printf("%s/%s/gloss", home, fallback) : NULL;
}

bool file_make_folders(const char *path)
{
    char *copy = heap_copy(gl_slice_str(path));
    bool is_made = true;
    for (char *slash = strchr(copy + 1, '/'); slash && is_made; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        is_made = mkdir(copy, 0700) == 0 || errno == EEXIST;
        *slash = '/';
    }
    free(copy);
    return is_made;
}

/* The new file is whole before it takes the old one's name. */
static bool replace_file(const char *path, const char *text)
{
    char *beside = heap_printf("%s.XXXXXX", path);
    int fd = mkostemp(beside, O_CLOEXEC); /* mode 0600 */
    size_t len = strlen(text);
    bool is_done = fd >= 0 && write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
    int error = errno;
    if (fd >= 0 && close(fd) != 0 && is_done) {
        is_done = false;
        error = errno;
    }
    if (is_done && rename(beside, path) != 0) {
        is_done = false;
        error = errno;
    }
    if (!is_done && fd >= 0) {
        unlink(beside);
    }
    free(beside);
    errno = error;
    return is_done;
}

bool file_write_private(const char *path, const char *text)
{
    return file_make_folders(path) && replace_file(path, text);
}
