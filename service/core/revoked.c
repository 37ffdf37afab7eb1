/* revoked.c - tokens and accounts that were ended elsewhere end their open connections too: asked once a second for everybody who is connected. */
#include "service/core/core_priv.h"

static void end_all(struct core *core, const gl_uuid *id, bool is_token)
{
    for (struct peer *peer = core->peers, *next; peer; peer = next) {
        next = peer->next;
        if (peer->is_signed_in && gl_uuid_equal(is_token ? &peer->token : &peer->account, id) && peer->has_token == is_token)
            peer_end(peer, 1008, is_token ? "the token was revoked" : "the account was disabled");
    }
}

static void take_ended(struct core *core, bool is_tokens, enum gl_code code, const struct store_rows *rows)
{
    for (size_t i = 0; code == GL_OK && i < store_rows_count(rows); i++) {
        gl_uuid id = store_uuid(rows, i, 0);
        end_all(core, &id, is_tokens);
    }
    core->revoked_in_flight--;
    mem_free(&core->revoked_asked[is_tokens]);
}

static void on_tokens(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    take_ended(ctx, true, code, rows);
}

static void on_accounts(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    take_ended(ctx, false, code, rows);
}

static void ask(struct core *core, bool is_tokens)
{
    struct map seen;
    size_t count = 0;
    map_init(&seen);
    gl_uuid *ids = mem_array(core->counts.signed_in + 1, sizeof *ids);
    for (struct peer *peer = core->peers; peer; peer = peer->next) {
        const gl_uuid *id = is_tokens ? &peer->token : &peer->account;
        if (peer->is_signed_in && peer->has_token == is_tokens && !map_put(&seen, id, peer))
            ids[count++] = *id;
    }
    map_fini(&seen);
    if (count == 0) {
        mem_free(&ids);
        return;
    }
    core->revoked_in_flight++;
    core->revoked_asked[is_tokens] = ids;
    store_query(core->store, is_tokens ? STORE_Q_tokens_ended : STORE_Q_accounts_disabled, NULL,
                (struct store_param[]){P_BYTES(ids, count * sizeof *ids)}, 1, is_tokens ? on_tokens : on_accounts, core);
}

void revoked_look(struct core *core)
{
    if (core->revoked_in_flight > 0 || core->counts.signed_in == 0)
        return;
    ask(core, true);
    ask(core, false);
}
