#include "clients/cli/refused.h"

#include <stdlib.h>

#include "clients/cli/ops.h"
#include "clients/cli/safe.h"
#include "clients/cli/say.h"

#define PLACE_INDENT    7 /* behind the number */
#define WORDS_COLUMNS   40
#define CONTEXT_COLUMNS 28
#define LABELS_MAX      20

static const char *string_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* White space of any kind as one space, so that a place fits on a line. */
static char *on_one_line(const char *text)
{
    struct gl_buf out;
    gl_buf_init(&out, SIZE_MAX);
    bool was_space = false;
    for (; *text; text++) {
        bool is_space = strchr(" \t\r\n", *text) != NULL;
        if (!is_space || !was_space) {
            gl_buf_byte(&out, is_space ? ' ' : *text);
        }
        was_space = is_space;
    }
    return heap_take(&out);
}

static void put_words(struct gl_buf *line, const char *words, size_t columns)
{
    char *flat = on_one_line(words);
    safe_put_short(line, gl_slice_str(flat), columns);
    free(flat);
}

/* "  3  … between »growing influence« and the …  (120 to 137)" */
static void say_place(struct cli *cli, size_t number, const json_t *place, const char *quote)
{
    struct gl_buf line;
    gl_buf_init(&line, SIZE_MAX);
    const char *exact = string_of(place, "exact"), *prefix = string_of(place, "prefix"), *suffix = string_of(place, "suffix");
    gl_buf_printf(&line, "  %3zu  ", number);
    if (*prefix) {
        gl_buf_str(&line, "…");
        put_words(&line, prefix, CONTEXT_COLUMNS + 8);
    }
    gl_buf_str(&line, "»");
    put_words(&line, *exact ? exact : quote ? quote : "", WORDS_COLUMNS);
    gl_buf_str(&line, "«");
    if (*suffix) {
        put_words(&line, suffix, CONTEXT_COLUMNS);
    }
    gl_buf_printf(&line, "  (%lld to %lld", (long long)json_integer_value(json_object_get(place, "start")),
                  (long long)json_integer_value(json_object_get(place, "end")));
    json_t *score = json_object_get(place, "score");
    if (score) {
        gl_buf_printf(&line, ", %lld %% alike", (long long)json_integer_value(score) / 10);
    }
    gl_buf_str(&line, ")\n");
    screen_fit(&cli->err, &line, PLACE_INDENT);
    gl_buf_fini(&line);
}

static void say_places(struct cli *cli, const struct gloss_error *error, const char *quote)
{
    const json_t *places = json_object_get(error->data, "candidates");
    json_int_t count = json_integer_value(json_object_get(error->data, "count"));
    json_t *place;
    size_t i;
    json_array_foreach((json_t *)places, i, place)
    {
        say_place(cli, i + 1, place, quote);
    }
    if (count > (json_int_t)json_array_size(places)) {
        say_more(cli, "... and %lld more", (long long)count - (long long)json_array_size(places));
    }
}

static void say_value(struct cli *cli, const struct gloss_session *session, const json_t *current, const char *field)
{
    if (json_is_true(json_object_get(current, "deleted"))) {
        say_more(cli, "it was deleted; `gloss restore %s` brings it back", string_of(current, "id"));
        return;
    }
    const char *label = json_string_value(json_object_get(current, "label"));
    const char *name = label && session ? gloss_label_name(session, label) : NULL;
    json_t *spans = json_object_get(json_object_get(current, "target"), "spans");
    const json_t *first = json_array_get(spans, 0), *last = json_array_get(spans, json_array_size(spans) - 1);
    say_more(cli, "%slabel:  %s", strcmp(field, "label") == 0 ? "* " : "  ", label ? name ? name : label : "(none)");
    say_more(cli, "%snote:   %s", strcmp(field, "note") == 0 ? "* " : "  ",
             json_object_get(current, "note") ? string_of(current, "note") : "(none)");
    say_more(cli, "%sstatus: %s", strcmp(field, "status") == 0 ? "* " : "  ", string_of(current, "status"));
    if (first) {
        say_more(cli, "%splace:  %lld to %lld, “%.60s”", strcmp(field, "target") == 0 ? "* " : "  ",
                 (long long)json_integer_value(json_object_get(first, "start")),
                 (long long)json_integer_value(json_object_get(last, "end")), string_of(first, "exact"));
    }
}

static void say_stale(struct cli *cli, const struct gloss_session *session, const struct gloss_error *error)
{
    const char *author = string_of(error->data, "author"), *field = string_of(error->data, "field");
    json_int_t seq = json_integer_value(json_object_get(error->data, "seq"));
    const char *who = session ? member_name(session, author) : "somebody", *me = gloss_account_name(cli->gloss);
    if (session && me && strcmp(who, me) == 0) { /* what waited here is older: nobody's own changes stand in the way otherwise */
        say(cli, "refused: you changed its %s yourself since this was asked for (op %lld); nothing was done. It is now:",
            *field ? field : "state", (long long)seq);
    } else {
        say(cli, "refused: %s changed its %s since you looked (op %lld); nothing was done. It is now:", who,
            *field ? field : "state", (long long)seq);
    }
    say_value(cli, session, json_object_get(error->data, "current"), field);
    if (cli->args.verb != &verb_rows[VERB_sync]) { /* which has words of its own for that */
        say_more(cli, "look at it, then send the change again%s if you still want it",
                 cli_option(cli, OPT_base) ? " with a newer --base" : "");
    }
}

/* Servers before 0.2 do not say who; the record does. */
static void say_gone(struct cli *cli, const struct gloss_session *session, const struct gloss_error *error)
{
    const json_t *current = json_object_get(error->data, "current");
    const char *author = string_of(error->data, "author");
    json_int_t seq = json_integer_value(json_object_get(json_object_get(current, "seqs"), "deleted"));
    if (!*author) {
        author = string_of(json_object_get(current, "who"), "deleted");
    }
    if (!*author) {
        author = string_of(current, "creator");
    }
    if (!*author) {
        say_error(cli, "refused", error);
        return;
    }
    say(cli, "refused: the annotation was deleted by %s (op %lld); `gloss restore %s` brings it back",
        session ? member_name(session, author) : "somebody", (long long)seq, string_of(current, "id"));
}

/* The codebook is closed: which labels are there, and is one of them what was meant? */
static void say_labels(struct cli *cli, const struct gloss_session *session)
{
    const char *asked = cli_option(cli, OPT_label) ? cli_option(cli, OPT_label) : cli_option(cli, OPT_new_label);
    size_t count = session ? gloss_label_count(session) : 0;
    const char **names = heap_alloc(count + 1, sizeof *names), *id;
    for (size_t i = 0; i < count; i++) {
        if (!gloss_label_at(session, i, &id, &names[i])) {
            names[i] = "";
        }
    }
    const char *nearest = asked ? args_nearest(asked, names) : NULL;
    say(cli, "refused: the codebook is closed and has no label `%s`%s%s%s", asked ? asked : "", nearest ? "; did you mean `" : "",
        nearest ? nearest : "",
        nearest ? "`?"
        : count ? "; it has:"
                : "; a curator can open it");
    for (size_t i = 0; i < count && i < LABELS_MAX && !nearest; i++) {
        say_more(cli, "%s", names[i]);
    }
    free(names);
}

void refused_tell(struct cli *cli, const struct gloss_session *session, const char *quote, const struct gloss_error *error)
{
    const char *sentence = error->message[0] ? error->message : gloss_code_sentence(error->code);
    switch (error->code) {
    case GLOSS_E_QUOTE_AMBIGUOUS: {
        long long count = (long long)json_integer_value(json_object_get(error->data, "count"));
        say(cli, "these words stand in %lld places; say which with --nth N, or add --prefix or --suffix:", count);
        say_places(cli, error, quote);
        break;
    }
    case GLOSS_E_QUOTE_NOT_FOUND:
        say(cli, "%s%s", sentence, json_array_size(json_object_get(error->data, "candidates")) ? "; near are:" : "");
        say_places(cli, error, quote);
        break;
    case GLOSS_E_QUOTE_MISMATCH: {
        const char *found = string_of(error->data, "found");
        say(cli, "%s", sentence);
        say_more(cli, "there stands: “%s”", found);
        break;
    }
    case GLOSS_E_STALE: say_stale(cli, session, error); break;
    case GLOSS_E_GONE: say_gone(cli, session, error); break;
    case GLOSS_E_UNKNOWN_LABEL:
        if (cli->args.verb == &verb_rows[VERB_sync]) { /* the label was not named here, and may have been there then */
            say_error(cli, "refused", error);
        } else {
            say_labels(cli, session);
        }
        break;
    default: say_error(cli, "refused", error);
    }
}

/* What has to happen before it is worth sending again; NULL: it never will be. */
static const char *when_to_send(const struct gloss_error *error)
{
    switch (error->code) {
    case GLOSS_E_GONE: return "once it was restored";
    case GLOSS_E_SESSION_CLOSED: return "once the session is open again";
    case GLOSS_E_FORBIDDEN:
    case GLOSS_E_NOT_FOUND: return "once you have the right again";
    case GLOSS_E_UNKNOWN_LABEL:
    case GLOSS_E_UNKNOWN_ATTRIBUTE:
    case GLOSS_E_INVALID_ATTRIBUTE:
    case GLOSS_E_INVALID_ENDPOINT: return "once the codebook allows it";
    case GLOSS_E_UPGRADE: return "once all servers are of the newer version";
    case GLOSS_E_QUOTE_NOT_FOUND:
    case GLOSS_E_QUOTE_AMBIGUOUS:
    case GLOSS_E_QUOTE_MISMATCH:
    case GLOSS_E_OUT_OF_RANGE:
    case GLOSS_E_SPLITS_GRAPHEME: return NULL;
    default: return "to do it all the same";
    }
}

void refused_choices(struct cli *cli, const char *op, const struct gloss_error *error)
{
    const char *when = when_to_send(error);
    if (when) {
        say_more(cli, "%s: gloss sync --send %s   to give it up: gloss sync --drop %s", when, op, op);
    } else {
        say_more(cli, "it cannot be done like this; to give it up: gloss sync --drop %s", op);
    }
}

json_t *refused_json(const struct gloss_session *session, const struct gloss_error *error)
{
    json_t *object = error_json(error);
    const char *author = json_string_value(json_object_get(object, "author")),
               *name = author && session ? gloss_member_name(session, author) : NULL;
    if (name) {
        json_object_set_new(object, "author_name", json_string(name));
    }
    return object;
}

int refused_say(struct cli *cli, const struct gloss_session *session, const char *quote, const struct gloss_error *error)
{
    refused_tell(cli, session, quote, error);
    if (cli->is_json) {
        out_json(cli, json_pack("{s:o}", "error", refused_json(session, error)));
    }
    return (int)error_status(error->code);
}
