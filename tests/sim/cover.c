/* cover.c - see cover.h. */
#include "tests/sim/cover.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

struct machine {
    const char *name, *states[COVER_STATES], *events[COVER_EVENTS];
    const char *possible
        [COVER_STATES]; /* for each state a letter for each event: x must be seen in a thousand seeds, o may be, . cannot */
};
static const struct machine machines[COVER_MACHINES] = {
    [COVER_ANNOTATION] = {"an annotation, by what was accepted",
                          {"nothing", "proposed", "active", "accepted", "rejected", "resolved", "deleted"},
                          {"create", "change", "proposed", "active", "accepted", "rejected", "resolved", "delete", "restore",
                           "redact"},
                          {"x.........", ".xxxxxxx.x", ".xxxxxxx.x", ".xxxxxxx.x", ".xxxxxxx.x", ".xxxxxxx.x", "........xx"}},
    [COVER_VERDICT] = {"what clients were answered, by what they asked",
                       {"annotation.create", "annotation.update", "annotation.delete", "annotation.restore", "session.mode",
                        "redact"},
                       {"accepted", "repeated", "stale", "gone", "exists", "forbidden", "session_closed", "depends_on_refused",
                        "atomic_refused", "unknown_label", "unknown_attribute", "quote_not_found", "invalid_params", "not_found"},
                       {"xx.xxxx.xxxx..", "xxxx.xxxxxx.x.", "xxxx.xxxx...x.", "xxx.xxxxx...x.", "xx...x..x.....",
                        "xxx..x.xx...xx"}},
    [COVER_SESSION] = {"a session of libgloss",
                       {"away", "reading", "synced", "failed"},
                       {"joined", "resumed", "synced", "lost", "failed", "joined anew", "read anew"},
                       {"xx..xox", "oxxxxoo", "oo.xxoo", ".....x."}},
    [COVER_HELD] = {"a session in a worker, by what came",
                    {"absent", "loading", "idle", "followed", "behind", "appending", "reading", "looking up", "held"},
                    {"opened", "loaded", "not loaded", "told", "tail", "no tail", "committed", "fence lost", "locked",
                     "not appended", "looked up", "not looked up", "held", "not held", "asked", "left", "turn", "time", "killed"},
                    {"x..xoo...o...ooooox", "xxox.........ooooxo", "xooxooooooooooooxxx", "xooxxoooooooooxxxxx",
                     "oooxxoooooooooxoxxo", "xooxxoxxxooooooooox", "xxoxxxoooooooooooox", "xooxxoooooxooooooox",
                     "xoooooooooooxoooxoo"}},
    [COVER_MOVED] = {"a session in a worker, from where to where",
                     {"absent", "loading", "idle", "followed", "behind", "appending", "reading", "looking up", "held"},
                     {"absent", "loading", "idle", "followed", "behind", "appending", "reading", "looking up", "held"},
                     {".x.......", "o.xx..o..", "xo.xooooo", "oox.xxxxo", "ooox.xxxo", "ooxxx.xox", "oooxxo.ox", "oooxxox.x",
                      "oooooxxx."}},
};

static size_t place(const char *const *names, size_t max, const char *name)
{
    for (size_t i = 0; i < max && names[i]; i++)
        if (*names[i] == *name && strcmp(names[i], name) == 0)
            return i;
    return max;
}

void cover(enum cover_machine machine, const char *state, const char *event)
{
    const struct machine *of = &machines[machine];
    size_t row = place(of->states, COVER_STATES, state), column = place(of->events, COVER_EVENTS, event);
    if (row < COVER_STATES && column < COVER_EVENTS)
        world.tally->cover.seen[machine][row][column]++;
    else if (machine != COVER_VERDICT) { /* there are rarer refusals; the list of all is printed beside this */
        fprintf(stderr, "cover: no %s in %s\n", event, state);
        abort();
    }
}

void cover_add(struct cover *sum, const struct cover *one)
{
    for (size_t m = 0; m < COVER_MACHINES; m++)
        for (size_t row = 0; row < COVER_STATES; row++)
            for (size_t column = 0; column < COVER_EVENTS; column++)
                sum->seen[m][row][column] += one->seen[m][row][column];
}

static size_t print_machine(const struct machine *machine, const uint64_t (*seen)[COVER_EVENTS])
{
    size_t possible = 0, missed = 0;
    printf("%s:\n", machine->name);
    for (size_t row = 0; row < COVER_STATES && machine->states[row]; row++) {
        printf("  %-20s", machine->states[row]);
        for (size_t column = 0; column < COVER_EVENTS && machine->events[column]; column++) {
            if (seen[row][column] > 0)
                printf(" %s:%" PRIu64, machine->events[column], seen[row][column]);
            possible += machine->possible[row][column] == 'x';
            missed += machine->possible[row][column] == 'x' && seen[row][column] == 0;
        }
        printf("\n");
    }
    printf("  %zu of %zu seen", possible - missed, possible);
    for (size_t row = 0; row < COVER_STATES && machine->states[row]; row++)
        for (size_t column = 0; column < COVER_EVENTS && machine->events[column]; column++)
            if (machine->possible[row][column] == 'x' && seen[row][column] == 0)
                printf("; never: %s in %s", machine->events[column], machine->states[row]);
            else if (machine->possible[row][column] == '.' && seen[row][column] > 0)
                printf("; not thought possible: %s in %s", machine->events[column], machine->states[row]);
    printf("\n");
    return missed;
}

size_t cover_print(const struct cover *cover)
{
    size_t missed = 0;
    for (size_t m = 0; m < COVER_MACHINES; m++)
        missed += print_machine(&machines[m], cover->seen[m]);
    return missed;
}
