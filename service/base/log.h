/*
 * log.h - events with fields, one line each on standard error.
 *
 * Owns      level, format and context: one for the process, the context one for each thread.
 * Thread    any; a line is written in one go.
 * Units     as in the field's name: F_MS is milliseconds.
 * Errors    none: what cannot be written without waiting is dropped and counted; the next line says how many.
 * Source    every event name stands in base/events.def with its meaning. Document text, labels, notes, tokens, passwords and keys are never fields.
 */
#ifndef LOG_H
#define LOG_H

#include <stdint.h>
#include <stdio.h>

#include "proto/gl_err.h"
#include "proto/gl_uuid.h"
#include "service/base/trace.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };
enum log_event_id {
#define LOG_EVENT(name, text, doc) EV_##name,
#include "service/base/events.def"
#undef LOG_EVENT
    LOG_EVENT_COUNT
};
struct log_field {
    const char *name;
    enum { LOG_F_END, LOG_F_U64, LOG_F_I64, LOG_F_STR, LOG_F_UUID } type;
    uint64_t u64;
    int64_t i64;
    const char *str;
    const gl_uuid *id;
};
#define F_U64(n, v)  ((struct log_field){.name = (n), .type = LOG_F_U64, .u64 = (uint64_t)(v)})
#define F_I64(n, v)  ((struct log_field){.name = (n), .type = LOG_F_I64, .i64 = (int64_t)(v)})
#define F_MS(n, v)   F_U64(n "_ms", v)
#define F_STR(n, v)  ((struct log_field){.name = (n), .type = LOG_F_STR, .str = (v)})
#define F_ID(n, v)   ((struct log_field){.name = (n), .type = LOG_F_UUID, .id = (v)})
#define F_CODE(n, v) F_STR(n, gl_code_name(v))

void log_init(enum log_level level, enum log_format format);
void log_set_level(enum log_level level);
bool log_would(enum log_level level); /* a line of that level is written: for what costs something to say */
const char *log_event_name(enum log_event_id event);
void log_list(FILE *out); /* the table of events for people, in Markdown */
bool log_level_parse(const char *name, enum log_level *level);
void log_set_process(const char *name); /* "worker.1": stands in every line; not copied */
/* Whom is being worked for: it stands in every line until the next call. */
#define LOG_REQUEST_MAX 36 /* of a request's id as its client chose it: a UUID whole */
struct log_context {
    uint64_t connection;               /* 0: none */
    char request[LOG_REQUEST_MAX + 1]; /* "": none */
    struct trace trace;
};
void log_set_context(const struct log_context *context); /* is copied; NULL: nobody */
const struct log_context *log_context(void);             /* until the next call of log_set_context */
void log_emit(enum log_level level, enum log_event_id event, const struct log_field *fields);
/* log_event(LOG_INFO, EV_op_applied, F_ID("session", &id), F_U64("seq", seq)); the same event is limited to a few lines a second, the rest counted. */
#define log_event(level, event, ...)                                                                                             \
    log_emit(level, event, (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){.type = LOG_F_END}})

#endif
