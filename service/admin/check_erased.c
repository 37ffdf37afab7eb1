/* check_erased.c - ops that lost their words: each is named by a redact behind it, and each that one names has lost them. */
#include <inttypes.h>

#include "service/admin/check_priv.h"
#include "service/base/mem.h"

void check_erased_note(struct checking *checking, uint64_t seq)
{
    checking->erased = mem_grow(checking->erased, &checking->erased_cap, checking->erased_count + 1, sizeof(*checking->erased));
    checking->erased[checking->erased_count++] = (struct check_erased){.seq = seq};
}

static struct check_erased *find(const struct checking *checking, uint64_t seq)
{
    size_t low = 0, high = checking->erased_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (checking->erased[middle].seq < seq) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < checking->erased_count && checking->erased[low].seq == seq ? &checking->erased[low] : NULL;
}

void check_erased_by(struct checking *checking, const struct gl_op *redact)
{
    const json_t *seqs = redact->kind == GL_OP_REDACT ? gl_op_erased(redact) : NULL;
    for (size_t i = 0; i < json_array_size(seqs); i++) {
        const uint64_t seq = (uint64_t)json_integer_value(json_array_get(seqs, i));
        struct check_erased *it = find(checking, seq);
        if (it) {
            it->is_named = true;
        } else if (!checking->is_broken) {
            report_problem(&checking->report, CHECK_LOG_ERASED, AT_SEQ(seq),
                           "seq %" PRIu64 ": its words are there, and seq %" PRIu64 " says that they were erased", seq,
                           redact->seq);
        }
    }
}

void check_erased_end(struct checking *checking)
{
    for (size_t i = 0; i < checking->erased_count && !checking->is_broken; i++) {
        if (!checking->erased[i].is_named) {
            report_problem(&checking->report, CHECK_LOG_ERASED, AT_SEQ(checking->erased[i].seq),
                           "seq %" PRIu64 ": its words are gone, and no redact says so", checking->erased[i].seq);
        }
    }
    mem_free(&checking->erased);
}
