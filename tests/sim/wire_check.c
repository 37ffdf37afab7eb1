/* wire_check.c - promises 1, 2 and 7, at the moment when a worker writes: what a frame says is in the log, in order, and for who is sent it. */
#define _GNU_SOURCE 1 /* memmem */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/gl_json.h"
#include "tests/sim/person.h"
#include "tests/sim/wire_priv.h"

static bool after(const char **at, const char *end, const char *what)
{
    const char *found = memmem(*at, (size_t)(end - *at), what, strlen(what));
    if (found)
        *at = found + strlen(what);
    return found;
}

static size_t log_index(const char *text)
{
    gl_uuid id;
    struct db_log *log = gl_uuid_parse(gl_slice_of(text, GL_UUID_TEXT), &id) ? db_log_of(&id) : NULL;
    return log ? (size_t)(log - database.logs) : LOGS;
}

/* Where in the log this chain stands; 0: nowhere. */
static uint64_t seq_of_chain(const struct db_log *log, uint64_t from, const gl_hash *chain)
{
    for (uint64_t seq = from; seq >= 1 && seq <= log->head; seq++)
        if (gl_hash_equal(&log->ops[seq - 1].chain, chain))
            return seq;
    return 0;
}

/* Who was told of an erasure is sent no more of it: neither the words, nor an op without them. */
static void check_erased(struct conn *conn, size_t n, uint64_t first, uint64_t last)
{
    if (conn->shown[n] < last)
        conn->shown[n] = last;
    for (uint64_t seq = first; seq <= last; seq++) {
        const struct db_op *op = &database.logs[n].ops[seq - 1];
        if (op->erased_by > 0 && op->erased_by <= conn->shown[n])
            broken(7, "person %zu was sent op %" PRIu64 " of %zu, which op %" PRIu64 " had erased", conn->person, seq, n,
                   op->erased_by);
    }
}

/* An op names the codebook that it was judged under; nobody is sent it before the project's ops as far as that. */
static void check_codebook(const struct conn *conn, size_t project, const struct frame *frame)
{
    const char *at = frame->data, *end = frame->data + frame->len;
    while (after(&at, end, "\"codebook\":")) {
        const uint64_t named = strtoull(at, NULL, 10);
        if (named > conn->codebook[project])
            broken(2, "person %zu was sent an op that names op %" PRIu64 " of project %zu, and was told of %" PRIu64,
                   conn->person, named, project, conn->codebook[project]);
    }
}

static void check_ops(struct conn *conn, const struct frame *frame)
{
    const char *at = frame->data, *end = frame->data + frame->len, *tail;
    gl_hash chain;
    SAW(frames_of_ops);
    if (!after(&at, end, "\"chain\":\"") || !gl_hex_decode(gl_slice_of(at, 64), chain.bytes, 32) ||
        !after(&at, end, "\"first\":")) {
        broken(2, "a session.ops that cannot be read");
        return;
    }
    uint64_t first = strtoull(at, NULL, 10);
    tail = end - 200 > at ? end - 200 : at;
    size_t n = after(&tail, end, "],\"session\":\"") ? log_index(tail) : LOGS;
    if (n == LOGS) {
        broken(7, "person %zu was sent ops of a session that does not exist", conn->person);
        return;
    }
    const struct db_log *log = &database.logs[n];
    const struct db_project *project = db_project_of(log);
    uint64_t last = seq_of_chain(log, first, &chain);
    trace("worker %zu  to person %zu: ops %" PRIu64 " to %" PRIu64 " of %zu", conn->worker->index, conn->person, first, last, n);
    if (last == 0)
        broken(1, "person %zu was sent ops of %zu from %" PRIu64 " that are not in the log (it ends at %" PRIu64 ")",
               conn->person, n, first, log->head);
    if (conn->is_told[n] && first != conn->told[n] + 1)
        broken(2, "person %zu was sent op %" PRIu64 " of %zu behind op %" PRIu64, conn->person, first, n, conn->told[n]);
    if (project->roles[conn->person] < GL_VIEWER && world.is_calm && world.now_ms > project->role_since_ms[conn->person] + 5000)
        broken(7, "person %zu was sent ops of %zu, %" PRIu64 " ms after the right to see them went", conn->person, n,
               world.now_ms - project->role_since_ms[conn->person]);
    if (project->role_since_ms[conn->person] == 0 && project->roles[conn->person] < GL_VIEWER)
        broken(7, "person %zu, who never was a member, was sent ops of %zu", conn->person, n);
    conn->is_told[n] = true;
    conn->told[n] = last;
    check_codebook(conn, log->project, frame);
    check_erased(conn, n, first, last);
}

/* A project's ops come in order, and only those that are durable. Who joins anew may have missed some. */
static void check_project_ops(struct conn *conn, const struct frame *frame)
{
    const char *at = frame->data, *end = frame->data + frame->len, *tail;
    gl_hash chain;
    if (!after(&at, end, "\"chain\":\"") || !gl_hex_decode(gl_slice_of(at, 64), chain.bytes, 32) ||
        !after(&at, end, "\"first\":"))
        return;
    uint64_t first = strtoull(at, NULL, 10);
    tail = end - 200 > at ? end - 200 : at;
    size_t n = after(&tail, end, "],\"project\":\"") ? log_index(tail) : LOGS;
    if (n >= FIRST_SESSION) {
        broken(7, "person %zu was sent ops of a project that does not exist", conn->person);
        return;
    }
    const struct db_project *project = &database.projects[n];
    uint64_t last = seq_of_chain(&database.logs[n], first, &chain);
    if (last == 0)
        broken(1, "person %zu was sent ops of project %zu from %" PRIu64 " that are not in its log", conn->person, n, first);
    if (conn->is_told[n] && first != conn->told[n] + 1)
        broken(2, "person %zu was sent op %" PRIu64 " of project %zu behind op %" PRIu64, conn->person, first, n, conn->told[n]);
    if (project->role_since_ms[conn->person] == 0 && project->roles[conn->person] < GL_VIEWER)
        broken(7, "person %zu, who never was a member, was sent ops of project %zu", conn->person, n);
    conn->is_told[n] = true;
    conn->told[n] = last;
    if (conn->codebook[n] < last)
        conn->codebook[n] = last;
}

static void check_result(struct conn *conn, const json_t *result)
{
    gl_uuid id;
    const char *text = json_string_value(json_object_get(result, "id"));
    uint64_t seq = (uint64_t)json_integer_value(json_object_get(result, "seq"));
    if (!text || !gl_uuid_parse(gl_slice_str(text), &id))
        return;
    struct asked *it = asked_of(&id);
    if (!seq && it)
        it->unfound_ms = it->sought_ms[conn->worker->index] ? it->sought_ms[conn->worker->index] : world.now_ms - 60;
    if (!seq)
        return;
    for (size_t n = FIRST_SESSION; n < LOGS; n++) {
        const struct db_log *log = &database.logs[n];
        if (seq > log->head || !gl_uuid_equal(&log->ops[seq - 1].id, &id))
            continue;
        if (conn->is_told[n] && conn->told[n] < seq)
            broken(2, "person %zu was told the result of op %" PRIu64 " of %zu before the op itself", conn->person, seq, n);
        return;
    }
    broken(1, "person %zu was told that op %s has seq %" PRIu64 ", and no log has it there", conn->person, text, seq);
}

static void check_answer(struct conn *conn, const struct frame *frame)
{
    struct gl_err err = {0};
    json_t *root = NULL, *result;
    size_t i;
    if (!memmem(frame->data, frame->len, "\"results\":[", 11) ||
        gl_json_load(gl_slice_of(frame->data, frame->len), &root, &err) != GL_OK)
        return;
    json_array_foreach(json_object_get(json_object_get(root, "result"), "results"), i, result) check_result(conn, result);
    json_decref(root);
}

/* From where the ops of a session come: what its join says, once that is answered. */
void wire_note_join(struct conn *conn, const struct gl_envelope *envelope)
{
    const char *text = json_string_value(json_object_get(envelope->params, "session"));
    size_t n = text ? log_index(text) : LOGS;
    if (n == LOGS)
        return;
    if (gl_slice_is(envelope->name, "session.leave")) {
        conn->is_told[n] = false;
        conn->join_id[n] = 0;
        return;
    }
    conn->join_id[n] = (uint64_t)envelope->id.number;
    conn->join_has_since[n] = json_object_get(envelope->params, "since") != NULL;
    conn->join_since[n] = (uint64_t)json_integer_value(json_object_get(envelope->params, "since"));
}

static void check_joined(struct conn *conn, const struct frame *frame)
{
    uint64_t id = frame->len > 6 && memcmp(frame->data, "{\"id\":", 6) == 0 ? strtoull(frame->data + 6, NULL, 10) : 0;
    for (size_t n = FIRST_SESSION; id && n < LOGS; n++) {
        if (conn->join_id[n] != id || !memmem(frame->data, frame->len, "\"result\":", 9))
            continue;
        conn->is_told[database.logs[n].project] = false;
        conn->codebook[database.logs[n].project] = database.logs[database.logs[n].project].head;
        conn->is_told[n] = conn->join_has_since[n];
        conn->told[n] = conn->join_since[n];
        conn->join_id[n] = 0;
    }
}

/* The worker ends a subscription: no ops come before results any more. */
static void check_notice(struct conn *conn, const struct frame *frame)
{
    bool is_over = memmem(frame->data, frame->len, "\"rejoin\"", 8) ||
                   (memmem(frame->data, frame->len, "\"rights\"", 8) && !memmem(frame->data, frame->len, "\"role\":", 7));
    for (size_t n = FIRST_SESSION; is_over && n < LOGS; n++) {
        char id[GL_UUID_TEXT + 1];
        gl_uuid_format(&database.logs[n].id, id);
        if (memmem(frame->data, frame->len, id, GL_UUID_TEXT))
            conn->is_told[n] = false;
    }
}

void wire_check(struct conn *conn, const struct frame *frame)
{
    static const char OPS[] = "{\"jsonrpc\":\"2.0\",\"method\":\"session.ops\"", WAIT[] = "{\"error\":{\"code\":1121,";
    if (frame->len > sizeof OPS && memcmp(frame->data, OPS, sizeof OPS - 1) == 0)
        check_ops(conn, frame);
    else if (memmem(frame->data, frame->len < 60 ? frame->len : 60, "\"project.ops\"", 13))
        check_project_ops(conn, frame);
    else if (memmem(frame->data, frame->len, "\"session.notice\"", 16))
        check_notice(conn, frame);
    else
        check_answer(conn, frame);
    if (frame->len > sizeof WAIT && memcmp(frame->data, WAIT, sizeof WAIT - 1) == 0)
        SAW(told_to_wait);
    check_joined(conn, frame);
    if (conn->person != 3 && memmem(frame->data, frame->len, "secret of q", 11))
        broken(7, "person %zu was sent words of the other project", conn->person);
    if (conn->person == 3 && memmem(frame->data, frame->len, "words of p", 10))
        broken(7, "person 3 was sent words of the other project");
}
