#include "service/store/conninfo.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "service/base/mem.h"

static const struct {
    const char *keyword, *value;
    bool must; /* ours whatever the text says */
} ours[] = {
    {"client_encoding", "UTF8", true},    {"target_session_attrs", "read-write", false},
    {"keepalives", "1", false},           {"keepalives_idle", "5", false},
    {"keepalives_interval", "2", false},  {"keepalives_count", "3", false},
    {"tcp_user_timeout", "10000", false}, {"connect_timeout", "2", false},
};

static void set(struct conninfo *conninfo, const char *keyword, const char *value, bool must)
{
    for (unsigned i = 0; i < conninfo->count; i++) {
        if (strcmp(conninfo->keywords[i], keyword) == 0) {
            if (must) {
                mem_free(&conninfo->values[i]);
                conninfo->values[i] = mem_copy(value, strlen(value));
            }
            return;
        }
    }
    conninfo->keywords[conninfo->count] = mem_copy(keyword, strlen(keyword));
    conninfo->values[conninfo->count++] = mem_copy(value, strlen(value));
}

static unsigned items_of(const char *list)
{
    unsigned items = 1;
    for (const char *p = list; *p; p++) {
        items += *p == ',';
    }
    return items;
}

/* Number host of "a,b,c". host, hostaddr and port have the same length, or port has one element for all. */
static char *pick(const char *list, unsigned host)
{
    for (unsigned skip = host % items_of(list); skip > 0; skip--) {
        list = strchr(list, ',') + 1;
    }
    return mem_copy(list, strcspn(list, ","));
}

static const char *const lists[] = {"host", "hostaddr", "port"};

static bool is_list(const char *keyword)
{
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        if (strcmp(keyword, lists[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void take_text(struct conninfo *conninfo, const PQconninfoOption *options, unsigned host)
{
    for (const PQconninfoOption *option = options; option->keyword; option++) {
        if (!option->val || !*option->val) {
            continue;
        }
        char *value = host != CONNINFO_ALL_HOSTS && is_list(option->keyword) ? pick(option->val, host) : NULL;
        set(conninfo, option->keyword, value ? value : option->val, false);
        mem_free(&value);
    }
}

unsigned conninfo_hosts(const char *text)
{
    PQconninfoOption *options = PQconninfoParse(text, NULL);
    unsigned hosts = 1;
    for (const PQconninfoOption *option = options; option && option->keyword; option++) {
        unsigned items = option->val && is_list(option->keyword) ? items_of(option->val) : 1;
        hosts = items > hosts ? items : hosts;
    }
    PQconninfoFree(options);
    return hosts;
}

enum gl_code conninfo_new(const char *text, const char *user, const char *application, unsigned host, struct conninfo **out,
                          struct gl_err *err)
{
    char *complaint = NULL;
    PQconninfoOption *options = PQconninfoParse(text, &complaint);
    *out = NULL;
    if (!options) {
        gl_fail(err, GL_E_SETTING, "the database's connection string cannot be read: %s",
                complaint ? complaint : "out of memory");
        PQfreemem(complaint);
        return GL_E_SETTING;
    }
    unsigned room = 1 + sizeof(ours) / sizeof(ours[0]) + 2 + CONNINFO_ROOM;
    for (const PQconninfoOption *option = options; option->keyword; option++) {
        room++;
    }
    struct conninfo *conninfo = mem_alloc(sizeof(*conninfo));
    conninfo->keywords = mem_array(room, sizeof(char *));
    conninfo->values = mem_array(room, sizeof(char *));
    take_text(conninfo, options, host);
    PQconninfoFree(options);
    if (user) {
        set(conninfo, "user", user, true);
    }
    set(conninfo, "application_name", application, true);
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        set(conninfo, ours[i].keyword, ours[i].value, ours[i].must);
    }
    *out = conninfo;
    return GL_OK;
}

void conninfo_put(struct conninfo *conninfo, const char *keyword, const char *value)
{
    set(conninfo, keyword, value, true);
}

void conninfo_free(struct conninfo **conninfo)
{
    struct conninfo *it = *conninfo;
    if (!it) {
        return;
    }
    for (unsigned i = 0; i < it->count; i++) {
        mem_free(&it->keywords[i]);
        mem_free(&it->values[i]);
    }
    mem_free(&it->keywords);
    mem_free(&it->values);
    mem_free(conninfo);
}

const char *conninfo_get(const struct conninfo *conninfo, const char *keyword)
{
    for (unsigned i = 0; i < conninfo->count; i++) {
        if (strcmp(conninfo->keywords[i], keyword) == 0) {
            return conninfo->values[i];
        }
    }
    return NULL;
}
