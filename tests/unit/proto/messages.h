/*
 * messages.h - every message of wire.def as a function that reads it and writes it again, and every member with its kind.
 *
 * Made from the table itself, so that no message can be forgotten.
 */
#ifndef PROTO_TEST_MESSAGES_H
#define PROTO_TEST_MESSAGES_H

#include "proto/gl_wire.h"

/* Reads obj and, when that went well, writes what was read into buf. */
typedef enum gl_code round_trip(struct gl_reader *reader, const json_t *obj, struct gl_buf *buf);

struct message_row {
    const char *name;
    bool is_notice;
    round_trip *params, *result;
};

struct member_row {
    const char *message; /* "session.join"; NULL: of an object that is a part of messages */
    char place;          /* 'P' params, 'R' result */
    const char *name, *kind;
    bool is_required;
};

extern const struct message_row message_rows[GL_METHOD_COUNT + GL_NOTICE_COUNT];
extern const struct member_row member_rows[];
extern const size_t member_row_count;

const struct message_row *message_find(const char *name, bool is_notice); /* a name may be one of each */
/* {"params"} or {"result"} of a seed that wiregen has written; place and size as in its file name. The caller decrefs it. */
json_t *seed_load(const char *message, const char *place, const char *size);
/* Reads value and writes it again; the code of the reader, or else of buf. err may be NULL. */
enum gl_code run_round_trip(round_trip *function, const json_t *value, bool strict, struct gl_buf *buf, struct gl_err *err);

#endif
