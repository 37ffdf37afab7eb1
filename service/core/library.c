/* library.c - projects, members, the codebook and lists of documents: methods that read and write plain tables. */
#include <inttypes.h>
#include <stdio.h>

#include "service/core/library.h"
#include "service/store/genesis.h"

#define LIMIT_DEFAULT  100
#define TERMS_A_PAGE   1000
#define MEMBERS_A_PAGE 500 /* clients that know of no pages see so many */

/* ---- what they share */

bool rows_failed(struct request *request, enum gl_code code, const struct store_rows *rows, const char *missing)
{
    if (code == GL_OK && missing && store_rows_count(rows) == 0) {
        request_fail_at(request, GL_E_NOT_FOUND, missing, "%s", gl_code_sentence(GL_E_NOT_FOUND));
        return true;
    }
    if (code == GL_OK)
        return false;
    request_fail(request, code, "%s", gl_code_sentence(code));
    return true;
}

void refuse_cursor(struct request *request)
{
    request_fail_at(request, GL_E_INVALID_PARAMS, "cursor", "cursor must be `next` of the page before, as it came");
}

bool cursor_read(struct request *request, bool has, struct gl_slice text, struct page_cursor *cursor)
{
    struct gl_buf bytes;
    *cursor = (struct page_cursor){0};
    if (!has)
        return true;
    gl_buf_init(&bytes, text.len + 16);
    const char *nul = NULL;
    if (gl_base64_decode(text, &bytes, NULL) == GL_OK && bytes.len > 17)
        nul = bytes.data[bytes.len - 17] == '\0' ? bytes.data + bytes.len - 17 : NULL;
    if (nul && gl_utf8_check(gl_slice_of(bytes.data, (size_t)(nul - bytes.data)), NULL) == GL_OK) {
        cursor->name = gl_slice_of(bytes.data, (size_t)(nul - bytes.data));
        cursor->name.data = gl_arena_copy(&request->arena, cursor->name);
        memcpy(cursor->id.bytes, nul + 1, sizeof cursor->id.bytes);
    }
    gl_buf_fini(&bytes);
    if (cursor->name.data)
        return true;
    refuse_cursor(request);
    return false;
}

struct gl_slice cursor_write(struct request *request, struct gl_slice name, const gl_uuid *id)
{
    struct gl_buf raw, text;
    gl_buf_init(&raw, 4096);
    gl_buf_init(&text, 8192);
    gl_buf_slice(&raw, name);
    gl_buf_byte(&raw, '\0');
    gl_buf_put(&raw, id->bytes, sizeof id->bytes);
    gl_buf_base64(&text, raw.data, raw.len);
    struct gl_slice cursor = gl_slice_of(gl_arena_copy(&request->arena, gl_buf_peek(&text)), text.len);
    gl_buf_fini(&raw);
    gl_buf_fini(&text);
    return cursor;
}

bool number_cursor_read(struct request *request, bool has, struct gl_slice text, uint64_t *below)
{
    *below = INT64_MAX;
    if (!has)
        return true;
    *below = 0;
    for (size_t i = 0; i < text.len && i < 18; i++) {
        const char digit = text.data[i];
        if (digit < '0' || digit > '9')
            break;
        *below = *below * 10 + (uint64_t)(digit - '0');
        if (i + 1 == text.len)
            return true;
    }
    refuse_cursor(request);
    return false;
}

struct gl_slice number_cursor_write(struct request *request, uint64_t number)
{
    char text[24];
    const int len = snprintf(text, sizeof text, "%" PRIu64, number);
    return gl_slice_of(gl_arena_copy(&request->arena, gl_slice_of(text, (size_t)len)), (size_t)len);
}

void page_size_init(struct page_size *size)
{
    size->bytes = 0;
    gl_buf_init(&size->scratch, SIZE_MAX);
}
void page_size_fini(struct page_size *size)
{
    gl_buf_fini(&size->scratch);
}
bool page_has_room(struct page_size *size)
{
    size->scratch.len = 0;
    return size->bytes < PAGE_BYTES;
}
bool page_counted(struct page_size *size)
{
    size->bytes += size->scratch.len;
    return true;
}

static struct store_param cursor_name(const struct page_cursor *cursor)
{
    return cursor->name.data ? P_TEXT(cursor->name) : P_NULL;
}
static struct store_param cursor_id(const struct page_cursor *cursor)
{
    return cursor->name.data ? P_UUID(cursor->id) : P_NULL;
}

static size_t limit_of(bool has, uint64_t limit)
{
    return has && limit > 0 ? (size_t)limit : LIMIT_DEFAULT;
}

/* ---- projects */

static void on_projects(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct request *request = ctx;
    struct gl_project_list_result result = {0};
    size_t limit = (size_t)(uintptr_t)request->user;
    if (rows_failed(request, code, rows, NULL))
        return;
    size_t count = store_rows_count(rows);
    struct gl_project_info *projects = gl_arena_alloc(&request->arena, (count + 1) * sizeof *projects);
    for (size_t i = 0; i < count; i++)
        projects[i] = (struct gl_project_info){.project = store_uuid(rows, i, 0),
                                               .name = store_text(rows, i, 1),
                                               .role = store_text(rows, i, 2),
                                               .open = store_bool(rows, i, 3),
                                               .has_others_may_edit = true,
                                               .others_may_edit = store_bool(rows, i, 4),
                                               .has_seq = true,
                                               .seq = store_u64(rows, i, 5)};
    result.projects = projects;
    result.projects_count = count < limit ? count : limit;
    if ((result.has_next = count > limit))
        result.next = cursor_write(request, projects[limit - 1].name, &projects[limit - 1].project);
    request_reply(request, project_list, &result);
}

void handle_project_list(struct request *request)
{
    struct gl_project_list_params params = {0};
    struct page_cursor cursor;
    if (!request_read(request, project_list, &params) || !cursor_read(request, params.has_cursor, params.cursor, &cursor))
        return;
    size_t limit = limit_of(params.has_limit, params.limit);
    request->user = (void *)(uintptr_t)limit;
    store_query(request->core->store, STORE_Q_project_list, &request->account,
                (struct store_param[]){cursor_name(&cursor), cursor_id(&cursor), P_U64(limit + 1)}, 3, on_projects, request);
}

struct new_project {
    struct request *request;
    struct genesis genesis;
    struct gl_slice name;
};

static void on_project_made(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct new_project *made = ctx;
    struct request *request = made->request;
    gl_uuid project = made->genesis.project;
    genesis_fini(&made->genesis);
    if (code == GL_E_EXISTS) {
        request_fail_at(request, code, "name", "you belong to a project of that name already; choose another");
        return;
    }
    if (rows_failed(request, code, rows, NULL))
        return;
    struct gl_project_create_result result = {.project = {.project = project,
                                                          .name = made->name,
                                                          .role = GL_SLICE("owner"),
                                                          .open = true,
                                                          .has_others_may_edit = true,
                                                          .others_may_edit = true,
                                                          .has_seq = true,
                                                          .seq = 2}};
    request_reply(request, project_create, &result);
}

void handle_project_create(struct request *request)
{
    struct gl_project_create_params params = {0};
    struct core *core = request->core;
    if (!request_read(request, project_create, &params))
        return;
    if (params.name.len == 0) {
        request_fail_at(request, GL_E_INVALID_PARAMS, "name", "a project needs a name");
        return;
    }
    struct new_project *made = gl_arena_alloc(&request->arena, sizeof *made);
    made->request = request;
    made->name = params.name;
    gl_uuid project = gl_uuid_v7((uint64_t)loop_unix_ms(core->loop));
    genesis_init(&made->genesis, &project, params.name, &request->account, core_stream_time(core, 0));
    store_query(core->store, STORE_Q_project_create, &request->account, made->genesis.params, GENESIS_PARAMS, on_project_made,
                made);
}

/* ---- members */

/* The list has those who are members, and behind them those who were: a cursor's name begins with which of the two. */
#define MEMBER_IS  '+'
#define MEMBER_WAS '-'

static struct gl_slice member_cursor(struct request *request, const struct gl_member *last)
{
    struct gl_buf name;
    gl_buf_init(&name, 4096);
    gl_buf_byte(&name, last->has_role ? MEMBER_IS : MEMBER_WAS);
    gl_buf_slice(&name, last->name);
    const struct gl_slice cursor = cursor_write(request, gl_buf_peek(&name), &last->account);
    gl_buf_fini(&name);
    return cursor;
}

static void on_members(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct request *request = ctx;
    const size_t limit = (size_t)(uintptr_t)request->user;
    if (rows_failed(request, code, rows, NULL))
        return;
    size_t count = store_rows_count(rows);
    struct gl_member *members = gl_arena_alloc(&request->arena, (count + 1) * sizeof *members);
    for (size_t i = 0; i < count; i++) {
        members[i] = (struct gl_member){
            .account = store_uuid(rows, i, 0), .name = store_text(rows, i, 1), .has_role = !store_is_null(rows, i, 2)};
        if (members[i].has_role)
            members[i].role = store_text(rows, i, 2);
    }
    struct gl_member_list_result result = {
        .members = members, .members_count = count < limit ? count : limit, .has_next = count > limit};
    if (result.has_next)
        result.next = member_cursor(request, &members[limit - 1]);
    request_reply(request, member_list, &result);
}

void handle_member_list(struct request *request)
{
    struct gl_member_list_params params = {0};
    struct page_cursor cursor;
    if (!request_read(request, member_list, &params) || !cursor_read(request, params.has_cursor, params.cursor, &cursor))
        return;
    const size_t limit = params.has_limit && params.limit > 0 ? (size_t)params.limit : MEMBERS_A_PAGE;
    const char which = cursor.name.len > 0 ? cursor.name.data[0] : MEMBER_IS;
    if (which != MEMBER_IS && which != MEMBER_WAS) {
        refuse_cursor(request);
        return;
    }
    if (cursor.name.len > 0)
        cursor.name = gl_slice_of(cursor.name.data + 1, cursor.name.len - 1);
    request->user = (void *)(uintptr_t)limit;
    store_query(request->core->store, STORE_Q_member_list, &request->account,
                (struct store_param[]){P_UUID(request->project), P_BOOL(which == MEMBER_WAS), cursor_name(&cursor),
                                       cursor_id(&cursor), P_U64(limit + 1)},
                5, on_members, request);
}

/* A change that a method makes of its own parameters, and its end. */
struct own_change {
    struct request *request;
    struct project *project;
    json_t *change;
    void (*done)(void *ctx, struct op_outcome *outcome);
};

static void refuse_own(struct request *request, struct op_outcome *outcome)
{
    static const char below[] = "change.";
    struct gl_err *err = &outcome->err;
    if (strncmp(err->path, below, sizeof below - 1) == 0)
        memmove(err->path, err->path + sizeof below - 1, strlen(err->path) - (sizeof below - 1) + 1);
    request_fail_data(request, err, json_incref(outcome->data));
}

static void on_own_project(void *ctx, enum gl_code code, struct project *project)
{
    struct own_change *own = ctx;
    struct request *request = own->request;
    own->project = project;
    if (code != GL_OK) {
        json_decref(own->change);
        request_fail(request, code, "%s", gl_code_sentence(code));
        return;
    }
    struct project_op op = {.id = gl_uuid_v7((uint64_t)loop_unix_ms(project->core->loop)),
                            .account = request->account,
                            .asker_role = request->role,
                            .asker_epoch = request->scope.epoch,
                            .change = own->change,
                            .is_quiet = true,
                            .done = own->done,
                            .ctx = own};
    project_enqueue(project, &op);
}

/* Takes change. */
static void submit_own(struct request *request, json_t *change, void (*done)(void *ctx, struct op_outcome *outcome))
{
    if (!quota_take_ops(request, &request->project, 1)) {
        json_decref(change);
        return;
    }
    struct own_change *own = gl_arena_alloc(&request->arena, sizeof *own);
    *own = (struct own_change){.request = request, .change = change, .done = done};
    project_acquire(request->core, &request->account, &request->project, on_own_project, own);
}

static void on_member_set(void *ctx, struct op_outcome *outcome)
{
    struct own_change *own = ctx;
    struct gl_member_set_result result = {0};
    project_release(own->project);
    if (outcome->code != GL_OK)
        refuse_own(own->request, outcome);
    else
        request_reply(own->request, member_set, &result);
}

static void on_member_account(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct request *request = ctx;
    struct gl_member_set_params params = {0};
    char id[GL_UUID_TEXT + 1];
    if (rows_failed(request, code, rows, "account") || !request_read(request, member_set, &params))
        return;
    const gl_uuid account = store_uuid(rows, 0, 0);
    gl_uuid_format(&account, id);
    json_t *change = json_pack("{s:s, s:s, s:o}", "kind", gl_op_kind_name(GL_OP_MEMBER_SET), "account", id, "role",
                               params.has_role ? json_stringn(params.role.data, params.role.len) : json_null());
    submit_own(request, change, on_member_set);
}

void handle_member_set(struct request *request)
{
    struct gl_member_set_params params = {0};
    enum gl_role role = GL_NOBODY;
    if (!request_read(request, member_set, &params))
        return;
    if (params.has_role && !gl_role_parse(params.role, &role)) {
        request_fail_at(request, GL_E_INVALID_PARAMS, "role", "role must be viewer, annotator, curator or owner");
        return;
    }
    store_query(request->core->store, STORE_Q_account_by_name, &request->account, (struct store_param[]){P_TEXT(params.account)},
                1, on_member_account, request);
}

/* ---- the codebook */

struct codebook_page {
    struct request *request;
    uint64_t version;
    bool is_open;
    struct gl_slice kind, name; /* behind which it begins; data NULL: from the first */
};

/* Kind and name, with a line feed between (no kind has one); the id fills the form of cursors. */
static struct gl_slice term_cursor(struct request *request, const struct store_rows *rows, size_t row)
{
    struct gl_buf text;
    gl_uuid id = store_uuid(rows, row, 0);
    gl_buf_init(&text, 1024);
    gl_buf_slice(&text, store_text(rows, row, 1));
    gl_buf_byte(&text, '\n');
    gl_buf_slice(&text, store_text(rows, row, 2));
    struct gl_slice cursor = cursor_write(request, gl_buf_peek(&text), &id);
    gl_buf_fini(&text);
    return cursor;
}

static void on_terms(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct codebook_page *page = ctx;
    struct request *request = page->request;
    if (rows_failed(request, code, rows, NULL))
        return;
    struct gl_buf records;
    size_t count = store_rows_count(rows), taken = 0;
    gl_buf_init(&records, SIZE_MAX);
    gl_buf_byte(&records, '[');
    for (; taken < count && taken < TERMS_A_PAGE && !store_is_null(rows, taken, 3); taken++) {
        if (taken > 0)
            gl_buf_byte(&records, ',');
        gl_buf_slice(&records, store_text(rows, taken, 3));
    }
    gl_buf_byte(&records, ']');
    struct gl_codebook_get_result result = {.version = page->version, .open = page->is_open, .terms_raw = gl_buf_peek(&records)};
    if ((result.has_next = count > taken))
        result.next = term_cursor(request, rows, taken - 1);
    request_reply(request, codebook_get, &result);
    gl_buf_fini(&records);
}

static void on_codebook_project(void *ctx, enum gl_code code, struct project *project)
{
    struct codebook_page *page = ctx;
    struct request *request = page->request;
    if (code != GL_OK) {
        request_fail(request, code, "%s", gl_code_sentence(code));
        return;
    }
    page->version = project->head; /* terms newer than this may be in the page too: applying their op again changes nothing */
    page->is_open = project->is_open;
    project_release(project);
    store_query(request->core->store, STORE_Q_codebook_page, &request->account,
                (struct store_param[]){P_UUID(request->project), page->kind.data ? P_TEXT(page->kind) : P_NULL,
                                       page->kind.data ? P_TEXT(page->name) : P_NULL, P_U64(TERMS_A_PAGE + 1), P_U64(PAGE_BYTES)},
                5, on_terms, page);
}

void handle_codebook_get(struct request *request)
{
    struct gl_codebook_get_params params = {0};
    struct page_cursor cursor;
    if (!request_read(request, codebook_get, &params) || !cursor_read(request, params.has_cursor, params.cursor, &cursor))
        return;
    struct codebook_page *page = gl_arena_alloc(&request->arena, sizeof *page);
    const char *line_feed = cursor.name.data ? memchr(cursor.name.data, '\n', cursor.name.len) : NULL;
    page->request = request;
    if (cursor.name.data && !line_feed) {
        refuse_cursor(request);
        return;
    }
    if (line_feed) {
        page->kind = gl_slice_of(cursor.name.data, (size_t)(line_feed - cursor.name.data));
        page->name = gl_slice_of(line_feed + 1, cursor.name.len - page->kind.len - 1);
    }
    project_acquire(request->core, &request->account, &request->project, on_codebook_project, page);
}

static void on_policy_set(void *ctx, struct op_outcome *outcome)
{
    struct own_change *own = ctx;
    struct gl_codebook_policy_result result = {0};
    project_release(own->project);
    if (outcome->code != GL_OK)
        refuse_own(own->request, outcome);
    else
        request_reply(own->request, codebook_policy, &result);
}

void handle_codebook_policy(struct request *request)
{
    struct gl_codebook_policy_params params = {0};
    if (request_read(request, codebook_policy, &params))
        submit_own(request, json_pack("{s:s, s:b}", "kind", gl_op_kind_name(GL_OP_CODEBOOK_POLICY), "open", params.open),
                   on_policy_set);
}
