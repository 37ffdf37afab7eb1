#include "clients/cli/config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clients/cli/heap.h"
#include "clients/cli/safe.h"

#define DEFAULT_PORT   "443"
#define SECRET_MAX     4096
#define FILE_MAX_BYTES (1024 * 1024)

static void say_about_file(struct gl_buf *problem, const char *what, const char *path, const char *reason)
{
    gl_buf_printf(problem, "%s `", what);
    safe_put_str(problem, path);
    gl_buf_printf(problem, "` %s", reason);
}

char *settings_path(void)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (config && config[0] == '/') {
        return heap_printf("%s/gloss/servers.json", config);
    }
    return home && *home ? heap_printf("%s/.config/gloss/servers.json", home) : NULL;
}

char *settings_url_key(const char *url)
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

/* What was kept, {"current":URL,"servers":[{"url","token","ca","account"}]}; an empty object when there is no file. */
static json_t *load_file(const char *path, struct gl_buf *problem)
{
    FILE *file = path ? fopen(path, "re") : NULL;
    if (!file) {
        if (path && errno != ENOENT && errno != ENOTDIR) {
            say_about_file(problem, "the file", path, strerror(errno));
            return NULL;
        }
        return json_object();
    }
    json_error_t error;
    json_t *kept = json_loadf(file, JSON_REJECT_DUPLICATES, &error);
    fclose(file);
    if (!json_is_object(kept)) {
        say_about_file(problem, "the file", path, "cannot be understood; mend or remove it, then run `gloss login` again");
        json_decref(kept);
        return NULL;
    }
    return kept;
}

static json_t *find_server(json_t *kept, const char *key)
{
    json_t *servers = json_object_get(kept, "servers"), *server;
    size_t i;
    json_array_foreach(servers, i, server)
    {
        const char *url = json_string_value(json_object_get(server, "url"));
        char *its_key = url ? settings_url_key(url) : NULL;
        bool same = its_key && strcmp(its_key, key) == 0;
        free(its_key);
        if (same) {
            return server;
        }
    }
    return NULL;
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

bool settings_load(struct settings *settings, const struct settings_asked *asked, struct gl_buf *problem)
{
    *settings = (struct settings){0};
    char *path = settings_path();
    json_t *kept = load_file(path, problem);
    free(path);
    if (!kept) {
        return false;
    }
    const char *url = first_of(asked->url, "GLOSS_URL");
    settings->url = copy_of(url ? url : json_string_value(json_object_get(kept, "current")));
    char *key = settings->url ? settings_url_key(settings->url) : NULL;
    json_t *server = key ? find_server(kept, key) : NULL;
    const char *ca = first_of(asked->ca, "GLOSS_CA"), *token_file = first_of(asked->token_file, "GLOSS_TOKEN_FILE");
    settings->ca = copy_of(ca ? ca : json_string_value(json_object_get(server, "ca")));
    settings->account = token_file ? NULL : copy_of(json_string_value(json_object_get(server, "account")));
    settings->token = token_file ? settings_read_secret(token_file, "token", problem)
                                 : copy_of(json_string_value(json_object_get(server, "token")));
    bool is_good = problem->len == 0;
    if (settings->url && !key) {
        say_about_file(problem, "", settings->url, "is no address of a server: it must look like https://HOST:PORT/");
        is_good = false;
    }
    free(key);
    json_decref(kept);
    return is_good;
}

void settings_free(struct settings *settings)
{
    if (settings->token) {
        explicit_bzero(settings->token, strlen(settings->token));
    }
    free(settings->url);
    free(settings->token);
    free(settings->ca);
    free(settings->account);
    *settings = (struct settings){0};
}

/* Every folder above path that is not there yet, only for its owner. */
static bool make_folders(const char *path)
{
    char *copy = heap_copy(gl_slice_str(path));
    bool is_made = true;
    for (char *slash = strchr(copy + 1, '/'); slash && is_made; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        is_made = mkdir(copy, 0700) == 0 || errno == EEXIST;
        *slash = '/';
    }
    free(copy);
    return is_made;
}

/* The new file is whole before it takes the old one's name. */
static bool replace_file(const char *path, const char *text)
{
    char *beside = heap_printf("%s.XXXXXX", path);
    int fd = mkostemp(beside, O_CLOEXEC); /* mode 0600 */
    size_t len = strlen(text);
    bool is_done = fd >= 0 && write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
    int error = errno;
    if (fd >= 0 && close(fd) != 0 && is_done) {
        is_done = false;
        error = errno;
    }
    if (is_done && rename(beside, path) != 0) {
        is_done = false;
        error = errno;
    }
    if (!is_done && fd >= 0) {
        unlink(beside);
    }
    free(beside);
    errno = error;
    return is_done;
}

static void set_string(json_t *object, const char *name, const char *value)
{
    if (value) {
        json_object_set_new(object, name, json_string(value));
    } else {
        json_object_del(object, name);
    }
}

static void put_server(json_t *kept, const char *key, const struct settings *settings)
{
    json_t *servers = json_object_get(kept, "servers"), *server = find_server(kept, key);
    if (!json_is_array(servers)) {
        servers = json_array();
        json_object_set_new(kept, "servers", servers);
    }
    if (!server) {
        server = json_object();
        json_array_append_new(servers, server);
    }
    char *ca = settings->ca ? realpath(settings->ca, NULL) : NULL;
    set_string(server, "url", settings->url);
    set_string(server, "token", settings->token);
    set_string(server, "ca", ca ? ca : settings->ca);
    set_string(server, "account", settings->account);
    set_string(kept, "current", settings->url);
    free(ca);
}

bool settings_store(const struct settings *settings, struct gl_buf *problem)
{
    char *path = settings_path(), *key = settings_url_key(settings->url), *text = NULL;
    bool is_done = false;
    if (!path) {
        gl_buf_str(problem, "there is no place to remember it: neither HOME nor XDG_CONFIG_HOME is set");
        goto out;
    }
    json_t *kept = load_file(path, problem);
    if (!kept) {
        goto out;
    }
    put_server(kept, key, settings);
    text = json_dumps(kept, JSON_INDENT(2));
    json_decref(kept);
    is_done = text && make_folders(path) && replace_file(path, text);
    if (!is_done) {
        say_about_file(problem, "the file", path, "");
        gl_buf_printf(problem, "cannot be written: %s", strerror(errno));
    }
out:
    if (text) {
        explicit_bzero(text, strlen(text));
    }
    free(text);
    free(key);
    free(path);
    return is_done;
}
