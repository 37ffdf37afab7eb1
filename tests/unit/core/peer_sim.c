/* peer_sim.c - see peer_sim.h. */
#include "tests/unit/core/peer_sim.h"

#include <check.h>
#include <stdlib.h>

#include "service/base/mem.h"
#include "service/core/handler.h"

struct core_limits bench_limits(void)
{
    return (struct core_limits){.frame_bytes = 262144,
                                .ops_in_flight = 1000,
                                .requests_in_flight = 64,
                                .bytes_in_flight = 1 << 21,
                                .document_bytes = 1 << 20,
                                .uploads_bytes = 1 << 22,
                                .append_max_ops = 256,
                                .recent_ops = 1000,
                                .recent_bytes = 1 << 20,
                                .sessions = 8,
                                .hello_ms = 10000,
                                .stall_ms = 8000,
                                .append_ms = 5000,
                                .idle_session_ms = 60000};
}

void bench_init(struct bench *bench, const char *text, size_t workers, const struct core_limits *limits)
{
    struct core_limits ordinary = bench_limits();
    *bench = (struct bench){.db = db_new(text), .loop = loop_sim_new(), .workers = workers};
    for (size_t i = 0; i < workers; i++) {
        bench->stores[i] = store_mem_new(bench->db, bench->loop);
        bench->cores[i] = core_new(bench->loop, bench->stores[i], limits ? limits : &ordinary, NULL, "glossd test");
    }
}

void bench_fini(struct bench *bench)
{
    loop_sim_run(bench->loop, 2000);
    for (size_t i = 0; i < bench->workers; i++) {
        core_free(&bench->cores[i]);
        store_free(&bench->stores[i]);
    }
    loop_sim_free(&bench->loop);
    db_free(&bench->db);
}

/* ---- the link */

static bool link_is_full(void *ctx)
{
    return ((struct client *)ctx)->is_full;
}

static void link_write(void *ctx, struct frame *frame)
{
    struct client *client = ctx;
    struct gl_err err = {0};
    json_t *message = NULL;
    ck_assert_msg(gl_json_load(gl_slice_of(frame->data, frame->len), &message, &err) == GL_OK, "%s: %.*s", err.detail,
                  (int)frame->len, frame->data);
    ck_assert_uint_le(frame->len, 262144);
    client->messages = mem_grow(client->messages, &client->cap, client->count + 1, sizeof(json_t *));
    client->messages[client->count++] = message;
    client->writes++;
}

static void link_close(void *ctx, unsigned code, const char *reason)
{
    (void)reason;
    ((struct client *)ctx)->close_code = code;
}

struct client *client_new_stranger(struct bench *bench, size_t worker, const char *name, enum gl_role role)
{
    struct client *client = mem_alloc(sizeof *client);
    struct peer_link link = {.ctx = client, .is_full = link_is_full, .write = link_write, .close = link_close, .address = "test"};
    client->bench = bench;
    client->account = gl_uuid_derive("account", name, strlen(name));
    db_set_role(bench->db, &client->account, role);
    client->peer = peer_new(bench->cores[worker], &link);
    return client;
}

struct client *client_new(struct bench *bench, size_t worker, const char *name, enum gl_role role)
{
    struct client *client = client_new_stranger(bench, worker, name, role);
    peer_sign_in(client->peer, &client->account, gl_slice_str(name), false, NULL);
    return client;
}

void client_free(struct client **client)
{
    peer_closed((*client)->peer);
    for (size_t i = 0; i < (*client)->count; i++)
        json_decref((*client)->messages[i]);
    mem_free(&(*client)->messages);
    mem_free(client);
}

uint64_t client_send(struct client *client, const char *method, json_t *params)
{
    uint64_t id = ++client->requests;
    json_t *message =
        json_pack("{s:s, s:I, s:s, s:o}", "jsonrpc", "2.0", "id", (json_int_t)id, "method", method, "params", params);
    char *text = json_dumps(message, JSON_COMPACT);
    peer_receive(client->peer, gl_slice_str(text));
    free(text);
    json_decref(message);
    return id;
}

json_t *client_answer(struct client *client, uint64_t request)
{
    for (size_t i = 0; i < client->count; i++)
        if (json_integer_value(json_object_get(client->messages[i], "id")) == (json_int_t)request)
            return client->messages[i];
    return NULL;
}

json_t *client_result(struct client *client, uint64_t request)
{
    json_t *answer = client_answer(client, request);
    ck_assert_msg(answer != NULL, "no answer to request %llu", (unsigned long long)request);
    char *text = json_dumps(answer, JSON_COMPACT);
    ck_assert_msg(json_object_get(answer, "result") != NULL, "refused: %s", text);
    free(text);
    return json_object_get(answer, "result");
}

static json_t *with_session(struct client *client, json_t *more)
{
    char session[GL_UUID_TEXT + 1];
    gl_uuid_format(db_session(client->bench->db), session);
    json_t *params = more ? more : json_object();
    json_object_set_new(params, "session", json_string(session));
    return params;
}

uint64_t client_join(struct client *client, json_t *more)
{
    uint64_t request = client_send(client, "session.join", with_session(client, more));
    loop_sim_run(client->bench->loop, 0);
    return request;
}

uint64_t client_submit(struct client *client, json_t *ops, bool is_atomic)
{
    return client_send(client, "session.submit", with_session(client, json_pack("{s:o, s:b}", "ops", ops, "atomic", is_atomic)));
}

json_t *client_outcome(struct client *client, uint64_t request, size_t index)
{
    return json_array_get(json_object_get(client_result(client, request), "results"), index);
}

json_t *client_notice(struct client *client, const char *method, size_t index)
{
    for (size_t i = 0; i < client->count; i++) {
        const char *name = json_string_value(json_object_get(client->messages[i], "method"));
        if (name && strcmp(name, method) == 0 && index-- == 0)
            return client->messages[i];
    }
    return NULL;
}

json_t *client_op(struct client *client, size_t index)
{
    json_t *notice;
    for (size_t n = 0; (notice = client_notice(client, "session.ops", n)); n++) {
        json_t *ops = json_object_get(json_object_get(notice, "params"), "ops");
        if (index < json_array_size(ops))
            return json_object_get(json_array_get(ops, index), "payload");
        index -= json_array_size(ops);
    }
    return NULL;
}

size_t client_op_count(struct client *client)
{
    size_t count = 0;
    while (client_op(client, count))
        count++;
    return count;
}

size_t client_position(struct client *client, const json_t *message)
{
    for (size_t i = 0; i < client->count; i++)
        if (client->messages[i] == message)
            return i;
    return SIZE_MAX;
}

/* ---- ops */

const char *op_id(const char *name)
{
    static char texts[16][GL_UUID_TEXT + 1];
    static unsigned at;
    gl_uuid id = gl_uuid_derive("op", name, strlen(name));
    char *text = texts[at++ % 16];
    gl_uuid_format(&id, text);
    return text;
}

const char *annotation_id(const char *op_name)
{
    static char texts[16][GL_UUID_TEXT + 1];
    static unsigned at;
    gl_uuid op = gl_uuid_derive("op", op_name, strlen(op_name));
    gl_uuid id = gl_op_annotation_id(&op);
    char *text = texts[at++ % 16];
    gl_uuid_format(&id, text);
    return text;
}

json_t *op_create(const char *op, const char *quote, const char *label)
{
    json_t *change =
        json_pack("{s:s, s:{s:s, s:[{s:s}]}}", "kind", "annotation.create", "target", "type", "spans", "spans", "exact", quote);
    if (label)
        json_object_set_new(change, "label", json_string(label));
    return json_pack("{s:s, s:o}", "id", op_id(op), "change", change);
}

json_t *op_reply(const char *op, const char *parent_of, const char *note)
{
    return json_pack("{s:s, s:{s:s, s:{s:s, s:s}, s:s}}", "id", op_id(op), "change", "kind", "annotation.create", "target",
                     "type", "annotation", "annotation", annotation_id(parent_of), "note", note);
}

json_t *op_relate(const char *op, const char *from_of, const char *to, const char *session, const char *label)
{
    json_t *change =
        json_pack("{s:s, s:{s:s, s:s, s:{s:s, s:s*}}, s:s*}", "kind", "annotation.create", "target", "type", "relation", "from",
                  annotation_id(from_of), "to", "annotation", to, "session", session, "label", label);
    return json_pack("{s:s, s:o}", "id", op_id(op), "change", change);
}

json_t *op_update(const char *op, json_t *base, const char *annotation_of, const char *field, json_t *value)
{
    return json_pack("{s:s, s:o, s:{s:s, s:s, s:o}}", "id", op_id(op), "base", base, "change", "kind", "annotation.update",
                     "annotation", annotation_id(annotation_of), field, value);
}

json_t *op_delete(const char *op, json_t *base, const char *annotation_of)
{
    return json_pack("{s:s, s:o, s:{s:s, s:s}}", "id", op_id(op), "base", base, "change", "kind", "annotation.delete",
                     "annotation", annotation_id(annotation_of));
}

json_t *op_label(const char *op, const char *name, const char *definition)
{
    return json_pack("{s:s, s:{s:s, s:s, s:s}}", "id", op_id(op), "change", "kind", "label.create", "name", name, "definition",
                     definition);
}
