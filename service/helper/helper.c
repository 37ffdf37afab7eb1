#include "service/helper/helper.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "service/auth/password.h"
#include "service/base/mem.h"
#include "service/helper/job.h"

_Static_assert(JOB_ANSWER_MAX >= PASSWORD_RECORD_MAX, "a record is an answer");
enum { NICE = 5, OTHER_BYTES_MAX = 1 << 20 /* of a message, without the text */ };

struct helper {
    int fd;
    size_t max_body;
    struct gl_text *texts[JOB_TEXTS_KEPT]; /* last used first */
};

static bool read_whole(int fd, void *out, size_t len)
{
    char *at = out;
    while (len) {
        ssize_t got = read(fd, at, len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        at += got;
        len -= (size_t)got;
    }
    return true;
}

static bool write_whole(int fd, const void *data, size_t len)
{
    const char *at = data;
    while (len) {
        ssize_t sent = send(fd, at, len, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        at += sent;
        len -= (size_t)sent;
    }
    return true;
}

static bool answer(const struct helper *helper, const struct job_head *job, enum gl_code code, const void *body, size_t len)
{
    const struct job_head head = {.kind = job->kind, .code = code, .id = job->id, .body_bytes = len};
    return write_whole(helper->fd, &head, sizeof(head)) && write_whole(helper->fd, body, len);
}

/* Takes len bytes from the front of body; false when there are fewer. */
static bool take(struct gl_slice *body, size_t len, struct gl_slice *part)
{
    if (len > body->len)
        return false;
    *part = gl_slice_of(body->data, len);
    *body = gl_slice_of(body->data + len, body->len - len);
    return true;
}

static bool take_counted(struct gl_slice *body, struct gl_slice *part)
{
    uint32_t len;
    struct gl_slice bytes;
    if (!take(body, sizeof(len), &bytes))
        return false;
    memcpy(&len, bytes.data, sizeof(len));
    return take(body, len, part);
}

static bool check_password(struct helper *helper, const struct job_head *job, struct gl_slice body)
{
    struct gl_slice stored;
    if (!take_counted(&body, &stored))
        return false;
    char fits = (char)password_verify(stored, body);
    return answer(helper, job, GL_OK, &fits, 1);
}

static bool hash_password(struct helper *helper, const struct job_head *job, struct gl_slice body)
{
    char record[PASSWORD_RECORD_MAX];
    password_hash(body, record);
    return answer(helper, job, GL_OK, record, strlen(record));
}

/* The text that has this SHA-256, moved to the front; NULL when it is not here. */
static struct gl_text *find_text(struct helper *helper, const char *sha256)
{
    for (size_t i = 0; i < JOB_TEXTS_KEPT && helper->texts[i]; i++)
        if (!memcmp(gl_text_sha256(helper->texts[i]), sha256, JOB_SHA256_BYTES)) {
            struct gl_text *found = helper->texts[i];
            memmove(helper->texts + 1, helper->texts, i * sizeof(*helper->texts));
            return helper->texts[0] = found;
        }
    return NULL;
}

static struct gl_text *keep_text(struct helper *helper, const char *sha256, struct gl_slice bytes)
{
    struct gl_text *text = NULL;
    if (gl_text_new(bytes, &text, NULL) || memcmp(gl_text_sha256(text), sha256, JOB_SHA256_BYTES) != 0) {
        gl_text_free(&text);
        return NULL;
    }
    gl_text_free(&helper->texts[JOB_TEXTS_KEPT - 1]);
    memmove(helper->texts + 1, helper->texts, (JOB_TEXTS_KEPT - 1) * sizeof(*helper->texts));
    return helper->texts[0] = text;
}

static bool find_nearest(struct helper *helper, const struct job_head *job, struct gl_slice body)
{
    struct gl_slice sha256, quote;
    if (!take(&body, JOB_SHA256_BYTES, &sha256) || !take_counted(&body, &quote))
        return false;
    struct gl_text *text = body.len ? keep_text(helper, sha256.data, body) : find_text(helper, sha256.data);
    if (!text)
        return answer(helper, job, GL_E_NOT_FOUND, "", 0);
    struct gl_candidate candidates[JOB_CANDIDATES_MAX];
    size_t count = 0;
    enum gl_code code = gl_text_nearest(text, quote, candidates, JOB_CANDIDATES_MAX, &count);
    if (count > JOB_CANDIDATES_MAX)
        count = JOB_CANDIDATES_MAX;
    return answer(helper, job, code, candidates, code ? 0 : count * sizeof(*candidates));
}

static bool do_job(struct helper *helper, const struct job_head *job, struct gl_slice body)
{
    switch (job->kind) {
    case JOB_PASSWORD: return check_password(helper, job, body);
    case JOB_NEAREST: return find_nearest(helper, job, body);
    case JOB_HASH: return hash_password(helper, job, body);
    default: return false;
    }
}

/* False when the process should end: the worker is gone, or what it sent makes no sense. */
static bool serve_one(struct helper *helper)
{
    struct job_head job;
    if (!read_whole(helper->fd, &job, sizeof(job)) || job.body_bytes > helper->max_body)
        return false;
    char *body = mem_alloc(job.body_bytes + 1);
    bool goes_on = read_whole(helper->fd, body, job.body_bytes) && do_job(helper, &job, gl_slice_of(body, job.body_bytes));
    explicit_bzero(body, job.body_bytes); /* it may have held a password */
    mem_free(&body);
    return goes_on;
}

int helper_main(int fd, size_t max_text_bytes)
{
    struct helper helper = {.fd = fd, .max_body = max_text_bytes + OTHER_BYTES_MAX};
    setpriority(PRIO_PROCESS, 0, NICE); /* the loops come first */
    while (serve_one(&helper))
        ;
    for (size_t i = 0; i < JOB_TEXTS_KEPT; i++)
        gl_text_free(&helper.texts[i]);
    close(fd);
    return EXIT_SUCCESS;
}
