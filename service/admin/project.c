/* glossd project: projects and their members. What it changes it appends to the project's log, as the service does. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/model/text.h"
#include "service/admin/project.h"
#include "service/base/clock.h"
#include "service/base/random.h"
#include "service/store/genesis.h"

#define NAME_MAX_BYTES 256
#define TRIES_MAX      20
#define PAUSE_US       50000
#define PAYLOAD_MAX    4096

/* ---- add */

static int insert(struct admin_db *db, struct genesis *genesis, const gl_uuid *owner)
{
    struct gl_err err = {0};
    struct store_param account = P_UUID(*owner);
    enum gl_code code = admin_db_begin(db, &err);
    if (code == GL_OK) {
        code = admin_db_query(db, STORE_Q_admin_account_set, &account, 1, NULL, &err);
    }
    if (code == GL_OK) {
        code = admin_db_query(db, STORE_Q_project_create, genesis->params, GENESIS_PARAMS, NULL, &err);
    }
    if (code == GL_OK) {
        code = admin_db_commit(db, &err);
    }
    if (code == GL_OK) {
        return ADMIN_OK;
    }
    admin_db_rollback(db);
    if (code != GL_E_EXISTS) {
        return database_failed(&err);
    }
    admin_complain("that user belongs to a project of this name already; `glossd project list` shows it");
    return ADMIN_FAILED;
}

static int add(struct admin_db *db, int argc, char **argv, const void *given)
{
    const struct project_options *options = given;
    struct gl_slice name = gl_slice_str(argv[0]);
    gl_uuid owner, id = gl_uuid_v7((uint64_t)clock_unix_ms());
    (void)argc;
    if (!options->owner) {
        admin_complain("a project needs an owner: --owner USER");
        return ADMIN_USAGE;
    }
    if (name.len == 0 || name.len > NAME_MAX_BYTES || gl_utf8_check(name, NULL) != GL_OK) {
        admin_complain("that is no name for a project; take 1 to %d bytes of UTF-8", NAME_MAX_BYTES);
        return ADMIN_FAILED;
    }
    int exit_code = find_user(db, options->owner, &owner);
    if (exit_code != ADMIN_OK) {
        return exit_code;
    }
    struct genesis genesis;
    genesis_init(&genesis, &id, name, &owner, clock_unix_ms());
    exit_code = insert(db, &genesis, &owner);
    genesis_fini(&genesis);
    if (exit_code == ADMIN_OK && options->json) {
        print_json(json_pack("{s:o, s:s, s:s}", "project", json_id(&id), "name", argv[0], "owner", options->owner));
    } else if (exit_code == ADMIN_OK) {
        char text[GL_UUID_TEXT + 1];
        gl_uuid_format(&id, text);
        puts(text);
    }
    return exit_code;
}

/* ---- list */

static void print_project(const struct store_rows *rows, size_t row, bool json)
{
    gl_uuid id = store_uuid(rows, row, 0);
    char text[GL_UUID_TEXT + 1];
    gl_uuid_format(&id, text);
    if (json) {
        print_json(json_pack("{s:s, s:o, s:b, s:I, s:I, s:o}", "project", text, "name", json_text(store_text(rows, row, 1)),
                             "open", store_bool(rows, row, 2), "members", (json_int_t)store_u64(rows, row, 3), "documents",
                             (json_int_t)store_u64(rows, row, 4), "created", json_time(store_time(rows, row, 5))));
        return;
    }
    printf("%s  %llu members, %llu documents  ", text, (unsigned long long)store_u64(rows, row, 3),
           (unsigned long long)store_u64(rows, row, 4));
    print_text(store_text(rows, row, 1));
    putchar('\n');
}

static int list(struct admin_db *db, int argc, char **argv, const void *given)
{
    struct store_rows *rows;
    struct gl_err err = {0};
    (void)argc, (void)argv;
    if (admin_db_query(db, STORE_Q_admin_project_list, NULL, 0, &rows, &err) != GL_OK) {
        return database_failed(&err);
    }
    for (size_t i = 0; i < store_rows_count(rows); i++) {
        print_project(rows, i, ((const struct project_options *)given)->json);
    }
    admin_rows_free(&rows);
    return ADMIN_OK;
}

/* ---- member */

struct change {
    gl_uuid project, account;
    enum gl_role role; /* GL_NOBODY: none */
    bool is_needed;
    const char *refusal;
};

int find_project(struct admin_db *db, const char *name, gl_uuid *project)
{
    struct store_rows *rows;
    struct gl_err err = {0};
    struct store_param param = P_TEXT(gl_slice_str(name));
    if (admin_db_query(db, STORE_Q_admin_project_find, &param, 1, &rows, &err) != GL_OK) {
        return database_failed(&err);
    }
    size_t count = store_rows_count(rows);
    if (count == 1) {
        *project = store_uuid(rows, 0, 0);
    } else if (count == 0) {
        admin_complain("there is no project \"%s\"; `glossd project list` lists them", name);
    } else {
        admin_complain("several projects are called \"%s\"; name one by its id (`glossd project list`)", name);
    }
    admin_rows_free(&rows);
    return count == 1 ? ADMIN_OK : ADMIN_FAILED;
}

/* What the account is now, and whether the change may be made. */
static enum gl_code judge(struct admin_db *db, struct change *change, uint64_t owners, struct gl_err *err)
{
    struct store_rows *rows;
    struct store_param params[] = {P_UUID(change->project), P_UUID(change->account)};
    enum gl_code code = admin_db_query(db, STORE_Q_admin_member_role, params, 2, &rows, err);
    if (code != GL_OK) {
        return code;
    }
    enum gl_role now = GL_NOBODY;
    if (store_rows_count(rows) > 0 && !gl_role_parse(store_text(rows, 0, 0), &now)) {
        now = GL_NOBODY;
    }
    admin_rows_free(&rows);
    change->is_needed = now != change->role;
    change->refusal = change->is_needed && now == GL_OWNER && owners <= 1
                          ? "a project keeps at least one owner; make somebody else owner first"
                          : NULL;
    return GL_OK;
}

/* The operator is no account: ops of glossd carry the nil id. */
static enum gl_code append(struct admin_db *db, const struct change *change, const struct store_rows *head, struct gl_err *err)
{
    struct append_member member = {change->account, change->role};
    struct append_op op = {
        .id = gl_uuid_v7((uint64_t)clock_unix_ms()), .seq = store_u64(head, 0, 0) + 1, .kind = GL_OP_MEMBER_SET};
    json_t *it = json_pack("{s:s, s:o, s:o}", "kind", gl_op_kind_name(op.kind), "account", json_id(&change->account), "role",
                           change->role == GL_NOBODY ? json_null() : json_string(gl_role_name(change->role)));
    struct gl_buf payload;
    gl_buf_init(&payload, PAYLOAD_MAX);
    project_op_write(&payload, op.kind, &op.id, &op.account, op.seq, store_time(head, 0, 4), store_u64(head, 0, 3), it);
    op.payload = gl_buf_peek(&payload);
    op.request_hash = gl_op_request_hash(&op.account, NULL, it);
    random_bytes(op.salt, sizeof(op.salt));
    gl_hash before, leaf = gl_leaf(op.salt, op.payload);
    memcpy(before.bytes, store_bytes(head, 0, 1).data, sizeof(before.bytes));
    op.chain = gl_chain_next(&before, &leaf);
    struct append_stream stream = {.stream = change->project,
                                   .project = change->project,
                                   .epoch = store_u64(head, 0, 2),
                                   .expected_head = store_u64(head, 0, 0),
                                   .expected_chain = before,
                                   .chain = op.chain,
                                   .ops = &op,
                                   .op_count = 1,
                                   .member = &member,
                                   .set_open = -1};
    enum gl_code code = admin_db_append(db, &stream, err);
    gl_buf_fini(&payload);
    json_decref(it);
    return code;
}

static enum gl_code try_change(struct admin_db *db, struct change *change, struct gl_err *err)
{
    struct store_rows *head = NULL;
    struct store_param project = P_UUID(change->project);
    enum gl_code code = admin_db_begin(db, err);
    if (code == GL_OK) {
        code = admin_db_query(db, STORE_Q_admin_project_head, &project, 1, &head, err);
    }
    if (code == GL_OK) {
        code = judge(db, change, store_u64(head, 0, 5), err);
    }
    if (code == GL_OK && change->is_needed && !change->refusal) {
        code = append(db, change, head, err);
    }
    if (code == GL_OK) {
        code = admin_db_commit(db, err);
    } else {
        admin_db_rollback(db);
    }
    admin_rows_free(&head);
    return code;
}

static int make(struct admin_db *db, struct change *change)
{
    struct gl_err err = {0};
    enum gl_code code = GL_E_BUSY;
    for (int tries = 0; tries < TRIES_MAX && code == GL_E_BUSY; tries++) {
        usleep(tries > 0 ? PAUSE_US : 0);
        code = try_change(db, change, &err);
    }
    if (code != GL_OK) {
        return database_failed(&err);
    }
    if (change->refusal) {
        admin_complain("%s", change->refusal);
        return ADMIN_FAILED;
    }
    return ADMIN_OK;
}

int give_project(struct admin_db *db, const gl_uuid *project, const gl_uuid *account)
{
    return make(db, &(struct change){.project = *project, .account = *account, .role = GL_OWNER});
}

static int member(struct admin_db *db, int argc, char **argv, const void *given)
{
    struct change change = {.role = GL_NOBODY};
    (void)argc;
    if (strcmp(argv[2], "none") != 0 && !gl_role_parse(gl_slice_str(argv[2]), &change.role)) {
        admin_complain("\"%s\" is no role; there are viewer, annotator, curator, owner, and none", argv[2]);
        return ADMIN_USAGE;
    }
    int exit_code = find_project(db, argv[0], &change.project);
    if (exit_code == ADMIN_OK) {
        exit_code = find_user(db, argv[1], &change.account);
    }
    if (exit_code == ADMIN_OK && change.role == GL_NOBODY &&
        !confirmed(((const struct project_options *)given)->yes, "\"%s\" belongs to the project no longer", argv[1])) {
        exit_code = ADMIN_USAGE;
    }
    if (exit_code == ADMIN_OK) {
        exit_code = make(db, &change);
    }
    if (exit_code != ADMIN_OK) {
        return exit_code;
    }
    if (((const struct project_options *)given)->json) {
        print_json(json_pack("{s:o, s:o, s:s, s:b}", "project", json_id(&change.project), "account", json_id(&change.account),
                             "role", argv[2], "changed", change.is_needed));
    } else {
        print_text(gl_slice_str(argv[1]));
        printf("%s %s\n", change.is_needed ? ": now" : ": already", argv[2]);
    }
    return ADMIN_OK;
}

static const struct subverb subverbs[] = {{"add", add, 1, 1},
                                          {"list", list, 0, 0},
                                          {"member", member, 3, 3},
                                          {"export", project_export, 2, 2},
                                          {"import", project_import, 1, 1},
                                          {0}};

static int run(struct settings *settings, int argc, char **argv)
{
    struct project_options it = {.json = false};
    const struct admin_option options[] = {{"json", NULL, &it.json}, {"owner", &it.owner, NULL}, {"yes", NULL, &it.yes}, {0}};
    if (!admin_options(&admin_project, options, &argc, argv)) {
        return ADMIN_USAGE;
    }
    return run_subverb(&admin_project, subverbs, settings, argc, argv, &it);
}

const struct admin_verb admin_project = {
    .name = "project",
    .usage =
        "add NAME --owner USER | list | member PROJECT USER viewer|annotator|curator|owner|none [--yes] | export PROJECT FILE|- | import FILE|- [--owner USER] [--json]",
    .help = "make and list projects, set who belongs to them, take them to another server",
    .run = run,
};
