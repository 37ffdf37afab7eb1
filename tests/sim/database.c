/* database.c - see database.h. */
#include "tests/sim/database.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/gl_mutation.h"
#include "service/base/mem.h"

const char SIM_TEXT[] = "The harbour is loud. The quay is long. Ships come by night. Nobody sleeps, and nobody complains.";
struct database database;

static gl_uuid id_of(const char *what, size_t n)
{
    return gl_uuid_derive(what, &n, sizeof n);
}

static void log_begin(size_t n, size_t project, const uint8_t *sha256)
{
    struct db_log *log = &database.logs[n];
    log->id = n < FIRST_SESSION ? database.projects[project].id : id_of("session", n);
    log->project = project;
    log->is_session = n >= FIRST_SESSION;
    log->chain = log->chain_start = gl_chain_start(&log->id, log->is_session ? sha256 : NULL);
    snprintf(log->mode, sizeof log->mode, "shared");
}

void database_begin(void)
{
    gl_hash sha256 = gl_sha256(SIM_TEXT, strlen(SIM_TEXT));
    memset(&database, 0, sizeof database);
    for (size_t i = 0; i < PROJECTS; i++) {
        struct db_project *project = &database.projects[i];
        project->id = id_of("project", i);
        project->document = id_of("document", i);
        project->revision = id_of("revision", i);
        project->epoch = 1;
        project->is_open = true;
    }
    for (size_t i = 0; i < PEOPLE_MAX; i++)
        database.accounts[i] = id_of("account", i);
    for (size_t i = 0; i < LOGS; i++)
        log_begin(i, i == 1 || i == 4, sha256.bytes);
}

void database_end(void)
{
    for (size_t i = 0; i < LOGS; i++) {
        struct db_log *log = &database.logs[i];
        for (uint64_t n = 0; n < log->head; n++)
            free((void *)(uintptr_t)log->ops[n].payload.data);
        for (size_t n = 0; n < log->record_count; n++)
            gl_annotation_unref(&log->records[n]);
        mem_free(&log->ops);
        mem_free(&log->records);
    }
    for (size_t i = 0; i < PROJECTS; i++) {
        for (size_t n = 0; n < database.projects[i].term_count; n++) {
            mem_free(&database.projects[i].terms[n].name);
            mem_free(&database.projects[i].terms[n].record);
        }
        mem_free(&database.projects[i].terms);
    }
}

/* ---- looking */

struct db_log *db_log_of(const gl_uuid *id)
{
    for (size_t i = 0; i < LOGS; i++)
        if (gl_uuid_equal(id, &database.logs[i].id))
            return &database.logs[i];
    return NULL;
}

struct db_project *db_project_of(const struct db_log *log)
{
    return &database.projects[log->project];
}

size_t db_person(const gl_uuid *account)
{
    size_t i = 0;
    while (i < PEOPLE_MAX && !gl_uuid_equal(account, &database.accounts[i]))
        i++;
    return i;
}

enum gl_role db_role(const struct db_project *project, const gl_uuid *account)
{
    size_t person = db_person(account);
    return person < PEOPLE_MAX ? project->roles[person] : GL_NOBODY;
}

const struct db_op *db_find(const struct db_log *log, const gl_uuid *op)
{
    for (uint64_t i = 0; i < log->head; i++)
        if (gl_uuid_equal(&log->ops[i].id, op))
            return &log->ops[i];
    return NULL;
}

bool db_is_away(void)
{
    return database.away_until_ms > world.now_ms;
}

bool db_is_erased(const struct db_op *op, uint64_t head)
{
    return op->erased_by > 0 && op->erased_by <= head;
}

const char *db_says_words(const struct db_op *op, json_t **payload)
{
    const char *name;
    json_t *value, *effect;
    bool says = false;
    *payload = NULL;
    if ((op->kind != GL_OP_ANNOTATION_CREATE && op->kind != GL_OP_ANNOTATION_UPDATE) ||
        gl_json_load(op->payload, payload, NULL) != GL_OK)
        return NULL;
    effect = json_array_get(json_object_get(*payload, "effects"), 0);
    says = json_is_string(json_object_get(json_object_get(effect, "set"), "note"));
    json_object_foreach(json_object_get(json_object_get(effect, "set"), "attributes"), name, value) says |= json_is_string(value);
    return says ? json_string_value(json_array_get(json_object_get(effect, "ids"), 0)) : NULL;
}

/* ---- changing what moves the epoch */

void db_set_role(struct db_project *project, size_t person, enum gl_role role)
{
    if (project->roles[person] == role)
        return;
    project->roles[person] = role;
    project->role_since_ms[person] = world.now_ms;
    project->epoch++;
}

void db_set_open(struct db_project *project, bool is_open)
{
    project->is_open = is_open;
    project->epoch++;
}

/* ---- appending */

static void keep_record(struct db_log *log, struct gl_annotation *annotation)
{
    for (size_t i = 0; i < log->record_count; i++) {
        if (gl_uuid_equal(&log->records[i]->id, &annotation->id)) {
            gl_annotation_unref(&log->records[i]);
            log->records[i] = gl_annotation_ref(annotation);
            return;
        }
    }
    log->records = mem_grow(log->records, &log->record_cap, log->record_count + 1, sizeof(struct gl_annotation *));
    log->records[log->record_count++] = gl_annotation_ref(annotation);
}

static void write_ops(struct db_log *log, const struct append_stream *stream, db_awaits_fn awaits, const void *ctx)
{
    for (size_t i = 0; i < stream->op_count; i++) {
        const struct append_op *op = &stream->ops[i];
        struct db_op kept = {.seq = log->head + 1,
                             .id = op->id,
                             .account = op->account,
                             .kind = op->kind,
                             .request_hash = op->request_hash,
                             .chain = op->chain,
                             .payload = gl_slice_of(mem_copy(op->payload.data, op->payload.len), op->payload.len),
                             .role = db_role(db_project_of(log), &op->account),
                             .at_ms = world.now_ms,
                             .is_awaited = awaits(ctx, db_person(&op->account))};
        memcpy(kept.salt, op->salt, sizeof kept.salt);
        if (op->seq != kept.seq)
            broken(2, "an op was written as %llu behind op %llu", (unsigned long long)op->seq, (unsigned long long)log->head);
        log->ops = mem_grow(log->ops, &log->cap, log->head + 1, sizeof *log->ops);
        log->ops[log->head++] = kept;
    }
}

static void write_project(struct db_log *log, const struct append_stream *stream)
{
    struct db_project *project = db_project_of(log);
    for (size_t i = 0; i < stream->term_count; i++) {
        const struct append_term *term = &stream->terms[i];
        project->terms = mem_grow(project->terms, &project->term_cap, project->term_count + 1, sizeof *project->terms);
        project->terms[project->term_count++] =
            (struct db_term){term->seq, term->kind, term->id, mem_copy(term->name.data, term->name.len),
                             mem_copy(term->record.data, term->record.len)};
    }
    if (stream->term_count > 0 || stream->set_open >= 0)
        project->codebook = log->head;
    project->epoch += stream->moves_epoch || stream->settings;
    if (stream->set_open >= 0)
        db_set_open(project, stream->set_open > 0);
    SAW(project_ops);
}

/* Nobody can read their words from now on; the checker can. */
static void erase_ops(struct db_log *log, const struct append_stream *stream)
{
    for (size_t i = 0; i < stream->erased_count; i++) {
        struct db_op *op = &log->ops[stream->erased[i].seq - 1];
        if (op->erased_by > 0)
            continue;
        op->erased_by = stream->ops[stream->erased[i].row].seq;
        op->leaf = gl_leaf(op->salt, op->payload);
        if (MUTATION(redact_breaks_chain))
            op->leaf.bytes[0] ^= 1;
        SAW(ops_erased);
    }
}

static void write_session(struct db_log *log, const struct append_stream *stream)
{
    erase_ops(log, stream);
    for (size_t i = 0; i < stream->annotation_count; i++)
        keep_record(log, stream->annotations[i]);
    log->sum = stream->sum;
    log->live_count = stream->live_count;
    if (stream->mode.len > 0) {
        snprintf(log->mode, sizeof log->mode, "%.*s", (int)stream->mode.len, stream->mode.data);
        for (size_t i = 0; i < stream->op_count; i++)
            if (stream->ops[i].kind == GL_OP_SESSION_MODE)
                log->mode_seq = stream->ops[i].seq;
    }
}

static bool has_term(const struct db_project *project, const struct append_stream *stream)
{
    for (size_t i = 0; i < project->term_count; i++) {
        const struct db_term *there = &project->terms[i];
        for (size_t n = 0; n < stream->term_count; n++)
            if (stream->terms[n].kind == there->kind && gl_slice_is(stream->terms[n].name, there->name) &&
                !gl_uuid_equal(&stream->terms[n].id, &there->id))
                return true;
    }
    return false;
}

static void find_all(const struct db_log *log, struct append_stream *stream)
{
    for (size_t i = 0; i < stream->op_count; i++) {
        const struct db_op *there = db_find(log, &stream->ops[i].id);
        if (!there)
            continue;
        if (!stream->found)
            stream->found = mem_array(stream->op_count, sizeof *stream->found);
        stream->found[stream->found_count++] = (struct append_found){there->id, there->seq, there->request_hash, there->account};
    }
}

static enum append_outcome append(const struct store *by, struct append_stream *stream, db_awaits_fn awaits, const void *ctx)
{
    struct db_log *log = db_log_of(&stream->stream);
    struct db_project *project = db_project_of(log);
    if (log->locked_until_ms > world.now_ms || (log->holder && log->holder != by))
        return APPEND_LOCKED;
    if (stream->expected_head != log->head && !MUTATION(skip_fence))
        return APPEND_FENCE_LOST;
    if (!MUTATION(op_ids_not_unique))
        find_all(log, stream);
    if (stream->found_count > 0)
        return APPEND_FOUND;
    if (stream->epoch != project->epoch && !MUTATION(epoch_not_compared)) {
        SAW(epoch_moved_under_append);
        return APPEND_FENCE_LOST;
    }
    if (!log->is_session && has_term(project, stream))
        return APPEND_EXISTS;
    write_ops(log, stream, awaits, ctx);
    log->chain = stream->chain;
    (log->is_session ? write_session : write_project)(log, stream);
    return APPEND_COMMITTED;
}

void db_append(const struct store *by, struct append_stream *stream, db_awaits_fn awaits, const void *ctx)
{
    stream->found = NULL;
    stream->found_count = 0;
    stream->outcome = append(by, stream, awaits, ctx);
    switch (stream->outcome) {
    case APPEND_COMMITTED: SAW(appends_committed); break;
    case APPEND_FENCE_LOST: SAW(appends_fence_lost); break;
    case APPEND_LOCKED: SAW(appends_locked); break;
    case APPEND_FOUND: SAW(appends_found); break;
    default: break;
    }
}

bool db_has_all(const struct append_stream *stream)
{
    const struct db_log *log = db_log_of(&stream->stream);
    for (size_t i = 0; i < stream->op_count; i++) {
        const struct db_op *op = db_find(log, &stream->ops[i].id);
        if (!op || op->seq != stream->ops[i].seq)
            return false;
        if (!gl_hash_equal(&op->chain, &stream->ops[i].chain) && !MUTATION(settled_without_chain))
            return false; /* its client asked another worker meanwhile */
    }
    return true;
}
