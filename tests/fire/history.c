#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/gl_buf.h"
#include "proto/gl_json.h"
#include "proto/model/hash.h"
#include "tests/fire/herd.h"

#define SHORT 16 /* hex digits of a hash that stand in a line of which there are many */

static void begin(struct history *history, const char *kind, const char *session)
{
    uint64_t since = (herd_now_ns() - history->begin_ns) / 1000000;
    fprintf(history->file, "{\"t\":%" PRIu64 ",\"k\":\"%s\"", since, kind);
    if (session) {
        fprintf(history->file, ",\"s\":\"%s\"", session);
    }
}

static void end(struct history *history)
{
    fputs("}\n", history->file);
    if (ferror(history->file)) {
        herd_die("a history cannot be written", "");
    }
}

void history_open(struct history *history, const char *folder, const char *name, uint64_t begin_ns)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s.jsonl", folder, name);
    history->file = fopen(path, "w");
    history->begin_ns = begin_ns;
    if (!history->file) {
        herd_die("a history cannot be made", path);
    }
}

void history_close(struct history *history)
{
    if (fclose(history->file) != 0) {
        herd_die("a history cannot be written", "");
    }
}

/* What was asked, as the log's intent has it. */
static void put_hash(FILE *file, const json_t *change)
{
    static const char digits[] = "0123456789abcdef";
    struct gl_buf bytes;
    gl_buf_init(&bytes, SIZE_MAX);
    gl_canon_write(&bytes, change);
    gl_hash hash = gl_sha256(bytes.data, bytes.len);
    gl_buf_fini(&bytes);
    fputs(",\"hash\":\"", file);
    for (size_t i = 0; i < SHORT / 2; i++) {
        fputc(digits[hash.bytes[i] >> 4], file);
        fputc(digits[hash.bytes[i] & 15], file);
    }
    fputc('"', file);
}

void history_ask(struct history *history, const char *session, const char *op, const json_t *change, const json_t *base,
                 bool is_again)
{
    begin(history, "ask", session);
    fprintf(history->file, ",\"op\":\"%s\",\"kind\":\"%s\"", op, json_string_value(json_object_get(change, "kind")));
    put_hash(history->file, change);
    if (base) {
        fprintf(history->file, ",\"base\":%" JSON_INTEGER_FORMAT, json_integer_value(base));
    }
    if (is_again) {
        fputs(",\"again\":true", history->file);
    }
    end(history);
}

void history_result(struct history *history, const char *session, const struct gloss_result *result)
{
    if (!result->error) {
        begin(history, "ok", session);
        fprintf(history->file, ",\"op\":\"%s\",\"seq\":%" PRIu64 "%s", result->op, result->seq,
                result->repeated ? ",\"repeated\":true" : "");
        end(history);
        return;
    }
    const json_t *seq = json_object_get(result->error->data, "seq");
    begin(history, "refused", session);
    fprintf(history->file, ",\"op\":\"%s\",\"code\":%d,\"name\":\"%s\"", result->op, result->error->code, result->error->name);
    if (json_is_integer(seq)) {
        fprintf(history->file, ",\"seq\":%" JSON_INTEGER_FORMAT, json_integer_value(seq));
    }
    end(history);
}

void history_unknown(struct history *history, const char *session, const char *op)
{
    begin(history, "unknown", session);
    fprintf(history->file, ",\"op\":\"%s\"", op);
    end(history);
}

void history_op(struct history *history, const struct gloss_event *event, bool has_state)
{
    char hex[GLOSS_HASH];
    begin(history, "op", gloss_session_id(event->session));
    fprintf(history->file, ",\"seq\":%" PRIu64 ",\"op\":\"%s\"", event->seq, event->op ? event->op : "");
    gloss_session_chain(event->session, hex);
    fprintf(history->file, ",\"chain\":\"%.*s\"", SHORT, hex);
    if (has_state && gloss_session_state_sum(event->session, hex)) {
        fprintf(history->file, ",\"state\":\"%.*s\"", SHORT, hex);
    }
    end(history);
}

void history_join(struct history *history, const struct gloss_event *event, bool knows_since, uint64_t since)
{
    begin(history, "join", gloss_session_id(event->session));
    if (knows_since) {
        fprintf(history->file, ",\"since\":%" PRIu64, since);
    }
    fprintf(history->file, ",\"head\":%" PRIu64, gloss_session_head(event->session));
    end(history);
}

void history_state(struct history *history, struct gloss_session *session)
{
    char chain[GLOSS_HASH], state[GLOSS_HASH];
    gloss_session_chain(session, chain);
    if (!gloss_session_state_sum(session, state)) {
        return;
    }
    begin(history, "state", gloss_session_id(session));
    fprintf(history->file, ",\"seq\":%" PRIu64 ",\"chain\":\"%s\",\"state\":\"%s\"", gloss_session_seq(session), chain, state);
    end(history);
}

void history_word(struct history *history, const char *kind, const char *session, const char *member, const char *value)
{
    json_t *text = json_string(value);
    begin(history, kind, session);
    fprintf(history->file, ",\"%s\":", member);
    if (!text || json_dumpf(text, history->file, JSON_ENCODE_ANY) != 0) {
        herd_die("a word cannot be written", member);
    }
    json_decref(text);
    end(history);
}
