/*
 * check_report.h - the problems that glossd check finds: their kinds (check_kinds.def), where they are, how they are told.
 *
 * Owns      a report owns its problems.
 * Lifetime  report_init / report_fini.
 * Thread    the main thread.
 * Errors    none.
 */
#ifndef CHECK_REPORT_H
#define CHECK_REPORT_H

#include "service/admin/database.h"

enum check_kind {
#define CHECK_KIND(id, name, remedy) CHECK_##id,
#include "service/admin/check_kinds.def"
#undef CHECK_KIND
    CHECK_KIND_COUNT
};
enum check_remedy { REMEDY_REBUILD, REMEDY_RESTORE, REMEDY_LOOK };
const char *check_kind_name(enum check_kind kind);
bool check_kind_is_repaired(enum check_kind kind); /* by --repair, from the log */

/* Where in its stream: an op, or the thing with an id that what names ("annotation"), or both. */
struct check_place {
    uint64_t seq;
    const char *what;
    const gl_uuid *id;
};
#define HERE         ((struct check_place){.seq = 0}) /* the stream as a whole */
#define AT_SEQ(n)    ((struct check_place){.seq = (n)})
#define AT(what, id) ((struct check_place){0, (what), (id)})

struct report {
    json_t *problems; /* array of objects: kind, says, do, and the place */
    uint64_t counts[CHECK_KIND_COUNT], total;
};
void report_init(struct report *report);
void report_fini(struct report *report);
void report_take(struct report *to, struct report *from); /* from is empty then; to was */
/* Of each kind the first ones are kept; all are counted. */
void report_problem(struct report *report, enum check_kind kind, struct check_place place, const char *fmt, ...) GL_PRINTF(4, 5);
size_t report_count_repairable(const struct report *report);
json_t *report_counts(const struct report *report);                                  /* {kind: how many} */
json_t *report_counts_less(const struct report *before, const struct report *after); /* how many fewer */
void report_tell(const struct report *report, const char *stream);                   /* on standard error */

/* How far it is, on standard error if that is a terminal. */
struct progress {
    size_t streams, at;
    uint64_t told_ms;
    bool is_on, is_shown;
};
void progress_init(struct progress *progress, size_t streams);
void progress_tell(struct progress *progress, uint64_t seq, uint64_t head);
void progress_clear(struct progress *progress);

#endif
