/*
 * log_methods.h - the log of a session behind its cut: what tells where that is.
 *
 * Owns      nothing; cut_data() is the caller's.
 * Thread    the loop thread.
 * Errors    none.
 * Source    PROTOCOL.md, "Retention"; the query session_cut.
 */
#ifndef LOG_METHODS_H
#define LOG_METHODS_H

#include <jansson.h>

#include "service/store/store.h"

#define NO_PARTS ((uint64_t)1 << 53) /* as a number of a part: none of the snapshot's records is wanted */

/* data of `archived`: retained_from, seq, chain and state of the snapshot. rows are those of session_cut. */
json_t *cut_data(const struct store_rows *rows);

#endif
