/*
 * cmd_who.c - gloss who: who is in a brief now, where they read, what they have selected.
 */
#include <stdlib.h>

#include "clients/cli/brief.h"
#include "clients/cli/cmds.h"
#include "clients/cli/link.h"
#include "clients/cli/say.h"

#define LISTEN_MS 1000 /* people of other workers are told of within a few tenths of a second */
#define TURN_MS   100

static int by_name(const void *a, const void *b)
{
    const struct gloss_peer *left = a, *right = b;
    const int order = strcmp(left->name ? left->name : "", right->name ? right->name : "");
    return order ? order : strcmp(left->peer, right->peer);
}

static void put_range(json_t *object, const char *begin_name, const char *end_name, uint64_t begin, uint64_t end)
{
    if (begin == GLOSS_NOWHERE)
        return;
    json_object_set_new(object, begin_name, json_integer((json_int_t)begin));
    json_object_set_new(object, end_name, json_integer((json_int_t)end));
}

static void tell_json(struct cli *cli, const struct gloss_peer *peer)
{
    json_t *it = json_pack("{s:s, s:s}", "peer", peer->peer, "account", peer->account);
    if (peer->name)
        json_object_set_new(it, "name", json_string(peer->name));
    put_range(it, "start", "end", peer->begin, peer->end);
    put_range(it, "selection_start", "selection_end", peer->selection_begin, peer->selection_end);
    if (peer->annotation)
        json_object_set_new(it, "annotation", json_string(peer->annotation));
    out_json(cli, it);
}

static void tell(struct cli *cli, const struct gloss_peer *peer)
{
    char place[160] = "";
    size_t len = 0;
    if (peer->begin != GLOSS_NOWHERE)
        len += (size_t)snprintf(place, sizeof place, "  reads %llu-%llu", (unsigned long long)peer->begin,
                                (unsigned long long)peer->end);
    if (peer->selection_begin != GLOSS_NOWHERE)
        len += (size_t)snprintf(place + len, sizeof place - len, "  selects %llu-%llu", (unsigned long long)peer->selection_begin,
                                (unsigned long long)peer->selection_end);
    if (peer->annotation)
        (void)snprintf(place + len, sizeof place - len, "  edits %.36s", peer->annotation);
    out_line(cli, "%s%s", peer->name ? peer->name : peer->account, place);
}

static void tell_all(struct cli *cli, const struct gloss_session *session)
{
    const size_t count = gloss_peer_count(session);
    struct gloss_peer *peers = calloc(count + 1, sizeof *peers);
    size_t known = 0;
    while (peers && known < count && gloss_peer_at(session, known, &peers[known]))
        known++;
    if (peers)
        qsort(peers, known, sizeof *peers, by_name);
    for (size_t i = 0; i < known; i++)
        (cli_flag(cli, OPT_json) ? tell_json : tell)(cli, &peers[i]);
    if (known == 0 && !cli_flag(cli, OPT_json))
        say(cli, "nobody tells where they are in this brief");
    free(peers);
}

static int listen_and_tell(struct cli *cli, const struct brief *brief)
{
    struct gloss_join options;
    struct gloss_session *session;
    gloss_join_init(&options);
    options.from = GLOSS_FROM_STATE;
    int status = link_join(cli, brief->session, &options, &session);
    if (status != 0)
        return status;
    for (int64_t until = screen_now_ms() + LISTEN_MS; screen_now_ms() < until;)
        if (link_step(cli, TURN_MS, LINK_PATIENCE_MS) != 0)
            return fail_error(cli, "it cannot be seen who is there", &cli->link.final_error);
    tell_all(cli, session);
    return 0;
}

int cmd_who(struct cli *cli)
{
    struct brief brief = {0};
    int status = link_open(cli, NULL, NULL);
    if (status == 0)
        status = brief_find(cli, cli_word(cli, 0), &brief);
    if (status == 0)
        status = listen_and_tell(cli, &brief);
    brief_fini(&brief);
    return status;
}
