/*
 * example.c - joins the document named on the command line, puts a note on a quote, and prints what happens there, live.
 *
 *   cc example.c $(pkg-config --cflags --libs libgloss) -o example
 *   GLOSS_URL=https://127.0.0.1:7443/ GLOSS_TOKEN=gls_... GLOSS_CA=ca.pem ./example DOCUMENT "quoted words" "a note" [SECONDS]
 */
#include <gloss.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void print_op(const struct gloss_event *event)
{
    const json_t *record = event->annotation ? gloss_annotation_record(event->annotation) : NULL;
    const char *note = json_string_value(json_object_get(record, "note"));
    const char *author = gloss_member_name(event->session, event->account);
    printf("%llu %s by %s: %s\n", (unsigned long long)event->seq, event->kind, author ? author : "?", note ? note : "");
    fflush(stdout);
}

static void on_event(struct gloss *g, const struct gloss_event *event, void *arg)
{
    (void)g;
    (void)arg;
    switch (event->type) {
    case GLOSS_EV_OP: print_op(event); break;
    case GLOSS_EV_DISCONNECTED: fprintf(stderr, "not connected: %s\n", event->error->message); break;
    case GLOSS_EV_ERROR: fprintf(stderr, "stopped: %s\n", event->error->message); break;
    default: break;
    }
}

/* The session of a document, as the server tells it; the caller frees the answer. */
static json_t *find_document(struct gloss *g, const char *document)
{
    json_t *params = json_pack("{s:s}", "document", document), *answer = NULL;
    struct gloss_error error;
    if (gloss_call_wait(g, "document.get", params, 10000, &answer, &error) != 0) {
        fprintf(stderr, "%s: %s\n", document, error.message);
    }
    gloss_error_clear(&error);
    json_decref(params);
    return answer;
}

static int add_note(struct gloss_session *session, const char *quote, const char *note)
{
    json_t *op = json_pack("{s:{s:s, s:s, s:{s:s, s:[{s:s}]}}}", "change", "kind", "annotation.create", "note", note, "target",
                           "type", "spans", "spans", "exact", quote);
    struct gloss_error error;
    int code = gloss_submit_wait(session, op, 10000, NULL, NULL, &error);
    if (code != 0) {
        fprintf(stderr, "the note was refused: %s\n", error.message);
    }
    gloss_error_clear(&error);
    json_decref(op);
    return code;
}

int main(int argc, char **argv)
{
    struct gloss_config config;
    struct gloss_error error;
    struct gloss_session *session = NULL;
    if (argc < 4) {
        fprintf(stderr, "usage: example DOCUMENT QUOTE NOTE [SECONDS]\n");
        return 2;
    }
    gloss_config_init(&config);
    config.url = getenv("GLOSS_URL");
    config.token = getenv("GLOSS_TOKEN");
    config.ca_file = getenv("GLOSS_CA");
    config.client = "example/1";
    config.on_event = on_event;
    struct gloss *g = gloss_new(&config, &error);
    if (!g) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    json_t *answer = find_document(g, argv[1]);
    const char *id = json_string_value(json_object_get(json_object_get(answer, "document"), "session"));
    int code = id ? gloss_join(g, id, NULL, &session) : 1;
    code = code == 0 ? gloss_synced_wait(session, 10000) : code;
    code = code == 0 ? add_note(session, argv[2], argv[3]) : code;
    for (time_t until = time(NULL) + (argc > 4 ? atol(argv[4]) : 60); code == 0 && time(NULL) < until;) {
        int waited = gloss_wait(g, 1000);
        code = waited == GLOSS_E_TIMED_OUT ? 0 : waited;
    }
    json_decref(answer);
    gloss_free(&g);
    return code == 0 ? 0 : 1;
}
