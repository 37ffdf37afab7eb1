/*
 * exits.h - the exit statuses of gloss. Scripts rely on them; `gloss help exits` and gloss.1 print this table.
 *
 * Owns      nothing.
 * Thread    any.
 * Errors    these.
 */
#ifndef CLI_EXITS_H
#define CLI_EXITS_H

/* name, status, when */
#define EXIT_TABLE(ROW)                                                                                                          \
    ROW(DONE, 0, "done")                                                                                                         \
    ROW(SOME_REFUSED, 1,                                                                                                         \
        "some were refused, the others went through (post, import, sync); verify: the log is not what the server says")          \
    ROW(COULD_NOT, 2,                                                                                                            \
        "could not: wrong arguments, a file that cannot be read or is no text, a brief that is not there or not the only one")   \
    ROW(REFUSED, 3, "the server refused the change; nothing was done")                                                           \
    ROW(NOT_SIGNED_IN, 4, "not signed in, or the server's certificate is not trusted")                                           \
    ROW(UNREACHABLE, 5, "the server cannot be reached, or goes on saying that it cannot do this now")                            \
    ROW(LOST, 6,                                                                                                                 \
        "the server's database went back in time: what it had accepted (sync, post) or shown (watch, log) is not all there any more")

enum exit_status {
#define ROW(name, status, when) EXIT_##name = status,
    EXIT_TABLE(ROW)
#undef ROW
};

#endif
