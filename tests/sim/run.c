/* run.c - one seed: people ask, things go wrong, everything heals, and the promises are looked at. */
#include <stdio.h>
#include <string.h>

#include "tests/sim/check.h"
#include "tests/sim/memo.h"
#include "tests/sim/person.h"
#include "tests/sim/wire.h"

#define LONGEST_MS 120000 /* of asking: workers may be away most of the time */
#define HEAL_MS    40000  /* then everybody must have everything */
#define LURK_MS    300    /* long enough to join by hand */
#define NOTICE_MS  1500
#define SETTLED_MS 20000
#define PROMPT_MS  450  /* the poll comes every 500 */
#define FORGET_MS  6000 /* after which who lost a right must not hear of the session any more */

static unsigned ops_left;

/* ---- people ask */

static void asks(void *ctx, uint64_t person)
{
    (void)ctx;
    if (world.is_calm || world.is_over)
        return;
    unsigned count = draw(DICE_PEOPLE, 12) == 0 ? 2 + (unsigned)draw(DICE_PEOPLE, 4) : 1;
    count = count < ops_left ? count : ops_left;
    size_t before = asked_count;
    if (count > 0)
        person_asks((size_t)person, count);
    if (draw(DICE_PEOPLE, 60) == 0)
        stranger_knocks();
    if (draw(DICE_PEOPLE, 12) == 0 && person < WORKERS_OF_P)
        post_by_hand((size_t)person);
    before = asked_count - before;
    ops_left -= before < ops_left ? (unsigned)before : ops_left;
    world_at(1 + draw(DICE_PEOPLE, person == OWNER_OF_Q ? 300 : draw(DICE_PEOPLE, 3) ? 50 : 4), asks, NULL, person);
}

/* ---- things go wrong */

static struct worker *draw_worker(void)
{
    return &workers[draw(DICE_FAULT, worker_count)];
}

static void role_returns(void *ctx, uint64_t person)
{
    (void)ctx;
    if (world.is_over || world.is_calm)
        return;
    trace("person %zu  is again what it was", (size_t)person);
    db_set_role(&database.projects[0], (size_t)person, person == 1 ? GL_CURATOR : GL_ANNOTATOR);
    if (person_is_lost((size_t)person))
        person_rejoins((size_t)person);
}

static void becomes(void *ctx, uint64_t person)
{
    static const enum gl_role roles[] = {GL_NOBODY, GL_VIEWER, GL_ANNOTATOR, GL_CURATOR};
    size_t role = draw(DICE_FAULT, 4);
    (void)ctx;
    if (world.is_over || world.is_calm)
        return;
    trace("person %zu  becomes %s", (size_t)person, gl_role_name(roles[role]));
    db_set_role(&database.projects[0], (size_t)person, roles[role]);
}

static void change_role(void)
{
    size_t person = 1 + draw(DICE_FAULT, 2);
    becomes(NULL, person);
    for (uint64_t more = draw(DICE_FAULT, 4); more > 1; more--) /* and once more, or twice, while the first is being noticed */
        world_at(1 + draw(DICE_FAULT, 60), becomes, NULL, person);
    world_at(50 + draw(DICE_FAULT, 2000), role_returns, NULL, person);
}

static void be_away(void)
{
    database.away_until_ms = world.now_ms + draw(DICE_FAULT, 5) * draw(DICE_FAULT, 700);
    trace("the database is away until %llu", (unsigned long long)database.away_until_ms - 1000000);
}

static void lock_row(void)
{
    struct db_log *log = &database.logs[draw(DICE_FAULT, LOGS)];
    log->locked_until_ms = world.now_ms + draw(DICE_FAULT, 3) * draw(DICE_FAULT, 500);
    trace("a stranger locks the row of %zu", (size_t)(log - database.logs));
}

static void go_wrong(enum fault fault)
{
    struct conn *conn = fault == FAULT_cut || fault == FAULT_stall ? wire_draw() : NULL;
    fault_bit(fault);
    switch (fault) {
    case FAULT_cut:
        if (conn)
            wire_cut(conn);
        break;
    case FAULT_stall:
        if (conn)
            wire_stall(conn);
        break;
    case FAULT_kill: worker_kill(draw_worker()); break;
    case FAULT_drain: worker_drain(draw_worker()); break;
    case FAULT_freeze: worker_freeze(draw_worker(), draw(DICE_FAULT, 1500)); break;
    case FAULT_quit: person_quit(draw(DICE_FAULT, WORKERS_OF_P)); break;
    case FAULT_down: be_away(); break;
    case FAULT_row_lock: lock_row(); break;
    case FAULT_repeat: op_arrives_again(); break;
    case FAULT_role: change_role(); break;
    case FAULT_clock: draw_worker()->skew_ms = (int64_t)draw(DICE_FAULT, 8000) - 4000; break;
    case FAULT_policy: db_set_open(&database.projects[0], !database.projects[0].is_open); break;
    default: break; /* those happen where they happen */
    }
}

static void fault_comes(void *ctx, uint64_t arg)
{
    static const unsigned char often[FAULT_COUNT] = {
        [FAULT_cut] = 8,  [FAULT_stall] = 4,    [FAULT_kill] = 3,   [FAULT_drain] = 2, [FAULT_freeze] = 3, [FAULT_quit] = 3,
        [FAULT_down] = 2, [FAULT_row_lock] = 4, [FAULT_repeat] = 8, [FAULT_role] = 3,  [FAULT_policy] = 1, [FAULT_clock] = 2};
    unsigned at = (unsigned)draw(DICE_FAULT, 100);
    if (world.is_calm || world.is_over)
        return;
    for (unsigned i = 0; i < FAULT_COUNT; i++) {
        if (at < often[i]) {
            if (fault_may((enum fault)i))
                go_wrong((enum fault)i);
            break;
        }
        at -= often[i];
    }
    world_at(5 + draw(DICE_FAULT, 60), fault_comes, ctx, arg);
}

/* ---- everything heals */

static size_t revoked; /* who lost the right to see project 0, for good; PEOPLE_MAX: nobody */

/* Then it goes on being connected, as a program may that is not ours. */
static void loses_its_right(void *ctx, uint64_t person)
{
    (void)ctx;
    if (!world.is_over)
        db_set_role(&database.projects[0], (size_t)person, GL_NOBODY);
}

static void heal(void)
{
    trace("everything heals");
    world.is_calm = true;
    database.away_until_ms = 0;
    for (size_t i = 0; i < LOGS; i++)
        database.logs[i].locked_until_ms = 0;
    workers_heal();
    wire_heal();
    if (!database.projects[0].is_open)
        db_set_open(&database.projects[0], true);
    revoked = (world.plan.without >> FAULT_role & 1) || draw(DICE_PLAN, 4) ? PEOPLE_MAX : 2;
    for (size_t i = 1; i <= 2; i++) {
        db_set_role(&database.projects[0], i, i == 1 ? GL_CURATOR : GL_ANNOTATOR);
        if (i != revoked && person_is_lost(i))
            person_rejoins(i);
    }
    if (revoked < PEOPLE_MAX) {
        lurk(revoked);
        world_at(LURK_MS, loses_its_right, NULL, revoked);
    }
}

static void bring_back_the_lost(void)
{
    for (size_t i = 0; i < PEOPLE_MAX; i++)
        if (i != revoked && person_is_lost(i))
            person_rejoins(i);
}

/* False: not in time, or a promise is broken. */
static bool run_until_done(uint64_t limit_ms)
{
    char why[256] = "";
    uint64_t end_ms = world.now_ms + limit_ms, look_ms = world.now_ms;
    while (world.now_ms < end_ms && world_step()) {
        if (world.now_ms < look_ms)
            continue;
        look_ms = world.now_ms + 100;
        bring_back_the_lost();
        if (people_are_done(why, sizeof why))
            return !world.is_broken;
    }
    broken(5, "%llu s after everything healed: %s", (unsigned long long)limit_ms / 1000, why);
    return false;
}

static void run_for(uint64_t ms)
{
    uint64_t end_ms = world.now_ms + ms;
    while (world.now_ms < end_ms && world_step())
        continue;
}

/* Somebody comes late, and one more op is asked for: it must reach everybody, and nobody who may not see it. */
static void late(void)
{
    db_set_role(&database.projects[0], LATE, GL_VIEWER);
    person_comes(LATE);
    SAW(late_joiners);
    if (revoked < PEOPLE_MAX) {
        run_for(FORGET_MS);
        SAW(revoked_told_nothing);
    }
    person_asks(1, 1);
}

static bool is_settled(void)
{
    for (size_t i = 0; i < worker_count; i++)
        if (workers[i].core && !sim_store_is_settled(workers[i].store))
            return false;
    return !wire_is_cut();
}

/* An append whose answer was lost holds up its stream until it is known what became of it, and a project's holds up what names a newer codebook. Who was cut
 * off, and is not told anything, finds out after seconds. */
static void run_until_settled(void)
{
    const uint64_t end_ms = world.now_ms + SETTLED_MS;
    while (!is_settled() && world.now_ms < end_ms && world_step())
        continue;
    if (world.now_ms >= end_ms)
        broken(6, "%d s after everything healed nobody knows what became of an append", SETTLED_MS / 1000);
}

/* With nothing wrong, what is accepted is with everybody before any poll could have brought it. */
static void check_prompt(void)
{
    run_until_settled();
    run_for(NOTICE_MS); /* for what is not waited for: notices, sockets that were full */
    char why[256];
    person_asks(0, 1);
    run_for(PROMPT_MS);
    if (!world.is_broken && !people_are_done(why, sizeof why))
        broken(6, "%d ms after it was asked for in peace: %s", PROMPT_MS, why);
}

/* ---- a seed */

/* Few, or so many that a session's share of an append is several, too. */
static size_t draw_append_max_ops(void)
{
    const size_t drawn = draw(DICE_PLAN, 40);
    return drawn < 12 ? 1 + drawn : 16 * (drawn - 11);
}

/* Every fourth seed: people are told to wait, by each worker for what they do there. */
#define QUOTA_RATE   40
#define QUOTA_BURST  8
#define QUOTA_OWN_MS 2000 /* until whoever was in debt may make an op again: a message of libgloss has 64 */
static bool has_quota(const struct plan *plan)
{
    return plan->seed % 4 == 3;
}

static void begin(const struct plan *plan)
{
    struct core_limits limits = {
        .words_page = 40,
        .ahead_ops = 1,
        .frame_bytes = draw(DICE_PLAN, 2) ? 262144 : 8192, /* of pages and ops; what people send fits */
        .ops_in_flight = 64,
        .requests_in_flight = 64,
        .bytes_in_flight = 1 << 21,
        .document_bytes = 1 << 20,
        .uploads_bytes = 1 << 22,
        .append_max_ops = draw_append_max_ops(),
        .recent_ops = 1 + draw(DICE_PLAN, draw(DICE_PLAN, 2) ? 12 : 300),
        .recent_bytes = 1 << 20,
        .sessions = 8,
        .hello_ms = 10000,
        .stall_ms = 8000,
        .append_ms =
            draw(DICE_PLAN, 3) ? 5000 : 300 + draw(DICE_PLAN, 1500), /* short: some of what was asked is too late, some not */
        .idle_session_ms = 500 + draw(DICE_PLAN, 4000)};
    if (has_quota(plan)) {
        limits.quotas[QUOTA_account_ops_rate] = QUOTA_RATE;
        limits.quotas[QUOTA_account_ops_burst] = QUOTA_BURST;
    }
    ops_left = plan->ops;
    revoked = PEOPLE_MAX;
    database_begin();
    wire_begin();
    people_begin();
    db_set_role(&database.projects[0], 0, GL_CURATOR);
    db_set_role(&database.projects[0], 1, GL_CURATOR);
    db_set_role(&database.projects[0], 2, GL_ANNOTATOR);
    db_set_role(&database.projects[1], OWNER_OF_Q, GL_OWNER);
    workers_begin(2 + draw(DICE_PLAN, WORKERS_MAX - 1), &limits);
}

static void end(void)
{
    people_end();
    workers_end();
    world_run_out();
    wire_end();
    database_end();
    memo_end();
    world_end();
    heap_tidy();
}

bool sim_run(const struct plan *plan, struct tally *tally)
{
    world_begin(plan, tally);
    begin(plan);
    for (size_t i = 0; i <= OWNER_OF_Q; i++) {
        person_comes(i);
        world_at(10 + draw(DICE_PEOPLE, 50), asks, NULL, i);
    }
    world_at(20, fault_comes, NULL, 0);
    while (ops_left > 0 && world.now_ms < 1000000 + LONGEST_MS && world_step())
        continue;
    if (!world.is_broken)
        heal();
    if (run_until_done(HEAL_MS)) {
        late();
        if (run_until_done(HEAL_MS)) {
            if (has_quota(plan))
                run_for(QUOTA_OWN_MS);
            check_prompt();
            people_check_converged();
        }
    }
    if (!world.is_broken)
        check_promises();
    tally->seeds++;
    end();
    return !world.is_broken;
}
