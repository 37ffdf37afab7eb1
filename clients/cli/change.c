#include "clients/cli/change.h"

#include "clients/cli/fields.h"
#include "clients/cli/known.h"
#include "clients/cli/link.h"
#include "clients/cli/offline.h"
#include "clients/cli/ops.h"
#include "clients/cli/refused.h"
#include "clients/cli/safe.h"
#include "clients/cli/say.h"
#include "proto/gl_json.h"
#include "proto/gl_uuid.h"
#include "proto/model/annotation.h"

#define SUBMIT_MS     60000
#define SEEN_MS       10000
#define STEP_MS       200
#define WORDS_COLUMNS 60

/* {"id","base"?,"change"} */
static int make_op(struct cli *cli, const struct change *change, json_t **op)
{
    const char *given = cli_option(cli, OPT_op);
    char id[GLOSS_ID];
    gl_uuid parsed;
    uint64_t base = 0;
    bool has_base;
    int status = cli_number(cli, OPT_base, 0, GL_INT_MAX, &base, &has_base);
    if (status == 0 && given && !gl_uuid_parse(gl_slice_str(given), &parsed)) {
        status = fail(cli, EXIT_COULD_NOT, "usage", "`--op %s`: it must be a UUID in lower case", given);
    }
    gloss_new_id(id);
    if (status == 0) {
        *op = json_pack("{s:s, s:O}", "id", given ? given : id, "change", change->change);
        if (has_base) {
            json_object_set_new(*op, "base", json_integer((json_int_t)base));
        }
    }
    return status;
}

/* Whether the replica has the op, and the label has a name here: the label may be as new as the op. */
static bool is_here(const struct gloss_session *session, uint64_t seq, const char *id)
{
    char label[GLOSS_ID];
    const struct gl_annotation *annotation = gloss_annotation_find(session, id);
    return gloss_session_seq(session) >= seq &&
           (!annotation || !gloss_annotation_label(annotation, label) || gloss_label_name(session, label));
}

/* The annotation after the op; the result comes right behind the op, so it is here, or will be at once. NULL: it did not come. */
static struct gl_annotation *wait_for(struct cli *cli, struct gloss_session *session, uint64_t seq, const char *id)
{
    int64_t began = screen_now_ms();
    while (!is_here(session, seq, id) && screen_now_ms() - began < SEEN_MS) {
        if (link_step(cli, STEP_MS, SEEN_MS)) {
            break;
        }
    }
    return gloss_annotation_find(session, id);
}

/* It is printed as it is here: as of the op, and as of now if nobody has changed it since. */
static void remember(struct cli *cli, const struct gloss_session *session, const struct gl_annotation *annotation, uint64_t seq,
                     const char *id)
{
    const char *session_id = gloss_session_id(session);
    uint64_t now = gloss_session_seq(session);
    char chain[GLOSS_HASH];
    if (annotation && now >= seq && annotation->changed_seq <= seq) {
        gloss_session_chain(session, chain);
        known_chain(cli, session_id, now, chain, false);
        seq = now;
    }
    known_annotation(cli, session_id, id, seq);
}

/* What it builds on is a part of what was asked: without --base it is what is here now, and is said, so that the same can be asked again. */
static void fill_base(const struct gloss_session *session, json_t *op)
{
    const char *kind = json_string_value(json_object_get(json_object_get(op, "change"), "kind"));
    if (!json_object_get(op, "base") && kind && strcmp(kind, "annotation.create") != 0) {
        json_object_set_new(op, "base", json_integer((json_int_t)gloss_session_seq(session)));
    }
}

void change_say_again(struct cli *cli, const json_t *op)
{
    const char *id = json_string_value(json_object_get(op, "id"));
    const json_t *base = json_object_get(op, "base");
    if (base) {
        say_more(cli, "the same again with --op %s --base %lld is applied once at most", id, (long long)json_integer_value(base));
    } else {
        say_more(cli, "the same again with --op %s is applied once at most", id);
    }
}

void change_print(struct cli *cli, struct gloss_session *session, const char *done, const char *op, uint64_t seq, const char *id)
{
    const struct gl_annotation *annotation = wait_for(cli, session, seq, id);
    remember(cli, session, annotation, seq, id);
    if (cli->is_json) {
        json_t *line = json_pack("{s:s, s:I, s:s}", "op", op, "seq", (json_int_t)seq, "annotation", id);
        if (annotation) {
            json_t *record = record_json(session, annotation);
            const char *names[] = {"start", "end", "exact", "status", "note", "deleted"};
            for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
                json_object_set(line, names[i], json_object_get(record, names[i]));
            }
            json_object_set(line, "label", json_object_get(record, "label_name"));
            json_decref(record);
        }
        out_json(cli, line);
        return;
    }
    struct gl_buf words;
    gl_buf_init(&words, SIZE_MAX);
    char label[GLOSS_ID];
    if (annotation) {
        bool verb_says_what = done && annotation->created_seq == seq; /* "replied to ..." */
        (verb_says_what ? record_put_where : record_put_words)(&words, session, annotation, WORDS_COLUMNS);
        if (gloss_annotation_label(annotation, label)) {
            const char *name = gloss_label_name(session, label);
            gl_buf_str(&words, " as ");
            gl_buf_str(&words, name ? name : label);
        }
    }
    out_line(cli, "%s %s  %s  op %llu", done ? done : "sent:", gl_buf_cstr(&words), id, (unsigned long long)seq);
    gl_buf_fini(&words);
}

int change_run(struct cli *cli, const struct change *change)
{
    struct gloss_session *session;
    struct gloss_join options;
    struct gloss_error error = {0};
    char annotation[GLOSS_ID] = "";
    uint64_t seq = 0;
    json_t *op = NULL;
    gloss_join_init(&options);
    int status = make_op(cli, change, &op);
    if (status == 0 && cli_flag(cli, OPT_offline)) {
        json_t *ops = json_pack("[O]", op);
        status = offline_keep(cli, change->session, ops);
        json_decref(ops);
        json_decref(op);
        return status;
    }
    if (status == 0) {
        status = link_join(cli, change->session, &options, &session);
    }
    if (status == 0) {
        const char *project = json_string_value(json_object_get(gloss_session_document(session), "project"));
        status = fields_settle(cli, project ? project : "", change->change);
        fill_base(session, op);
    }
    if (status == 0) {
        const int before = cli->link.final_code;
        int code = gloss_submit_wait(session, op, SUBMIT_MS, &seq, annotation, &error);
        if (code == 0) {
            change_print(cli, session, change->done, json_string_value(json_object_get(op, "id")), seq, annotation);
        } else if (error_status(code) == EXIT_UNREACHABLE || link_has_ended(cli, before)) {
            fail_error(cli, "it is not known whether this was done", &error);
            status = EXIT_UNREACHABLE;
            change_say_again(cli, op);
        } else {
            status = refused_say(cli, session, change->quote, &error);
        }
    }
    gloss_error_clear(&error);
    json_decref(op);
    return status;
}

int change_existing(struct cli *cli, const char *kind, json_t *fields, const char *done)
{
    struct place place;
    int status = link_open(cli, NULL, NULL);
    if (status == 0) {
        status = annotation_find(cli, cli_word(cli, 0), &place);
    }
    if (status == 0) {
        json_t *change = json_pack("{s:s, s:s}", "kind", kind, "annotation", place.annotation);
        json_object_update(change, fields);
        status = change_run(cli, &(struct change){.change = change, .session = place.session, .done = done});
        json_decref(change);
    }
    json_decref(fields);
    return status;
}

int change_create(struct cli *cli, const struct creation *creation)
{
    struct brief brief = {0};
    json_t *change =
        json_pack("{s:s, s:s*, s:s*}", "kind", "annotation.create", "label", creation->label, "note", creation->note);
    json_t *target = NULL;
    int status = fields_target(cli, creation->quotes, creation->quote_count, &target);
    if (status == 0) {
        json_object_set_new(change, "target", target);
        status = fields_status(cli, change);
    }
    status = status ? status : fields_attributes(cli, change, false);
    status = status ? status : link_open(cli, NULL, NULL);
    status = status ? status : brief_find(cli, cli_word(cli, 0), &brief);
    if (status == 0) {
        const char *quote = creation->quote_count ? creation->quotes[0] : NULL;
        status =
            change_run(cli, &(struct change){.change = change, .session = brief.session, .quote = quote, .done = creation->done});
    }
    json_decref(change);
    brief_fini(&brief);
    return status;
}
