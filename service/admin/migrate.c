/* glossd migrate: the schema that this program needs. */
#include "service/store/migrate.h"

#include <stdio.h>

#include "service/admin/database.h"

struct telling {
    bool json, is_plan;
    int count;
};

static void tell(void *ctx, const struct migration *migration)
{
    struct telling *telling = ctx;
    telling->count++;
    if (telling->json) {
        print_json(json_pack("{s:s, s:i, s:b}", "migration", migration->name, "version", migration->version, "planned",
                             telling->is_plan));
    } else {
        printf("%s%s\n", telling->is_plan ? "would apply " : "applying ", migration->name);
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
        printf("the database has schema %d%s\n", version, telling.count || telling.is_plan ? "" : "; there was nothing to do");
    }
    return ADMIN_OK;
}

const struct admin_verb admin_migrate = {
    .name = "migrate",
    .usage = "[--plan] [--json]",
    .help = "bring the database to the schema that this program needs",
    .run = run,
};
