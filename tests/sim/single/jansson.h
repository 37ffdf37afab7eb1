/*
 * jansson.h - jansson's own, for programs that have one thread and values.c: they count references without locking the bus.
 */
#ifndef SIM_SINGLE_JANSSON_H
#define SIM_SINGLE_JANSSON_H

#define __atomic_add_fetch(at, by, order) (*(at) += (by))
#define __atomic_sub_fetch(at, by, order) (*(at) -= (by))
#include_next <jansson.h>
#undef __atomic_add_fetch
#undef __atomic_sub_fetch

#endif
