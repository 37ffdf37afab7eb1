/*
 * protocol.c - writes PROTOCOL.md: PROTOCOL.in.md with the lines @methods@, @notices@, @parts@ and @errors@ replaced by what the
 * tables and the examples say. An example is a list of steps: {"note"}, {"client"} or {"server"} with a message, {"client_text"} with
 * what is no JSON.
 */
#include <inttypes.h>
#include <stdio.h>

#include "proto/gen/writers.h"
#include "proto/gl_json.h"

#define WIDTH 116

static const char *const kind_words[] = {
    [UUID] = "UUID", [U64] = "number", [I64] = "number", [BOOL] = "boolean",  [STR] = "string",         [SHA256] = "SHA-256",
    [TIME] = "time", [JSON] = "",      [OBJ] = "",       [LIST] = "list of ", [UUIDS] = "list of UUID",
};

/* ---- tables */

static void write_type(struct gl_buf *out, const struct field *field)
{
    gl_buf_str(out, kind_words[field->kind]);
    if (field->kind == OBJ || field->kind == LIST) {
        gl_buf_printf(out, "[%s](#%s)", field->of, field->of);
    } else if (field->kind == JSON) {
        gl_buf_printf(out, "%s", field->of);
    }
    if (field->kind == STR) {
        gl_buf_printf(out, ", ≤ %" PRIu64 " bytes", field->max);
    } else if (field->kind == LIST || field->kind == UUIDS || (field->kind == U64 && field->max)) {
        gl_buf_printf(out, ", ≤ %" PRIu64, field->max);
    }
}

static void write_table(struct gl_buf *out, const struct shape *shape, const char *what)
{
    if (shape->count == 0) {
        gl_buf_printf(out, "%s: none, `{}`.\n\n", what);
        return;
    }
    gl_buf_printf(out, "| %s | type | | |\n|---|---|---|---|\n", what);
    for (size_t i = 0; i < shape->count; i++) {
        const struct field *field = &shape->fields[i];
        gl_buf_printf(out, "| `%s` | ", field->name);
        write_type(out, field);
        gl_buf_printf(out, " | %s | %s |\n", field->is_required ? "" : "optional", field->doc);
    }
    gl_buf_byte(out, '\n');
}

static void write_right(struct gl_buf *out, const struct message *method)
{
    if (strcmp(method->role, "NOBODY") == 0) {
        gl_buf_str(out, "Needs nothing.\n\n");
    } else if (strcmp(method->role, "SIGNED_IN") == 0) {
        gl_buf_str(out, "Needs to be signed in.\n\n");
    } else {
        gl_buf_str(out, "Needs the role ");
        print_lower(out, method->role);
        if (strcmp(method->scope, "NONE") != 0) {
            bool is_project = strcmp(method->scope, "PROJECT") == 0;
            gl_buf_str(out, is_project ? " in that " : " in the project of that ");
            print_lower(out, method->scope);
        }
        gl_buf_str(out, ".\n\n");
    }
}

/* ---- examples */

static void write_step(struct gl_buf *out, const json_t *step)
{
    const json_t *client = json_object_get(step, "client"), *server = json_object_get(step, "server");
    if (client || server) {
        gl_buf_str(out, client ? "Client:\n\n```json\n" : "Server:\n\n```json\n");
        print_json(out, client ? client : server, 0, WIDTH);
        gl_buf_str(out, "\n```\n\n");
    } else if (json_object_get(step, "client_text")) {
        gl_buf_printf(out, "Client:\n\n```text\n%s\n```\n\n", json_string_value(json_object_get(step, "client_text")));
    } else {
        const char *note = json_string_value(json_object_get(step, "note"));
        gl_buf_printf(out, "%s\n\n", note ? note : "");
    }
}

static void write_steps(struct gl_buf *out, const json_t *steps)
{
    size_t i;
    json_t *step;
    json_array_foreach(steps, i, step)
    {
        write_step(out, step);
    }
}

static void write_examples(struct gl_buf *out, const struct source *source, const char *c_name)
{
    char name[128];
    snprintf(name, sizeof(name), "examples/%s.json", c_name);
    json_t *steps = load_source_json(source, name);
    if (!steps && out->code == GL_OK) {
        out->code = GL_E_INVALID_PARAMS;
    }
    write_steps(out, steps);
    json_decref(steps);
}

/* ---- the four lists */

static void write_methods(struct gl_buf *out, const struct source *source)
{
    const struct table *table = source->table;
    for (size_t i = 0; i < table->method_count; i++) {
        const struct message *method = &table->messages[i];
        gl_buf_printf(out, "### %s\n\n%s ", method->name, method->doc);
        write_right(out, method);
        write_table(out, method->params, "params");
        write_table(out, method->result, "result");
        write_examples(out, source, method->c_name);
    }
}

static void write_notices(struct gl_buf *out, const struct source *source)
{
    const struct table *table = source->table;
    for (size_t i = table->method_count; i < table->message_count; i++) {
        const struct message *notice = &table->messages[i];
        gl_buf_printf(out, "### %s\n\n%s\n\n", notice->name, notice->doc);
        write_table(out, notice->params, "params");
        write_examples(out, source, notice->c_name);
    }
}

static void write_parts(struct gl_buf *out, const struct source *source)
{
    const struct table *table = source->table;
    for (size_t i = 0; i < table->part_count; i++) {
        gl_buf_printf(out, "### %s\n\n%c%s.\n\n", table->shapes[i].c_name, table->shapes[i].doc[0] - 'a' + 'A',
                      table->shapes[i].doc + 1);
        write_table(out, &table->shapes[i], "member");
    }
}

static void write_error_list(struct gl_buf *out, const struct table *table)
{
    static const char *const retries[] = {"no", "look first", "later"};
    gl_buf_str(out, "| name | code | send again? | connection stays | |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < table->error_count; i++) {
        enum gl_code code = table->errors[i].code;
        if (error_is_sent(&table->errors[i])) {
            gl_buf_printf(out, "| [%s](#%s) | %d | %s | %s | %s |\n", gl_code_name(code), gl_code_name(code), gl_code_wire(code),
                          retries[gl_code_retry(code)], gl_code_keeps_connection(code) ? "yes" : "no", gl_code_sentence(code));
        }
    }
    gl_buf_byte(out, '\n');
}

static void write_errors(struct gl_buf *out, const struct source *source)
{
    const struct table *table = source->table;
    json_t *examples = load_source_json(source, "examples/errors.json");
    write_error_list(out, table);
    for (size_t i = 0; i < table->error_count; i++) {
        const char *name = gl_code_name(table->errors[i].code);
        const json_t *steps = json_object_get(examples, name);
        if (!error_is_sent(&table->errors[i])) {
            continue;
        }
        if (!steps) {
            fprintf(stderr, "wiregen: examples/errors.json: %s has no example\n", name);
            out->code = GL_E_INVALID_PARAMS;
        }
        gl_buf_printf(out, "### %s\n\n", name);
        write_steps(out, steps);
    }
    json_decref(examples);
}

/* ---- the page */

static const struct {
    const char *line;
    void (*write)(struct gl_buf *out, const struct source *source);
} insertions[] = {
    {"@methods@", write_methods},
    {"@notices@", write_notices},
    {"@parts@", write_parts},
    {"@errors@", write_errors},
};

static void write_line(struct gl_buf *out, const struct source *source, struct gl_slice line)
{
    for (size_t i = 0; i < sizeof(insertions) / sizeof(insertions[0]); i++) {
        if (gl_slice_is(line, insertions[i].line)) {
            insertions[i].write(out, source);
            return;
        }
    }
    gl_buf_slice(out, line);
    gl_buf_byte(out, '\n');
}

/* What is inserted ends in an empty line, and so does what stands before it in the page: one is enough. */
static void squeeze_empty_lines(struct gl_buf *out)
{
    size_t to = 0;
    for (size_t from = 0; from < out->len; from++) {
        bool is_third = to >= 2 && out->data[from] == '\n' && out->data[to - 1] == '\n' && out->data[to - 2] == '\n';
        if (!is_third) {
            out->data[to++] = out->data[from];
        }
    }
    out->len = to;
}

void write_protocol(struct gl_buf *out, const struct source *source)
{
    struct gl_buf page;
    gl_buf_init(&page, out->max);
    read_source_file(&page, source, "PROTOCOL.in.md");
    for (size_t at = 0; at < page.len;) {
        const char *end = memchr(page.data + at, '\n', page.len - at);
        size_t len = end ? (size_t)(end - (page.data + at)) : page.len - at;
        write_line(out, source, gl_slice_of(page.data + at, len));
        at += len + 1;
    }
    if (page.code != GL_OK) {
        out->code = page.code;
    }
    squeeze_empty_lines(out);
    gl_buf_fini(&page);
}
