#include "service/net/visitor.h"

#include <assert.h>
#include <netinet/in.h>
#include <string.h>

#include "service/base/mem.h"

#define BURST     5     /* seconds' worth at once */
#define WHOLE     1000  /* of one token */
#define FORGET_MS 10000 /* an address without connections; by then it has all tokens again */

void visitors_init(struct visitors *visitors)
{
    map_init(&visitors->all);
}

void visitors_fini(struct visitors *visitors)
{
    struct visitor *visitor;
    for (size_t at = 0; (visitor = map_next(&visitors->all, &at));)
        mem_free(&visitor);
    map_fini(&visitors->all);
}

/* IPv4 as ::ffff:a.b.c.d, however it came. */
static gl_uuid key_of(const struct sockaddr_storage *from)
{
    gl_uuid key = {0};
    if (from->ss_family == AF_INET) {
        key.bytes[10] = key.bytes[11] = 0xff;
        memcpy(key.bytes + 12, &((const struct sockaddr_in *)from)->sin_addr, 4);
    } else if (from->ss_family == AF_INET6) {
        const struct in6_addr *address = &((const struct sockaddr_in6 *)from)->sin6_addr;
        memcpy(key.bytes, address, IN6_IS_ADDR_V4MAPPED(address) ? 16 : 8);
    }
    return key;
}

static struct visitor *find(struct visitors *visitors, const struct sockaddr_storage *from, uint64_t now_ms)
{
    const gl_uuid key = key_of(from);
    struct visitor *visitor = map_get(&visitors->all, &key);
    if (!visitor) {
        visitor = mem_alloc(sizeof *visitor);
        *visitor = (struct visitor){.key = key, .tokens = UINT64_MAX, .at_ms = now_ms};
        map_put(&visitors->all, &key, visitor);
    }
    return visitor;
}

static bool may_come(const struct visitors *visitors, struct visitor *visitor, uint64_t now_ms)
{
    const uint64_t most = visitors->per_second * BURST * WHOLE, waited_ms = now_ms - visitor->at_ms;
    const uint64_t more = waited_ms < FORGET_MS ? waited_ms * visitors->per_second : most;
    visitor->at_ms = now_ms;
    if (!visitors->per_second)
        return true;
    visitor->tokens = visitor->tokens > most || more > most - visitor->tokens ? most : visitor->tokens + more;
    if (visitor->tokens < WHOLE)
        return false;
    visitor->tokens -= WHOLE;
    return true;
}

struct visitor *visitor_arrives(struct visitors *visitors, const struct sockaddr_storage *from, uint64_t now_ms)
{
    struct visitor *visitor = find(visitors, from, now_ms);
    if (!may_come(visitors, visitor, now_ms))
        return NULL;
    visitor->connections++;
    return visitor;
}

bool visitor_has_too_many(const struct visitors *visitors, const struct visitor *visitor)
{
    return visitors->most && visitor->connections > visitors->most;
}

void visitor_leaves(struct visitor **visitor)
{
    if (!*visitor)
        return;
    assert((*visitor)->connections > 0);
    (*visitor)->connections--;
    *visitor = NULL; /* its entry goes with a sweep, when its past matters no more */
}

void visitors_sweep(struct visitors *visitors, uint64_t now_ms)
{
    struct visitor *visitor;
    for (size_t at = 0; (visitor = map_next(&visitors->all, &at));) {
        if (visitor->connections > 0 || now_ms - visitor->at_ms < FORGET_MS)
            continue;
        map_remove(&visitors->all, &visitor->key);
        mem_free(&visitor);
    }
}
