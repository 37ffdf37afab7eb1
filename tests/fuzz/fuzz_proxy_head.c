/*
 * fuzz_proxy_head.c - any bytes as the head of a balancer's connection.
 *
 * What must hold: how the bytes are sliced makes no difference; a head that is done has taken nothing of what stands behind it, and begins as heads do; a client
 * has an address of a family that we know.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "service/net/proxy_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* How many bytes it takes, given at most slice at once. */
static size_t feed(struct proxy_head *head, const uint8_t *data, size_t size, size_t slice)
{
    size_t taken = 0;
    proxy_head_init(head);
    while (taken < size && head->state == PROXY_MORE) {
        const size_t give = size - taken < slice ? size - taken : slice;
        unsigned char *copy = malloc(give); /* of its own, so that reading beyond is seen */
        memcpy(copy, data + taken, give);
        const size_t used = proxy_head_add(head, copy, give);
        free(copy);
        assert(used == give || head->state != PROXY_MORE);
        taken += used;
    }
    return taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct proxy_head whole, cut;
    const size_t taken = feed(&whole, data, size, SIZE_MAX);
    for (size_t slice = 1; slice < 20; slice += 6) {
        assert(feed(&cut, data, size, slice) == taken && cut.state == whole.state && cut.is_local == whole.is_local);
        assert(memcmp(&cut.client, &whole.client, sizeof cut.client) == 0);
    }
    assert(taken <= PROXY_HEAD_MAX && (whole.state == PROXY_BROKEN) == (whole.why != NULL));
    if (whole.state != PROXY_DONE)
        return 0;
    assert(proxy_head_may_begin(data, taken));
    assert(data[0] != 'P' || data[taken - 1] == '\n');
    assert(whole.is_local || whole.client.ss_family == AF_INET || whole.client.ss_family == AF_INET6);
    return 0;
}
