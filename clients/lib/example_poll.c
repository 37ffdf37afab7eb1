/*
 * example_poll.c - libgloss in somebody else's loop: poll() over standard input and the connection. Every line typed becomes a note on
 * the document; without a connection, or a server, it stays in the queue and is sent the next time.
 *
 *   cc example_poll.c $(pkg-config --cflags --libs libgloss) -o example_poll
 *   GLOSS_URL=https://127.0.0.1:7443/ GLOSS_TOKEN=gls_... GLOSS_CA=ca.pem ./example_poll SESSION QUEUE_FOLDER
 */
#include <gloss.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void on_event(struct gloss *g, const struct gloss_event *event, void *arg)
{
    (void)g;
    (void)arg;
    if (event->type == GLOSS_EV_OP) {
        printf("%llu %s\n", (unsigned long long)event->seq, event->kind ? event->kind : "erased");
        fflush(stdout);
    } else if (event->type == GLOSS_EV_DISCONNECTED || event->type == GLOSS_EV_ERROR) {
        fprintf(stderr, "%s\n", event->error->message);
    }
}

/* Nobody to ask here: what others have changed meanwhile is left alone, and the op is kept. */
static enum gloss_choice on_conflict(struct gloss_session *session, struct gloss_conflict *conflict, void *arg)
{
    (void)session;
    (void)arg;
    fprintf(stderr, "kept: %s\n", conflict->error->message);
    return GLOSS_KEEP;
}

static int add_note(struct gloss_session *session, const char *note)
{
    json_t *change = json_pack("{s:s, s:s, s:{s:s}}", "kind", "annotation.create", "note", note, "target", "type", "document");
    int code = change ? gloss_submit_change(session, change, NULL, NULL, NULL, NULL) : GLOSS_E_NOMEM;
    json_decref(change);
    return code;
}

/* The program's own input: what is there, a note for each line. 0: go on. */
static int read_lines(struct gloss_session *session)
{
    char line[4096];
    ssize_t len = read(STDIN_FILENO, line, sizeof(line) - 1);
    if (len <= 0) {
        return -1;
    }
    line[len] = '\0';
    int code = 0;
    char *rest = NULL;
    for (char *at = strtok_r(line, "\n", &rest); at && code == 0; at = strtok_r(NULL, "\n", &rest)) {
        code = add_note(session, at);
    }
    return code;
}

/* The loop: until the input ends and nothing waits any more, or ten seconds after it. */
static int run(struct gloss *g, struct gloss_session *session)
{
    int code = 0, idle = 0;
    bool has_input = true;
    while (code == 0 && (has_input || (gloss_pending_count(session) > 0 && idle < 100))) {
        struct pollfd fds[2] = {{.fd = gloss_fd(g), .events = POLLIN}, {.fd = has_input ? STDIN_FILENO : -1, .events = POLLIN}};
        int timeout = gloss_timeout_ms(g);
        int ready = poll(fds, 2, timeout < 0 || timeout > 100 ? 100 : timeout);
        code = gloss_process(g);
        if (ready > 0 && fds[1].revents) {
            has_input = read_lines(session) == 0;
        }
        idle += !has_input && ready == 0;
    }
    return code;
}

int main(int argc, char **argv)
{
    struct gloss_config config;
    struct gloss_error error;
    struct gloss_join options;
    struct gloss_session *session = NULL;
    if (argc < 3) {
        fprintf(stderr, "usage: example_poll SESSION QUEUE_FOLDER\n");
        return 2;
    }
    gloss_config_init(&config);
    config.url = getenv("GLOSS_URL");
    config.token = getenv("GLOSS_TOKEN");
    config.ca_file = getenv("GLOSS_CA");
    config.queue_dir = argv[2];
    config.on_event = on_event;
    config.on_conflict = on_conflict;
    struct gloss *g = gloss_new(&config, &error);
    if (!g) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    gloss_join_init(&options);
    options.cache = true;
    int code = gloss_join(g, argv[1], &options, &session);
    if (code == 0) {
        printf("%zu annotations of last time, %zu ops wait\n", gloss_annotation_live(session), gloss_pending_count(session));
        fflush(stdout);
        (void)gloss_connect(g);
        code = run(g, session);
    }
    gloss_free(&g);
    return code == 0 ? 0 : 1;
}
