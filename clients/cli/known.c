#include "clients/cli/known.h"

#include <stdlib.h>

#include "clients/cli/files.h"
#include "clients/cli/say.h"
#include "clients/cli/servers.h"
#include "proto/model/hash.h"

#define KEY_CHARS      16
#define CHAINS_MAX     1000
#define ANNOTATION_MAX 200000 /* above that the oldest are forgotten: all of a session at once */

static const char *string_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

/* One file for a server and a token: {"account","briefs":{document:info},"seen":{session:{annotation:seq}},"chains":{session:{seq:chain}}}. NULL: there is no place for it. */
static char *path_of(const struct cli *cli)
{
    char *folder = file_folder("XDG_CACHE_HOME", ".cache"), *url = cli->settings.url ? servers_url_key(cli->settings.url) : NULL;
    char *path = NULL;
    if (folder && url && cli->settings.token) {
        char hex[GLOSS_HASH], *secret = heap_printf("gloss.known %s %s", url, cli->settings.token);
        gl_hash hash = gl_sha256(secret, strlen(secret));
        hash_format(&hash, hex);
        path = heap_printf("%s/%.*s.json", folder, KEY_CHARS, hex);
        explicit_bzero(secret, strlen(secret));
        free(secret);
    }
    free(folder);
    free(url);
    return path;
}

static json_t *part(json_t *known, const char *name)
{
    json_t *object = json_object_get(known, name);
    if (!json_is_object(object)) {
        object = json_object();
        json_object_set_new(known, name, object);
    }
    return object;
}

static json_t *known_of(struct cli *cli)
{
    if (!cli->known) {
        char *path = path_of(cli);
        json_t *read = path ? json_load_file(path, 0, NULL) : NULL;
        cli->known = json_is_object(read) ? read : json_object();
        if (read && cli->known != read) {
            json_decref(read);
        }
        free(path);
    }
    return cli->known;
}

/* ---- remembering --------------------------------------------------------------------------------------------------------- */

static void set(struct cli *cli, json_t *object, const char *name, json_t *value)
{
    if (!json_equal(json_object_get(object, name), value)) {
        json_object_set(object, name, value);
        cli->is_known_new = true;
    }
    json_decref(value);
}

void known_account(struct cli *cli, const char *account)
{
    set(cli, known_of(cli), "account", json_string(account));
}

void known_brief(struct cli *cli, const json_t *info)
{
    json_t *small = json_object();
    const char *names[] = {"document", "session", "project", "title", "filename"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        json_object_set(small, names[i], json_object_get(info, names[i]));
    }
    set(cli, part(known_of(cli), "briefs"), string_of(info, "document"), small);
}

void known_annotation(struct cli *cli, const char *session, const char *id, uint64_t seq)
{
    json_t *seen = part(part(known_of(cli), "seen"), session);
    if (json_object_size(seen) >= ANNOTATION_MAX) {
        json_object_clear(seen);
    }
    set(cli, seen, id, json_integer((json_int_t)seq));
}

/* What was seen at the same seq of another log was not seen in this one. */
static void forget_seen(struct cli *cli, const char *session, uint64_t seq)
{
    json_t *seen = part(part(known_of(cli), "seen"), session), *value;
    const char *id;
    void *next;
    json_object_foreach_safe(seen, next, id, value)
    {
        if ((uint64_t)json_integer_value(value) == seq) {
            json_object_set_new(seen, id, json_integer(0));
        }
    }
}

void known_chain(struct cli *cli, const char *session, uint64_t seq, const char *chain, bool is_all)
{
    json_t *chains = part(part(known_of(cli), "chains"), session);
    char number[24];
    snprintf(number, sizeof number, "%llu", (unsigned long long)seq);
    const char *old = json_string_value(json_object_get(chains, number));
    if (old && strcmp(old, chain) != 0) {
        forget_seen(cli, session, seq);
    }
    if ((is_all && !(old && json_object_size(chains) == 1)) || json_object_size(chains) >= CHAINS_MAX) {
        json_object_clear(chains);
    }
    set(cli, chains, number, json_string(chain));
}

void known_end(struct cli *cli)
{
    char *path = cli->known && cli->is_known_new ? path_of(cli) : NULL;
    char *text = path ? json_dumps(cli->known, JSON_COMPACT) : NULL;
    if (text) {
        (void)!file_write_private(path, text);
    }
    free(text);
    free(path);
    json_decref(cli->known);
    cli->known = NULL;
}

/* ---- finding ------------------------------------------------------------------------------------------------------------- */

const char *known_who(struct cli *cli)
{
    return json_string_value(json_object_get(known_of(cli), "account"));
}

static bool begins_so(const char *name, const char *word)
{
    return strncasecmp(name, word, strlen(word)) == 0;
}

int known_find_brief(struct cli *cli, const char *word, struct brief *brief)
{
    json_t *info, *begins = NULL, *whole = NULL;
    size_t begin_count = 0, whole_count = 0;
    const char *document;
    *brief = (struct brief){0};
    int status = cli_check_text(cli, "the brief's name", word);
    json_object_foreach(part(known_of(cli), "briefs"), document, info)
    {
        const char *title = string_of(info, "title"), *filename = string_of(info, "filename");
        bool is_whole = strcmp(document, word) == 0 || strcmp(title, word) == 0 || strcmp(filename, word) == 0;
        bool is_begin = *word && (begins_so(title, word) || begins_so(filename, word));
        whole = is_whole ? info : whole;
        begins = is_begin ? info : begins;
        whole_count += is_whole;
        begin_count += is_begin;
    }
    json_t *chosen = whole_count == 1 ? whole : whole_count == 0 && begin_count == 1 ? begins : NULL;
    if (status == 0 && chosen) {
        brief_take(brief, json_incref(chosen));
    } else if (status == 0) {
        status =
            fail(cli, EXIT_COULD_NOT, begin_count ? "brief_ambiguous" : "brief_not_found",
                 begin_count
                     ? "several briefs that were seen here begin with `%s`; write more of the name, or the id"
                     : "no brief that was seen here begins with `%s`; without the server only those can be named that an earlier "
                       "`gloss ls` or `gloss show` told of",
                 word);
    }
    return status;
}

static bool find_in_session(const json_t *seen, const char *word, const char *session, struct place *place, size_t *count)
{
    const char *id;
    json_t *seq;
    json_object_foreach((json_t *)seen, id, seq)
    {
        if (strncmp(id, word, strlen(word)) == 0) {
            snprintf(place->annotation, sizeof place->annotation, "%s", id);
            snprintf(place->session, sizeof place->session, "%s", session);
            ++*count;
        }
    }
    return *count > 0;
}

int known_find_annotation(struct cli *cli, const char *word, struct place *place, bool is_quiet)
{
    const char *session;
    json_t *seen;
    size_t count = 0;
    *place = (struct place){0};
    json_object_foreach(part(known_of(cli), "seen"), session, seen)
    {
        (void)find_in_session(seen, word, session, place, &count);
    }
    if (count == 1) {
        return 0;
    }
    if (is_quiet) {
        return EXIT_COULD_NOT;
    }
    return fail(
        cli, EXIT_COULD_NOT, count ? "annotation_ambiguous" : "annotation_not_found",
        count
            ? "several annotations that were seen here have an id that begins with `%s`; write more of it"
            : "no annotation that was seen here has an id that begins with `%s`; without the server only those can be named that an "
              "earlier `gloss show` told of",
        word);
}

uint64_t known_seq(struct cli *cli, const char *session, const char *annotation)
{
    return (uint64_t)json_integer_value(json_object_get(json_object_get(part(known_of(cli), "seen"), session), annotation));
}

const char *known_chain_at(struct cli *cli, const char *session, uint64_t seq)
{
    char number[24];
    snprintf(number, sizeof number, "%llu", (unsigned long long)seq);
    return json_string_value(json_object_get(json_object_get(part(known_of(cli), "chains"), session), number));
}

const char *known_title(struct cli *cli, const char *session)
{
    const char *document;
    json_t *info;
    json_object_foreach(part(known_of(cli), "briefs"), document, info)
    {
        if (strcmp(string_of(info, "session"), session) == 0) {
            return string_of(info, "title");
        }
    }
    return NULL;
}
