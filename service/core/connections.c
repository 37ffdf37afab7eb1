#include "service/core/connections.h"

#include "proto/gl_json.h"
#include "service/core/core_priv.h"

#define CLOSE_KICKED  4001
#define SESSIONS_TOLD 64

static json_t *id_text(const gl_uuid *id)
{
    char text[GL_UUID_TEXT + 1];
    gl_uuid_format(id, text);
    return json_string(text);
}

static json_t *joined(const struct peer *peer)
{
    json_t *sessions = json_array();
    for (const struct subscription *it = peer->subscriptions; it && json_array_size(sessions) < SESSIONS_TOLD;
         it = it->next_of_peer)
        json_array_append_new(sessions, id_text(&it->session->id));
    return sessions;
}

/* Most connections are never asked about: a name costs nothing until one is. */
static const gl_uuid *name_of(struct peer *peer)
{
    const gl_uuid none = {{0}};
    if (gl_uuid_equal(&peer->id, &none))
        peer->id = gl_uuid_v7((uint64_t)loop_unix_ms(peer->core->loop));
    return &peer->id;
}

static json_t *tell(struct peer *peer)
{
    char since[GL_TIME_TEXT + 1];
    struct peer_traffic traffic = {0};
    struct loop *loop = peer->core->loop;
    gl_time_format(loop_unix_ms(loop) - (int64_t)(loop_now_ms(loop) - peer->since_ms), since);
    if (peer->link.traffic)
        peer->link.traffic(peer->link.ctx, &traffic);
    json_t *it =
        json_pack("{s:o, s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:I}", "connection", id_text(name_of(peer)), "address",
                  peer->link.address, "since", since, "sessions", joined(peer), "joined", (json_int_t)peer->subscription_count,
                  "waiting", (json_int_t)peer->requests_in_flight, "bytes_in", (json_int_t)traffic.bytes_in, "bytes_out",
                  (json_int_t)traffic.bytes_out, "round_trip_us", (json_int_t)traffic.round_trip_us);
    if (peer->is_signed_in) {
        json_object_set_new(it, "account", id_text(&peer->account));
        json_object_set_new(it, "name", json_string(peer->account_name));
        if (peer->has_token)
            json_object_set_new(it, "token", id_text(&peer->token));
    }
    if (peer->client)
        json_object_set_new(it, "client", json_string(peer->client));
    return it;
}

static bool is_of(const struct peer *peer, const gl_uuid *account)
{
    return !peer->is_closing && (!account || (peer->is_signed_in && gl_uuid_equal(&peer->account, account)));
}

json_t *connections_list(struct core *core, const gl_uuid *account, size_t most, size_t *left_out)
{
    json_t *list = json_array();
    *left_out = 0;
    for (struct peer *peer = core->peers; peer; peer = peer->next)
        if (is_of(peer, account) && json_array_size(list) < most)
            json_array_append_new(list, tell(peer));
        else
            *left_out += is_of(peer, account);
    return list;
}

size_t connections_end(struct core *core, const gl_uuid *connection, const gl_uuid *account, const char *reason)
{
    size_t ended = 0;
    for (struct peer *peer = core->peers, *next; peer; peer = next) {
        next = peer->next;
        if (!is_of(peer, account) || (connection && !gl_uuid_equal(&peer->id, connection)))
            continue;
        log_event(LOG_INFO, EV_peer_kicked, F_ID("account", &peer->account), F_STR("address", peer->link.address));
        peer_end(peer, CLOSE_KICKED, reason);
        ended++;
    }
    return ended;
}
