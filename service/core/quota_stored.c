/*
 * quota_stored.c - how many annotations, documents and bytes a project may have.
 *
 * Documents and bytes are the project's own log's: what the database says holds at the head that memory has, and the fence says when it holds no longer; so
 * these are exact (project_look.c asks). Annotations are in the logs of many sessions, of which other workers write some, and no append waits for another
 * session's: so they are counted, once and then every two seconds while somebody writes, and what this worker adds and takes away is reckoned in between.
 * Nobody is refused by a count from before their op came, or from when an append of this worker was under way: then it is counted once more, and they are judged
 * again. Their session alone waits for that.
 */
#include "service/core/group_priv.h"

#define COUNT_EVERY_MS    2000
#define COUNTED_WITHIN_MS 100 /* with appends in flight; then it is counted beside them */
#define RECOUNTS_MAX      3   /* for one op */
#define STALE_MS                                                                                                                 \
    (2 * COUNT_EVERY_MS) /* others may have filled it: who was idle has it counted first, if that does not take long */
#define UNKNOWN_AGAIN_MS 1000

/* ---- refusing */

static enum gl_code refuse(struct core *core, enum quota quota, const gl_uuid *subject, uint64_t have, struct gl_err *err,
                           json_t **data)
{
    const struct quota_kind *kind = &quota_kinds[quota];
    *data = quota_data(core, quota, subject);
    json_object_set_new(*data, "used", json_integer((json_int_t)have));
    quota_tell(core, quota, subject);
    return gl_fail(err, GL_E_LIMIT, "the %s may have %llu %s and has %llu; take some away, or ask an administrator for more",
                   quota_of_name(kind->of), (unsigned long long)quota_of(core, quota, subject), kind->unit,
                   (unsigned long long)have);
}

static enum gl_code check(struct core *core, enum quota quota, const gl_uuid *subject, uint64_t have, uint64_t more,
                          struct gl_err *err, json_t **data)
{
    const uint64_t most = quota_of(core, quota, subject);
    if (most == 0 || (have <= most && more <= most - have))
        return GL_OK;
    if (!quota_is_known(core)) {
        *data = json_pack("{s:i}", "retry_after_ms", UNKNOWN_AGAIN_MS);
        return gl_fail(err, GL_E_BUSY, "%s", gl_code_sentence(GL_E_BUSY));
    }
    return refuse(core, quota, subject, have, err, data);
}

enum gl_code quota_check_document(struct core *core, const gl_uuid *project, uint64_t documents, uint64_t bytes,
                                  uint64_t more_bytes, struct gl_err *err, json_t **data)
{
    enum gl_code code = check(core, QUOTA_max_project_documents, project, documents, 1, err, data);
    return code != GL_OK ? code : check(core, QUOTA_max_project_bytes, project, bytes, more_bytes, err, data);
}

bool quota_limits_documents(const struct core *core, const gl_uuid *project)
{
    return quota_of(core, QUOTA_max_project_documents, project) > 0 || quota_of(core, QUOTA_max_project_bytes, project) > 0;
}

/* ---- counting annotations */

static bool is_limited(const struct project *project)
{
    return quota_of(project->core, QUOTA_max_project_annotations, &project->id) > 0;
}

static void on_counted(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct project *project = ctx;
    struct stored *stored = &project->stored;
    struct session *session;
    stored->is_asking = false;
    if (code == GL_OK && store_rows_count(rows) > 0) {
        stored->count = (int64_t)store_u64(rows, 0, 0);
        stored->grown -= stored->grown_when_asked;
        stored->counted_ms = stored->asked_ms;
        stored->is_clean = stored->was_clean;
        stored->is_known = true;
        stored->must_count = false;
        for (size_t at = 0; (session = map_next(&project->core->sessions, &at));)
            if (session->project == project)
                session->must_count = false;
        writer_kick(project->core);
    } /* else the sweep's kick asks again */
    project_release(project);
}

static void count(struct project *project)
{
    struct stored *stored = &project->stored;
    stored->is_asking = true;
    stored->asked_ms = loop_now_ms(project->core->loop);
    stored->was_clean = stored->parts == 0;
    stored->grown_when_asked = stored->grown;
    project->uses++;
    store_query(project->core->store, STORE_Q_project_stored, NULL, (struct store_param[]){P_UUID(project->id)}, 1, on_counted,
                project);
}

static bool may_judge(struct project *project)
{
    struct stored *stored = &project->stored;
    const uint64_t now_ms = loop_now_ms(project->core->loop);
    if (!quota_is_known(project->core))
        return false;
    if (!is_limited(project)) {
        stored->is_known = stored->must_count = false;
        return true;
    }
    const uint64_t age_ms = now_ms - stored->counted_ms;
    const bool is_due =
        stored->must_count ? stored->parts == 0 || now_ms - stored->must_since_ms >= COUNTED_WITHIN_MS : age_ms >= COUNT_EVERY_MS;
    if ((is_due || !stored->is_known) && !stored->is_asking)
        count(project);
    const bool is_stale = age_ms >= STALE_MS && stored->parts == 0 && now_ms - stored->asked_ms < COUNTED_WITHIN_MS;
    return stored->is_known && !(stored->is_asking && is_stale);
}

bool quota_may_judge(const struct session *session)
{
    return may_judge(session->project) && (!session->must_count || !is_limited(session->project));
}

int64_t quota_room(const struct project *project)
{
    const struct stored *stored = &project->stored;
    if (!is_limited(project) || !stored->is_known)
        return INT64_MAX;
    return (int64_t)quota_of(project->core, QUOTA_max_project_annotations, &project->id) - stored->count - stored->grown -
           stored->in_flight;
}

enum gl_code quota_refuse_annotation(struct part *part, int64_t grown, struct op_outcome *outcome)
{
    const struct project *project = part->session->project;
    const int64_t have = (int64_t)quota_of(project->core, QUOTA_max_project_annotations, &project->id) - part->room + grown;
    part->is_full = true;
    return refuse(project->core, QUOTA_max_project_annotations, &project->id, have > 0 ? (uint64_t)have : 0, &outcome->err,
                  &outcome->data);
}

static bool is_doubtful(const struct stored *stored, const struct tried *tried)
{
    return tried->outcome.code == GL_E_LIMIT && tried->op->recounts < RECOUNTS_MAX &&
           (!stored->is_clean || stored->counted_ms <= tried->op->since_ms);
}

bool part_must_count(struct part *part)
{
    struct session *session = part->session;
    struct project *project = session->project;
    struct stored *stored = &project->stored;
    bool must = false;
    for (size_t i = 0; part->is_full && i < part->tried_count; i++) {
        if (!is_doubtful(stored, &part->tried[i]))
            continue;
        part->tried[i].op->recounts++;
        must = true;
    }
    if (!must)
        return false;
    part_give_back(part);
    stored->must_since_ms = stored->must_count ? stored->must_since_ms : loop_now_ms(project->core->loop);
    stored->must_count = session->must_count = true;
    (void)may_judge(project); /* asks now, if it can be */
    return true;
}

/* ---- what is in flight */

void quota_part_sent(struct part *part)
{
    struct stored *stored = &part->session->project->stored;
    part->is_counted = true;
    stored->was_clean = false; /* of a count under way: the database may take it after this has committed */
    stored->parts++;
    stored->in_flight += part->view.grown;
}

void quota_part_over(struct part *part, bool has_committed)
{
    struct stored *stored = &part->session->project->stored;
    if (!part->is_counted)
        return;
    part->is_counted = false;
    stored->parts--;
    stored->in_flight -= part->view.grown;
    stored->grown += has_committed ? part->view.grown : 0;
}
