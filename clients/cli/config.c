#include "clients/cli/config.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "clients/cli/heap.h"
#include "clients/cli/safe.h"
#include "clients/cli/servers.h"

#define SECRET_MAX 4096

char *settings_read_secret(const char *path, const char *what, struct gl_buf *problem)
{
    char bytes[SECRET_MAX];
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    size_t len = file ? fread(bytes, 1, sizeof bytes, file) : 0;
    int error = !file || ferror(file) ? errno : 0;
    if (file && file != stdin) {
        fclose(file);
    }
    if (error) {
        gl_buf_printf(problem, "the %s's file `", what);
        safe_put_str(problem, path);
        gl_buf_printf(problem, "` cannot be read: %s", strerror(error));
        return NULL;
    }
    size_t begin = 0, end = 0;
    while (begin < len && isspace((unsigned char)bytes[begin])) {
        begin++;
    }
    for (end = begin; end < len && bytes[end] != '\n' && bytes[end] != '\r' && bytes[end] != '\0';) {
        end++;
    }
    while (end > begin && isspace((unsigned char)bytes[end - 1])) {
        end--;
    }
    char *secret = NULL;
    if (end > begin && len < sizeof bytes) {
        secret = heap_copy(gl_slice_of(bytes + begin, end - begin));
    } else {
        gl_buf_printf(problem, "the %s's file `", what);
        safe_put_str(problem, path);
        gl_buf_printf(problem, "` has no %s in it: it must be its first line", what);
    }
    explicit_bzero(bytes, sizeof bytes);
    return secret;
}

static char *copy_of(const char *text)
{
    return text && *text ? heap_copy(gl_slice_str(text)) : NULL;
}

static const char *first_of(const char *option, const char *variable)
{
    const char *value = option ? option : getenv(variable);
    return value && *value ? value : NULL;
}

/* The entry that was asked for; NULL: none, and settings->url is what there is of it. */
static json_t *choose_server(struct settings *settings, const struct settings_asked *asked, const json_t *kept,
                             struct gl_buf *problem)
{
    const char *name = asked->url ? asked->server : first_of(asked->server, "GLOSS_SERVER"), *url = asked->url;
    if (name && url) {
        gl_buf_str(problem, "--server and --url are two ways to say which server; give one of them");
        return NULL;
    }
    json_t *server = name ? servers_by_name(kept, name) : NULL;
    if (name && !server) {
        servers_say_unknown(kept, name, problem);
        return NULL;
    }
    url = name ? NULL : first_of(url, "GLOSS_URL");
    server = server ? server : url ? servers_by_url(kept, url) : servers_default(kept);
    settings->url = copy_of(url ? url : json_string_value(json_object_get(server, "url")));
    return server;
}

bool settings_load(struct settings *settings, const struct settings_asked *asked, struct gl_buf *problem)
{
    *settings = (struct settings){0};
    json_t *kept = servers_load(problem);
    if (!kept) {
        return false;
    }
    const json_t *server = choose_server(settings, asked, kept, problem);
    const char *ca = first_of(asked->ca, "GLOSS_CA"), *token_file = first_of(asked->token_file, "GLOSS_TOKEN_FILE");
    settings->name = copy_of(json_string_value(json_object_get(server, "name")));
    settings->ca = copy_of(ca ? ca : json_string_value(json_object_get(server, "ca")));
    settings->account = token_file ? NULL : copy_of(json_string_value(json_object_get(server, "account")));
    settings->token_id = token_file ? NULL : copy_of(json_string_value(json_object_get(server, "token_id")));
    if (problem->len == 0) {
        settings->token = token_file ? settings_read_secret(token_file, "token", problem)
                                     : copy_of(json_string_value(json_object_get(server, "token")));
    }
    char *key = settings->url ? servers_url_key(settings->url) : NULL;
    if (settings->url && !key) {
        gl_buf_str(problem, "`");
        safe_put_str(problem, settings->url);
        gl_buf_str(problem, "` is no address of a server: it must look like https://HOST:PORT/");
    }
    free(key);
    json_decref(kept);
    return problem->len == 0;
}

void settings_free(struct settings *settings)
{
    if (settings->token) {
        explicit_bzero(settings->token, strlen(settings->token));
    }
    free(settings->name);
    free(settings->url);
    free(settings->token);
    free(settings->token_id);
    free(settings->ca);
    free(settings->account);
    *settings = (struct settings){0};
}

static void set_string(json_t *object, const char *name, const char *value)
{
    if (value) {
        json_object_set_new(object, name, json_string(value));
    } else {
        json_object_del(object, name);
    }
}

static void put_server(json_t *kept, const struct settings *settings)
{
    json_t *servers = json_object_get(kept, "servers"), *server = servers_by_name(kept, settings->name);
    if (!json_is_array(servers)) {
        servers = json_array();
        json_object_set_new(kept, "servers", servers);
    }
    if (!server) {
        server = json_object();
        json_array_append_new(servers, server);
    }
    char *ca = settings->ca ? realpath(settings->ca, NULL) : NULL;
    set_string(server, "name", settings->name);
    set_string(server, "url", settings->url);
    set_string(server, "token", settings->token);
    set_string(server, "token_id", settings->token_id);
    set_string(server, "ca", ca ? ca : settings->ca);
    set_string(server, "account", settings->account);
    servers_set_default(kept, server);
    free(ca);
}

bool settings_store(const struct settings *settings, struct gl_buf *problem)
{
    json_t *kept = servers_load(problem);
    if (!kept) {
        return false;
    }
    put_server(kept, settings);
    bool is_done = servers_save(kept, problem);
    json_decref(kept);
    return is_done;
}
