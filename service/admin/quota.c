/* glossd quota: what one account or one project may use, where that is not what the settings say for all. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/gl_json.h"
#include "proto/gl_size.h"
#include "service/admin/database.h"
#include "service/admin/project.h"
#include "service/base/quotas.h"

struct options {
    bool json;
    const char *user, *project;
    const struct settings *settings;
};
/* Whose quotas: a user's or a project's. */
struct subject {
    enum quota_of of;
    const char *name;
    gl_uuid id;
};

static struct store_param of_account(const struct subject *subject)
{
    return subject->name && subject->of == QUOTA_OF_ACCOUNT ? P_UUID(subject->id) : P_NULL;
}

static struct store_param of_project(const struct subject *subject)
{
    return subject->name && subject->of == QUOTA_OF_PROJECT ? P_UUID(subject->id) : P_NULL;
}

static uint64_t setting_of(const struct settings *settings, enum quota quota)
{
    const uint64_t all[QUOTA_COUNT] = {
#define QUOTA(name, ...) [QUOTA_##name] = (uint64_t)settings->name,
#include "service/base/quotas.def"
#undef QUOTA
    };
    return all[quota];
}

/* name NULL: nobody was named, and none need be. */
static int take_subject(struct admin_db *db, const struct options *options, bool must_be, struct subject *subject)
{
    *subject = (struct subject){.of = options->user ? QUOTA_OF_ACCOUNT : QUOTA_OF_PROJECT,
                                .name = options->user ? options->user : options->project};
    if (options->user && options->project) {
        admin_complain("--user or --project, not both: a quota is of one of them");
        return ADMIN_USAGE;
    }
    if (!subject->name && must_be) {
        admin_complain("whose? --user NAME or --project NAME (for all of them there are settings: `glossd settings`)");
        return ADMIN_USAGE;
    }
    if (!subject->name)
        return ADMIN_OK;
    return options->user ? find_user(db, subject->name, &subject->id) : find_project(db, subject->name, &subject->id);
}

/* ---- what is meant: a quota's name, a number */

static int find_quota(const struct subject *subject, struct gl_slice what, enum quota *quota)
{
    *quota = quota_find(subject->of, what);
    if (*quota < QUOTA_COUNT)
        return ADMIN_OK;
    struct gl_buf names;
    gl_buf_init(&names, 1024);
    for (enum quota it = 0; it < QUOTA_COUNT; it++)
        if (quota_kinds[it].of == subject->of)
            gl_buf_printf(&names, "%s%s", names.len > 0 ? ", " : "", quota_kinds[it].what);
    admin_complain("\"%.*s\" is no quota of %s; there are %s", (int)what.len, what.data,
                   subject->of == QUOTA_OF_ACCOUNT ? "a user" : "a project", gl_buf_cstr(&names));
    gl_buf_fini(&names);
    return ADMIN_USAGE;
}

/* WHAT=NUMBER into quotas. */
static int take_setting(const struct subject *subject, const char *word, json_t *quotas)
{
    const char *equals = strchr(word, '=');
    enum quota quota;
    uint64_t number;
    if (!equals) {
        admin_complain("\"%s\": say how much, as %s=NUMBER; 0 is as much as there is", word, word);
        return ADMIN_USAGE;
    }
    const int code = find_quota(subject, gl_slice_of(word, (size_t)(equals - word)), &quota);
    if (code != ADMIN_OK)
        return code;
    if (!gl_size_read(equals + 1, quota == QUOTA_max_project_bytes, &number)) {
        admin_complain("%.*s takes a whole number of %s%s, not \"%s\"; 0 is as much as there is", (int)(equals - word), word,
                       quota_kinds[quota].unit, quota == QUOTA_max_project_bytes ? " (KiB, MiB, GiB or TiB behind it)" : "",
                       equals + 1);
        return ADMIN_USAGE;
    }
    json_object_set_new(quotas, quota_kinds[quota].what, json_integer((json_int_t)number));
    return ADMIN_OK;
}

/* ---- show */

static void print_subject(const struct store_rows *rows, size_t row)
{
    const bool is_account = !store_is_null(rows, row, 0);
    printf("%s ", is_account ? "user" : "project");
    print_text(store_text(rows, row, is_account ? 1 : 3));
}

static json_t *json_row(const struct store_rows *rows, size_t row)
{
    const bool is_account = !store_is_null(rows, row, 0);
    const gl_uuid id = store_uuid(rows, row, is_account ? 0 : 2);
    json_t *object = json_object();
    json_object_set_new(object, is_account ? "account" : "project", json_id(&id));
    json_object_set_new(object, "name", json_text(store_text(rows, row, is_account ? 1 : 3)));
    json_object_set_new(object, "what", json_text(store_text(rows, row, 4)));
    json_object_set_new(object, "limit", json_integer((json_int_t)store_u64(rows, row, 5)));
    return object;
}

static void show_row(const struct store_rows *rows, size_t row, bool json)
{
    const bool is_account = !store_is_null(rows, row, 0);
    const enum quota quota = quota_find(is_account ? QUOTA_OF_ACCOUNT : QUOTA_OF_PROJECT, store_text(rows, row, 4));
    if (json) {
        print_json(json_row(rows, row));
        return;
    }
    print_subject(rows, row);
    fputs("  ", stdout);
    print_text(store_text(rows, row, 4));
    if (store_u64(rows, row, 5) == 0)
        puts("  as much as there is");
    else
        printf("  %" PRIu64 " %s\n", store_u64(rows, row, 5), quota < QUOTA_COUNT ? quota_kinds[quota].unit : "");
}

static int show_all(struct admin_db *db, bool json)
{
    const struct store_param nobody[] = {P_NULL, P_NULL};
    struct store_rows *rows;
    struct gl_err err = {0};
    if (admin_db_query(db, STORE_Q_admin_quotas, nobody, 2, &rows, &err) != GL_OK)
        return database_failed(&err);
    for (size_t i = 0; i < store_rows_count(rows); i++)
        show_row(rows, i, json);
    if (!json && store_rows_count(rows) == 0)
        puts("nothing was set for any user or project; the settings hold for all (`glossd settings`)");
    admin_rows_free(&rows);
    return ADMIN_OK;
}

/* Of one user or project: each of its quotas, where it comes from, and what is used of it. */
struct known {
    uint64_t own[QUOTA_COUNT], used[QUOTA_COUNT];
    bool is_own[QUOTA_COUNT], is_used[QUOTA_COUNT];
};

static enum gl_code read_own(struct admin_db *db, const struct subject *subject, struct known *known, struct gl_err *err)
{
    const struct store_param params[] = {of_account(subject), of_project(subject)};
    struct store_rows *rows;
    const enum gl_code code = admin_db_query(db, STORE_Q_admin_quotas, params, 2, &rows, err);
    for (size_t i = 0; code == GL_OK && i < store_rows_count(rows); i++) {
        const enum quota quota = quota_find(subject->of, store_text(rows, i, 4));
        if (quota == QUOTA_COUNT)
            continue;
        known->own[quota] = store_u64(rows, i, 5);
        known->is_own[quota] = true;
    }
    if (code == GL_OK)
        admin_rows_free(&rows);
    return code;
}

static enum gl_code read_used(struct admin_db *db, const struct subject *subject, struct known *known, struct gl_err *err)
{
    static const enum quota columns[] = {QUOTA_max_project_annotations, QUOTA_max_project_documents, QUOTA_max_project_bytes};
    const struct store_param project = P_UUID(subject->id);
    struct store_rows *rows;
    if (subject->of != QUOTA_OF_PROJECT)
        return GL_OK;
    const enum gl_code code = admin_db_query(db, STORE_Q_project_stored, &project, 1, &rows, err);
    for (size_t i = 0; code == GL_OK && i < sizeof columns / sizeof columns[0]; i++) {
        known->used[columns[i]] = store_u64(rows, 0, i);
        known->is_used[columns[i]] = true;
    }
    if (code == GL_OK)
        admin_rows_free(&rows);
    return code;
}

static void show_quota(const struct options *options, const struct subject *subject, const struct known *known, enum quota quota)
{
    const struct quota_kind *kind = &quota_kinds[quota];
    const uint64_t limit = known->is_own[quota] ? known->own[quota] : setting_of(options->settings, quota);
    if (options->json) {
        json_t *object = json_pack("{s:o, s:s, s:s, s:I, s:s, s:s, s:b}", quota_of_name(kind->of), json_id(&subject->id), "name",
                                   subject->name, "what", kind->what, "limit", (json_int_t)limit, "unit", kind->unit, "setting",
                                   kind->setting, "own", known->is_own[quota]);
        if (known->is_used[quota])
            json_object_set_new(object, "used", json_integer((json_int_t)known->used[quota]));
        print_json(object);
        return;
    }
    printf("%-12s", kind->what);
    if (limit > 0)
        printf("%" PRIu64 " %s", limit, kind->unit);
    else
        fputs("as much as there is", stdout);
    if (known->is_used[quota])
        printf(", %" PRIu64 " used", known->used[quota]);
    if (known->is_own[quota])
        puts("  (set for this one)");
    else
        printf("  (setting %s)\n", kind->setting);
}

static int show(struct admin_db *db, int argc, char **argv, const void *given)
{
    const struct options *options = given;
    struct subject subject;
    struct known known = {.own = {0}};
    struct gl_err err = {0};
    (void)argc, (void)argv;
    const int code = take_subject(db, options, false, &subject);
    if (code != ADMIN_OK)
        return code;
    if (!subject.name)
        return show_all(db, options->json);
    if (read_own(db, &subject, &known, &err) != GL_OK || read_used(db, &subject, &known, &err) != GL_OK)
        return database_failed(&err);
    for (enum quota quota = 0; quota < QUOTA_COUNT; quota++)
        if (quota_kinds[quota].of == subject.of)
            show_quota(options, &subject, &known, quota);
    return ADMIN_OK;
}

/* ---- set, clear */

/* Takes quotas. */
static int change(struct admin_db *db, const struct options *options, const struct subject *subject, json_t *quotas)
{
    struct gl_buf text;
    struct gl_err err = {0};
    gl_buf_init(&text, 65536);
    gl_canon_write(&text, quotas);
    const struct store_param params[] = {of_account(subject), of_project(subject), P_TEXT(gl_buf_peek(&text)), P_NULL};
    const enum gl_code code = admin_db_query(db, STORE_Q_quota_set, params, 4, NULL, &err);
    if (code == GL_OK && options->json)
        print_json(json_pack("{s:o, s:s, s:O}", quota_of_name(subject->of), json_id(&subject->id), "name", subject->name,
                             "quotas", quotas));
    else if (code == GL_OK)
        printf("it holds within a second, at every worker\n");
    gl_buf_fini(&text);
    json_decref(quotas);
    return code == GL_OK ? ADMIN_OK : database_failed(&err);
}

static int set(struct admin_db *db, int argc, char **argv, const void *given)
{
    const struct options *options = given;
    struct subject subject;
    json_t *quotas = json_object();
    int code = take_subject(db, options, true, &subject);
    for (int i = 0; code == ADMIN_OK && i < argc; i++)
        code = take_setting(&subject, argv[i], quotas);
    if (code == ADMIN_OK)
        return change(db, options, &subject, quotas);
    json_decref(quotas);
    return code;
}

/* Without a name all of them. */
static int clear(struct admin_db *db, int argc, char **argv, const void *given)
{
    const struct options *options = given;
    struct subject subject;
    enum quota quota;
    json_t *quotas = json_object();
    int code = take_subject(db, options, true, &subject);
    for (int i = 0; code == ADMIN_OK && i < argc; i++)
        if ((code = find_quota(&subject, gl_slice_str(argv[i]), &quota)) == ADMIN_OK)
            json_object_set_new(quotas, quota_kinds[quota].what, json_null());
    for (quota = 0; code == ADMIN_OK && argc == 0 && quota < QUOTA_COUNT; quota++)
        if (quota_kinds[quota].of == subject.of)
            json_object_set_new(quotas, quota_kinds[quota].what, json_null());
    if (code == ADMIN_OK)
        return change(db, options, &subject, quotas);
    json_decref(quotas);
    return code;
}

static const struct subverb subverbs[] = {
    {"show", show, 0, 0}, {"set", set, 1, QUOTA_COUNT}, {"clear", clear, 0, QUOTA_COUNT}, {0}};

static int run(struct settings *settings, int argc, char **argv)
{
    struct options it = {.settings = settings};
    const struct admin_option options[] = {
        {"json", NULL, &it.json}, {"user", &it.user, NULL}, {"project", &it.project, NULL}, {0}};
    if (!admin_options(&admin_quota, options, &argc, argv))
        return ADMIN_USAGE;
    return run_subverb(&admin_quota, subverbs, settings, argc, argv, &it);
}

const struct admin_verb admin_quota = {
    .name = "quota",
    .usage =
        "show [--user NAME | --project NAME] | set (--user NAME | --project NAME) QUOTA=NUMBER... | clear (--user NAME | --project NAME) "
        "[QUOTA...] [--json]",
    .help = "what one user or one project may use, where that is not what the settings say for all: show, set, and clear",
    .run = run,
};
