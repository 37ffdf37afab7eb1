#include "clients/cli/waiting.h"

#include <time.h>

#include "clients/cli/known.h"
#include "clients/cli/offline.h"
#include "clients/cli/say.h"

static void put_when(struct gl_buf *out, int64_t since_ms)
{
    time_t seconds = (time_t)(since_ms / 1000);
    struct tm parts;
    char text[32] = "";
    if (gmtime_r(&seconds, &parts)) {
        strftime(text, sizeof text, "%Y-%m-%d %H:%M", &parts);
    }
    gl_buf_str(out, text);
}

static json_t *pending_json(const char *session, const struct gloss_pending *pending)
{
    json_t *line = json_pack("{s:s, s:s, s:b, s:O}", "op", pending->op, "session", session, "kept",
                             pending->state == GLOSS_PENDING_KEPT, "change", pending->change);
    if (pending->annotation) {
        json_object_set_new(line, "annotation", json_string(pending->annotation));
    }
    if (pending->error) {
        json_object_set_new(line, "error", error_json(pending->error));
    }
    return line;
}

/* "2026-11-21 22:10  tag “closer ties” as claim  01a2...": and why it is still here when it was refused. */
static void tell_pending(struct cli *cli, const struct gloss_pending *pending)
{
    struct gl_buf line;
    gl_buf_init(&line, SIZE_MAX);
    gl_buf_str(&line, "  ");
    put_when(&line, pending->since_ms);
    gl_buf_str(&line, "  ");
    offline_put_words(&line, pending->change);
    out_line(cli, "%s  %s%s%s", gl_buf_cstr(&line), pending->op, pending->state == GLOSS_PENDING_KEPT ? "  refused: " : "",
             pending->state == GLOSS_PENDING_KEPT && pending->error ? gloss_code_sentence(pending->error->code) : "");
    gl_buf_fini(&line);
}

int waiting_list(struct cli *cli, const char *id, size_t *count)
{
    struct gloss_session *session = NULL;
    struct gloss_pending pending;
    int status = offline_join(cli, id, &session);
    if (status) {
        return status;
    }
    const char *title = known_title(cli, id);
    if (!cli->is_json && gloss_pending_count(session) > 0) {
        out_line(cli, "%s", title ? title : id);
    }
    for (size_t i = 0; gloss_pending_at(session, i, &pending); i++) {
        if (cli->is_json) {
            out_json(cli, pending_json(id, &pending));
        } else {
            tell_pending(cli, &pending);
        }
        ++*count;
    }
    gloss_leave(&session);
    return 0;
}
