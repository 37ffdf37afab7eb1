/* administer_ask.c - what only workers know is asked of all of them, this one among them: a row of `ask` that each sees with its next heartbeat. */
#include "service/core/administer.h"

enum {
    WAIT_MS = 8000,
    LOOK_MS = 100,
    ASKINGS_MAX = 8, /* of this worker at once; each costs every worker a statement, and the database some */
    CONNECTIONS_DEFAULT = 100
};
enum { WORKER, NODE, PID, VERSION, STARTED, BODY };

struct asking {
    struct asking *next;
    struct request *request;
    gl_uuid ask;
    struct loop_timer *timer;
    uint64_t until_ms;
    /* Answers the request. bodies: an object, or null, for each row; they live until it returns. */
    void (*done)(struct request *request, const struct store_rows *rows, const json_t *bodies);
};

static struct asking *askings; /* under way in this process, a core's or several's */

static void look(struct asking *asking);

static void on_timer(void *ctx)
{
    look(ctx);
}

static void look_later(struct asking *asking)
{
    loop_timer_start(asking->timer, LOOK_MS, 0);
}

static struct request *asking_end(struct asking *asking)
{
    struct asking **at = &askings;
    while (*at != asking)
        at = &(*at)->next;
    *at = asking->next;
    asking->request->core->askings--;
    loop_timer_free(&asking->timer);
    return asking->request;
}

void administer_end(struct core *core)
{
    struct asking **at = &askings, *asking;
    while ((asking = *at)) {
        if (asking->request->core != core) {
            at = &asking->next;
            continue;
        }
        *at = asking->next;
        loop_timer_free(&asking->timer);
    }
}

static json_t *read_bodies(const struct store_rows *rows)
{
    json_t *bodies = json_array();
    for (size_t i = 0; i < store_rows_count(rows); i++) {
        json_t *body = NULL;
        struct gl_err err = {0};
        if (store_is_null(rows, i, BODY) || gl_json_load(store_text(rows, i, BODY), &body, &err) != GL_OK)
            body = json_null();
        json_array_append_new(bodies, body);
    }
    return bodies;
}

static size_t silent(const struct store_rows *rows)
{
    size_t count = 0;
    for (size_t i = 0; i < store_rows_count(rows); i++)
        count += store_is_null(rows, i, BODY);
    return count;
}

static void on_answers(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct asking *asking = ctx;
    if (code == GL_OK && silent(rows) > 0 && loop_now_ms(asking->request->core->loop) < asking->until_ms) {
        look_later(asking);
        return;
    }
    void (*done)(struct request *, const struct store_rows *, const json_t *) = asking->done;
    struct request *request = asking_end(asking);
    if (rows_failed(request, code, rows, NULL))
        return;
    json_t *bodies = read_bodies(rows);
    done(request, rows, bodies);
    json_decref(bodies);
}

static void look(struct asking *asking)
{
    store_query(asking->request->core->store, STORE_Q_answers, &asking->request->account,
                (struct store_param[]){P_UUID(asking->ask)}, 1, on_answers, asking);
}

static void on_asked(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct asking *asking = ctx;
    (void)rows;
    if (code == GL_OK)
        look_later(asking);
    else
        request_fail(asking_end(asking), code, "%s", gl_code_sentence(code));
}

/* Takes detail. */
static void ask(struct request *request, const char *kind, json_t *detail,
                void (*done)(struct request *, const struct store_rows *, const json_t *))
{
    struct core *core = request->core;
    struct gl_buf text;
    if (core->askings >= ASKINGS_MAX) {
        json_decref(detail);
        request_fail(request, GL_E_BUSY, "%d questions to all processes are under way here; wait for their answers", ASKINGS_MAX);
        return;
    }
    struct asking *asking = gl_arena_alloc(&request->arena, sizeof *asking);
    *asking = (struct asking){.request = request,
                              .ask = gl_uuid_v7((uint64_t)loop_unix_ms(core->loop)),
                              .timer = loop_timer_new(core->loop, on_timer, asking),
                              .until_ms = loop_now_ms(core->loop) + WAIT_MS,
                              .done = done,
                              .next = askings};
    askings = asking;
    core->askings++;
    gl_buf_init(&text, SIZE_MAX);
    gl_canon_write(&text, detail);
    json_decref(detail);
    const struct gl_slice words = gl_slice_of(gl_arena_copy(&request->arena, gl_buf_peek(&text)), text.len);
    gl_buf_fini(&text);
    store_query(core->store, STORE_Q_ask, &request->account,
                (struct store_param[]){P_UUID(asking->ask), P_TEXT(gl_slice_str(kind)), P_TEXT(words), administer_from(request)},
                4, on_asked, asking);
}

static uint64_t number(const json_t *it, const char *name)
{
    const json_int_t value = json_integer_value(json_object_get(it, name));
    return value > 0 ? (uint64_t)value : 0;
}

static json_t *id_text(const gl_uuid *id)
{
    char text[GL_UUID_TEXT + 1];
    gl_uuid_format(id, text);
    return json_string(text);
}

/* ---- how much there is, and what there is to do */

static void tell_workers(struct request *request, const struct store_rows *rows, const json_t *bodies,
                         struct gl_admin_stats_result *result)
{
    struct gl_reader reader;
    struct gl_admin_worker *workers = gl_arena_alloc(&request->arena, (store_rows_count(rows) + 1) * sizeof *workers);
    for (size_t i = 0; i < store_rows_count(rows); i++) {
        struct gl_admin_worker *it = &workers[i];
        *it = (struct gl_admin_worker){.node = store_text(rows, i, NODE),
                                       .pid = store_u64(rows, i, PID),
                                       .version = store_text(rows, i, VERSION),
                                       .started = store_time(rows, i, STARTED)};
        gl_reader_init(&reader, &request->arena);
        const json_t *body = json_array_get(bodies, i);
        it->has_load = json_is_object(body) && gl_admin_load_read(&reader, body, &it->load) == GL_OK;
    }
    result->workers = workers;
    result->workers_count = store_rows_count(rows);
}

static void tell_tables(struct request *request, const json_t *tables, struct gl_admin_stats_result *result)
{
    const char *name;
    json_t *bytes;
    struct gl_admin_table *told = gl_arena_alloc(&request->arena, (json_object_size(tables) + 1) * sizeof *told);
    json_object_foreach((json_t *)(uintptr_t)tables, name, bytes)
    {
        told[result->tables_count++] = (struct gl_admin_table){.name = gl_slice_str(name), .bytes = number(tables, name)};
    }
    result->tables = told;
}

static void on_loads(struct request *request, const struct store_rows *rows, const json_t *bodies)
{
    const char *text = request->user;
    json_t *stored = NULL;
    struct gl_reader reader;
    struct gl_err err = {0};
    struct gl_admin_stats_result result = {0};
    gl_reader_init(&reader, &request->arena);
    if (gl_json_load(gl_slice_str(text), &stored, &err) != GL_OK ||
        gl_admin_stored_read(&reader, stored, &result.stored) != GL_OK) {
        request_fail(request, GL_E_INTERNAL, "%s", gl_code_sentence(GL_E_INTERNAL));
    } else {
        tell_workers(request, rows, bodies, &result);
        tell_tables(request, json_object_get(stored, "tables"), &result);
        request_reply(request, admin_stats, &result);
    }
    json_decref(stored);
}

static void on_stored(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct request *request = ctx;
    if (rows_failed(request, code, rows, NULL))
        return;
    request->user = gl_arena_copy(&request->arena, store_text(rows, 0, 0));
    ask(request, "stats", json_object(), on_loads);
}

void handle_admin_stats(struct request *request)
{
    store_query(request->core->store, STORE_Q_stats, &request->account, NULL, 0, on_stored, request);
}

/* ---- who is connected */

struct listing {
    struct gl_admin_connection *list;
    size_t count, limit;
    uint64_t left_out;
    struct page_size size;
};

/* What an older program says otherwise is left out rather than guessed at. */
static void take_connection(struct request *request, struct listing *listing, const struct store_rows *rows, size_t row,
                            json_t *said)
{
    struct gl_reader reader;
    struct gl_admin_connection *it = &listing->list[listing->count];
    json_object_set_new(said, "node", json_stringn(store_text(rows, row, NODE).data, store_text(rows, row, NODE).len));
    json_object_set_new(said, "pid", json_integer((json_int_t)store_u64(rows, row, PID)));
    gl_reader_init(&reader, &request->arena);
    if (listing->count < listing->limit && gl_admin_connection_read(&reader, said, it) == GL_OK &&
        page_takes(&listing->size, gl_admin_connection, it))
        listing->count++;
    else
        listing->left_out++;
}

static void on_connections(struct request *request, const struct store_rows *rows, const json_t *bodies)
{
    size_t i, j;
    json_t *body, *said;
    struct listing listing = {.limit = (size_t)(uintptr_t)request->user};
    listing.list = gl_arena_alloc(&request->arena, (listing.limit + 1) * sizeof *listing.list);
    page_size_init(&listing.size);
    json_array_foreach((json_t *)(uintptr_t)bodies, i, body)
    {
        listing.left_out += number(body, "left_out");
        json_array_foreach(json_object_get(body, "connections"), j, said) take_connection(request, &listing, rows, i, said);
    }
    page_size_fini(&listing.size);
    struct gl_admin_connection_list_result result = {
        .connections = listing.list, .connections_count = listing.count, .left_out = listing.left_out, .silent = silent(rows)};
    request_reply(request, admin_connection_list, &result);
}

static void list_connections(struct request *request, const gl_uuid *account)
{
    const size_t limit = (size_t)(uintptr_t)request->user;
    json_t *detail = json_pack("{s:I}", "limit", (json_int_t)limit);
    if (account)
        json_object_set_new(detail, "account", id_text(account));
    ask(request, "connections", detail, on_connections);
}

void handle_admin_connection_list(struct request *request)
{
    struct gl_admin_connection_list_params params = {0};
    if (!request_read(request, admin_connection_list, &params))
        return;
    request->user = (void *)(uintptr_t)(params.has_limit && params.limit > 0 ? params.limit : CONNECTIONS_DEFAULT);
    if (params.has_account)
        administer_find(request, params.account, "account", list_connections);
    else
        list_connections(request, NULL);
}

/* ---- the end of some */

static void on_kicked(struct request *request, const struct store_rows *rows, const json_t *bodies)
{
    size_t i;
    json_t *body;
    struct gl_admin_connection_end_result result = {.silent = silent(rows)};
    json_array_foreach((json_t *)(uintptr_t)bodies, i, body) result.ended += number(body, "ended");
    request_reply(request, admin_connection_end, &result);
}

static void kick(struct request *request, const char *what, const gl_uuid *id)
{
    struct gl_admin_connection_end_params params = {0};
    if (!request_read(request, admin_connection_end, &params))
        return;
    json_t *detail = json_pack("{s:o}", what, id_text(id));
    if (params.has_reason && params.reason.len > 0)
        json_object_set_new(detail, "reason", json_stringn(params.reason.data, params.reason.len));
    ask(request, "kick", detail, on_kicked);
}

static void kick_account(struct request *request, const gl_uuid *account)
{
    kick(request, "account", account);
}

void handle_admin_connection_end(struct request *request)
{
    struct gl_admin_connection_end_params params = {0};
    if (!request_read(request, admin_connection_end, &params))
        return;
    if (params.has_connection == params.has_account)
        request_fail_at(request, GL_E_INVALID_PARAMS, "connection", "either a connection or an account is to be named");
    else if (params.has_account)
        administer_find(request, params.account, "account", kick_account);
    else
        kick(request, "connection", &params.connection);
}
