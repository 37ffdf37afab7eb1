/* two_scribes.c - see two_scribes.h. */
#include "tests/unit/store/two_scribes.h"

struct bench bench;
struct scribe ana, ben;

void scribes_setup(void)
{
    bench_init(&bench);
    scribe_init(&ana, &bench, &bench.session, &bench.ana);
    scribe_init(&ben, &bench, &bench.session, &bench.ben);
}

void scribes_teardown(void)
{
    scribe_fini(&ana);
    scribe_fini(&ben);
    ck_assert_uint_eq(store_in_flight(bench.store), 0);
    bench_fini(&bench);
}

char *text_of(const gl_uuid *id)
{
    static char texts[4][GL_UUID_TEXT + 1];
    static unsigned at;
    char *text = texts[at++ % 4];
    gl_uuid_format(id, text);
    return text;
}

void scribe_elsewhere(struct scribe *scribe)
{
    gl_uuid document, revision, session;
    gl_hash sha256 = gl_sha256("Another text, of no length.", 27);
    bench_document(&bench, "Another text, of no length.", &document, &revision, &session);
    scribe_init(scribe, &bench, &session, &bench.ana);
    scribe->state->chain = gl_chain_start(&session, sha256.bytes);
}

uint64_t head_of(const gl_uuid *stream)
{
    return db_count(&bench.db, "select head from stream where id = '%s'", text_of(stream));
}
