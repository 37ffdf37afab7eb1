#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "service/base/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "service/base/mem.h"

static const char variable[] = "GLOSSD_HANDOVER"; /* not GLOSS_…: those are settings */

enum { LINE_MAX_BYTES = 8192, LINES_MAX_BYTES = 4 << 20 };

int handover_memory(const char *name, size_t bytes)
{
    static const char *const folders[] = {"/dev/shm", "/tmp"};
    int fd = memfd_create(name, MFD_CLOEXEC);
    for (size_t i = 0; fd < 0 && i < sizeof(folders) / sizeof(*folders); i++)
        fd = open(folders[i], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)bytes) == 0)
        return fd;
    close(fd);
    return -1;
}

void handover_init(struct handover *handover)
{
    *handover = (struct handover){.fd = -1};
    gl_buf_init(&handover->lines, LINES_MAX_BYTES);
    handover_say(handover, "glossd %d", HANDOVER_FORMAT);
}

void handover_fini(struct handover *handover)
{
    gl_buf_fini(&handover->lines);
    mem_free(&handover->kept);
    if (handover->fd >= 0)
        close(handover->fd);
    handover->fd = -1;
}

/* ---- who goes */

void handover_say(struct handover *handover, const char *fmt, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;
    va_start(args, fmt);
    const int len = vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof(line))
        handover->lines.code = GL_E_TOO_LARGE;
    else
        gl_buf_put(&handover->lines, line, (size_t)len + 1);
}

static void stay_open(int fd, bool stays)
{
    const int flags = fcntl(fd, F_GETFD);
    if (flags >= 0)
        fcntl(fd, F_SETFD, stays ? flags & ~FD_CLOEXEC : flags | FD_CLOEXEC);
}

void handover_keep(struct handover *handover, int fd)
{
    handover->kept = mem_grow(handover->kept, &handover->kept_cap, handover->kept_count + 1, sizeof(*handover->kept));
    handover->kept[handover->kept_count++] = fd;
    stay_open(fd, true);
}

static bool write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        const ssize_t written = write(fd, data, len);
        if (written < 0 && errno != EINTR)
            return false;
        data += written < 0 ? 0 : written;
        len -= written < 0 ? 0 : (size_t)written;
    }
    return true;
}

bool handover_seal(struct handover *handover)
{
    char where[64];
    if (handover->lines.code) {
        errno = EMSGSIZE;
        return false;
    }
    handover->fd = handover_memory("glossd-handover", 0);
    stay_open(handover->fd, true);
    snprintf(where, sizeof(where), "%d:%d", (int)getpid(), handover->fd);
    return handover->fd >= 0 && write_all(handover->fd, handover->lines.data, handover->lines.len) &&
           lseek(handover->fd, 0, SEEK_SET) == 0 && setenv(variable, where, true) == 0;
}

void handover_undo(struct handover *handover)
{
    for (size_t i = 0; i < handover->kept_count; i++)
        stay_open(handover->kept[i], false);
    unsetenv(variable);
}

/* ---- who comes */

static bool read_all(int fd, struct gl_buf *lines)
{
    char part[4096];
    ssize_t got;
    while ((got = read(fd, part, sizeof(part))) > 0 || (got < 0 && errno == EINTR))
        gl_buf_put(lines, part, got > 0 ? (size_t)got : 0);
    return got == 0 && lines->code == GL_OK && lines->len > 0 && lines->data[lines->len - 1] == '\0';
}

int handover_open(struct handover *handover)
{
    int pid, fd;
    const char *where = getenv(variable);
    *handover = (struct handover){.fd = -1};
    gl_buf_init(&handover->lines, LINES_MAX_BYTES);
    if (!where || sscanf(where, "%d:%d", &pid, &fd) != 2 || pid != (int)getpid())
        return 0;
    unsetenv(variable);
    const char *format = read_all(fd, &handover->lines) ? handover_next(handover, "glossd", NULL) : NULL;
    close(fd);
    return format && strtol(format, NULL, 10) == HANDOVER_FORMAT ? 1 : -1;
}

const char *handover_next(const struct handover *handover, const char *word, const char *after)
{
    const size_t len = strlen(word);
    const char *line = after ? after + strlen(after) + 1 : handover->lines.data;
    const char *end = handover->lines.data + handover->lines.len;
    for (; line && line < end; line += strlen(line) + 1)
        if (!strncmp(line, word, len) && line[len] == ' ')
            return line + len + 1;
    return NULL;
}
