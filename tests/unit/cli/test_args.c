/* What was typed, read against the table of verbs. */
#include "clients/cli/args.h"
#include "tests/support/suite.h"

#define WORDS_MAX 12

static const struct {
    const char *typed[WORDS_MAX];
    const char *verb;
    size_t words;
    const char *first; /* the first word */
    enum option_id option;
    const char *value;
} good[] = {
    {{"tag", "Brief", "the words", "--label", "claim"}, "tag", 2, "Brief", OPT_label, "claim"},
    {{"tag", "--label=claim", "Brief", "the words"}, "tag", 2, "Brief", OPT_label, "claim"},
    {{"--json", "ls"}, "ls", 0, NULL, OPT_json, ""},
    {{"--url", "https://a/", "ls", "B"}, "ls", 1, "B", OPT_url, "https://a/"},
    {{"tag", "B", "--label", "x", "--", "--quoted"}, "tag", 2, "B", OPT_label, "x"},
    {{"tag", "B", "- a list item", "--label", "x"}, "tag", 2, "B", OPT_label, "x"},
    {{"tag", "B", "--not an option", "--label", "x"}, "tag", 2, "B", OPT_label, "x"},
    {{"tag", "B", "-5", "--label", "--json"}, "tag", 2, "B", OPT_label, "--json"},
    {{"import", "-"}, "import", 1, "-", OPT_title, NULL},
    {{"edit", "9f3a", "--note", ""}, "edit", 1, "9f3a", OPT_new_note, ""},
    {{"tag", "-h"}, "tag", 0, NULL, OPT_help, ""},
    {{"tag", "--help"}, "tag", 0, NULL, OPT_help, ""},
    {{"help", "tag"}, "help", 1, "tag", OPT_help, NULL},
    {{NULL}, "help", 0, NULL, OPT_json, NULL},
    {{"member", "add", "ana", "viewer"}, "member add", 2, "ana", OPT_of_project, NULL},
    {{"member", "--project", "list", "set", "ana", "owner"}, "member set", 2, "ana", OPT_of_project, "list"},
    {{"--json", "member", "--project=p"}, "member list", 0, NULL, OPT_of_project, "p"},
    {{"member", "--help"}, "member list", 0, NULL, OPT_help, ""},
    {{"member", "remove", "-h"}, "member remove", 0, NULL, OPT_help, ""},
    {{"help", "member", "add"}, "help", 2, "member", OPT_help, NULL},
};

static bool parse(const char *const *typed, struct args *args, struct gl_buf *problem, char **argv)
{
    int argc = 1;
    argv[0] = (char[]){"gloss"};
    for (; argc <= WORDS_MAX - 1 && typed[argc - 1]; argc++) {
        argv[argc] = (char *)(uintptr_t)typed[argc - 1];
    }
    return args_parse(argc, argv, args, problem);
}

START_TEST(args_parse__what_is_right__is_read)
{
    struct args args;
    struct gl_buf problem;
    char *argv[WORDS_MAX + 1];
    gl_buf_init(&problem, SIZE_MAX);
    bool is_read = parse(good[_i].typed, &args, &problem, argv);
    ck_assert_msg(is_read, "row %d: %s", _i, gl_buf_cstr(&problem));
    ck_assert_str_eq(args.verb->name, good[_i].verb);
    ck_assert_uint_eq(args.word_count, good[_i].words);
    if (good[_i].first) {
        ck_assert_str_eq(args.words[0], good[_i].first);
    }
    ck_assert_pstr_eq(args.values[good[_i].option], good[_i].value);
    gl_buf_fini(&problem);
}
END_TEST

static const struct {
    const char *typed[WORDS_MAX];
    const char *says;
} bad[] = {
    {{"tga"}, "did you mean `tag`?"},
    {{"wathc", "B"}, "did you mean `watch`?"},
    {{"ver"}, "did you mean `ver"},
    {{"frobnicate"}, "there is no verb `frobnicate` (`gloss help`"},
    {{"\x1b[31m"}, "`\\x1b[31m`"},
    {{"tag", "B", "--lable", "x"}, "did you mean `--label`?"},
    {{"ls", "--nth", "2"}, "`gloss ls` has no option `--nth`"},
    {{"tag", "B", "q", "--label"}, "`--label` needs a value: --label LABEL"},
    {{"ls", "--json=yes"}, "`--json` takes no value"},
    {{"cat"}, "`gloss cat` needs BRIEF"},
    {{"cat", "a", "b"}, "takes BRIEF and no more: `b` is one too many"},
    {{"version", "a"}, "takes no words: `a` is one too many"},
    {{"ls", "-j"}, "no option `-j`"},
    {{"memebr", "list"}, "did you mean `member`?"},
    {{"member", "lst"}, "there is no verb `member lst`; did you mean `member list`? (`gloss help member` lists them)"},
    {{"member list"}, "there is no verb `member list`"},
    {{"member", "add", "ana"}, "`gloss member add` needs ACCOUNT ROLE"},
    {{"project", "new", "a", "--project", "b"}, "`gloss project new` has no option `--project`"},
};

START_TEST(args_parse__what_is_wrong__is_said_with_what_to_do)
{
    struct args args;
    struct gl_buf problem;
    char *argv[WORDS_MAX + 1];
    gl_buf_init(&problem, SIZE_MAX);
    ck_assert(!parse(bad[_i].typed, &args, &problem, argv));
    ck_assert_msg(strstr(gl_buf_cstr(&problem), bad[_i].says) != NULL, "row %d says: %s", _i, gl_buf_cstr(&problem));
    gl_buf_fini(&problem);
}
END_TEST

START_TEST(args_distance__counts_changes_and_swaps)
{
    ck_assert_uint_eq(args_distance("tag", "tag"), 0);
    ck_assert_uint_eq(args_distance("TAG", "tag"), 0);
    ck_assert_uint_eq(args_distance("tga", "tag"), 1);
    ck_assert_uint_eq(args_distance("", "tag"), 3);
    ck_assert_uint_eq(args_distance("restore", "resotre"), 1);
    ck_assert_uint_eq(args_distance("kitten", "sitting"), 3);
}
END_TEST

START_TEST(verbs__each_has_words_for_people)
{
    const struct verb_row *verb = &verb_rows[_i];
    ck_assert_ptr_nonnull(verb->run);
    ck_assert_uint_ge(strlen(verb->line), 8);
    ck_assert_uint_ge(strlen(verb->more), 8);
    ck_assert_uint_le(verb->least, verb->most);
    for (const enum option_id *id = verb->takes; *id != OPT_COUNT; id++) {
        for (const enum option_id *other = verb->takes; other != id; other++) {
            ck_assert_str_ne(option_rows[*id].name, option_rows[*other].name);
        }
    }
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_loop_test(tests, args_parse__what_is_right__is_read, 0, sizeof good / sizeof *good);
    tcase_add_loop_test(tests, args_parse__what_is_wrong__is_said_with_what_to_do, 0, sizeof bad / sizeof *bad);
    tcase_add_test(tests, args_distance__counts_changes_and_swaps);
    tcase_add_loop_test(tests, verbs__each_has_words_for_people, 0, VERB_COUNT);
}

int main(void)
{
    return suite_run("args", add);
}
