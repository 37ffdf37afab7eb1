/*
 * queue_list.c - which queues a folder has, and how many ops wait in each: gloss_queue_list, which needs no client.
 *
 * Owns      what it counts of one journal while it reads it. The records (queue_priv.h) are only followed as far as that takes; nothing is locked
 *           and nothing changed, so another program may have the journal open.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "clients/lib/queue_priv.h"

struct counting {
    struct counted {
        char id[GLOSS_ID];
        int64_t since_ms;
        bool is_accepted;
    } * ops;
    size_t count;
    json_t *head;
};

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static enum gl_code count_ops(struct counting *counting, const json_t *record, struct gl_err *err)
{
    const json_t *ops = json_object_get(record, "ops");
    struct counted *more = realloc(counting->ops, (counting->count + json_array_size(ops) + 1) * sizeof(*more));
    if (!more) {
        return gl_fail(err, GL_E_NOMEM, "out of memory");
    }
    counting->ops = more;
    for (size_t i = 0; i < json_array_size(ops); i++) {
        const char *id = json_string_value(json_object_get(json_array_get(ops, i), "id"));
        struct counted *op = &counting->ops[counting->count++];
        (void)snprintf(op->id, sizeof(op->id), "%s", id ? id : "");
        op->since_ms = (int64_t)json_integer_value(json_object_get(record, "at"));
        op->is_accepted = false;
    }
    return GL_OK;
}

static struct counted *counted_of(struct counting *counting, const char *id)
{
    for (size_t at = 0; id && at < counting->count; at++) {
        if (strcmp(counting->ops[at].id, id) == 0) {
            return &counting->ops[at];
        }
    }
    return NULL;
}

static void uncount(struct counting *counting, const json_t *ids)
{
    for (size_t i = 0; i < json_array_size(ids); i++) {
        struct counted *op = counted_of(counting, json_string_value(json_array_get(ids, i)));
        if (op) {
            memmove(op, op + 1, (size_t)(&counting->ops[--counting->count] - op) * sizeof(*op));
        }
    }
}

/* Accepted; or not any more, when it was lost. */
static void count_accepted(struct counting *counting, const char *id, bool is_accepted)
{
    struct counted *op = counted_of(counting, id);
    if (op) {
        op->is_accepted = is_accepted;
    }
}

static void count_over(struct counting *counting, const json_t *record)
{
    const json_t *list = json_object_get(record, "accepted"), *kept = json_object_get(record, "kept");
    for (size_t i = 0; i < json_array_size(list); i++) {
        count_accepted(counting, text_of(json_array_get(list, i), "id"), true);
    }
    for (size_t i = 0; i < json_array_size(kept); i++) {
        count_accepted(counting, json_string_value(json_array_get(kept, i)), false);
    }
    count_accepted(counting, text_of(json_object_get(record, "renewed"), "id"), false);
    uncount(counting, json_object_get(record, "answered"));
}

static enum gl_code count_record(void *arg, struct gl_slice payload, struct gl_err *err)
{
    struct counting *counting = arg;
    json_t *record = NULL;
    enum gl_code code = gl_json_load(payload, &record, err);
    if (code == GL_OK && json_object_get(record, "account") && !counting->head) {
        counting->head = json_incref(record);
    } else if (code == GL_OK && json_object_get(record, "ops")) {
        code = count_ops(counting, record, err);
    } else if (code == GL_OK) {
        count_over(counting, record);
    }
    json_decref(record);
    return code;
}

static enum gl_code list_one(const char *dir, const char *name, gloss_queue_fn fn, void *arg)
{
    struct counting counting = {0};
    struct gl_err err = {0};
    enum gl_code code = lg_journal_look(dir, name, count_record, &counting, &err);
    if (code == GL_OK && counting.head) {
        size_t waiting = 0;
        int64_t since_ms = 0;
        for (size_t i = 0; i < counting.count; i++) {
            since_ms = waiting == 0 && !counting.ops[i].is_accepted ? counting.ops[i].since_ms : since_ms;
            waiting += !counting.ops[i].is_accepted;
        }
        const struct gloss_queue queue = {.account = text_of(counting.head, "account"),
                                          .session = text_of(counting.head, "session"),
                                          .url = text_of(counting.head, "url"),
                                          .pending = waiting,
                                          .accepted = counting.count - waiting,
                                          .since_ms = since_ms,
                                          .is_open = lg_journal_is_open(dir, name)};
        fn(&queue, arg);
    }
    json_decref(counting.head);
    free(counting.ops);
    return code == GL_E_NOT_FOUND ? GL_OK : code;
}

int gloss_queue_list(const char *queue_dir, gloss_queue_fn fn, void *arg)
{
    DIR *dir = opendir(queue_dir);
    struct dirent *entry;
    enum gl_code code = GL_OK;
    if (!dir) {
        return errno == ENOENT ? GLOSS_E_NOT_FOUND : errno == ENOMEM ? GLOSS_E_NOMEM : GLOSS_E_SYSTEM;
    }
    while ((entry = readdir(dir)) != NULL) {
        size_t len = strlen(entry->d_name), suffix = sizeof(LG_QUEUE_SUFFIX) - 1;
        if (len > suffix && strcmp(entry->d_name + len - suffix, LG_QUEUE_SUFFIX) == 0) {
            enum gl_code listed = list_one(queue_dir, entry->d_name, fn, arg);
            code = code == GL_OK ? listed : code;
        }
    }
    (void)closedir(dir);
    return code == GL_OK ? GLOSS_OK : gl_code_wire(code);
}
