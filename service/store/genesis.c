#include "service/store/genesis.h"

#include <stdlib.h>

#include "service/base/random.h"

#define PAYLOAD_MAX ((size_t)1 << 20)

static json_t *must(json_t *value)
{
    if (!value) {
        abort(); /* no memory */
    }
    return value;
}

static void set(json_t *object, const char *name, json_t *value)
{
    if (json_object_set_new(object, name, must(value)) != 0) {
        abort();
    }
}

static json_t *id_text(const gl_uuid *id)
{
    char text[GL_UUID_TEXT + 1];
    gl_uuid_format(id, text);
    return must(json_string(text));
}

/* The one effect: everything that the change says, but its kind. */
static json_t *effects_of(const json_t *change)
{
    json_t *fields = must(json_copy((json_t *)change)), *effect = must(json_object()), *effects = must(json_array());
    json_object_del(fields, "kind");
    set(effect, "ids", json_array());
    set(effect, "prev", json_object());
    set(effect, "set", fields);
    if (json_array_append_new(effects, effect) != 0) {
        abort();
    }
    return effects;
}

void project_op_write(struct gl_buf *buf, enum gl_op_kind kind, const gl_uuid *op, const gl_uuid *account, uint64_t seq,
                      int64_t at_ms, uint64_t codebook, const json_t *change)
{
    json_t *intent = must(json_object());
    set(intent, "change", json_deep_copy(change));
    struct gl_op it = {.id = *op,
                       .account = *account,
                       .seq = seq,
                       .at_ms = at_ms,
                       .codebook = codebook,
                       .kind = kind,
                       .effects = effects_of(change),
                       .intent = intent};
    gl_op_write(buf, &it);
    json_decref(it.effects);
    json_decref(it.intent);
}

static void add_op(struct genesis *genesis, int i, const gl_uuid *op, enum gl_op_kind kind, const gl_uuid *owner, int64_t at_ms,
                   const json_t *change)
{
    gl_hash before = i > 0 ? genesis->chains[i - 1] : gl_chain_start(&genesis->project, NULL);
    struct store_param *params = &genesis->params[4 + 5 * i];
    gl_buf_init(&genesis->payloads[i], PAYLOAD_MAX);
    project_op_write(&genesis->payloads[i], kind, op, owner, (uint64_t)i + 1, at_ms, 0, change);
    if (genesis->payloads[i].code != GL_OK) {
        abort();
    }
    struct gl_slice payload = gl_buf_peek(&genesis->payloads[i]);
    random_bytes(genesis->salts[i], GL_SALT_BYTES);
    gl_hash leaf = gl_leaf(genesis->salts[i], payload);
    genesis->chains[i] = gl_chain_next(&before, &leaf);
    genesis->hashes[i] = gl_op_request_hash(owner, NULL, change);
    params[0] = P_UUID(*op);
    params[1] = P_BYTES(genesis->hashes[i].bytes, sizeof(genesis->hashes[i].bytes));
    params[2] = P_BYTES(genesis->salts[i], GL_SALT_BYTES);
    params[3] = P_BYTES(genesis->chains[i].bytes, sizeof(genesis->chains[i].bytes));
    params[4] = P_TEXT(payload);
}

void genesis_init(struct genesis *genesis, const gl_uuid *project, struct gl_slice name, const gl_uuid *owner, int64_t at_ms)
{
    gl_uuid create_op = gl_uuid_v7((uint64_t)at_ms), member_op = gl_uuid_v7((uint64_t)at_ms);
    *genesis = (struct genesis){.project = *project, .chain_start = gl_chain_start(project, NULL)};
    json_t *create = must(json_object()), *member = must(json_object());
    set(create, "kind", json_string(gl_op_kind_name(GL_OP_PROJECT_CREATE)));
    set(create, "name", json_stringn(name.data, name.len));
    set(member, "kind", json_string(gl_op_kind_name(GL_OP_MEMBER_SET)));
    set(member, "account", id_text(owner));
    set(member, "role", json_string(gl_role_name(GL_OWNER)));
    genesis->params[0] = P_UUID(*project);
    genesis->params[1] = P_TEXT(name);
    genesis->params[2] = P_TIME(at_ms);
    genesis->params[3] = P_BYTES(genesis->chain_start.bytes, sizeof(genesis->chain_start.bytes));
    add_op(genesis, 0, &create_op, GL_OP_PROJECT_CREATE, owner, at_ms, create);
    add_op(genesis, 1, &member_op, GL_OP_MEMBER_SET, owner, at_ms, member);
    json_decref(create);
    json_decref(member);
}

void genesis_fini(struct genesis *genesis)
{
    gl_buf_fini(&genesis->payloads[0]);
    gl_buf_fini(&genesis->payloads[1]);
}
