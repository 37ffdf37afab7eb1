/*
 * memo_model.c - see memo.c: what the model makes of values alone. An op applied to a record, the canonical form of a payload and what it says, a leaf, and the
 * chain behind it.
 */
#include <stdlib.h>
#include <string.h>

#include "proto/gl_json.h"
#include "proto/model/annotation.h"
#include "proto/model/op.h"
#include "tests/sim/memo_priv.h"

#define SLOTS 2048

/* ---- ops that were applied */

struct applied {
    struct gl_annotation *before, *after; /* before: NULL for a new one */
    gl_uuid id, account;
    uint64_t seq;
    json_t *set; /* NULL: nothing is kept here */
};
static struct applied applied[SLOTS];

enum gl_code __real_gl_annotation_apply(const struct gl_annotation *before, const gl_uuid *id, const json_t *set,
                                        const gl_uuid *account, uint64_t seq, struct gl_annotation **after, struct gl_err *err);
enum gl_code __wrap_gl_annotation_apply(const struct gl_annotation *before, const gl_uuid *id, const json_t *set,
                                        const gl_uuid *account, uint64_t seq, struct gl_annotation **after, struct gl_err *err);

static void forget_applied(struct applied *it)
{
    if (!it->set)
        return;
    json_decref(it->set);
    gl_annotation_unref(&it->before);
    gl_annotation_unref(&it->after);
    *it = (struct applied){.set = NULL};
}

/* Also in the order of members: a refusal names the first of several conflicts, so that the order can be seen from outside. */
static bool is_same_json(const json_t *a, const json_t *b)
{
    if (a == b || !json_is_object(a) || !json_is_object(b))
        return a == b || json_equal(a, b);
    json_t *left = (json_t *)(uintptr_t)a, *right = (json_t *)(uintptr_t)b;
    void *x = json_object_iter(left), *y = json_object_iter(right);
    while (x && y && strcmp(json_object_iter_key(x), json_object_iter_key(y)) == 0 &&
           is_same_json(json_object_iter_value(x), json_object_iter_value(y))) {
        x = json_object_iter_next(left, x);
        y = json_object_iter_next(right, y);
    }
    return !x && !y;
}

static bool is_same_record(const struct gl_annotation *a, const struct gl_annotation *b)
{
    if (a == b || !a || !b || !gl_hash_equal(&a->hash, &b->hash))
        return a == b;
    return (!a->tree && !b->tree) || is_same_json(gl_annotation_record(a), gl_annotation_record(b));
}

static bool is_same_step(const struct applied *it, const struct gl_annotation *before, const gl_uuid *id, const json_t *set,
                         const gl_uuid *account, uint64_t seq)
{
    return it->set && it->seq == seq && gl_uuid_equal(&it->id, id) && gl_uuid_equal(&it->account, account) &&
           is_same_record(it->before, before) && is_same_json(it->set, set);
}

enum gl_code __wrap_gl_annotation_apply(const struct gl_annotation *before, const gl_uuid *id, const json_t *set,
                                        const gl_uuid *account, uint64_t seq, struct gl_annotation **after, struct gl_err *err)
{
    uint64_t of_id;
    memcpy(&of_id, id->bytes + 8, sizeof of_id);
    struct applied *it = &applied[memo_mix(of_id, seq ^ 0xA0761D6478BD642Fu) % SLOTS];
    if (is_same_step(it, before, id, set, account, seq)) {
        *after = gl_annotation_ref(it->after);
        return GL_OK;
    }
    enum gl_code code = __real_gl_annotation_apply(before, id, set, account, seq, after, err);
    if (code == GL_OK) {
        forget_applied(it);
        *it = (struct applied){.before = before ? gl_annotation_ref((struct gl_annotation *)(uintptr_t)before) : NULL,
                               .after = gl_annotation_ref(*after),
                               .id = *id,
                               .account = *account,
                               .seq = seq,
                               .set = json_incref((json_t *)(uintptr_t)set)};
    }
    return code;
}

/* ---- payloads: told apart by where they are, which is theirs as long as they are kept */

struct payload {
    json_t *value; /* NULL: nothing is kept here */
    char *canonical;
    size_t len;
    bool is_read;
    struct gl_op op; /* lends from value */
};
static struct payload payloads[SLOTS];

void __real_gl_canon_write(struct gl_buf *buf, const json_t *value);
void __wrap_gl_canon_write(struct gl_buf *buf, const json_t *value);
enum gl_code __real_gl_op_read(json_t *payload, struct gl_op *op, struct gl_err *err);
enum gl_code __wrap_gl_op_read(json_t *payload, struct gl_op *op, struct gl_err *err);

static struct payload *payload_at(const json_t *value)
{
    return &payloads[memo_mix((uintptr_t)value >> 4, 0x9E3779B97F4A7C15u) % SLOTS];
}

static void forget_payload(struct payload *it)
{
    json_decref(it->value);
    free(it->canonical);
    *it = (struct payload){.value = NULL};
}

void memo_payload(json_t *value)
{
    struct payload *it = payload_at(value);
    if (it->value != value) {
        forget_payload(it);
        it->value = json_incref(value);
    }
}

void __wrap_gl_canon_write(struct gl_buf *buf, const json_t *value)
{
    struct payload *it = payload_at(value);
    const size_t before = buf->len;
    if (it->value == value && it->canonical) {
        gl_buf_put(buf, it->canonical, it->len);
        return;
    }
    __real_gl_canon_write(buf, value);
    if (it->value == value && value && buf->code == GL_OK) {
        it->len = buf->len - before;
        it->canonical = malloc(it->len);
        memcpy(it->canonical, buf->data + before, it->len);
    }
}

enum gl_code __wrap_gl_op_read(json_t *payload, struct gl_op *op, struct gl_err *err)
{
    struct payload *it = payload_at(payload);
    if (it->value == payload && it->is_read) {
        *op = it->op;
        op->root = json_incref(payload);
        return GL_OK;
    }
    enum gl_code code = __real_gl_op_read(payload, op, err);
    if (code == GL_OK && it->value == payload) {
        it->op = *op;
        it->is_read = true;
    }
    return code;
}

/* ---- records that became annotations, likewise */

struct made {
    const json_t *record; /* NULL: nothing is kept here */
    struct gl_annotation *annotation;
};
static struct made made[SLOTS];

enum gl_code __real_gl_annotation_from_record(const json_t *record, struct gl_annotation **out, struct gl_err *err);
enum gl_code __wrap_gl_annotation_from_record(const json_t *record, struct gl_annotation **out, struct gl_err *err);

static void forget_made(struct made *it)
{
    json_decref((json_t *)(uintptr_t)it->record);
    gl_annotation_unref(&it->annotation);
    *it = (struct made){.record = NULL};
}

enum gl_code __wrap_gl_annotation_from_record(const json_t *record, struct gl_annotation **out, struct gl_err *err)
{
    struct made *it = &made[memo_mix((uintptr_t)record >> 4, 0x9E3779B97F4A7C15u) % SLOTS];
    if (it->record && it->record == record) {
        *out = gl_annotation_ref(it->annotation);
        return GL_OK;
    }
    enum gl_code code = __real_gl_annotation_from_record(record, out, err);
    if (code == GL_OK) {
        forget_made(it);
        *it = (struct made){json_incref((json_t *)(uintptr_t)record), gl_annotation_ref(*out)};
    }
    return code;
}

/* ---- hashes */

struct leaf {
    uint8_t salt[GL_SALT_BYTES];
    char *bytes; /* NULL: nothing is kept here */
    size_t len;
    gl_hash leaf;
};
struct link {
    bool is_kept;
    gl_hash before, leaf, after;
};
static struct leaf leaves[SLOTS];
static struct link links[SLOTS];

gl_hash __real_gl_leaf(const uint8_t salt[GL_SALT_BYTES], struct gl_slice payload);
gl_hash __wrap_gl_leaf(const uint8_t salt[GL_SALT_BYTES], struct gl_slice payload);
gl_hash __real_gl_chain_next(const gl_hash *chain, const gl_hash *leaf);
gl_hash __wrap_gl_chain_next(const gl_hash *chain, const gl_hash *leaf);

static size_t slot_of(const uint8_t *bytes) /* random ones */
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word % SLOTS;
}

gl_hash __wrap_gl_leaf(const uint8_t salt[GL_SALT_BYTES], struct gl_slice payload)
{
    struct leaf *it = &leaves[slot_of(salt)];
    if (it->bytes && it->len == payload.len && memcmp(it->salt, salt, GL_SALT_BYTES) == 0 &&
        memcmp(it->bytes, payload.data, payload.len) == 0)
        return it->leaf;
    free(it->bytes);
    *it = (struct leaf){.bytes = malloc(payload.len + 1), .len = payload.len, .leaf = __real_gl_leaf(salt, payload)};
    memcpy(it->salt, salt, GL_SALT_BYTES);
    memcpy(it->bytes, payload.data, payload.len);
    return it->leaf;
}

gl_hash __wrap_gl_chain_next(const gl_hash *chain, const gl_hash *leaf)
{
    struct link *it = &links[slot_of(leaf->bytes)];
    if (!it->is_kept || !gl_hash_equal(&it->leaf, leaf) || !gl_hash_equal(&it->before, chain))
        *it = (struct link){true, *chain, *leaf, __real_gl_chain_next(chain, leaf)};
    return it->after;
}

void memo_model_end(void)
{
    for (size_t i = 0; i < SLOTS; i++) {
        forget_applied(&applied[i]);
        forget_payload(&payloads[i]);
        forget_made(&made[i]);
        free(leaves[i].bytes);
        leaves[i].bytes = NULL;
    }
}
