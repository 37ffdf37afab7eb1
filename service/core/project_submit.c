/* project_submit.c - project.submit: changes of a project, asked for by anybody who may. */
#include "service/core/core_priv.h"

/* ---- submit */

struct project_submit {
    struct request *request;
    struct project *project;
    size_t count, pending;
    gl_uuid *ids;
    struct op_outcome *outcomes;
    struct one { /* the ctx of an op */
        struct project_submit *submit;
        size_t index;
    } * ones;
};

static void answer(struct project_submit *submit)
{
    outcomes_send(submit->request, submit->ids, submit->outcomes, submit->count);
    project_release(submit->project);
    mem_free(&submit->ids);
    mem_free(&submit->outcomes);
    mem_free(&submit->ones);
    mem_free(&submit);
}

static void on_done(void *ctx, struct op_outcome *outcome)
{
    const struct one *one = ctx;
    struct project_submit *submit = one->submit;
    outcome_note(submit->request, &submit->ids[one->index], outcome);
    submit->outcomes[one->index] = *outcome;
    outcome->data = NULL;
    if (--submit->pending == 0)
        answer(submit);
}

static void enqueue(struct request *request, struct project *project)
{
    struct gl_project_submit_params params = {0};
    if (!request_read(request, project_submit, &params) || !submit_has_room(request, params.ops_count) ||
        !quota_take_ops(request, &project->id, params.ops_count)) {
        project_release(project);
        return;
    }
    struct project_submit *submit = mem_alloc(sizeof *submit);
    *submit = (struct project_submit){
        .request = request, .project = project, .count = params.ops_count, .pending = params.ops_count + 1};
    submit->ids = mem_array(params.ops_count + 1, sizeof *submit->ids);
    submit->outcomes = mem_array(params.ops_count + 1, sizeof *submit->outcomes);
    submit->ones = mem_array(params.ops_count + 1, sizeof *submit->ones);
    request->peer->ops_in_flight += params.ops_count;
    for (size_t i = 0; i < params.ops_count; i++) {
        const struct gl_op_request *asked = &params.ops[i];
        submit->ids[i] = asked->id;
        submit->ones[i] = (struct one){submit, i};
        struct project_op op = {.id = asked->id,
                                .account = request->account,
                                .asker_role = request->role,
                                .asker_epoch = request->scope.epoch,
                                .base = json_incref((json_t *)(uintptr_t)asked->base),
                                .change = json_incref((json_t *)(uintptr_t)asked->change),
                                .is_of_client = true,
                                .peer = request->peer,
                                .done = on_done,
                                .ctx = &submit->ones[i]};
        project_enqueue(project, &op);
    }
    if (--submit->pending == 0)
        answer(submit);
}

static void on_project(void *ctx, enum gl_code code, struct project *project)
{
    struct request *request = ctx;
    if (code == GL_OK)
        enqueue(request, project);
    else
        request_fail(request, code, "%s", gl_code_sentence(code));
}

void handle_project_submit(struct request *request)
{
    if (!submit_is_too_large(request))
        project_acquire(request->core, &request->account, &request->project, on_project, request);
}
