/*
 * job.c - what takes several calls: it goes on after a loss, waits when the server is busy, and calls back once.
 */
#include "clients/lib/lib_priv.h"

#define FAILURES_MAX 12

void lg_job_add(struct gloss *g, struct lg_job *job)
{
    struct lg_job **end = &g->jobs;
    while (*end) {
        end = &(*end)->next;
    }
    *end = job;
    job->g = g;
    g->is_due = true;
}

void lg_job_end(struct lg_job *job, const struct gloss_error *error)
{
    if (!job->is_over) {
        job->is_over = true;
        job->is_running = false;
        lg_calls_forget(job->g, job);
        job->class->end(job, error);
    }
}

void lg_job_trouble(struct lg_job *job, const struct gloss_error *error)
{
    const bool is_told_when = error->code == GLOSS_E_RATE_LIMITED; /* nothing has failed */
    if (!lg_error_is_later(error) || (!is_told_when && ++job->failures >= FAILURES_MAX)) {
        lg_job_end(job, error);
        return;
    }
    lg_calls_forget(job->g, job);
    job->class->down(job);
    job->is_running = false;
    job->not_before_ms = lg_now_ms() + lg_retry_delay(job->g, error, job->failures);
    lg_wake_at(job->g, job->not_before_ms);
}

void lg_jobs_pump(struct gloss *g, uint64_t now)
{
    for (struct lg_job *job = g->jobs; job && lg_is_ready(g) && !lg_is_over(g); job = job->next) {
        if (job->is_over || job->is_running) {
            continue;
        }
        if (now < job->not_before_ms) {
            lg_wake_at(g, job->not_before_ms);
            continue;
        }
        job->is_running = true;
        job->class->up(job);
    }
}

void lg_jobs_down(struct gloss *g)
{
    for (struct lg_job *job = g->jobs; job; job = job->next) {
        if (job->is_running) {
            job->is_running = false;
            job->class->down(job);
        }
    }
}

void lg_jobs_fail(struct gloss *g, const struct gloss_error *error)
{
    for (struct lg_job *job = g->jobs; job; job = job->next) {
        lg_job_end(job, error);
    }
}

void lg_jobs_reap(struct gloss *g)
{
    for (struct lg_job **at = &g->jobs; *at;) {
        struct lg_job *job = *at;
        if (job->is_over) {
            *at = job->next;
            job->class->free(job);
        } else {
            at = &job->next;
        }
    }
}
