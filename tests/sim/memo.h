/*
 * memo.h - what sim_fast does to be fast: memo.c and heap.c. In `sim` there is nothing of it.
 *
 * Lifetime  memo_end, then heap_tidy, at the end of each seed.
 */
#ifndef SIM_MEMO_H
#define SIM_MEMO_H

#ifdef SIM_MEMO
void memo_end(void);
void heap_tidy(void); /* what is still there stays; everything else is free */
#else
static inline void memo_end(void)
{
}
static inline void heap_tidy(void)
{
}
#endif

#endif
