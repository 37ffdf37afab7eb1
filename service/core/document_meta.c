/* document_meta.c - metadata of a document, member by member. */
#include "service/core/document_meta.h"

#include <string.h>

#include "proto/model/codebook.h"

enum form { FORM_TEXT, FORM_TEXTS, FORM_DATE, FORM_LINK, FORM_LANGUAGE };

static const struct member {
    const char *name;
    enum form form;
    size_t max_bytes;
    const char *must;
} members[] = {
    {"title", FORM_TEXT, 512, "must be a text of 1 to 512 bytes"},
    {"authors", FORM_TEXTS, 256, "must be a list of 1 to 64 different names of 1 to 256 bytes"},
    {"publisher", FORM_TEXT, 512, "must be a text of 1 to 512 bytes"},
    {"date", FORM_DATE, 10, "must be a date: YYYY, YYYY-MM or YYYY-MM-DD"},
    {"source", FORM_LINK, 2048, "must be a link of at most 2048 bytes that begins with https://, http://, mailto:, urn: or doi:"},
    {"language", FORM_LANGUAGE, 64, "must be a language tag like en, pt-BR or zh-Hant (BCP 47)"},
    {"folder", FORM_TEXT, 512, "must be a text of 1 to 512 bytes"},
    {"tags", FORM_TEXTS, 256, "must be a list of 1 to 64 different texts of 1 to 256 bytes"},
};
#define MEMBER_COUNT (sizeof members / sizeof *members)
#define LIST_MAX     64

static struct gl_slice text_of(const json_t *value)
{
    return gl_slice_of(json_string_value(value), json_string_length(value));
}

static bool is_text(const json_t *value, size_t max_bytes)
{
    return json_is_string(value) && json_string_length(value) > 0 && json_string_length(value) <= max_bytes;
}

static bool is_list(const json_t *list, size_t max_bytes)
{
    if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > LIST_MAX)
        return false;
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (!is_text(json_array_get(list, i), max_bytes))
            return false;
        for (size_t k = 0; k < i; k++)
            if (json_equal(json_array_get(list, i), json_array_get(list, k)))
                return false;
    }
    return true;
}

static unsigned number_at(const char *digits, size_t count)
{
    unsigned number = 0;
    for (size_t i = 0; i < count; i++)
        number = digits[i] >= '0' && digits[i] <= '9' ? number * 10 + (unsigned)(digits[i] - '0') : 100000;
    return number;
}

static bool is_date(struct gl_slice text)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (text.len != 4 && text.len != 7 && text.len != 10)
        return false;
    const unsigned year = number_at(text.data, 4);
    if (year > 9999 || text.len == 4)
        return year <= 9999;
    const unsigned month = number_at(text.data + 5, 2);
    if (text.data[4] != '-' || month < 1 || month > 12 || text.len == 7)
        return text.data[4] == '-' && month >= 1 && month <= 12;
    const unsigned day = number_at(text.data + 8, 2);
    const bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return text.data[7] == '-' && day >= 1 && day <= days[month - 1] + (month == 2 && is_leap ? 1U : 0U);
}

/* Subtags of 1 to 8 letters and digits, the first one of 2 to 8 letters. */
static bool is_language(struct gl_slice text)
{
    size_t length = 0, subtags = 0;
    for (size_t i = 0; i <= text.len; i++) {
        const char c = i < text.len ? text.data[i] : '-';
        const bool is_letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (c == '-') {
            if (length < (subtags == 0 ? 2 : 1) || length > 8)
                return false;
            length = 0;
            subtags++;
        } else if (is_letter || (subtags > 0 && c >= '0' && c <= '9')) {
            length++;
        } else {
            return false;
        }
    }
    return true;
}

static bool is_good(const struct member *member, const json_t *value)
{
    if (member->form == FORM_TEXTS)
        return is_list(value, member->max_bytes);
    if (!is_text(value, member->max_bytes))
        return false;
    switch (member->form) {
    case FORM_DATE: return is_date(text_of(value));
    case FORM_LINK: return gl_is_link(text_of(value));
    case FORM_LANGUAGE: return is_language(text_of(value));
    default: return true;
    }
}

enum gl_code document_meta_check(const json_t *meta, bool is_import, struct gl_err *err)
{
    json_t *lent = (json_t *)(uintptr_t)meta; /* iterating changes nothing, but jansson wants it so */
    const char *name;
    json_t *value;
    json_object_foreach(lent, name, value)
    {
        size_t i = 0;
        while (i < MEMBER_COUNT && strcmp(members[i].name, name) != 0)
            i++;
        const bool is_title = i == 0;
        if (i == MEMBER_COUNT || (is_title && is_import))
            return gl_fail_at(err, GL_E_INVALID_PARAMS, name, "%.64s is not known here", name);
        if (json_is_null(value) && !is_import && !is_title)
            continue;
        if (!is_good(&members[i], value))
            return gl_fail_at(err, GL_E_INVALID_PARAMS, name, "%s %s", name, members[i].must);
    }
    return GL_OK;
}

json_t *document_meta_merge(const json_t *now, const json_t *change)
{
    json_t *all = json_object(), *lent = (json_t *)(uintptr_t)change;
    const char *name;
    json_t *value;
    json_object_update(all, (json_t *)(uintptr_t)now);
    json_object_foreach(lent, name, value)
    {
        if (json_is_null(value))
            json_object_del(all, name);
        else
            json_object_set(all, name, value);
    }
    return all;
}
