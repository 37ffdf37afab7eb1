#include "clients/cli/cli.h"

#include <errno.h>
#include <stdlib.h>

#include "clients/cli/say.h"
#include "proto/model/text.h"

int cli_number(struct cli *cli, enum option_id id, uint64_t least, uint64_t most, uint64_t *value, bool *has)
{
    const char *text = cli_option(cli, id);
    if (has) {
        *has = text != NULL;
    }
    if (!text) {
        return 0;
    }
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || number < least || number > most) {
        return fail(cli, EXIT_COULD_NOT, "bad_number", "`--%s %s`: it must be a number from %llu to %llu", option_rows[id].name,
                    text, (unsigned long long)least, (unsigned long long)most);
    }
    *value = number;
    return 0;
}

int cli_check_text(struct cli *cli, const char *what, const char *text)
{
    struct gl_err err = {0};
    if (!text || gl_utf8_check(gl_slice_str(text), &err) == GL_OK) {
        return 0;
    }
    int first_part = (int)strcspn(err.detail, ";"); /* what follows is about files */
    return fail(cli, EXIT_COULD_NOT, gl_code_name(err.code), "not valid UTF-8 in %s: %.*s", what, first_part, err.detail);
}
