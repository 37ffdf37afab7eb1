#include "tests/bench/load/workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct key {
    const char *name;
    uint64_t least, most, usual;
    size_t offset;
    const char *what;
} keys[] = {
#define KEY(name, least, most, usual, what) {#name, least, most, usual, offsetof(struct group_plan, name), what},
#include "tests/bench/load/keys.def"
#undef KEY
};
#define KEYS (sizeof keys / sizeof *keys)

static uint64_t *value_of(struct group_plan *plan, const struct key *key)
{
    return (uint64_t *)(void *)((char *)plan + key->offset);
}

bool workload_set(struct group_plan *plan, const char *assignment, char *error, size_t room)
{
    const char *sign = strchr(assignment, '=');
    char *end = NULL;
    for (size_t i = 0; sign && i < KEYS; i++) {
        if (strlen(keys[i].name) != (size_t)(sign - assignment) ||
            strncmp(keys[i].name, assignment, (size_t)(sign - assignment)) != 0)
            continue;
        uint64_t value = strtoull(sign + 1, &end, 10);
        if (end == sign + 1 || *end || value < keys[i].least || value > keys[i].most) {
            snprintf(error, room, "%s: a number from %llu to %llu", assignment, (unsigned long long)keys[i].least,
                     (unsigned long long)keys[i].most);
            return false;
        }
        *value_of(plan, &keys[i]) = value;
        return true;
    }
    snprintf(error, room, "\"%s\" is not key=value with one of the keys that there are", assignment);
    return false;
}

static bool read_group(struct workload *workload, char *rest, char *error, size_t room)
{
    struct group_plan *plan = &workload->groups[workload->count];
    char *word = strtok(rest, " \t\n");
    if (!word || workload->count == GROUPS_MAX) {
        snprintf(error, room, "a group has a name, and there are %d at most", GROUPS_MAX);
        return false;
    }
    snprintf(plan->name, sizeof plan->name, "%s", word);
    for (size_t i = 0; i < KEYS; i++)
        *value_of(plan, &keys[i]) = keys[i].usual;
    while ((word = strtok(NULL, " \t\n")))
        if (!workload_set(plan, word, error, room))
            return false;
    workload->count++;
    return true;
}

bool workload_read(struct workload *workload, const char *path, char *error, size_t room)
{
    char line[1024], why[512];
    FILE *file = fopen(path, "r");
    if (!file) {
        snprintf(error, room, "%s cannot be read", path);
        return false;
    }
    bool is_well = true;
    for (unsigned number = 1; is_well && fgets(line, sizeof line, file); number++) {
        char *comment = strchr(line, '#'), *text = line + strspn(line, " \t\n");
        if (comment)
            *comment = 0;
        if (!*text)
            continue;
        snprintf(why, sizeof why, "it does not begin with \"group\"");
        is_well = strncmp(text, "group ", 6) == 0 && read_group(workload, text + 6, why, sizeof why);
        if (!is_well)
            snprintf(error, room, "%s:%u: %s", path, number, why);
    }
    fclose(file);
    return is_well;
}

void workload_print_keys(void)
{
    for (size_t i = 0; i < KEYS; i++)
        printf("%-10s %-7llu %s\n", keys[i].name, (unsigned long long)keys[i].usual, keys[i].what);
}
