#include "clients/cli/args.h"

#include <ctype.h>
#include <stdlib.h>

#include "clients/cli/cmds.h"
#include "clients/cli/heap.h"
#include "clients/cli/safe.h"

const struct option_row option_rows[OPT_COUNT] = {
#define CLI_OPTION(id, name, value, help) [OPT_##id] = {name, value, help},
#include "clients/cli/cmds.def"
};

const enum option_id every_verb_takes[] = {
#define CLI_EVERY(id) OPT_##id,
#include "clients/cli/cmds.def"
    OPT_COUNT};

#define CLI_VERB(name, least, most, words, line, more)           static const enum option_id name##_takes[] = {
#define CLI_VERB_OF(group, name, least, most, words, line, more) static const enum option_id group##_##name##_takes[] = {
#define CLI_TAKES(id)                                            OPT_##id,
#define CLI_END                                                                                                                  \
    OPT_COUNT                                                                                                                    \
    }                                                                                                                            \
    ;
#include "clients/cli/cmds.def"

const struct group_row group_rows[GROUP_COUNT] = {
#define CLI_GROUP(name, line, more) [GROUP_##name] = {#name, line, more},
#include "clients/cli/cmds.def"
};

const struct verb_row verb_rows[VERB_COUNT] = {
#define CLI_VERB(name, least, most, words, line, more)                                                                           \
    [VERB_##name] = {#name, NULL, least, most, words, line, more, name##_takes, cmd_##name},
#define CLI_VERB_OF(group, name, least, most, words, line, more)                                                                 \
    [VERB_##group##_##name] = {#group " " #name,       &group_rows[GROUP_##group], least, most, words, line, more,               \
                               group##_##name##_takes, cmd_##group##_##name},
#include "clients/cli/cmds.def"
};

#define DISTANCE_MAX_LEN 64

static size_t least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t args_distance(const char *a, const char *b)
{
    size_t rows[3][DISTANCE_MAX_LEN + 1];
    size_t a_len = strlen(a), b_len = least_of(strlen(b), DISTANCE_MAX_LEN);
    for (size_t j = 0; j <= b_len; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        size_t *now = rows[i % 3], *before = rows[(i + 2) % 3], *long_before = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);
            now[j] = least_of(least_of(before[j], now[j - 1]) + 1, before[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) && y == tolower((unsigned char)a[i - 2])) {
                now[j] = least_of(now[j], long_before[j - 2] + 1);
            }
        }
    }
    return rows[a_len % 3][b_len];
}

const char *args_nearest(const char *word, const char *const *names)
{
    const char *best = NULL;
    size_t best_distance = SIZE_MAX;
    for (; *names; names++) {
        size_t distance = args_distance(word, *names), len = strlen(*names);
        bool begins = strlen(word) >= 2 && strncmp(word, *names, strlen(word)) == 0;
        if (begins) {
            distance = 1;
        }
        if (distance < best_distance && (begins || distance <= (len <= 3 ? 1 : len <= 6 ? 2 : 3))) {
            best = *names;
            best_distance = distance;
        }
    }
    return best;
}

const struct verb_row *args_verb(const char *name)
{
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (strcmp(verb_rows[i].name, name) == 0) {
            return &verb_rows[i];
        }
    }
    return NULL;
}

const struct group_row *args_group(const char *name)
{
    for (size_t i = 0; i < GROUP_COUNT; i++) {
        if (strcmp(group_rows[i].name, name) == 0) {
            return &group_rows[i];
        }
    }
    return NULL;
}

/* Its name without the group's. */
static const char *own_name(const struct verb_row *verb)
{
    return verb->group ? verb->name + strlen(verb->group->name) + 1 : verb->name;
}

const struct verb_row *args_verb_of(const struct group_row *group, const char *name)
{
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (verb_rows[i].group == group && strcmp(own_name(&verb_rows[i]), name) == 0) {
            return &verb_rows[i];
        }
    }
    return NULL;
}

bool args_takes(const struct verb_row *verb, enum option_id id)
{
    const enum option_id *own = verb->takes;
    while (*own != OPT_COUNT && *own != id) {
        own++;
    }
    return *own == id;
}

const char *args_nth(const struct args *args, enum option_id id, size_t n)
{
    for (size_t i = 0; i < args->given_count; i++) {
        if (args->given[i].id == id && n-- == 0) {
            return args->given[i].value;
        }
    }
    return NULL;
}

/* group NULL: a first word that is no verb; otherwise a second one. */
static void say_unknown_verb(struct gl_buf *problem, const struct group_row *group, const char *name)
{
    const char *names[VERB_COUNT + GROUP_COUNT + 1] = {0};
    size_t count = 0;
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (verb_rows[i].group == group) {
            names[count++] = own_name(&verb_rows[i]);
        }
    }
    for (size_t i = 0; i < GROUP_COUNT && !group; i++) {
        names[count++] = group_rows[i].name;
    }
    const char *nearest = args_nearest(name, names), *before = group ? group->name : "", *space = group ? " " : "";
    gl_buf_printf(problem, "there is no verb `%s%s", before, space);
    safe_put_str(problem, name);
    gl_buf_str(problem, "`");
    if (nearest) {
        gl_buf_printf(problem, "; did you mean `%s%s%s`?", before, space, nearest);
    }
    gl_buf_printf(problem, " (`gloss help%s%s` lists them)", space, before);
}

/* The option of that name that the verb takes; OPT_COUNT: none. Before the verb is known: those of every verb, and --man. */
static enum option_id find_option(const struct verb_row *verb, struct gl_slice name)
{
    const enum option_id *lists[] = {every_verb_takes, verb->takes};
    for (size_t i = 0; i < 2; i++) {
        for (const enum option_id *id = lists[i]; *id != OPT_COUNT; id++) {
            if (gl_slice_is(name, option_rows[*id].name)) {
                return *id;
            }
        }
    }
    return OPT_COUNT;
}

static void say_unknown_option(struct gl_buf *problem, const struct verb_row *verb, const char *name)
{
    const char *names[OPT_COUNT + 1] = {0};
    size_t count = 0;
    const enum option_id *lists[] = {every_verb_takes, verb->takes};
    for (size_t i = 0; i < 2; i++) {
        for (const enum option_id *id = lists[i]; *id != OPT_COUNT; id++) {
            names[count++] = option_rows[*id].name;
        }
    }
    gl_buf_printf(problem, "`gloss %s` has no option `--", verb->name);
    safe_put_str(problem, name);
    gl_buf_str(problem, "`");
    const char *nearest = args_nearest(name, names);
    if (nearest) {
        gl_buf_printf(problem, "; did you mean `--%s`?", nearest);
    }
    gl_buf_printf(problem, " (`gloss help %s` lists them)", verb->name);
}

/* Reads the option at argv[*i], which begins with two dashes and a letter. */
static bool take_option(struct args *args, int argc, char **argv, int *i, struct gl_buf *problem)
{
    const char *name = argv[*i] + 2;
    size_t len = strcspn(name, "=");
    enum option_id id = find_option(args->verb, gl_slice_of(name, len));
    if (id == OPT_COUNT) {
        char *copy = heap_copy(gl_slice_of(name, len));
        say_unknown_option(problem, args->verb, copy);
        free(copy);
        return false;
    }
    const struct option_row *row = &option_rows[id];
    const char *value = name[len] == '=' ? name + len + 1 : NULL;
    if (!row->value) {
        if (value) {
            gl_buf_printf(problem, "`--%s` takes no value", row->name);
            return false;
        }
        args->values[id] = "";
        return true;
    }
    if (args->given_count == ARGS_GIVEN_MAX) {
        gl_buf_printf(problem, "these are too many options; %d is the most", ARGS_GIVEN_MAX);
        return false;
    }
    if (!value && *i + 1 >= argc) {
        gl_buf_printf(problem, "`--%s` needs a value: --%s %s", row->name, row->name, row->value);
        return false;
    }
    args->values[id] = value ? value : argv[++*i];
    args->given[args->given_count].id = id;
    args->given[args->given_count++].value = args->values[id];
    return true;
}

static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] == '-' && isalpha((unsigned char)word[2]) && !strpbrk(word, " \t\n");
}

/* Whether the option at argv[i] has its value in the next place, as far as that can be told from these verbs: all of a group, or `help`. */
static bool has_value_behind(const char *word, const struct group_row *group)
{
    size_t len = strcspn(word + 2, "=");
    for (size_t i = 0; i < VERB_COUNT; i++) {
        bool counts = group ? verb_rows[i].group == group : i == VERB_help;
        enum option_id id = counts ? find_option(&verb_rows[i], gl_slice_of(word + 2, len)) : OPT_COUNT;
        if (id != OPT_COUNT) {
            return option_rows[id].value && word[2 + len] != '=';
        }
    }
    return false;
}

/* The place of the next word from argv[i] on that is no option; the values of options are jumped over. */
static int find_word(int argc, char **argv, int i, const struct group_row *group)
{
    for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (!is_option(argv[i])) {
            return i;
        }
        i += has_value_behind(argv[i], group);
    }
    return argc;
}

static bool check_words(const struct args *args, struct gl_buf *problem)
{
    const struct verb_row *verb = args->verb;
    if (args->values[OPT_help]) {
        return true;
    }
    if (args->word_count < verb->least) {
        gl_buf_printf(problem, "`gloss %s` needs %s (`gloss help %s` tells more)", verb->name, verb->words, verb->name);
        return false;
    }
    if (args->word_count > verb->most) {
        gl_buf_printf(problem, "`gloss %s` takes %s%s: `", verb->name, verb->most ? verb->words : "no words",
                      verb->most ? " and no more" : "");
        safe_put_str(problem, args->words[verb->most]);
        gl_buf_str(problem, "` is one too many; put quotes round words that belong together");
        return false;
    }
    return true;
}

static bool take_word(const struct args *args, const char *word, struct gl_buf *problem)
{
    if (word[0] == '-' && isalpha((unsigned char)word[1]) && word[2] == '\0') {
        gl_buf_printf(
            problem,
            "`gloss %s` has no option `%s`; options are written out, with two dashes (for words that begin so: `--` before them)",
            args->verb->name, word);
        return false;
    }
    return true;
}

/* The verb of a group: the next word says which, `list` when there is none. *at becomes its place. */
static bool take_group(struct args *args, const struct group_row *group, int argc, char **argv, int *at, struct gl_buf *problem)
{
    *at = find_word(argc, argv, *at + 1, group);
    bool has_word = *at < argc && strcmp(argv[*at], "-h") != 0;
    const struct verb_row *verb = args_verb_of(group, has_word ? argv[*at] : "list");
    if (!verb) {
        say_unknown_verb(problem, group, has_word ? argv[*at] : "list");
        return false;
    }
    args->verb = verb;
    args->group = has_word ? NULL : group;
    *at = has_word ? *at : argc;
    return true;
}

/* places: where the words of the verb stand; argc for what is not there. */
static bool take_verb(struct args *args, int argc, char **argv, int places[2], struct gl_buf *problem)
{
    *args = (struct args){.verb = &verb_rows[VERB_help]};
    places[0] = find_word(argc, argv, 1, NULL);
    places[1] = argc;
    if (places[0] == argc || strcmp(argv[places[0]], "-h") == 0) {
        places[0] = argc;
        return true;
    }
    args->has_verb = true;
    const char *word = argv[places[0]];
    const struct verb_row *verb = args_verb(word);
    const struct group_row *group = args_group(word);
    if (group) {
        places[1] = places[0];
        return take_group(args, group, argc, argv, &places[1], problem);
    }
    if (!verb || verb->group) { /* "label new" as one word is none */
        say_unknown_verb(problem, NULL, word);
        return false;
    }
    args->verb = verb;
    return true;
}

bool args_parse(int argc, char **argv, struct args *args, struct gl_buf *problem)
{
    int places[2];
    if (!take_verb(args, argc, argv, places, problem)) {
        return false;
    }
    args->words = argv + 1;
    bool is_rest = false;
    for (int i = 1; i < argc; i++) {
        if (i == places[0] || i == places[1]) {
            continue;
        }
        if (!is_rest && strcmp(argv[i], "--") == 0) {
            is_rest = true;
        } else if (!is_rest && strcmp(argv[i], "-h") == 0) {
            args->values[OPT_help] = "";
        } else if (!is_rest && is_option(argv[i])) {
            if (!take_option(args, argc, argv, &i, problem)) {
                return false;
            }
        } else {
            if (!is_rest && !take_word(args, argv[i], problem)) {
                return false;
            }
            args->words[args->word_count++] = argv[i]; /* never ahead of i */
        }
    }
    return check_words(args, problem);
}
