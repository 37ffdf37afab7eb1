/*
 * fake.h - the scripted server of fake_server.py, and a client of it whose events are written down.
 *
 * Owns      struct fake owns the server's process; struct client the client and what it has seen.
 * Lifetime  fake_start / fake_stop, client_new / client_free. fake_stop also checks that no descriptor of the test was left open.
 * Errors    a test that waits longer than WAIT_MS for something fails there.
 */
#ifndef LIB_FAKE_H
#define LIB_FAKE_H

#include <check.h>
#include <gloss.h>
#include <stdio.h>
#include <sys/types.h>

#define WAIT_MS 120000 /* a bound for what hangs */

struct fake {
    pid_t pid;
    FILE *in, *out;
    json_t *about;   /* its first line */
    int descriptors; /* open when it was started */
};

void fake_start(struct fake *fake);
void fake_stop(struct fake *fake);
/* One command; the answer is the caller's to decref. */
json_t *fake_ask(struct fake *fake, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void fake_do(struct fake *fake, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *fake_text(const struct fake *fake, const char *name); /* "session", "token", "ca" ... */
int fake_count(struct fake *fake, const char *method);            /* how often it was asked that */
const char *fake_url(const struct fake *fake, const char *port);  /* in a static buffer */
void fake_fault(struct fake *fake, const char *name, int times);  /* one that needs no more words */
void fake_bens(struct fake *fake, int count, bool each);          /* ben says something, in one frame or (each) in one each */

struct client {
    struct fake *fake;
    struct gloss *g;
    struct gloss_session *session;
    unsigned seen[GLOSS_EV_LOST + 1]; /* events of each type */
    uint64_t last_seq;                /* of the last op told; each must be the next one */
    uint64_t synced_seq;
    bool follows; /* the first op told must be the one after last_seq */
    char last_note[64], last_label[64], last_author[64], last_kind[64];
    struct gloss_error error; /* of the last event that had one */
    int retry_in_ms;
    bool resumed;
    char notice[33];
    void (*on_event)(struct client *client, const struct gloss_event *event); /* a test's own */
    unsigned results, accepted, repeated;
    size_t next_index; /* results must come in order */
    struct gloss_error result_error;
    uint64_t result_seq;
    char result_annotation[GLOSS_ID];
};

struct gloss_config client_config(struct client *client, struct fake *fake, const char *port);
void client_new(struct client *client, struct fake *fake); /* on the good port; does not connect */
void client_new_with(struct client *client, struct fake *fake, const struct gloss_config *config);
void client_join(struct client *client, const struct gloss_join *options); /* NULL: the usual ones */
void client_join_submit_only(struct client *client);                       /* hears nothing of the session */
void client_free(struct client *client);
void client_start(struct client *client, struct fake *fake, int ops); /* a server with so many ops of ben's, and a client */
void client_start_synced(struct client *client, struct fake *fake, int ops);
void client_stop(struct client *client, struct fake *fake);
void client_on_result(struct gloss_session *session, const struct gloss_result *result,
                      void *arg); /* for gloss_submit; arg: the client */
/* n creates whose notes are "PREFIX 0" ..., as gloss_submit takes them. */
json_t *creates(unsigned count, const char *prefix);
void submit(struct client *client, json_t *ops, bool atomic); /* drops ops */
int open_descriptors(void);

/* Waits until what is true. */
#define WAIT_FOR(client, what)                                                                                                   \
    do {                                                                                                                         \
        uint64_t until_ = now_ms() + WAIT_MS;                                                                                    \
        while (!(what)) {                                                                                                        \
            ck_assert_msg(now_ms() < until_, "waited in vain for: %s; last error: %s", #what, (client)->error.message);          \
            (void)gloss_wait((client)->g, 100);                                                                                  \
        }                                                                                                                        \
    } while (0)
uint64_t now_ms(void);
void pass(struct client *client, int ms); /* lets time pass, processing */

/* The client's replica is what the server has: seq, chain, state sum, and each record. */
void expect_same(struct client *client);

Suite *suite(const char *name, const TTest *const *tests, size_t count); /* each test with a limit of its own */
int run_suite(const char *name, const TTest *const *tests, size_t count);
#define RUN(name, ...)                                                                                                           \
    int main(void)                                                                                                               \
    {                                                                                                                            \
        const TTest *tests[] = {__VA_ARGS__};                                                                                    \
        return run_suite(name, tests, sizeof(tests) / sizeof(tests[0]));                                                         \
    }

#endif
