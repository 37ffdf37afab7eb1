#include "clients/cli/offline.h"

#include <stdlib.h>

#include "clients/cli/files.h"
#include "clients/cli/known.h"
#include "clients/cli/link.h"
#include "clients/cli/safe.h"
#include "clients/cli/say.h"
#include "proto/model/op.h"

#define WORDS_COLUMNS 48
#define SHORT_ID      8

static const char *string_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

char *offline_folder(void)
{
    char *state = file_folder("XDG_STATE_HOME", ".local/state"), *folder = state ? heap_printf("%s/queue", state) : NULL;
    if (folder) {
        (void)!file_make_folders(folder); /* the library makes the last one, and says what is wrong */
    }
    free(state);
    return folder;
}

int offline_open(struct cli *cli)
{
    struct gloss_error error = {0};
    struct gloss_config config;
    char *folder = offline_folder();
    gloss_config_init(&config);
    config.url = cli->settings.url;
    config.token = cli->settings.token;
    config.ca_file = cli->settings.ca;
    config.queue_dir = folder;
    config.account_id = known_who(cli);
    int status = 0;
    if (!folder) {
        status = fail(cli, EXIT_COULD_NOT, "no_home", "there is no place to keep it: neither HOME nor XDG_STATE_HOME is set");
    } else if (!config.account_id) {
        status = fail(
            cli, EXIT_COULD_NOT, "not_known_yet",
            "nobody was signed in to %s from here yet, so it is not known whose change this is; run `gloss ls` once while it can be reached",
            cli->settings.url);
    } else if (!(cli->gloss = gloss_new(&config, &error))) {
        status = fail_error(cli, "nothing can be kept", &error);
    }
    gloss_error_clear(&error);
    free(folder);
    return status;
}

/* ---- words ------------------------------------------------------------------------------------------------------------------ */

static void put_short(struct gl_buf *out, const char *text)
{
    gl_buf_str(out, "“");
    safe_put_short(out, gl_slice_str(text), WORDS_COLUMNS);
    gl_buf_str(out, "”");
}

static void put_new(struct gl_buf *out, const json_t *change)
{
    const json_t *target = json_object_get(change, "target"), *span = json_array_get(json_object_get(target, "spans"), 0);
    const char *type = string_of(target, "type"), *label = string_of(change, "label"), *note = string_of(change, "note");
    if (strcmp(type, "annotation") == 0) {
        gl_buf_printf(out, "reply to %.*s", SHORT_ID, string_of(target, "annotation"));
    } else if (strcmp(type, "relation") == 0) {
        gl_buf_printf(out, "link %.*s → %.*s", SHORT_ID, string_of(target, "from"), SHORT_ID,
                      string_of(json_object_get(target, "to"), "annotation"));
    } else {
        gl_buf_str(out, *label ? "tag " : "note on ");
        if (json_object_get(span, "exact")) {
            put_short(out, string_of(span, "exact"));
        } else if (span) {
            gl_buf_printf(out, "%lld to %lld", (long long)json_integer_value(json_object_get(span, "start")),
                          (long long)json_integer_value(json_object_get(span, "end")));
        } else {
            gl_buf_str(out, "the whole brief");
        }
    }
    if (*label) {
        gl_buf_str(out, " as ");
        safe_put_str(out, label);
    }
    if (*note) {
        gl_buf_str(out, ": ");
        safe_put_short(out, gl_slice_str(note), WORDS_COLUMNS);
    }
}

static void put_update(struct gl_buf *out, const json_t *change)
{
    const char *field, *between = ": ";
    json_t *value;
    gl_buf_printf(out, "change %.*s", SHORT_ID, string_of(change, "annotation"));
    json_object_foreach((json_t *)change, field, value)
    {
        if (strcmp(field, "kind") == 0 || strcmp(field, "annotation") == 0) {
            continue;
        }
        gl_buf_str(out, between);
        safe_put_str(out, field);
        between = ", ";
        if (json_is_string(value)) {
            gl_buf_byte(out, ' ');
            put_short(out, json_string_value(value));
        } else if (json_is_null(value)) {
            gl_buf_str(out, " none");
        }
    }
}

void offline_put_words(struct gl_buf *out, const json_t *change)
{
    const char *kind = string_of(change, "kind");
    if (strcmp(kind, "annotation.create") == 0) {
        put_new(out, change);
    } else if (strcmp(kind, "annotation.update") == 0) {
        put_update(out, change);
    } else {
        const char *dot = strchr(kind, '.');
        safe_put_str(out, dot ? dot + 1 : kind);
        gl_buf_printf(out, " %.*s", SHORT_ID, string_of(change, "annotation"));
    }
}

/* ---- what waits ---------------------------------------------------------------------------------------------------------------- */

struct waiting {
    struct cli *cli;
    const char *word;
    json_t *sessions; /* array of ids */
};

static void take_queue(const struct gloss_queue *queue, void *arg)
{
    struct waiting *waiting = arg;
    const char *who = known_who(waiting->cli);
    if (queue->pending > 0 && who && strcmp(queue->account, who) == 0) {
        json_array_append_new(waiting->sessions, json_string(queue->session));
    }
}

/* chain: at seq, in view of which it is; NULL: not known. */
static int join_at(struct cli *cli, const char *id, uint64_t seq, const char *chain, struct gloss_session **session)
{
    struct gloss_join options;
    gloss_join_init(&options);
    options.replica = false;
    options.names = false;
    options.submit_only = true;
    if (chain) {
        options.from = GLOSS_FROM_LOG;
        options.since = seq;
        options.chain = chain;
    }
    if (gloss_join(cli->gloss, id, &options, session) == 0) {
        return 0;
    }
    (void)fail_error(cli, "the queue cannot be opened", gloss_last_error(cli->gloss));
    return EXIT_COULD_NOT; /* whatever it is, no server was asked */
}

int offline_join(struct cli *cli, const char *id, struct gloss_session **session)
{
    return join_at(cli, id, 0, NULL, session);
}

/* Whether an op that waits there makes an annotation whose id begins so. */
static bool makes(struct cli *cli, const char *session_id, const char *word, struct place *place)
{
    struct gloss_session *session = NULL;
    struct gloss_pending pending;
    bool is_found = false;
    if (offline_join(cli, session_id, &session) != 0) {
        return false;
    }
    for (size_t i = 0; !is_found && gloss_pending_at(session, i, &pending); i++) {
        bool is_new = strcmp(string_of(pending.change, "kind"), "annotation.create") == 0;
        if (is_new && pending.annotation && strncmp(pending.annotation, word, strlen(word)) == 0) {
            snprintf(place->annotation, sizeof place->annotation, "%s", pending.annotation);
            snprintf(place->session, sizeof place->session, "%s", session_id);
            is_found = true;
        }
    }
    gloss_leave(&session);
    (void)gloss_process(cli->gloss); /* lets the queue go */
    return is_found;
}

int offline_find_annotation(struct cli *cli, const char *word, struct place *place)
{
    if (known_find_annotation(cli, word, place, true) == 0) {
        return 0;
    }
    struct waiting waiting = {.cli = cli, .word = word, .sessions = json_array()};
    char *folder = offline_folder();
    bool is_found = false;
    json_t *session;
    size_t i;
    (void)gloss_queue_list(folder, take_queue, &waiting);
    json_array_foreach(waiting.sessions, i, session)
    {
        is_found = is_found || makes(cli, json_string_value(session), word, place);
    }
    json_decref(waiting.sessions);
    free(folder);
    return is_found ? 0 : known_find_annotation(cli, word, place, false);
}

/* ---- keeping -------------------------------------------------------------------------------------------------------------------- */

/* It ends before any answer comes; what is called back then is that nothing is known yet. */
static void on_result(struct gloss_session *session, const struct gloss_result *result, void *arg)
{
    (void)session;
    (void)result;
    (void)arg;
}

/* What had been seen of it; an annotation that waits to be made has its op as base, which the library knows. */
static void set_base(struct cli *cli, const char *session, json_t *op)
{
    const char *annotation = json_string_value(json_object_get(json_object_get(op, "change"), "annotation"));
    uint64_t seq = annotation ? known_seq(cli, session, annotation) : 0;
    if (seq > 0 && !json_object_get(op, "base")) {
        json_object_set_new(op, "base", json_integer((json_int_t)seq));
    }
}

/* Where the log was at the one seq that the ops have as base; NULL: at none, at several, or it is not known. The library asks the server about it. */
static const char *chain_of_bases(struct cli *cli, const char *session, const json_t *ops, uint64_t *seq)
{
    const json_t *op;
    size_t i;
    *seq = 0;
    json_array_foreach(ops, i, op)
    {
        json_int_t base = json_integer_value(json_object_get(op, "base"));
        if (base > 0 && *seq > 0 && (uint64_t)base != *seq) {
            return NULL;
        }
        *seq = base > 0 ? (uint64_t)base : *seq;
    }
    return *seq > 0 ? known_chain_at(cli, session, *seq) : NULL;
}

static void tell(struct cli *cli, const json_t *op)
{
    const json_t *change = json_object_get(op, "change");
    const char *id = string_of(op, "id"), *named = json_string_value(json_object_get(change, "annotation"));
    char made[GLOSS_ID];
    gl_uuid parsed;
    if (gl_uuid_parse(gl_slice_str(id), &parsed)) {
        parsed = gl_op_annotation_id(&parsed);
        gl_uuid_format(&parsed, made);
    }
    if (cli->is_json) {
        out_json(cli, json_pack("{s:s, s:b, s:s, s:O}", "op", id, "queued", true, "annotation", named ? named : made, "change",
                                change));
        return;
    }
    struct gl_buf words;
    gl_buf_init(&words, SIZE_MAX);
    offline_put_words(&words, change);
    out_line(cli, "kept: %s  %s", gl_buf_cstr(&words), named ? named : made);
    gl_buf_fini(&words);
}

int offline_keep(struct cli *cli, const char *session_id, json_t *ops)
{
    struct gloss_session *session = NULL;
    json_t *op;
    uint64_t seq;
    size_t i;
    json_array_foreach(ops, i, op)
    {
        set_base(cli, session_id, op);
    }
    const char *chain = chain_of_bases(cli, session_id, ops, &seq);
    int status = join_at(cli, session_id, seq, chain, &session);
    if (status == 0 && gloss_submit(session, ops, json_array_size(ops) > 1, on_result, NULL) != 0) {
        (void)fail_error(cli, "it could not be kept", gloss_last_error(cli->gloss));
        status = EXIT_COULD_NOT;
    }
    json_array_foreach(ops, i, op)
    {
        if (status == 0) {
            tell(cli, op);
        }
    }
    gloss_leave(&session);
    return status;
}
