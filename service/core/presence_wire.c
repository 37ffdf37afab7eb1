/* presence_wire.c - what workers say to each other about presence, in bytes: small, since 8 000 characters must do. */
#include "service/core/presence.h"

enum { HAS_VIEW = 1, HAS_SELECTION = 2, HAS_ANNOTATION = 4, IS_GONE = 8 };

static void put_number(struct gl_buf *buf, uint64_t number)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        gl_buf_byte(buf, (char)(uint8_t)(number >> shift)); /* texts are far below 2^32 */
}

/* Its length takes one byte: of a name that is longer only whole characters are said. */
static size_t said_of(const char *name)
{
    size_t len = strlen(name);
    if (len <= UINT8_MAX)
        return len;
    len = UINT8_MAX;
    while (len > 0 && ((unsigned char)name[len] & 0xC0) == 0x80)
        len--;
    return len;
}

static void put_person(struct gl_buf *buf, const struct person *person)
{
    const struct place *place = &person->place;
    const size_t name_len = said_of(person->name);
    gl_buf_put(buf, person->stay.bytes, sizeof person->stay.bytes);
    gl_buf_put(buf, person->account.bytes, sizeof person->account.bytes);
    gl_buf_byte(buf, (char)(uint8_t)name_len);
    gl_buf_put(buf, person->name, name_len);
    gl_buf_byte(buf, (char)(place->has_view * HAS_VIEW + place->has_selection * HAS_SELECTION +
                            place->has_annotation * HAS_ANNOTATION + place->is_gone * IS_GONE));
    if (place->has_view) {
        put_number(buf, place->start);
        put_number(buf, place->end);
    }
    if (place->has_selection) {
        put_number(buf, place->selection_start);
        put_number(buf, place->selection_end);
    }
    if (place->has_annotation)
        gl_buf_put(buf, place->annotation.bytes, sizeof place->annotation.bytes);
}

bool presence_write(struct gl_buf *buf, const struct presence_word *word)
{
    if (buf->len + 17 + 32 + 256 + 1 + 16 + 16 > STORE_SAY_MAX) /* the most that a person takes */
        return false;
    gl_buf_byte(buf, (char)word->what);
    gl_buf_put(buf, word->session.bytes, sizeof word->session.bytes);
    if (word->what == PRESENCE_PERSON)
        put_person(buf, &word->person);
    return true;
}

/* ---- reading: whatever another program says, also a newer one, must do no harm */

static bool take(struct gl_slice *bytes, void *to, size_t len)
{
    if (bytes->len < len)
        return false;
    memcpy(to, bytes->data, len);
    *bytes = gl_slice_of(bytes->data + len, bytes->len - len);
    return true;
}

static bool take_number(struct gl_slice *bytes, uint64_t *number)
{
    uint8_t digits[4];
    if (!take(bytes, digits, sizeof digits))
        return false;
    *number = (uint64_t)digits[0] << 24 | (uint64_t)digits[1] << 16 | (uint64_t)digits[2] << 8 | digits[3];
    return true;
}

static bool take_place(struct gl_slice *bytes, struct place *place)
{
    uint8_t flags;
    if (!take(bytes, &flags, 1))
        return false;
    *place = (struct place){.has_view = flags & HAS_VIEW,
                            .has_selection = flags & HAS_SELECTION,
                            .has_annotation = flags & HAS_ANNOTATION,
                            .is_gone = flags & IS_GONE};
    return (!place->has_view || (take_number(bytes, &place->start) && take_number(bytes, &place->end))) &&
           (!place->has_selection ||
            (take_number(bytes, &place->selection_start) && take_number(bytes, &place->selection_end))) &&
           (!place->has_annotation || take(bytes, place->annotation.bytes, sizeof place->annotation.bytes));
}

static bool is_text(const char *text, size_t len)
{
    struct gl_err err = {0};
    return !memchr(text, 0, len) && gl_utf8_check(gl_slice_of(text, len), &err) == GL_OK;
}

static bool take_person(struct gl_slice *bytes, struct person *person)
{
    uint8_t name_len;
    return take(bytes, person->stay.bytes, sizeof person->stay.bytes) &&
           take(bytes, person->account.bytes, sizeof person->account.bytes) && take(bytes, &name_len, 1) &&
           take(bytes, person->name, name_len) && is_text(person->name, name_len) && take_place(bytes, &person->place);
}

bool presence_read(struct gl_slice *bytes, struct presence_word *word)
{
    uint8_t what;
    *word = (struct presence_word){0};
    if (!take(bytes, &what, 1) || !take(bytes, word->session.bytes, sizeof word->session.bytes))
        return false;
    word->what = what;
    return what == PRESENCE_WHO || (what == PRESENCE_PERSON && take_person(bytes, &word->person));
}
