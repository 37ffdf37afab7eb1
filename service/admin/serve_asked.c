#include "service/admin/serve_asked.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/gl_json.h"
#include "service/base/clock.h"
#include "service/core/connections.h"

enum { SAMPLE_MS = 1000, LISTED_MOST = 1000 };

/* ---- how much is going on */

static void take_sample(const struct serve_asked *asked, struct asked_sample *sample)
{
    struct core_counts core;
    struct net_counts net = {0};
    core_counts(asked->core, &core);
    if (asked->net)
        net_server_counts(asked->net, &net);
    *sample = (struct asked_sample){clock_monotonic_ms(), core.ops_accepted, core.deliveries, net.bytes_out};
}

void serve_asked_beat(struct serve_asked *asked)
{
    const struct asked_sample *last = &asked->samples[(asked->sampled + ASKED_SAMPLES - 1) % ASKED_SAMPLES];
    if (!asked->core || (asked->sampled > 0 && clock_monotonic_ms() - last->at_ms < SAMPLE_MS))
        return;
    take_sample(asked, &asked->samples[asked->sampled++ % ASKED_SAMPLES]);
}

static json_t *stats(const struct serve_asked *asked)
{
    struct core_counts core;
    struct net_counts net = {0};
    struct asked_sample now, oldest;
    const size_t kept = asked->sampled < ASKED_SAMPLES ? asked->sampled : ASKED_SAMPLES;
    core_counts(asked->core, &core);
    if (asked->net)
        net_server_counts(asked->net, &net);
    take_sample(asked, &now);
    oldest = kept ? asked->samples[(asked->sampled - kept) % ASKED_SAMPLES] : now;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "seconds_up",
                     (json_int_t)((now.at_ms - asked->since_ms) / 1000), "connections", (json_int_t)net.connections, "signed_in",
                     (json_int_t)core.signed_in, "sessions", (json_int_t)core.sessions, "ops", (json_int_t)core.ops_accepted,
                     "ops_refused", (json_int_t)core.ops_refused, "deliveries", (json_int_t)core.deliveries, "rate_ms",
                     (json_int_t)(now.at_ms - oldest.at_ms), "rate_ops", (json_int_t)(now.ops - oldest.ops), "rate_deliveries",
                     (json_int_t)(now.deliveries - oldest.deliveries), "rate_bytes_out",
                     (json_int_t)(now.bytes_out - oldest.bytes_out));
}

/* ---- who is connected */

static const gl_uuid *id_in(const json_t *detail, const char *name, gl_uuid *id)
{
    const json_t *text = json_object_get(detail, name);
    return json_is_string(text) && gl_uuid_parse(gl_slice_of(json_string_value(text), json_string_length(text)), id) ? id : NULL;
}

static json_t *connections(const struct serve_asked *asked, const json_t *detail)
{
    gl_uuid account;
    size_t left_out;
    const json_int_t limit = json_integer_value(json_object_get(detail, "limit"));
    json_t *list = connections_list(asked->core, id_in(detail, "account", &account),
                                    limit > 0 && limit < LISTED_MOST ? (size_t)limit : LISTED_MOST, &left_out);
    return json_pack("{s:o, s:I}", "connections", list, "left_out", (json_int_t)left_out);
}

/* The question comes again while its answer is under way: whoever came back meanwhile stays. */
static bool was_done(struct serve_asked *asked, const gl_uuid *ask)
{
    for (size_t i = 0; i < ASKED_REMEMBERED && i < asked->kicks; i++)
        if (gl_uuid_equal(&asked->kicked[i], ask))
            return true;
    asked->kicked[asked->kicks++ % ASKED_REMEMBERED] = *ask;
    return false;
}

static json_t *kick(struct serve_asked *asked, const gl_uuid *ask, const json_t *detail)
{
    gl_uuid connection_id, account_id;
    const gl_uuid *connection = id_in(detail, "connection", &connection_id), *account = id_in(detail, "account", &account_id);
    const char *reason = json_string_value(json_object_get(detail, "reason"));
    size_t ended = 0;
    if (!was_done(asked, ask) && (connection || account))
        ended = connections_end(asked->core, connection, account,
                                reason && *reason ? reason : "an administrator ended this connection");
    return json_pack("{s:I}", "ended", (json_int_t)ended);
}

/* ---- the question */

static void on_asked(void *ctx, const struct store_asked *question)
{
    struct serve_asked *asked = ctx;
    json_t *detail = NULL;
    struct gl_err err = {0};
    json_t *said = NULL;
    if (gl_json_load(question->detail, &detail, &err) != GL_OK)
        return;
    if (gl_slice_is(question->kind, "connections"))
        said = connections(asked, detail);
    else if (gl_slice_is(question->kind, "kick"))
        said = kick(asked, &question->ask, detail);
    else if (gl_slice_is(question->kind, "stats"))
        said = stats(asked);
    struct gl_buf text;
    gl_buf_init(&text, SIZE_MAX);
    if (said)
        gl_canon_write(&text, said);
    if (text.len > 0 && text.code == GL_OK)
        store_answer(asked->store, &question->ask, gl_buf_peek(&text));
    gl_buf_fini(&text);
    json_decref(said);
    json_decref(detail);
}

void serve_asked_open(struct serve_asked *asked)
{
    asked->since_ms = clock_monotonic_ms();
    store_hear_asked(asked->store, on_asked, asked);
}
