/*
 * tell.c - whom an op concerns: who is named in a note, whose annotation is answered, or decided about by somebody else.
 *
 * Written with the op into the inboxes of those (store.h, struct append_tell). Who is a member, and which account a name is, the database knows.
 */
#include "service/core/tell.h"

#include "service/core/group_priv.h"

#define MENTIONS_MAX 32 /* of one note; who names more people than that calls nobody */

/* ---- names in a note: @name, or @{a name with blanks} */

static bool is_plain(const char *at, const char *end)
{
    const unsigned char byte = (unsigned char)*at;
    if (byte < 0x80)
        return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || byte == '_' ||
               byte == '-' || byte == '.';
    /* Other scripts' letters. U+2000 to U+206F, U+3000 to U+303F and U+FF00 to U+FF0F hold blanks, quotes, stops. */
    if (end - at < 3 || byte < 0xE2)
        return true;
    const unsigned char second = (unsigned char)at[1], third = (unsigned char)at[2];
    return !(byte == 0xE2 && (second == 0x80 || (second == 0x81 && third <= 0xAF))) && !(byte == 0xE3 && second == 0x80) &&
           !(byte == 0xEF && second == 0xBC && third <= 0x8F);
}

static const char *skip(const char *at, const char *end)
{
    at++;
    while (at < end && ((unsigned char)*at & 0xC0) == 0x80)
        at++;
    return at;
}

static struct gl_slice plain_name(const char *at, const char *end)
{
    const char *begin = at;
    while (at < end && is_plain(at, end))
        at = skip(at, end);
    while (at > begin && (at[-1] == '.' || at[-1] == '-')) /* the end of a sentence, a dash */
        at--;
    return gl_slice_of(begin, (size_t)(at - begin));
}

/* Where the braces after the @ close: near, or they hold no name. So that a note full of @{ is not read to its end from each. */
static const char *closing(const char *at, const char *end)
{
    if (end - at < 2 || at[1] != '{')
        return NULL;
    const size_t rest = (size_t)(end - at) - 2;
    return memchr(at + 2, '}', rest <= GL_LABEL_MAX_BYTES ? rest : GL_LABEL_MAX_BYTES + 1);
}

/* A name in a note, from *at on; empty: no more. */
static struct gl_slice next_mention(struct gl_slice note, size_t *at)
{
    const char *end = note.data + note.len;
    for (const char *from = note.data + *at; from < end; from++) {
        if (*from != '@' || (from > note.data && (unsigned char)from[-1] < 0x80 && is_plain(from - 1, from)))
            continue; /* as in an address; other scripts put no blank before it */
        const char *close = closing(from, end);
        struct gl_slice name = close ? gl_slice_of(from + 2, (size_t)(close - from) - 2) : plain_name(from + 1, end);
        if (name.len == 0 || name.len > GL_LABEL_MAX_BYTES)
            continue;
        *at = (size_t)(name.data - note.data) + name.len;
        return name;
    }
    *at = note.len;
    return gl_slice_of(NULL, 0);
}

static bool mentions(struct gl_slice note, struct gl_slice name)
{
    struct gl_slice found;
    for (size_t at = 0; (found = next_mention(note, &at)).len > 0;)
        if (gl_slice_equal(found, name))
            return true;
    return false;
}

/* ---- what an op tells */

struct telling {
    tell_fn fn;
    void *ctx;
    const gl_uuid *by;
};

static void tell_account(const struct telling *it, const char *why, const gl_uuid *account)
{
    if (!gl_uuid_equal(account, it->by))
        it->fn(it->ctx, why, account, gl_slice_of(NULL, 0));
}

static void tell_mentioned(const struct telling *it, const struct gl_annotation *before, const struct gl_annotation *after)
{
    if (!memchr(after->canonical.data, '@', after->canonical.len)) /* nearly always: then the record need not be read */
        return;
    struct gl_slice name, note = gl_annotation_note(after);
    const struct gl_slice old = before ? gl_annotation_note(before) : gl_slice_of(NULL, 0);
    size_t count = 0;
    for (size_t at = 0; (name = next_mention(note, &at)).len > 0 && count <= MENTIONS_MAX;)
        count++;
    if (count > MENTIONS_MAX)
        return;
    for (size_t at = 0; (name = next_mention(note, &at)).len > 0;)
        if (!mentions(old, name))
            it->fn(it->ctx, "mention", NULL, name);
}

static const char *decision(enum gl_status before, enum gl_status after)
{
    if (before == after || after == GL_PROPOSED)
        return NULL;
    if (after == GL_ACTIVE)
        return before == GL_PROPOSED ? NULL : "reopened";
    return gl_status_name(after);
}

void tell_each(enum gl_op_kind kind, const gl_uuid *by, const struct gl_annotation *before, const struct gl_annotation *after,
               const gl_uuid *answered, tell_fn fn, void *ctx)
{
    const struct telling it = {fn, ctx, by};
    if (kind == GL_OP_ANNOTATION_CREATE && answered)
        tell_account(&it, "reply", answered);
    if (kind == GL_OP_ANNOTATION_UPDATE && before && decision(before->status, after->status))
        tell_account(&it, decision(before->status, after->status), &after->creator);
    if (kind == GL_OP_ANNOTATION_CREATE || kind == GL_OP_ANNOTATION_UPDATE)
        tell_mentioned(&it, before, after);
}

/* ---- of an append */

struct part_telling {
    struct part *part;
    size_t row;
    gl_uuid annotation;
};

static void add(void *ctx, const char *why, const gl_uuid *account, struct gl_slice name)
{
    const struct part_telling *it = ctx;
    struct part *part = it->part;
    part->tells = mem_grow(part->tells, &part->tell_cap, part->tell_count + 1, sizeof *part->tells);
    struct append_tell *tell = &part->tells[part->tell_count++];
    *tell = (struct append_tell){.op = it->row, .annotation = it->annotation, .why = why, .name = name};
    if (account)
        tell->account = *account;
}

void part_tell(struct part *part, const struct tried *tried, enum gl_op_kind kind, const struct gl_annotation *before,
               const struct gl_annotation *after)
{
    struct part_telling it = {part, tried->row, after->id};
    const bool is_reply = after->target_kind == GL_TARGET_ANNOTATION;
    const struct gl_annotation *parent = is_reply ? judge_find(&part->view, &after->link.from) : NULL;
    tell_each(kind, &tried->op->account, before, after, parent ? &parent->creator : NULL, add, &it);
}
