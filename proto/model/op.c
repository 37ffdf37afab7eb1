/* op.c - the payload of an op, written and read. */
#include "proto/model/op.h"

#include "proto/gl_mutation.h"

static const char *const kind_names[GL_OP_KIND_COUNT] = {
    [GL_OP_ANNOTATION_CREATE] = "annotation.create", [GL_OP_ANNOTATION_UPDATE] = "annotation.update",
    [GL_OP_ANNOTATION_DELETE] = "annotation.delete", [GL_OP_ANNOTATION_RESTORE] = "annotation.restore",
    [GL_OP_SESSION_MODE] = "session.mode",           [GL_OP_PROJECT_CREATE] = "project.create",
    [GL_OP_LABEL_CREATE] = "label.create",           [GL_OP_CODEBOOK_POLICY] = "codebook.policy",
    [GL_OP_DOCUMENT_CREATE] = "document.create",     [GL_OP_MEMBER_SET] = "member.set",
    [GL_OP_LABEL_UPDATE] = "label.update",           [GL_OP_ATTRIBUTE_CREATE] = "attribute.create",
    [GL_OP_ATTRIBUTE_UPDATE] = "attribute.update",   [GL_OP_RELATION_CREATE] = "relation.create",
    [GL_OP_RELATION_UPDATE] = "relation.update",     [GL_OP_PROJECT_UPDATE] = "project.update",
    [GL_OP_DOCUMENT_UPDATE] = "document.update",     [GL_OP_REDACT] = "redact",
#ifdef GLOSS_NEXT
    [GL_OP_ANNOTATION_REMARK] = "annotation.remark",
#endif
};

const char *gl_op_kind_name(enum gl_op_kind kind)
{
    return (unsigned)kind < GL_OP_KIND_COUNT ? kind_names[kind] : "unknown";
}

bool gl_op_kind_parse(struct gl_slice name, enum gl_op_kind *kind)
{
    for (unsigned i = 0; i < GL_OP_KIND_COUNT; i++) {
        if (gl_slice_is(name, kind_names[i])) {
            *kind = (enum gl_op_kind)i;
            return true;
        }
    }
    return false;
}

bool gl_op_is_of_session(enum gl_op_kind kind)
{
    return kind <= GL_OP_SESSION_MODE || kind == GL_OP_REDACT || gl_op_is_next(kind);
}

bool gl_op_is_of_codebook(enum gl_op_kind kind)
{
    switch (kind) {
    case GL_OP_LABEL_CREATE:
    case GL_OP_LABEL_UPDATE:
    case GL_OP_ATTRIBUTE_CREATE:
    case GL_OP_ATTRIBUTE_UPDATE:
    case GL_OP_RELATION_CREATE:
    case GL_OP_RELATION_UPDATE:
    case GL_OP_CODEBOOK_POLICY: return true;
    default: return false;
    }
}

static void write_uuid(struct gl_buf *buf, const char *before, const gl_uuid *id)
{
    gl_buf_str(buf, before);
    gl_buf_byte(buf, '"');
    gl_buf_uuid(buf, id);
    gl_buf_byte(buf, '"');
}

static void write_number(struct gl_buf *buf, const char *before, uint64_t value)
{
    gl_buf_str(buf, before);
    gl_buf_u64(buf, value);
}

/* Member names in their canonical order, written out: an op is written for each change, and sorting them each time tells nothing new. */
void gl_op_write(struct gl_buf *buf, const struct gl_op *op)
{
    char at[GL_TIME_TEXT + 1];
    gl_time_format(op->at_ms, at);
    write_uuid(buf, "{\"account\":", &op->account);
    gl_buf_str(buf, ",\"at\":\"");
    gl_buf_str(buf, at);
    write_number(buf, "\",\"codebook\":", op->codebook);
    gl_buf_str(buf, ",\"effects\":");
    gl_canon_write(buf, op->effects);
    gl_buf_str(buf, ",\"intent\":");
    if (op->intent_canonical.len > 0) {
        gl_buf_slice(buf, op->intent_canonical);
    } else {
        gl_canon_write(buf, op->intent);
    }
    gl_buf_str(buf, ",\"kind\":\"");
    gl_buf_str(buf, gl_op_kind_name(op->kind));
    write_uuid(buf, "\",\"op\":", &op->id);
    write_number(buf, ",\"seq\":", op->seq);
    if (op->has_step) {
        write_uuid(buf, ",\"step\":", &op->step);
    }
    gl_buf_byte(buf, '}');
}

static bool are_uuids(const json_t *list)
{
    gl_uuid ignored;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *id = json_array_get(list, i);
        if (!json_is_string(id) || !gl_uuid_parse(gl_slice_of(json_string_value(id), json_string_length(id)), &ignored)) {
            return false;
        }
    }
    return json_is_array(list);
}

static enum gl_code check_effects(const json_t *effects, struct gl_err *err)
{
    for (size_t i = 0; i < json_array_size(effects); i++) {
        const json_t *effect = json_array_get(effects, i);
        bool is_good = are_uuids(json_object_get(effect, "ids")) && json_is_object(json_object_get(effect, "prev")) &&
                       json_is_object(json_object_get(effect, "set"));
        if (!is_good || json_object_size(effect) > 3) {
            return gl_fail_at(err, is_good ? GL_E_UPGRADE : GL_E_MALFORMED, "effects", "effect %zu of the op cannot be read", i);
        }
    }
    return GL_OK;
}

static void read_kind(struct gl_reader *reader, const json_t *payload, struct gl_op *op)
{
    struct gl_slice kind = gl_read_str(reader, payload, "kind", 64, GL_REQUIRED, NULL);
    if (reader->code == GL_OK && !gl_op_kind_parse(kind, &op->kind)) {
        gl_reader_fail(reader, GL_E_UPGRADE, "this version does not know ops of the kind %.*s", (int)kind.len, kind.data);
    }
}

static void read_at(struct gl_reader *reader, const json_t *payload, struct gl_op *op)
{
    struct gl_slice at = gl_read_str(reader, payload, "at", GL_TIME_TEXT, GL_REQUIRED, NULL);
    if (reader->code == GL_OK && !gl_time_parse(at, &op->at_ms)) {
        gl_reader_fail(reader, GL_E_MALFORMED, "the op's time cannot be read");
    }
}

static void read_members(struct gl_reader *reader, json_t *payload, struct gl_op *op)
{
    static const char *const members[] = {"account", "at", "codebook", "effects", "intent", "kind", "op", "seq", "step", NULL};
    op->account = gl_read_uuid(reader, payload, "account", GL_REQUIRED, NULL);
    op->codebook = gl_read_u64(reader, payload, "codebook", GL_INT_MAX, GL_REQUIRED, NULL);
    op->id = gl_read_uuid(reader, payload, "op", GL_REQUIRED, NULL);
    op->seq = gl_read_u64(reader, payload, "seq", GL_INT_MAX, GL_REQUIRED, NULL);
    op->step = gl_read_uuid(reader, payload, "step", 0, &op->has_step);
    op->effects = (json_t *)(uintptr_t)gl_read_list(reader, payload, "effects", SIZE_MAX, GL_REQUIRED, NULL);
    op->intent = (json_t *)(uintptr_t)gl_read_object(reader, payload, "intent", GL_REQUIRED, NULL);
    read_at(reader, payload, op);
    read_kind(reader, payload, op);
    if (reader->code == GL_OK) {
        gl_read_only(reader, payload, members);
        if (reader->code != GL_OK) {
            reader->code = reader->err.code = GL_E_UPGRADE; /* a member that a newer version writes */
        }
    }
}

enum gl_code gl_op_read(json_t *payload, struct gl_op *op, struct gl_err *err)
{
    struct gl_reader reader;
    *op = (struct gl_op){.seq = 0};
    gl_reader_init(&reader, NULL);
    read_members(&reader, payload, op);
    enum gl_code code = reader.code == GL_E_INVALID_PARAMS ? GL_E_MALFORMED : reader.code;
    if (code != GL_OK) {
        gl_fail_at(err, code, reader.err.path, "%s", reader.err.detail);
    } else {
        code = check_effects(op->effects, err);
    }
    if (code != GL_OK) {
        *op = (struct gl_op){.seq = 0};
    } else {
        op->root = json_incref(payload);
    }
    return code;
}

const json_t *gl_op_erased(const struct gl_op *op)
{
    const json_t *effect = json_array_get(op->effects, 0), *set = json_object_get(effect, "set"),
                 *ops = json_object_get(set, "ops");
    json_int_t before = 0;
    if (json_array_size(json_object_get(effect, "ids")) > 0 || json_object_size(set) != 1 || !json_is_array(ops)) {
        return NULL;
    }
    for (size_t i = 0; i < json_array_size(ops); i++) {
        json_int_t seq = json_integer_value(json_array_get(ops, i)); /* 0 of what is no number */
        if (seq <= before || (uint64_t)seq >= op->seq) {
            return NULL;
        }
        before = seq;
    }
    return ops;
}

void gl_op_fini(struct gl_op *op)
{
    json_decref(op->root);
    *op = (struct gl_op){.seq = 0};
}

gl_hash gl_op_request_canonical(struct gl_buf *buf, const gl_uuid *account, const json_t *base, const json_t *change,
                                struct gl_slice *intent)
{
    gl_hash hash = {{0}};
    *intent = gl_slice_of(NULL, 0);
    write_uuid(buf, "{\"account\":", account);
    const size_t behind_account = buf->len;
    if (base && !MUTATION(hash_without_base)) {
        gl_buf_str(buf, ",\"base\":");
        gl_canon_write(buf, base);
    }
    gl_buf_str(buf, ",\"change\":");
    gl_canon_write(buf, change);
    gl_buf_byte(buf, '}');
    /* What cannot be written in canonical form is refused before anybody asks whether it was sent twice. */
    if (buf->code == GL_OK) {
        hash = gl_sha256(buf->data, buf->len);
        buf->data[behind_account] = '{'; /* instead of the comma: what follows is the intent */
        *intent = gl_slice_of(buf->data + behind_account, buf->len - behind_account);
    }
    return hash;
}

gl_hash gl_op_request_hash(const gl_uuid *account, const json_t *base, const json_t *change)
{
    struct gl_buf buf;
    struct gl_slice intent;
    gl_buf_init(&buf, SIZE_MAX);
    gl_hash hash = gl_op_request_canonical(&buf, account, json_is_null(base) ? NULL : base, change, &intent);
    gl_buf_fini(&buf);
    return hash;
}

/* domain: 16 bytes at most. */
static gl_uuid derived_id(struct gl_slice domain, const gl_uuid *op)
{
    char input[2 * sizeof op->bytes];
    gl_uuid id;
    memcpy(input, domain.data, domain.len);
    memcpy(input + domain.len, op->bytes, sizeof op->bytes);
    gl_hash hash = gl_sha256(input, domain.len + sizeof op->bytes);
    memcpy(id.bytes, hash.bytes, sizeof id.bytes);
    id.bytes[6] = (uint8_t)((id.bytes[6] & 0x0F) | 0x80);
    id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3F) | 0x80);
    return id;
}

gl_uuid gl_op_annotation_id(const gl_uuid *op)
{
    return derived_id(GL_SLICE("gloss.annotation"), op);
}

gl_uuid gl_op_term_id(const gl_uuid *op)
{
    return derived_id(GL_SLICE("gloss.term"), op);
}
