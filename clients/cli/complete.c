#include "clients/cli/complete.h"

#include <stdlib.h>

#include "clients/cli/safe.h"

#define HELP_COLUMNS 60

static const struct {
    const char *name, *values;
} fixed_rows[] = {
#define CLI_VALUES(name, values) {#name, values},
#include "clients/cli/cmds.def"
};

void complete_offer(struct completion *completion, const char *value, const char *help)
{
    struct gl_buf *out = &completion->out, safe;
    gl_buf_init(&safe, SIZE_MAX);
    safe_put_str(&safe, value);
    bool is_harmless = strcmp(gl_buf_cstr(&safe), value) == 0; /* what would look otherwise than it is, nobody can choose */
    gl_buf_fini(&safe);
    if (!*value || !is_harmless || (completion->is_bare && *value == '-') ||
        strncasecmp(value, completion->word, strlen(completion->word)) != 0) {
        return;
    }
    gl_buf_put(out, completion->kept.data, completion->kept.len);
    gl_buf_str(out, value);
    if (help && *help) {
        gl_buf_byte(out, '\t');
        safe_put_short(out, gl_slice_str(help), HELP_COLUMNS);
    }
    gl_buf_byte(out, '\n');
}

/* The verbs of a group; NULL: those of none, and the groups. */
static void offer_verbs(struct completion *completion, const struct group_row *group)
{
    size_t jumped = group ? strlen(group->name) + 1 : 0;
    const struct group_row *seen = NULL;
    for (size_t i = 0; i < VERB_COUNT; i++) {
        const struct verb_row *verb = &verb_rows[i];
        if (verb->group == group) {
            complete_offer(completion, verb->name + jumped, verb->line);
        } else if (!group && verb->group != seen) {
            complete_offer(completion, verb->group->name, verb->group->line);
        }
        seen = verb->group;
    }
}

static void offer_options(struct completion *completion, const enum option_id *takes)
{
    for (; *takes != OPT_COUNT; takes++) {
        char *name = heap_printf("--%s", option_rows[*takes].name);
        bool is_enough =
            completion->cli->args.values[*takes] && !option_rows[*takes].value; /* those with a value may come several times */
        if (!is_enough) {
            complete_offer(completion, name, option_rows[*takes].help);
        }
        free(name);
    }
}

static bool offer_fixed(struct completion *completion, struct gl_slice name)
{
    for (size_t i = 0; i < sizeof fixed_rows / sizeof fixed_rows[0]; i++) {
        if (gl_slice_is(name, fixed_rows[i].name)) {
            for (const char *at = fixed_rows[i].values; *at; at += strspn(at, " ")) {
                size_t len = strcspn(at, " ");
                char *value = heap_copy(gl_slice_of(at, len));
                complete_offer(completion, value, NULL);
                free(value);
                at += len;
            }
            return true;
        }
    }
    return false;
}

/* What a value or word of that name may be. */
static void offer_kind(struct completion *completion, struct gl_slice name)
{
    if (gl_slice_is(name, "FILE")) {
        gl_buf_str(&completion->out, "\tfiles\n");
    } else if (gl_slice_is(name, "VERB")) {
        offer_verbs(completion, NULL);
        complete_offer(completion, "exits", "the exit statuses");
    } else if (!offer_fixed(completion, name)) {
        complete_fn offer = complete_kind(name);
        if (offer) {
            offer(completion);
        }
    }
}

/* The name of the verb's word with that number: "BRIEF" of "BRIEF [QUOTE]"; the last one that ends in "..." goes on. */
static struct gl_slice word_name(const struct verb_row *verb, size_t number)
{
    const char *at = verb->words;
    struct gl_slice name = {0};
    bool is_many = false;
    for (size_t i = 0; *at; i++) {
        at += strspn(at, " [");
        size_t len = strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-");
        name = gl_slice_of(at, len);
        at += len;
        is_many = strncmp(at, "...", 3) == 0;
        at += strcspn(at, " ");
        if (i == number) {
            return name;
        }
    }
    return is_many ? name : gl_slice_of("", 0);
}

static enum option_id option_named(const struct verb_row *verb, struct gl_slice name)
{
    const enum option_id *lists[] = {every_verb_takes, verb ? verb->takes : NULL};
    for (size_t i = 0; i < 2; i++) {
        for (const enum option_id *id = lists[i]; id && *id != OPT_COUNT; id++) {
            if (gl_slice_is(name, option_rows[*id].name)) {
                return *id;
            }
        }
    }
    return OPT_COUNT;
}

static bool is_option(const char *word)
{
    return strncmp(word, "--", 2) == 0 && word[2];
}

/* Reads what was typed before the cursor, with patience for what is not right. Gives the option whose value comes next; OPT_COUNT: none does. */
static enum option_id read_typed(struct args *args, char **words, size_t count, bool *is_rest)
{
    *args = (struct args){.words = words};
    enum option_id waiting = OPT_COUNT;
    for (size_t i = 0; i < count; i++) {
        if (waiting != OPT_COUNT) {
            args->values[waiting] = words[i];
            waiting = OPT_COUNT;
        } else if (!*is_rest && strcmp(words[i], "--") == 0) {
            *is_rest = true;
        } else if (!*is_rest && is_option(words[i])) {
            size_t len = strcspn(words[i] + 2, "=");
            enum option_id id = option_named(args->verb, gl_slice_of(words[i] + 2, len));
            bool has_value = words[i][2 + len] == '=';
            if (id != OPT_COUNT && (has_value || !option_rows[id].value)) {
                args->values[id] = has_value ? words[i] + 2 + len + 1 : "";
            } else {
                waiting = id;
            }
        } else if (!args->has_verb) {
            args->verb = args_verb(words[i]);
            args->group = args_group(words[i]);
            args->has_verb = true;
        } else if (args->group && !args->verb) {
            args->verb = args_verb_of(args->group, words[i]);
            args->group = args->verb ? args->group : NULL;
        } else {
            args->words[args->word_count++] = words[i]; /* never ahead of i */
        }
    }
    return waiting;
}

static void complete_at(struct completion *completion, enum option_id waiting, bool is_rest)
{
    const struct args *args = &completion->cli->args;
    const char *value = !is_rest && is_option(completion->word) ? strchr(completion->word, '=') : NULL;
    enum option_id id =
        value ? option_named(args->verb, gl_slice_of(completion->word + 2, (size_t)(value - completion->word) - 2)) : waiting;
    if (value) {
        completion->kept = gl_slice_of(completion->word, (size_t)(value + 1 - completion->word));
        completion->word = value + 1;
    }
    if (id != OPT_COUNT) {
        if (option_rows[id].value) {
            offer_kind(completion, gl_slice_str(option_rows[id].value));
        }
    } else if (!is_rest && completion->word[0] == '-') {
        if (args->verb) {
            offer_options(completion, args->verb->takes);
        }
        offer_options(completion, every_verb_takes);
    } else if (!args->has_verb || (args->group && !args->verb)) {
        offer_verbs(completion, args->group);
    } else if (args->verb == &verb_rows[VERB_help] && args->word_count == 1) {
        const struct group_row *group = args_group(args->words[0]);
        if (group) {
            offer_verbs(completion, group);
        }
    } else if (args->verb) {
        completion->is_bare = !is_rest;
        offer_kind(completion, word_name(args->verb, args->word_count));
    }
}

void complete_words(struct cli *cli, char **words, size_t count, struct gl_buf *out)
{
    struct completion completion = {.cli = cli, .word = count ? words[count - 1] : "", .kept = GL_SLICE("")};
    bool is_rest = false;
    gl_buf_init(&completion.out, SIZE_MAX);
    enum option_id waiting = read_typed(&cli->args, words, count ? count - 1 : 0, &is_rest);
    complete_at(&completion, waiting, is_rest);
    gl_buf_put(out, completion.out.data, completion.out.len);
    gl_buf_fini(&completion.out);
}
