/*
 * cmd_redact.c - gloss redact: a person's words are erased, from annotations that are named or wherever an account has written.
 *
 * One op holds so much only. So the same is asked, with new ids, until the server says that nothing is left: then it is known, and not only believed.
 */
#include <stdlib.h>
#include <unistd.h>

#include "clients/cli/brief.h"
#include "clients/cli/cmds.h"
#include "clients/cli/link.h"
#include "clients/cli/refused.h"
#include "clients/cli/say.h"

#define SUBMIT_MS 60000
#define AT_ONCE   200 /* annotations in one op */

struct redact {
    struct cli *cli;
    json_t *chosen; /* session -> list of annotations; an empty list: all that the account has written there */
    const char *account_name;
    char account[GLOSS_ID];
    uint64_t last_seq;
    size_t ops;
};

static const char *string_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* ---- which --------------------------------------------------------------------------------------------------------------- */

static void choose(struct redact *redact, const char *session, const char *annotation)
{
    json_t *list = json_object_get(redact->chosen, session), *one;
    size_t i;
    if (!list) {
        list = json_array();
        json_object_set_new(redact->chosen, session, list);
    }
    json_array_foreach(list, i, one)
    {
        if (annotation && strcmp(json_string_value(one), annotation) == 0) {
            return; /* named twice */
        }
    }
    if (annotation) {
        json_array_append_new(list, json_string(annotation));
    }
}

static bool take_brief(json_t *item, void *arg)
{
    choose(arg, string_of(item, "session"), NULL);
    return true;
}

/* All briefs of the project. */
static int choose_project(struct redact *redact, const char *project)
{
    return link_list(redact->cli, "the briefs cannot be listed", "document.list", json_pack("{s:s}", "project", project),
                     "documents", take_brief, redact);
}

static int find_account(struct redact *redact, const char *project)
{
    struct cli *cli = redact->cli;
    json_t *members, *member;
    size_t i;
    int status = project_members(cli, project, &members);
    json_array_foreach(members, i, member)
    {
        if (strcmp(string_of(member, "name"), redact->account_name) == 0) {
            snprintf(redact->account, sizeof redact->account, "%s", string_of(member, "account"));
        }
    }
    json_decref(members);
    if (status == 0 && !*redact->account) {
        status = fail(cli, EXIT_COULD_NOT, "not_found",
                      "`%s` does not belong, and never did, to that project (`gloss member list`)", redact->account_name);
    }
    return status;
}

static int choose_by_account(struct redact *redact)
{
    struct cli *cli = redact->cli;
    struct brief brief = {0};
    json_t *info = NULL;
    int status;
    if (cli_option(cli, OPT_redact_brief)) {
        status = brief_find(cli, cli_option(cli, OPT_redact_brief), &brief);
        status = status ? status : find_account(redact, brief.project);
        if (status == 0) {
            choose(redact, brief.session, NULL);
        }
    } else {
        status = project_take(cli, cli_option(cli, OPT_of_project), &info);
        status = status ? status : find_account(redact, string_of(info, "project"));
        status = status ? status : choose_project(redact, string_of(info, "project"));
    }
    json_decref(info);
    brief_fini(&brief);
    return status;
}

static int choose_by_id(struct redact *redact)
{
    struct cli *cli = redact->cli;
    int status = 0;
    for (size_t i = 0; i < cli->args.word_count && status == 0; i++) {
        struct place place;
        struct brief brief = {0};
        status = annotation_find(cli, cli_word(cli, i), &place);
        if (status == 0) {
            choose(redact, place.session, place.annotation);
        }
        if (status == 0 && redact->account_name && !*redact->account) {
            status = brief_by_id(cli, place.document, &brief);
            status = status ? status : find_account(redact, brief.project);
        }
        brief_fini(&brief);
    }
    return status;
}

/* ---- are you sure? ------------------------------------------------------------------------------------------------------- */

static void say_what(const struct redact *redact)
{
    struct cli *cli = redact->cli;
    const char *whose = redact->account_name ? redact->account_name : "everybody";
    if (cli->args.word_count > 0) {
        say(cli, "the words of %s go from %zu annotation%s: notes and attributes, from the log too", whose, cli->args.word_count,
            cli->args.word_count == 1 ? "" : "s");
    } else {
        say(cli, "all words of %s go from %zu brief%s: notes and attributes, from the log too", whose,
            json_object_size(redact->chosen), json_object_size(redact->chosen) == 1 ? "" : "s");
    }
    say_more(cli, "this cannot be undone");
}

static int confirm(const struct redact *redact)
{
    struct cli *cli = redact->cli;
    char answer[16] = "";
    if (cli_flag(cli, OPT_yes)) {
        return 0;
    }
    if (!isatty(STDIN_FILENO)) {
        return fail(cli, EXIT_COULD_NOT, "usage", "nobody can be asked here whether to erase; say --yes");
    }
    say_what(redact);
    say_more(cli, "type yes to go on:");
    bool is_yes = fgets(answer, sizeof answer, stdin) && strcmp(answer, "yes\n") == 0;
    return is_yes ? 0 : fail(cli, EXIT_COULD_NOT, "not_confirmed", "nothing was erased");
}

/* ---- asking -------------------------------------------------------------------------------------------------------------- */

static json_t *make_op(const struct redact *redact, const json_t *list, size_t from)
{
    struct cli *cli = redact->cli;
    char id[GLOSS_ID];
    json_t *change = json_pack("{s:s, s:s*}", "kind", "redact", "reason", cli_option(cli, OPT_reason));
    json_t *some = json_array();
    if (*redact->account) {
        json_object_set_new(change, "account", json_string(redact->account));
    }
    for (size_t i = from; i < json_array_size(list) && i < from + AT_ONCE; i++) {
        json_array_append(some, json_array_get(list, i));
    }
    if (json_array_size(some) > 0) {
        json_object_set(change, "annotations", some);
    }
    json_decref(some);
    gloss_new_id(id);
    return json_pack("{s:s, s:o}", "id", id, "change", change);
}

static void tell(struct redact *redact, const struct gloss_session *session, const json_t *op, uint64_t seq)
{
    redact->last_seq = seq;
    redact->ops++;
    if (redact->cli->is_json) {
        out_json(redact->cli, json_pack("{s:s, s:I, s:s}", "op", string_of(op, "id"), "seq", (json_int_t)seq, "session",
                                        gloss_session_id(session)));
    }
}

/* The same again until nothing is left. */
static int erase(struct redact *redact, struct gloss_session *session, const json_t *list, size_t from)
{
    struct cli *cli = redact->cli;
    int code = 0, status = 0;
    for (size_t done = 0; code == 0; done++) {
        struct gloss_error error = {0};
        json_t *op = make_op(redact, list, from);
        uint64_t seq = 0;
        const int before = cli->link.final_code;
        code = gloss_submit_wait(session, op, SUBMIT_MS, &seq, NULL, &error);
        if (code == 0) {
            tell(redact, session, op, seq);
        } else if (error_status(code) == EXIT_UNREACHABLE || link_has_ended(cli, before)) {
            fail_error(cli, "it is not known whether this was done; say it again", &error);
            status = EXIT_UNREACHABLE;
        } else if (code != GLOSS_E_NOT_FOUND || (done == 0 && json_array_size(list) > 0)) {
            status = refused_say(cli, session, NULL, &error);
        }
        gloss_error_clear(&error);
        json_decref(op);
    }
    return status;
}

/* What is refused of one part is no reason to leave the words of the others. */
static bool goes_on(int status)
{
    return status == 0 || status == EXIT_REFUSED;
}

static int worse_of(int status, int other)
{
    return goes_on(status) && other != 0 ? other : status;
}

static int erase_in(struct redact *redact, const char *id, const json_t *list)
{
    struct gloss_session *session = NULL;
    struct gloss_join options;
    gloss_join_init(&options);
    int status = link_join(redact->cli, id, &options, &session);
    bool is_joined = status == 0;
    size_t from = 0;
    do {
        status = is_joined && goes_on(status) ? worse_of(status, erase(redact, session, list, from)) : status;
        from += AT_ONCE;
    } while (from < json_array_size(list));
    gloss_leave(&session);
    return status;
}

static int erase_all(struct redact *redact)
{
    const char *session;
    json_t *list;
    int status = 0;
    json_object_foreach(redact->chosen, session, list)
    {
        status = goes_on(status) ? worse_of(status, erase_in(redact, session, list)) : status;
    }
    if (redact->ops > 0 && !redact->cli->is_json) {
        out_line(redact->cli, "erased by %zu op%s; the last is op %llu", redact->ops, redact->ops == 1 ? "" : "s",
                 (unsigned long long)redact->last_seq);
    } else if (status == 0 && redact->ops == 0) {
        say(redact->cli, "%s has no words there", redact->account_name);
    }
    return status == EXIT_REFUSED && redact->ops > 0 ? EXIT_SOME_REFUSED : status;
}

int cmd_redact(struct cli *cli)
{
    struct redact redact = {.cli = cli, .account_name = cli_option(cli, OPT_whose)};
    if (!redact.account_name && cli->args.word_count == 0) {
        return fail(cli, EXIT_COULD_NOT, "usage", "say which: ANN..., or whose words: --account NAME");
    }
    redact.chosen = json_object();
    int status = link_open(cli, NULL, NULL);
    status = status ? status : cli->args.word_count > 0 ? choose_by_id(&redact) : choose_by_account(&redact);
    status = status ? status : confirm(&redact);
    status = status ? status : erase_all(&redact);
    json_decref(redact.chosen);
    return status;
}
