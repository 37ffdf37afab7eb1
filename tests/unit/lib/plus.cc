/* libgloss from C++: the header, the callbacks and the structs as a C++ program uses them; without a server, from the queue. */
#include <gloss.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {
struct Journal {
    std::vector<std::string> ops;
};

void note(const gloss_queue *queue, void *arg)
{
    if (queue->pending == 2) {
        static_cast<Journal *>(arg)->ops.emplace_back(queue->session);
    }
}

int fail(const char *what)
{
    std::fprintf(stderr, "%s\n", what);
    return 1;
}
} // namespace

int main(int argc, char **argv)
{
    const std::string session = "01900000-0000-7000-8000-0000000000bb";
    gloss_config config;
    gloss_error error;
    gloss_session *joined = nullptr;
    Journal journal;
    if (argc != 2) {
        return fail("usage: plus FOLDER");
    }
    gloss_config_init(&config);
    config.url = "https://127.0.0.1:1/";
    config.token = "none";
    config.queue_dir = argv[1];
    config.account_id = "01900000-0000-7000-8000-0000000000aa";
    config.on_event = [](gloss *, const gloss_event *, void *) {};
    config.on_conflict = [](gloss_session *, gloss_conflict *, void *) { return GLOSS_KEEP; };
    gloss *g = gloss_new(&config, &error);
    if (!g || gloss_join(g, session.c_str(), nullptr, &joined) != GLOSS_OK) {
        return fail("cannot join");
    }
    for (int i = 0; i < 2; i++) {
        json_t *change = json_pack("{s:s, s:{s:s}}", "kind", "annotation.create", "target", "type", "document");
        if (gloss_submit_change(joined, change, nullptr, nullptr, [](gloss_session *, const gloss_result *, void *) {}, nullptr) != 0) {
            return fail("cannot submit");
        }
        json_decref(change);
    }
    gloss_free(&g);
    return gloss_queue_list(argv[1], note, &journal) == GLOSS_OK && journal.ops == std::vector<std::string>{session} ? 0
                                                                                                                  : fail("the queue differs");
}
