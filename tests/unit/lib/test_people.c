/* Who is here, where the reader is, and annotations about annotations. */
#include <string.h>

#include "tests/unit/lib/fake.h"

#define ANOTHER "01900000-0000-7000-8000-00000000000"

static struct gloss_peer last;
static char last_peer[GLOSS_ID], last_name[32];
static uint64_t page_begin, page_end;
static size_t here_at_page;

static void on_event(struct client *client, const struct gloss_event *event)
{
    (void)client;
    if (event->type == GLOSS_EV_PRESENCE) {
        last = *event->peer;
        snprintf(last_peer, sizeof(last_peer), "%s", last.peer);
        snprintf(last_name, sizeof(last_name), "%s", last.name ? last.name : "");
    } else if (event->type == GLOSS_EV_PAGE) {
        page_begin = event->begin;
        page_end = event->end;
        here_at_page = gloss_annotation_count(event->session);
    }
}

static void start(struct fake *fake, struct client *client)
{
    fake_start(fake);
    client_new(client, fake);
    client->on_event = on_event;
}

static void stop(struct fake *fake, struct client *client)
{
    client_free(client);
    fake_stop(fake);
}

START_TEST(people__who_come_move_and_go__are_told_and_listed)
{
    struct fake fake;
    struct client ana;
    struct gloss_peer peer;
    start(&fake, &ana);
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    fake_do(&fake, "{\"do\":\"people\",\"people\":[{\"peer\":\"" ANOTHER "1\",\"account\":\"" ANOTHER
                   "8\",\"name\":\"ben\",\"start\":3,\"end\":9},{\"peer\":\"" ANOTHER "2\",\"account\":\"" ANOTHER
                   "8\",\"annotation\":\"" ANOTHER "9\"}]}");
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_PRESENCE] == 2);
    ck_assert_uint_eq(gloss_peer_count(ana.session), 2);
    ck_assert(gloss_peer_at(ana.session, 0, &peer));
    ck_assert(strcmp(peer.name, "ben") == 0 && peer.begin == 3 && peer.end == 9 && !peer.is_me && !peer.annotation);
    ck_assert(gloss_peer_at(ana.session, 1, &peer));
    ck_assert(!peer.name && peer.begin == GLOSS_NOWHERE && strcmp(peer.annotation, ANOTHER "9") == 0);
    ck_assert(!gloss_peer_at(ana.session, 2, &peer));
    fake_do(&fake, "{\"do\":\"people\",\"people\":[{\"peer\":\"" ANOTHER "1\",\"account\":\"" ANOTHER "8\",\"gone\":true}]}");
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_PRESENCE] == 3);
    ck_assert(last.gone && strcmp(last_name, "ben") == 0);
    ck_assert_uint_eq(gloss_peer_count(ana.session), 1);
    /* everybody anew: who is not named is gone */
    fake_do(&fake, "{\"do\":\"people\",\"all\":true,\"people\":[{\"peer\":\"" ANOTHER "3\",\"account\":\"" ANOTHER "8\"}]}");
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_PRESENCE] == 5);
    ck_assert(last.gone && strcmp(last_peer, ANOTHER "2") == 0);
    ck_assert_uint_eq(gloss_peer_count(ana.session), 1);
    fake_do(&fake, "{\"do\":\"drop\"}");
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED] == 2);
    ck_assert_uint_eq(gloss_peer_count(ana.session), 0);
    stop(&fake, &ana);
}
END_TEST

static json_t *places(struct fake *fake)
{
    json_t *answer = fake_ask(fake, "{\"do\":\"places\"}"), *list = json_incref(json_object_get(answer, "places"));
    json_decref(answer);
    return list;
}

static const json_t *last_of(const json_t *told)
{
    return json_array_size(told) > 0 ? json_array_get(told, json_array_size(told) - 1) : NULL;
}

static json_int_t end_of(const json_t *params)
{
    return json_integer_value(json_object_get(params, "end"));
}

START_TEST(place__set_often__is_told_seldom__and_again_after_a_loss)
{
    struct fake fake;
    struct client ana;
    struct gloss_place place;
    start(&fake, &ana);
    client_join(&ana, NULL);
    gloss_place_init(&place);
    place.begin = 5;
    ck_assert_int_eq(gloss_presence_set(ana.session, &place), GLOSS_E_INVALID_PARAMS);
    uint64_t from = now_ms();
    for (place.end = 10; now_ms() < from + 1000; place.end++) {
        ck_assert_int_eq(gloss_presence_set(ana.session, &place), 0);
        pass(&ana, 3);
    }
    uint64_t last_end = place.end - 1;
    json_t *told = NULL;
    const json_t *params = NULL;
    WAIT_FOR(&ana, (json_decref(told), told = places(&fake), params = last_of(told), end_of(params) == (json_int_t)last_end));
    ck_assert_uint_ge(json_array_size(told), 2);
    ck_assert_uint_le(json_array_size(told), 3 + (now_ms() - from) / 100);
    ck_assert_ptr_null(json_object_get(params, "selection_start"));
    size_t before = json_array_size(told);
    json_decref(told);
    fake_do(&fake, "{\"do\":\"drop\"}");
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_JOINED] == 2);
    told = NULL;
    WAIT_FOR(&ana, (json_decref(told), told = places(&fake), json_array_size(told) == before + 1));
    json_decref(told);
    stop(&fake, &ana);
}
END_TEST

START_TEST(page_around__the_reader__comes_before_the_rest)
{
    struct fake fake;
    struct client ana;
    start(&fake, &ana);
    for (int i = 0; i < 60; i++) {
        fake_do(
            &fake,
            "{\"do\":\"op\",\"change\":{\"kind\":\"annotation.create\",\"target\":{\"type\":\"spans\",\"spans\":[{\"start\":%d,\"end\":%d}]}}}",
            30 + i * 4, 33 + i * 4);
    }
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"page_ops\",\"times\":2,\"count\":3}");
    ck_assert_int_eq(gloss_join(ana.g, fake_text(&fake, "session"), NULL, &ana.session), 0);
    ck_assert_int_eq(gloss_page_around(ana.session, 9, 9), GLOSS_E_INVALID_PARAMS);
    ck_assert_int_eq(gloss_page_around(ana.session, 190, 199), 0);
    gloss_connect(ana.g);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_PAGE], 1);
    ck_assert(page_begin == 190 && page_end == 199);
    ck_assert_uint_ge(here_at_page, 2);
    ck_assert_uint_lt(here_at_page, 20);
    expect_same(&ana);
    uint64_t made = 0;
    for (size_t i = 0; i < gloss_annotation_count(ana.session); i++) { /* in their order, whichever came first */
        const json_t *record = gloss_annotation_record(gloss_annotation_at(ana.session, i));
        ck_assert_uint_gt((uint64_t)json_integer_value(json_object_get(record, "created")), made);
        made = (uint64_t)json_integer_value(json_object_get(record, "created"));
    }
    stop(&fake, &ana);
}
END_TEST

RUN("people", people__who_come_move_and_go__are_told_and_listed, place__set_often__is_told_seldom__and_again_after_a_loss,
    page_around__the_reader__comes_before_the_rest)
