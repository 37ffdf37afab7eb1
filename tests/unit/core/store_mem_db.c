/* store_mem_db.c - one project, its document and sessions, kept in memory; what a test sees and changes of it beside every store. */
#include "tests/unit/core/store_mem_priv.h"

#include <check.h>

#include "service/auth/token.h"
#include "service/base/mem.h"

gl_uuid db_fixed_id(const char *name)
{
    return gl_uuid_derive("test", name, strlen(name));
}

struct db *db_new(const char *text)
{
    struct db *db = mem_alloc(sizeof *db);
    gl_hash sha256 = gl_sha256(text, strlen(text));
    db->text = mem_copy(text, strlen(text));
    db->codepoints = gl_utf8_count(gl_slice_str(text));
    memcpy(db->sha256, sha256.bytes, 32);
    db->session.id = db_fixed_id("session");
    db->codebook_terms = gl_codebook_new();
    db->project.id = db_fixed_id("project");
    db->document = db_fixed_id("document");
    db->revision = db_fixed_id("revision");
    db->session.chain = db->session.chain_start = gl_chain_start(&db->session.id, db->sha256);
    for (int i = 0; i < OTHER_SESSIONS; i++) {
        db->others[i].id = gl_uuid_derive("session", &i, sizeof i);
        db->others[i].chain = db->others[i].chain_start = gl_chain_start(&db->others[i].id, db->sha256);
    }
    db->project.chain = db->project.chain_start = gl_chain_start(&db->project.id, NULL);
    db->epoch = 1;
    db->is_open = true;
    strcpy(db->mode, "shared");
    return db;
}

static void log_fini(struct log *log)
{
    for (uint64_t i = 0; i < log->head; i++)
        mem_free(&log->ops[i].payload);
    mem_free(&log->ops);
}

void db_free(struct db **db)
{
    for (size_t i = 0; i < (*db)->record_count; i++)
        gl_annotation_unref(&(*db)->records[i]);
    gl_codebook_free(&(*db)->codebook_terms);
    log_fini(&(*db)->session);
    log_fini(&(*db)->project);
    for (int i = 0; i < OTHER_SESSIONS; i++)
        log_fini(&(*db)->others[i]);
    mem_free(&(*db)->text);
    mem_free(db);
}

void db_give_token(struct db *db, const char *secret, const gl_uuid *account, const char *name, bool is_disabled)
{
    ck_assert_uint_lt(db->token_count, sizeof db->tokens / sizeof *db->tokens);
    struct token_row *token = &db->tokens[db->token_count++];
    *token = (struct token_row){.account = *account, .name = name, .is_disabled = is_disabled};
    token_digest(gl_slice_str(secret), token->digest);
}

const gl_uuid *db_session(const struct db *db)
{
    return &db->session.id;
}
const gl_uuid *db_other_session(const struct db *db, size_t n)
{
    return &db->others[n].id;
}
uint64_t db_project_head(const struct db *db)
{
    return db->project.head;
}
const gl_uuid *db_project(const struct db *db)
{
    return &db->project.id;
}
uint64_t db_head(const struct db *db)
{
    return db->session.head;
}
void db_flip_sum(struct db *db)
{
    db->session.sum.bytes[0] ^= 1;
}
size_t db_label_count(const struct db *db)
{
    return gl_codebook_count(db->codebook_terms, GL_TERM_LABEL);
}

void db_set_role(struct db *db, const gl_uuid *account, enum gl_role role)
{
    db->epoch++;
    for (size_t i = 0; i < db->role_count; i++) {
        if (gl_uuid_equal(&db->roles[i].account, account)) {
            db->roles[i].role = role;
            return;
        }
    }
    db->roles[db->role_count++] = (struct role){*account, role};
}

void db_set_open(struct db *db, bool is_open)
{
    db->is_open = is_open;
    db->epoch++;
}

void db_say_live(struct db *db, uint64_t live)
{
    db->live = live;
}

void db_set_quota(struct db *db, const gl_uuid *account, const gl_uuid *project, const char *what, uint64_t most)
{
    struct quota_row row = {.is_of_account = account != NULL, .what = what, .most = most};
    row.account = account ? *account : row.account;
    row.project = project ? *project : row.project;
    db->quotas[db->quota_count++] = row; /* its number is how many there are */
}

void db_disable(struct db *db, const gl_uuid *account)
{
    db->disabled = *account;
}

enum gl_role db_role_of(const struct db *db, const gl_uuid *account)
{
    for (size_t i = 0; i < db->role_count; i++)
        if (gl_uuid_equal(&db->roles[i].account, account))
            return db->roles[i].role;
    return GL_NOBODY;
}

size_t db_count_op(const struct db *db, const gl_uuid *op)
{
    size_t count = 0;
    for (uint64_t i = 0; i < db->session.head; i++)
        count += gl_uuid_equal(&db->session.ops[i].id, op);
    return count;
}

struct gl_state *db_replay(const struct db *db)
{
    struct gl_state *state = gl_state_new(&db->session.id, db->sha256);
    for (uint64_t i = 0; i < db->session.head; i++) {
        const struct logged *op = &db->session.ops[i];
        struct gl_err err = {0};
        struct gl_buf salt;
        json_t *payload = NULL;
        ck_assert_int_eq(gl_json_load(gl_slice_of(op->payload, op->payload_len), &payload, &err), GL_OK);
        gl_buf_init(&salt, 64);
        gl_buf_hex(&salt, op->salt, sizeof op->salt);
        json_t *logged = json_pack("{s:o, s:s%}", "payload", payload, "salt", salt.data, salt.len);
        ck_assert_msg(gl_state_append(state, logged, &err) == GL_OK, "%s", err.detail);
        ck_assert(gl_hash_equal(&state->chain, &op->chain));
        json_decref(logged);
        gl_buf_fini(&salt);
    }
    ck_assert(gl_hash_equal(&state->sum, &db->session.sum));
    return state;
}

struct log *db_log_of(struct db *db, const gl_uuid *id)
{
    for (int i = 0; i < OTHER_SESSIONS; i++)
        if (gl_uuid_equal(id, &db->others[i].id))
            return &db->others[i];
    return gl_uuid_equal(id, &db->session.id) ? &db->session : &db->project;
}

const struct logged *db_find_op(const struct log *log, const gl_uuid *id)
{
    for (uint64_t i = 0; i < log->head; i++)
        if (gl_uuid_equal(&log->ops[i].id, id))
            return &log->ops[i];
    return NULL;
}

void db_put_label(struct db *db, const char *id, const char *name)
{
    json_t *record =
        json_pack("{s:s, s:s, s:s, s:s, s:i, s:i}", "by", id, "id", id, "kind", "label", "name", name, "created", 1, "seq", 1);
    ck_assert_int_eq(gl_codebook_put(db->codebook_terms, record, NULL), GL_OK);
    json_decref(record);
    db->epoch++;
}
