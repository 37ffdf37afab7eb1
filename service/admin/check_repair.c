#include "service/admin/check_repair.h"

#include <string.h>

#include "service/admin/repair_priv.h"
#include "service/base/mem.h"

struct repair *repair_new(void)
{
    return mem_alloc(sizeof(struct repair));
}

void repair_free(struct repair **repair)
{
    struct repair *it = *repair;
    for (size_t i = 0; i < it->snapshot_count; i++) {
        for (size_t at = 0; at < it->snapshots[i].count; at++) {
            gl_annotation_unref(&it->snapshots[i].items[at]);
        }
        mem_free(&it->snapshots[i].items);
    }
    mem_free(&it->snapshots);
    mem_free(&it->told);
    mem_free(&it->annotations.items);
    mem_free(&it->terms.items);
    mem_free(&it->members.items);
    mem_free(&it->documents.items);
    mem_free(repair);
}

/* ---- notes */

static void add(struct ids *ids, const gl_uuid *id)
{
    ids->items = mem_grow(ids->items, &ids->cap, ids->count + 1, sizeof(*ids->items));
    ids->items[ids->count++] = *id;
}

void repair_stream(struct checking *checking)
{
    if (checking->repair) {
        checking->repair->has_stream = true;
    }
}

void repair_revision(struct checking *checking, gl_hash sha256, size_t bytes, size_t codepoints)
{
    if (checking->repair) {
        checking->repair->has_revision = true;
        checking->repair->sha256 = sha256;
        checking->repair->bytes = bytes;
        checking->repair->codepoints = codepoints;
    }
}

void repair_annotation(struct checking *checking, const gl_uuid *id)
{
    if (checking->repair && can_rebuild(checking)) {
        add(&checking->repair->annotations, id);
    }
}

static struct repair_snapshot *add_snapshot(struct repair *repair, uint64_t seq)
{
    repair->snapshots =
        mem_grow(repair->snapshots, &repair->snapshot_cap, repair->snapshot_count + 1, sizeof(*repair->snapshots));
    struct repair_snapshot *it = &repair->snapshots[repair->snapshot_count++];
    *it = (struct repair_snapshot){.seq = seq};
    return it;
}

void repair_no_snapshot(struct checking *checking, uint64_t seq)
{
    if (checking->repair) {
        add_snapshot(checking->repair, seq);
    }
}

void repair_snapshot(struct checking *checking)
{
    const struct gl_state *state = checking->state;
    if (!checking->repair || !can_rebuild(checking)) {
        return;
    }
    struct repair_snapshot *it = add_snapshot(checking->repair, state->seq);
    it->is_made = true;
    it->chain = state->chain;
    it->sum = state->sum;
    memcpy(it->mode, state->mode, sizeof(it->mode));
    it->mode_seq = state->mode_seq;
    it->live = state->live_count;
    it->codebook = checking->codebook;
    it->items = mem_array(state->count + 1, sizeof(struct gl_annotation *));
    for (; it->count < state->count; it->count++) {
        it->items[it->count] = gl_annotation_ref(state->items[it->count]);
    }
}

void repair_inbox(struct checking *checking, enum repair_inbox what, uint64_t item, const gl_uuid *account,
                  const struct check_tell *tell)
{
    struct repair *repair = checking->repair;
    if (repair) {
        repair->told = mem_grow(repair->told, &repair->told_cap, repair->told_count + 1, sizeof(*repair->told));
        repair->told[repair->told_count++] = (struct repair_told){what, item, *account, tell};
    }
}

void repair_project(struct checking *checking)
{
    if (checking->repair) {
        checking->repair->has_project = true;
    }
}

void repair_term(struct checking *checking, const gl_uuid *id)
{
    if (checking->repair) {
        add(&checking->repair->terms, id);
    }
}

void repair_member(struct checking *checking, const gl_uuid *account)
{
    if (checking->repair) {
        add(&checking->repair->members, account);
    }
}

void repair_document(struct checking *checking, const gl_uuid *document)
{
    if (checking->repair) {
        add(&checking->repair->documents, document);
    }
}
