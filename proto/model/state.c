/* state.c - a session's state: annotations in their places, the sum over them, and ops applied one after the other. */
#include "proto/model/state.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/model/state_priv.h"

#define MODE_SHARED "shared"

struct gl_state *gl_state_new(const gl_uuid *stream, const uint8_t revision_sha256[32])
{
    struct gl_state *state = calloc(1, sizeof *state);
    if (!state) {
        return NULL;
    }
    state->stream = *stream;
    state->chain = gl_chain_start(stream, revision_sha256);
    snprintf(state->mode, sizeof state->mode, MODE_SHARED);
    state->index = state_index_new();
    state->replies = state_replies_new();
    if (!state->index || !state->replies) {
        gl_state_free(&state);
    }
    return state;
}

void gl_state_free(struct gl_state **state)
{
    if (!*state) {
        return;
    }
    for (size_t i = 0; i < (*state)->count; i++) {
        gl_annotation_unref(&(*state)->items[i]);
    }
    free((*state)->items);
    free((*state)->reaches);
    state_index_free((*state)->index);
    state_replies_free((*state)->replies);
    free(*state);
    *state = NULL;
}

struct gl_annotation *gl_state_find(const struct gl_state *state, const gl_uuid *id)
{
    size_t position = state_index_find(state, id);
    return position == INDEX_NONE ? NULL : state->items[position];
}

/* ---- putting annotations in their places */

/* The list's room follows from its count alone: powers of two. */
static size_t room_for(size_t count)
{
    size_t room = 16;
    while (room < count) {
        room *= 2;
    }
    return room;
}

/* Room for more annotations than there are, so that putting them cannot fail. */
static bool reserve(struct gl_state *state, size_t more)
{
    size_t count = state->count + more;
    if (count >= UINT32_MAX || !state_index_reserve(state, count) || !state_replies_reserve(state, count)) {
        return false;
    }
    if (state->reaches && room_for(count) == room_for(state->count)) {
        return true;
    }
    struct gl_annotation **items = realloc(state->items, room_for(count) * sizeof *items);
    if (!items) {
        return false;
    }
    state->items = items;
    struct gl_reach *reaches = realloc(state->reaches, room_for(count) * sizeof *reaches);
    if (!reaches) {
        return false;
    }
    state->reaches = reaches;
    return true;
}

/* No text has so many code points that a reach could not be told. */
static struct gl_reach reach_of(const struct gl_annotation *annotation)
{
    return (struct gl_reach){(uint32_t)annotation->begin_cp, (uint32_t)annotation->end_cp};
}

static void put(struct gl_state *state, struct gl_annotation *annotation)
{
    size_t position = state_index_find(state, &annotation->id);
    gl_annotation_ref(annotation);
    gl_sum_add(&state->sum, &annotation->hash);
    state->live_count += !annotation->is_deleted;
    if (position == INDEX_NONE) {
        state_index_add(state, &annotation->id, state->count);
        state->items[state->count] = annotation;
        state->reaches[state->count] = reach_of(annotation);
        state_replies_add(state, state->count++);
        return;
    }
    struct gl_annotation **place = &state->items[position];
    if (!MUTATION(replica_keeps_old))
        gl_sum_sub(&state->sum, &(*place)->hash);
    state->live_count -= !(*place)->is_deleted || MUTATION(live_goes_down);
    gl_annotation_unref(place);
    *place = annotation;
    state->reaches[position] = reach_of(annotation);
}

enum gl_code gl_state_put(struct gl_state *state, struct gl_annotation *annotation)
{
    if (!reserve(state, 1)) {
        return GL_E_NOMEM;
    }
    put(state, annotation);
    return GL_OK;
}

/* ---- the mode */

bool gl_state_mode_item(const char *mode, uint64_t seq, gl_hash *item)
{
    if (strcmp(mode, MODE_SHARED) == 0) {
        return false;
    }
    char canonical[96]; /* a mode is a short plain word: nothing in it needs an escape */
    int len = snprintf(canonical, sizeof canonical, "{\"mode\":\"%.15s\",\"seq\":%" PRIu64 "}", mode, seq);
    *item = gl_sha256(canonical, (size_t)len);
    return true;
}

void gl_state_set_mode(struct gl_state *state, const char *mode, uint64_t seq)
{
    gl_hash item;
    if (gl_state_mode_item(state->mode, state->mode_seq, &item)) {
        gl_sum_sub(&state->sum, &item);
    }
    snprintf(state->mode, sizeof state->mode, "%s", mode);
    state->mode_seq = seq;
    if (gl_state_mode_item(state->mode, state->mode_seq, &item)) {
        gl_sum_add(&state->sum, &item);
    }
}

static enum gl_code apply_mode(struct gl_state *state, const struct gl_op *op, struct gl_err *err)
{
    const json_t *set = json_object_get(json_array_get(op->effects, 0), "set"), *mode = json_object_get(set, "mode");
    if (json_array_size(op->effects) != 1 || !json_is_string(mode)) {
        return gl_fail(err, GL_E_MALFORMED, "a change of mode sets the mode, once");
    }
    if (json_object_size(set) != 1 ||
        (strcmp(json_string_value(mode), MODE_SHARED) != 0 && strcmp(json_string_value(mode), "closed") != 0)) {
        return gl_fail(err, GL_E_UPGRADE, "this version does not know the mode %.32s", json_string_value(mode));
    }
    if (state->mode_seq < op->seq) {
        gl_state_set_mode(state, json_string_value(mode), op->seq);
    }
    return GL_OK;
}

/* ---- effects on annotations: all are worked out before the first is put in place, so that a bad op leaves no trace */

struct changes {
    struct gl_annotation **after;
    gl_uuid *ids;
    size_t count, ids_seen;
};

static int by_id(const void *a, const void *b)
{
    return gl_uuid_compare(a, b);
}

static size_t count_ids(const json_t *effects)
{
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(effects); i++) {
        count += json_array_size(json_object_get(json_array_get(effects, i), "ids"));
    }
    return count;
}

/* An op names an annotation once: the order of its effects then means nothing. */
static bool has_repeated_id(struct changes *changes)
{
    if (changes->ids_seen > 1) {
        qsort(changes->ids, changes->ids_seen, sizeof *changes->ids, by_id);
    }
    for (size_t i = 1; i < changes->ids_seen; i++) {
        if (gl_uuid_equal(&changes->ids[i - 1], &changes->ids[i])) {
            return true;
        }
    }
    return false;
}

static enum gl_code change_one(struct gl_state *state, const struct gl_op *op, const gl_uuid *id, const json_t *set,
                               struct changes *changes, struct gl_err *err)
{
    const struct gl_annotation *before = gl_state_find(state, id);
    bool is_create = op->kind == GL_OP_ANNOTATION_CREATE;
    if (before && before->changed_seq >= op->seq && !MUTATION(old_op_over_new_page)) {
        return GL_OK;
    }
    if (before && is_create) {
        return gl_fail(err, GL_E_MALFORMED, "op %" PRIu64 " makes an annotation that is there already", op->seq);
    }
    if (!before && !is_create) {
        return state->is_partial
                   ? GL_OK
                   : gl_fail(err, GL_E_MALFORMED, "op %" PRIu64 " changes an annotation that is not there", op->seq);
    }
    enum gl_code code = gl_annotation_apply(before, id, set, &op->account, op->seq, &changes->after[changes->count], err);
    changes->count += code == GL_OK;
    return code;
}

static enum gl_code change_all(struct gl_state *state, const struct gl_op *op, struct changes *changes, struct gl_err *err)
{
    for (size_t i = 0; i < json_array_size(op->effects); i++) {
        const json_t *effect = json_array_get(op->effects, i), *ids = json_object_get(effect, "ids"),
                     *set = json_object_get(effect, "set");
        for (size_t j = 0; j < json_array_size(ids); j++) {
            const json_t *text = json_array_get(ids, j);
            gl_uuid *id = &changes->ids[changes->ids_seen++];
            if (!gl_uuid_parse(gl_slice_of(json_string_value(text), json_string_length(text)), id)) {
                return gl_fail(err, GL_E_MALFORMED, "op %" PRIu64 " names an annotation by no id", op->seq);
            }
            enum gl_code code = change_one(state, op, id, set, changes, err);
            if (code != GL_OK) {
                return code;
            }
        }
    }
    return has_repeated_id(changes) ? gl_fail(err, GL_E_MALFORMED, "op %" PRIu64 " names an annotation twice", op->seq) : GL_OK;
}

static enum gl_code apply_changes(struct gl_state *state, const struct gl_op *op, struct gl_err *err)
{
    size_t most = count_ids(op->effects);
    struct gl_annotation *one_after;
    gl_uuid one_id;
    struct changes changes = {.after = &one_after, .ids = &one_id};
    if (most > 1) {
        changes.after = calloc(most, sizeof *changes.after);
        changes.ids = calloc(most, sizeof *changes.ids);
    }
    enum gl_code code = GL_E_NOMEM;
    if (changes.after && changes.ids && reserve(state, most)) {
        code = change_all(state, op, &changes, err);
    } else {
        gl_fail(err, code, "no memory for the changes of op %" PRIu64, op->seq);
    }
    for (size_t i = 0; i < changes.count; i++) {
        if (code == GL_OK) {
            gl_annotation_put_away(changes.after[i]);
            put(state, changes.after[i]);
        }
        gl_annotation_unref(&changes.after[i]);
    }
    if (most > 1) {
        free(changes.after);
        free(changes.ids);
    }
    return code;
}

/* Which ops lose their words is the log's business; here the records lose theirs. */
static enum gl_code apply_redact(struct gl_state *state, const struct gl_op *op, struct gl_err *err)
{
    return gl_op_erased(op) ? apply_changes(state, op, err)
                            : gl_fail(err, GL_E_MALFORMED, "op %" PRIu64 " does not say which ops it erases", op->seq);
}

enum gl_code gl_state_apply(struct gl_state *state, const struct gl_op *op, struct gl_err *err)
{
    switch (op->kind) {
    case GL_OP_ANNOTATION_CREATE:
    case GL_OP_ANNOTATION_UPDATE:
    case GL_OP_ANNOTATION_DELETE:
    case GL_OP_ANNOTATION_RESTORE: return apply_changes(state, op, err);
#ifdef GLOSS_NEXT
    case GL_OP_ANNOTATION_REMARK: return apply_changes(state, op, err);
#endif
    case GL_OP_SESSION_MODE: return apply_mode(state, op, err);
    case GL_OP_REDACT: return apply_redact(state, op, err);
    case GL_OP_PROJECT_CREATE:
    case GL_OP_LABEL_CREATE:
    case GL_OP_CODEBOOK_POLICY:
    case GL_OP_DOCUMENT_CREATE:
    case GL_OP_MEMBER_SET:
    case GL_OP_LABEL_UPDATE:
    case GL_OP_ATTRIBUTE_CREATE:
    case GL_OP_ATTRIBUTE_UPDATE:
    case GL_OP_RELATION_CREATE:
    case GL_OP_RELATION_UPDATE:
    case GL_OP_PROJECT_UPDATE:
    case GL_OP_DOCUMENT_UPDATE: return GL_OK; /* a project's stream has a chain, but no annotations */
    case GL_OP_KIND_COUNT: break;
    }
    return gl_fail(err, GL_E_UPGRADE, "this version does not know the kind of op %" PRIu64, op->seq);
}

/* ---- the log */

static enum gl_code append_payload(struct gl_state *state, json_t *payload, const json_t *salt_text, gl_hash *leaf,
                                   struct gl_err *err)
{
    uint8_t salt[GL_SALT_BYTES];
    struct gl_op op;
    struct gl_buf bytes;
    if (!gl_hex_decode(gl_slice_of(json_string_value(salt_text), json_string_length(salt_text)), salt, sizeof salt)) {
        return gl_fail_at(err, GL_E_MALFORMED, "salt", "the salt of op %" PRIu64 " is not 32 hexadecimal digits", state->seq + 1);
    }
    enum gl_code code = gl_op_read(payload, &op, err);
    if (code != GL_OK) {
        return code;
    }
    gl_buf_init(&bytes, SIZE_MAX);
    gl_canon_write(&bytes, payload);
    if (bytes.code != GL_OK) {
        code = gl_fail(err, bytes.code == GL_E_NOMEM ? GL_E_NOMEM : GL_E_MALFORMED, "op %" PRIu64 " cannot be written", op.seq);
    } else if (op.seq != state->seq + 1) {
        code = gl_fail(err, GL_E_CHAIN_BROKEN, "after op %" PRIu64 " came op %" PRIu64, state->seq, op.seq);
    } else {
        code = gl_state_apply(state, &op, err);
    }
    if (code == GL_OK) {
        *leaf = gl_leaf(salt, gl_buf_peek(&bytes));
    }
    gl_buf_fini(&bytes);
    gl_op_fini(&op);
    return code;
}

bool gl_logged_leaf(const json_t *logged, gl_hash *leaf)
{
    const json_t *payload = json_object_get(logged, "payload"), *salt_text = json_object_get(logged, "salt"),
                 *leaf_text = json_object_get(logged, "leaf");
    uint8_t salt[GL_SALT_BYTES];
    struct gl_buf bytes;
    if (!payload) {
        return gl_hex_decode(gl_slice_of(json_string_value(leaf_text), json_string_length(leaf_text)), leaf->bytes,
                             sizeof leaf->bytes);
    }
    gl_buf_init(&bytes, SIZE_MAX);
    gl_canon_write(&bytes, payload);
    bool is_good = bytes.code == GL_OK &&
                   gl_hex_decode(gl_slice_of(json_string_value(salt_text), json_string_length(salt_text)), salt, sizeof salt);
    if (is_good) {
        *leaf = gl_leaf(salt, gl_buf_peek(&bytes));
    }
    gl_buf_fini(&bytes);
    return is_good;
}

enum gl_code gl_state_append(struct gl_state *state, const json_t *logged, struct gl_err *err)
{
    gl_hash leaf;
    json_t *payload = json_object_get(logged, "payload");
    const json_t *leaf_text = json_object_get(logged, "leaf");
    enum gl_code code = GL_OK;
    if (payload) {
        code = append_payload(state, payload, json_object_get(logged, "salt"), &leaf, err);
    } else if (!gl_hex_decode(gl_slice_of(json_string_value(leaf_text), json_string_length(leaf_text)), leaf.bytes,
                              sizeof leaf.bytes)) {
        code = gl_fail(err, GL_E_MALFORMED, "a logged op has payload and salt, or its leaf");
    }
    if (code != GL_OK) {
        return code;
    }
    state->chain = gl_chain_next(&state->chain, &leaf);
    state->seq++;
    return GL_OK;
}
