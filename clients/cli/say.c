#include "clients/cli/say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <utf8proc.h>

#include "clients/cli/safe.h"

static char *format(const char *fmt, va_list list) __attribute__((format(printf, 1, 0)));
static char *format(const char *fmt, va_list list)
{
    char *text = NULL;
    if (vasprintf(&text, fmt, list) < 0) {
        text = heap_copy(GL_SLICE("(no memory for words)"));
    }
    return text;
}

/* Lines behind the first are indented by two columns more than the first. */
static void put_sentence(struct screen *screen, const char *before, const char *sentence)
{
    struct gl_buf line;
    gl_buf_init(&line, SIZE_MAX);
    gl_buf_str(&line, before);
    safe_put_str(&line, sentence);
    gl_buf_byte(&line, '\n');
    screen_fit(screen, &line, *before == ' ' ? 4 : 2);
    fflush(screen->stream);
    gl_buf_fini(&line);
}

void say(struct cli *cli, const char *fmt, ...)
{
    va_list list;
    va_start(list, fmt);
    char *sentence = format(fmt, list);
    va_end(list);
    put_sentence(&cli->err, "gloss: ", sentence);
    free(sentence);
}

void say_more(struct cli *cli, const char *fmt, ...)
{
    va_list list;
    va_start(list, fmt);
    char *sentence = format(fmt, list);
    va_end(list);
    put_sentence(&cli->err, "  ", sentence);
    free(sentence);
}

void out_line(struct cli *cli, const char *fmt, ...)
{
    va_list list;
    va_start(list, fmt);
    char *sentence = format(fmt, list);
    va_end(list);
    put_sentence(&cli->out, "", sentence);
    free(sentence);
}

static void fail_sentence(struct cli *cli, const char *name, json_t *more, const char *sentence)
{
    put_sentence(&cli->err, "gloss: ", sentence);
    if (cli->is_json) {
        json_t *error = json_object();
        json_object_set_new(error, "name", json_string(name));
        json_object_set_new(error, "message", json_string(sentence));
        json_object_update_missing(error, more);
        out_json(cli, json_pack("{s:o}", "error", error));
    }
    json_decref(more);
}

int fail(struct cli *cli, enum exit_status status, const char *name, const char *fmt, ...)
{
    va_list list;
    va_start(list, fmt);
    char *sentence = format(fmt, list);
    va_end(list);
    fail_sentence(cli, name, NULL, sentence);
    free(sentence);
    return (int)status;
}

int fail_more(struct cli *cli, enum exit_status status, const char *name, json_t *more, const char *fmt, ...)
{
    va_list list;
    va_start(list, fmt);
    char *sentence = format(fmt, list);
    va_end(list);
    fail_sentence(cli, name, more, sentence);
    free(sentence);
    return (int)status;
}

bool error_is_unknown(int code)
{
    return code == GLOSS_E_DISCONNECTED || code == GLOSS_E_TIMED_OUT || code == GLOSS_E_UNKNOWN_OUTCOME;
}

enum exit_status error_status(int code)
{
    switch (code) {
    case GLOSS_OK: return EXIT_DONE;
    case GLOSS_E_SIGN_IN_FIRST:
    case GLOSS_E_BAD_CREDENTIALS:
    case GLOSS_E_UNTRUSTED: return EXIT_NOT_SIGNED_IN;
    case GLOSS_E_UNREACHABLE:
    case GLOSS_E_DISCONNECTED:
    case GLOSS_E_TIMED_OUT:
    case GLOSS_E_SIGN_IN_TIMEOUT:
    case GLOSS_E_STORE_DOWN:
    case GLOSS_E_UNKNOWN_OUTCOME:
    case GLOSS_E_SHUTTING_DOWN: return EXIT_UNREACHABLE;
    case GLOSS_E_NOMEM:
    case GLOSS_E_SETTING:
    case GLOSS_E_SYSTEM:
    case GLOSS_E_INVALID_UTF8:
    case GLOSS_E_CONTAINS_NUL:
    case GLOSS_E_TOO_LARGE:
    case GLOSS_E_UPGRADE:
    case GLOSS_E_CHAIN_BROKEN: return EXIT_COULD_NOT;
    default: return EXIT_REFUSED;
    }
}

/* What the person who reads it can do. NULL: the server's own sentence says it. */
static const char *advice(int code)
{
    switch (code) {
    case GLOSS_E_BAD_CREDENTIALS:
        return "sign in again with `gloss login`, or name another token with --token-file or GLOSS_TOKEN_FILE";
    case GLOSS_E_UNTRUSTED:
        return "if it is the right server, name the certificate that it was signed with: --ca FILE or GLOSS_CA";
    case GLOSS_E_UNREACHABLE: return "is it running, and is the address right (--url or GLOSS_URL)?";
    case GLOSS_E_DISCONNECTED:
    case GLOSS_E_TIMED_OUT:
    case GLOSS_E_STORE_DOWN:
    case GLOSS_E_SHUTTING_DOWN:
    case GLOSS_E_BUSY:
    case GLOSS_E_RATE_LIMITED: return "try again in a moment";
    case GLOSS_E_FORBIDDEN: return "ask an owner of the project for another role";
    case GLOSS_E_GONE: return "`gloss restore` brings it back";
    case GLOSS_E_UPGRADE: return "install a newer gloss";
    default: return NULL;
    }
}

json_t *error_json(const struct gloss_error *error)
{
    json_t *object = json_object();
    json_object_set_new(object, "name", json_string(error->name));
    json_object_set_new(object, "code", json_integer(error->code));
    json_object_set_new(object, "message", json_string(error->message[0] ? error->message : gloss_code_sentence(error->code)));
    if (error->path[0]) {
        json_object_set_new(object, "path", json_string(error->path));
    }
    json_object_update_missing(object, error->data);
    return object;
}

/* What goes on behind the server's address; NULL: it is not about the server. */
static const char *about_server(int code)
{
    switch (code) {
    case GLOSS_E_UNREACHABLE: return " cannot be reached: ";
    case GLOSS_E_UNTRUSTED: return " has a certificate that is not trusted: ";
    case GLOSS_E_BAD_CREDENTIALS: return " does not let you in: ";
    default: return NULL;
    }
}

void say_error(struct cli *cli, const char *doing, const struct gloss_error *error)
{
    const char *what = error->message[0] ? error->message : gloss_code_sentence(error->code), *hint = advice(error->code);
    const char *server = about_server(error->code), *before = hint ? "; " : "";
    hint = hint ? hint : "";
    if (server) {
        say(cli, "%s: %s%s%s%s%s", doing, cli->settings.url, server, what, before, hint);
    } else if (error->code == GLOSS_E_FORBIDDEN) {
        say(cli, "%s: your role does not allow it (%s)%s%s", doing, what, before, hint);
    } else {
        say(cli, "%s: %s%s%s", doing, what, before, hint);
    }
}

int fail_error(struct cli *cli, const char *doing, const struct gloss_error *error)
{
    say_error(cli, doing, error);
    if (cli->is_json) {
        out_json(cli, json_pack("{s:o}", "error", error_json(error)));
    }
    return (int)error_status(error->code);
}

void put_json(struct gl_buf *out, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    struct gl_slice rest = gl_slice_str(text);
    for (size_t at = 0; at < rest.len;) {
        utf8proc_int32_t cp;
        utf8proc_ssize_t len = utf8proc_iterate((const utf8proc_uint8_t *)rest.data + at, (utf8proc_ssize_t)(rest.len - at), &cp);
        if (len <= 0) { /* jansson writes valid UTF-8 only */
            break;
        }
        if (safe_is_harmful(cp)) { /* jansson has escaped C0: what is left stands inside of strings */
            gl_buf_printf(out, "\\u%04x", (unsigned)cp);
        } else {
            gl_buf_put(out, rest.data + at, (size_t)len);
        }
        at += (size_t)len;
    }
    free(text);
}

void out_json(struct cli *cli, json_t *value)
{
    struct gl_buf line;
    gl_buf_init(&line, SIZE_MAX);
    put_json(&line, value);
    gl_buf_byte(&line, '\n');
    screen_put(&cli->out, &line);
    fflush(cli->out.stream);
    gl_buf_fini(&line);
    json_decref(value);
}

void hash_format(const gl_hash *hash, char hex[GLOSS_HASH])
{
    for (size_t i = 0; i < sizeof hash->bytes; i++) {
        snprintf(hex + 2 * i, 3, "%02x", hash->bytes[i]);
    }
}
