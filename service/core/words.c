/*
 * words.c - which ops of the log say something in a person's words: what the judge must know to erase them.
 *
 * The log is read page by page, once for each op that wants it, and what was appended since is in memory. A log may have a million ops, so nobody else waits
 * meanwhile: the op stands aside, with those of its account that came behind it, and the session goes on. One op of a session is asked for at a time; the others
 * that want it stand aside, too. Whatever looks through the ops that wait takes them back first: they are judged again, and stand aside again.
 */
#include <stdlib.h>

#include "service/core/group_priv.h"

#define PAGE_OPS        5000  /* read at once: a tenth of a second of the database's */
#define PAGE_OPS_ERASED 50000 /* when only what erasures took is still looked for */
#define WORDS_MAX       4000  /* the oldest; more than one redact takes */

struct words_asking {
    struct session *session;
    gl_uuid op, account;
    bool is_of_named, is_of_one; /* which words */
    gl_uuid *annotations, whose;
    size_t annotation_count;
    struct gl_buf enums; /* a JSON object of attributes, each with the texts that the codebook offers */
    uint64_t after;
    size_t page;
    bool is_full; /* the list was when the page was asked for, which so tells only what erasures took */
};

static void add(struct judge_words *words, const struct judge_word *word)
{
    if (words->count >= WORDS_MAX) {
        words->was_cut = true;
        return;
    }
    words->list = mem_grow(words->list, &words->cap, words->count + 1, sizeof *words->list);
    words->list[words->count++] = *word;
}

void words_free(struct judge_words **words)
{
    if (*words)
        mem_free(&(*words)->list);
    mem_free(words);
}

static int by_seq(const void *a, const void *b)
{
    const uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
    return (one > other) - (one < other);
}

/* Those that are not among seqs, which are in order. */
static void keep_others(struct judge_words *words, const uint64_t *seqs, size_t count)
{
    size_t kept = 0;
    for (size_t n = 0; count > 0 && n < words->count; n++)
        if (!bsearch(&words->list[n].seq, seqs, count, sizeof *seqs, by_seq))
            words->list[kept++] = words->list[n];
    words->count = count > 0 ? kept : words->count;
}

/* What an erasure takes is not there for the next one. */
static void drop(struct judge_words *words, const json_t *list)
{
    const size_t count = json_array_size(list);
    uint64_t *seqs = mem_array(count + 1, sizeof *seqs);
    for (size_t i = 0; i < count; i++)
        seqs[i] = (uint64_t)json_integer_value(json_array_get(list, i));
    qsort(seqs, count, sizeof *seqs, by_seq);
    keep_others(words, seqs, count);
    mem_free(&seqs);
}

struct judge_words *words_left(const struct judge_words *words, const struct append_erased *erased, size_t count)
{
    struct judge_words *left = mem_alloc(sizeof *left);
    uint64_t *seqs = mem_array(count + 1, sizeof *seqs);
    for (size_t i = 0; i < count; i++)
        seqs[i] = erased[i].seq;
    qsort(seqs, count, sizeof *seqs, by_seq);
    left->as_of = words->as_of;
    left->was_cut = words->was_cut;
    for (size_t i = 0; i < words->count; i++)
        add(left, &words->list[i]);
    keep_others(left, seqs, count);
    mem_free(&seqs);
    return left;
}

/* ---- what memory has of it */

static bool read_id(const json_t *value, gl_uuid *id)
{
    return json_is_string(value) && gl_uuid_parse(gl_slice_of(json_string_value(value), json_string_length(value)), id);
}

static bool is_asked_for(const json_t *change, const gl_uuid *annotation, const gl_uuid *account)
{
    const json_t *list = json_object_get(change, "annotations"), *whose = json_object_get(change, "account");
    gl_uuid id;
    if (whose && (!read_id(whose, &id) || !gl_uuid_equal(&id, account)))
        return false;
    for (size_t i = 0; i < json_array_size(list); i++)
        if (read_id(json_array_get(list, i), &id) && gl_uuid_equal(&id, annotation))
            return true;
    return list == NULL;
}

static bool says_words(const struct gl_codebook *terms, const json_t *set)
{
    const char *name;
    json_t *value;
    if (json_is_string(json_object_get(set, "note")))
        return true;
    json_object_foreach(json_object_get(set, "attributes"), name, value)
    {
        if (judge_is_word(terms, name, value))
            return true;
    }
    return false;
}

static void add_recent(const struct session *session, const struct recent_op *recent, const json_t *change,
                       struct judge_words *words)
{
    json_t *logged = NULL;
    if (gl_json_load(recent->logged, &logged, NULL) != GL_OK)
        return;
    size_t i;
    json_t *effect;
    json_array_foreach(json_object_get(json_object_get(logged, "payload"), "effects"), i, effect)
    {
        struct judge_word word = {.seq = recent->seq, .account = recent->account};
        if (read_id(json_array_get(json_object_get(effect, "ids"), 0), &word.annotation) &&
            says_words(session->project->terms, json_object_get(effect, "set")) &&
            is_asked_for(change, &word.annotation, &word.account))
            add(words, &word);
        drop(words, json_object_get(json_object_get(effect, "set"), "ops"));
    }
    json_decref(logged);
}

const struct judge_words *words_now(const struct session *session, struct waiting_op *op)
{
    struct judge_words *words = op->words;
    while (words && words->as_of < session->state->seq) {
        const struct recent_op *recent = session_recent_find(session, words->as_of + 1);
        if (!recent) /* too much has happened: it is read on from there */
            return NULL;
        add_recent(session, recent, op->change, words);
        words->as_of++;
    }
    if (words && words->was_cut && words->count < WORDS_MAX) { /* some of them are erased since, and those behind were left out */
        words_free(&op->words);
        return NULL;
    }
    return words;
}

/* ---- ops that stand aside */

static bool is_of(const struct waiting_op *list, const gl_uuid *account)
{
    while (list && !gl_uuid_equal(&list->account, account))
        list = list->next;
    return list != NULL;
}

/* Whoever waits and is of such an account: behind those that stand aside, in their order. */
void words_set_aside(struct session *session)
{
    struct waiting_op **at = &session->waiting, **tail = &session->aside;
    if (!session->aside)
        return;
    while (*tail)
        tail = &(*tail)->next;
    while (*at) {
        struct waiting_op *op = *at;
        if (!is_of(session->aside, &op->account)) {
            at = &op->next;
            continue;
        }
        *at = op->next;
        op->next = NULL;
        *tail = op;
        tail = &op->next;
    }
    session->waiting_tail = at;
}

void words_take_back(struct session *session)
{
    struct waiting_op **tail = &session->aside;
    if (!session->aside)
        return;
    while (*tail)
        tail = &(*tail)->next;
    *tail = session->waiting;
    if (!session->waiting)
        session->waiting_tail = tail;
    session->waiting = session->aside;
    session_set_busy(session);
    session->aside = NULL;
}

/* Nothing of that account stands aside yet, and something waits. */
static void step_aside(struct session *session, const gl_uuid *account)
{
    struct waiting_op **at = &session->waiting, **tail = &session->aside;
    while (!gl_uuid_equal(&(*at)->account, account))
        at = &(*at)->next;
    while (*tail)
        tail = &(*tail)->next;
    *tail = *at;
    *at = (*at)->next;
    (*tail)->next = NULL;
    words_set_aside(session); /* the others of the account, and the list's end */
}

/* ---- what the store has of it */

static void on_words(void *ctx, enum gl_code code, const struct store_rows *rows);

static void ask_page(struct words_asking *asking, const struct judge_words *words)
{
    struct core *core = asking->session->core;
    asking->is_full = words && words->count >= WORDS_MAX;
    asking->after = words ? words->as_of : 0;
    asking->page = asking->is_full ? PAGE_OPS_ERASED : core->limits.words_page ? core->limits.words_page : PAGE_OPS;
    store_query(core->store, STORE_Q_session_words, &asking->account,
                (struct store_param[]){P_UUID(asking->session->id), P_BOOL(asking->is_of_named),
                                       P_BYTES(asking->annotations, asking->annotation_count * sizeof *asking->annotations),
                                       asking->is_of_one ? P_UUID(asking->whose) : P_NULL, P_TEXT(gl_buf_peek(&asking->enums)),
                                       P_U64(asking->after), P_U64(asking->page), P_BOOL(!asking->is_full)},
                8, on_words, asking->session);
}

/* Behind those words that are there: a row says something, or that an erasure took what an earlier one says. */
static void take_page(struct judge_words *words, const struct words_asking *asking, const struct store_rows *rows)
{
    const uint64_t head = store_u64(rows, 0, 0);
    size_t count = 0;
    uint64_t *taken = mem_array(store_rows_count(rows), sizeof *taken);
    for (size_t i = 0; i < store_rows_count(rows) && !store_is_null(rows, i, 1); i++) {
        if (store_is_null(rows, i, 2)) {
            taken[count++] = store_u64(rows, i, 1);
        } else {
            struct judge_word word = {store_u64(rows, i, 1), store_uuid(rows, i, 2), store_uuid(rows, i, 3)};
            add(words, &word);
        }
    }
    qsort(taken, count, sizeof *taken, by_seq);
    keep_others(words, taken, count);
    mem_free(&taken);
    words->was_cut |= asking->is_full; /* nobody knows whether this page had any */
    words->as_of = asking->after + asking->page < head ? asking->after + asking->page : head;
}

static struct waiting_op *find(struct waiting_op *op, const struct words_asking *asking)
{
    while (op && !(gl_uuid_equal(&op->id, &asking->op) && gl_uuid_equal(&op->account, &asking->account)))
        op = op->next;
    return op && submit_is_awaited(op->submit) ? op : NULL;
}

void words_forget(struct session *session)
{
    if (!session->asking)
        return;
    gl_buf_fini(&session->asking->enums);
    mem_free(&session->asking->annotations);
    mem_free(&session->asking);
}

static void finish(struct session *session)
{
    words_forget(session);
    words_take_back(session);
    session_heard(session, 0);
    writer_kick(session->core); /* when the store is down it comes back here, until the ops expire */
    session_release(session);
}

/* True: it goes on. */
static bool take(struct words_asking *asking, struct waiting_op *op, const struct store_rows *rows)
{
    struct session *session = asking->session;
    if (!op->words)
        op->words = mem_alloc(sizeof *op->words);
    if (op->words->as_of != asking->after) /* it was judged meanwhile, and memory had what follows: the page would say it twice */
        return false;
    take_page(op->words, asking, rows);
    if (op->words->as_of < store_u64(rows, 0, 0)) {
        op->since_ms = loop_now_ms(session->core->loop); /* the store answers, so nobody has waited for it in vain */
        for (struct waiting_op *it = session->aside; it; it = it->next)
            it->since_ms = op->since_ms;
        ask_page(asking, op->words);
        return true;
    }
    if (op->words->as_of > session->state->seq)
        session_catch_up(session);
    return false;
}

static void on_words(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct session *session = ctx;
    struct words_asking *asking = session->asking;
    struct waiting_op *aside = find(session->aside, asking), *op = aside ? aside : find(session->waiting, asking);
    if (code != GL_OK)
        session->not_before_ms = loop_now_ms(session->core->loop) + READ_BACK_OFF_MS;
    else if (store_rows_count(rows) == 0)
        project_refresh_account(session->project, &asking->account); /* hidden from that account */
    else if (op && session->phase == SESSION_READY && take(asking, op, rows))
        return;
    finish(session);
}

static void put_enums(struct gl_buf *buf, const struct gl_codebook *terms)
{
    json_t *offered = json_object();
    for (size_t i = 0; i < gl_codebook_count(terms, GL_TERM_ATTRIBUTE); i++) {
        const struct gl_term *term = gl_codebook_any(terms, GL_TERM_ATTRIBUTE, i);
        const char *type = json_string_value(json_object_get(term->record, "type"));
        if (type && strcmp(type, "enum") == 0)
            json_object_setn_new(offered, term->name.data, term->name.len, json_incref(json_object_get(term->record, "values")));
    }
    gl_buf_init(buf, SIZE_MAX);
    gl_canon_write(buf, offered);
    json_decref(offered);
}

static void ask(struct session *session, const struct waiting_op *op)
{
    struct words_asking *asking = mem_alloc(sizeof *asking);
    const json_t *list = json_object_get(op->change, "annotations");
    *asking = (struct words_asking){.session = session,
                                    .op = op->id,
                                    .account = op->account,
                                    .is_of_named = list != NULL,
                                    .annotation_count = json_array_size(list)};
    asking->is_of_one = read_id(json_object_get(op->change, "account"), &asking->whose);
    asking->annotations = mem_array(asking->annotation_count + 1, sizeof *asking->annotations);
    for (size_t i = 0; i < asking->annotation_count; i++)
        (void)read_id(json_array_get(list, i), &asking->annotations[i]); /* the judge has read them */
    put_enums(&asking->enums, session->project->terms);
    session->asking = asking;
    session->uses++;
    ask_page(asking, op->words);
}

bool part_must_ask_words(struct part *part)
{
    struct session *session = part->session;
    for (size_t i = 0; i < part->tried_count; i++) {
        struct waiting_op *op = part->tried[i].op;
        if (!part->tried[i].wants_words)
            continue;
        part_give_back(part);
        step_aside(session, &op->account);
        if (!session->asking)
            ask(session, op);
        return true;
    }
    return false;
}
