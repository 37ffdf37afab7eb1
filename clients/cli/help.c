#include "clients/cli/help.h"

#include <stdlib.h>

#include "clients/cli/say.h"
#include "clients/cli/wrap.h"

#define LEFT_COLUMNS 25
#define EXIT_INDENT  5

static const struct {
    const char *name;
    int status;
    const char *when;
} exit_rows[] = {
#define ROW(name, status, when) {#name, status, when},
    EXIT_TABLE(ROW)
#undef ROW
};

static void put_spaces(struct gl_buf *out, size_t count)
{
    while (count-- > 0) {
        gl_buf_byte(out, ' ');
    }
}

/* Words, wrapped, beginning at column `at` with every line beginning at `indent`. */
static void put_wrapped(struct gl_buf *out, const char *words, size_t at, size_t indent, size_t columns)
{
    struct pieces pieces;
    pieces_init(&pieces);
    struct gl_slice text = gl_slice_str(words);
    for (size_t byte = 0, cp = 0; byte < text.len;) {
        if (!pieces_add_cluster(&pieces, text, &byte, &cp)) {
            pieces_add(&pieces)->bytes = GL_SLICE(" "); /* lines of the table are no lines of the screen */
            pieces.items[pieces.count - 1].columns = 1;
            pieces.items[pieces.count - 1].kind = CLUSTER_SPACE;
        }
    }
    for (size_t from = 0, shown; from < pieces.count;) {
        put_spaces(out, at < indent ? indent - at : 0);
        size_t next = wrap_line(&pieces, from, columns - indent, &shown);
        for (; from < shown; from++) {
            piece_put(out, &pieces.items[from]);
        }
        gl_buf_byte(out, '\n');
        from = next;
        at = 0;
    }
    pieces_fini(&pieces);
}

static void put_row(struct gl_buf *out, const char *left, const char *right, size_t columns)
{
    size_t len = strlen(left);
    gl_buf_printf(out, "  %s", left);
    if (len + 4 > LEFT_COLUMNS) {
        gl_buf_byte(out, '\n');
        len = 0;
        put_wrapped(out, right, 0, LEFT_COLUMNS, columns);
    } else {
        put_wrapped(out, right, len + 2, LEFT_COLUMNS, columns);
    }
}

static size_t help_columns(const struct screen *screen)
{
    return screen->columns > 100 ? 100 : screen->columns;
}

/* "label   the labels of a codebook: list, new, ..." */
static void put_group_row(struct gl_buf *out, const struct group_row *group, size_t columns)
{
    struct gl_buf line;
    gl_buf_init(&line, SIZE_MAX);
    gl_buf_str(&line, group->line);
    const char *between = ": ";
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (verb_rows[i].group == group) {
            gl_buf_printf(&line, "%s%s", between, verb_rows[i].name + strlen(group->name) + 1);
            between = ", ";
        }
    }
    put_row(out, group->name, gl_buf_cstr(&line), columns);
    gl_buf_fini(&line);
}

static void put_list(struct gl_buf *out, size_t columns)
{
    gl_buf_str(out, "gloss - read and mark up shared texts\n\n");
    const struct group_row *group = NULL;
    for (size_t i = 0; i < VERB_COUNT; i++) {
        const struct verb_row *verb = &verb_rows[i];
        if (!verb->group) {
            put_row(out, verb->name, verb->line, columns);
        } else if (verb->group != group) {
            put_group_row(out, verb->group, columns);
        }
        group = verb->group;
    }
    gl_buf_str(out, "\n");
    put_wrapped(
        out,
        "BRIEF is a document's id, or a unique beginning of its title or file name; ANN an annotation's id or its beginning. `gloss help VERB` tells more about one verb, `gloss help exits` lists the exit statuses.",
        0, 0, columns);
}

void help_list(struct screen *screen)
{
    struct gl_buf out;
    gl_buf_init(&out, SIZE_MAX);
    put_list(&out, help_columns(screen));
    screen_put(screen, &out);
    gl_buf_fini(&out);
}

static void put_options(struct gl_buf *out, const enum option_id *takes, size_t columns)
{
    for (; *takes != OPT_COUNT; takes++) {
        const struct option_row *row = &option_rows[*takes];
        char *left = heap_printf("--%s%s%s", row->name, row->value ? " " : "", row->value ? row->value : "");
        put_row(out, left, row->help, columns);
        free(left);
    }
}

static void put_verb(struct gl_buf *out, const struct verb_row *verb, size_t columns)
{
    char *head = heap_printf("gloss %s%s%s%s - %s", verb->name, *verb->words ? " " : "", verb->words,
                             *verb->takes != OPT_COUNT ? " [OPTION...]" : "", verb->line);
    put_wrapped(out, head, 0, 0, columns);
    gl_buf_str(out, "\n");
    free(head);
    put_wrapped(out, verb->more, 0, 0, columns);
    gl_buf_str(out, "\n");
    put_options(out, verb->takes, columns);
    put_options(out, every_verb_takes, columns);
}

int help_exits(struct cli *cli)
{
    struct gl_buf out;
    gl_buf_init(&out, SIZE_MAX);
    gl_buf_str(&out, "Exit statuses:\n");
    for (size_t i = 0; i < sizeof exit_rows / sizeof exit_rows[0]; i++) {
        gl_buf_printf(&out, "  %d  ", exit_rows[i].status);
        put_wrapped(&out, exit_rows[i].when, EXIT_INDENT, EXIT_INDENT, help_columns(&cli->out));
    }
    screen_page(&cli->out, &out);
    gl_buf_fini(&out);
    return EXIT_DONE;
}

static void put_group(struct gl_buf *out, const struct group_row *group, size_t columns)
{
    char *head = heap_printf("gloss %s VERB - %s", group->name, group->line);
    put_wrapped(out, head, 0, 0, columns);
    gl_buf_str(out, "\n");
    free(head);
    put_wrapped(out, group->more, 0, 0, columns);
    gl_buf_str(out, "\n");
    for (size_t i = 0; i < VERB_COUNT; i++) {
        const struct verb_row *verb = &verb_rows[i];
        if (verb->group == group) {
            char *left = heap_printf("%s%s%s", verb->name, *verb->words ? " " : "", verb->words);
            put_row(out, left, verb->line, columns);
            free(left);
        }
    }
    char *last = heap_printf("`gloss help %s VERB` tells more about one; `gloss %s` alone lists.", group->name, group->name);
    gl_buf_str(out, "\n");
    put_wrapped(out, last, 0, 0, columns);
    free(last);
}

int help_group(struct cli *cli, const struct group_row *group)
{
    struct gl_buf out;
    gl_buf_init(&out, SIZE_MAX);
    put_group(&out, group, help_columns(&cli->out));
    screen_page(&cli->out, &out);
    gl_buf_fini(&out);
    return EXIT_DONE;
}

int help_verb(struct cli *cli, const struct verb_row *verb)
{
    struct gl_buf out;
    gl_buf_init(&out, SIZE_MAX);
    if (verb) {
        put_verb(&out, verb, help_columns(&cli->out));
    } else {
        put_list(&out, help_columns(&cli->out));
    }
    screen_page(&cli->out, &out);
    gl_buf_fini(&out);
    return EXIT_DONE;
}
