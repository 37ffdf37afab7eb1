/*
 * link.h - the connection of one run, used as if it were a function call.
 *
 * Owns      cli->gloss.
 * Lifetime  link_open ... link_close.
 * Thread    the main thread.
 * Units     milliseconds.
 * Errors    functions that give an int say what went wrong and give the exit status; 0 is success.
 *
 * The first failure to connect is final. Later the library comes back by itself; verbs that answer once wait LINK_PATIENCE_MS for that.
 */
#ifndef CLI_LINK_H
#define CLI_LINK_H

#include "clients/cli/cli.h"

#define LINK_PATIENCE_MS 30000
#define LINK_FOR_EVER    (-1)

/* Signs in. fn (may be NULL) gets every event after the link has looked at it. */
int link_open(struct cli *cli, gloss_event_fn fn, void *arg) GL_MUST_USE;
/* The same with account and password; NULL: with the token of the settings, which nobody has looked at. */
int link_sign_in(struct cli *cli, const char *account, const char *password) GL_MUST_USE;
void link_close(struct cli *cli);

/* Waits for something to happen, at most timeout_ms; not 0: the connection has ended for good, or was lost for longer than patience_ms. Then
 * cli->link.final_error says why; nothing was printed. */
int link_step(struct cli *cli, int timeout_ms, int patience_ms) GL_MUST_USE;

/* Whether the session, or the connection, has ended for good since final_code was this: what had no answer then may have been done. */
bool link_has_ended(const struct cli *cli, int before);
/* Says what final_error is, and gives the exit status. */
int link_fail(struct cli *cli, const char *doing) GL_MUST_USE;

/* What the server puts off ("later") is sent again by the library for ever. A loop that waits for it looks here after each step: it is said once, when it takes
 * long, and after patience_ms (LINK_FOR_EVER: never) it is the final error. */
struct link_later {
    int64_t since_ms; /* 0: it is not put off */
    bool is_said;
    char op[GLOSS_ID];
    struct gloss_error said; /* of a join that was put off; without data */
};
int link_put_off_ops(struct cli *cli, struct link_later *later, struct gloss_session *session, int patience_ms) GL_MUST_USE;
int link_put_off_join(struct cli *cli, struct link_later *later, const struct gloss_session *session,
                      int patience_ms) GL_MUST_USE;

/* Asks and waits. params is taken. *result is the caller's. */
int link_call(struct cli *cli, const char *doing, const char *method, json_t *params, json_t **result) GL_MUST_USE;
/* The same without a sentence: *error is the caller's. */
int link_try(struct cli *cli, const char *method, json_t *params, json_t **result, struct gloss_error *error) GL_MUST_USE;
/* Goes through a list that comes in pages: calls fn for each item of the member `list` until it gives false. */
typedef bool (*link_item_fn)(json_t *item, void *arg);
int link_list(struct cli *cli, const char *doing, const char *method, json_t *params, const char *list, link_item_fn fn,
              void *arg) GL_MUST_USE;

/* Joins and waits until the replica (or the log) is here. */
int link_join(struct cli *cli, const char *session_id, const struct gloss_join *options,
              struct gloss_session **session) GL_MUST_USE;

#endif
