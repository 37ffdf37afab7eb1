/* gloss_load - thousands of clients of Gloss in one process: the loop, the command line, and the commands that come on stdin. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "service/base/mem.h"
#include "tests/bench/load/peer.h"

#define EVENTS          256
#define GRANT_US        20000 /* between two allowances of those who read slowly */
#define LINES_MAX       100000
#define BLOCKED_LOOK_US 1000 /* what is due could not be sent: an answer wakes us, or room; this is for who was told to wait */
#define CODEPOINTS      4096 /* of the texts, unless told */

static const char usage[] =
    "usage: gloss_load --port [ADDRESS:]PORT,… --ca FILE --sessions FILE --workload FILE [--tokens FILE] [--codepoints N] [--dialect NAME]\n"
    "  tokens and sessions: one a line. Commands on stdin, one a line; README.md in tests/bench tells them and what is printed.\n"
    "  keys of a group in the workload, with their usual values:\n";
static const struct dialect *const dialects[] = {&dialect_gloss, &dialect_plain, &dialect_relay,
                                                 &dialect_mqtt,  &dialect_yjs,   &dialect_sharedb};

struct settling { /* waiting for everything to be answered and delivered */
    uint64_t begun_us, until_us;
};
static struct load load;
static struct settling settling;
static uint64_t granted_us;

uint64_t load_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static _Noreturn void fail(const char *what, const char *which)
{
    fprintf(stderr, "gloss_load: %s %s\n", what, which);
    exit(2);
}

/* ---- making everything */

static size_t read_lines(const char *path, char ***lines)
{
    char line[512];
    size_t count = 0;
    FILE *file = fopen(path, "r");
    if (!file)
        fail("cannot read", path);
    *lines = mem_array(LINES_MAX, sizeof **lines);
    while (count < LINES_MAX && fgets(line, sizeof line, file)) {
        line[strcspn(line, " \t\r\n")] = 0;
        if (*line)
            (*lines)[count++] = mem_copy(line, strlen(line));
    }
    fclose(file);
    if (count == 0)
        fail("nothing stands in", path);
    return count;
}

static void make_streams(const char *path)
{
    char **lines;
    load.stream_count = read_lines(path, &lines);
    load.streams = mem_array(load.stream_count, sizeof *load.streams);
    load.rooms = mem_array(load.stream_count, sizeof *load.rooms);
    for (size_t i = 0; i < load.stream_count; i++) {
        gl_uuid id;
        if (!gl_uuid_parse(gl_slice_str(lines[i]), &id))
            fail("not the id of a session:", lines[i]);
        stream_init(&load.streams[i], &id, &load.faults, gloss_due, &load);
        mem_free(&lines[i]);
    }
    mem_free(&lines);
}

static void enter_room(struct client *client)
{
    struct room *room = client_room(client);
    room->writers = mem_realloc(room->writers, (room->count + 1) * sizeof(struct client *));
    client->rank = room->count;
    room->writers[room->count++] = client;
}

static void make_group(struct group *group, const struct group_plan *plan)
{
    group->plan = *plan;
    group->load = &load;
    group->clients = mem_array(plan->clients, sizeof *group->clients);
    if (plan->first + plan->sessions > load.stream_count)
        fail("there are not so many sessions as wants the group", plan->name);
    if (plan->door >= load.shared.door_count)
        fail("--port has not so many addresses as wants the group", plan->name);
    for (size_t i = 0; i < plan->clients; i++) {
        struct client *client = &group->clients[i];
        client->group = group;
        client->stream = &load.streams[plan->first + i % plan->sessions];
        client->number = (uint32_t)load.client_count;
        client->sent = plan->rate > 0 ? mem_array(SENT_KEPT, sizeof *client->sent) : NULL;
        if (client->sent)
            enter_room(client);
        wire_init(&client->wire, &load.shared);
        gl_buf_init(&client->half, 1024 * 1024);
        load.clients[load.client_count++] = client;
    }
}

static void make_groups(void)
{
    size_t count = 0;
    for (size_t i = 0; i < load.workload.count; i++)
        count += load.workload.groups[i].clients;
    load.clients = mem_array(count, sizeof *load.clients);
    for (size_t i = 0; i < load.workload.count; i++)
        make_group(&load.groups[i], &load.workload.groups[i]);
    struct rlimit files = {count + 64, count + 64}, have;
    getrlimit(RLIMIT_NOFILE, &have);
    files.rlim_max = have.rlim_max;
    if (have.rlim_cur < files.rlim_cur && setrlimit(RLIMIT_NOFILE, &files) != 0)
        fail("too few descriptors may be opened for", "so many clients (ulimit -n)");
}

static void free_all(void)
{
    for (size_t i = 0; i < load.client_count; i++) {
        wire_fini(&load.clients[i]->wire);
        gl_buf_fini(&load.clients[i]->half);
        mem_free(&load.clients[i]->seen);
        mem_free(&load.clients[i]->sent);
    }
    for (size_t i = 0; i < load.workload.count; i++)
        mem_free(&load.groups[i].clients);
    for (size_t i = 0; i < load.stream_count; i++) {
        stream_fini(&load.streams[i]);
        mem_free(&load.rooms[i].writers);
    }
    mem_free(&load.rooms);
    for (size_t i = 0; i < load.token_count; i++)
        mem_free(&load.tokens[i]);
    mem_free(&load.clients);
    mem_free(&load.streams);
    mem_free(&load.tokens);
    wire_shared_fini(&load.shared);
}

/* ---- what is done in every turn */

static void start_clients(struct group *group)
{
    const struct group_plan *plan = &group->plan;
    for (size_t i = 0; i < plan->clients && group->arriving < plan->at_once; i++) {
        struct client *client = &group->clients[group->look_at++ % plan->clients];
        const bool may_come = plan->back || !client->away_since_us;
        if (client->state == CLIENT_AWAY && may_come && load.now_us >= client->not_before_us)
            client_start(client);
    }
}

static void tell_live(struct group *group)
{
    if (group->is_told_live || group->live < group->plan.clients)
        return;
    group->is_told_live = true;
    report_said("live",
                "\"group\":\"%s\",\"clients\":%zu,\"lost\":%zu,\"ms\":%.1f,\"handshakes\":%llu,\"handshakes_resumed\":%llu",
                group->plan.name, group->live, group->lost_now, (double)(load.now_us - group->begun_us) / 1000,
                (unsigned long long)load.shared.handshakes, (unsigned long long)load.shared.handshakes_resumed);
    group->lost_now = 0;
}

static void grant(struct group *group)
{
    const uint64_t bytes = group->plan.read * GRANT_US / 1000000 + 1;
    for (size_t i = 0; group->plan.read > 0 && i < group->plan.clients; i++) {
        struct wire *wire = &group->clients[i].wire;
        wire->allowance = wire->allowance > group->plan.read ? wire->allowance : wire->allowance + bytes;
        wire_read(wire);
    }
}

static void turn_groups(void)
{
    const bool is_grant = load.now_us - granted_us >= GRANT_US;
    if (is_grant)
        granted_us = load.now_us;
    for (size_t i = 0; i < load.workload.count; i++) {
        struct group *group = &load.groups[i];
        if (!group->is_started)
            continue;
        if (group->live + group->arriving < group->plan.clients)
            start_clients(group);
        tell_live(group);
        if (is_grant)
            grant(group);
        for (size_t j = 0; is_grant && group->plan.stay > 0 && j < group->plan.clients; j++)
            client_leave_in_time(&group->clients[j]);
        writer_turn(group);
    }
}

/* ---- commands */

static struct group *find_group(const char *name)
{
    for (size_t i = 0; name && i < load.workload.count; i++)
        if (strcmp(load.groups[i].plan.name, name) == 0)
            return &load.groups[i];
    return NULL;
}

static void start_group(struct group *group)
{
    group->is_started = true;
    group->begun_us = group->due_us = load.now_us;
}

static void stop_group(struct group *group)
{
    for (size_t i = 0; i < group->plan.clients; i++)
        client_stop_reading(&group->clients[i]);
}

static void read_group(struct group *group)
{
    for (size_t i = 0; i < group->plan.clients; i++) {
        group->clients[i].stopped_us = 0;
        wire_stop_reading(&group->clients[i].wire, false);
    }
}

static void set_group(struct group *group, const char *assignment)
{
    char why[256];
    if (!assignment || !workload_set(&group->plan, assignment, why, sizeof why))
        fail("set:", assignment ? why : "what?");
    group->due_us = load.now_us;
}

static void command(char *line)
{
    const char *verb = strtok(line, " \n"), *word = strtok(NULL, " \n"), *more = strtok(NULL, " \n");
    struct group *group = find_group(word);
    if (!verb)
        return;
    if (!strcmp(verb, "measure"))
        report_clear(&load);
    else if (!strcmp(verb, "report"))
        report_groups(&load, word ? word : "");
    else if (!strcmp(verb, "settle"))
        settling = (struct settling){load.now_us, load.now_us + 1000 * (word ? strtoull(word, NULL, 10) : 10000)};
    else if (!strcmp(verb, "quit"))
        load.is_over = true;
    else if (!group)
        fail("no such command, or no such group:", verb);
    else if (!strcmp(verb, "start"))
        start_group(group);
    else if (!strcmp(verb, "stop"))
        stop_group(group);
    else if (!strcmp(verb, "read"))
        read_group(group);
    else if (!strcmp(verb, "histogram"))
        report_histogram(group);
    else if (!strcmp(verb, "set"))
        set_group(group, more);
    else
        fail("no such command:", verb);
}

static void take_commands(void)
{
    static char text[8192];
    static size_t len;
    ssize_t n = read(STDIN_FILENO, text + len, sizeof text - 1 - len);
    if (n == 0)
        load.is_over = true; /* whoever started us is gone */
    if (n <= 0)
        return;
    len += (size_t)n;
    for (char *end; (end = memchr(text, '\n', len));) {
        size_t used = (size_t)(end - text) + 1;
        *end = 0;
        command(text);
        memmove(text, text + used, len - used);
        len -= used;
    }
}

static bool lacks_ops(const struct client *client)
{
    const struct stream *stream = client->stream;
    return load.dialect->is_proved ? client->seq < stream->head || client->seq < stream->told : peer_is_behind(client);
}

/* Ops without an answer, and clients that have not got what others have. */
static size_t count_behind(void)
{
    size_t behind = 0;
    for (size_t i = 0; i < load.client_count; i++) {
        const struct client *client = load.clients[i];
        if (!client->group->is_started || client->wire.is_stopped || (client->state == CLIENT_AWAY && !client->group->plan.back))
            continue;
        behind += client->state != CLIENT_LIVE || lacks_ops(client) ||
                  (client->group->plan.in_flight > 0 && client->first_unanswered < client->next_op);
    }
    return behind;
}

static void look_settled(void)
{
    if (settling.until_us == 0)
        return;
    size_t behind = count_behind();
    if (behind > 0 && load.now_us < settling.until_us)
        return;
    report_said("settled", "\"behind\":%zu,\"ms\":%.1f", behind, (double)(load.now_us - settling.begun_us) / 1000);
    settling.until_us = 0;
}

/* ---- the loop */

/* Until the next op is due, a millisecond at most when anything is measured by the clock. */
static struct timespec how_long(void)
{
    uint64_t wait_us = settling.until_us ? 1000 : 5000;
    for (size_t i = 0; i < load.workload.count; i++) {
        const struct group *group = &load.groups[i];
        uint64_t left_us = group->due_us > load.now_us ? group->due_us - load.now_us : BLOCKED_LOOK_US;
        const bool is_over = group->plan.total && group->made >= group->plan.total;
        if (group->is_started && group->plan.rate > 0 && !is_over && group->live > 0 && left_us < wait_us)
            wait_us = left_us;
    }
    return (struct timespec){0, (long)wait_us * 1000};
}

static void loop(void)
{
    struct epoll_event events[EVENTS], stdin_event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(load.shared.epoll, EPOLL_CTL_ADD, STDIN_FILENO, &stdin_event);
    while (!load.is_over) {
        struct timespec wait = how_long();
        int count = epoll_pwait2(load.shared.epoll, events, EVENTS, &wait, NULL);
        load.now_us = load_now_us();
        for (int i = 0; i < count; i++)
            if (events[i].data.ptr)
                wire_ready(events[i].data.ptr, events[i].events);
            else
                take_commands();
        load.now_us = load_now_us();
        turn_groups();
        look_settled();
    }
}

static void print_dialects(void)
{
    printf("  dialects, the first unless told:\n");
    for (size_t i = 0; i < sizeof dialects / sizeof *dialects; i++)
        printf("%-10s %s\n", dialects[i]->name, dialects[i]->what);
}

static void choose_dialect(const char *name)
{
    load.dialect = dialects[0];
    for (size_t i = 0; name && i < sizeof dialects / sizeof *dialects; i++)
        if (strcmp(dialects[i]->name, name) == 0)
            load.dialect = dialects[i];
    if (name && strcmp(load.dialect->name, name) != 0)
        fail("no such dialect:", name);
    load.shared.subprotocol = load.dialect->subprotocol;
    load.shared.is_binary = load.dialect->is_binary;
}

struct options {
    const char *port, *ca, *tokens, *sessions, *workload, *codepoints, *dialect;
};

static void read_options(int argc, char **argv, struct options *options)
{
    const struct {
        const char *name, **value;
    } known[] = {{"--port", &options->port},         {"--ca", &options->ca},
                 {"--tokens", &options->tokens},     {"--sessions", &options->sessions},
                 {"--workload", &options->workload}, {"--codepoints", &options->codepoints},
                 {"--dialect", &options->dialect}};
    for (int i = 1; i < argc; i += 2) {
        size_t at = 0;
        while (at < sizeof known / sizeof *known && strcmp(known[at].name, argv[i]) != 0)
            at++;
        if (at == sizeof known / sizeof *known || i + 1 == argc) {
            fputs(usage, stdout);
            workload_print_keys();
            print_dialects();
            exit(strcmp(argv[i], "--help") == 0 ? 0 : 2);
        }
        *known[at].value = argv[i + 1];
    }
    if (!options->port || !options->ca || !options->sessions || !options->workload)
        fail("port, ca, sessions and workload must be told;", "--help says more");
}

int main(int argc, char **argv)
{
    struct options options = {0};
    char why[640];
    read_options(argc, argv, &options);
    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without asking for silence */
    load.run = (uint32_t)time(NULL) ^ (uint32_t)getpid() << 16;
    load.codepoints = options.codepoints ? strtoull(options.codepoints, NULL, 10) : CODEPOINTS;
    load.now_us = load_now_us();
    if (!workload_read(&load.workload, options.workload, why, sizeof why))
        fail(why, "");
    if (!wire_shared_init(&load.shared, options.port, options.ca, &client_events))
        fail("not the ports of a server, or OpenSSL cannot be set up:", options.ca);
    choose_dialect(options.dialect);
    if (load.dialect == &dialect_gloss && !options.tokens)
        fail("tokens must be told;", "--help says more");
    if (options.tokens)
        load.token_count = read_lines(options.tokens, &load.tokens);
    make_streams(options.sessions);
    make_groups();
    loop();
    free_all();
    return 0;
}
