/* test_text.c - what is a text, and where its code points and characters are. */
#include "tests/unit/model/model_test.h"

#include <stdlib.h>

static json_t *refused, *texts;

START_TEST(text__that_is_none_is_refused_with_the_byte)
{
    const json_t *row = json_array_get(refused, (size_t)_i);
    struct gl_slice hex = row_text(row, "hex");
    uint8_t *bytes = malloc(hex.len / 2 + 1); /* exactly as long, so that ASan sees a step too far */
    struct gl_err err;
    struct gl_text *text;
    char at[64];
    ck_assert(bytes && gl_hex_decode(hex, bytes, hex.len / 2));
    enum gl_code code = gl_text_new(gl_slice_of(bytes, hex.len / 2), &text, &err);
    ck_assert_msg(gl_slice_is(row_text(row, "name"), gl_code_name(code)), "%s: %s", row_what(row), gl_code_name(code));
    snprintf(at, sizeof at, "byte %u is %02x", (unsigned)row_u64(row, "byte"), bytes[row_u64(row, "byte")]);
    ck_assert_msg(code == GL_E_CONTAINS_NUL || strncmp(err.detail, at, strlen(at)) == 0, "%s: %s", row_what(row), err.detail);
    ck_assert_ptr_null(text);
    free(bytes);
}
END_TEST

START_TEST(text__is_counted_and_hashed)
{
    const json_t *row = json_array_get(texts, (size_t)_i);
    struct gl_text *text = text_from(row_text(row, "text"));
    gl_hash sha256;
    memcpy(sha256.bytes, gl_text_sha256(text), 32);
    ck_assert_uint_eq(gl_text_length(text), row_u64(row, "codepoints"));
    ck_assert_uint_eq(gl_text_bytes(text).len, row_u64(row, "bytes"));
    ck_assert(gl_slice_equal(gl_text_bytes(text), row_text(row, "text")));
    assert_hash_equal(row_what(row), sha256, row_hash(row, "sha256"));
    gl_text_free(&text);
    ck_assert_ptr_null(text);
    gl_text_free(&text);
}
END_TEST

START_TEST(characters__end_where_the_vectors_say)
{
    const json_t *row = json_array_get(texts, (size_t)_i), *boundaries = row_get(row, "boundaries");
    struct gl_text *text = text_from(row_text(row, "text"));
    size_t next = 0;
    for (size_t cp = 0; cp <= gl_text_length(text); cp++) {
        bool expected =
            json_integer_value(json_array_get(boundaries, next)) == (json_int_t)cp && next < json_array_size(boundaries);
        next += expected;
        ck_assert_msg(gl_text_is_grapheme_boundary(text, cp) == expected, "%s: at %zu", row_what(row), cp);
    }
    ck_assert(!gl_text_is_grapheme_boundary(text, gl_text_length(text) + 1));
    gl_text_free(&text);
}
END_TEST

START_TEST(positions__agree_with_counting)
{
    const json_t *row = json_array_get(texts, (size_t)_i);
    struct gl_slice bytes = row_text(row, "text");
    struct gl_text *text = text_from(bytes);
    size_t cp = 0;
    for (size_t byte = 0; byte <= bytes.len; byte++) {
        if (byte < bytes.len && ((unsigned char)bytes.data[byte] & 0xC0) == 0x80) {
            continue;
        }
        ck_assert_uint_eq(gl_text_byte_of(text, cp), byte);
        ck_assert_uint_eq(gl_text_cp_of(text, byte), cp);
        ck_assert_uint_eq(gl_text_slice(text, cp, gl_text_length(text)).len, bytes.len - byte);
        cp++;
    }
    ck_assert_uint_eq(cp, gl_text_length(text) + 1);
    gl_text_free(&text);
}
END_TEST

/* All of Unicode, and everything around it that is not: against the definition, written another way. */
START_TEST(utf8__takes_every_scalar_value_and_nothing_else)
{
    for (uint32_t cp = 1; cp <= 0x110000; cp++) {
        char bytes[4];
        size_t len = cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
        for (size_t i = len; i-- > 0;) {
            uint32_t part = cp >> (6 * (len - 1 - i));
            bytes[i] = (char)(i > 0 ? 0x80 | (part & 0x3F) : len == 1 ? part : ((0xF00u >> len) & 0xFF) | part);
        }
        bool is_scalar = !(cp >= 0xD800 && cp < 0xE000) && cp < 0x110000;
        if ((gl_utf8_check(gl_slice_of(bytes, len), NULL) == GL_OK) != is_scalar) {
            ck_abort_msg("U+%04X", cp); /* an assertion for each would take seconds */
        }
    }
}
END_TEST

START_TEST(utf8__says_why)
{
    static const struct {
        struct gl_slice bytes;
        const char *why;
    } rows[] = {
        {{"\x80", 1}, "nothing to continue"},  {{"\xc0\xaf", 2}, "more bytes than it needs"},
        {{"\xed\xa0\x80", 3}, "surrogate"},    {{"\xf4\x90\x80\x80", 4}, "above U+10FFFF"},
        {{"\xff", 1}, "never uses"},           {{"\xe4\xb8", 2}, "end of the text"},
        {{"\xe4\xb8x", 3}, "do not continue"}, {{"ab\0", 3}, "byte 2 is NUL"},
    };
    struct gl_err err;
    ck_assert_int_ne(gl_utf8_check(rows[_i].bytes, &err), GL_OK);
    ck_assert_msg(strstr(err.detail, rows[_i].why) != NULL, "%s", err.detail);
}
END_TEST

int main(void)
{
    json_t *vectors = vectors_load("text.json");
    refused = json_object_get(vectors, "refused");
    texts = json_object_get(vectors, "texts");
    Suite *suite = suite_create("text");
    TCase *tcase = tcase_create("text");
    tcase_add_loop_test(tcase, text__that_is_none_is_refused_with_the_byte, 0, (int)json_array_size(refused));
    tcase_add_loop_test(tcase, text__is_counted_and_hashed, 0, (int)json_array_size(texts));
    tcase_add_loop_test(tcase, characters__end_where_the_vectors_say, 0, (int)json_array_size(texts));
    tcase_add_loop_test(tcase, positions__agree_with_counting, 0, (int)json_array_size(texts));
    tcase_add_test(tcase, utf8__takes_every_scalar_value_and_nothing_else);
    tcase_add_loop_test(tcase, utf8__says_why, 0, 8);
    suite_add_tcase(suite, tcase);
    int status = suite_run(suite);
    json_decref(vectors);
    return status;
}
