/*
 * workload.h - who does what: groups of clients alike, read from a small file.
 *
 * A line is `group NAME key=value …`; # begins a comment. README.md, "Workloads", says what the keys mean; keys.def has them, once.
 *
 * Owns      the groups; their clients belong to load.c.
 * Errors    workload_read says which line is wrong, and how.
 */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GROUPS_MAX 16

struct group_plan {
    char name[32];
#define KEY(name, least, most, usual, what) uint64_t name;
#include "tests/bench/load/keys.def"
#undef KEY
};
struct workload {
    struct group_plan groups[GROUPS_MAX];
    size_t count;
};
bool workload_read(struct workload *workload, const char *path, char *error, size_t room);
bool workload_set(struct group_plan *plan, const char *assignment, char *error, size_t room); /* key=value */
void workload_print_keys(void);

#endif
