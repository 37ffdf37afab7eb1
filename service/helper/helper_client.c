#include "service/helper/helper_client.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "service/base/log.h"
#include "service/base/mem.h"
#include "service/helper/job.h"

enum { TICK_MS = 100, CLIENT_MAGIC = 0x68656c70 };

typedef void (*password_fn)(void *, enum gl_code, bool);
typedef void (*hash_fn)(void *, enum gl_code, struct gl_slice);
typedef void (*nearest_fn)(void *, enum gl_code, const struct gl_candidate *, size_t);

/* A text that jobs search, shared by those that wait for the same one. */
struct text_copy {
    unsigned refs;
    size_t len;
    unsigned char sha256[JOB_SHA256_BYTES];
    char bytes[];
};
struct job {
    struct job *next;
    struct job_head head;
    char *body; /* without the text */
    size_t body_len;
    struct text_copy *text; /* NULL: none */
    password_fn password_done;
    hash_fn hash_done;
    nearest_fn nearest_done;
    void *arg;
    uint64_t due_ms;
};
struct slot {
    struct helper_client *client;
    struct loop_watch *watch;
    int fd; /* -1: no helper now */
    uint64_t generation;
    struct job *job;      /* the one that runs */
    struct job_head head; /* as it is sent */
    size_t sent, to_send;
    struct {
        struct job_head head;
        char body[JOB_ANSWER_MAX];
    } answer;
    size_t received;
    unsigned char texts[JOB_TEXTS_KEPT][JOB_SHA256_BYTES]; /* what the helper has, last used first */
    size_t text_count;
};
struct queue {
    struct job *first, **last;
};
struct helper_client {
    unsigned magic;
    struct loop *loop;
    struct seat *seat;
    struct helper_limits limits;
    void (*alone)(void *);
    void *alone_ctx;
    struct loop_watch *news;
    struct loop_timer *ticker; /* runs while there are jobs */
    bool is_ticking;
    struct loop_timer *soon; /* instead of loop_defer(), which cannot be taken back when the client is freed */
    struct queue passwords, searches;
    struct queue refused; /* to be answered in the next turn */
    size_t waiting, waiting_bytes, running;
    uint64_t next_id;
    struct slot slots[];
};

/* ---- jobs */

static void queue_put(struct queue *queue, struct job *job)
{
    job->next = NULL;
    *queue->last = job;
    queue->last = &job->next;
}

static struct job *queue_take(struct queue *queue)
{
    struct job *job = queue->first;
    if (job && !(queue->first = job->next))
        queue->last = &queue->first;
    return job;
}

static void text_unref(struct text_copy **text)
{
    if (*text && !--(*text)->refs)
        mem_free(text);
    *text = NULL;
}

static void job_free(struct job **job)
{
    explicit_bzero((*job)->body, (*job)->body_len); /* it may hold a password */
    mem_free(&(*job)->body);
    text_unref(&(*job)->text);
    mem_free(job);
}

static size_t job_bytes(const struct job *job)
{
    return job->body_len + (job->text ? job->text->len : 0);
}

static void call_back(const struct job *job, enum gl_code code, struct gl_slice answer)
{
    if (job->head.kind == JOB_PASSWORD) {
        job->password_done(job->arg, code, !code && answer.len == 1 && answer.data[0] == 1);
        return;
    }
    if (job->head.kind == JOB_HASH) {
        job->hash_done(job->arg, code, answer);
        return;
    }
    struct gl_candidate candidates[JOB_CANDIDATES_MAX];
    size_t count = answer.len / sizeof(*candidates);
    if (count)
        memcpy(candidates, answer.data, count * sizeof(*candidates));
    job->nearest_done(job->arg, code, candidates, count);
}

static void finish(struct job *job, enum gl_code code, struct gl_slice answer)
{
    call_back(job, code, answer);
    job_free(&job);
}

/* ---- a helper at work */

static void start_jobs(struct helper_client *client);

static void slot_close(struct slot *slot)
{
    loop_watch_free(&slot->watch);
    close(slot->fd);
    slot->fd = -1;
    slot->text_count = 0;
}

static struct job *slot_take_job(struct slot *slot)
{
    struct job *job = slot->job;
    slot->job = NULL;
    if (job)
        slot->client->running--;
    return job;
}

/* The helper is of no use any more; its job, if it had one, is answered with code. */
static void slot_fail(struct slot *slot, enum gl_code code)
{
    struct job *job = slot_take_job(slot);
    slot_close(slot);
    if (job)
        finish(job, code, gl_slice_of(NULL, 0));
}

/* Whether the helper has the text; afterwards it has it, and has used it last. */
static bool slot_use_text(struct slot *slot, const unsigned char *sha256)
{
    size_t at = 0;
    while (at < slot->text_count && memcmp(slot->texts[at], sha256, JOB_SHA256_BYTES) != 0)
        at++;
    bool is_there = at < slot->text_count;
    if (!is_there && slot->text_count < JOB_TEXTS_KEPT)
        slot->text_count++;
    if (at == JOB_TEXTS_KEPT)
        at--;
    memmove(slot->texts[1], slot->texts[0], at * JOB_SHA256_BYTES);
    memcpy(slot->texts[0], sha256, JOB_SHA256_BYTES);
    return is_there;
}

/* What is still to be sent, of the part that the next byte is in. */
static struct gl_slice slot_unsent(const struct slot *slot)
{
    size_t at = slot->sent;
    if (at < sizeof(slot->head))
        return gl_slice_of((const char *)&slot->head + at, sizeof(slot->head) - at);
    at -= sizeof(slot->head);
    if (at < slot->job->body_len)
        return gl_slice_of(slot->job->body + at, slot->job->body_len - at);
    at -= slot->job->body_len;
    return gl_slice_of(slot->job->text->bytes + at, slot->to_send - slot->sent);
}

static bool slot_send(struct slot *slot)
{
    while (slot->sent < slot->to_send) {
        struct gl_slice part = slot_unsent(slot);
        ssize_t sent = send(slot->fd, part.data, part.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno == EAGAIN)
            break;
        if (sent <= 0)
            return false;
        slot->sent += (size_t)sent;
    }
    loop_watch_set(slot->watch, slot->sent < slot->to_send ? LOOP_READ | LOOP_WRITE : LOOP_READ);
    return true;
}

static void slot_start(struct slot *slot, struct job *job)
{
    struct helper_client *client = slot->client;
    slot->job = job;
    client->running++;
    job->due_ms = loop_now_ms(client->loop) + client->limits.run_ms;
    bool sends_text = job->text && !slot_use_text(slot, job->text->sha256);
    slot->head = job->head;
    slot->head.body_bytes = job->body_len + (sends_text ? job->text->len : 0);
    slot->to_send = sizeof(slot->head) + (size_t)slot->head.body_bytes;
    slot->sent = slot->received = 0;
    if (!slot_send(slot))
        slot_fail(slot, GL_E_INTERNAL);
}

/* 1: a whole answer; 0: not yet; -1: the helper is gone, or talks nonsense. */
static int slot_receive(struct slot *slot)
{
    for (;;) {
        size_t want = sizeof(slot->answer.head);
        if (slot->received >= want) {
            const struct job_head *head = &slot->answer.head;
            if (!slot->job || head->id != slot->job->head.id || head->kind != slot->job->head.kind ||
                head->body_bytes > JOB_ANSWER_MAX || head->code >= GL_CODE_COUNT)
                return -1;
            want += (size_t)head->body_bytes;
            if (slot->received == want)
                return 1;
        }
        ssize_t got = recv(slot->fd, (char *)&slot->answer + slot->received, want - slot->received, MSG_DONTWAIT);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return 0;
        if (got <= 0)
            return -1;
        slot->received += (size_t)got;
    }
}

static void on_socket(void *ctx, int events)
{
    struct slot *slot = ctx;
    struct helper_client *client = slot->client;
    bool is_well = true;
    int got = 0;
    if (events & LOOP_WRITE && slot->job)
        is_well = slot_send(slot);
    if (is_well && events & LOOP_READ)
        got = slot_receive(slot);
    if (!is_well || got < 0) {
        slot_fail(slot, GL_E_INTERNAL);
    } else if (got > 0) {
        /* NOT_FOUND: it does not have the text that it should; the next job brings it. */
        enum gl_code code = (enum gl_code)slot->answer.head.code;
        if (code == GL_E_NOT_FOUND)
            slot->text_count = 0;
        finish(slot_take_job(slot), code == GL_E_NOT_FOUND ? GL_E_INTERNAL : code,
               gl_slice_of(slot->answer.body, (size_t)slot->answer.head.body_bytes));
    }
    start_jobs(client);
}

/* ---- what waits */

static struct job *next_job(struct helper_client *client)
{
    struct job *job = queue_take(client->passwords.first ? &client->passwords : &client->searches);
    if (job) {
        client->waiting--;
        client->waiting_bytes -= job_bytes(job);
    }
    return job;
}

static void start_jobs(struct helper_client *client)
{
    for (unsigned i = 0; i < client->seat->helpers && client->waiting; i++)
        if (client->slots[i].fd >= 0 && !client->slots[i].job)
            slot_start(&client->slots[i], next_job(client));
    if (!client->waiting && !client->running && client->is_ticking) {
        client->is_ticking = false;
        loop_timer_stop(client->ticker);
    }
}

static void on_soon(void *ctx)
{
    struct helper_client *client = ctx;
    assert(client->magic == CLIENT_MAGIC);
    for (struct job *job; (job = queue_take(&client->refused));)
        finish(job, GL_E_BUSY, gl_slice_of(NULL, 0));
    start_jobs(client);
}

static void give_up_waiting(struct helper_client *client, struct queue *queue, uint64_t now)
{
    while (queue->first && queue->first->due_ms <= now) {
        struct job *job = queue_take(queue);
        client->waiting--;
        client->waiting_bytes -= job_bytes(job);
        finish(job, GL_E_BUSY, gl_slice_of(NULL, 0));
    }
}

static void on_tick(void *ctx)
{
    struct helper_client *client = ctx;
    uint64_t now = loop_now_ms(client->loop);
    for (unsigned i = 0; i < client->seat->helpers; i++) {
        struct slot *slot = &client->slots[i];
        if (!slot->job || slot->job->due_ms > now)
            continue;
        log_event(LOG_WARN, EV_helper_overdue, F_U64("slot", i), F_U64("kind", slot->job->head.kind));
        seat_kill_helper(client->seat, i, slot->generation);
        slot_fail(slot, GL_E_BUSY);
    }
    give_up_waiting(client, &client->passwords, now);
    give_up_waiting(client, &client->searches, now);
    start_jobs(client);
}

static void submit(struct helper_client *client, struct job *job)
{
    size_t bytes = job_bytes(job);
    job->head.id = ++client->next_id;
    job->due_ms = loop_now_ms(client->loop) + client->limits.wait_ms;
    if (client->waiting >= client->limits.jobs || bytes > client->limits.job_bytes - client->waiting_bytes) {
        queue_put(&client->refused, job);
    } else {
        queue_put(job->head.kind == JOB_NEAREST ? &client->searches : &client->passwords, job);
        client->waiting++;
        client->waiting_bytes += bytes;
        if (!client->is_ticking)
            loop_timer_start(client->ticker, TICK_MS, TICK_MS);
        client->is_ticking = true;
    }
    loop_timer_start(client->soon, 0, 0);
}

/* ---- the three jobs */

static void put_bytes(char **at, const void *data, size_t len)
{
    if (len)
        memcpy(*at, data, len);
    *at += len;
}

static void put_counted(char **at, struct gl_slice slice)
{
    uint32_t len = (uint32_t)slice.len;
    put_bytes(at, &len, sizeof(len));
    put_bytes(at, slice.data, slice.len);
}

static struct job *job_new(enum job_kind kind, size_t body_len, void *arg)
{
    struct job *job = mem_alloc(sizeof(*job));
    job->head.kind = kind;
    job->body = mem_alloc(body_len);
    job->body_len = body_len;
    job->arg = arg;
    return job;
}

static void check_password(void *ctx, struct gl_slice stored, struct gl_slice password, password_fn fn, void *arg)
{
    struct job *job = job_new(JOB_PASSWORD, sizeof(uint32_t) + stored.len + password.len, arg);
    char *at = job->body;
    put_counted(&at, stored);
    put_bytes(&at, password.data, password.len);
    job->password_done = fn;
    submit(ctx, job);
}

static void hash_password(void *ctx, struct gl_slice password, hash_fn fn, void *arg)
{
    struct job *job = job_new(JOB_HASH, password.len, arg);
    char *at = job->body;
    put_bytes(&at, password.data, password.len);
    job->hash_done = fn;
    submit(ctx, job);
}

static struct text_copy *text_share(struct helper_client *client, const struct gl_text *text)
{
    const unsigned char *sha256 = gl_text_sha256(text);
    for (struct job *job = client->searches.first; job; job = job->next)
        if (!memcmp(job->text->sha256, sha256, JOB_SHA256_BYTES)) {
            job->text->refs++;
            return job->text;
        }
    struct gl_slice bytes = gl_text_bytes(text);
    struct text_copy *copy = mem_alloc(sizeof(*copy) + bytes.len);
    copy->refs = 1;
    copy->len = bytes.len;
    memcpy(copy->sha256, sha256, JOB_SHA256_BYTES);
    if (bytes.len)
        memcpy(copy->bytes, bytes.data, bytes.len);
    return copy;
}

static void nearest(void *ctx, const struct gl_text *text, struct gl_slice quote, nearest_fn fn, void *arg)
{
    struct helper_client *client = ctx;
    struct job *job = job_new(JOB_NEAREST, JOB_SHA256_BYTES + sizeof(uint32_t) + quote.len, arg);
    char *at = job->body;
    put_bytes(&at, gl_text_sha256(text), JOB_SHA256_BYTES);
    put_counted(&at, quote);
    job->text = text_share(client, text);
    job->nearest_done = fn;
    submit(client, job);
}

/* ---- helpers that come, and the end */

static void slot_open(struct helper_client *client, const struct seat_helper *helper)
{
    struct slot *slot = &client->slots[helper->slot];
    if (slot->fd >= 0)
        slot_fail(slot, GL_E_INTERNAL);
    slot->fd = helper->fd;
    slot->generation = helper->generation;
    slot->watch = loop_watch_new(client->loop, slot->fd, on_socket, slot);
    loop_watch_set(slot->watch, LOOP_READ);
}

static void on_news(void *ctx, int events)
{
    struct helper_client *client = ctx;
    struct seat_helper helper;
    enum seat_news news;
    (void)events;
    while ((news = seat_read(client->seat, &helper)) == SEAT_HELPER)
        slot_open(client, &helper);
    if (news == SEAT_ALONE) {
        loop_watch_set(client->news, 0);
        client->alone(client->alone_ctx);
    }
    start_jobs(client);
}

static void queue_init(struct queue *queue)
{
    *queue = (struct queue){.last = &queue->first};
}

struct helper_client *helper_client_new(struct loop *loop, struct seat *seat, const struct helper_limits *limits,
                                        void (*alone)(void *), void *ctx)
{
    struct helper_client *client = mem_alloc(sizeof(*client) + seat->helpers * sizeof(struct slot));
    client->magic = CLIENT_MAGIC;
    client->loop = loop;
    client->seat = seat;
    client->limits = *limits;
    client->alone = alone;
    client->alone_ctx = ctx;
    client->ticker = loop_timer_new(loop, on_tick, client);
    client->soon = loop_timer_new(loop, on_soon, client);
    queue_init(&client->passwords);
    queue_init(&client->searches);
    queue_init(&client->refused);
    for (unsigned i = 0; i < seat->helpers; i++) {
        client->slots[i].client = client;
        client->slots[i].fd = -1;
    }
    client->news = loop_watch_new(loop, seat->control_fd, on_news, client);
    loop_watch_set(client->news, LOOP_READ);
    return client;
}

struct core_helpers helper_client_core(struct helper_client *client)
{
    return (struct core_helpers){
        .ctx = client, .check_password = check_password, .hash_password = hash_password, .nearest = nearest};
}

size_t helper_client_jobs(const struct helper_client *client)
{
    return client->waiting + client->running;
}

static void queue_drop(struct queue *queue)
{
    for (struct job *job; (job = queue_take(queue));)
        finish(job, GL_E_SHUTTING_DOWN, gl_slice_of(NULL, 0));
}

void helper_client_free(struct helper_client **address)
{
    struct helper_client *client = *address;
    if (!client)
        return;
    assert(client->magic == CLIENT_MAGIC);
    for (unsigned i = 0; i < client->seat->helpers; i++) {
        struct job *job = slot_take_job(&client->slots[i]);
        if (client->slots[i].fd >= 0)
            slot_close(&client->slots[i]);
        if (job)
            finish(job, GL_E_SHUTTING_DOWN, gl_slice_of(NULL, 0));
    }
    queue_drop(&client->passwords);
    queue_drop(&client->searches);
    queue_drop(&client->refused);
    loop_watch_free(&client->news);
    loop_timer_free(&client->ticker);
    loop_timer_free(&client->soon);
    client->magic = 0;
    mem_free(address);
}
