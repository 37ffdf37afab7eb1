/* glossd settings: what is in force and where it comes from. */
#include <stdio.h>

#include "service/admin/admin.h"

static int run(struct settings *settings, int argc, char **argv)
{
    bool json = false, defaults = false, example = false, list = false;
    const struct admin_option options[] = {
        {"json", NULL, &json}, {"defaults", NULL, &defaults}, {"example", NULL, &example}, {"list", NULL, &list}, {0}};
    if (!admin_options(&admin_settings, options, &argc, argv))
        return ADMIN_USAGE;
    if (argc)
        return admin_usage(&admin_settings, "\"%s\" is one word too many", argv[0]);
    if (example) {
        settings_print_example(stdout);
    } else if (list) {
        settings_print_list(stdout);
    } else if (defaults) {
        struct settings plain;
        settings_init(&plain);
        settings_print(&plain, stdout, json);
        settings_fini(&plain);
    } else {
        settings_print(settings, stdout, json);
    }
    if (fflush(stdout) != 0) {
        admin_complain("the settings could not be written to standard output");
        return ADMIN_FAILED;
    }
    return ADMIN_OK;
}

const struct admin_verb admin_settings = {
    .name = "settings",
    .usage = "[--json] [--defaults | --example | --list]",
    .help = "print every setting, its value and where it comes from; --example: as a file to begin with, --list: as a page",
    .run = run,
};
