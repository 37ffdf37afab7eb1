/*
 * herd.c - the loop of the herd. usage: herd CONFIG
 *
 * CONFIG is JSON: {"url","ca","folder","board","seed","begin_ns","rate","in_flight","length","people":[{"name","user","token_file",
 * "sessions","foreign"?,"from_state"?}]}. Commands come as lines on standard input, answers go as lines of JSON to standard output:
 *
 *   kill N PID…     be eager, and at the first delivery of an op while N others are in flight SIGKILL them, and be calm
 *   eager | calm    ask as fast as there are answers, or no longer so
 *   quiet | loud    ask for nothing more, or go on
 *   state           everybody's chain and state, to the history
 *   end             and away
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "tests/fire/herd.h"

#define TURN_MS 5

void herd_die(const char *why, const char *what)
{
    fprintf(stderr, "herd: %s: %s\n", why, what);
    exit(1);
}

uint64_t herd_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void herd_delivered(struct joined *joined, const struct gloss_event *event)
{
    struct herd *herd = joined->person->herd;
    json_t *newest = json_object_get(herd->newest, joined->id);
    herd->board->delivered++;
    if (event->seq <= (uint64_t)json_integer_value(newest)) {
        return;
    }
    bool is_live = newest != NULL;
    json_object_set_new(herd->newest, joined->id, json_integer((json_int_t)event->seq));
    if (!is_live || herd->pid_count == 0 || herd->board->in_flight < herd->kill_at) {
        return;
    }
    for (size_t i = 0; i < herd->pid_count; i++) {
        herd->board->kills += kill(herd->pids[i], SIGKILL) == 0;
    }
    herd->pid_count = 0;
    herd->is_eager = false;
    printf("{\"killed\":\"%s\",\"s\":\"%s\",\"seq\":%" PRIu64 ",\"in_flight\":%" PRIu64 "}\n", event->op ? event->op : "",
           joined->id, event->seq, herd->board->in_flight);
    fflush(stdout);
    history_word(&joined->person->history, "killed", joined->id, "op", event->op ? event->op : "");
}

/* ---- what the stage says */

static void take_pids(struct herd *herd, const char *words)
{
    char *end;
    herd->pid_count = 0;
    herd->is_eager = true;
    herd->kill_at = strtoul(words, &end, 10);
    words = end;
    for (long pid = strtol(words, &end, 10); end != words && herd->pid_count < HERD_PIDS; pid = strtol(words, &end, 10)) {
        if (pid > 1) {
            herd->pids[herd->pid_count++] = (pid_t)pid;
        }
        words = end;
    }
}

static void obey(struct herd *herd, const char *line)
{
    if (strncmp(line, "kill ", 5) == 0) {
        take_pids(herd, line + 5);
    } else if (strcmp(line, "eager") == 0 || strcmp(line, "calm") == 0) {
        herd->is_eager = line[0] == 'e';
    } else if (strcmp(line, "quiet") == 0 || strcmp(line, "loud") == 0) {
        herd->is_quiet = line[0] == 'q';
    } else if (strcmp(line, "state") == 0) {
        for (size_t i = 0; i < herd->count; i++) {
            person_tell_state(&herd->people[i]);
        }
        puts("{\"state\":true}");
        fflush(stdout);
    } else if (strcmp(line, "end") == 0) {
        herd->is_over = true;
    } else {
        herd_die("no such command", line);
    }
}

static void read_commands(struct herd *herd)
{
    static char text[8192];
    static size_t len;
    ssize_t got = read(STDIN_FILENO, text + len, sizeof text - 1 - len);
    if (got <= 0) {
        herd->is_over = herd->is_over || got == 0 || errno != EINTR;
        return;
    }
    len += (size_t)got;
    text[len] = '\0';
    char *begin = text, *end;
    while ((end = strchr(begin, '\n')) != NULL) {
        *end = '\0';
        obey(herd, begin);
        begin = end + 1;
    }
    len = strlen(begin);
    memmove(text, begin, len + 1);
}

/* ---- the loop */

static void turn(struct herd *herd, struct pollfd *fds)
{
    int wait_ms = TURN_MS;
    for (size_t i = 0; i < herd->count; i++) {
        int due = gloss_timeout_ms(herd->people[i].gloss);
        fds[i].revents = 0;
        wait_ms = due >= 0 && due < wait_ms ? due : wait_ms;
        herd->people[i].due_ns = due < 0 ? UINT64_MAX : herd_now_ns() + (uint64_t)due * 1000000u;
    }
    if (poll(fds, herd->count + 1, herd->is_eager && wait_ms > 1 ? 1 : wait_ms) < 0 && errno != EINTR) {
        herd_die("poll", strerror(errno));
    }
    uint64_t now = herd_now_ns();
    for (size_t i = 0; i < herd->count; i++) {
        struct person *person = &herd->people[i];
        if (fds[i].revents || person->due_ns <= now) {
            (void)gloss_process(person->gloss);
        }
        wish_next(person, now);
    }
    if (fds[herd->count].revents) {
        read_commands(herd);
    }
}

static void run(struct herd *herd)
{
    struct pollfd *fds = calloc(herd->count + 1, sizeof *fds);
    if (!fds) {
        herd_die("there is no memory", "poll");
    }
    for (size_t i = 0; i < herd->count; i++) {
        fds[i] = (struct pollfd){.fd = gloss_fd(herd->people[i].gloss), .events = POLLIN};
    }
    fds[herd->count] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
    while (!herd->is_over) {
        turn(herd, fds);
    }
    free(fds);
}

/* ---- from begin to end */

static struct board *make_board(const char *path, size_t people)
{
    size_t bytes = sizeof(struct board) + people * HERD_SLOTS * sizeof(uint64_t);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)bytes) != 0) {
        herd_die("the board cannot be made", path);
    }
    struct board *board = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (board == MAP_FAILED) {
        herd_die("the board cannot be mapped", path);
    }
    return board;
}

static void start(struct herd *herd, const json_t *config)
{
    const json_t *people = json_object_get(config, "people");
    herd->count = json_array_size(people);
    herd->people = calloc(herd->count ? herd->count : 1, sizeof *herd->people);
    herd->board = make_board(json_string_value(json_object_get(config, "board")), herd->count);
    herd->begin_ns = (uint64_t)json_integer_value(json_object_get(config, "begin_ns"));
    herd->rate = json_number_value(json_object_get(config, "rate"));
    herd->in_flight = (size_t)json_integer_value(json_object_get(config, "in_flight"));
    herd->length = (uint64_t)json_integer_value(json_object_get(config, "length"));
    herd->newest = json_object();
    if (!herd->people || herd->rate <= 0 || herd->length <= 10) {
        herd_die("the configuration is not right", "");
    }
    for (size_t i = 0; i < herd->count; i++) {
        struct person *person = &herd->people[i];
        person->herd = herd;
        person->random = (uint64_t)json_integer_value(json_object_get(config, "seed")) * 1000003u + i;
        for (size_t slot = 0; slot < HERD_SLOTS; slot++) {
            person->joined[slot].seq = &herd->board->seq[i * HERD_SLOTS + slot];
        }
        person_start(person, config, json_array_get(people, i));
    }
    herd->board->magic = HERD_BOARD_MAGIC;
    puts("{\"started\":true}");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    json_error_t error;
    struct herd herd = {0};
    json_t *config = argc == 2 ? json_load_file(argv[1], 0, &error) : NULL;
    if (!config) {
        fprintf(stderr, "usage: herd CONFIG%s%s\n", argc == 2 ? "; " : "", argc == 2 ? error.text : "");
        return 2;
    }
    start(&herd, config);
    run(&herd);
    for (size_t i = 0; i < herd.count; i++) {
        person_end(&herd.people[i]);
    }
    free(herd.people);
    json_decref(herd.newest);
    json_decref(config);
    return 0;
}
