/*
 * repair_priv.h - the notes of a repair, between check_repair.c, which takes them, and check_write.c.
 *
 * Owns      see check_repair.h.
 */
#ifndef REPAIR_PRIV_H
#define REPAIR_PRIV_H

#include "service/admin/check_repair.h"

struct ids {
    gl_uuid *items;
    size_t count, cap;
};

struct repair_snapshot { /* one to be taken away, and made again if there is a state of it */
    uint64_t seq, mode_seq, live, codebook;
    gl_hash chain, sum;
    char mode[16];
    bool is_made;
    struct gl_annotation **items; /* references */
    size_t count;
};

struct repair_told {
    enum repair_inbox what;
    uint64_t item;
    gl_uuid account;
    const struct check_tell *tell; /* of the checking; NULL: taken away */
};

struct repair {
    bool has_stream, has_revision, has_project;
    gl_hash sha256;
    size_t bytes, codepoints;
    struct ids annotations, terms, members, documents;
    struct repair_snapshot *snapshots;
    size_t snapshot_count, snapshot_cap;
    struct repair_told *told;
    size_t told_count, told_cap;
};

#endif
