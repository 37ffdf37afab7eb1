/*
 * target.c - a requested target becomes the stored one: each span checked against the text, by position, quote, or both.
 *
 * The sentences quote what the asker sent, shortened. What stands in the text goes into *data only, for nobody but the asker.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/model/annotation_priv.h"
#include "proto/model/text_priv.h"

#define CONTEXT_MAX_BYTES 4096 /* of a requested prefix or suffix */
#define CANDIDATES_MAX    20
#define NTH_MAX           10000 /* gl_text_find counts no further */
#define FOUND_MAX_CP      1000
#define WORDS_MAX_CP      40
#define WORDS_TEXT        (WORDS_MAX_CP * 4 + 8)
#define CLUSTER_MAX_CP    4096

struct span_request {
    bool has_position, has_exact, has_prefix, has_suffix, has_nth;
    uint64_t begin, end, nth;
    struct gl_slice exact, prefix, suffix;
};

struct resolver {
    const struct gl_text *text;
    json_t **data; /* NULL when nobody wants it */
    struct gl_err *err;
    size_t index; /* the span that is being resolved */
};

/* ---- saying what is wrong */

static const char *shorten(struct gl_slice slice, char text[WORDS_TEXT])
{
    struct gl_slice words = solid(slice);
    const char *at = words.data, *end = words.data + words.len;
    for (size_t count = 0; at < end && count < WORDS_MAX_CP; count++) {
        utf8_next(&at);
    }
    snprintf(text, WORDS_TEXT, "%.*s%s", (int)(at - words.data), words.data, at < end ? "…" : "");
    return text;
}

static enum gl_code refuse(struct resolver *r, enum gl_code code, const char *member, const char *fmt, ...) GL_PRINTF(4, 5);
static enum gl_code refuse(struct resolver *r, enum gl_code code, const char *member, const char *fmt, ...)
{
    char path[GL_ERR_PATH_MAX], detail[GL_ERR_DETAIL_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(detail, sizeof detail, fmt, args);
    va_end(args);
    snprintf(path, sizeof path, "spans[%zu]%s%s", r->index, *member ? "." : "", member);
    return gl_fail_at(r->err, code, path, "%s", detail);
}

static json_t *json_of(struct gl_slice text)
{
    return json_stringn_nocheck(text.data, text.len);
}

/* Hands data to the asker. Losing it for want of memory loses a hint, not the answer. */
static void tell(struct resolver *r, const char *name, json_t *value)
{
    if (!r->data) {
        json_decref(value);
        return;
    }
    if (!*r->data) {
        *r->data = json_object();
    }
    json_object_set_new_nocheck(*r->data, name, value);
}

static struct gl_slice context_before(const struct gl_text *text, size_t cp)
{
    return gl_text_slice(text, cp > GL_CONTEXT_CP ? cp - GL_CONTEXT_CP : 0, cp);
}

static struct gl_slice context_behind(const struct gl_text *text, size_t cp)
{
    size_t left = gl_text_length(text) - cp;
    return gl_text_slice(text, cp, cp + (left < GL_CONTEXT_CP ? left : GL_CONTEXT_CP));
}

static void tell_candidates(struct resolver *r, const struct gl_match *matches, size_t count)
{
    if (!r->data) {
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < count && i < CANDIDATES_MAX; i++) {
        json_t *candidate = json_object();
        json_object_set_new_nocheck(candidate, "start", json_integer((json_int_t)matches[i].begin_cp));
        json_object_set_new_nocheck(candidate, "end", json_integer((json_int_t)matches[i].end_cp));
        json_object_set_new_nocheck(candidate, "prefix", json_of(context_before(r->text, matches[i].begin_cp)));
        json_object_set_new_nocheck(candidate, "suffix", json_of(context_behind(r->text, matches[i].end_cp)));
        json_array_append_new(list, candidate);
    }
    tell(r, "candidates", list);
    tell(r, "count", json_integer((json_int_t)count));
}

/* ---- by position */

static size_t boundary_near(const struct gl_text *text, size_t cp, bool forward)
{
    size_t end = forward ? gl_text_length(text) : 0;
    for (size_t step = 0; step < CLUSTER_MAX_CP && cp != end; step++) {
        cp = forward ? cp + 1 : cp - 1;
        if (gl_text_is_grapheme_boundary(text, cp)) {
            return cp;
        }
    }
    return end;
}

static enum gl_code check_boundary(struct resolver *r, size_t cp, const char *member)
{
    if (gl_text_is_grapheme_boundary(r->text, cp)) {
        return GL_OK;
    }
    size_t before = boundary_near(r->text, cp, false), behind = boundary_near(r->text, cp, true);
    tell(r, "nearest", json_pack("[I,I]", (json_int_t)before, (json_int_t)behind));
    return refuse(r, GL_E_SPLITS_GRAPHEME, member, "position %zu cuts a character in two; take %zu or %zu", cp, before, behind);
}

static enum gl_code check_position(struct resolver *r, const struct span_request *span)
{
    size_t length = gl_text_length(r->text);
    if (span->begin > span->end) {
        return refuse(r, GL_E_INVALID_PARAMS, "start", "start %" PRIu64 " is behind end %" PRIu64 "; end is exclusive",
                      span->begin, span->end);
    }
    if (span->end > length) {
        bool is_begin = span->begin > length;
        tell(r, "length", json_integer((json_int_t)length));
        return refuse(r, GL_E_OUT_OF_RANGE, is_begin ? "start" : "end",
                      "position %" PRIu64 " is outside the text, which has %zu code points", is_begin ? span->begin : span->end,
                      length);
    }
    enum gl_code code = check_boundary(r, span->begin, "start");
    return code == GL_OK ? check_boundary(r, span->end, "end") : code;
}

/* The position is good; what was quoted beside it must stand there too. */
static enum gl_code check_quote_at(struct resolver *r, const struct span_request *span)
{
    char words[WORDS_TEXT];
    struct gl_slice exact = span->has_exact ? span->exact : gl_text_slice(r->text, span->begin, span->end);
    enum text_part differs;
    enum gl_code code =
        text_compare_at(r->text, (struct gl_match){span->begin, span->end}, exact, span->prefix, span->suffix, &differs);
    if (code != GL_OK) {
        return refuse(r, code, "exact", "the comparison with the text failed");
    }
    if (differs == TEXT_SAME) {
        return GL_OK;
    }
    if (differs == TEXT_PREFIX) {
        tell(r, "found", json_of(context_before(r->text, span->begin)));
        return refuse(r, GL_E_QUOTE_MISMATCH, "prefix", "before position %" PRIu64 " stands something else than “%s”",
                      span->begin, shorten(span->prefix, words));
    }
    if (differs == TEXT_SUFFIX) {
        tell(r, "found", json_of(context_behind(r->text, span->end)));
        return refuse(r, GL_E_QUOTE_MISMATCH, "suffix", "behind position %" PRIu64 " stands something else than “%s”", span->end,
                      shorten(span->suffix, words));
    }
    size_t end = span->end - span->begin > FOUND_MAX_CP ? span->begin + FOUND_MAX_CP : span->end;
    tell(r, "found", json_of(gl_text_slice(r->text, span->begin, end)));
    return refuse(r, GL_E_QUOTE_MISMATCH, "exact",
                  "from %" PRIu64 " to %" PRIu64
                  " stands something else than “%s”; send the position or the quote alone, or correct one",
                  span->begin, span->end, shorten(exact, words));
}

/* ---- by quote */

static enum gl_code refuse_not_found(struct resolver *r, const struct span_request *span)
{
    char words[WORDS_TEXT];
    struct gl_match matches[CANDIDATES_MAX];
    size_t count = 0;
    if (span->prefix.len > 0 || span->suffix.len > 0) {
        enum gl_code code = gl_text_find(r->text, span->exact, GL_SLICE(""), GL_SLICE(""), matches, CANDIDATES_MAX, &count);
        if (code != GL_OK) {
            return refuse(r, code, "exact", "the search failed");
        }
    }
    if (count == 0) {
        return refuse(r, GL_E_QUOTE_NOT_FOUND, "exact", "the words “%s” are not in the text; quote them as they stand there",
                      shorten(span->exact, words));
    }
    tell_candidates(r, matches, count);
    return refuse(r, GL_E_QUOTE_NOT_FOUND, span->prefix.len > 0 ? "prefix" : "suffix",
                  "the words “%s” are in the text (%zu times), but not with this prefix and suffix", shorten(span->exact, words),
                  count);
}

static enum gl_code choose(struct resolver *r, struct span_request *span, const struct gl_match *matches, size_t count)
{
    char words[WORDS_TEXT];
    if (count == 0) {
        return refuse_not_found(r, span);
    }
    if (!span->has_nth && count > 1) {
        tell_candidates(r, matches, count);
        return refuse(r, GL_E_QUOTE_AMBIGUOUS, "exact",
                      "the words “%s” stand in %zu places; add prefix or suffix, or say which with nth",
                      shorten(span->exact, words), count);
    }
    if (span->has_nth && span->nth > count) {
        tell_candidates(r, matches, count);
        return refuse(r, GL_E_QUOTE_NOT_FOUND, "nth", "the words “%s” stand in %zu %s, so there is no number %" PRIu64,
                      shorten(span->exact, words), count, count == 1 ? "place" : "places", span->nth);
    }
    const struct gl_match *match = &matches[span->has_nth ? span->nth - 1 : 0];
    span->begin = match->begin_cp;
    span->end = match->end_cp;
    return GL_OK;
}

static enum gl_code find_quote(struct resolver *r, struct span_request *span)
{
    struct gl_match few[CANDIDATES_MAX], *matches = few;
    size_t max = CANDIDATES_MAX, count;
    if (span->nth > max) {
        max = (size_t)span->nth;
        matches = malloc(max * sizeof *matches);
        if (!matches) {
            return refuse(r, GL_E_NOMEM, "nth", "no memory for the search");
        }
    }
    enum gl_code code = gl_text_find(r->text, span->exact, span->prefix, span->suffix, matches, max, &count);
    code = code == GL_OK ? choose(r, span, matches, count) : refuse(r, code, "exact", "the search failed");
    if (matches != few) {
        free(matches);
    }
    return code;
}

/* ---- one span */

static enum gl_code check_members(struct resolver *r, const struct span_request *span)
{
    if (!span->has_position && !span->has_exact) {
        return refuse(r, GL_E_INVALID_PARAMS, "", "a span needs start and end, or exact, or both");
    }
    if (!span->has_position && span->exact.len == 0) {
        return refuse(r, GL_E_INVALID_PARAMS, "exact", "an empty quote stands everywhere; say start and end");
    }
    if (span->has_nth && span->has_position) {
        return refuse(r, GL_E_INVALID_PARAMS, "nth",
                      "nth chooses among the places of a quote; it has no meaning beside a position");
    }
    if (span->has_nth && span->nth == 0) {
        return refuse(r, GL_E_INVALID_PARAMS, "nth", "nth counts from 1");
    }
    return GL_OK;
}

static enum gl_code read_span(struct resolver *r, const json_t *requested, struct span_request *span)
{
    static const char *const members[] = {"start", "end", "exact", "prefix", "suffix", "nth", NULL};
    struct gl_reader reader;
    bool has_begin, has_end;
    gl_reader_init(&reader, NULL);
    gl_reader_enter(&reader, "spans");
    gl_reader_enter_index(&reader, r->index);
    gl_read_only(&reader, requested, members);
    span->begin = gl_read_u64(&reader, requested, "start", GL_INT_MAX, 0, &has_begin);
    span->end = gl_read_u64(&reader, requested, "end", GL_INT_MAX, has_begin ? GL_REQUIRED : 0, &has_end);
    if (has_end && !has_begin) {
        gl_read_u64(&reader, requested, "start", GL_INT_MAX, GL_REQUIRED, NULL);
    }
    span->has_position = has_begin && has_end;
    span->exact = gl_read_str(&reader, requested, "exact", GL_EXACT_MAX_CP * 4, 0, &span->has_exact);
    span->prefix = gl_read_str(&reader, requested, "prefix", CONTEXT_MAX_BYTES, 0, &span->has_prefix);
    span->suffix = gl_read_str(&reader, requested, "suffix", CONTEXT_MAX_BYTES, 0, &span->has_suffix);
    span->nth = gl_read_u64(&reader, requested, "nth", NTH_MAX, 0, &span->has_nth);
    if (reader.code != GL_OK) {
        if (r->err) {
            *r->err = reader.err;
        }
        return reader.code;
    }
    return check_members(r, span);
}

/* Members in the order of their canonical form. */
static json_t *stored_span(const struct gl_text *text, size_t begin, size_t end)
{
    json_t *span = json_object();
    if (json_object_set_new_nocheck(span, "end", json_integer((json_int_t)end)) ||
        json_object_set_new_nocheck(span, "exact", json_of(gl_text_slice(text, begin, end))) ||
        json_object_set_new_nocheck(span, "prefix", json_of(context_before(text, begin))) ||
        json_object_set_new_nocheck(span, "start", json_integer((json_int_t)begin)) ||
        json_object_set_new_nocheck(span, "suffix", json_of(context_behind(text, end)))) {
        json_decref(span);
        return NULL;
    }
    return span;
}

static enum gl_code resolve_span(struct resolver *r, const json_t *requested, struct gl_match *place)
{
    struct span_request span = {0};
    enum gl_code code = read_span(r, requested, &span);
    if (code != GL_OK) {
        return code;
    }
    if (!span.has_position) {
        code = find_quote(r, &span);
    } else if ((code = check_position(r, &span)) == GL_OK && (span.has_exact || span.has_prefix || span.has_suffix)) {
        code = check_quote_at(r, &span);
    }
    *place = (struct gl_match){(size_t)span.begin, (size_t)span.end};
    return code;
}

/* ---- the whole target */

static enum gl_code check_order(struct resolver *r, struct gl_match before, struct gl_match place, size_t count)
{
    if (place.begin_cp == place.end_cp && count > 1) {
        return refuse(r, GL_E_INVALID_PARAMS, "", "the span at %zu is empty; an empty span stands alone", place.begin_cp);
    }
    if (r->index > 0 && place.begin_cp < before.end_cp) {
        return refuse(r, GL_E_INVALID_PARAMS, "",
                      "the span %zu to %zu begins before the one before it ends (%zu to %zu); sort them, without overlap",
                      place.begin_cp, place.end_cp, before.begin_cp, before.end_cp);
    }
    return GL_OK;
}

static enum gl_code resolve_spans(struct resolver *r, const json_t *requested, json_t *stored)
{
    size_t count = json_array_size(requested), total = 0;
    struct gl_match before = {0, 0}, place = {0, 0};
    for (r->index = 0; r->index < count; r->index++, before = place) {
        enum gl_code code = resolve_span(r, json_array_get(requested, r->index), &place);
        if (code == GL_OK) {
            code = check_order(r, before, place, count);
        }
        if (code != GL_OK) {
            return code;
        }
        total += place.end_cp - place.begin_cp;
        if (total > GL_EXACT_MAX_CP) {
            return refuse(r, GL_E_TOO_LARGE, "", "the spans hold %zu code points or more; at most %d together", total,
                          GL_EXACT_MAX_CP);
        }
        if (json_array_append_new(stored, stored_span(r->text, place.begin_cp, place.end_cp)) != 0) {
            return refuse(r, GL_E_NOMEM, "", "no memory for the span");
        }
    }
    return GL_OK;
}

static enum gl_code check_revision(const json_t *requested, const gl_uuid *revision, json_t **data, struct gl_err *err)
{
    struct gl_reader reader;
    bool has_revision;
    char current[GL_UUID_TEXT + 1];
    gl_reader_init(&reader, NULL);
    gl_uuid asked = gl_read_uuid(&reader, requested, "revision", 0, &has_revision);
    if (reader.code != GL_OK) {
        if (err) {
            *err = reader.err;
        }
        return reader.code;
    }
    if (!has_revision || gl_uuid_equal(&asked, revision)) {
        return GL_OK;
    }
    gl_uuid_format(revision, current);
    if (data) {
        *data = json_pack("{s:s}", "revision", current);
    }
    return gl_fail_at(err, GL_E_WRONG_REVISION, "revision", "the session is on revision %s; look at it and place the span there",
                      current);
}

static enum gl_code read_type(const json_t *requested, enum gl_target_kind *kind, struct gl_err *err)
{
    static const char *const names[] = {"document", "spans", "annotation", "relation"};
    struct gl_reader reader;
    gl_reader_init(&reader, NULL);
    struct gl_slice type = gl_read_str(&reader, requested, "type", 64, GL_REQUIRED, NULL);
    if (reader.code != GL_OK) {
        if (err) {
            *err = reader.err;
        }
        return reader.code;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (gl_slice_is(type, names[i])) {
            *kind = (enum gl_target_kind)i;
            return GL_OK;
        }
    }
    return gl_fail_at(err, GL_E_INVALID_PARAMS, "type",
                      "the type of a target is \"spans\", \"document\", \"annotation\" or \"relation\"");
}

/* Members of what lies in the text: what can be told without it. *spans is NULL for the whole document. */
static enum gl_code read_place(const json_t *requested, enum gl_target_kind kind, const json_t **spans, struct gl_err *err)
{
    static const char *const of_spans[] = {"type", "spans", "revision", NULL}, *const of_document[] = {"type", "revision", NULL};
    struct gl_reader reader;
    gl_reader_init(&reader, NULL);
    *spans = NULL;
    if (kind == GL_TARGET_SPANS) {
        gl_read_only(&reader, requested, of_spans);
        *spans = gl_read_list(&reader, requested, "spans", GL_SPANS_MAX, GL_REQUIRED, NULL);
        if (reader.code == GL_OK && json_array_size(*spans) == 0) {
            return gl_fail_at(err, GL_E_INVALID_PARAMS, "spans",
                              "spans is empty; for the whole document the type is \"document\"");
        }
    } else {
        gl_read_only(&reader, requested, of_document);
    }
    if (reader.code != GL_OK && err) {
        *err = reader.err;
    }
    return reader.code;
}

static enum gl_code resolve_place(const json_t *requested, enum gl_target_kind kind, const struct gl_target_scope *scope,
                                  json_t **stored, json_t **data, struct gl_err *err)
{
    const json_t *spans;
    char revision[GL_UUID_TEXT + 1];
    enum gl_code code = read_place(requested, kind, &spans, err);
    if (code == GL_OK) {
        code = check_revision(requested, &scope->revision, data, err);
    }
    if (code != GL_OK) {
        return code;
    }
    gl_uuid_format(&scope->revision, revision);
    json_t *made = spans ? json_pack("{s:s, s:[], s:s}", "revision", revision, "spans", "type", "spans")
                         : json_pack("{s:s, s:s}", "revision", revision, "type", "document");
    if (!made) {
        return gl_fail(err, GL_E_NOMEM, "no memory for the target");
    }
    struct resolver resolver = {.text = scope->text, .data = data, .err = err};
    if (spans) {
        code = resolve_spans(&resolver, spans, json_object_get(made, "spans"));
    }
    if (code != GL_OK) {
        json_decref(made);
        return code;
    }
    *stored = made;
    return GL_OK;
}

enum gl_code gl_target_resolve(const json_t *requested, const struct gl_target_scope *scope, json_t **stored, json_t **data,
                               struct gl_err *err)
{
    enum gl_target_kind kind;
    *stored = NULL;
    if (data) {
        *data = NULL;
    }
    enum gl_code code = read_type(requested, &kind, err);
    if (code != GL_OK) {
        return code;
    }
    if (kind == GL_TARGET_ANNOTATION || kind == GL_TARGET_RELATION) {
        return link_resolve(requested, kind == GL_TARGET_RELATION, &scope->session, stored, err);
    }
    return resolve_place(requested, kind, scope, stored, data, err);
}
