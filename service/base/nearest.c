#include "service/base/nearest.h"

#include <string.h>

enum { NAME_MAX_BYTES = 63 };

static unsigned smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned nearest_distance(const char *a, const char *b)
{
    size_t a_len = strnlen(a, NAME_MAX_BYTES), b_len = strnlen(b, NAME_MAX_BYTES);
    unsigned rows[3][NAME_MAX_BYTES + 1]; /* the row being filled and the two before it, in turn */
    for (unsigned j = 0; j <= b_len; j++)
        rows[0][j] = j;
    for (unsigned i = 1; i <= a_len; i++) {
        unsigned *now = rows[i % 3], *before = rows[(i + 2) % 3], *earlier = rows[(i + 1) % 3];
        now[0] = i;
        for (unsigned j = 1; j <= b_len; j++) {
            unsigned changed = before[j - 1] + (a[i - 1] != b[j - 1]);
            now[j] = smaller(changed, smaller(before[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = smaller(now[j], earlier[j - 2] + 1);
        }
    }
    return rows[a_len % 3][b_len];
}

size_t nearest_index(const char *given, const char *const *names, size_t count)
{
    size_t best = count;
    unsigned best_distance = (unsigned)strnlen(given, NAME_MAX_BYTES) / 3 + 1;
    for (size_t i = 0; i < count; i++) {
        unsigned distance = nearest_distance(given, names[i]);
        if (distance < best_distance || (distance == best_distance && best == count)) {
            best = i;
            best_distance = distance;
        }
    }
    return best;
}
