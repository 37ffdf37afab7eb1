/* The connection: signing in, trust, losses, calls, deadlines, and who is told what. */
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/lib/fake.h"

static void stop(struct fake *fake, struct client *client)
{
    client_free(client);
    fake_stop(fake);
}

static const char *reason(const struct client *client)
{
    const char *text = json_string_value(json_object_get(client->error.data, "reason"));
    return text ? text : "";
}

START_TEST(hello__tells_who_one_is)
{
    struct fake fake;
    struct client ana;
    fake_start(&fake);
    client_new(&ana, &fake);
    ck_assert_ptr_null(gloss_account(ana.g));
    ck_assert_int_eq(gloss_connect(ana.g), 0);
    ck_assert_int_eq(gloss_connect(ana.g), 0);
    WAIT_FOR(&ana, gloss_is_connected(ana.g));
    ck_assert_str_eq(gloss_account_name(ana.g), "ana");
    ck_assert_str_eq(gloss_account(ana.g), fake_text(&fake, "ana"));
    ck_assert_int_eq(json_integer_value(json_object_get(gloss_limits(ana.g), "frame_bytes")), 262144);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_CONNECTED], 1);
    client_free(&ana);
    for (int i = 0; i < 6000 && fake_count(&fake, "goodbye") == 0; i++) {
        usleep(10000);
    }
    ck_assert_int_eq(fake_count(&fake, "goodbye"), 1); /* closed properly */

    struct gloss_config config = client_config(&ana, &fake, "good");
    config.token = NULL;
    config.account = "ben";
    config.password = "secret";
    client_new_with(&ana, &fake, &config);
    gloss_connect(ana.g);
    WAIT_FOR(&ana, gloss_is_connected(ana.g));
    ck_assert_str_eq(gloss_account_name(ana.g), "ben");
    stop(&fake, &ana);
}
END_TEST

/* What is wrong with the server, and what the program is told. final: it does not try again by itself. */
static const struct trouble {
    const char *port, *ca, *token;
    int code;
    const char *reason, *says;
    bool final;
} troubles[] = {
    {"elsewhere", "ca", NULL, GLOSS_E_UNTRUSTED, "untrusted", "it is for elsewhere.example, 192.0.2.1, not for 127.0.0.1", true},
    {"expired", "ca", NULL, GLOSS_E_UNTRUSTED, "untrusted", "it expired on 2020-02-02", true},
    {"early", "ca", NULL, GLOSS_E_UNTRUSTED, "untrusted", "it is not valid before 2048-01-01", true},
    {"self", "ca", NULL, GLOSS_E_UNTRUSTED, "untrusted", "it is signed by itself", true},
    {"good", "other_ca", NULL, GLOSS_E_UNTRUSTED, "untrusted", "it was signed by CN = Authority ca", true},
    {"good", NULL, NULL, GLOSS_E_UNTRUSTED, "untrusted", "name its authority with a CA file", true},
    {"plain", "ca", NULL, GLOSS_E_UNREACHABLE, "no_tls", "does not speak TLS", false},
    {"http", "ca", NULL, GLOSS_E_UNREACHABLE, "no_websocket", "HTTP status 404", false},
    {"no_subprotocol", "ca", NULL, GLOSS_E_UNREACHABLE, "no_websocket", "does not speak gloss.v1", false},
    {"mute", "ca", NULL, GLOSS_E_UNREACHABLE, "timeout", "did not answer in time", false},
    {"good", "ca", "gls_wrong", GLOSS_E_BAD_CREDENTIALS, "", "not right", true},
};

static void check_trouble(struct fake *fake, const struct trouble *trouble, bool once)
{
    struct client ana;
    struct gloss_config config = client_config(&ana, fake, trouble->port);
    config.ca_file = trouble->ca ? fake_text(fake, trouble->ca) : NULL;
    config.token = trouble->token ? trouble->token : config.token;
    config.connect_timeout_ms = strcmp(trouble->reason, "timeout") == 0 ? 600 : WAIT_MS;
    config.once = once;
    client_new_with(&ana, fake, &config);
    gloss_connect(ana.g);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_DISCONNECTED]);
    ck_assert_msg(ana.error.code == trouble->code && strcmp(reason(&ana), trouble->reason) == 0 &&
                      strstr(ana.error.message, trouble->says),
                  "%s with %s: %d %s: %s", trouble->port, trouble->ca, ana.error.code, reason(&ana), ana.error.message);
    if (trouble->final || once) {
        WAIT_FOR(&ana, ana.seen[GLOSS_EV_ERROR]);
        ck_assert_int_eq(ana.retry_in_ms, -1);
        ck_assert_int_eq(gloss_wait(ana.g, 1000), trouble->code);
        ck_assert_int_eq(gloss_call(ana.g, "document.list", NULL, 0, NULL, NULL), trouble->code);
    } else {
        WAIT_FOR(&ana, ana.seen[GLOSS_EV_DISCONNECTED] == 2);
        ck_assert_uint_eq(ana.seen[GLOSS_EV_ERROR], 0);
        ck_assert_int_ge(ana.retry_in_ms, 0);
    }
    client_free(&ana);
}

START_TEST(trouble__is_told_apart_and_in_words)
{
    struct fake fake;
    fake_start(&fake);
    for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++) {
        check_trouble(&fake, &troubles[i], false);
        check_trouble(&fake, &troubles[i], true);
    }
    fake_stop(&fake);
}
END_TEST

/* Nobody listens there, and nobody else can: it stays bound until *fd is closed. */
static int silent_port(int *fd)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert(bind(*fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
              getsockname(*fd, (struct sockaddr *)&address, &size) == 0);
    return ntohs(address.sin_port);
}

static void expect_unreachable(struct fake *fake, const char *url, const char *why, const char *says)
{
    struct client ana;
    struct gloss_config config = client_config(&ana, fake, "good");
    config.url = url;
    client_new_with(&ana, fake, &config);
    gloss_connect(ana.g);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_DISCONNECTED]);
    ck_assert_msg(ana.error.code == GLOSS_E_UNREACHABLE && strcmp(reason(&ana), why) == 0 && strstr(ana.error.message, says),
                  "%s: %d %s: %s", url, ana.error.code, reason(&ana), ana.error.message);
    client_free(&ana);
}

START_TEST(server__that_is_not_there__is_said_to_be_so)
{
    struct fake fake;
    char url[64];
    int fd;
    fake_start(&fake);
    int port = silent_port(&fd);
    snprintf(url, sizeof(url), "https://127.0.0.1:%d/", port);
    expect_unreachable(&fake, url, "refused", "nothing listens at 127.0.0.1");
    snprintf(url, sizeof(url), "wss://localhost:%d/ws", port);
    expect_unreachable(&fake, url, "refused", "nothing listens at localhost");
    close(fd);
    expect_unreachable(&fake, "https://no-such-host.invalid/", "no_such_host", "the host no-such-host.invalid cannot be found");
    fake_stop(&fake);
}
END_TEST

START_TEST(host__by_name_and_by_address_with_colons__is_found_and_trusted)
{
    struct fake fake;
    struct client ana;
    char url[64];
    fake_start(&fake);
    int port = (int)json_integer_value(json_object_get(json_object_get(fake.about, "ports"), "good"));
    snprintf(url, sizeof(url), "https://localhost:%d/", port);
    struct gloss_config config = client_config(&ana, &fake, "good");
    config.url = url;
    client_new_with(&ana, &fake, &config);
    gloss_connect(ana.g);
    WAIT_FOR(&ana, gloss_is_connected(ana.g));
    client_free(&ana);
    if (json_integer_value(json_object_get(json_object_get(fake.about, "ports"), "ipv6")) != 0) {
        config = client_config(&ana, &fake, "ipv6");
        client_new_with(&ana, &fake, &config);
        gloss_connect(ana.g);
        WAIT_FOR(&ana, gloss_is_connected(ana.g));
        client_free(&ana);
    }
    fake_stop(&fake);
}
END_TEST

static const struct {
    const char *url, *ca, *says;
} bad_settings[] = {
    {NULL, NULL, "there is no url"},
    {"http://localhost/", NULL, "always encrypted"},
    {"localhost:7443", NULL, "always encrypted"},
    {"https://", NULL, "names no host"},
    {"https://:7443/", NULL, "names no host"},
    {"https://host:0/", NULL, "between 1 and 65535"},
    {"https://host:70000/", NULL, "between 1 and 65535"},
    {"https://host:x/", NULL, "not a number"},
    {"https://host:/", NULL, "not a number"},
    {"https://[::1/", NULL, "bracket"},
    {"https://user@host/", NULL, "user name"},
    {"https://host/?a", NULL, "? or #"},
    {"https://ho st/", NULL, "spaces"},
    {"https://localhost/", "/no/such/file", "cannot be opened"},
    {"https://localhost/", "/dev/null", "no certificate"},
};

START_TEST(settings__that_are_wrong__are_refused_with_the_reason)
{
    for (size_t i = 0; i < sizeof(bad_settings) / sizeof(bad_settings[0]); i++) {
        struct gloss_config config;
        struct gloss_error error;
        gloss_config_init(&config);
        config.url = bad_settings[i].url;
        config.token = "t";
        config.ca_file = bad_settings[i].ca;
        struct gloss *g = gloss_new(&config, &error);
        ck_assert_msg(!g && error.code == GLOSS_E_SETTING && strstr(error.message, bad_settings[i].says), "%s: %s",
                      bad_settings[i].url, error.message);
        gloss_error_clear(&error);
        ck_assert_ptr_null(gloss_new(&config, NULL));
        config.url = "https://localhost/";
        config.ca_file = NULL;
        config.token = NULL;
        ck_assert_ptr_null(gloss_new(&config, &error));
        ck_assert_ptr_nonnull(strstr(error.message, "neither a token"));
        gloss_error_clear(&error);
    }
}
END_TEST

START_TEST(loss__is_followed_by_a_new_connection__at_once_then_slower)
{
    struct fake fake;
    struct client ana;
    fake_start(&fake);
    client_new(&ana, &fake);
    gloss_connect(ana.g);
    for (unsigned i = 1; i <= 10; i++) {
        WAIT_FOR(&ana, ana.seen[GLOSS_EV_CONNECTED] == i);
        fake_do(&fake, "{\"do\":\"drop\"}");
        WAIT_FOR(&ana, ana.seen[GLOSS_EV_DISCONNECTED] == i);
        ck_assert_int_eq(ana.error.code, GLOSS_E_DISCONNECTED);
        ck_assert_str_eq(reason(&ana), "lost");
        ck_assert_int_le(ana.retry_in_ms, 5000);
        if (i == 1) {
            ck_assert_int_lt(ana.retry_in_ms, 100);
        }
        if (i > 4) {
            break; /* nothing useful happened on these connections, so it waits longer and longer */
        }
    }
    ck_assert_int_gt(ana.retry_in_ms, 200);
    WAIT_FOR(&ana, gloss_is_connected(ana.g));
    fake_do(&fake, "{\"do\":\"close\",\"code\":4001,\"reason\":\"going\"}");
    unsigned losses = ana.seen[GLOSS_EV_DISCONNECTED];
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_DISCONNECTED] > losses);
    ck_assert_str_eq(reason(&ana), "closed");
    ck_assert_int_eq(json_integer_value(json_object_get(ana.error.data, "close_code")), 4001);
    ck_assert_ptr_nonnull(strstr(ana.error.message, "going"));
    stop(&fake, &ana);
}
END_TEST

/* Whoever was sent away stays away, unless it may be otherwise the next time. */
static const struct sent_away {
    const char *close;
    int code;
    bool comes_back;
} sent_away[] = {
    {"\"code\":1008,\"reason\":\"the token was revoked\"", GLOSS_E_BAD_CREDENTIALS, false},
    {"\"code\":1008,\"reason\":\"malformed\"", GLOSS_E_MALFORMED, false},
    {"\"code\":1008,\"reason\":\"sign_in_timeout\"", GLOSS_E_SIGN_IN_TIMEOUT, true},
    {"\"code\":4001,\"reason\":\"go\"", GLOSS_E_DISCONNECTED, false},
    {"\"code\":1013,\"reason\":\"slow\"", GLOSS_E_DISCONNECTED, true},
};

START_TEST(connection__that_was_closed__comes_back_if_the_protocol_says_so)
{
    struct fake fake;
    fake_start(&fake);
    for (size_t i = 0; i < sizeof(sent_away) / sizeof(*sent_away); i++) {
        const struct sent_away *given = &sent_away[i];
        struct client ana;
        client_new(&ana, &fake);
        gloss_connect(ana.g);
        WAIT_FOR(&ana, gloss_is_connected(ana.g));
        fake_do(&fake, "{\"do\":\"close\",%s}", given->close);
        WAIT_FOR(&ana, ana.seen[GLOSS_EV_DISCONNECTED] == 1);
        ck_assert_msg(ana.error.code == given->code, "%s: %d", given->close, ana.error.code);
        ck_assert_str_eq(reason(&ana), "closed");
        ck_assert_msg((ana.retry_in_ms >= 0) == given->comes_back, "%s: %d", given->close, ana.retry_in_ms);
        ck_assert_uint_eq(ana.seen[GLOSS_EV_ERROR], given->comes_back ? 0 : 1);
        if (given->comes_back) {
            WAIT_FOR(&ana, ana.seen[GLOSS_EV_CONNECTED] == 2);
        }
        client_free(&ana);
    }
    fake_stop(&fake);
}
END_TEST

START_TEST(server__that_says_it_is_going__is_asked_nothing_more_and_left_for_so_long)
{
    struct fake fake;
    struct client ana;
    fake_start(&fake);
    client_new(&ana, &fake);
    client_join(&ana, NULL);
    WAIT_FOR(&ana, gloss_session_is_synced(ana.session));
    fake_do(&fake, "{\"do\":\"moving\",\"retry_after_ms\":2000}");
    fake_do(&fake, "{\"do\":\"notice\",\"what\":\"rights\",\"role\":\"annotator\"}"); /* comes behind it */
    WAIT_FOR(&ana, strcmp(ana.notice, "rights") == 0);
    const int asked = fake_count(&fake, "session.submit");
    submit(&ana, creates(3, "kept"), false);
    pass(&ana, 200);
    ck_assert_int_eq(fake_count(&fake, "session.submit"), asked);
    fake_do(&fake, "{\"do\":\"close\",\"code\":1012}"); /* on a slow machine it has gone by itself before */
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_DISCONNECTED] == 1);
    ck_assert_int_ge(ana.retry_in_ms, 2000);
    WAIT_FOR(&ana, ana.accepted == 3 && gloss_session_is_synced(ana.session));
    ck_assert(ana.resumed);
    expect_same(&ana);
    /* One that says so and stays is left all the same, and no time was named. */
    fake_do(&fake, "{\"do\":\"moving\"}");
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_DISCONNECTED] == 2);
    ck_assert_int_lt(ana.retry_in_ms, 2000);
    submit(&ana, creates(1, "again"), false);
    WAIT_FOR(&ana, ana.accepted == 4);
    expect_same(&ana);
    client_free(&ana);
    fake_stop(&fake);
}
END_TEST

START_TEST(silence__is_noticed__and_quiet_is_not_silence)
{
    struct fake fake;
    struct client ana;
    fake_start(&fake);
    struct gloss_config config = client_config(&ana, &fake, "good");
    config.silence_timeout_ms = 2500; /* and so long may this machine stand still */
    client_new_with(&ana, &fake, &config);
    gloss_connect(ana.g);
    WAIT_FOR(&ana, gloss_is_connected(ana.g));
    pass(&ana, 3500); /* pings are answered */
    ck_assert_uint_eq(ana.seen[GLOSS_EV_DISCONNECTED], 0);
    fake_do(&fake, "{\"do\":\"silence\"}");
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_DISCONNECTED]);
    ck_assert_str_eq(reason(&ana), "silence");
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_CONNECTED] == 2);
    stop(&fake, &ana);
}
END_TEST

static const struct {
    const char *port, *fault, *says;
    bool final;
} nonsenses[] = {{"good", "\"nonsense\"", "", false},
                 {"good", "\"huge\",\"bytes\":1500000", "of more than 1048576 bytes", true},
                 {"good", "\"binary\"", "not text", true},
                 {"compressed", "\"binary\"", "a compressed message that is damaged", true},
                 {"compressed", "\"damaged\"", "a compressed message that is damaged", true},
                 {"compressed", "\"bomb\",\"bytes\":100000000", "a compressed message of more than 1048576 bytes", true},
                 {"compressed", "\"no_utf8\"", "", false},
                 {"compressed", "\"huge\",\"bytes\":1500000", "of more than 1048576 bytes", true}};

START_TEST(nonsense__ends_the_connection)
{
    for (size_t i = 0; i < sizeof(nonsenses) / sizeof(nonsenses[0]); i++) {
        struct fake fake;
        struct client ana;
        fake_start(&fake);
        struct gloss_config config = client_config(&ana, &fake, nonsenses[i].port);
        client_new_with(&ana, &fake, &config);
        fake_do(&fake, "{\"do\":\"fault\",\"method\":\"document.list\",\"fault\":%s}", nonsenses[i].fault);
        gloss_connect(ana.g);
        WAIT_FOR(&ana, gloss_is_connected(ana.g));
        struct gloss_error error;
        int code = gloss_call_wait(ana.g, "document.list", NULL, WAIT_MS, NULL, &error);
        ck_assert_str_eq(reason(&ana), "bad_message");
        ck_assert_msg(strstr(ana.error.message, nonsenses[i].says), "%s: %s", nonsenses[i].fault, ana.error.message);
        ck_assert(nonsenses[i].final ? code != 0 : code == 0); /* it only reads, so it was asked again */
        gloss_error_clear(&error);
        stop(&fake, &ana);
    }
}
END_TEST

struct answer {
    int count, code;
    bool has_result;
};

static void on_answer(struct gloss *g, json_t *result, const struct gloss_error *error, void *arg)
{
    struct answer *answer = arg;
    ck_assert_ptr_nonnull(g);
    answer->count++;
    answer->code = error ? error->code : 0;
    answer->has_result = result != NULL;
}

START_TEST(calls__are_answered_once__whatever_happens)
{
    struct fake fake;
    struct client ana;
    struct answer early = {0}, late = {0}, lost = {0}, unknown = {0}, freed = {0};
    fake_start(&fake);
    client_new(&ana, &fake);
    ck_assert_int_eq(gloss_call(ana.g, "document.list", NULL, 0, on_answer, &early), 0); /* waits for a connection */
    gloss_connect(ana.g);
    WAIT_FOR(&ana, early.count);
    ck_assert(early.code == 0 && early.has_result);
    gloss_call(ana.g, "no.such", NULL, 0, on_answer, &unknown);
    WAIT_FOR(&ana, unknown.count);
    ck_assert_int_eq(unknown.code, GLOSS_E_UNKNOWN_METHOD);

    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"no_answer\",\"method\":\"document.list\",\"times\":3}");
    int asked = fake_count(&fake, "document.list");
    gloss_call(ana.g, "document.list", NULL, 200, on_answer, &late);
    WAIT_FOR(&ana, late.count);
    ck_assert_int_eq(late.code, GLOSS_E_TIMED_OUT);

    gloss_call(ana.g, "document.list", NULL, -1, on_answer, &lost);
    WAIT_FOR(&ana, fake_count(&fake, "document.list") == asked + 2);
    fake_do(&fake, "{\"do\":\"drop\"}");
    WAIT_FOR(&ana, lost.count);
    ck_assert_int_eq(lost.code, GLOSS_E_DISCONNECTED);

    WAIT_FOR(&ana, gloss_is_connected(ana.g));
    gloss_call(ana.g, "document.list", NULL, -1, on_answer, &freed);
    pass(&ana, 20);
    gloss_free(&ana.g);
    ck_assert_int_eq(freed.count, 1);
    ck_assert_int_eq(freed.code, GLOSS_E_DISCONNECTED);
    ck_assert_int_eq(early.count + unknown.count + late.count + lost.count, 4);
    stop(&fake, &ana);
}
END_TEST

START_TEST(call_wait__gives_result_error_and_timeout)
{
    struct fake fake;
    struct client ana;
    json_t *result;
    struct gloss_error error;
    fake_start(&fake);
    client_new(&ana, &fake);
    ck_assert_int_eq(gloss_call_wait(ana.g, "document.list", NULL, WAIT_MS, &result, &error), 0); /* connects by itself */
    ck_assert_uint_eq(json_array_size(json_object_get(result, "documents")), 1);
    ck_assert_int_eq(error.code, 0);
    json_decref(result);
    json_t *params = json_pack("{s:s}", "document", fake_text(&fake, "project"));
    ck_assert_int_eq(gloss_call_wait(ana.g, "document.get", params, WAIT_MS, &result, &error), GLOSS_E_NOT_FOUND);
    ck_assert_str_eq(error.name, "not_found");
    ck_assert_ptr_null(result);
    gloss_error_clear(&error);
    json_decref(params);
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"slow\",\"method\":\"document.list\",\"ms\":300}");
    ck_assert_int_eq(gloss_call_wait(ana.g, "document.list", NULL, 100, &result, &error), GLOSS_E_TIMED_OUT);
    gloss_error_clear(&error);
    pass(&ana, 400); /* the answer that nobody waits for */
    params = json_pack("{s:f}", "a", 1.5);
    ck_assert_int_eq(gloss_call_wait(ana.g, "document.list", params, 100, &result, &error), GLOSS_E_INVALID_PARAMS);
    gloss_error_clear(&error);
    json_decref(params);
    stop(&fake, &ana);
}
END_TEST

START_TEST(refusal_of_hello__is_final_or_not__as_the_table_says)
{
    struct fake fake;
    struct client ana;
    fake_start(&fake);
    client_new(&ana, &fake);
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"refuse\",\"method\":\"hello\",\"name\":\"store_down\",\"times\":2,"
                   "\"data\":{\"retry_after_ms\":30}}");
    gloss_connect(ana.g);
    WAIT_FOR(&ana, gloss_is_connected(ana.g));
    ck_assert_uint_eq(ana.seen[GLOSS_EV_DISCONNECTED], 2);
    ck_assert_int_eq(ana.error.code, GLOSS_E_STORE_DOWN);
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"refuse\",\"method\":\"hello\",\"name\":\"shutting_down\",\"times\":1}");
    fake_do(&fake, "{\"do\":\"drop\"}");
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_CONNECTED] == 2);
    fake_do(&fake, "{\"do\":\"fault\",\"fault\":\"refuse\",\"method\":\"hello\",\"name\":\"bad_credentials\",\"times\":1}");
    fake_do(&fake, "{\"do\":\"drop\"}");
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_ERROR]);
    ck_assert_int_eq(ana.error.code, GLOSS_E_BAD_CREDENTIALS);
    pass(&ana, 200);
    ck_assert_uint_eq(ana.seen[GLOSS_EV_CONNECTED], 2);
    /* and may be told to try again */
    ck_assert_int_eq(gloss_connect(ana.g), 0);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_CONNECTED] == 3);
    fake_do(&fake, "{\"do\":\"set\",\"protocol\":\"gloss.v2\"}");
    fake_do(&fake, "{\"do\":\"drop\"}");
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_ERROR] == 2);
    ck_assert_int_eq(ana.error.code, GLOSS_E_UPGRADE);
    stop(&fake, &ana);
}
END_TEST

/* A loop of the program's own, that knows nothing but the descriptor and the time. */
START_TEST(own_loop__needs_only_descriptor_and_timeout)
{
    struct fake fake;
    struct client ana;
    fake_start(&fake);
    client_new(&ana, &fake);
    client_join(&ana, NULL);
    int fd = gloss_fd(ana.g), turns = 0;
    bool has_submitted = false;
    for (uint64_t until = now_ms() + WAIT_MS; ana.results < 500 && now_ms() < until; turns++) {
        struct pollfd watched = {.fd = fd, .events = POLLIN};
        int timeout = gloss_timeout_ms(ana.g);
        (void)poll(&watched, 1, timeout < 0 ? 5000 : timeout);
        ck_assert_int_eq(gloss_process(ana.g), 0);
        ck_assert_int_eq(gloss_fd(ana.g), fd);
        if (ana.seen[GLOSS_EV_SYNCED] && !has_submitted) {
            submit(&ana, creates(500, "note"), false);
            has_submitted = true;
            ck_assert_int_eq(gloss_timeout_ms(ana.g), 0);
        }
    }
    ck_assert_uint_eq(ana.accepted, 500);
    ck_assert_int_lt(turns, 20000); /* one that spins makes more in a second */
    /* and sleeps when there is nothing to do */
    WAIT_FOR(&ana, gloss_timeout_ms(ana.g) > 100);
    stop(&fake, &ana);
}
END_TEST

static void process_inside(struct client *client, const struct gloss_event *event)
{
    if (event->type == GLOSS_EV_CONNECTED) {
        ck_assert_int_eq(gloss_process(client->g), GLOSS_E_SETTING);
        ck_assert_int_eq(gloss_wait(client->g, 0), GLOSS_E_SETTING);
        ck_assert_int_eq(gloss_call_wait(client->g, "document.list", NULL, 10, NULL, NULL), GLOSS_E_SETTING);
    }
}

START_TEST(waiting__inside_a_callback__is_refused)
{
    struct fake fake;
    struct client ana;
    fake_start(&fake);
    client_new(&ana, &fake);
    ana.on_event = process_inside;
    gloss_connect(ana.g);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_CONNECTED]);
    pass(&ana, 50);
    stop(&fake, &ana);
}
END_TEST

static volatile sig_atomic_t pipe_signals;
static void on_pipe(int signal)
{
    pipe_signals += signal == SIGPIPE;
}

START_TEST(signals__are_left_alone)
{
    struct fake fake;
    struct client ana;
    struct sigaction mine = {.sa_handler = on_pipe}, now;
    sigset_t mask;
    sigaction(SIGPIPE, &mine, NULL);
    fake_start(&fake);
    client_new(&ana, &fake);
    client_join(&ana, NULL);
    WAIT_FOR(&ana, ana.seen[GLOSS_EV_SYNCED]);
    fake_do(&fake, "{\"do\":\"drop\"}");
    submit(&ana, creates(500, "into the void"), false);
    WAIT_FOR(&ana, ana.results == 500);
    sigaction(SIGPIPE, NULL, &now);
    ck_assert(now.sa_handler == on_pipe);
    sigprocmask(SIG_SETMASK, NULL, &mask);
    ck_assert(!sigismember(&mask, SIGPIPE));
    ck_assert_int_eq(pipe_signals, 0);
    stop(&fake, &ana);
}
END_TEST

/* In every state that it can be in. */
START_TEST(free__at_any_moment__leaves_nothing)
{
    struct fake fake;
    struct client ana;
    fake_start(&fake);
    for (int turns = 0; turns < 40; turns++) {
        for (int which = 0; which < 3; which++) {
            static const char *const ports[] = {"good", "expired", "mute"};
            struct gloss_config config = client_config(&ana, &fake, ports[which]);
            char url[64];
            if (which == 0 && turns % 2) {
                snprintf(url, sizeof(url), "https://localhost:%d/",
                         (int)json_integer_value(json_object_get(json_object_get(fake.about, "ports"), "good")));
                config.url = url;
            }
            client_new_with(&ana, &fake, &config);
            client_join(&ana, NULL);
            submit(&ana, creates(3, "note"), false);
            for (int i = 0; i < turns; i++) {
                (void)gloss_wait(ana.g, 2);
            }
            client_free(&ana);
            ck_assert_uint_eq(ana.results, 3);
        }
    }
    /* a thread that looks up a name may live a little longer than its client */
    for (int i = 0; i < 200 && open_descriptors() > fake.descriptors + 2; i++) {
        usleep(10000);
    }
    fake_stop(&fake);
}
END_TEST

START_TEST(codes__have_names_and_sentences)
{
    ck_assert_str_eq(gloss_code_name(GLOSS_E_STALE), "stale");
    ck_assert_str_eq(gloss_code_name(0), "ok");
    ck_assert_str_eq(gloss_code_name(424242), "internal");
    ck_assert_str_ne(gloss_code_sentence(GLOSS_E_UNTRUSTED), "");
    ck_assert_str_ne(gloss_version(), "");
}
END_TEST

RUN("client", hello__tells_who_one_is, trouble__is_told_apart_and_in_words, server__that_is_not_there__is_said_to_be_so,
    host__by_name_and_by_address_with_colons__is_found_and_trusted, settings__that_are_wrong__are_refused_with_the_reason,
    loss__is_followed_by_a_new_connection__at_once_then_slower, connection__that_was_closed__comes_back_if_the_protocol_says_so,
    server__that_says_it_is_going__is_asked_nothing_more_and_left_for_so_long, silence__is_noticed__and_quiet_is_not_silence,
    nonsense__ends_the_connection, calls__are_answered_once__whatever_happens, call_wait__gives_result_error_and_timeout,
    refusal_of_hello__is_final_or_not__as_the_table_says, own_loop__needs_only_descriptor_and_timeout,
    waiting__inside_a_callback__is_refused, signals__are_left_alone, free__at_any_moment__leaves_nothing,
    codes__have_names_and_sentences)
