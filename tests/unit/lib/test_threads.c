/* Different clients in different threads, at once. */
#include <pthread.h>
#include <string.h>

#include "tests/unit/lib/fake.h"

#define THREADS 3
#define LIVES   6

struct life {
    struct client client;
    struct gloss_config config;
    char url[64];
    struct fake *fake;
};

static void *live(void *arg)
{
    struct life *life = arg;
    struct client *client = &life->client;
    for (int i = 0; i < LIVES; i++) {
        client_new_with(client, life->fake, &life->config);
        client_join(client, NULL);
        submit(client, creates(40, "note"), false);
        WAIT_FOR(client, client->results == 40 && gloss_session_is_synced(client->session));
        ck_assert_uint_eq(client->accepted, 40);
        client_free(client);
    }
    return NULL;
}

START_TEST(clients__in_threads_of_their_own__do_not_meet)
{
    struct fake fake;
    struct life lives[THREADS];
    pthread_t threads[THREADS];
    fake_start(&fake);
    int port = (int)json_integer_value(json_object_get(json_object_get(fake.about, "ports"), "good"));
    for (int i = 0; i < THREADS; i++) {
        lives[i].fake = &fake;
        snprintf(lives[i].url, sizeof(lives[i].url), "https://%s:%d/", i % 2 ? "localhost" : "127.0.0.1", port);
        lives[i].config = client_config(&lives[i].client, &fake, "good");
        lives[i].config.url = lives[i].url;
    }
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, live, &lives[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    json_t *state = fake_ask(&fake, "{\"do\":\"state\"}");
    ck_assert_int_eq(json_integer_value(json_object_get(state, "seq")), THREADS * LIVES * 40);
    json_decref(state);
    fake_stop(&fake);
}
END_TEST

RUN("threads", clients__in_threads_of_their_own__do_not_meet)
