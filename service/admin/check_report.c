/* check_report.c - what check has found in one stream: kept up to a limit for each kind, counted beyond it, and told as words or as JSON. */
#include "service/admin/check_report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "service/base/clock.h"

#define SHOWN_MAX   20 /* of a kind, in a stream */
#define PROGRESS_MS 200

enum { REBUILD = REMEDY_REBUILD, RESTORE = REMEDY_RESTORE, LOOK = REMEDY_LOOK };

static const struct {
    const char *name;
    int remedy;
} kinds[] = {
#define CHECK_KIND(id, name, remedy) {name, remedy},
#include "service/admin/check_kinds.def"
#undef CHECK_KIND
};

static const char *const remedies[] = {
    [REMEDY_REBUILD] = "glossd check --repair makes it again from the log",
    [REMEDY_RESTORE] =
        "nothing else has it: take it from a backup (restore the database, or this part of it, beside the running one)",
    [REMEDY_LOOK] = "the log says so and holds together: look at the op that made it; the next change of it mends it",
};

const char *check_kind_name(enum check_kind kind)
{
    return kinds[kind].name;
}

bool check_kind_is_repaired(enum check_kind kind)
{
    return kinds[kind].remedy == REMEDY_REBUILD;
}

/* ---- keeping */

void report_init(struct report *report)
{
    *report = (struct report){.problems = json_array()};
}

void report_fini(struct report *report)
{
    json_decref(report->problems);
    *report = (struct report){.problems = NULL};
}

void report_take(struct report *to, struct report *from)
{
    report_fini(to);
    *to = *from;
    report_init(from);
}

size_t report_count_repairable(const struct report *report)
{
    size_t count = 0;
    for (int kind = 0; kind < CHECK_KIND_COUNT; kind++) {
        count += check_kind_is_repaired((enum check_kind)kind) ? report->counts[kind] : 0;
    }
    return count;
}

void report_problem(struct report *report, enum check_kind kind, struct check_place place, const char *fmt, ...)
{
    char sentence[400], id[GL_UUID_TEXT + 1];
    va_list args;
    report->total++;
    if (report->counts[kind]++ >= SHOWN_MAX) {
        return;
    }
    va_start(args, fmt);
    vsnprintf(sentence, sizeof(sentence), fmt, args);
    va_end(args);
    json_t *problem =
        json_pack("{s:s, s:s, s:s}", "kind", kinds[kind].name, "says", sentence, "do", remedies[kinds[kind].remedy]);
    if (place.seq > 0) {
        json_object_set_new(problem, "seq", json_integer((json_int_t)place.seq));
    }
    if (place.id) {
        gl_uuid_format(place.id, id);
        json_object_set_new(problem, place.what, json_string(id));
    }
    json_array_append_new(report->problems, problem);
}

/* ---- telling */

json_t *report_counts(const struct report *report)
{
    json_t *counts = json_object();
    for (int kind = 0; kind < CHECK_KIND_COUNT; kind++) {
        if (report->counts[kind] > 0) {
            json_object_set_new(counts, kinds[kind].name, json_integer((json_int_t)report->counts[kind]));
        }
    }
    return counts;
}

json_t *report_counts_less(const struct report *before, const struct report *after)
{
    json_t *counts = json_object();
    for (int kind = 0; kind < CHECK_KIND_COUNT; kind++) {
        if (before->counts[kind] > after->counts[kind]) {
            json_object_set_new(counts, kinds[kind].name, json_integer((json_int_t)(before->counts[kind] - after->counts[kind])));
        }
    }
    return counts;
}

static const char *text_of(const json_t *problem, const char *name)
{
    return json_string_value(json_object_get(problem, name));
}

void report_tell(const struct report *report, const char *stream)
{
    bool is_wanted[sizeof(remedies) / sizeof(remedies[0])] = {false};
    size_t i;
    const json_t *problem;
    json_array_foreach(report->problems, i, problem)
    {
        admin_complain("%s: %s: %s", stream, text_of(problem, "kind"), text_of(problem, "says"));
    }
    for (int kind = 0; kind < CHECK_KIND_COUNT; kind++) {
        is_wanted[kinds[kind].remedy] |= report->counts[kind] > 0;
        if (report->counts[kind] > SHOWN_MAX) {
            admin_complain("%s: %s: and %" PRIu64 " more of these", stream, kinds[kind].name, report->counts[kind] - SHOWN_MAX);
        }
    }
    for (size_t remedy = 0; remedy < sizeof(remedies) / sizeof(remedies[0]); remedy++) {
        char of[512] = "";
        for (int kind = 0; is_wanted[remedy] && kind < CHECK_KIND_COUNT; kind++) {
            if (kinds[kind].remedy == (int)remedy && report->counts[kind] > 0 && strlen(of) + 32 < sizeof(of)) {
                snprintf(of + strlen(of), sizeof(of) - strlen(of), "%s%s", *of ? ", " : "", kinds[kind].name);
            }
        }
        if (is_wanted[remedy]) {
            admin_complain("%s: what to do about %s: %s", stream, of, remedies[remedy]);
        }
    }
}

/* ---- how far it is, on a terminal */

void progress_init(struct progress *progress, size_t streams)
{
    *progress = (struct progress){.streams = streams, .is_on = isatty(STDERR_FILENO) == 1};
}

void progress_tell(struct progress *progress, uint64_t seq, uint64_t head)
{
    uint64_t now_ms = (uint64_t)clock_unix_ms();
    if (!progress->is_on || now_ms - progress->told_ms < PROGRESS_MS) {
        return;
    }
    progress->told_ms = now_ms;
    progress->is_shown = true;
    fprintf(stderr, "\r\033[Kstream %zu of %zu, op %" PRIu64 " of %" PRIu64, progress->at, progress->streams, seq, head);
    fflush(stderr);
}

void progress_clear(struct progress *progress)
{
    if (progress->is_shown) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
    progress->is_shown = false;
}
