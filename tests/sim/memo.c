/*
 * memo.c - sim_fast does once what several recipients of the same thing do each for themselves: it stands (by the linker's --wrap) before gl_json_load, and
 * before what the model works out of values alone (memo_model.c), and lends everybody what the first one made.
 *
 * That is right because what was read or made never changes (annotation_apply.c relies on it, too), and what is compared is the whole of what the result
 * depends on. One value of 64 is compared with its text again before it is forgotten. `sim`, which has the sanitizers, does without, and must come to
 * the same figures: the test sim.same.
 *
 * An op is read once: a frame of ops is put together from the ops in it, an op from its payload, each of which somebody else has read or will read. So is a
 * page, of its records.
 */
#define _GNU_SOURCE 1 /* memmem */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/gl_json.h"
#include "tests/sim/memo_priv.h"
#include "tests/sim/sim.h"

#define SLOTS     4096
#define LEAST_LEN 120 /* below, reading is as cheap as looking */

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

static void hash_text(struct gl_slice text, uint64_t hash[2])
{
    uint64_t a = text.len ^ 0x9E3779B97F4A7C15u, b = ~text.len, word = 0;
    size_t at = 0;
    for (; at + 8 <= text.len; at += 8) {
        memcpy(&word, text.data + at, 8);
        a = memo_mix(a ^ word, 0xA0761D6478BD642Fu);
        b = (b ^ word) * 0xE7037ED1A0B428DBu;
        b ^= b >> 29;
    }
    word = 0;
    memcpy(&word, text.data + at, text.len - at);
    hash[0] = memo_mix(a ^ word, 0x8EBC6AF09C88C6E3u);
    hash[1] = memo_mix(b ^ word, 0x589965CC75374CC3u);
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
    if ((hash[1] & 63) == 0 && (slot->text = malloc(text.len)))
        memcpy(slot->text, text.data, text.len);
}

/* ---- texts made of others */

#define PAYLOAD     "{\"payload\":"
#define SALT        ",\"salt\":\""
#define SALT_LEN    (2 * 16)
#define LOGGED_TAIL (sizeof SALT - 1 + SALT_LEN + 2)

static bool begins(struct gl_slice text, const char *with, size_t len)
{
    return text.len > len && memcmp(text.data, with, len) == 0;
}

/* How long the op is that begins here: {"payload":…,"salt":"…"}. In a string its quotes would have backslashes before them. 0: none begins. */
static size_t logged_len(struct gl_slice text)
{
    const char *salt = begins(text, PAYLOAD, sizeof PAYLOAD - 1) ? memmem(text.data, text.len, SALT, sizeof SALT - 1) : NULL;
    const size_t len = salt ? (size_t)(salt - text.data) + LOGGED_TAIL : 0;
    return len > 0 && len <= text.len && memcmp(text.data + len - 2, "\"}", 2) == 0 ? len : 0;
}

static json_t *read_again(struct gl_slice text)
{
    json_t *value = NULL;
    return __wrap_gl_json_load(text, &value, NULL) == GL_OK ? value : NULL;
}

/* NULL: it is not made like that. */
static json_t *read_logged(struct gl_slice text)
{
    if (logged_len(text) != text.len)
        return NULL;
    const size_t begin = sizeof PAYLOAD - 1, end = text.len - LOGGED_TAIL;
    json_t *payload = read_again(gl_slice_of(text.data + begin, end - begin)), *logged = payload ? json_object() : NULL;
    if (!logged)
        return NULL;
    memo_payload(payload);
    json_object_set_new_nocheck(logged, "payload", payload);
    json_object_set_new_nocheck(logged, "salt", json_stringn_nocheck(text.data + end + sizeof SALT - 1, SALT_LEN));
    return logged;
}

/* The ops of a frame, each by itself, up to the bracket behind them; NULL: something else stands there. */
static json_t *read_ops(const char *at, const char *end, const char **behind)
{
    json_t *ops = json_array();
    size_t len;
    while (at < end && *at != ']' && (len = logged_len(gl_slice_of(at, (size_t)(end - at)))) > 0) {
        json_t *logged = read_again(gl_slice_of(at, len));
        if (!logged)
            break;
        json_array_append_new(ops, logged);
        at += len + (at + len < end && at[len] == ',');
    }
    *behind = at;
    if (at < end && *at == ']' && json_array_size(ops) > 0)
        return ops;
    json_decref(ops);
    return NULL;
}

/* Where the object ends that begins here; NULL: none does. */
static const char *behind_object(const char *at, const char *end)
{
    size_t depth = 0;
    for (; at < end; at++) {
        if (*at == '"')
            while (++at < end && *at != '"')
                at += *at == '\\';
        else if (*at == '{')
            depth++;
        else if (*at == '}' && --depth == 0)
            return at + 1;
    }
    return NULL;
}

/* The records of a page, likewise. */
static json_t *read_records(const char *at, const char *end, const char **behind)
{
    json_t *records = json_array(), *record = NULL;
    while (at < end && *at == '{' && (*behind = behind_object(at, end)) &&
           (record = read_again(gl_slice_of(at, (size_t)(*behind - at))))) {
        json_array_append_new(records, record);
        at = *behind + (*behind < end && **behind == ',');
    }
    *behind = at;
    if (at < end && *at == ']' && json_array_size(records) > 0)
        return records;
    json_decref(records);
    return NULL;
}

/* A text with a list in it, which is read by itself. */
static json_t *read_around(struct gl_slice text, const char *begin, const char *member, const char *name,
                           json_t *(*read_list)(const char *at, const char *end, const char **behind))
{
    char opens[32];
    const int len = snprintf(opens, sizeof opens, "\"%s\":[", name);
    const char *at = begins(text, begin, strlen(begin)) ? memmem(text.data, text.len, opens, (size_t)len) : NULL, *behind;
    json_t *list = at ? read_list(at + len, text.data + text.len, &behind) : NULL, *whole = NULL;
    if (!list)
        return NULL;
    const size_t before = (size_t)(at - text.data) + (size_t)len, after = (size_t)(text.data + text.len - behind);
    char *rest = malloc(before + after);
    memcpy(rest, text.data, before);
    memcpy(rest + before, behind, after);
    if (__real_gl_json_load(gl_slice_of(rest, before + after), &whole, NULL) == GL_OK &&
        json_array_extend(json_object_get(json_object_get(whole, member), name), list) != 0) {
        json_decref(whole);
        whole = NULL;
    }
    free(rest);
    json_decref(list);
    return whole;
}

static enum gl_code read_text(struct gl_slice text, json_t **out, struct gl_err *err)
{
    *out = read_logged(text);
    if (!*out)
        *out = read_around(text, "{\"jsonrpc\":\"2.0\",\"method\":\"session.ops\"", "params", "ops", read_ops);
    if (!*out)
        *out = read_around(text, "{\"id\":", "result", "records", read_records);
    return *out ? GL_OK : __real_gl_json_load(text, out, err);
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
    enum gl_code code = read_text(text, out, err);
    if (code == GL_OK)
        keep(slot, hash, text, *out);
    return code;
}

void memo_end(void)
{
    for (size_t i = 0; i < SLOTS; i++)
        if (slots[i].value)
            forget(&slots[i]);
    memo_model_end();
}
