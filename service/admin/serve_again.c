#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "service/admin/serve_again.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "service/admin/admin.h"
#include "service/base/mem.h"

static char program[PATH_MAX];

/* As it was called, so that a link that points to another version then is followed; /proc/self/exe would name the old file. */
void serve_again_note_program(void)
{
    const char *called = (const char *)getauxval(AT_EXECFN);
    char folder[PATH_MAX] = "";
    const bool is_whole = called && *called == '/';
    if (!called || (!is_whole && !getcwd(folder, sizeof(folder))) || strlen(folder) + 1 + strlen(called) >= sizeof(program))
        return; /* the rehearsal says that there is none */
    char *end = is_whole ? program : stpcpy(stpcpy(program, folder), "/");
    stpcpy(end, called);
}

/* What this process was called with: argv itself has lost the settings. NULL: errno. */
static char **arguments(struct gl_buf *text)
{
    char part[4096];
    ssize_t got = -1;
    const int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && (got = read(fd, part, sizeof(part))) > 0)
        gl_buf_put(text, part, (size_t)got);
    if (fd >= 0)
        close(fd);
    if (got < 0 || text->code || !text->len)
        return NULL;
    size_t count = 0, cap = 0;
    char **list = NULL;
    for (size_t at = 0; at < text->len; at += strlen(text->data + at) + 1) {
        list = mem_grow(list, &cap, count + 2, sizeof(*list));
        list[count++] = text->data + at;
        list[count] = NULL;
    }
    return list;
}

static void become(struct handover *handover)
{
    struct gl_buf text;
    gl_buf_init(&text, 1 << 20);
    char **list = arguments(&text);
    if (list && handover_seal(handover))
        execv(program, list);
    const int saved = errno;
    mem_free(&list);
    gl_buf_fini(&text);
    errno = saved;
}

int serve_again_rehearse(void)
{
    struct handover handover;
    handover_init(&handover);
    handover_say(&handover, "rehearsal 1");
    become(&handover);
    admin_complain("%s cannot be run: %s", program, strerror(errno));
    return ADMIN_FAILED;
}

void serve_again_exchange(struct handover *handover)
{
    become(handover);
}
