#include "clients/cli/stream.h"

#include "clients/cli/link.h"
#include "clients/cli/refused.h"
#include "clients/cli/say.h"
#include "proto/gl_json.h"

#define TRIES 3

static const char *string_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* An op_result's error in the form of the library's. */
static void take_error(const json_t *told, struct gloss_error *error)
{
    json_t *data = json_object_get(told, "data");
    *error = (struct gloss_error){.code = (int)json_integer_value(json_object_get(told, "code")), .data = json_incref(data)};
    snprintf(error->name, sizeof error->name, "%s", string_of(data, "name"));
    snprintf(error->message, sizeof error->message, "%s", string_of(told, "message"));
    snprintf(error->path, sizeof error->path, "%s", string_of(data, "path"));
}

/* A term of the codebook that somebody changed meanwhile, or a document. */
static int say_refused(struct cli *cli, const json_t *told)
{
    struct gloss_error error;
    take_error(told, &error);
    int status = fail_error(cli, error_is_unknown(error.code) ? "it is not known whether this was changed" : "refused", &error);
    const json_t *current = json_object_get(error.data, "current");
    if (error.code == GLOSS_E_STALE && current) {
        struct gl_buf text;
        gl_buf_init(&text, SIZE_MAX);
        put_json(&text, current);
        say_more(cli, "it is now: %s", gl_buf_cstr(&text));
        gl_buf_fini(&text);
    }
    gloss_error_clear(&error);
    return status;
}

static const json_t *refusal_of(const json_t *answer)
{
    return json_object_get(json_array_get(json_object_get(answer, "results"), 0), "error");
}

/* Whether asking again, under the same id, may end well. */
static bool is_worth_another_try(int code)
{
    return error_is_unknown(code) || code == GLOSS_E_BUSY;
}

int stream_submit(struct cli *cli, const char *project, json_t *change, struct stream_result *result)
{
    struct gloss_error error = {0};
    uint64_t base = 0;
    bool has_base;
    json_t *answer = NULL;
    *result = (struct stream_result){0};
    gloss_new_id(result->op);
    int code = 0, status = cli_number(cli, OPT_term_base, 0, GL_INT_MAX, &base, &has_base);
    json_t *op = json_pack("{s:s, s:o}", "id", result->op, "change", change);
    if (has_base) {
        json_object_set_new(op, "base", json_integer((json_int_t)base));
    }
    bool is_unknown = false; /* one of the tries may have come through */
    for (int i = 0, said = 0; status == 0 && i < TRIES && (i == 0 || is_worth_another_try(said)); i++) {
        gloss_error_clear(&error);
        json_decref(answer);
        code = link_try(cli, "project.submit", json_pack("{s:s, s:[O]}", "project", project, "ops", op), &answer, &error);
        said = code ? code : (int)json_integer_value(json_object_get(refusal_of(answer), "code"));
        is_unknown |= error_is_unknown(said);
    }
    const json_t *its = json_array_get(json_object_get(answer, "results"), 0), *refusal = refusal_of(answer);
    if (status == 0 && code) {
        status = fail_error(cli, is_unknown ? "it is not known whether this was changed" : "nothing was changed", &error);
    } else if (refusal) {
        status = say_refused(cli, refusal);
    } else if (status == 0) {
        result->seq = (uint64_t)json_integer_value(json_object_get(its, "seq"));
        snprintf(result->made, sizeof result->made, "%s", string_of(its, "made"));
    }
    gloss_error_clear(&error);
    json_decref(answer);
    json_decref(op);
    return status;
}
