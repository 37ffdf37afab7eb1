#include "clients/cli/servers.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clients/cli/args.h"
#include "clients/cli/files.h"
#include "clients/cli/heap.h"
#include "clients/cli/safe.h"

#define DEFAULT_PORT "443"

static void say_about_file(struct gl_buf *problem, const char *path, const char *reason)
{
    gl_buf_str(problem, "the file `");
    safe_put_str(problem, path);
    gl_buf_printf(problem, "` %s", reason);
}

static const char *string_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

char *servers_path(void)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (config && config[0] == '/') {
        return heap_printf("%s/gloss/servers.json", config);
    }
    return home && *home ? heap_printf("%s/.config/gloss/servers.json", home) : NULL;
}

char *servers_url_key(const char *url)
{
    const char *host = NULL;
    const char *schemes[] = {"https://", "wss://"};
    for (size_t i = 0; i < 2; i++) {
        if (strncasecmp(url, schemes[i], strlen(schemes[i])) == 0) {
            host = url + strlen(schemes[i]);
        }
    }
    size_t len = host ? strcspn(host, "/?#") : 0;
    if (len == 0 || len > 255) {
        return NULL;
    }
    char lower[256] = "";
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)host[i] <= ' ' || (unsigned char)host[i] >= 0x7f || host[i] == '@') {
            return NULL;
        }
        lower[i] = (char)tolower((unsigned char)host[i]);
    }
    const char *bracket = strrchr(lower, ']'); /* of an IPv6 address */
    bool has_port = strchr(bracket ? bracket : lower, ':') != NULL;
    return heap_printf("https://%s%s", lower, has_port ? "" : ":" DEFAULT_PORT);
}

/* ---- the file ------------------------------------------------------------------------------------------------------ */

/* Entries without a name get their host's: those that a version without names had written. */
static void name_servers(json_t *kept)
{
    json_t *server;
    size_t i;
    json_array_foreach(json_object_get(kept, "servers"), i, server)
    {
        char *key = *string_of(server, "name") ? NULL : servers_url_key(string_of(server, "url"));
        if (key) {
            json_object_set_new(server, "name", json_string(key + strlen("https://")));
        }
        free(key);
    }
}

/* Tokens are as good as passwords: a file that others may read is as if they were told. */
static bool is_private(int fd, const char *path, struct gl_buf *problem)
{
    struct stat info;
    if (fstat(fd, &info) != 0) {
        say_about_file(problem, path, strerror(errno));
        return false;
    }
    if (info.st_uid != geteuid()) {
        say_about_file(problem, path, "belongs to somebody else");
        return false;
    }
    if (info.st_mode & 077) {
        say_about_file(problem, path, "has tokens in it and is open to others");
        gl_buf_printf(problem, " (mode %04o); close it with `chmod 600`, and revoke the tokens if others were there",
                      info.st_mode & 07777);
        return false;
    }
    return true;
}

json_t *servers_load(struct gl_buf *problem)
{
    char *path = servers_path();
    json_t *kept = NULL;
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0 && path && errno != ENOENT && errno != ENOTDIR) {
        say_about_file(problem, path, strerror(errno));
    } else if (fd < 0) {
        kept = json_object();
    } else if (is_private(fd, path, problem)) {
        json_error_t error;
        kept = json_loadfd(fd, JSON_REJECT_DUPLICATES, &error);
        if (!json_is_object(kept)) {
            say_about_file(problem, path, "cannot be understood; mend or remove it, then run `gloss login` again");
            json_decref(kept);
            kept = NULL;
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    free(path);
    name_servers(kept);
    return kept;
}

bool servers_save(const json_t *kept, struct gl_buf *problem)
{
    char *path = servers_path();
    if (!path) {
        gl_buf_str(problem, "there is no place to remember it: neither HOME nor XDG_CONFIG_HOME is set");
        return false;
    }
    char *text = json_dumps(kept, JSON_INDENT(2));
    bool is_done = text && file_write_private(path, text);
    if (!is_done) {
        say_about_file(problem, path, "");
        gl_buf_printf(problem, "cannot be written: %s", strerror(errno));
    }
    if (text) {
        explicit_bzero(text, strlen(text));
    }
    free(text);
    free(path);
    return is_done;
}

/* ---- entries ------------------------------------------------------------------------------------------------------- */

json_t *servers_by_name(const json_t *kept, const char *name)
{
    json_t *server;
    size_t i;
    json_array_foreach(json_object_get(kept, "servers"), i, server)
    {
        if (strcmp(string_of(server, "name"), name) == 0) {
            return server;
        }
    }
    return NULL;
}

static bool is_at(const json_t *server, const char *key)
{
    char *its_key = servers_url_key(string_of(server, "url"));
    bool same = its_key && strcmp(its_key, key) == 0;
    free(its_key);
    return same;
}

json_t *servers_by_url(const json_t *kept, const char *url)
{
    char *key = servers_url_key(url);
    json_t *chosen = servers_by_name(kept, string_of(kept, "default")), *server;
    size_t i;
    if (!key || (chosen && !is_at(chosen, key))) {
        chosen = NULL;
    }
    json_array_foreach(json_object_get(kept, "servers"), i, server)
    {
        if (key && !chosen && is_at(server, key)) {
            chosen = server;
        }
    }
    free(key);
    return chosen;
}

json_t *servers_default(const json_t *kept)
{
    json_t *server = servers_by_name(kept, string_of(kept, "default"));
    return server ? server : servers_by_url(kept, string_of(kept, "current"));
}

void servers_set_default(json_t *kept, json_t *server)
{
    json_object_set(kept, "default", json_object_get(server, "name"));
    json_object_set(kept, "current", json_object_get(server, "url"));
}

void servers_remove(json_t *kept, const char *name)
{
    json_t *servers = json_object_get(kept, "servers"), *server = servers_by_name(kept, name);
    bool was_default = server && server == servers_default(kept);
    for (size_t i = 0; i < json_array_size(servers); i++) {
        if (json_array_get(servers, i) == server) {
            json_array_remove(servers, i);
            break;
        }
    }
    if (was_default) {
        json_object_del(kept, "default");
        json_object_del(kept, "current");
    }
    if (was_default && json_array_size(servers) == 1) {
        servers_set_default(kept, json_array_get(servers, 0));
    }
}

void servers_say_unknown(const json_t *kept, const char *name, struct gl_buf *problem)
{
    json_t *servers = json_object_get(kept, "servers"), *server;
    size_t i, count = json_array_size(servers);
    const char **names = heap_alloc(count + 1, sizeof *names);
    json_array_foreach(servers, i, server)
    {
        names[i] = string_of(server, "name");
    }
    const char *nearest = args_nearest(name, names);
    gl_buf_str(problem, "no server is called `");
    safe_put_str(problem, name);
    gl_buf_str(problem, "`");
    if (nearest) {
        gl_buf_str(problem, "; did you mean `");
        safe_put_str(problem, nearest);
        gl_buf_str(problem, "`?");
    }
    gl_buf_str(problem, count ? " (`gloss servers` lists them)" : "; `gloss login --name NAME --url URL` makes one");
    free(names);
}
