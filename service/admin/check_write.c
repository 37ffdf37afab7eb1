/* check_write.c - what a repair has noted, written: rows that follow from the log, and nothing of the log. */
#include <inttypes.h>
#include <string.h>

#include "service/admin/repair_priv.h"
#include "service/base/mem.h"

#define PART_BYTES 32768 /* of a snapshot's records, as gloss_snapshot_make() cuts them */

#define P_HASH(hash) P_BYTES((hash).bytes, sizeof((hash).bytes))

struct writing {
    struct checking *checking;
    struct repair *repair;
    struct gl_err *err;
    enum gl_code code; /* of the first statement that failed */
};

static void run(struct writing *it, enum store_query_id query, const struct store_param *params, size_t count)
{
    if (it->code == GL_OK) {
        it->code = admin_db_query(it->checking->db, query, params, count, NULL, it->err);
    }
}

/* ---- of a session */

static void write_stream(struct writing *it)
{
    const struct checking *checking = it->checking;
    const struct gl_state *state = checking->state;
    const bool has_state = checking->is_session && can_rebuild(checking);
    const struct store_param params[] = {P_UUID(checking->stream),
                                         P_U64(state->seq),
                                         P_HASH(checking->start),
                                         P_HASH(state->chain),
                                         checking->is_newest_erased || state->seq == 0 ? P_NULL : P_TIME(checking->at_ms),
                                         P_U64(checking->is_session ? checking->cut : checking->retained_from),
                                         has_state ? P_HASH(state->sum) : P_NULL,
                                         has_state ? P_TEXT(gl_slice_str(state->mode)) : P_NULL,
                                         has_state ? P_U64(state->mode_seq) : P_NULL,
                                         has_state ? P_U64(state->live_count) : P_NULL};
    run(it, STORE_Q_repair_stream, params, 10);
}

static void write_revision(struct writing *it)
{
    const struct repair *repair = it->repair;
    const struct store_param params[] = {P_UUID(it->checking->revision), P_HASH(repair->sha256), P_U64(repair->bytes),
                                         P_U64(repair->codepoints), P_UUID(it->checking->project)};
    run(it, STORE_Q_repair_revision, params, 5);
}

static void write_annotation(struct writing *it, const gl_uuid *id)
{
    const struct gl_annotation *made = gl_state_find(it->checking->state, id);
    const struct store_param away[] = {P_UUID(it->checking->stream), P_UUID(*id)};
    if (!made) {
        run(it, STORE_Q_repair_annotation_away, away, 2);
        return;
    }
    const struct store_param params[] = {P_UUID(it->checking->stream),
                                         P_UUID(it->checking->project),
                                         P_UUID(made->id),
                                         P_UUID(made->creator),
                                         P_U64(made->created_seq),
                                         made->has_label ? P_UUID(made->label) : P_NULL,
                                         P_TEXT(gl_slice_str(gl_status_name(made->status))),
                                         P_U64(made->begin_cp),
                                         P_U64(made->end_cp),
                                         P_BOOL(made->is_deleted),
                                         P_TEXT(made->canonical)};
    run(it, STORE_Q_repair_annotation, params, 11);
}

static void write_part(struct writing *it, uint64_t seq, uint64_t part, struct gl_slice records)
{
    const struct store_param params[] = {P_UUID(it->checking->stream), P_UUID(it->checking->project), P_U64(seq), P_U64(part),
                                         P_TEXT(records)};
    if (records.len > 0) {
        run(it, STORE_Q_repair_snapshot_part, params, 5);
    }
}

static void write_records(struct writing *it, const struct repair_snapshot *snapshot)
{
    struct gl_buf records;
    uint64_t part = 0;
    gl_buf_init(&records, SIZE_MAX);
    for (size_t i = 0; i < snapshot->count; i++) {
        if (records.len > PART_BYTES) {
            write_part(it, snapshot->seq, part++, gl_buf_peek(&records));
            gl_buf_clear(&records);
        }
        if (records.len > 0) {
            gl_buf_byte(&records, '\n');
        }
        gl_buf_slice(&records, snapshot->items[i]->canonical);
    }
    write_part(it, snapshot->seq, part, gl_buf_peek(&records));
    gl_buf_fini(&records);
}

static void write_snapshot(struct writing *it, const struct repair_snapshot *snapshot)
{
    const struct store_param params[] = {
        P_UUID(it->checking->stream), P_UUID(it->checking->project), P_U64(snapshot->seq),
        P_HASH(snapshot->chain),      P_HASH(snapshot->sum),         P_TEXT(gl_slice_str(snapshot->mode)),
        P_U64(snapshot->mode_seq),    P_U64(snapshot->live),         P_U64(snapshot->codebook)};
    const struct store_param away[] = {P_UUID(it->checking->stream), P_U64(snapshot->seq)};
    run(it, STORE_Q_repair_snapshot_away, away, 2);
    if (snapshot->is_made) {
        run(it, STORE_Q_repair_snapshot, params, 9);
        write_records(it, snapshot);
    }
}

static void write_told(struct writing *it, const struct repair_told *told)
{
    const struct check_tell *tell = told->tell;
    const struct store_param away[] = {P_U64(told->item), P_UUID(told->account)};
    if (!tell) {
        run(it, STORE_Q_repair_inbox_away, away, 2);
        return;
    }
    const struct store_param params[] = {
        P_U64(told->item),  P_UUID(told->account),    P_UUID(it->checking->project),   P_UUID(it->checking->stream),
        P_U64(tell->seq),   P_UUID(tell->annotation), P_TEXT(gl_slice_str(tell->why)), P_UUID(tell->by),
        P_TIME(tell->at_ms)};
    run(it, STORE_Q_repair_inbox, params, 9);
}

/* ---- of a project */

static void write_project(struct writing *it)
{
    const struct project_mirror *mirror = &it->checking->run->project;
    const struct store_param params[] = {P_UUID(it->checking->stream), P_TEXT(gl_slice_str(mirror->name)),
                                         P_BOOL(gl_codebook_is_open(mirror->terms)), P_U64(mirror->codebook),
                                         P_BOOL(mirror->others_may_edit)};
    run(it, STORE_Q_repair_project, params, 5);
}

/* All of them away first: a wrong one may bear the name of a right one. */
static void write_terms(struct writing *it)
{
    const struct ids *terms = &it->repair->terms;
    const struct gl_codebook *codebook = it->checking->run->project.terms;
    for (size_t i = 0; i < terms->count; i++) {
        const struct store_param away[] = {P_UUID(it->checking->stream), P_UUID(terms->items[i])};
        run(it, STORE_Q_repair_term_away, away, 2);
    }
    for (size_t i = 0; i < terms->count; i++) {
        const struct gl_term *term = gl_codebook_find(codebook, &terms->items[i]);
        if (term) {
            const struct store_param params[] = {
                P_UUID(it->checking->stream), P_UUID(term->id), P_TEXT(gl_slice_str(gl_term_kind_name(term->kind))),
                P_TEXT(term->name),           P_U64(term->seq), P_TEXT(term->canonical)};
            run(it, STORE_Q_repair_term, params, 6);
        }
    }
}

static void write_member(struct writing *it, const gl_uuid *account)
{
    char id[GL_UUID_TEXT + 1];
    gl_uuid_format(account, id);
    const char *role = json_string_value(json_object_get(it->checking->run->project.members, id));
    const struct store_param params[] = {P_UUID(it->checking->stream), P_UUID(*account), P_TEXT(gl_slice_str(role ? role : ""))};
    run(it, role ? STORE_Q_repair_member : STORE_Q_repair_member_away, params, role ? 3 : 2);
}

static void write_document(struct writing *it, const gl_uuid *document)
{
    char id[GL_UUID_TEXT + 1];
    struct gl_buf said;
    gl_uuid_format(document, id);
    gl_buf_init(&said, SIZE_MAX);
    gl_canon_write(&said, json_object_get(it->checking->run->project.documents, id));
    const struct store_param params[] = {P_UUID(it->checking->stream), P_UUID(*document), P_TEXT(gl_buf_peek(&said))};
    run(it, STORE_Q_repair_document, params, 3);
    gl_buf_fini(&said);
}

/* ---- all of it */

enum gl_code repair_write(struct checking *checking, struct gl_err *err)
{
    struct repair *repair = checking->repair;
    struct writing it = {.checking = checking, .repair = repair, .err = err};
    if (repair->has_revision) {
        write_revision(&it);
    }
    if (repair->has_stream) {
        write_stream(&it);
    }
    for (size_t i = 0; i < repair->annotations.count; i++) {
        write_annotation(&it, &repair->annotations.items[i]);
    }
    for (size_t i = 0; i < repair->snapshot_count; i++) {
        write_snapshot(&it, &repair->snapshots[i]);
    }
    for (size_t i = 0; i < repair->told_count; i++) {
        write_told(&it, &repair->told[i]);
    }
    if (repair->has_project) {
        write_project(&it);
    }
    write_terms(&it);
    for (size_t i = 0; i < repair->members.count; i++) {
        write_member(&it, &repair->members.items[i]);
    }
    for (size_t i = 0; i < repair->documents.count; i++) {
        write_document(&it, &repair->documents.items[i]);
    }
    return it.code;
}
