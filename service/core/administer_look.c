/* administer_look.c - what administrators see of everybody's projects and sessions, of the settings, and of who administered what. */
#include "service/base/settings.h"
#include "service/core/administer.h"

#define LIMIT_DEFAULT 100
#define CREATORS_MAX  100

static size_t limit_of(bool has, uint64_t limit)
{
    return has && limit > 0 ? (size_t)limit : LIMIT_DEFAULT;
}

/* ---- projects */

static void on_projects(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct request *request = ctx;
    const size_t limit = (size_t)(uintptr_t)request->user;
    if (rows_failed(request, code, rows, NULL))
        return;
    const size_t count = store_rows_count(rows);
    struct gl_admin_project *projects = gl_arena_alloc(&request->arena, (count + 1) * sizeof *projects);
    for (size_t i = 0; i < count; i++)
        projects[i] = (struct gl_admin_project){.project = store_uuid(rows, i, 0),
                                                .name = store_text(rows, i, 1),
                                                .open = store_bool(rows, i, 2),
                                                .members = store_u64(rows, i, 3),
                                                .documents = store_u64(rows, i, 4),
                                                .created = store_time(rows, i, 5)};
    struct gl_admin_project_list_result result = {.projects = projects, .projects_count = count < limit ? count : limit};
    if ((result.has_next = count > limit))
        result.next = cursor_write(request, projects[limit - 1].name, &projects[limit - 1].project);
    request_reply(request, admin_project_list, &result);
}

void handle_admin_project_list(struct request *request)
{
    struct gl_admin_project_list_params params = {0};
    struct page_cursor cursor;
    if (!request_read(request, admin_project_list, &params) || !cursor_read(request, params.has_cursor, params.cursor, &cursor))
        return;
    const size_t limit = limit_of(params.has_limit, params.limit);
    request->user = (void *)(uintptr_t)limit;
    store_query(request->core->store, STORE_Q_all_projects, &request->account,
                (struct store_param[]){cursor.name.data ? P_TEXT(cursor.name) : P_NULL,
                                       cursor.name.data ? P_UUID(cursor.id) : P_NULL, P_U64(limit + 1)},
                3, on_projects, request);
}

/* ---- sessions */

enum { SESSION, PROJECT, PROJECT_NAME, DOCUMENT, TITLE, NAME, MODE, HEAD, LIVE, RETAINED_FROM, LAST_AT };

static struct gl_admin_session session_of(const struct store_rows *rows, size_t row)
{
    struct gl_admin_session it = {.session = store_uuid(rows, row, SESSION),
                                  .project = store_uuid(rows, row, PROJECT),
                                  .project_name = store_text(rows, row, PROJECT_NAME),
                                  .document = store_uuid(rows, row, DOCUMENT),
                                  .title = store_text(rows, row, TITLE),
                                  .name = store_text(rows, row, NAME),
                                  .mode = store_text(rows, row, MODE),
                                  .seq = store_u64(rows, row, HEAD),
                                  .annotations = store_u64(rows, row, LIVE),
                                  .retained_from = store_u64(rows, row, RETAINED_FROM)};
    if ((it.has_last = !store_is_null(rows, row, LAST_AT)))
        it.last = store_time(rows, row, LAST_AT);
    return it;
}

static void on_sessions(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct request *request = ctx;
    const size_t limit = (size_t)(uintptr_t)request->user;
    if (rows_failed(request, code, rows, NULL))
        return;
    const size_t count = store_rows_count(rows);
    struct gl_admin_session *sessions = gl_arena_alloc(&request->arena, (count + 1) * sizeof *sessions);
    for (size_t i = 0; i < count; i++)
        sessions[i] = session_of(rows, i);
    struct gl_admin_session_list_result result = {.sessions = sessions, .sessions_count = count < limit ? count : limit};
    if ((result.has_next = count > limit))
        result.next = cursor_write(request, GL_SLICE("s"), &sessions[limit - 1].session);
    request_reply(request, admin_session_list, &result);
}

void handle_admin_session_list(struct request *request)
{
    struct gl_admin_session_list_params params = {0};
    struct page_cursor cursor;
    if (!request_read(request, admin_session_list, &params) || !cursor_read(request, params.has_cursor, params.cursor, &cursor))
        return;
    const size_t limit = limit_of(params.has_limit, params.limit);
    request->user = (void *)(uintptr_t)limit;
    store_query(request->core->store, STORE_Q_all_sessions, &request->account,
                (struct store_param[]){params.has_project ? P_UUID(params.project) : P_NULL,
                                       cursor.name.data ? P_UUID(cursor.id) : P_NULL, P_U64(limit + 1)},
                3, on_sessions, request);
}

/* ---- one session, its columns behind those above */

enum {
    REVISION = LAST_AT + 1,
    SHA256,
    CODEPOINTS,
    MODE_SEQ,
    CHAIN,
    SUM,
    LOG_BYTES,
    SNAPSHOTS,
    ARCHIVE_BYTES,
    STATUS,
    DELETED,
    CREATORS,
    LEFT_OUT
};

static void take_hash(const struct store_rows *rows, size_t column, uint8_t hash[32])
{
    const struct gl_slice bytes = store_bytes(rows, 0, column);
    memcpy(hash, bytes.data, bytes.len < 32 ? bytes.len : 32);
}

static void on_session(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct request *request = ctx;
    if (rows_failed(request, code, rows, "session"))
        return;
    struct gl_admin_session_show_result result = {.session = session_of(rows, 0),
                                                  .revision = store_u64(rows, 0, REVISION),
                                                  .codepoints = store_u64(rows, 0, CODEPOINTS),
                                                  .mode_seq = store_u64(rows, 0, MODE_SEQ),
                                                  .has_status = !store_is_null(rows, 0, STATUS),
                                                  .deleted = store_u64(rows, 0, DELETED),
                                                  .has_creators = !store_is_null(rows, 0, CREATORS),
                                                  .left_out = store_u64(rows, 0, LEFT_OUT),
                                                  .log_bytes = store_u64(rows, 0, LOG_BYTES),
                                                  .snapshots = store_u64(rows, 0, SNAPSHOTS),
                                                  .archive_bytes = store_u64(rows, 0, ARCHIVE_BYTES)};
    take_hash(rows, SHA256, result.sha256);
    take_hash(rows, CHAIN, result.chain);
    take_hash(rows, SUM, result.state);
    if (result.has_status)
        result.status_raw = store_text(rows, 0, STATUS);
    if (result.has_creators)
        result.creators_raw = store_text(rows, 0, CREATORS);
    request_reply(request, admin_session_show, &result);
}

void handle_admin_session_show(struct request *request)
{
    struct gl_admin_session_show_params params = {0};
    if (request_read(request, admin_session_show, &params))
        store_query(request->core->store, STORE_Q_session_show, &request->account,
                    (struct store_param[]){P_UUID(params.session), P_U64(CREATORS_MAX)}, 2, on_session, request);
}

/* ---- settings: in memory, so the database is asked only whether who asks administrates still */

static void on_administers(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct request *request = ctx;
    const struct settings *settings = request->core->settings;
    if (administers_failed(request, code, rows))
        return;
    struct gl_admin_setting *told = gl_arena_alloc(&request->arena, SETTING_COUNT * sizeof *told);
    struct gl_admin_setting_list_result result = {.settings = told, .settings_count = settings ? SETTING_COUNT : 0};
    for (size_t i = 0; i < result.settings_count; i++) {
        const struct setting_told it = settings_tell(settings, (enum setting_id)i);
        told[i] = (struct gl_admin_setting){.name = gl_slice_str(it.name),
                                            .value = gl_slice_str(it.value),
                                            .origin = gl_slice_str(it.origin),
                                            .where = gl_slice_str(it.where),
                                            .has_reload = it.is_reloaded,
                                            .reload = it.is_reloaded};
    }
    request_reply(request, admin_setting_list, &result);
}

void handle_admin_setting_list(struct request *request)
{
    store_query(request->core->store, STORE_Q_administers, &request->account, NULL, 0, on_administers, request);
}

/* ---- audit */

enum { ENTRY, AT, ACCOUNT, ACCOUNT_NAME, ACTION, SUBJECT, SUBJECT_NAME, DETAIL, ADDRESS };

struct auditing {
    struct request *request;
    struct gl_admin_audit_list_params params;
    size_t limit;
    json_t *details; /* while the answer is written */
};

static json_t *detail_of(struct auditing *auditing, const struct store_rows *rows, size_t row)
{
    json_t *detail = NULL;
    struct gl_err err = {0};
    if (store_is_null(rows, row, DETAIL) || gl_json_load(store_text(rows, row, DETAIL), &detail, &err) != GL_OK)
        return NULL;
    json_array_append_new(auditing->details, detail);
    return detail;
}

static struct gl_admin_entry entry_of(struct auditing *auditing, const struct store_rows *rows, size_t row)
{
    struct gl_admin_entry it = {.entry = store_u64(rows, row, ENTRY),
                                .at = store_time(rows, row, AT),
                                .has_account = !store_is_null(rows, row, ACCOUNT),
                                .account = store_uuid(rows, row, ACCOUNT),
                                .has_name = !store_is_null(rows, row, ACCOUNT_NAME),
                                .name = store_text(rows, row, ACCOUNT_NAME),
                                .action = store_text(rows, row, ACTION),
                                .has_subject = !store_is_null(rows, row, SUBJECT),
                                .subject = store_uuid(rows, row, SUBJECT),
                                .has_subject_name = !store_is_null(rows, row, SUBJECT_NAME),
                                .subject_name = store_text(rows, row, SUBJECT_NAME),
                                .has_address = !store_is_null(rows, row, ADDRESS),
                                .address = store_text(rows, row, ADDRESS)};
    it.detail = detail_of(auditing, rows, row);
    it.has_detail = it.detail != NULL;
    return it;
}

static void on_entries(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct auditing *auditing = ctx;
    struct request *request = auditing->request;
    struct page_size size;
    size_t taken = 0;
    if (rows_failed(request, code, rows, NULL))
        return;
    const size_t count = store_rows_count(rows);
    struct gl_admin_entry *entries = gl_arena_alloc(&request->arena, (count + 1) * sizeof *entries);
    json_t *details = auditing->details = json_array();
    page_size_init(&size);
    for (; taken < count && taken < auditing->limit; taken++) {
        entries[taken] = entry_of(auditing, rows, taken);
        if (!page_takes(&size, gl_admin_entry, &entries[taken]))
            break;
    }
    page_size_fini(&size);
    struct gl_admin_audit_list_result result = {.entries = entries, .entries_count = taken};
    if ((result.has_next = count > taken))
        result.next = number_cursor_write(request, entries[taken - 1].entry);
    request_reply(request, admin_audit_list, &result);
    json_decref(details);
}

static void list_entries(struct request *request, const gl_uuid *account)
{
    struct auditing *auditing = request->user;
    const struct gl_admin_audit_list_params *params = &auditing->params;
    uint64_t below;
    (void)account;
    if (!number_cursor_read(request, params->has_cursor, params->cursor, &below))
        return;
    store_query(request->core->store, STORE_Q_audit_list, &request->account,
                (struct store_param[]){P_U64(below), P_U64(auditing->limit + 1),
                                       params->has_account ? P_TEXT(params->account) : P_NULL,
                                       params->has_action ? P_TEXT(params->action) : P_NULL},
                4, on_entries, auditing);
}

void handle_admin_audit_list(struct request *request)
{
    struct auditing *auditing = gl_arena_alloc(&request->arena, sizeof *auditing);
    auditing->request = request;
    if (!request_read(request, admin_audit_list, &auditing->params))
        return;
    auditing->limit = limit_of(auditing->params.has_limit, auditing->params.limit);
    request->user = auditing;
    if (auditing->params.has_account)
        administer_find(request, auditing->params.account, "account", list_entries);
    else
        list_entries(request, NULL);
}
