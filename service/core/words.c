/*
 * words.c - which ops of the log say something in a person's words: what the judge must know to erase them.
 *
 * The log below is asked, once for each op that wants it; what was appended since is in memory. Everything of the session waits meanwhile, as with lookup.c.
 */
#include "service/core/group_priv.h"

struct asking {
    struct session *session;
    gl_uuid op, account;
    gl_uuid *annotations;
    struct gl_buf enums; /* a JSON list of attributes whose texts are the codebook's */
};

static void add(struct judge_words *words, const struct judge_word *word)
{
    words->list = mem_grow(words->list, &words->cap, words->count + 1, sizeof *words->list);
    words->list[words->count++] = *word;
}

void words_free(struct judge_words **words)
{
    if (*words)
        mem_free(&(*words)->list);
    mem_free(words);
}

/* What an erasure takes is not there for the next one. */
static void drop(struct judge_words *words, const json_t *seqs)
{
    for (size_t i = 0; i < json_array_size(seqs); i++) {
        const uint64_t seq = (uint64_t)json_integer_value(json_array_get(seqs, i));
        size_t kept = 0;
        for (size_t n = 0; n < words->count; n++)
            if (words->list[n].seq != seq)
                words->list[kept++] = words->list[n];
        words->count = kept;
    }
}

struct judge_words *words_left(const struct judge_words *words, const struct append_erased *erased, size_t count)
{
    struct judge_words *left = mem_alloc(sizeof *left);
    left->as_of = words->as_of;
    for (size_t i = 0; i < words->count; i++) {
        bool is_left = true;
        for (size_t n = 0; n < count && is_left; n++)
            is_left = erased[n].seq != words->list[i].seq;
        if (is_left)
            add(left, &words->list[i]);
    }
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
        if (!recent) { /* too much has happened: it is asked again */
            words_free(&op->words);
            return NULL;
        }
        add_recent(session, recent, op->change, words);
        words->as_of++;
    }
    return words;
}

/* ---- what the store has of it */

static struct judge_words *take_words(const struct store_rows *rows)
{
    struct judge_words *words = mem_alloc(sizeof *words);
    words->as_of = store_u64(rows, 0, 0);
    for (size_t i = 0; i < store_rows_count(rows) && !store_is_null(rows, i, 1); i++) {
        struct judge_word word = {store_u64(rows, i, 1), store_uuid(rows, i, 2), store_uuid(rows, i, 3)};
        add(words, &word);
    }
    return words;
}

static void on_words(void *ctx, enum gl_code code, const struct store_rows *rows)
{
    struct asking *asking = ctx;
    struct session *session = asking->session;
    session->is_looking_up = false;
    if (code != GL_OK)
        session->not_before_ms = loop_now_ms(session->core->loop) + READ_BACK_OFF_MS;
    else if (store_rows_count(rows) == 0)
        project_refresh_account(session->project, &asking->account); /* hidden from that account */
    for (struct waiting_op *op = session->waiting; code == GL_OK && store_rows_count(rows) > 0 && op; op = op->next) {
        if (!gl_uuid_equal(&op->id, &asking->op) || !gl_uuid_equal(&op->account, &asking->account))
            continue;
        words_free(&op->words);
        op->words = take_words(rows);
        if (op->words->as_of > session->state->seq)
            session_catch_up(session);
    }
    session_heard(session, 0);
    writer_kick(session->core); /* when the store is down it comes back here, until the ops expire */
    session_release(session);
    gl_buf_fini(&asking->enums);
    mem_free(&asking->annotations);
    mem_free(&asking);
}

static void put_enums(struct gl_buf *buf, const struct gl_codebook *terms)
{
    json_t *names = json_array();
    for (size_t i = 0; i < gl_codebook_count(terms, GL_TERM_ATTRIBUTE); i++) {
        const struct gl_term *term = gl_codebook_any(terms, GL_TERM_ATTRIBUTE, i);
        const char *type = json_string_value(json_object_get(term->record, "type"));
        if (type && strcmp(type, "enum") == 0)
            json_array_append_new(names, json_stringn(term->name.data, term->name.len));
    }
    gl_buf_init(buf, SIZE_MAX);
    gl_canon_write(buf, names);
    json_decref(names);
}

static void ask(struct session *session, const struct waiting_op *op)
{
    struct asking *asking = mem_alloc(sizeof *asking);
    const json_t *list = json_object_get(op->change, "annotations");
    const size_t count = json_array_size(list);
    gl_uuid whose;
    const bool has_account = read_id(json_object_get(op->change, "account"), &whose);
    *asking = (struct asking){.session = session, .op = op->id, .account = op->account};
    asking->annotations = mem_array(count + 1, sizeof *asking->annotations);
    for (size_t i = 0; i < count; i++)
        (void)read_id(json_array_get(list, i), &asking->annotations[i]); /* the judge has read them */
    put_enums(&asking->enums, session->project->terms);
    session->is_looking_up = true;
    session->uses++;
    store_query(session->core->store, STORE_Q_session_words, &asking->account,
                (struct store_param[]){P_UUID(session->id), P_BOOL(list != NULL),
                                       P_BYTES(asking->annotations, count * sizeof *asking->annotations),
                                       has_account ? P_UUID(whose) : P_NULL, P_TEXT(gl_buf_peek(&asking->enums))},
                5, on_words, asking);
}

bool part_must_ask_words(struct part *part)
{
    struct session *session = part->session;
    for (size_t i = 0; i < part->tried_count; i++) {
        if (!part->tried[i].wants_words)
            continue;
        ask(session, part->tried[i].op);
        part_give_back(part);
        return true;
    }
    return false;
}
