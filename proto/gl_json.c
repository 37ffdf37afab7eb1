/*
 * gl_json.c - JSON read strictly. The plain case is read in gl_json_plain.c; for the rest our own scan for what jansson does not limit, then jansson.
 *
 * The scan knows only strings, brackets and numbers, and leaves everything else to the parser. It runs first, because depth must be known
 * before anything recurses, and because afterwards nobody knows that 1.0 was not written as 1.
 */
#include "proto/gl_json_priv.h"

struct scan {
    const char *at;
    const char *end;
    const char *start;
    unsigned depth;
    struct gl_err *err;
};

static size_t offset_of(const struct scan *scan)
{
    return (size_t)(scan->at - scan->start);
}

/* Gives the byte behind the closing quote, or the end when there is none; the parser will say so. */
static const char *behind_string(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++) {
        if (*at == '\\' && at + 1 < end) {
            at++;
        }
    }
    return at < end ? at + 1 : end;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static enum gl_code scan_number(struct scan *scan)
{
    const char *at = scan->at;
    uint64_t value = 0;
    if (*at == '-') {
        at++;
    }
    for (; at < scan->end && is_digit(*at); at++) {
        value = value * 10 + (uint64_t)(*at - '0');
        if (value > (uint64_t)GL_INT_MAX) {
            return gl_fail(scan->err, GL_E_MALFORMED, "byte %zu: integers end at 9007199254740991 (2^53 - 1)", offset_of(scan));
        }
    }
    if (at < scan->end && (*at == '.' || *at == 'e' || *at == 'E')) {
        return gl_fail(scan->err, GL_E_MALFORMED, "byte %zu: numbers are integers, without a fraction or an exponent",
                       offset_of(scan));
    }
    scan->at = at;
    return GL_OK;
}

static enum gl_code scan_open(struct scan *scan)
{
    if (++scan->depth > GL_JSON_DEPTH_MAX) {
        return gl_fail(scan->err, GL_E_MALFORMED, "byte %zu: nested more than %d deep", offset_of(scan), GL_JSON_DEPTH_MAX);
    }
    scan->at++;
    return GL_OK;
}

static enum gl_code check_limits(struct gl_slice text, struct gl_err *err)
{
    struct scan scan = {.at = text.data, .start = text.data, .end = text.data + text.len, .err = err};
    enum gl_code code = GL_OK;
    while (scan.at < scan.end && code == GL_OK) {
        char c = *scan.at;
        if (c == '"') {
            scan.at = behind_string(scan.at, scan.end);
        } else if (c == '{' || c == '[') {
            code = scan_open(&scan);
        } else if (c == '-' || is_digit(c)) {
            code = scan_number(&scan);
        } else {
            if ((c == '}' || c == ']') && scan.depth > 0) {
                scan.depth--;
            }
            scan.at++;
        }
    }
    return code;
}

/* jansson's sentence ends in a piece of the text ("near 'secret'"); ours must not carry that. */
static int words_without_text(const json_error_t *error)
{
    const char *near = strstr(error->text, " near ");
    return (int)(near ? (size_t)(near - error->text) : strlen(error->text));
}

/* NULL: jansson's own words do. */
static const char *words_for(enum json_error_code why)
{
    switch (why) {
    case json_error_invalid_utf8: return "this is not valid UTF-8";
    case json_error_premature_end_of_input: return "the text ends too early";
    case json_error_end_of_input_expected: return "something stands behind the end";
    case json_error_null_character:
    case json_error_null_byte_in_key: return "a string has a NUL character";
    case json_error_duplicate_key: return "an object has the same name twice";
    default: return NULL;
    }
}

static enum gl_code say_why(const json_error_t *error, struct gl_err *err)
{
    enum json_error_code why = json_error_code(error);
    if (why == json_error_out_of_memory || why == json_error_unknown) {
        return gl_fail(err, GL_E_NOMEM, "out of memory while reading JSON");
    }
    const char *words = words_for(why);
    if (words) {
        return gl_fail(err, GL_E_MALFORMED, "byte %d, line %d: %s", error->position, error->line, words);
    }
    return gl_fail(err, GL_E_MALFORMED, "byte %d, line %d: %.*s", error->position, error->line, words_without_text(error),
                   error->text);
}

enum gl_code gl_json_load(struct gl_slice text, json_t **out, struct gl_err *err)
{
    *out = NULL;
    if (text.len == 0) {
        return gl_fail(err, GL_E_MALFORMED, "byte 0, line 1: empty");
    }
    bool is_out_of_memory;
    *out = json_read_plain(text, &is_out_of_memory);
    if (*out || is_out_of_memory) {
        return *out ? GL_OK : gl_fail(err, GL_E_NOMEM, "out of memory while reading JSON");
    }
    enum gl_code code = check_limits(text, err);
    if (code != GL_OK) {
        return code;
    }
    json_error_t error = {0};
    *out = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    return *out ? GL_OK : say_why(&error, err);
}
