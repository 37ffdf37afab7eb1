/* project_judge_priv.h - what project_judge.c and project_judge_term.c share. Nobody else includes it. */
#ifndef PROJECT_JUDGE_PRIV_H
#define PROJECT_JUDGE_PRIV_H

#include <stdio.h>

#include "service/core/project_judge.h"

struct deciding { /* one op */
    const struct project_view *view;
    const struct project_ask *ask;
    struct project_verdict *verdict;
    struct gl_err *err;
    json_t **data;
};

enum gl_code refuse_change(const struct deciding *it, const char *member, const char *why);
enum gl_code fail_below_change(const struct deciding *it, enum gl_code code, const struct gl_err *found);
enum gl_code need_role(const struct deciding *it, enum gl_role role);
enum gl_code refuse_if_stale(const struct deciding *it, uint64_t seq, const gl_uuid *by, const json_t *current);
json_t *json_of_id(const gl_uuid *id);
json_t *fields_of(const json_t *change, const char *about);
/* id: what prev and set are about, or NULL. before: the op that had changed it last, 0: none. Takes set. */
void set_effect(const struct deciding *it, const gl_uuid *id, uint64_t before, json_t *set);
enum gl_code decide_term(const struct deciding *it, enum gl_term_kind kind, bool is_new);

#endif
