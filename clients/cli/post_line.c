#include "clients/cli/post_line.h"

#include <assert.h>

#include "clients/cli/args.h"
#include "clients/cli/heap.h"
#include "clients/cli/safe.h"

enum kind { TEXT, NUMBER, OBJECT, LIST };

static const struct member {
    const char *name;
    enum kind kind;
    bool is_of_span; /* belongs to the place, not to the annotation */
} members[] = {
    {"id", TEXT, false},    {"label", TEXT, false},  {"start", NUMBER, true},       {"end", NUMBER, true},
    {"exact", TEXT, true},  {"prefix", TEXT, true},  {"suffix", TEXT, true},        {"nth", NUMBER, true},
    {"note", TEXT, false},  {"status", TEXT, false}, {"attributes", OBJECT, false}, {"confidence", NUMBER, false},
    {"agent", TEXT, false}, {"spans", LIST, false},
};
#define MEMBER_COUNT (sizeof members / sizeof members[0])

static const struct member *find_member(const char *name)
{
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        if (strcmp(members[i].name, name) == 0) {
            return &members[i];
        }
    }
    return NULL;
}

static enum gl_code refuse_member(const char *name, struct gl_err *err)
{
    const char *names[MEMBER_COUNT + 1] = {0};
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        names[i] = members[i].name;
    }
    const char *nearest = args_nearest(name, names);
    return gl_fail(err, GL_E_INVALID_PARAMS, "a line has no member \"%.64s\"%s%s%s", name, nearest ? "; did you mean \"" : "",
                   nearest ? nearest : "", nearest ? "\"?" : "");
}

static enum gl_code check_member(const char *name, const json_t *value, struct gl_err *err)
{
    static const char *const kinds[] = {"a string", "a whole number", "an object", "an array"};
    const struct member *member = find_member(name);
    if (!member) {
        return refuse_member(name, err);
    }
    bool fits = member->kind == TEXT     ? json_is_string(value)
                : member->kind == NUMBER ? json_is_integer(value)
                : member->kind == OBJECT ? json_is_object(value)
                                         : json_is_array(value);
    if (!fits) {
        return gl_fail(err, GL_E_INVALID_PARAMS, "\"%s\" must be %s%s", name, kinds[member->kind],
                       strcmp(name, "confidence") == 0 ? " in thousandths, 0 to 1000" : "");
    }
    return GL_OK;
}

static enum gl_code check_line(const json_t *line, struct gl_err *err)
{
    const char *name;
    json_t *value;
    if (!json_is_object(line)) {
        return gl_fail(err, GL_E_INVALID_PARAMS,
                       "a line must be a JSON object, {\"label\",\"start\",\"end\"} or {\"label\",\"exact\"}");
    }
    json_object_foreach((json_t *)line, name, value)
    {
        enum gl_code code = check_member(name, value, err);
        if (code != GL_OK) {
            return code;
        }
    }
    bool has_start = json_object_get(line, "start"), has_end = json_object_get(line, "end"),
         has_exact = json_object_get(line, "exact"), has_spans = json_object_get(line, "spans");
    if (has_start != has_end) {
        return gl_fail(err, GL_E_INVALID_PARAMS, "\"start\" and \"end\" belong together");
    }
    if (has_spans && (has_start || has_exact)) {
        return gl_fail(err, GL_E_INVALID_PARAMS,
                       "\"spans\" says where in several pieces; leave out \"start\", \"end\" and \"exact\"");
    }
    if (!has_start && !has_exact && !has_spans) {
        return gl_fail(err, GL_E_INVALID_PARAMS, "a line must say where: \"start\" and \"end\", or \"exact\", or \"spans\"");
    }
    if (!json_object_get(line, "label") && !json_object_get(line, "note")) {
        return gl_fail(err, GL_E_INVALID_PARAMS, "a line must say what: a \"label\" (or a \"note\")");
    }
    return GL_OK;
}

gl_uuid post_line_id(const struct post_run *run, struct gl_slice canonical, uint64_t occurrence)
{
    struct gl_buf bytes;
    gl_buf_init(&bytes, SIZE_MAX);
    gl_buf_str(&bytes, run->account);
    gl_buf_byte(&bytes, '\0');
    gl_buf_str(&bytes, run->session);
    gl_buf_byte(&bytes, '\0');
    gl_buf_str(&bytes, run->run ? run->run : "");
    gl_buf_byte(&bytes, '\0');
    gl_buf_slice(&bytes, canonical);
    gl_buf_byte(&bytes, '\0');
    gl_buf_u64(&bytes, occurrence);
    heap_check(&bytes);
    gl_uuid id = gl_uuid_derive("gloss.post", bytes.data, bytes.len);
    gl_buf_fini(&bytes);
    return id;
}

static enum gl_code find_id(struct post_run *run, const json_t *line, gl_uuid *id, struct gl_err *err)
{
    const json_t *given = json_object_get(line, "id");
    if (given) {
        return gl_uuid_parse(gl_slice_of(json_string_value(given), json_string_length(given)), id)
                   ? GL_OK
                   : gl_fail(err, GL_E_INVALID_PARAMS,
                             "\"id\" must be a UUID in lower case; without it one is made from the line");
    }
    struct gl_buf canonical;
    gl_buf_init(&canonical, SIZE_MAX);
    gl_canon_write(&canonical, line);
    enum gl_code code = canonical.code;
    if (code == GL_OK) {
        *id = post_line_id(run, gl_buf_peek(&canonical), tally_count(&run->tally, gl_buf_peek(&canonical)));
    } else {
        gl_fail(err, code, "the line's names of attributes must be ASCII");
    }
    gl_buf_fini(&canonical);
    return code;
}

static json_t *make_change(const struct post_run *run, const json_t *line)
{
    json_t *span = json_object(), *change = json_pack("{s:s}", "kind", "annotation.create");
    const char *name;
    json_t *value;
    if (run->agent) {
        json_object_set_new(change, "agent", json_string(run->agent));
    }
    if (run->run) {
        json_object_set_new(change, "run", json_string(run->run));
    }
    json_object_foreach((json_t *)line, name, value)
    {
        const struct member *member = find_member(name);
        assert(member); /* check_line has let nothing else through */
        if (strcmp(name, "id") != 0 && strcmp(name, "spans") != 0) {
            json_object_set(member->is_of_span ? span : change, name, value);
        }
    }
    json_t *spans = json_object_get(line, "spans");
    spans = spans ? json_incref(spans) : json_pack("[O]", span);
    json_object_set_new(change, "target", json_pack("{s:s, s:o}", "type", "spans", "spans", spans));
    json_decref(span);
    return change;
}

enum gl_code post_line_read(struct post_run *run, struct gl_slice text, json_t **op, struct gl_err *err)
{
    json_t *line = NULL;
    gl_uuid id;
    char id_text[GL_UUID_TEXT + 1];
    *op = NULL;
    if (text.len > POST_LINE_MAX) {
        return gl_fail(err, GL_E_TOO_LARGE, "the line has more than 64 KiB");
    }
    struct gl_err why = {0};
    enum gl_code code = gl_json_load(text, &line, &why);
    if (code != GL_OK) {
        return gl_fail(err, code,
                       "it is not JSON (%.300s); write one object a line, such as {\"label\":\"claim\",\"exact\":\"words\"}",
                       why.detail);
    }
    code = check_line(line, err);
    if (code == GL_OK && run->attributes) { /* they are part of the line, and so of its id */
        json_t *own = json_object_get(line, "attributes"), *all = own ? json_incref(own) : json_object();
        json_object_update_missing(all, run->attributes);
        json_object_set_new(line, "attributes", all);
    }
    if (code == GL_OK) {
        code = find_id(run, line, &id, err);
    }
    if (code == GL_OK) {
        gl_uuid_format(&id, id_text);
        *op = json_pack("{s:s, s:o}", "id", id_text, "change", make_change(run, line));
    }
    json_decref(line);
    return code;
}
