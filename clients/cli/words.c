#include "clients/cli/words.h"

#include "clients/cli/link.h"
#include "clients/cli/say.h"

#define STEP_MS 200

struct fetch {
    struct gl_text **text;
    struct gloss_error error;
    bool is_done;
};

static void on_text(struct gloss *g, struct gl_text *text, json_t *document, const struct gloss_error *error, void *arg)
{
    struct fetch *fetch = arg;
    (void)g;
    (void)document;
    fetch->is_done = true;
    *fetch->text = text;
    if (error) {
        fetch->error = *error;
        json_incref(fetch->error.data);
    }
}

int words_fetch(struct cli *cli, const char *document, struct gl_text **text)
{
    struct fetch fetch = {.text = text};
    struct progress progress;
    int64_t began = screen_now_ms();
    int status = 0;
    *text = NULL;
    progress_begin(&progress, &cli->err, "reading the text");
    if (gloss_fetch_text(cli->gloss, document, on_text, &fetch) != 0) {
        return fail_error(cli, "the text cannot be read", gloss_last_error(cli->gloss));
    }
    while (!fetch.is_done && status == 0) {
        char tail[32];
        snprintf(tail, sizeof tail, "%lld s", (long long)(screen_now_ms() - began) / 1000);
        progress_step(&progress, 0, 0, tail);
        if (link_step(cli, STEP_MS, LINK_PATIENCE_MS)) {
            status = fail_error(cli, "the text cannot be read", &cli->link.final_error);
            gloss_free(&cli->gloss); /* it must not call back into what is gone */
        }
    }
    progress_end(&progress);
    if (status == 0 && fetch.error.code != 0) {
        status = fail_error(cli, "the text cannot be read", &fetch.error);
    }
    gloss_error_clear(&fetch.error);
    return status;
}
