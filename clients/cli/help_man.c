#include "clients/cli/help.h"

static const struct {
    const char *status;
    const char *when;
} exit_rows[] = {
#define ROW(name, status, when) {#status, when},
    EXIT_TABLE(ROW)
#undef ROW
};

/* Text for roff: what has a meaning there is escaped; words in `quotes` become bold. */
static void put_roff(struct gl_buf *out, const char *text)
{
    bool is_bold = false, begins_line = true;
    for (; *text; text++) {
        switch (*text) {
        case '\\': gl_buf_str(out, "\\e"); break;
        case '-': gl_buf_str(out, "\\-"); break;
        case '`':
            is_bold = !is_bold;
            gl_buf_str(out, is_bold ? "\\fB" : "\\fR");
            break;
        case '.':
        case '\'': gl_buf_printf(out, "%s%c", begins_line ? "\\&" : "", *text); break;
        default: gl_buf_byte(out, *text);
        }
        begins_line = *text == '\n';
    }
}

static void put_options(struct gl_buf *out, const enum option_id *takes)
{
    for (; *takes != OPT_COUNT; takes++) {
        const struct option_row *row = &option_rows[*takes];
        gl_buf_str(out, ".TP\n.B \\-\\-");
        put_roff(out, row->name);
        if (row->value) {
            gl_buf_printf(out, " \\fI%s\\fR", row->value);
        }
        gl_buf_str(out, "\n");
        put_roff(out, row->help);
        gl_buf_str(out, "\n");
    }
}

static void put_section(struct gl_buf *out, const char *name, const char *text)
{
    gl_buf_printf(out, ".SH %s\n", name);
    put_roff(out, text);
    gl_buf_str(out, "\n");
}

struct pair {
    const char *name, *text;
};

static const struct pair variables[] = {
    {"GLOSS_SERVER", "the server, by its name, when neither --server nor --url names one"},
    {"GLOSS_URL", "the server, by its address, when nothing names one"},
    {"TRACEPARENT", "a W3C trace context; its trace id stands in the server's log beside each request"},
    {"GLOSS_TOKEN_FILE", "the file with the token, when --token-file does not name one"},
    {"GLOSS_CA", "the certificates to trust, when --ca does not name them"},
    {"COLUMNS", "the width to lay out for, when the terminal does not say"},
    {"NO_COLOR", "when set and not empty: no colours, only bold and underline"},
    {"CLICOLOR_FORCE", "when set and not 0: colours also when the output goes to a file or another program"},
    {"CLICOLOR", "when 0: no colours"},
    {"GLOSS_PAGER, PAGER",
     "what shows output that is longer than the terminal; less without either, and nothing when it is empty or cat. Not used with --json or --plain"},
    {"LESS",
     "how less is told to behave; FRX when it is not set: it keeps colours, ends by itself after one page, and leaves the text on the screen"},
};

static const struct pair files[] = {
    {"$XDG_CONFIG_HOME/gloss/servers.json",
     "(by default ~/.config/gloss/servers.json) the servers that you signed in to, with their tokens: a JSON object with `default`, the name of the one that is "
     "meant when nobody says, `current`, its address (for earlier versions), and `servers`, a list of objects with `name`, `url`, `token`, and where they are "
     "known `token_id`, `account` and `ca` (a file in PEM). It is written whole, with mode 0600; when it is open to others it is not read"},
};

static const struct pair examples[] = {
    {"gloss tag 'Issue Brief' 'growing influence' --label claim", "marks the words where they stand"},
    {"gloss watch 'Issue Brief' --json --since 0 | jq .kind", "every op, from the first on, and then live"},
    {"gloss post 'Issue Brief' --run nightly < tags.ndjson",
     "posts any number of tags; run again after a crash, nothing is there twice"},
};

static void put_pairs(struct gl_buf *out, const char *section, const struct pair *pairs, size_t count)
{
    gl_buf_printf(out, ".SH %s\n", section);
    for (size_t i = 0; i < count; i++) {
        gl_buf_str(out, ".TP\n.B ");
        put_roff(out, pairs[i].name);
        gl_buf_str(out, "\n");
        put_roff(out, pairs[i].text);
        gl_buf_str(out, "\n");
    }
}

static void put_verbs(struct gl_buf *out)
{
    gl_buf_str(out, ".SH VERBS\n");
    const struct group_row *group = NULL;
    for (size_t i = 0; i < VERB_COUNT; i++) {
        const struct verb_row *verb = &verb_rows[i];
        if (verb->group && verb->group != group) {
            gl_buf_printf(out, ".SS gloss %s VERB\n", verb->group->name);
            put_roff(out, verb->group->line);
            gl_buf_str(out, ".\n.PP\n");
            put_roff(out, verb->group->more);
            gl_buf_str(out, "\n");
        }
        group = verb->group;
        gl_buf_printf(out, ".SS gloss %s ", verb->name);
        put_roff(out, verb->words);
        gl_buf_str(out, "\n");
        put_roff(out, verb->line);
        gl_buf_str(out, ".\n.PP\n");
        put_roff(out, verb->more);
        gl_buf_str(out, "\n");
        put_options(out, verb->takes);
    }
}

void help_man(struct gl_buf *out)
{
    gl_buf_str(out,
               ".\\\" Made by `gloss help --man` from cmds.def.\n.TH GLOSS 1 \"\" \"gloss " GLOSS_CLI_VERSION "\" \"Gloss\"\n");
    put_section(out, "NAME", "gloss - read and mark up shared texts");
    gl_buf_str(out, ".SH SYNOPSIS\n.B gloss\n.I VERB\n[\\fIWORD\\fR...] [\\fIOPTION\\fR...]\n");
    put_section(
        out, "DESCRIPTION",
        "Gloss keeps texts (briefs) on a server where people and programs mark them up together. Every change is an op with a number in the "
        "brief's log; it is durable before anybody sees it, and no change overwrites another that its author had not seen. `gloss` is the "
        "program for the command line: words for people, and with `--json` one JSON object a line for scripts.\n"
        "BRIEF is a document's id, or a unique beginning of its title or file name. ANN is an annotation's id or a unique beginning of it. "
        "Positions are Unicode code points counted from 0; the end is exclusive.");
    put_verbs(out);
    gl_buf_str(out, ".SH OPTIONS OF EVERY VERB\n");
    put_options(out, every_verb_takes);
    gl_buf_str(out, ".SH EXIT STATUS\n");
    for (size_t i = 0; i < sizeof exit_rows / sizeof exit_rows[0]; i++) {
        gl_buf_printf(out, ".TP\n.B %s\n", exit_rows[i].status);
        put_roff(out, exit_rows[i].when);
        gl_buf_str(out, "\n");
    }
    put_pairs(out, "ENVIRONMENT", variables, sizeof variables / sizeof variables[0]);
    put_pairs(out, "FILES", files, sizeof files / sizeof files[0]);
    put_pairs(out, "EXAMPLES", examples, sizeof examples / sizeof examples[0]);
}
