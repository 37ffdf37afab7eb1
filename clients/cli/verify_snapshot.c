#include "clients/cli/verify_snapshot.h"

#include <stdio.h>

#include "clients/cli/exits.h"
#include "clients/cli/link.h"
#include "clients/cli/say.h"

#define DOING "the snapshot cannot be read"

static bool hash_of(const json_t *object, const char *name, gl_hash *hash)
{
    const json_t *text = json_object_get(object, name);
    return json_is_string(text) && gl_hex_decode(gl_slice_of(json_string_value(text), json_string_length(text)), hash->bytes, 32);
}

static enum gl_code take_records(struct gl_state *state, const json_t *page, struct gl_err *err)
{
    json_t *records = json_object_get(page, "records");
    enum gl_code code = GL_OK;
    for (size_t i = 0; i < json_array_size(records) && code == GL_OK; i++) {
        struct gl_annotation *annotation = NULL;
        code = gl_annotation_from_record(json_array_get(records, i), &annotation, err);
        if (code == GL_OK) {
            code = gl_state_put(state, annotation);
        }
        gl_annotation_unref(&annotation);
    }
    return code;
}

/* All records are here: does the state have the sum that the server says? */
static enum gl_code take_place(struct gl_state *state, const json_t *page, struct gl_err *err)
{
    gl_hash chain, sum;
    const char *mode = json_string_value(json_object_get(page, "mode"));
    uint64_t seq = (uint64_t)json_integer_value(json_object_get(page, "seq"));
    if (!hash_of(page, "chain", &chain) || !hash_of(page, "state", &sum) || !mode) {
        return gl_fail(err, GL_E_MALFORMED, "the server's answer cannot be understood");
    }
    gl_state_set_mode(state, mode, (uint64_t)json_integer_value(json_object_get(page, "mode_seq")));
    if (!gl_hash_equal(&sum, &state->sum)) {
        return gl_fail(err, GL_E_CHAIN_BROKEN, "the snapshot's records do not add up to the state at seq %llu",
                       (unsigned long long)seq);
    }
    if (seq == 0 && !gl_hash_equal(&chain, &state->chain)) {
        return gl_fail(err, GL_E_CHAIN_BROKEN, "the chain does not begin as it must");
    }
    state->seq = seq;
    state->chain = chain;
    return GL_OK;
}

int verify_snapshot_read(struct cli *cli, const char *session, struct gl_state *state, struct gl_err *err)
{
    char cursor[1100] = "";
    do {
        json_t *page = NULL, *params = json_pack("{s:s}", "session", session);
        if (cursor[0]) {
            json_object_set_new(params, "cursor", json_string(cursor));
        }
        int status = link_call(cli, DOING, "session.snapshot", params, &page);
        if (status) {
            return status;
        }
        const char *next = json_string_value(json_object_get(page, "next"));
        (void)snprintf(cursor, sizeof cursor, "%s", next ? next : "");
        err->code = take_records(state, page, err);
        if (err->code == GL_OK && !cursor[0]) {
            err->code = take_place(state, page, err);
        }
        json_decref(page);
    } while (cursor[0] && err->code == GL_OK);
    return EXIT_DONE;
}
