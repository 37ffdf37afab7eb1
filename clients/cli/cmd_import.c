/*
 * cmd_import.c - gloss import: texts become briefs.
 *
 * Each file stands for itself: one that is no text does not keep the others out.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clients/cli/brief.h"
#include "clients/cli/cmds.h"
#include "clients/cli/link.h"
#include "clients/cli/meta.h"
#include "clients/cli/say.h"
#include "proto/model/text.h"

#define READ_MAX_BYTES (64u * 1024 * 1024) /* no server takes more; its own limit is told by the library */
#define STEP_MS        1000

static int read_file(struct cli *cli, const char *path, struct gl_buf *bytes)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = -1;
    struct stat info;
    if (fd >= 0 && fstat(fd, &info) == 0 && S_ISDIR(info.st_mode)) {
        errno = EISDIR;
    } else if (fd >= 0) {
        char block[65536];
        while ((got = read(fd, block, sizeof block)) > 0 || (got < 0 && errno == EINTR)) {
            gl_buf_put(bytes, block, got > 0 ? (size_t)got : 0);
        }
    }
    int error = errno;
    if (fd >= 0 && !is_stdin) {
        close(fd);
    }
    if (got < 0) {
        return fail(cli, EXIT_COULD_NOT, "file", "%s cannot be read: %s", path, strerror(error));
    }
    if (bytes->code == GL_E_TOO_LARGE) {
        return fail(cli, EXIT_COULD_NOT, "too_large", "%s has more than %u bytes; split it", path, READ_MAX_BYTES);
    }
    heap_check(bytes);
    return 0;
}

static int check_text(struct cli *cli, const char *path, const struct gl_buf *bytes)
{
    struct gl_err err = {0};
    if (bytes->len == 0) {
        return fail(cli, EXIT_COULD_NOT, "empty", "%s is empty; there is nothing to annotate", path);
    }
    if (gl_utf8_check(gl_buf_peek(bytes), &err) == GL_OK) {
        return 0;
    }
    return fail(cli, EXIT_COULD_NOT, gl_code_name(err.code), "%s was not imported: %s", path, err.detail);
}

/* One upload under way. */
struct upload {
    struct cli *cli;
    const char *path;
    struct progress progress;
    bool is_done;
    int status;
};

static void on_progress(size_t sent, size_t total, void *arg)
{
    struct upload *upload = arg;
    progress_step(&upload->progress, sent, total, "");
}

static void print_document(struct cli *cli, const json_t *document, bool existing)
{
    if (!cli->is_json) {
        out_line(cli, "%s  %s%s", json_string_value(json_object_get(document, "document")),
                 json_string_value(json_object_get(document, "title")), existing ? " (is there already)" : "");
        return;
    }
    json_t *line = json_object();
    const char *names[] = {"document", "session", "title", "filename", "project", "sha256", "bytes", "codepoints"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        json_t *value = json_object_get(document, names[i]);
        if (value) {
            json_object_set(line, names[i], value);
        }
    }
    if (existing) {
        json_object_set_new(line, "existing", json_true());
    }
    out_json(cli, line);
}

static void on_imported(struct gloss *g, json_t *document, bool existing, const struct gloss_error *error, void *arg)
{
    struct upload *upload = arg;
    (void)g;
    if (upload->is_done) {
        return; /* given up */
    }
    upload->is_done = true;
    progress_end(&upload->progress);
    if (!error) {
        print_document(upload->cli, document, existing);
        return;
    }
    char *doing = error_is_unknown(error->code)
                      ? heap_printf("it is not known whether %s was imported (importing it again tells)", upload->path)
                      : heap_printf("%s was not imported", upload->path);
    upload->status = fail_error(upload->cli, doing, error);
    free(doing);
}

/* The file's name without its folders; NULL for standard input and for names that are no text. */
static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    return strcmp(path, "-") == 0 || gl_utf8_check(gl_slice_str(name), NULL) != GL_OK ? NULL : name;
}

static int send_text(struct cli *cli, const char *project, const char *path, const struct gl_buf *bytes)
{
    struct upload upload = {.cli = cli, .path = path};
    struct gloss_import import;
    progress_begin(&upload.progress, &cli->err, name_of(path) ? name_of(path) : "importing");
    gloss_import_init(&import);
    import.project = project;
    import.title = cli_option(cli, OPT_title);
    import.filename = name_of(path);
    import.data = bytes->data;
    import.bytes = bytes->len;
    import.progress = on_progress;
    json_t *meta = json_object();
    meta_fill(cli, meta, false);
    import.meta = json_object_size(meta) ? meta : NULL;
    if (gloss_import(cli->gloss, &import, on_imported, &upload) != 0) {
        on_imported(cli->gloss, NULL, false, gloss_last_error(cli->gloss), &upload);
    }
    while (!upload.is_done) {
        if (link_step(cli, STEP_MS, LINK_PATIENCE_MS)) {
            on_imported(cli->gloss, NULL, false, &cli->link.final_error, &upload);
            gloss_free(&cli->gloss); /* it must not call back into what is gone */
        }
    }
    json_decref(meta);
    return upload.status;
}

static int import_one(struct cli *cli, const char *project, const char *path)
{
    struct gl_buf bytes;
    gl_buf_init(&bytes, READ_MAX_BYTES);
    int status = read_file(cli, path, &bytes);
    if (status == 0) {
        status = check_text(cli, path, &bytes);
    }
    if (status == 0) {
        status = send_text(cli, project, path, &bytes);
    }
    gl_buf_fini(&bytes);
    return status;
}

static void say_not_tried(struct cli *cli, size_t from)
{
    const size_t left = cli->args.word_count - from;
    if (left > 0) {
        say(cli, "not tried: %s%s", cli_word(cli, from), left > 1 ? " and what comes after it" : "");
    }
}

static int import_all(struct cli *cli, const char *project)
{
    size_t done = 0;
    int last = 0;
    for (size_t i = 0; i < cli->args.word_count; i++) {
        int status = import_one(cli, project, cli_word(cli, i));
        done += status == 0;
        last = status ? status : last;
        if (!cli->gloss) {
            say_not_tried(cli, i + 1);
            return last;
        }
    }
    return last == 0 || done == 0 ? last : EXIT_SOME_REFUSED;
}

int cmd_import(struct cli *cli)
{
    char *project = NULL;
    if (cli_option(cli, OPT_title) && cli->args.word_count > 1) {
        return fail(cli, EXIT_COULD_NOT, "usage", "--title names one brief, and there are %zu files; import them one by one",
                    cli->args.word_count);
    }
    int status = link_open(cli, NULL, NULL);
    if (status == 0) {
        status = cli_option(cli, OPT_into) ? project_find(cli, cli_option(cli, OPT_into), &project)
                                           : project_for_writing(cli, &project);
    }
    if (status == 0) {
        status = import_all(cli, project);
    }
    free(project);
    return status;
}
