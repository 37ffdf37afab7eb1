#include "clients/cli/far.h"

#include <stdlib.h>

#include "clients/cli/link.h"

struct end_asked {
    gl_uuid session, annotation;
};

static int by_session(const void *left, const void *right)
{
    return memcmp(left, right, sizeof(struct end_asked));
}

static int by_annotation(const void *left, const void *right)
{
    return memcmp(&((const struct far_end *)left)->annotation, &((const struct far_end *)right)->annotation, sizeof(gl_uuid));
}

/* A session that one may not see is no reason to stop. */
static struct gloss_session *join(struct cli *cli, const gl_uuid *id)
{
    struct gloss_session *session;
    struct gloss_join options;
    char text[GL_UUID_TEXT + 1];
    gl_uuid_format(id, text);
    gloss_join_init(&options);
    options.names = false;
    if (gloss_join(cli->gloss, text, &options, &session) != 0) {
        return NULL;
    }
    int before = cli->link.final_code, code = gloss_synced_wait(session, LINK_PATIENCE_MS);
    if (code != 0) {
        gloss_leave(&session);
    }
    if (before == 0 && cli->link.final_code) { /* it was about that session, not about the connection */
        gloss_error_clear(&cli->link.final_error);
        cli->link.final_code = 0;
    }
    return session;
}

static void take_end(struct far_end *end, const struct end_asked *asked, struct gloss_session *session)
{
    char id[GL_UUID_TEXT + 1];
    gl_uuid_format(&asked->annotation, id);
    struct gl_annotation *found = session ? gloss_annotation_find(session, id) : NULL;
    const char *title = session ? json_string_value(json_object_get(gloss_session_document(session), "title")) : NULL;
    *end = (struct far_end){.annotation = asked->annotation,
                            .end = found ? gloss_annotation_ref(found) : NULL,
                            .title = title ? heap_copy(gl_slice_str(title)) : NULL};
}

void far_gather(struct cli *cli, const char *session, struct gl_annotation *const *annotations, size_t count,
                struct far_list *far)
{
    struct end_asked *asked = heap_alloc(count, sizeof *asked);
    size_t asked_count = 0;
    gl_uuid here;
    bool is_known = gl_uuid_parse(gl_slice_str(session), &here);
    for (size_t i = 0; i < count; i++) {
        const struct gl_annotation *annotation = annotations[i];
        bool leads_away = annotation->target_kind == GL_TARGET_RELATION && !annotation->is_deleted &&
                          !(is_known && gl_uuid_equal(&annotation->link.to_session, &here));
        if (leads_away) {
            asked[asked_count++] = (struct end_asked){annotation->link.to_session, annotation->link.to};
        }
    }
    qsort(asked, asked_count, sizeof *asked, by_session);
    *far = (struct far_list){.items = heap_alloc(asked_count, sizeof *far->items)};
    struct gloss_session *other = NULL;
    for (size_t i = 0; i < asked_count; i++) {
        if (i == 0 || !gl_uuid_equal(&asked[i].session, &asked[i - 1].session)) {
            gloss_leave(&other);
            other = join(cli, &asked[i].session);
        }
        if (i == 0 || by_session(&asked[i], &asked[i - 1]) != 0) {
            take_end(&far->items[far->count++], &asked[i], other);
        }
    }
    gloss_leave(&other);
    qsort(far->items, far->count, sizeof *far->items, by_annotation);
    free(asked);
}

void far_fini(struct far_list *far)
{
    for (size_t i = 0; i < far->count; i++) {
        gloss_annotation_unref(&far->items[i].end);
        free(far->items[i].title);
    }
    free(far->items);
    *far = (struct far_list){0};
}

const struct far_end *far_find(const struct far_list *far, const gl_uuid *annotation)
{
    struct far_end key = {.annotation = *annotation};
    return far && far->count ? bsearch(&key, far->items, far->count, sizeof key, by_annotation) : NULL;
}
