#include "clients/cli/words.h"

#include "clients/cli/link.h"
#include "clients/cli/say.h"

#define FETCH_MS (5 * 60 * 1000)

int words_fetch(struct cli *cli, const char *document, struct gl_text **text)
{
    struct gloss_error error = {0};
    if (gloss_fetch_text_wait(cli->gloss, document, FETCH_MS, text, &error) == 0) {
        return 0;
    }
    int status = fail_error(cli, "the text cannot be read", &error);
    gloss_error_clear(&error);
    return status;
}
