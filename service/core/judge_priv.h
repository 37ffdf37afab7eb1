/* judge_priv.h - between judge.c and judge_view.c. */
#ifndef JUDGE_PRIV_H
#define JUDGE_PRIV_H

#include <stdio.h>

#include "service/core/judge.h"

void judge_put(struct judge_view *view, struct gl_annotation *after); /* takes the reference */
void judge_put_mode(struct judge_view *view, const char *mode, uint64_t seq);

#endif
