/* glossd session: what sessions there are and how large they are; closing, opening and archiving one. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "proto/gl_json.h"
#include "service/admin/database.h"
#include "service/helper/retention.h"
#include "service/store/operator_op.h"

enum { ID, PROJECT, TITLE, NAME, MODE, OPS, ANNOTATIONS, RETAINED_FROM, LAST_AT, BYTES };

#define PAUSE_US 50000

struct session_options {
    bool json;
};

static void print_session(const struct store_rows *rows, size_t row, bool json)
{
    gl_uuid id = store_uuid(rows, row, ID);
    char text[GL_UUID_TEXT + 1];
    if (json) {
        print_json(json_pack("{s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:o*, s:I}", "session", json_id(&id), "project",
                             json_text(store_text(rows, row, PROJECT)), "title", json_text(store_text(rows, row, TITLE)), "name",
                             json_text(store_text(rows, row, NAME)), "mode", json_text(store_text(rows, row, MODE)), "ops",
                             (json_int_t)store_u64(rows, row, OPS), "annotations", (json_int_t)store_u64(rows, row, ANNOTATIONS),
                             "retained_from", (json_int_t)store_u64(rows, row, RETAINED_FROM), "last",
                             store_is_null(rows, row, LAST_AT) ? NULL : json_time(store_time(rows, row, LAST_AT)), "bytes",
                             (json_int_t)store_u64(rows, row, BYTES)));
        return;
    }
    gl_uuid_format(&id, text);
    printf("%s  ", text);
    print_text(store_text(rows, row, MODE));
    printf("  %" PRIu64 " ops (%" PRIu64 " bytes), %" PRIu64 " annotations  ", store_u64(rows, row, OPS),
           store_u64(rows, row, BYTES), store_u64(rows, row, ANNOTATIONS));
    print_text(store_text(rows, row, PROJECT));
    fputs(": ", stdout);
    print_text(store_text(rows, row, TITLE));
    putchar('\n');
}

static int list(struct admin_db *db, int argc, char **argv, const void *given)
{
    struct store_rows *rows;
    struct gl_err err = {0};
    const struct store_param param = argc ? P_TEXT(gl_slice_str(argv[0])) : P_NULL;
    if (admin_db_query(db, STORE_Q_admin_sessions, &param, 1, &rows, &err) != GL_OK)
        return database_failed(&err);
    const size_t count = store_rows_count(rows);
    for (size_t i = 0; i < count; i++)
        print_session(rows, i, ((const struct session_options *)given)->json);
    admin_rows_free(&rows);
    if (count > 0 || argc == 0)
        return ADMIN_OK;
    admin_complain("there is no project, document or session \"%s\" with a session in it; `glossd project list` lists projects",
                   argv[0]);
    return ADMIN_FAILED;
}

static int find_session(const char *text, gl_uuid *session)
{
    if (gl_uuid_parse(gl_slice_str(text), session))
        return ADMIN_OK;
    admin_complain("\"%s\" is no id of a session; `glossd session list` shows them", text);
    return ADMIN_FAILED;
}

static int not_there(const char *text)
{
    admin_complain("there is no session %s; `glossd session list` shows them", text);
    return ADMIN_FAILED;
}

/* ---- show */

enum {
    SHOW_SESSION,
    SHOW_PROJECT,
    SHOW_PROJECT_NAME,
    SHOW_DOCUMENT,
    SHOW_TITLE,
    SHOW_NAME,
    SHOW_MODE,
    SHOW_OPS,
    SHOW_ANNOTATIONS,
    SHOW_RETAINED_FROM,
    SHOW_LAST_AT,
    SHOW_REVISION,
    SHOW_SHA256,
    SHOW_CODEPOINTS,
    SHOW_MODE_SEQ,
    SHOW_CHAIN,
    SHOW_SUM,
    SHOW_BYTES,
    SHOW_SNAPSHOTS,
    SHOW_ARCHIVE_BYTES,
    SHOW_STATUS,
    SHOW_DELETED,
    SHOW_AUTHORS
};

static json_t *hex(struct gl_slice bytes)
{
    char text[65] = "";
    for (size_t i = 0; i < bytes.len && i < 32; i++)
        snprintf(text + 2 * i, 3, "%02x", (unsigned char)bytes.data[i]);
    return json_string(text);
}

/* JSON that the database made; NULL when there is none. */
static json_t *made(const struct store_rows *rows, size_t column)
{
    json_t *value = NULL;
    struct gl_err err = {0};
    if (store_is_null(rows, 0, column) || gl_json_load(store_text(rows, 0, column), &value, &err) != GL_OK)
        return NULL;
    return value;
}

static json_t *number(const struct store_rows *rows, size_t column)
{
    return json_integer((json_int_t)store_u64(rows, 0, column));
}

static json_t *tell(const gl_uuid *session, const struct store_rows *rows)
{
    const gl_uuid project = store_uuid(rows, 0, SHOW_PROJECT), document = store_uuid(rows, 0, SHOW_DOCUMENT);
    json_t *it = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "session", json_id(session), "name",
                           json_text(store_text(rows, 0, SHOW_NAME)), "project",
                           json_text(store_text(rows, 0, SHOW_PROJECT_NAME)), "project_id", json_id(&project), "title",
                           json_text(store_text(rows, 0, SHOW_TITLE)), "document", json_id(&document));
    json_object_set_new(it, "revision", number(rows, SHOW_REVISION));
    json_object_set_new(it, "sha256", hex(store_bytes(rows, 0, SHOW_SHA256)));
    json_object_set_new(it, "codepoints", number(rows, SHOW_CODEPOINTS));
    json_object_set_new(it, "mode", json_text(store_text(rows, 0, SHOW_MODE)));
    json_object_set_new(it, "mode_seq", number(rows, SHOW_MODE_SEQ));
    json_object_set_new(it, "ops", number(rows, SHOW_OPS));
    json_object_set_new(it, "chain", hex(store_bytes(rows, 0, SHOW_CHAIN)));
    json_object_set_new(it, "state", hex(store_bytes(rows, 0, SHOW_SUM)));
    json_object_set_new(it, "annotations", number(rows, SHOW_ANNOTATIONS));
    json_object_set_new(it, "status", made(rows, SHOW_STATUS));
    json_object_set_new(it, "deleted", number(rows, SHOW_DELETED));
    json_object_set_new(it, "authors", made(rows, SHOW_AUTHORS));
    if (!store_is_null(rows, 0, SHOW_LAST_AT))
        json_object_set_new(it, "last", json_time(store_time(rows, 0, SHOW_LAST_AT)));
    json_object_set_new(it, "bytes", number(rows, SHOW_BYTES));
    json_object_set_new(it, "retained_from", number(rows, SHOW_RETAINED_FROM));
    json_object_set_new(it, "snapshots", number(rows, SHOW_SNAPSHOTS));
    json_object_set_new(it, "archive_bytes", number(rows, SHOW_ARCHIVE_BYTES));
    return it;
}

static void print_value(const json_t *value)
{
    const char *name, *between = "";
    json_t *part;
    size_t i;
    if (json_is_string(value))
        print_text(gl_slice_str(json_string_value(value)));
    else if (json_is_integer(value))
        printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    json_array_foreach((json_t *)(uintptr_t)value, i, part)
    {
        fputs(i ? ", " : "", stdout);
        print_value(part);
    }
    json_object_foreach((json_t *)(uintptr_t)value, name, part)
    {
        printf("%s%s ", between, name);
        print_value(part);
        between = ", ";
    }
}

static int show(struct admin_db *db, int argc, char **argv, const void *given)
{
    gl_uuid session;
    struct store_rows *rows;
    struct gl_err err = {0};
    const char *name;
    json_t *value;
    (void)argc;
    int code = find_session(argv[0], &session);
    if (code != ADMIN_OK)
        return code;
    const struct store_param params[] = {P_UUID(session), P_NULL};
    if (admin_db_query(db, STORE_Q_session_show, params, 2, &rows, &err) != GL_OK)
        return database_failed(&err);
    json_t *it = store_rows_count(rows) > 0 ? tell(&session, rows) : NULL;
    admin_rows_free(&rows);
    if (!it)
        return not_there(argv[0]);
    if (((const struct session_options *)given)->json) {
        print_json(it);
        return ADMIN_OK;
    }
    json_object_foreach(it, name, value)
    {
        printf("%-14s ", name);
        print_value(value);
        putchar('\n');
    }
    json_decref(it);
    return ADMIN_OK;
}

/* ---- close, open */

/* GL_E_NOT_FOUND, GL_E_BUSY: the stream moved meanwhile. *seq 0: it was so already. */
static enum gl_code try_mode(struct admin_db *db, const gl_uuid *session, struct gl_slice mode, uint64_t *seq, struct gl_err *err)
{
    struct store_rows *head, *rows;
    struct operator_op op;
    const struct store_param params[] = {P_UUID(*session), P_NULL};
    *seq = 0;
    enum gl_code code = admin_db_query(db, STORE_Q_operator_head, params, 2, &head, err);
    if (code != GL_OK)
        return code;
    if (store_rows_count(head) == 0 || !store_bool(head, 0, OPERATOR_IS_SESSION)) {
        admin_rows_free(&head);
        return GL_E_NOT_FOUND;
    }
    const bool is_so = gl_slice_equal(store_text(head, 0, OPERATOR_MODE), mode);
    if (!is_so) {
        operator_op_mode(&op, session, head, mode, (struct gl_slice){0});
        code = admin_db_query(db, STORE_Q_operator_append, op.params, OPERATOR_OP_PARAMS, &rows, err);
        if (code == GL_OK) {
            *seq = op.op.seq;
            code =
                store_bool(rows, 0, 0) ? GL_OK : gl_fail(err, GL_E_BUSY, "others write to this session all the time; try again");
            admin_rows_free(&rows);
        }
        operator_op_fini(&op);
    }
    admin_rows_free(&head);
    return code;
}

static int set_mode(struct admin_db *db, const char *text, const gl_uuid *session, const char *mode, uint64_t *seq)
{
    struct gl_err err = {0};
    enum gl_code code = GL_E_BUSY;
    for (int tries = 0; tries < OPERATOR_TRIES_MAX && code == GL_E_BUSY; tries++) {
        usleep(tries > 0 ? PAUSE_US : 0);
        code = try_mode(db, session, gl_slice_str(mode), seq, &err);
    }
    return code == GL_OK ? ADMIN_OK : code == GL_E_NOT_FOUND ? not_there(text) : database_failed(&err);
}

static int change_mode(struct admin_db *db, const char *text, const char *mode, const struct session_options *options)
{
    gl_uuid session;
    uint64_t seq;
    int code = find_session(text, &session);
    if (code == ADMIN_OK)
        code = set_mode(db, text, &session, mode, &seq);
    if (code != ADMIN_OK)
        return code;
    if (options->json)
        print_json(json_pack("{s:o, s:s, s:o*}", "session", json_id(&session), "mode", mode, "seq",
                             seq ? json_integer((json_int_t)seq) : NULL));
    else
        printf("%s %s\n", seq ? "now" : "already", mode);
    return ADMIN_OK;
}

static int close_session(struct admin_db *db, int argc, char **argv, const void *given)
{
    (void)argc;
    return change_mode(db, argv[0], "closed", given);
}

static int open_session(struct admin_db *db, int argc, char **argv, const void *given)
{
    (void)argc;
    return change_mode(db, argv[0], "shared", given);
}

/* ---- archive: closed, and every op of it in the archive. It can be read as before, and opened again. */

static int archive(struct admin_db *db, int argc, char **argv, const void *given)
{
    const struct session_options *options = given;
    const struct retention_limits limits = {.keep_ops = 0, .keep_days = 0, .snapshot_ops = 1};
    struct retention_done done = {0};
    struct gl_err err = {0};
    gl_uuid session;
    uint64_t seq;
    (void)argc;
    int code = find_session(argv[0], &session);
    if (code == ADMIN_OK)
        code = set_mode(db, argv[0], &session, "closed", &seq);
    if (code != ADMIN_OK)
        return code;
    if (retention_run(db, &session, &limits, UINT64_MAX, &done, &err) != GL_OK)
        return database_failed(&err);
    if (options->json)
        print_json(
            json_pack("{s:o, s:s, s:I}", "session", json_id(&session), "mode", "closed", "archived", (json_int_t)done.moved));
    else
        printf("closed; %" PRIu64 " ops went into the archive\n", done.moved);
    return ADMIN_OK;
}

static const struct subverb subverbs[] = {{"list", list, 0, 1},           {"show", show, 1, 1},
                                          {"close", close_session, 1, 1}, {"open", open_session, 1, 1},
                                          {"archive", archive, 1, 1},     {0}};

static int run(struct settings *settings, int argc, char **argv)
{
    struct session_options it = {0};
    const struct admin_option options[] = {{"json", NULL, &it.json}, {0}};
    if (!admin_options(&admin_session, options, &argc, argv))
        return ADMIN_USAGE;
    return run_subverb(&admin_session, subverbs, settings, argc, argv, &it);
}

const struct admin_verb admin_session = {
    .name = "session",
    .usage = "list [PROJECT | DOCUMENT | SESSION] | show SESSION | close SESSION | open SESSION | archive SESSION [--json]",
    .help =
        "list sessions; tell of one what is in it; close it, open it again; archive: close it and put all its ops into the archive",
    .run = run,
};
