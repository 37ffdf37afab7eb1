/* judge_view.c - the overlay that a group is judged in: what will be true once it has committed, with a way back. */
#include "service/core/judge_priv.h"

#include "service/base/mem.h"

struct judge_undo {
    gl_uuid id;
    struct gl_annotation *before; /* in the overlay; NULL: it was not there */
};

void judge_view_init(struct judge_view *view, const struct gl_state *state)
{
    *view = (struct judge_view){
        .state = state, .seq = state->seq, .chain = state->chain, .sum = state->sum, .mode_seq = state->mode_seq};
    memcpy(view->mode, state->mode, sizeof view->mode);
    map_init(&view->overlay);
}

void judge_view_init_upon(struct judge_view *view, const struct judge_view *upon)
{
    *view = (struct judge_view){
        .state = upon->state, .upon = upon, .seq = upon->seq, .chain = upon->chain, .sum = upon->sum, .mode_seq = upon->mode_seq};
    memcpy(view->mode, upon->mode, sizeof view->mode);
    map_init(&view->overlay);
}

void judge_view_stands(struct judge_view *view)
{
    view->upon = NULL;
}

void judge_view_fini(struct judge_view *view)
{
    struct gl_annotation *annotation;
    for (size_t at = 0; (annotation = map_next(&view->overlay, &at));)
        gl_annotation_unref(&annotation);
    map_fini(&view->overlay);
    for (size_t i = 0; i < view->journal_count; i++)
        gl_annotation_unref(&view->journal[i].before);
    mem_free(&view->journal);
}

struct judge_mark judge_mark(const struct judge_view *view)
{
    struct judge_mark mark = {.journal_count = view->journal_count,
                              .seq = view->seq,
                              .mode_seq = view->mode_seq,
                              .grown = view->grown,
                              .chain = view->chain,
                              .sum = view->sum};
    memcpy(mark.mode, view->mode, sizeof mark.mode);
    return mark;
}

void judge_back_to(struct judge_view *view, const struct judge_mark *mark)
{
    while (view->journal_count > mark->journal_count) {
        struct judge_undo *undo = &view->journal[--view->journal_count];
        struct gl_annotation *now =
            undo->before ? map_put(&view->overlay, &undo->id, undo->before) : map_remove(&view->overlay, &undo->id);
        gl_annotation_unref(&now);
        if (MUTATION(only_last_taken_back))
            break;
    }
    view->grown = mark->grown;
    if (!MUTATION(seq_not_taken_back))
        view->seq = mark->seq;
    if (!MUTATION(chain_not_taken_back))
        view->chain = mark->chain;
    if (!MUTATION(sum_not_taken_back))
        view->sum = mark->sum;
    if (MUTATION(mode_not_taken_back))
        return;
    view->mode_seq = mark->mode_seq;
    memcpy(view->mode, mark->mode, sizeof view->mode);
}

struct gl_annotation *judge_find(const struct judge_view *view, const gl_uuid *id)
{
    struct gl_annotation *changed = map_get(&view->overlay, id);
    if (!changed && view->upon && !MUTATION(ahead_without_what_is_in_flight))
        changed = map_get(&view->upon->overlay, id);
    return changed ? changed : gl_state_find(view->state, id);
}

void judge_put_away(const struct judge_view *view, const struct gl_annotation *annotation)
{
    struct gl_annotation *here = annotation ? gl_state_find(view->state, &annotation->id) : NULL;
    if (here && here == annotation)
        gl_annotation_put_away(here);
}

size_t judge_touched(const struct judge_view *view, struct gl_annotation **out)
{
    size_t count = 0;
    for (size_t i = 0; i < view->journal_count; i++) {
        if (view->journal[i].before)
            continue; /* touched before: it is counted already */
        if (out)
            out[count] = map_get(&view->overlay, &view->journal[i].id);
        count++;
    }
    return count;
}

const struct gl_annotation *judge_made(const struct judge_view *view, size_t *at)
{
    while (*at < view->journal_count) {
        const struct judge_undo *undo = &view->journal[(*at)++];
        if (!undo->before && !gl_state_find(view->state, &undo->id))
            return map_get(&view->overlay, &undo->id);
    }
    return NULL;
}

void judge_put(struct judge_view *view, struct gl_annotation *after)
{
    const struct gl_annotation *now = judge_find(view, &after->id);
    view->grown += !after->is_deleted - (now && !now->is_deleted);
    if (now && !MUTATION(sum_keeps_old))
        gl_sum_sub(&view->sum, &now->hash);
    gl_sum_add(&view->sum, &after->hash);
    view->journal = mem_grow(view->journal, &view->journal_cap, view->journal_count + 1, sizeof *view->journal);
    view->journal[view->journal_count++] = (struct judge_undo){after->id, map_put(&view->overlay, &after->id, after)};
}

void judge_put_mode(struct judge_view *view, const char *mode, uint64_t seq)
{
    gl_hash item;
    if (gl_state_mode_item(view->mode, view->mode_seq, &item))
        gl_sum_sub(&view->sum, &item);
    snprintf(view->mode, sizeof view->mode, "%s", mode);
    view->mode_seq = seq;
    if (gl_state_mode_item(view->mode, view->mode_seq, &item))
        gl_sum_add(&view->sum, &item);
}
