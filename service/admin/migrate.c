/* glossd migrate: the schema that this program needs. */
#include "service/store/migrate.h"

#include <stdio.h>

#include "service/admin/database.h"

struct telling {
    bool json, is_plan;
    int count;
};

static void tell(void *ctx, const struct migration *migration, const char *sql)
{
    struct telling *telling = ctx;
    struct gl_slice locks = migration_locks(migration);
    telling->count++;
    if (telling->json) {
        json_t *line = json_pack("{s:s, s:i, s:b}", "migration", migration->name, "version", migration->version, "planned",
                                 telling->is_plan);
        if (sql) {
            json_object_set_new(line, "locks", json_text(locks));
            json_object_set_new(line, "sql", json_string(sql));
        }
        print_json(line);
    } else if (sql) {
        printf("-- would apply %s\n-- in one transaction; a lock is waited for 10 s. Locks: %.*s\n\n%s\n", migration->name,
               (int)locks.len, locks.data, sql);
    } else {
        printf("applying %s\n", migration->name);
    }
    fflush(stdout);
}

static int run(struct settings *settings, int argc, char **argv)
{
    struct telling telling = {.count = 0};
    const struct admin_option options[] = {{"json", NULL, &telling.json}, {"plan", NULL, &telling.is_plan}, {0}};
    if (!admin_options(&admin_migrate, options, &argc, argv)) {
        return ADMIN_USAGE;
    }
    if (argc) {
        return admin_usage(&admin_migrate, "\"%s\" is one word too many", argv[0]);
    }
    const struct migrate_config config = {.conninfo = settings->database,
                                          .owner_role = settings->owner_role,
                                          .append_role = settings->append_role,
                                          .reader_role = settings->reader_role,
                                          .is_plan = telling.is_plan};
    struct gl_err err = {0};
    int version;
    if (migrate(&config, tell, &telling, &version, &err) != GL_OK) {
        return database_failed(&err);
    }
    if (telling.json) {
        print_json(json_pack("{s:i, s:i}", "schema", version, "migrations", telling.count));
    } else {
        printf("%sthe database has schema %d%s\n", telling.is_plan ? "-- " : "", version,
               telling.count || telling.is_plan ? "" : "; there was nothing to do");
    }
    return ADMIN_OK;
}

const struct admin_verb admin_migrate = {
    .name = "migrate",
    .usage = "[--plan] [--json]",
    .help = "bring the database to the schema that this program needs",
    .run = run,
};
