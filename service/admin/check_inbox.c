/*
 * check_inbox.c - what people were told, against what the ops of a session tell.
 *
 * The inbox has no index by stream (each append would pay for it), so one cursor goes through all of it in the order in which the streams are checked.
 * That somebody was not told is a problem only where it is certain that they belonged to the project by then: the two logs have no common order, but an op
 * names the codebook's version that it was judged under.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "service/admin/check_priv.h"
#include "service/admin/check_repair.h"
#include "service/base/mem.h"
#include "service/core/tell.h"

#define CERTAIN_MS 60000

/* Columns of check_inbox_fetch. */
enum { ITEM, STREAM, ACCOUNT, SEQ, ANNOTATION, WHY, BY, AT_TIME, NAME, IS_OF_PROJECT };

/* ---- what the ops tell */

struct telling {
    struct checking *checking;
    const struct gl_op *op;
    gl_uuid annotation;
};

static void take_tell(void *ctx, const char *why, const gl_uuid *account, struct gl_slice name)
{
    const struct telling *it = ctx;
    struct checking *checking = it->checking;
    checking->tells = mem_grow(checking->tells, &checking->tell_cap, checking->tell_count + 1, sizeof(*checking->tells));
    struct check_tell *tell = &checking->tells[checking->tell_count++];
    *tell = (struct check_tell){.seq = it->op->seq,
                                .codebook = it->op->codebook,
                                .annotation = it->annotation,
                                .by = it->op->account,
                                .why = why,
                                .at_ms = it->op->at_ms};
    if (account) {
        tell->account = *account;
    } else {
        tell->name = mem_copy(name.data, name.len);
    }
}

void check_tells(struct checking *checking, const struct gl_op *op, const struct gl_annotation *before,
                 const struct gl_annotation *after)
{
    struct telling it = {checking, op, after->id};
    const bool is_reply = after->target_kind == GL_TARGET_ANNOTATION;
    const struct gl_annotation *parent = is_reply ? gl_state_find(checking->state, &after->link.from) : NULL;
    tell_each(op->kind, &op->account, before, after, parent ? &parent->creator : NULL, take_tell, &it);
}

void check_inbox_fini(struct checking *checking)
{
    for (size_t i = 0; i < checking->tell_count; i++) {
        mem_free(&checking->tells[i].name);
    }
    mem_free(&checking->tells);
}

/* ---- the cursor */

enum gl_code check_inbox_begin(struct check_run *run, const gl_uuid *only, struct gl_err *err)
{
    struct store_param param = only ? P_UUID(*only) : P_NULL;
    run->inbox_is_over = false;
    return admin_db_query(run->db, STORE_Q_check_inbox_begin, &param, 1, NULL, err);
}

void check_inbox_end(struct check_run *run)
{
    admin_rows_free(&run->inbox);
    run->inbox_at = 0;
}

static enum gl_code fetch(struct check_run *run, struct gl_err *err)
{
    if (run->inbox_is_over || (run->inbox && run->inbox_at < store_rows_count(run->inbox))) {
        return GL_OK;
    }
    check_inbox_end(run);
    enum gl_code code = admin_db_query(run->db, STORE_Q_check_inbox_fetch, NULL, 0, &run->inbox, err);
    run->inbox_is_over = code != GL_OK || store_rows_count(run->inbox) == 0;
    return code;
}

/* ---- a row */

static size_t first_tell(const struct checking *checking, uint64_t seq)
{
    size_t low = 0, high = checking->tell_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (checking->tells[middle].seq < seq) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_meant(const struct check_tell *tell, const gl_uuid *account, struct gl_slice name)
{
    return tell->name ? gl_slice_is(name, tell->name) : gl_uuid_equal(&tell->account, account);
}

/* The first reason for this account, and all its others with it; NULL: it was not told, or is told a second time. */
static const struct check_tell *find_tell(struct checking *checking, uint64_t seq, const gl_uuid *account, struct gl_slice name)
{
    const struct check_tell *found = NULL;
    for (size_t i = first_tell(checking, seq); i < checking->tell_count && checking->tells[i].seq == seq; i++) {
        struct check_tell *tell = &checking->tells[i];
        if (!is_meant(tell, account, name)) {
            continue;
        }
        if (!found && tell->is_found) {
            return NULL;
        }
        found = found ? found : tell;
        tell->is_found = true;
    }
    return found;
}

static void check_row(struct checking *checking, const struct store_rows *rows, size_t i)
{
    const gl_uuid account = store_uuid(rows, i, ACCOUNT), annotation = store_uuid(rows, i, ANNOTATION),
                  by = store_uuid(rows, i, BY);
    const uint64_t seq = store_u64(rows, i, SEQ), item = store_u64(rows, i, ITEM);
    if (checking->was_unsure || store_is_null(rows, i, NAME)) {
        return; /* what it told cannot be said, or who: an account that is missing is a problem of its own */
    }
    const struct check_tell *tell = find_tell(checking, seq, &account, store_text(rows, i, NAME));
    if (!tell || gl_uuid_equal(&account, &tell->by)) {
        report_problem(&checking->report, CHECK_INBOX_UNKNOWN, ((struct check_place){seq, "account", &account}),
                       "the inbox has item %" PRIu64 " of seq %" PRIu64
                       ", which does not tell that account anything, or has told it already",
                       item, seq);
        repair_inbox(checking, REPAIR_INBOX_DELETE, item, &account, NULL);
    } else if (!gl_uuid_equal(&annotation, &tell->annotation) || !gl_uuid_equal(&by, &tell->by) ||
               !gl_slice_is(store_text(rows, i, WHY), tell->why) || store_time(rows, i, AT_TIME) != tell->at_ms ||
               !store_bool(rows, i, IS_OF_PROJECT)) {
        report_problem(&checking->report, CHECK_INBOX_COLUMNS, ((struct check_place){seq, "account", &account}),
                       "the inbox has item %" PRIu64 " of seq %" PRIu64 ", which does not say what the op tells", item, seq);
        repair_inbox(checking, REPAIR_INBOX_UPDATE, item, &account, tell);
    }
}

/* ---- who was not told */

static enum gl_code take_name(void *ctx, const struct store_rows *row, struct gl_err *err)
{
    json_t *names = ctx;
    char id[GL_UUID_TEXT + 1];
    gl_uuid account = store_uuid(row, 0, 0);
    struct gl_slice name = store_text(row, 0, 1);
    char *key = mem_copy(name.data, name.len);
    (void)err;
    gl_uuid_format(&account, id);
    json_object_set_new(names, key, json_string(id));
    mem_free(&key);
    return GL_OK;
}

/* Whether the account belonged to the project for certain when the op was appended. */
static bool is_certain(const struct check_run *run, const struct check_tell *tell, const gl_uuid *account)
{
    char id[GL_UUID_TEXT + 1];
    gl_uuid_format(account, id);
    const json_t *since = json_object_get(run->project.since, id);
    return json_is_array(since) && !gl_uuid_equal(account, &tell->by) && tell->at_ms > run->inbox_since_ms &&
           (tell->codebook > (uint64_t)json_integer_value(json_array_get(since, 0)) ||
            tell->at_ms > json_integer_value(json_array_get(since, 1)) + CERTAIN_MS);
}

static void check_tell_is_there(struct checking *checking, struct check_tell *tell, const json_t *names)
{
    const char *id = tell->name ? json_string_value(json_object_get(names, tell->name)) : NULL;
    gl_uuid account = tell->account;
    if (tell->is_found || (tell->name && (!id || !gl_uuid_parse(gl_slice_str(id), &account))) ||
        !is_certain(checking->run, tell, &account)) {
        return;
    }
    tell->is_found = true;
    report_problem(&checking->report, CHECK_INBOX_MISSING, ((struct check_place){tell->seq, "account", &account}),
                   "seq %" PRIu64 " tells somebody (%s), but the inbox does not have it", tell->seq, tell->why);
    repair_inbox(checking, REPAIR_INBOX_INSERT, 0, &account, tell);
}

static enum gl_code check_missing(struct checking *checking, struct gl_err *err)
{
    const struct project_mirror *project = &checking->run->project;
    struct store_param param = P_UUID(checking->project);
    if (checking->was_unsure || checking->tell_count == 0 || !project->is_whole ||
        !gl_uuid_equal(&project->project, &checking->project)) {
        return GL_OK;
    }
    json_t *names = json_object();
    enum gl_code code = admin_db_each(checking->db, STORE_Q_check_names, &param, 1, take_name, names, err);
    for (size_t i = 0; i < checking->tell_count && code == GL_OK; i++) {
        check_tell_is_there(checking, &checking->tells[i], names);
    }
    json_decref(names);
    return code;
}

enum gl_code check_inbox(struct checking *checking, struct gl_err *err)
{
    struct check_run *run = checking->run;
    enum gl_code code;
    checking->was_unsure |= !can_rebuild(checking);
    while ((code = fetch(run, err)) == GL_OK && !run->inbox_is_over) {
        gl_uuid stream = store_uuid(run->inbox, run->inbox_at, STREAM);
        if (!gl_uuid_equal(&stream, &checking->stream)) {
            break;
        }
        check_row(checking, run->inbox, run->inbox_at++);
    }
    return code == GL_OK ? check_missing(checking, err) : code;
}
