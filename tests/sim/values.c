/*
 * values.c - JSON values for sim_fast: what jansson has in value.c, for objects of a few members in a process of one thread. The rest of jansson (packing,
 * writing, its parser) is the library's, linked statically so that it uses these.
 *
 * An object is a list of its members in the order in which they came, and who looks for one goes along it: with a dozen members that is less work than
 * hashing the name. `sim` has jansson's own values, and must come to the same figures: the test sim.same.
 */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "proto/model/text.h"

struct member { /* what jansson calls an iter; a key tells it, too */
    struct member *next;
    json_t *value;
    uint64_t head; /* the key's first eight bytes */
    size_t len;
    char key[];
};
struct object {
    json_t json;
    size_t count;
    struct member *first, **last;
};
struct array {
    json_t json;
    size_t count, cap;
    json_t **items;
};
struct string {
    json_t json;
    size_t len;
    char text[];
};
struct integer {
    json_t json;
    json_int_t value;
};
struct real {
    json_t json;
    double value;
};

static struct object *object_of(const json_t *json)
{
    return (struct object *)(uintptr_t)(json_is_object(json) ? json : NULL);
}

static struct array *array_of(const json_t *json)
{
    return (struct array *)(uintptr_t)(json_is_array(json) ? json : NULL);
}

static bool is_text(const char *text, size_t len)
{
    unsigned char all = 0;
    for (size_t i = 0; i < len; i++)
        all |= (unsigned char)text[i];
    return all < 0x80 || gl_utf8_check(gl_slice_of(text, len), NULL) == GL_OK;
}

/* ---- members */

static uint64_t head_of(const char *key, size_t len)
{
    uint64_t head = 0;
    memcpy(&head, key, len < sizeof head ? len : sizeof head);
    return head;
}

static bool has_key(const struct member *it, uint64_t head, const char *key, size_t len)
{
    return it->head == head && it->len == len && (len <= sizeof head || memcmp(it->key, key, len) == 0);
}

static struct member *find(const struct object *object, const char *key, size_t len)
{
    const uint64_t head = head_of(key, len);
    struct member *it = object->first;
    while (it && !has_key(it, head, key, len))
        it = it->next;
    return it;
}

static struct member *member_of_key(const char *key)
{
    return (struct member *)(void *)(uintptr_t)(key - offsetof(struct member, key));
}

json_t *json_object(void)
{
    struct object *object = malloc(sizeof *object);
    *object = (struct object){.json = {JSON_OBJECT, 1}, .last = &object->first};
    return &object->json;
}

size_t json_object_size(const json_t *json)
{
    const struct object *object = object_of(json);
    return object ? object->count : 0;
}

json_t *json_object_getn(const json_t *json, const char *key, size_t len)
{
    const struct object *object = object_of(json);
    const struct member *it = object && key ? find(object, key, len) : NULL;
    return it ? it->value : NULL;
}

json_t *json_object_get(const json_t *json, const char *key)
{
    return json_is_object(json) && key ? json_object_getn(json, key, strlen(key)) : NULL;
}

int json_object_setn_new_nocheck(json_t *json, const char *key, size_t len, json_t *value)
{
    struct object *object = object_of(json);
    if (!value || !object || !key || json == value) {
        json_decref(value);
        return -1;
    }
    struct member *it = find(object, key, len);
    if (it) {
        json_decref(it->value);
        it->value = value;
        return 0;
    }
    it = malloc(sizeof *it + len + 1);
    it->next = NULL;
    it->value = value;
    it->head = head_of(key, len);
    it->len = len;
    memcpy(it->key, key, len);
    it->key[len] = '\0';
    *object->last = it;
    object->last = &it->next;
    object->count++;
    return 0;
}

int json_object_set_new_nocheck(json_t *json, const char *key, json_t *value)
{
    return json_object_setn_new_nocheck(json, key, key ? strlen(key) : 0, value);
}

int json_object_setn_new(json_t *json, const char *key, size_t len, json_t *value)
{
    if (key && !is_text(key, len)) {
        json_decref(value);
        return -1;
    }
    return json_object_setn_new_nocheck(json, key, len, value);
}

int json_object_set_new(json_t *json, const char *key, json_t *value)
{
    return json_object_setn_new(json, key, key ? strlen(key) : 0, value);
}

int json_object_del(json_t *json, const char *key)
{
    struct object *object = object_of(json);
    struct member *it = object && key ? find(object, key, strlen(key)) : NULL;
    if (!it)
        return -1;
    struct member **at = &object->first;
    while (*at != it)
        at = &(*at)->next;
    *at = it->next;
    if (!*at)
        object->last = at;
    object->count--;
    json_decref(it->value);
    free(it);
    return 0;
}

int json_object_update(json_t *json, json_t *other)
{
    const struct object *from = object_of(other);
    if (!json_is_object(json) || !from)
        return -1;
    for (const struct member *it = from->first; it; it = it->next)
        (void)json_object_setn_new_nocheck(json, it->key, it->len, json_incref(it->value));
    return 0;
}

void *json_object_iter(json_t *json)
{
    const struct object *object = object_of(json);
    return object ? object->first : NULL;
}
void *json_object_iter_next(json_t *json, void *iter)
{
    return json_is_object(json) && iter ? ((struct member *)iter)->next : NULL;
}
const char *json_object_iter_key(void *iter)
{
    return iter ? ((struct member *)iter)->key : NULL;
}
size_t json_object_iter_key_len(void *iter)
{
    return iter ? ((struct member *)iter)->len : 0;
}
json_t *json_object_iter_value(void *iter)
{
    return iter ? ((struct member *)iter)->value : NULL;
}
void *json_object_key_to_iter(const char *key)
{
    return key ? member_of_key(key) : NULL;
}

/* ---- lists */

json_t *json_array(void)
{
    struct array *array = malloc(sizeof *array);
    *array = (struct array){.json = {JSON_ARRAY, 1}};
    return &array->json;
}

size_t json_array_size(const json_t *json)
{
    const struct array *array = array_of(json);
    return array ? array->count : 0;
}

json_t *json_array_get(const json_t *json, size_t index)
{
    const struct array *array = array_of(json);
    return array && index < array->count ? array->items[index] : NULL;
}

int json_array_insert_new(json_t *json, size_t index, json_t *value)
{
    struct array *array = array_of(json);
    if (!value || !array || json == value || index > array->count) {
        json_decref(value);
        return -1;
    }
    if (array->count == array->cap) {
        array->cap = array->cap ? array->cap * 2 : 2;
        array->items = realloc(array->items, array->cap * sizeof *array->items);
    }
    memmove(array->items + index + 1, array->items + index, (array->count - index) * sizeof *array->items);
    array->items[index] = value;
    array->count++;
    return 0;
}

int json_array_append_new(json_t *json, json_t *value)
{
    return json_array_insert_new(json, json_array_size(json), value);
}

int json_array_clear(json_t *json)
{
    struct array *array = array_of(json);
    if (!array)
        return -1;
    while (array->count > 0)
        json_decref(array->items[--array->count]);
    return 0;
}

int json_array_extend(json_t *json, json_t *other)
{
    const struct array *from = array_of(other);
    if (!json_is_array(json) || !from)
        return -1;
    for (size_t i = 0, count = from->count; i < count; i++)
        (void)json_array_append_new(json, json_incref(from->items[i]));
    return 0;
}

/* ---- single values */

json_t *json_stringn_nocheck(const char *text, size_t len)
{
    if (!text)
        return NULL;
    struct string *string = malloc(sizeof *string + len + 1);
    string->json = (json_t){JSON_STRING, 1};
    string->len = len;
    memcpy(string->text, text, len);
    string->text[len] = '\0';
    return &string->json;
}

json_t *json_stringn(const char *text, size_t len)
{
    return text && is_text(text, len) ? json_stringn_nocheck(text, len) : NULL;
}

json_t *json_string_nocheck(const char *text)
{
    return text ? json_stringn_nocheck(text, strlen(text)) : NULL;
}

json_t *json_string(const char *text)
{
    return text ? json_stringn(text, strlen(text)) : NULL;
}

const char *json_string_value(const json_t *json)
{
    return json_is_string(json) ? ((const struct string *)json)->text : NULL;
}

size_t json_string_length(const json_t *json)
{
    return json_is_string(json) ? ((const struct string *)json)->len : 0;
}

json_t *json_integer(json_int_t value)
{
    struct integer *integer = malloc(sizeof *integer);
    *integer = (struct integer){{JSON_INTEGER, 1}, value};
    return &integer->json;
}

json_int_t json_integer_value(const json_t *json)
{
    return json_is_integer(json) ? ((const struct integer *)json)->value : 0;
}

json_t *json_real(double value)
{
    struct real *real = malloc(sizeof *real);
    *real = (struct real){{JSON_REAL, 1}, value};
    return &real->json;
}

double json_real_value(const json_t *json)
{
    return json_is_real(json) ? ((const struct real *)json)->value : 0;
}

double json_number_value(const json_t *json)
{
    return json_is_integer(json) ? (double)json_integer_value(json) : json_real_value(json);
}

int json_real_set(json_t *json, double value)
{
    if (!json_is_real(json))
        return -1;
    ((struct real *)json)->value = value;
    return 0;
}

#define CONSTANT(name, type)                                                                                                     \
    json_t *name(void)                                                                                                           \
    {                                                                                                                            \
        static json_t it = {type, (size_t)-1};                                                                                   \
        return &it;                                                                                                              \
    }
CONSTANT(json_true, JSON_TRUE)
CONSTANT(json_false, JSON_FALSE)
CONSTANT(json_null, JSON_NULL)

/* ---- all of them */

static void free_members(struct object *object)
{
    for (struct member *it = object->first, *next; it; it = next) {
        next = it->next;
        json_decref(it->value);
        free(it);
    }
}

void json_delete(json_t *json)
{
    if (json_is_object(json)) {
        free_members(object_of(json));
    } else if (json_is_array(json)) {
        json_array_clear(json);
        free(array_of(json)->items);
    }
    free(json);
}

static bool are_equal_objects(const struct object *a, const struct object *b)
{
    if (a->count != b->count)
        return false;
    for (const struct member *it = a->first; it; it = it->next) {
        const struct member *other = find(b, it->key, it->len);
        if (!other || !json_equal(it->value, other->value))
            return false;
    }
    return true;
}

static bool are_equal_arrays(const struct array *a, const struct array *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!json_equal(a->items[i], b->items[i]))
            return false;
    return true;
}

int json_equal(const json_t *a, const json_t *b)
{
    if (!a || !b || json_typeof(a) != json_typeof(b))
        return 0;
    if (a == b)
        return 1;
    switch (json_typeof(a)) {
    case JSON_OBJECT: return are_equal_objects(object_of(a), object_of(b));
    case JSON_ARRAY: return are_equal_arrays(array_of(a), array_of(b));
    case JSON_STRING:
        return json_string_length(a) == json_string_length(b) &&
               memcmp(json_string_value(a), json_string_value(b), json_string_length(a)) == 0;
    case JSON_INTEGER: return json_integer_value(a) == json_integer_value(b);
    case JSON_REAL: return json_real_value(a) == json_real_value(b);
    default: return 0; /* there is one of each */
    }
}

static json_t *copy(const json_t *json, bool is_deep)
{
    const struct object *object = object_of(json);
    const struct array *array = array_of(json);
    json_t *to;
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        to = json_object();
        for (const struct member *it = object->first; it; it = it->next)
            (void)json_object_setn_new_nocheck(to, it->key, it->len, is_deep ? copy(it->value, true) : json_incref(it->value));
        return to;
    case JSON_ARRAY:
        to = json_array();
        for (size_t i = 0; i < array->count; i++)
            (void)json_array_append_new(to, is_deep ? copy(array->items[i], true) : json_incref(array->items[i]));
        return to;
    case JSON_STRING: return json_stringn_nocheck(json_string_value(json), json_string_length(json));
    case JSON_INTEGER: return json_integer(json_integer_value(json));
    case JSON_REAL: return json_real(json_real_value(json));
    default: return (json_t *)(uintptr_t)json;
    }
}

json_t *json_copy(json_t *json)
{
    return json ? copy(json, false) : NULL;
}

json_t *json_deep_copy(const json_t *json)
{
    return json ? copy(json, true) : NULL;
}

/* ---- what other files of jansson ask of this one */

json_t *jsonp_stringn_nocheck_own(const char *text, size_t len);
int jsonp_loop_check(void *parents, const json_t *json, char *key, size_t size, size_t *len);

json_t *jsonp_stringn_nocheck_own(const char *text, size_t len)
{
    json_t *string = json_stringn_nocheck(text, len);
    free((void *)(uintptr_t)text);
    return string;
}

/* Nothing here contains itself. */
int jsonp_loop_check(void *parents, const json_t *json, char *key, size_t size, size_t *len)
{
    (void)parents;
    (void)json;
    (void)key;
    (void)size;
    *len = 0;
    return 0;
}
