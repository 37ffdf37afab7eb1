#include "service/net/hello.h"

#include <stdint.h>

#define RECORD_HEAD   5
#define RECORD_MAX    16384
#define MESSAGE_HEAD  4
#define HANDSHAKE     22
#define CLIENT_HELLO  1
#define MAJOR_VERSION 3

size_t hello_needs(const unsigned char *bytes, size_t len)
{
    unsigned char head[MESSAGE_HEAD];
    size_t at = 0, head_len = 0, message = 0, wanted = MESSAGE_HEAD;
    for (;;) { /* record by record: a message may go over several */
        if (len - at < RECORD_HEAD)
            return at + RECORD_HEAD <= HELLO_MAX ? at + RECORD_HEAD : SIZE_MAX;
        const unsigned char *record = bytes + at;
        const size_t size = (size_t)record[3] << 8 | record[4], there = len - at - RECORD_HEAD;
        if (record[0] != HANDSHAKE || record[1] != MAJOR_VERSION || size == 0 || size > RECORD_MAX)
            return 0;
        for (size_t i = 0; i < size && i < there && head_len < MESSAGE_HEAD; i++)
            head[head_len++] = record[RECORD_HEAD + i];
        if (head_len == MESSAGE_HEAD) {
            if (head[0] != CLIENT_HELLO)
                return 0;
            wanted = MESSAGE_HEAD + ((size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3]);
        }
        at += RECORD_HEAD + size;
        message += size;
        if (wanted > HELLO_MAX || at > HELLO_MAX)
            return SIZE_MAX;
        if (there < size || message >= wanted)
            return at;
    }
}
