#include "clients/cli/fit.h"

#include "clients/cli/width.h"

struct fit {
    struct gl_buf *out;
    size_t columns, indent;
    size_t at;     /* columns used in this line */
    size_t spaces; /* that came before the word that comes next */
    bool has_word; /* in this line */
};

static void put_spaces(struct gl_buf *out, size_t count)
{
    while (count-- > 0) {
        gl_buf_byte(out, ' ');
    }
}

/* A piece between two places where a line may be broken. */
static void put_word(struct fit *fit, struct gl_slice word, size_t columns)
{
    if (word.len == 0) {
        return; /* between two spaces */
    }
    if (fit->has_word && fit->at + fit->spaces + columns > fit->columns) {
        gl_buf_byte(fit->out, '\n');
        put_spaces(fit->out, fit->indent);
        fit->at = fit->indent;
        fit->spaces = 0;
    }
    put_spaces(fit->out, fit->spaces);
    gl_buf_slice(fit->out, word);
    fit->at += fit->spaces + columns;
    fit->spaces = 0;
    fit->has_word = fit->has_word || columns > 0;
}

static void end_line(struct fit *fit)
{
    gl_buf_byte(fit->out, '\n');
    fit->at = fit->spaces = 0;
    fit->has_word = false;
}

/* The length of the SGR sequence that begins here; 0: none does. */
static size_t sgr_len(struct gl_slice text, size_t at)
{
    size_t end = at + 2;
    if (end > text.len || text.data[at] != '\x1b' || text.data[at + 1] != '[') {
        return 0;
    }
    while (end < text.len && (text.data[end] == ';' || (text.data[end] >= '0' && text.data[end] <= '9'))) {
        end++;
    }
    return end < text.len && text.data[end] == 'm' ? end + 1 - at : 0;
}

void fit_text(struct gl_buf *out, struct gl_slice text, size_t columns, size_t indent)
{
    struct fit fit = {.out = out, .columns = columns, .indent = indent < columns / 2 ? indent : columns / 2};
    struct cluster cluster;
    size_t begin = 0, width = 0;
    for (size_t at = 0; at < text.len;) {
        size_t from = at, skip = sgr_len(text, at);
        if (skip) {
            at += skip;
            continue;
        }
        cluster_next(text, &at, &cluster);
        if (cluster.kind == CLUSTER_SPACE || cluster.kind == CLUSTER_NEWLINE) {
            put_word(&fit, gl_slice_of(text.data + begin, from - begin), width);
            begin = at;
            width = 0;
            fit.spaces += cluster.kind == CLUSTER_SPACE;
        } else if (cluster.kind == CLUSTER_WIDE && !cluster.stays && width > 0) {
            put_word(&fit, gl_slice_of(text.data + begin, from - begin), width);
            begin = from;
            width = cluster.columns;
        } else {
            width += cluster.columns;
        }
        if (cluster.kind == CLUSTER_NEWLINE) {
            end_line(&fit);
        }
    }
    put_word(&fit, gl_slice_of(text.data + begin, text.len - begin), width);
}
