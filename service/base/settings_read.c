/* Where settings stand: a file, the environment, the command line. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "service/base/mem.h"
#include "service/base/settings_priv.h"

enum { WHERE_MAX = 4352 };

/* ---- the file */

static char *trim(char *text)
{
    text += strspn(text, " \t\r\n");
    size_t len = strlen(text);
    while (len && strchr(" \t\r\n", text[len - 1]))
        text[--len] = '\0';
    return text;
}

/* "…" may stand around a value; \" and \\ are the only escapes in it. NULL when the end quote is missing or something stands behind it. */
static char *unquote(char *value)
{
    if (*value != '"')
        return value;
    char *from = value + 1, *to = value;
    for (; *from && *from != '"'; from++) {
        if (*from == '\\' && (from[1] == '"' || from[1] == '\\'))
            from++;
        *to++ = *from;
    }
    bool is_whole = *from == '"' && from[1] == '\0';
    *to = '\0';
    return is_whole ? value : NULL;
}

/* A relative path in a file counts from the file's folder. */
static char *resolve(const char *file, const char *key, const char *value)
{
    size_t id = settings_find(key), folder_len = 0;
    const char *slash = strrchr(file, '/');
    if (id < SETTING_COUNT && setting_rows[id].type == SETTING_T_PATH && *value && *value != '/' && slash)
        folder_len = (size_t)(slash - file) + 1;
    char *path = mem_alloc(folder_len + strlen(value) + 1);
    memcpy(path, file, folder_len);
    strcpy(path + folder_len, value);
    return path;
}

static enum gl_code read_line(struct settings *settings, const char *file, unsigned number, char *line, struct gl_err *err)
{
    char where[WHERE_MAX];
    snprintf(where, sizeof(where), "%s:%u", file, number);
    line = trim(line);
    if (!*line || *line == '#')
        return GL_OK;
    char *equals = strchr(line, '=');
    if (!equals)
        return gl_fail(err, GL_E_SETTING, "%s: \"%.60s\" is not of the form `key = value`", where, line);
    *equals = '\0';
    char *key = trim(line), *value = unquote(trim(equals + 1));
    if (!value)
        return gl_fail(err, GL_E_SETTING, "%s: the quotes around the value of %.60s do not match", where, key);
    char *resolved = resolve(file, key, value);
    enum gl_code code = settings_set(settings, key, resolved, SETTING_FROM_FILE, where, err);
    mem_free(&resolved);
    return code;
}

enum gl_code settings_read_file(struct settings *settings, const char *path, struct gl_err *err)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return gl_fail(err, GL_E_SETTING, "the settings file %.200s cannot be read: %s", path, strerror(errno));
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    enum gl_code code = GL_OK;
    for (unsigned number = 1; !code && (len = getline(&line, &cap, file)) >= 0; number++)
        if (strlen(line) != (size_t)len)
            code = gl_fail(err, GL_E_SETTING, "%.200s:%u: there is a NUL byte in this line", path, number);
        else
            code = read_line(settings, path, number, line, err);
    if (!code && ferror(file))
        code = gl_fail(err, GL_E_SETTING, "the settings file %.200s cannot be read: %s", path, strerror(errno));
    free(line);
    fclose(file);
    if (!code) {
        mem_free(&settings->file);
        settings->file = mem_copy(path, strlen(path));
    }
    return code;
}

/* ---- the environment */

/* Names that begin with GLOSS_ and belong to others: the client, the tests, ./run, the image. One that ends with _ stands for all that begin so. */
static bool is_for_others(const char *name)
{
    static const char *const others[] = {"CONFIG", "USER",    "BUILD_ROOT", "URL",       "TOKEN",      "TOKEN_FILE",
                                         "CA",     "PROJECT", "HOME",       "CACHE",     "SOURCE_DIR", "BUILD_DIR",
                                         "TEST_",  "DEPS_",   "RUN_",       "PACKAGED_", "IMAGE_"};
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        size_t len = strlen(others[i]);
        if (others[i][len - 1] == '_' ? !strncmp(name, others[i], len) : !strcmp(name, others[i]))
            return true;
    }
    return false;
}

static enum gl_code read_variable(struct settings *settings, const char *variable, struct gl_err *err)
{
    static const char prefix[] = "GLOSS_";
    const char *equals = strchr(variable, '=');
    char where[128], key[128];
    if (strncmp(variable, prefix, sizeof(prefix) - 1) != 0 || !equals || (size_t)(equals - variable) >= sizeof(where))
        return GL_OK;
    snprintf(where, sizeof(where), "%.*s", (int)(equals - variable), variable);
    const char *name = where + sizeof(prefix) - 1;
    if (is_for_others(name))
        return GL_OK;
    size_t len = 0;
    for (; name[len]; len++)
        key[len] = (char)(name[len] >= 'A' && name[len] <= 'Z' ? name[len] - 'A' + 'a' : name[len]);
    key[len] = '\0';
    return settings_set(settings, key, equals + 1, SETTING_FROM_ENVIRONMENT, where, err);
}

enum gl_code settings_read_environment(struct settings *settings, char *const *environment, struct gl_err *err)
{
    enum gl_code code = GL_OK;
    for (; *environment && !code; environment++)
        code = read_variable(settings, *environment, err);
    return code;
}

/* ---- the command line */

/* "--log-level" or "--log-level=info": the key, and where the value begins when it is in the same word. False for other words. */
static bool read_flag_name(const char *word, char key[64], const char **value)
{
    if (strncmp(word, "--", 2) != 0 || !word[2])
        return false;
    size_t len = strcspn(word + 2, "=");
    if (len >= 64)
        return false;
    for (size_t i = 0; i < len; i++)
        key[i] = word[2 + i] == '-' ? '_' : word[2 + i];
    key[len] = '\0';
    *value = word[2 + len] == '=' ? word + 3 + len : NULL;
    return true;
}

enum gl_code settings_read_flags(struct settings *settings, int *argc, char **argv, struct gl_err *err)
{
    int kept = 0, at = 0;
    enum gl_code code = GL_OK;
    for (; at < *argc && !code && strcmp(argv[at], "--") != 0; at++) {
        char key[64], where[80];
        const char *value;
        if (!read_flag_name(argv[at], key, &value) || settings_find(key) == SETTING_COUNT) {
            argv[kept++] = argv[at];
            continue;
        }
        snprintf(where, sizeof(where), "%.*s", (int)strcspn(argv[at], "="), argv[at]);
        if (!value && at + 1 == *argc)
            return gl_fail(err, GL_E_SETTING, "%s: the value is missing", where);
        if (!value)
            value = argv[++at];
        code = settings_set(settings, key, value, SETTING_FROM_FLAG, where, err);
    }
    for (; at < *argc; at++)
        argv[kept++] = argv[at];
    *argc = kept;
    return code;
}

/* --config FILE, taken out; else GLOSS_CONFIG; else NULL. */
static enum gl_code take_config(int *argc, char **argv, char *const *environment, const char **path, struct gl_err *err)
{
    int kept = 0;
    *path = NULL;
    for (; *environment; environment++)
        if (!strncmp(*environment, "GLOSS_CONFIG=", 13) && (*environment)[13])
            *path = *environment + 13;
    for (int at = 0; at < *argc; at++) {
        char key[64];
        const char *value;
        if (!read_flag_name(argv[at], key, &value) || strcmp(key, "config") != 0) {
            argv[kept++] = argv[at];
            continue;
        }
        if (!value && at + 1 == *argc)
            return gl_fail(err, GL_E_SETTING, "--config: the name of the settings file is missing");
        *path = value ? value : argv[++at];
    }
    *argc = kept;
    return GL_OK;
}

enum gl_code settings_load(struct settings *settings, int *argc, char **argv, char *const *environment, struct gl_err *err)
{
    const char *path;
    enum gl_code code = take_config(argc, argv, environment, &path, err);
    if (!code && path)
        code = settings_read_file(settings, path, err);
    if (!code)
        code = settings_read_environment(settings, environment, err);
    if (!code)
        code = settings_read_flags(settings, argc, argv, err);
    return code;
}

enum gl_code settings_load_again(struct settings *fresh, const struct settings *settings, char *const *environment,
                                 struct gl_err *err)
{
    enum gl_code code = settings->file ? settings_read_file(fresh, settings->file, err) : GL_OK;
    if (!code)
        code = settings_read_environment(fresh, environment, err);
    for (size_t id = 0; id < SETTING_COUNT && !code; id++) {
        const struct setting_source *source = &settings->sources[id];
        if (source->origin == SETTING_FROM_FLAG)
            code = settings_set(fresh, setting_rows[id].name, source->text, SETTING_FROM_FLAG, source->where, err);
    }
    return code;
}
