/*
 * text_nearest.c - where something like the quote stands.
 *
 * The folded quote is compared with every place of the folded text. When quote times text is too much for that, three pieces of the quote are,
 * and the whole quote only where a piece came close. Nothing is random, and the work has a ceiling, so the answer is always the same and in time.
 */
#include <stdlib.h>

#include "proto/model/text_priv.h"

#define WORK_MAX         ((size_t)100 << 20) /* words of 64 rows: some tenths of a second */
#define LIST_MAX         64
#define PIECES           3
#define PLACES_PER_PIECE 8
#define LEAST_SCORE      500
#define ALIKE_MOST       990 /* the same but for case, accents, quotes, dashes and spaces */
#define TIES_MAX         8

/* A place in the folded text. */
struct place {
    size_t begin, end, distance;
};

struct search {
    const struct gl_text *text;
    struct gl_slice quote;
    struct folded hay, needle;
    uint16_t *distances; /* room for the whole hay */
    struct place places[LIST_MAX];
    size_t count;
    bool is_out_of_memory;
};

/* ---- places of one pattern in one stretch of the text */

struct stretch {
    struct search *search;
    const struct folded_cp *needle;
    size_t needle_len, begin, end;
    struct pattern *forward, *backward;
    uint16_t *from_end; /* distances of the reversed search */
};

static size_t apart(size_t a, size_t b)
{
    return a > b ? a - b : b - a;
}

/* Where the stretch that ends at end begins: at the least distance, and of several such where it is most as long as the needle. */
static struct place place_ending(struct stretch *s, size_t end, size_t distance)
{
    size_t reach = s->needle_len + distance, most = end - s->begin < reach ? end - s->begin : reach;
    pattern_distances(s->backward, s->search->hay.list + (end - most), most, true, true, s->from_end);
    struct place best = {end - 1, end, s->from_end[0]};
    for (size_t i = 1; i < most; i++) {
        bool is_nearer_in_length = apart(i + 1, s->needle_len) < apart(best.end - best.begin, s->needle_len);
        if (s->from_end[i] < best.distance || (s->from_end[i] == best.distance && is_nearer_in_length)) {
            best = (struct place){end - 1 - i, end, s->from_end[i]};
        }
    }
    return best;
}

static struct place best_of_ties(struct stretch *s, const uint16_t *distances, size_t first)
{
    struct place best = place_ending(s, s->begin + first + 1, distances[first]);
    for (size_t i = first + 1; i < s->end - s->begin && i < first + TIES_MAX && distances[i] == distances[first]; i++) {
        struct place other = place_ending(s, s->begin + i + 1, distances[i]);
        if (other.distance == best.distance &&
            apart(other.end - other.begin, s->needle_len) < apart(best.end - best.begin, s->needle_len)) {
            best = other;
        }
    }
    return best;
}

static size_t least_at(const uint16_t *distances, size_t count)
{
    size_t least = 0;
    for (size_t i = 1; i < count; i++) {
        if (distances[i] < distances[least]) {
            least = i;
        }
    }
    return least;
}

/* Best first; what overlaps a better place is not told. */
static size_t pick_places(struct stretch *s, struct place *places, size_t max)
{
    uint16_t *distances = s->search->distances;
    size_t length = s->end - s->begin, found = 0;
    pattern_distances(s->forward, s->search->hay.list + s->begin, length, false, false, distances);
    while (found < max) {
        size_t least = least_at(distances, length);
        if (distances[least] > s->needle_len / 2 || distances[least] == UINT16_MAX) {
            break;
        }
        struct place place = best_of_ties(s, distances, least);
        size_t from = place.begin - s->begin, to = place.end - s->begin + s->needle_len / 2;
        for (size_t i = from < least ? from : least; i < length && (i < to || i <= least); i++) {
            distances[i] = UINT16_MAX;
        }
        places[found++] = place;
    }
    return found;
}

static size_t search_stretch(struct search *search, size_t needle_begin, size_t needle_end, size_t begin, size_t end,
                             struct place *places, size_t max)
{
    size_t length = needle_end - needle_begin, found = 0;
    struct stretch s = {search, search->needle.list + needle_begin, length, begin, end, NULL, NULL, NULL};
    if (begin >= end || length == 0) {
        return 0;
    }
    s.forward = pattern_new(s.needle, length, false);
    s.backward = pattern_new(s.needle, length, true);
    s.from_end = malloc((length * 2 + 1) * sizeof *s.from_end);
    if (s.forward && s.backward && s.from_end) {
        found = pick_places(&s, places, max);
    } else {
        search->is_out_of_memory = true;
    }
    pattern_free(s.forward);
    pattern_free(s.backward);
    free(s.from_end);
    return found;
}

/* ---- a long quote in a long text */

static bool overlaps(const struct search *search, const struct place *place)
{
    for (size_t i = 0; i < search->count; i++) {
        if (place->begin < search->places[i].end && search->places[i].begin < place->end) {
            return true;
        }
    }
    return false;
}

/* The whole quote, looked for where the piece that begins at offset came close. */
static void verify(struct search *search, struct place hint, size_t offset)
{
    struct place place;
    size_t length = search->needle.count, slack = length / 4 + 64;
    size_t from = hint.begin > offset + slack ? hint.begin - offset - slack : 0;
    size_t to = hint.begin + (length - offset) + slack;
    if (overlaps(search, &hint) || search->count == LIST_MAX) {
        return;
    }
    if (search_stretch(search, 0, length, from, to < search->hay.count ? to : search->hay.count, &place, 1) &&
        !overlaps(search, &place)) {
        search->places[search->count++] = place;
    }
}

static void search_pieces(struct search *search, size_t piece)
{
    for (size_t i = 0; i < PIECES; i++) {
        struct place hints[PLACES_PER_PIECE];
        size_t offset = (search->needle.count - piece) * i / (PIECES - 1);
        size_t count = search_stretch(search, offset, offset + piece, 0, search->hay.count, hints, PLACES_PER_PIECE);
        for (size_t j = 0; j < count; j++) {
            verify(search, hints[j], offset);
        }
    }
}

static void search_all(struct search *search)
{
    size_t blocks_affordable = WORK_MAX / (search->hay.count + 1);
    size_t longest = blocks_affordable > UINT16_MAX / 64 ? UINT16_MAX - 1 : blocks_affordable * 64;
    if (search->needle.count <= longest) {
        search->count = search_stretch(search, 0, search->needle.count, 0, search->hay.count, search->places, LIST_MAX);
        return;
    }
    size_t piece = longest / PIECES < 64 ? 64 : longest / PIECES;
    search_pieces(search, piece < search->needle.count ? piece : search->needle.count);
}

/* ---- from places to candidates */

static unsigned score_of(const struct search *search, const struct gl_candidate *candidate, size_t distance)
{
    size_t length = search->needle.count, score = distance < length ? (length - distance) * 1000 / length : 0;
    if (!gl_slice_equal(gl_text_slice(search->text, candidate->begin_cp, candidate->end_cp), search->quote)) {
        score = score * ALIKE_MOST / 1000;
    }
    return (unsigned)score;
}

static struct gl_candidate candidate_at(const struct search *search, struct place place)
{
    const struct folded_cp *list = search->hay.list;
    while (place.begin + 1 < place.end && list[place.begin].symbol == ' ') {
        place.begin++;
    }
    while (place.begin + 1 < place.end && list[place.end - 1].symbol == ' ') {
        place.end--;
    }
    struct gl_candidate candidate = {list[place.begin].from_cp, (size_t)list[place.end - 1].from_cp + 1, 0};
    while (!gl_text_is_grapheme_boundary(search->text, candidate.begin_cp)) {
        candidate.begin_cp--;
    }
    while (!gl_text_is_grapheme_boundary(search->text, candidate.end_cp)) {
        candidate.end_cp++;
    }
    candidate.score_thousandths = score_of(search, &candidate, place.distance);
    return candidate;
}

static int by_score(const void *a, const void *b)
{
    const struct gl_candidate *left = a, *right = b;
    if (left->score_thousandths != right->score_thousandths) {
        return left->score_thousandths > right->score_thousandths ? -1 : 1;
    }
    return (left->begin_cp > right->begin_cp) - (left->begin_cp < right->begin_cp);
}

static size_t tell_candidates(const struct search *search, struct gl_candidate *candidates, size_t max)
{
    struct gl_candidate all[LIST_MAX];
    size_t count = 0;
    for (size_t i = 0; i < search->count; i++) {
        all[count] = candidate_at(search, search->places[i]);
        count += all[count].score_thousandths >= LEAST_SCORE;
    }
    qsort(all, count, sizeof *all, by_score);
    count = count < max ? count : max;
    if (count > 0) {
        memcpy(candidates, all, count * sizeof *all);
    }
    return count;
}

/* Spaces around the quote mean nothing. */
static void trim(struct folded *needle)
{
    if (needle->count > 0 && needle->list[needle->count - 1].symbol == ' ') {
        needle->count--;
    }
    if (needle->count > 0 && needle->list[0].symbol == ' ') {
        memmove(needle->list, needle->list + 1, --needle->count * sizeof *needle->list);
    }
}

enum gl_code gl_text_nearest(const struct gl_text *text, struct gl_slice quote, struct gl_candidate *candidates, size_t max,
                             size_t *count)
{
    struct search search = {.text = text, .quote = solid(quote)};
    enum gl_code code = gl_utf8_check(quote, NULL);
    *count = 0;
    if (code != GL_OK) {
        return code;
    }
    search.is_out_of_memory = !text_fold(gl_text_bytes(text), &search.hay) || !text_fold(search.quote, &search.needle);
    trim(&search.needle);
    search.distances = malloc((search.hay.count + 1) * sizeof *search.distances);
    search.is_out_of_memory |= !search.distances;
    if (!search.is_out_of_memory && search.needle.count > 0 && search.hay.count > 0) {
        search_all(&search);
    }
    if (!search.is_out_of_memory) {
        *count = tell_candidates(&search, candidates, max);
    }
    free(search.distances);
    folded_fini(&search.hay);
    folded_fini(&search.needle);
    return search.is_out_of_memory ? GL_E_NOMEM : GL_OK;
}
