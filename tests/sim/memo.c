/*
 * memo.c - sim_fast does once what several recipients of the same thing do each for themselves: it stands (by the linker's --wrap) before gl_json_load and
 * gl_annotation_apply, and lends everybody what the first one made.
 *
 * That is right because what was read or made never changes (annotation_apply.c relies on it, too), and what is compared is the whole of what the result
 * depends on. One value of sixteen is compared with its text again before it is forgotten. `sim`, which has the sanitizers, does without, and must come to
 * the same figures: the test sim.same.
 */
#include "tests/sim/memo.h"

#include <string.h>

#include "proto/gl_json.h"
#include "proto/model/annotation.h"
#include "tests/sim/sim.h"

#define SLOTS     2048
#define LEAST_LEN 200 /* below, reading is as cheap as looking */

/* ---- texts that were read */

struct slot {
    uint64_t hash[2];
    size_t len;
    json_t *value;
    char *text; /* of those that will be compared */
};
static struct slot slots[SLOTS];

enum gl_code __real_gl_json_load(struct gl_slice text, json_t **out, struct gl_err *err);
enum gl_code __wrap_gl_json_load(struct gl_slice text, json_t **out, struct gl_err *err);

static uint64_t mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static void hash_text(struct gl_slice text, uint64_t hash[2])
{
    uint64_t a = text.len ^ 0x9E3779B97F4A7C15u, b = ~text.len, word = 0;
    size_t at = 0;
    for (; at + 8 <= text.len; at += 8) {
        memcpy(&word, text.data + at, 8);
        a = mix(a ^ word, 0xA0761D6478BD642Fu);
        b = (b ^ word) * 0xE7037ED1A0B428DBu;
        b ^= b >> 29;
    }
    word = 0;
    memcpy(&word, text.data + at, text.len - at);
    hash[0] = mix(a ^ word, 0x8EBC6AF09C88C6E3u);
    hash[1] = mix(b ^ word, 0x589965CC75374CC3u);
}

static void forget(struct slot *slot)
{
    struct gl_err err = {0};
    json_t *again = NULL;
    if (slot->text &&
        (__real_gl_json_load(gl_slice_of(slot->text, slot->len), &again, &err) != GL_OK || !json_equal(again, slot->value)))
        broken(5, "somebody wrote into what was read from a message");
    json_decref(again);
    json_decref(slot->value);
    free(slot->text);
    *slot = (struct slot){.value = NULL};
}

static void keep(struct slot *slot, const uint64_t hash[2], struct gl_slice text, json_t *value)
{
    forget(slot);
    *slot = (struct slot){{hash[0], hash[1]}, text.len, json_incref(value), NULL};
    if ((hash[1] & 15) == 0 && (slot->text = malloc(text.len)))
        memcpy(slot->text, text.data, text.len);
}

enum gl_code __wrap_gl_json_load(struct gl_slice text, json_t **out, struct gl_err *err)
{
    uint64_t hash[2];
    if (text.len < LEAST_LEN)
        return __real_gl_json_load(text, out, err);
    hash_text(text, hash);
    struct slot *slot = &slots[hash[0] % SLOTS];
    if (slot->value && slot->len == text.len && slot->hash[0] == hash[0] && slot->hash[1] == hash[1]) {
        *out = json_incref(slot->value);
        return GL_OK;
    }
    enum gl_code code = __real_gl_json_load(text, out, err);
    if (code == GL_OK)
        keep(slot, hash, text, *out);
    return code;
}

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
    return a == b || (a && b && gl_hash_equal(&a->hash, &b->hash) && is_same_json(a->record, b->record));
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
    struct applied *it = &applied[mix(of_id, seq ^ 0xA0761D6478BD642Fu) % SLOTS];
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

void memo_end(void)
{
    for (size_t i = 0; i < SLOTS; i++) {
        if (slots[i].value)
            forget(&slots[i]);
        forget_applied(&applied[i]);
    }
}
