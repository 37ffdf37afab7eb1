/* glossd retention: what is archived of each session; with --now, what the settings ask for is done at once, here. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "service/admin/database.h"
#include "service/base/mem.h"
#include "service/helper/retention.h"

struct telling {
    bool json;
    size_t count, failed;
    gl_uuid *ids; /* of the sessions, when they are wanted for --now */
    size_t id_count, id_cap;
    bool only_ids;
};

static enum gl_code tell(void *ctx, const struct store_rows *row, struct gl_err *err)
{
    struct telling *telling = ctx;
    gl_uuid id = store_uuid(row, 0, 0);
    char stream[GL_UUID_TEXT + 1];
    uint64_t head = store_u64(row, 0, 1), from = store_u64(row, 0, 2), archived = store_u64(row, 0, 3);
    (void)err;
    telling->count++;
    gl_uuid_format(&id, stream);
    if (telling->only_ids) {
        telling->ids = mem_grow(telling->ids, &telling->id_cap, telling->id_count + 1, sizeof(*telling->ids));
        telling->ids[telling->id_count++] = id;
    } else if (telling->json) {
        json_t *it = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "stream", stream, "seq", (json_int_t)head,
                               "retained_from", (json_int_t)from, "archived", (json_int_t)archived, "archive_bytes",
                               (json_int_t)store_u64(row, 0, 4), "snapshots", (json_int_t)store_u64(row, 0, 5), "snapshot",
                               (json_int_t)store_u64(row, 0, 6), "snapshot_bytes", (json_int_t)store_u64(row, 0, 7));
        if (!store_is_null(row, 0, 8)) {
            json_object_set_new(it, "failure", json_text(store_text(row, 0, 8)));
        }
        print_json(it);
    } else {
        printf("%s  seq %" PRIu64 ", log from %" PRIu64 ", %" PRIu64 " archived (%" PRIu64 " bytes), newest snapshot %" PRIu64
               " of %" PRIu64 " (%" PRIu64 " bytes)\n",
               stream, head, from, archived, store_u64(row, 0, 4), store_u64(row, 0, 6), store_u64(row, 0, 5),
               store_u64(row, 0, 7));
        if (!store_is_null(row, 0, 8)) {
            fputs("    the last attempt failed: ", stdout);
            print_text(store_text(row, 0, 8));
            putchar('\n');
        }
    }
    return GL_OK;
}

static enum gl_code each_session(struct admin_db *db, const gl_uuid *only, struct telling *telling, struct gl_err *err)
{
    const struct store_param param = only ? P_UUID(*only) : P_NULL;
    size_t before = telling->count;
    enum gl_code code = admin_db_each(db, STORE_Q_retention_streams, &param, 1, tell, telling, err);
    if (code == GL_OK && only && telling->count == before) {
        char id[GL_UUID_TEXT + 1];
        gl_uuid_format(only, id);
        admin_complain("there is no session %s", id);
        telling->failed++;
    }
    return code;
}

/* One that cannot be archived is said, and keeps no other from it. */
static void archive(struct admin_db *db, const gl_uuid *session, const struct retention_limits *limits, struct telling *telling)
{
    struct retention_done done;
    struct gl_err err = {0};
    char id[GL_UUID_TEXT + 1];
    gl_uuid_format(session, id);
    if (retention_run(db, session, limits, UINT64_MAX, &done, &err) != GL_OK) {
        admin_complain("%s: %s", id, err.detail);
        telling->failed++;
    }
}

static enum gl_code archive_all(struct admin_db *db, struct telling *telling, const struct retention_limits *limits,
                                const gl_uuid *only, size_t only_count, struct gl_err *err)
{
    enum gl_code code = GL_OK;
    telling->only_ids = true;
    for (size_t i = 0; i < (only_count ? only_count : 1) && code == GL_OK; i++) {
        code = each_session(db, only_count ? &only[i] : NULL, telling, err);
    }
    telling->only_ids = false;
    for (size_t i = 0; i < telling->id_count && code == GL_OK; i++) {
        archive(db, &telling->ids[i], limits, telling);
    }
    for (size_t i = 0; i < telling->id_count && code == GL_OK; i++) {
        code = each_session(db, &telling->ids[i], telling, err);
    }
    mem_free(&telling->ids);
    return code;
}

static bool take_keep(const char *text, struct retention_limits *limits)
{
    char *end;
    if (!text) {
        return true;
    }
    unsigned long long value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || value > INT64_MAX / 2) {
        return false;
    }
    limits->keep_ops = value;
    limits->keep_days = 0;
    if (value == 0) {
        limits->snapshot_ops = 1; /* of where it stands now, whatever came before */
    }
    return true;
}

static int run_with(struct settings *settings, struct telling *telling, bool now, const struct retention_limits *limits,
                    const gl_uuid *only, size_t only_count)
{
    struct admin_db *db;
    struct gl_err err = {0};
    int exit_code = database_open(settings, &db);
    if (exit_code != ADMIN_OK) {
        return exit_code;
    }
    enum gl_code code = GL_OK;
    if (now) {
        code = archive_all(db, telling, limits, only, only_count, &err);
    }
    for (size_t i = 0; !now && i < (only_count ? only_count : 1) && code == GL_OK; i++) {
        code = each_session(db, only_count ? &only[i] : NULL, telling, &err);
    }
    admin_db_close(&db);
    return code != GL_OK ? database_failed(&err) : telling->failed > 0 ? ADMIN_FAILED : ADMIN_OK;
}

static int run(struct settings *settings, int argc, char **argv)
{
    const char *keep = NULL;
    bool now = false;
    struct telling telling = {0};
    struct retention_limits limits = retention_limits(settings);
    const struct admin_option options[] = {{"json", NULL, &telling.json}, {"now", NULL, &now}, {"keep", &keep, NULL}, {0}};
    if (!admin_options(&admin_retention, options, &argc, argv)) {
        return ADMIN_USAGE;
    }
    if (!take_keep(keep, &limits)) {
        return admin_usage(&admin_retention, "--keep takes a number of ops, not \"%s\"", keep);
    }
    if (keep && !now) {
        return admin_usage(&admin_retention, "--keep belongs to --now");
    }
    if (now && !keep && limits.keep_ops == 0) {
        admin_complain("the setting retention_ops is 0: everything is kept; set it, or say --keep OPS");
        return ADMIN_FAILED;
    }
    gl_uuid *only = mem_array((size_t)argc + 1, sizeof(*only));
    int exit_code = ADMIN_OK;
    for (int i = 0; i < argc && exit_code == ADMIN_OK; i++) {
        if (!gl_uuid_parse(gl_slice_str(argv[i]), &only[i])) {
            exit_code = admin_usage(&admin_retention, "\"%s\" is no id of a session", argv[i]);
        }
    }
    if (exit_code == ADMIN_OK) {
        exit_code = run_with(settings, &telling, now, &limits, only, (size_t)argc);
    }
    mem_free(&only);
    return exit_code;
}

const struct admin_verb admin_retention = {
    .name = "retention",
    .usage = "[SESSION …] [--now [--keep OPS]] [--json]",
    .help = "tell what is archived of each session; --now: archive what the settings ask for",
    .run = run,
};
