/*
 * cmd_post.c - gloss post: any number of tags from standard input.
 *
 * Lines are read as fast as the server answers and no faster, so memory stays the same however many come. The library sends them in messages of
 * many, keeps as many under way as the server takes, and sends what has no answer again after a loss, with the same ids: each is applied once.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clients/cli/brief.h"
#include "clients/cli/cmds.h"
#include "clients/cli/fields.h"
#include "clients/cli/lines.h"
#include "clients/cli/link.h"
#include "clients/cli/post_line.h"
#include "clients/cli/post_lost.h"
#include "clients/cli/say.h"

#define BATCH_LINES     64
#define UNDER_WAY_TIMES 4    /* ops kept ready, as a multiple of what the server takes at once */
#define ATOMIC_MOST     1000 /* ops of one session.submit */
#define PATIENCE_MS     120000
#define TURN_MS         500

struct post {
    struct cli *cli;
    struct post_run run;
    char account[GLOSS_ID];
    struct gloss_session *session;
    struct lines lines;
    struct progress progress;
    uint64_t input_bytes; /* 0: not known */
    uint64_t under_way_most;
    uint64_t accepted, repeated, refused, seq;
    bool is_stopped; /* nothing more would be accepted */
    struct post_lost lost;
    struct link_later later;
    int status;
};

/* Ops that were given to the library together, until the last of them is answered. */
struct batch {
    struct post *post;
    json_t *ops;
    size_t left;
    size_t count;
    bool is_atomic;
    uint64_t lines[];
};

/* ---- what became of a line ------------------------------------------------------------------------------------------- */

static void say_refused(struct post *post, uint64_t line, const struct gloss_error *error)
{
    const char *sentence = error->message[0] ? error->message : gloss_code_sentence(error->code);
    progress_end(&post->progress);
    if (post->cli->is_json) {
        struct gl_buf text;
        json_t *object = json_pack("{s:I, s:o}", "line", (json_int_t)line, "error", error_json(error));
        gl_buf_init(&text, SIZE_MAX);
        put_json(&text, object);
        gl_buf_byte(&text, '\n');
        screen_put(&post->cli->err, &text);
        gl_buf_fini(&text);
        json_decref(object);
    } else {
        say(post->cli, "line %llu was refused: %s", (unsigned long long)line, sentence);
    }
}

static void refuse_line(struct post *post, uint64_t line, const struct gl_err *err)
{
    struct gloss_error error = {.code = gl_code_wire(err->code)};
    snprintf(error.name, sizeof error.name, "%s", gl_code_name(err->code));
    snprintf(error.message, sizeof error.message, "%s", err->detail);
    post->refused++;
    say_refused(post, line, &error);
}

static bool stops_everything(int code)
{
    return code == GLOSS_E_FORBIDDEN || code == GLOSS_E_SESSION_CLOSED || code == GLOSS_E_LIMIT;
}

static void take_refusal(struct post *post, const struct batch *batch, const struct gloss_result *result)
{
    const struct gloss_error *error = result->error;
    if (post->cli->link.final_code != 0 || post->is_stopped) {
        return; /* said once, for all */
    }
    post->refused++;
    if (stops_everything(error->code)) {
        post->is_stopped = true;
        progress_end(&post->progress);
        post->status = EXIT_COULD_NOT;
        (void)fail_error(post->cli, "nothing can be posted", error);
    } else if (!(batch->is_atomic && error->code == GLOSS_E_ATOMIC_REFUSED)) {
        say_refused(post, batch->lines[result->index], error);
    }
}

static void on_result(struct gloss_session *session, const struct gloss_result *result, void *arg)
{
    struct batch *batch = arg;
    struct post *post = batch->post;
    (void)session;
    if (result->error) {
        take_refusal(post, batch, result);
    } else {
        post->accepted += !result->repeated;
        post->repeated += result->repeated;
        post->seq = result->seq > post->seq ? result->seq : post->seq;
    }
    if (--batch->left == 0) {
        free(batch);
    }
}

/* ---- giving lines to the library --------------------------------------------------------------------------------------- */

static struct batch *batch_new(struct post *post, size_t most)
{
    struct batch *batch = heap_alloc(1, sizeof *batch + most * sizeof batch->lines[0]);
    batch->post = post;
    batch->ops = json_array();
    return batch;
}

static void batch_add(struct batch *batch, json_t *op, uint64_t line)
{
    json_array_append_new(batch->ops, op);
    batch->lines[batch->count++] = line;
}

/* One that the library did not take: its ops one by one, so that only the bad one is refused. */
static void submit_singly(struct post *post, json_t *ops, const struct batch *from)
{
    for (size_t i = 0; i < from->count; i++) {
        struct batch *one = batch_new(post, 1);
        batch_add(one, json_incref(json_array_get(ops, i)), from->lines[i]);
        one->left = 1;
        json_t *its_ops = one->ops;
        one->ops = NULL;
        if (gloss_submit(post->session, its_ops, false, on_result, one) != 0) {
            post->refused++;
            say_refused(post, one->lines[0], gloss_last_error(post->cli->gloss));
            free(one);
        }
        json_decref(its_ops);
    }
}

/* Hands the batch over; it is gone afterwards. */
static void submit(struct post *post, struct batch *batch)
{
    json_t *ops = batch->ops;
    batch->ops = NULL;
    batch->left = batch->count;
    if (batch->count == 0) {
        free(batch);
    } else if (gloss_submit(post->session, ops, batch->is_atomic, on_result, batch) != 0) {
        if (batch->is_atomic) {
            post->refused += batch->count;
            post->status = EXIT_COULD_NOT;
            (void)fail_error(post->cli, "nothing was posted", gloss_last_error(post->cli->gloss));
        } else {
            submit_singly(post, ops, batch);
        }
        free(batch);
    }
    json_decref(ops);
}

/* The op of a line; NULL for a blank one, and for a bad one, which has been told. */
static json_t *read_line(struct post *post, const struct line *line)
{
    struct gl_err err = {0};
    json_t *op = NULL;
    struct gl_slice text = line->text;
    if (line->number == 1 && text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark */
        text = gl_slice_of(text.data + 3, text.len - 3);
    }
    size_t blanks = 0;
    while (blanks < text.len && strchr(" \t\r", text.data[blanks])) {
        blanks++;
    }
    if (blanks == text.len && !line->is_too_long) {
        return NULL;
    }
    enum gl_code code = line->is_too_long ? gl_fail(&err, GL_E_TOO_LARGE, "it has more than %d bytes", POST_LINE_MAX)
                                          : post_line_read(&post->run, text, &op, &err);
    if (code != GL_OK) {
        refuse_line(post, line->number, &err);
    }
    return op;
}

static bool has_room(const struct post *post)
{
    return gloss_unanswered(post->session) < post->under_way_most;
}

static void take_lines(struct post *post)
{
    struct line line;
    bool goes_on = true;
    while (goes_on && has_room(post) && !post->is_stopped) {
        struct batch *batch = batch_new(post, BATCH_LINES);
        while (goes_on && batch->count < BATCH_LINES) {
            goes_on = lines_next(&post->lines, &line);
            json_t *op = goes_on ? read_line(post, &line) : NULL;
            if (op) {
                batch_add(batch, op, line.number);
            }
        }
        submit(post, batch);
    }
}

/* Waits for the server, and for input when there is room for more; a read error ends the input. */
static void wait_for_either(struct post *post, bool wants_input)
{
    int timeout = gloss_timeout_ms(post->cli->gloss);
    struct pollfd fds[2] = {{.fd = gloss_fd(post->cli->gloss), .events = POLLIN},
                            {.fd = wants_input ? post->lines.fd : -1, .events = POLLIN}};
    if (poll(fds, 2, timeout >= 0 && timeout < TURN_MS ? timeout : TURN_MS) > 0 && fds[1].revents && !lines_read(&post->lines)) {
        post->lines.is_over = true;
        post->status = fail(post->cli, EXIT_COULD_NOT, "input", "standard input cannot be read any more: %s", strerror(errno));
    }
}

static void show_progress(struct post *post)
{
    char tail[96];
    snprintf(tail, sizeof tail, "%llu posted, %llu refused%s", (unsigned long long)(post->accepted + post->repeated),
             (unsigned long long)post->refused, gloss_is_connected(post->cli->gloss) ? "" : ", waiting for the server");
    progress_step(&post->progress, post->lines.bytes, post->input_bytes, tail);
}

static int run_stream(struct post *post)
{
    bool has_more = true;
    while (has_more || gloss_unanswered(post->session) > 0) {
        wait_for_either(post, !post->lines.is_over && !post->is_stopped && has_room(post));
        if (link_step(post->cli, 0, PATIENCE_MS) || link_put_off_ops(post->cli, &post->later, post->session, LINK_FOR_EVER)) {
            return fail_error(post->cli, "posting was broken off; post the same input again to go on",
                              &post->cli->link.final_error),
                   EXIT_COULD_NOT;
        }
        post_lost_send(&post->lost, post->session);
        take_lines(post);
        has_more = !post->is_stopped && (!post->lines.is_over || post->lines.begin < post->lines.end || post->lines.is_skipping);
        show_progress(post);
    }
    return post->status;
}

/* ---- all or none --------------------------------------------------------------------------------------------------------- */

/* Reads everything; *batch is what to submit, NULL when there is a bad line or too much. */
static int gather(struct post *post, size_t most, struct batch **batch)
{
    struct line line;
    *batch = batch_new(post, most);
    (*batch)->is_atomic = true;
    while (post->status == 0) {
        if (!lines_next(&post->lines, &line)) {
            if (post->lines.is_over) {
                break;
            }
            if (!lines_read(&post->lines)) {
                post->status = fail(post->cli, EXIT_COULD_NOT, "input", "standard input cannot be read: %s", strerror(errno));
            }
            continue;
        }
        json_t *op = read_line(post, &line);
        if (op && (*batch)->count == most) {
            json_decref(op);
            post->status = fail(
                post->cli, EXIT_COULD_NOT, "too_large",
                "--atomic takes at most %zu lines on this server, and there are more; nothing was posted. Post them in pieces, or without --atomic",
                most);
        } else if (op) {
            batch_add(*batch, op, line.number);
        }
    }
    if (post->status == 0 && post->refused > 0) {
        post->refused += (*batch)->count;
        say(post->cli, "nothing was posted, because --atomic means all or none");
    } else if (post->status == 0) {
        return 0;
    }
    json_decref((*batch)->ops);
    free(*batch);
    *batch = NULL;
    return post->status;
}

static int run_atomic(struct post *post)
{
    json_int_t in_flight = json_integer_value(json_object_get(gloss_limits(post->cli->gloss), "ops_in_flight"));
    size_t most = in_flight > 0 && in_flight < ATOMIC_MOST ? (size_t)in_flight : ATOMIC_MOST;
    struct batch *batch;
    int status = gather(post, most, &batch);
    if (!batch) {
        return status;
    }
    submit(post, batch);
    while (gloss_unanswered(post->session) > 0) {
        if (link_step(post->cli, TURN_MS, PATIENCE_MS) ||
            link_put_off_ops(post->cli, &post->later, post->session, LINK_FOR_EVER)) {
            return fail_error(post->cli, "it is not known whether it was posted; post the same input again",
                              &post->cli->link.final_error),
                   EXIT_COULD_NOT;
        }
        post_lost_send(&post->lost, post->session);
        show_progress(post);
    }
    if (post->refused > 0 && post->status == 0) {
        say(post->cli, "nothing was posted, because --atomic means all or none");
    }
    return post->status;
}

/* ---- the verb ------------------------------------------------------------------------------------------------------------- */

static int join(struct post *post, const struct brief *brief)
{
    struct cli *cli = post->cli;
    struct gloss_join options;
    json_int_t in_flight = json_integer_value(json_object_get(gloss_limits(cli->gloss), "ops_in_flight"));
    gloss_join_init(&options);
    options.replica = false;
    options.names = false;
    options.submit_only = true;
    post->under_way_most = (uint64_t)(in_flight > 0 ? in_flight : 1) * UNDER_WAY_TIMES;
    snprintf(post->account, sizeof post->account, "%s", gloss_account(cli->gloss));
    post->run.account = post->account;
    post->run.session = brief->session;
    if (gloss_join(cli->gloss, brief->session, &options, &post->session) != 0) {
        return fail_error(cli, "the session cannot be opened", gloss_last_error(cli->gloss));
    }
    while (!gloss_session_is_joined(post->session)) {
        if (link_step(cli, TURN_MS, PATIENCE_MS) || link_put_off_join(cli, &post->later, post->session, LINK_FOR_EVER)) {
            return fail_error(cli, "the session cannot be opened", &cli->link.final_error);
        }
    }
    post->seq = 0;
    return 0;
}

static void on_event(struct gloss *g, const struct gloss_event *event, void *arg)
{
    struct post *post = arg;
    (void)g;
    if (event->type == GLOSS_EV_LOST) {
        progress_end(&post->progress);
    }
    post_lost_event(&post->lost, event);
}

static void tell_count(struct post *post)
{
    uint64_t head = gloss_session_head(post->session);
    json_t *count =
        json_pack("{s:I, s:I, s:I, s:I}", "accepted", (json_int_t)post->accepted, "repeated", (json_int_t)post->repeated,
                  "refused", (json_int_t)(post->refused + post->lost.refused), "seq", (json_int_t)(post->seq ? post->seq : head));
    if (post->lost.lost > 0) {
        json_object_set_new(count, "lost", json_integer((json_int_t)post->lost.lost));
        json_object_set_new(count, "sent_again", json_integer((json_int_t)post->lost.again));
    }
    out_json(post->cli, count);
}

static int post_all(struct post *post, const struct brief *brief)
{
    struct cli *cli = post->cli;
    struct stat info;
    int status = join(post, brief);
    if (status) {
        return status;
    }
    if (fstat(STDIN_FILENO, &info) == 0 && S_ISREG(info.st_mode)) {
        post->input_bytes = (uint64_t)info.st_size;
    }
    progress_begin(&post->progress, &cli->err, "posting");
    status = cli_flag(cli, OPT_atomic) ? run_atomic(post) : run_stream(post);
    progress_end(&post->progress);
    tell_count(post);
    return post_lost_status(&post->lost, status ? status : post->refused ? EXIT_SOME_REFUSED : EXIT_DONE);
}

int cmd_post(struct cli *cli)
{
    struct brief brief = {0};
    struct post post = {
        .cli = cli, .run = {.run = cli_option(cli, OPT_run), .agent = cli_option(cli, OPT_agent)}, .lost = {.cli = cli}};
    tally_init(&post.run.tally);
    lines_init(&post.lines, STDIN_FILENO, POST_LINE_MAX);
    json_t *asked = json_object();
    int status = fields_attributes(cli, asked, false);
    status = status ? status : link_open(cli, on_event, &post);
    status = status ? status : brief_find(cli, cli_word(cli, 0), &brief);
    status = status ? status : fields_settle(cli, brief.project, asked);
    post.run.attributes = json_object_get(asked, "attributes");
    status = status ? status : post_all(&post, &brief);
    json_decref(asked);
    gloss_free(&cli->gloss); /* what is left unanswered is called back now, while there is a post */
    lines_fini(&post.lines);
    tally_fini(&post.run.tally);
    brief_fini(&brief);
    bool is_told = status == EXIT_SOME_REFUSED || status == EXIT_LOST;
    return status ? is_told ? status : EXIT_COULD_NOT : EXIT_DONE;
}
