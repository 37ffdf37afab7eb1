#include "clients/cli/judge.h"

#include <stdlib.h>

#include "clients/cli/brief.h"
#include "clients/cli/change.h"
#include "clients/cli/link.h"
#include "clients/cli/offline.h"
#include "clients/cli/ops.h"
#include "clients/cli/refused.h"
#include "clients/cli/say.h"
#include "proto/model/annotation.h"

#define STEP_MS      500
#define STEP_OPS_MAX 1000 /* ops of one session.submit */
#define KEPT_OPS_MAX 256  /* ops of a step that is kept: what a server takes when nothing else was set */
#define TOLD_MAX     20   /* above that people get a sum */

/* Annotations of one session that are to be changed together. */
struct bundle {
    char session[GLOSS_ID];
    char (*ids)[GLOSS_ID];
    size_t count, cap;
};

struct judging {
    struct cli *cli;
    const struct verdict *verdict;
    struct bundle *bundles;
    size_t bundle_count;
    size_t steps, done;
    uint64_t first_seq, last_seq;
};

static void bundle_add(struct judging *judging, const char *session, const char *id)
{
    struct bundle *bundle = NULL;
    for (size_t i = 0; i < judging->bundle_count && !bundle; i++) {
        bundle = strcmp(judging->bundles[i].session, session) == 0 ? &judging->bundles[i] : NULL;
    }
    if (!bundle) {
        judging->bundles = heap_grow(judging->bundles, judging->bundle_count + 1, sizeof *judging->bundles);
        bundle = &judging->bundles[judging->bundle_count++];
        *bundle = (struct bundle){0};
        snprintf(bundle->session, sizeof bundle->session, "%s", session);
    }
    for (size_t i = 0; i < bundle->count; i++) {
        if (strcmp(bundle->ids[i], id) == 0) {
            return; /* named twice */
        }
    }
    if (bundle->count == bundle->cap) {
        bundle->cap = bundle->cap ? bundle->cap * 2 : 16;
        bundle->ids = heap_grow(bundle->ids, bundle->cap, sizeof *bundle->ids);
    }
    snprintf(bundle->ids[bundle->count++], GLOSS_ID, "%s", id);
}

/* ---- which ------------------------------------------------------------------------------------------------------------ */

static int choose_by_id(struct judging *judging)
{
    int status = 0;
    for (size_t i = 0; i < judging->cli->args.word_count && status == 0; i++) {
        struct place place;
        status = annotation_find(judging->cli, cli_word(judging->cli, i), &place);
        if (status == 0) {
            bundle_add(judging, place.session, place.annotation);
        }
    }
    return status;
}

static bool is_chosen(const struct judging *judging, const struct gl_annotation *annotation, const char *label, const char *run)
{
    char its_label[GLOSS_ID];
    const char *its_run = json_string_value(json_object_get(gloss_annotation_record(annotation), "run"));
    return !annotation->is_deleted && (judging->verdict->from >> annotation->status & 1) &&
           (!run || (its_run && strcmp(its_run, run) == 0)) &&
           (!label || (gloss_annotation_label(annotation, its_label) && strcmp(its_label, label) == 0));
}

/* A label's id, or what there is instead. */
static int label_id(struct cli *cli, const struct gloss_session *session, const char *name, const char **id)
{
    *id = name ? gloss_label_id(session, name) : NULL;
    if (!name || *id) {
        return 0;
    }
    size_t count = gloss_label_count(session);
    const char **names = heap_alloc(count + 1, sizeof *names), *ignored;
    for (size_t i = 0; i < count; i++) {
        names[i] = gloss_label_at(session, i, &ignored, &names[i]) ? names[i] : "";
    }
    const char *nearest = args_nearest(name, names);
    int status = fail(cli, EXIT_COULD_NOT, "label_not_found", "the project has no label `%s`%s%s%s (`gloss label` lists them)",
                      name, nearest ? "; did you mean `" : "", nearest ? nearest : "", nearest ? "`?" : "");
    free(names);
    return status;
}

static int choose_in_brief(struct judging *judging, struct gloss_session **session)
{
    struct cli *cli = judging->cli;
    struct brief brief = {0};
    struct gloss_join options;
    const char *label = NULL, *run = cli_option(cli, OPT_all_of_run);
    gloss_join_init(&options);
    if (cli->args.word_count > 0) {
        return fail(cli, EXIT_COULD_NOT, "usage",
                    "name the annotations, or say which with --all-of-run and --label, but not both");
    }
    if (cli_flag(cli, OPT_offline)) {
        return fail(cli, EXIT_COULD_NOT, "usage",
                    "--all-of-run and --label need the server; without it name the annotations: ANN...");
    }
    if (!cli_option(cli, OPT_brief)) {
        return fail(cli, EXIT_COULD_NOT, "usage", "say in which brief: --brief BRIEF");
    }
    int status = brief_find(cli, cli_option(cli, OPT_brief), &brief);
    status = status ? status : link_join(cli, brief.session, &options, session);
    status = status ? status : label_id(cli, *session, cli_option(cli, OPT_with_label), &label);
    for (size_t i = 0; status == 0 && i < gloss_annotation_count(*session); i++) {
        const struct gl_annotation *annotation = gloss_annotation_at(*session, i);
        if (is_chosen(judging, annotation, label, run)) {
            char id[GLOSS_ID];
            gloss_annotation_id(annotation, id);
            bundle_add(judging, brief.session, id);
        }
    }
    if (status == 0 && judging->bundle_count == 0) {
        say(cli, "no annotation of `%s`%s%s%s%s waits to be %s", brief.title, run ? " from run " : "", run ? run : "",
            label ? " with label " : "", label ? cli_option(cli, OPT_with_label) : "", judging->verdict->done);
    }
    brief_fini(&brief);
    return status;
}

/* ---- asking ------------------------------------------------------------------------------------------------------------ */

/* One message: ops that are all done, or none. */
struct step {
    size_t left;
    struct gloss_error error; /* of the op that was refused */
    char refused[GLOSS_ID];
    struct {
        char op[GLOSS_ID], annotation[GLOSS_ID];
        uint64_t seq;
    } results[STEP_OPS_MAX];
    size_t count;
};

static void on_result(struct gloss_session *session, const struct gloss_result *result, void *arg)
{
    struct step *step = arg;
    (void)session;
    step->left--;
    if (!result->error) {
        snprintf(step->results[step->count].op, GLOSS_ID, "%s", result->op);
        snprintf(step->results[step->count].annotation, GLOSS_ID, "%s", result->annotation ? result->annotation : "");
        step->results[step->count++].seq = result->seq;
    } else if (step->error.code == 0 || step->error.code == GLOSS_E_ATOMIC_REFUSED) {
        gloss_error_clear(&step->error);
        step->error = *result->error;
        json_incref(step->error.data);
        snprintf(step->refused, sizeof step->refused, "%zu", result->index);
    }
}

static json_t *make_ops(const struct judging *judging, const struct bundle *bundle, size_t from, size_t count, const json_t *base)
{
    json_t *ops = json_array();
    for (size_t i = from; i < from + count; i++) {
        const char *given = cli_option(judging->cli, OPT_op);
        char id[GLOSS_ID];
        gloss_new_id(id);
        json_t *op = json_pack("{s:s, s:{s:s, s:s, s:s}}", "id", given ? given : id, "change", "kind", "annotation.update",
                               "annotation", bundle->ids[i], "status", judging->verdict->status);
        if (base) {
            json_object_set(op, "base", (json_t *)base);
        }
        json_array_append_new(ops, op);
    }
    return ops;
}

static void tell(struct judging *judging, struct gloss_session *session, const struct step *step, bool each)
{
    for (size_t i = 0; i < step->count; i++) {
        judging->first_seq = judging->first_seq ? judging->first_seq : step->results[i].seq;
        judging->last_seq = step->results[i].seq;
        if (each || judging->cli->is_json) {
            change_print(judging->cli, session, judging->verdict->done, step->results[i].op, step->results[i].seq,
                         step->results[i].annotation);
        }
    }
    judging->done += step->count;
    judging->steps++;
}

static int run_step(struct judging *judging, struct gloss_session *session, const struct bundle *bundle, size_t from,
                    size_t count, const json_t *base)
{
    struct cli *cli = judging->cli;
    struct step *step = heap_alloc(1, sizeof *step);
    json_t *ops = make_ops(judging, bundle, from, count, base);
    struct link_later later = {0};
    const int before = cli->link.final_code;
    int status = 0;
    step->left = count;
    if (gloss_submit(session, ops, count > 1, on_result, step) != 0) {
        status = fail_error(cli, "nothing was done", gloss_last_error(cli->gloss));
        step->left = 0;
    }
    while (step->left > 0) {
        if ((link_step(cli, STEP_MS, LINK_PATIENCE_MS) || link_put_off_ops(cli, &later, session, LINK_PATIENCE_MS)) &&
            step->left > 0) {
            gloss_leave(&session); /* what is unanswered is called back now, while there is a step */
            status = link_fail(cli, "it is not known whether this was done");
            if (bundle->count == 1) { /* --op names one */
                change_say_again(cli, json_array_get(ops, 0));
            }
            break;
        }
    }
    if (status == 0 && step->error.code && link_has_ended(cli, before)) {
        fail_error(cli, "it is not known whether this was done", &step->error);
        status = EXIT_UNREACHABLE;
        if (bundle->count == 1) {
            change_say_again(cli, json_array_get(ops, 0));
        }
    } else if (status == 0 && step->error.code) {
        status = refused_say(cli, session, NULL, &step->error);
        if (count > 1) {
            say_more(cli, "it was about %s; so none of these %zu was done", bundle->ids[from + strtoul(step->refused, NULL, 10)],
                     count);
        }
    } else if (status == 0) {
        tell(judging, session, step, bundle->count <= TOLD_MAX);
    }
    gloss_error_clear(&step->error);
    json_decref(ops);
    free(step);
    return status;
}

/* Steps of a size that a server takes: one that is larger could never be sent. */
static int keep_bundle(struct judging *judging, const struct bundle *bundle, const json_t *base)
{
    int status = 0;
    for (size_t from = 0; from < bundle->count && status == 0; from += KEPT_OPS_MAX) {
        size_t left = bundle->count - from;
        json_t *ops = make_ops(judging, bundle, from, left < KEPT_OPS_MAX ? left : KEPT_OPS_MAX, base);
        status = offline_keep(judging->cli, bundle->session, ops);
        json_decref(ops);
    }
    return status;
}

static int run_bundle(struct judging *judging, struct gloss_session *session, const struct bundle *bundle)
{
    struct cli *cli = judging->cli;
    struct gloss_join options;
    json_int_t in_flight = json_integer_value(json_object_get(gloss_limits(cli->gloss), "ops_in_flight"));
    size_t most = in_flight > 0 && in_flight < STEP_OPS_MAX ? (size_t)in_flight : STEP_OPS_MAX;
    uint64_t base = 0;
    bool has_base;
    gloss_join_init(&options);
    int status = cli_number(cli, OPT_base, 0, GL_INT_MAX, &base, &has_base);
    if (status == 0 && cli_flag(cli, OPT_offline)) {
        json_t *given = has_base ? json_integer((json_int_t)base) : NULL;
        status = keep_bundle(judging, bundle, given);
        json_decref(given);
        return status;
    }
    status = status || session ? status : link_join(cli, bundle->session, &options, &session);
    /* without --base: what is there now, which must not move with our own ops from step to step */
    json_t *json_base = json_integer(has_base ? (json_int_t)base : status ? 0 : (json_int_t)gloss_session_seq(session));
    for (size_t from = 0; from < bundle->count && status == 0; from += most) {
        size_t left = bundle->count - from;
        status = run_step(judging, session, bundle, from, left < most ? left : most, json_base);
    }
    json_decref(json_base);
    return status;
}

static void say_sum(const struct judging *judging)
{
    if (judging->done > TOLD_MAX && !judging->cli->is_json) {
        out_line(judging->cli, "%s %zu annotations in %zu step%s  ops %llu to %llu", judging->verdict->done, judging->done,
                 judging->steps, judging->steps == 1 ? "" : "s", (unsigned long long)judging->first_seq,
                 (unsigned long long)judging->last_seq);
    }
}

int judge_run(struct cli *cli, const struct verdict *verdict)
{
    struct judging judging = {.cli = cli, .verdict = verdict};
    struct gloss_session *session = NULL; /* already joined, when a brief was looked through */
    bool by_choice = cli_flag(cli, OPT_all_of_run) || cli_flag(cli, OPT_with_label);
    int status = 0;
    if (!by_choice && cli->args.word_count == 0) {
        return fail(cli, EXIT_COULD_NOT, "usage", "say which: ANN..., or --brief BRIEF with --all-of-run NAME or --label LABEL");
    }
    if (cli_option(cli, OPT_op) && (by_choice || cli->args.word_count > 1)) {
        return fail(cli, EXIT_COULD_NOT, "usage", "--op names one op; it goes with one ANN");
    }
    status = link_open(cli, NULL, NULL);
    status = status ? status : by_choice ? choose_in_brief(&judging, &session) : choose_by_id(&judging);
    for (size_t i = 0; i < judging.bundle_count && status == 0; i++) {
        status = run_bundle(&judging, session, &judging.bundles[i]);
    }
    say_sum(&judging);
    for (size_t i = 0; i < judging.bundle_count; i++) {
        free(judging.bundles[i].ids);
    }
    free(judging.bundles);
    return status == EXIT_REFUSED && judging.done > 0 ? EXIT_SOME_REFUSED : status;
}
