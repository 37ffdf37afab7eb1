/*
 * test_random.c - three workers on one log, clients that come, go and resume, and faults, all drawn from a seed; then what each client saw is held
 * against the log. `test_random SEED` repeats one; `test_random SEED COUNT` runs a range.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "service/base/log.h"
#include "service/base/mem.h"
#include "tests/unit/core/peer_sim.h"

#define CLIENTS 5
#define STEPS   220
static const char TEXT[] = "The harbour is loud. The quay is long. Ships come by night. Nobody sleeps, and nobody complains.";
static const char *const QUOTES[] = {"harbour", "quay", "Ships come", "night", "Nobody", "not there"};
static const char *const LABELS[] = {"claim", "evidence", "threat", NULL};

static const char *const STATUSES[] = {"accepted", "resolved", "active"};

static uint64_t state;
static uint64_t draw(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

struct sent { /* one op as its client knows it */
    char name[24];
    json_t *op;
    size_t client;
    uint64_t request, seq; /* seq: as answered; 0 while unknown */
    bool is_refused;
    char why[32];
};
static struct sent sent[STEPS * 4];
static size_t sent_count;

/* What one client holds: everything it was sent, across its connections. */
struct view {
    struct client *client;
    uint64_t join;
    size_t worker, frames, project_frames; /* read so far on this connection */
    uint64_t project_seq;                  /* 0: none was heard of yet */
    uint64_t seq;
    char chain[65];
    struct gl_state *state;
};
static struct view views[CLIENTS];
static struct bench bench;

static void read_project(struct view *view)
{
    json_t *notice;
    for (; (notice = client_notice(view->client, "project.ops", view->project_frames)); view->project_frames++) {
        json_t *params = json_object_get(notice, "params");
        uint64_t first = (uint64_t)json_integer_value(json_object_get(params, "first"));
        ck_assert_msg(view->project_seq == 0 || first == view->project_seq + 1, "project.ops from %llu behind %llu",
                      (unsigned long long)first, (unsigned long long)view->project_seq);
        view->project_seq = first + json_array_size(json_object_get(params, "ops")) - 1;
    }
}

static void read_frames(struct view *view)
{
    json_t *notice;
    read_project(view);
    for (; (notice = client_notice(view->client, "session.ops", view->frames)); view->frames++) {
        json_t *params = json_object_get(notice, "params"), *ops = json_object_get(params, "ops"), *logged;
        size_t i;
        ck_assert_int_eq(json_integer_value(json_object_get(params, "first")), (json_int_t)(view->state->seq + 1));
        json_array_foreach(ops, i, logged)
        {
            struct gl_err err = {0};
            ck_assert_msg(gl_state_append(view->state, logged, &err) == GL_OK, "%s", err.detail);
        }
        snprintf(view->chain, sizeof view->chain, "%s", json_string_value(json_object_get(params, "chain")));
        struct gl_buf sum;
        gl_buf_init(&sum, 65);
        gl_buf_hex(&sum, view->state->sum.bytes, 32);
        const char *told = json_string_value(json_object_get(params, "state"));
        ck_assert(!told || strcmp(told, gl_buf_cstr(&sum)) == 0);
        gl_buf_fini(&sum);
    }
}

static void read_answers(size_t client)
{
    for (size_t i = 0; i < sent_count; i++) {
        struct sent *it = &sent[i];
        json_t *answer = it->client == client && it->request ? client_answer(views[client].client, it->request) : NULL;
        if (!answer)
            continue;
        json_t *outcome = json_array_get(json_object_get(json_object_get(answer, "result"), "results"), 0),
               *error = json_object_get(outcome, "error");
        uint64_t seq = (uint64_t)json_integer_value(json_object_get(outcome, "seq"));
        const char *name = json_string_value(json_object_get(json_object_get(error, "data"), "name"));
        ck_assert_msg(!it->seq || !seq || it->seq == seq, "answered with two seqs");
        it->seq = seq ? seq : it->seq;
        it->is_refused |= name && strcmp(name, "store_down") != 0 && strcmp(name, "unknown_outcome") != 0;
        if (name)
            snprintf(it->why, sizeof it->why, "%s", name);
        it->request = 0;
    }
}

static void submit(size_t client, struct sent *it)
{
    it->is_refused = false; /* it is judged anew: what it was refused for may be over */
    it->request = client_submit(views[client].client, json_pack("[O]", it->op), false);
}

/* To an annotation of this session, or of another one, where there is none. */
static json_t *relation(const char *name, const char *from)
{
    char to[24], session[GL_UUID_TEXT + 1];
    snprintf(to, sizeof to, "op %llu", (unsigned long long)(1 + draw(sent_count)));
    gl_uuid_format(db_other_session(bench.db, 0), session);
    return op_relate(name, from, annotation_id(to), draw(3) ? NULL : session, draw(2) ? "near" : NULL);
}

static void send_new(size_t client)
{
    struct sent *it = &sent[sent_count++];
    char target[24];
    snprintf(it->name, sizeof it->name, "op %zu", sent_count);
    snprintf(target, sizeof target, "op %llu", (unsigned long long)(1 + draw(sent_count)));
    json_t *base = json_integer((json_int_t)(views[client].state->seq - draw(views[client].state->seq + 1) / 2));
    it->client = client;
    if (draw(25) == 0) {
        json_decref(base);
        it->op = json_pack("{s:s, s:{s:s, s:s}}", "id", op_id(it->name), "change", "kind", "session.mode", "mode",
                           draw(3) ? "shared" : "closed");
        submit(client, it);
        return;
    }
    switch (draw(10)) {
    case 0: it->op = op_update(it->name, base, target, "label", json_string(LABELS[draw(3)])); break;
    case 1: it->op = op_update(it->name, base, target, "note", json_string(it->name)); break;
    case 2: it->op = op_delete(it->name, base, target); break;
    case 3: it->op = op_update(it->name, base, target, "status", json_string(STATUSES[draw(3)])); break;
    case 4:
        it->op = op_update(it->name, base, target, "attributes", json_pack("{s:i}", draw(2) ? "a" : "b", (int)draw(9)));
        break;
    case 5:
        json_decref(base);
        it->op = op_reply(it->name, target, "@ana says who?");
        break;
    case 6:
        json_decref(base);
        it->op = relation(it->name, target);
        break;
    default: json_decref(base); it->op = op_create(it->name, QUOTES[draw(6)], draw(4) ? LABELS[draw(4)] : it->name);
    }
    submit(client, it);
}

static void come_back(size_t client)
{
    struct view *view = &views[client];
    static const char *const names[CLIENTS] = {"ana", "ben", "cem", "dia", "eva"};
    view->worker = draw(bench.workers);
    view->frames = view->project_frames = 0;
    view->project_seq = 0;
    view->client = client_new(&bench, view->worker, names[client], GL_CURATOR);
    json_t *since = json_pack("{s:I, s:s}", "since", (json_int_t)view->state->seq, "chain", view->chain);
    view->join = client_join(view->client, since); /* may have to wait for an append */
}

static void leave(size_t client)
{
    read_frames(&views[client]);
    read_answers(client);
    client_free(&views[client].client);
    for (size_t i = 0; i < sent_count; i++)
        if (sent[i].client == client)
            sent[i].request = 0; /* never to be answered: it is sent again */
}

/* A stranger joins, reads all pages and goes: what the pages hold must have the sum that the session says. */
static void visit(size_t worker)
{
    struct client *client = client_new(&bench, worker, "visitor", GL_VIEWER);
    json_t *joined = json_object_get(client_answer(client, client_join(client, NULL)), "result"), *record, *page;
    size_t i;
    struct gl_err err = {0};
    char session[GL_UUID_TEXT + 1];
    gl_uuid_format(db_session(bench.db), session);
    uint64_t request = client_send(client, "session.page", json_pack("{s:s}", "session", session));
    loop_sim_run(bench.loop, 0);
    page = json_object_get(client_answer(client, request), "result");
    if (joined && page && json_equal(json_object_get(joined, "seq"), json_object_get(page, "as_of")) &&
        json_is_true(json_object_get(page, "done"))) {
        struct gl_state *read = gl_state_new(db_session(bench.db), (const uint8_t[32]){0});
        struct gl_buf sum;
        json_array_foreach(json_object_get(page, "records"), i, record)
        {
            struct gl_annotation *annotation;
            ck_assert_int_eq(gl_annotation_from_record(record, &annotation, &err), GL_OK);
            ck_assert_int_eq(gl_state_put(read, annotation), GL_OK);
            gl_annotation_unref(&annotation);
        }
        gl_state_set_mode(read, json_string_value(json_object_get(joined, "mode")),
                          (uint64_t)json_integer_value(json_object_get(joined, "mode_seq")));
        gl_buf_init(&sum, 65);
        gl_buf_hex(&sum, read->sum.bytes, 32);
        ck_assert_str_eq(gl_buf_cstr(&sum), json_string_value(json_object_get(joined, "state")));
        gl_buf_fini(&sum);
        gl_state_free(&read);
    }
    client_free(&client);
}

static void step(void)
{
    size_t client = draw(CLIENTS);
    struct store *store = bench.stores[draw(bench.workers)];
    switch (draw(17)) {
    case 16: store_mem_lose_notifications(store, draw(2)); break;
    case 14: visit(draw(bench.workers)); break;
    case 15: db_set_role(bench.db, &views[client].client->account, draw(3) ? GL_CURATOR : GL_VIEWER); break;
    case 0: store_mem_fault(store, FAULT_LOCKED, (unsigned)draw(3)); break;
    case 1: store_mem_fault(store, FAULT_LATE, 1); break;
    case 2: store_mem_fault(store, FAULT_DOWN, (unsigned)draw(3)); break;
    case 3: store_mem_answer(store); break;
    case 4:
        views[client].client->is_full = !views[client].client->is_full;
        if (!views[client].client->is_full)
            peer_writable(views[client].client->peer);
        break;
    case 5:
        leave(client);
        come_back(client);
        break;
    case 6:
        if (sent_count > 0) { /* again, though it may have been answered */
            struct sent *it = &sent[draw(sent_count)];
            if (!it->request)
                submit(it->client, it);
        }
        break;
    case 7: loop_sim_run(bench.loop, draw(700)); break;
    default: send_new(client); break;
    }
    if (draw(3) == 0)
        loop_sim_run(bench.loop, draw(20));
}

static void settle(void)
{
    for (size_t i = 0; i < CLIENTS; i++)
        db_set_role(bench.db, &views[i].client->account, GL_CURATOR);
    for (int round = 0; round < 6; round++) {
        for (size_t i = 0; i < bench.workers; i++) {
            store_mem_fault(bench.stores[i], FAULT_NONE, 0);
            store_mem_answer(bench.stores[i]);
        }
        loop_sim_run(bench.loop, 2500);
        for (size_t i = 0; i < CLIENTS; i++) {
            views[i].client->is_full = false;
            peer_writable(views[i].client->peer);
            read_answers(i);
        }
        for (size_t i = 0; i < sent_count; i++)
            if (!sent[i].request && !sent[i].seq && !sent[i].is_refused)
                submit(sent[i].client, &sent[i]);
    }
}

static void check_promises(void)
{
    struct gl_state *truth = db_replay(bench.db);
    size_t accepted = 0;
    for (size_t i = 0; i < sent_count; i++) {
        gl_uuid id = gl_uuid_derive("op", sent[i].name, strlen(sent[i].name));
        size_t count = db_count_op(bench.db, &id);
        ck_assert_msg(count <= 1, "%s is in the log %zu times", sent[i].name, count);
        ck_assert_msg(sent[i].seq == 0 || count == 1, "%s was acknowledged at %llu and is not in the log", sent[i].name,
                      (unsigned long long)sent[i].seq);
        ck_assert_msg(sent[i].seq || sent[i].is_refused, "%s was never answered (%s, in the log %zu times)", sent[i].name,
                      sent[i].why, count);
        ck_assert_msg(count == 0 || sent[i].seq, "%s is in the log, but was refused as %s", sent[i].name, sent[i].why);
        accepted += count;
    }
    ck_assert_uint_eq(accepted, db_head(bench.db));
    for (size_t i = 0; i < CLIENTS; i++) {
        client_result(views[i].client, views[i].join);
        read_frames(&views[i]);
        ck_assert_msg(views[i].state->seq == truth->seq, "client %zu stands at %llu, the log at %llu", i,
                      (unsigned long long)views[i].state->seq, (unsigned long long)truth->seq);
        ck_assert(gl_hash_equal(&views[i].state->chain, &truth->chain) && gl_hash_equal(&views[i].state->sum, &truth->sum));
    }
    gl_state_free(&truth);
}

static void run(uint64_t seed)
{
    struct core_limits limits = bench_limits();
    state = seed * 0x9E3779B97F4A7C15u + 1;
    limits.recent_ops = 1 + draw(40);
    limits.append_max_ops = 1 + draw(20);
    sent_count = 0;
    bench_init(&bench, TEXT, 1 + draw(3), &limits);
    gl_hash sha256 = gl_sha256(TEXT, strlen(TEXT));
    for (size_t i = 0; i < CLIENTS; i++) {
        gl_hash start = gl_chain_start(db_session(bench.db), sha256.bytes);
        struct gl_buf hex;
        gl_buf_init(&hex, 65);
        gl_buf_hex(&hex, start.bytes, 32);
        views[i] = (struct view){.state = gl_state_new(db_session(bench.db), sha256.bytes)};
        snprintf(views[i].chain, sizeof views[i].chain, "%s", gl_buf_cstr(&hex));
        gl_buf_fini(&hex);
        come_back(i);
    }
    for (int i = 0; i < STEPS; i++)
        step();
    settle();
    check_promises();
    for (size_t i = 0; i < CLIENTS; i++) {
        client_free(&views[i].client);
        gl_state_free(&views[i].state);
    }
    for (size_t i = 0; i < sent_count; i++)
        json_decref(sent[i].op);
    bench_fini(&bench);
}

START_TEST(promises__hold__whatever_the_seed)
{
    run((uint64_t)_i);
}
END_TEST

int main(int argc, char **argv)
{
    int first = argc > 1 ? atoi(argv[1]) : 0, count = argc > 2 ? atoi(argv[2]) : argc > 1 ? 1 : 60;
    log_init(LOG_ERROR, LOG_TEXT);
    Suite *suite = suite_create("core, at random");
    TCase *tcase = tcase_create("seeds");
    tcase_add_loop_test(tcase, promises__hold__whatever_the_seed, first, first + count);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
