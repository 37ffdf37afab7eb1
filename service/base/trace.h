/*
 * trace.h - the trace that something belongs to, as whoever asks for it says: it stands in the log, and nothing here makes one.
 *
 * Owns      nothing; a trace is a plain value.
 * Thread    any.
 * Errors    what is no traceparent is none, as the specification wants it; nobody is refused for it.
 * Source    W3C Trace Context, 3.2 (version 00, and what later ones have in common with it).
 */
#ifndef TRACE_H
#define TRACE_H

#include "proto/gl_buf.h"

#define TRACE_ID_BYTES 32
struct trace {
    char id[TRACE_ID_BYTES + 1]; /* lower-case hex; "": none */
    bool is_sampled;             /* whoever asked records it, and would like us to */
};
bool trace_read(struct gl_slice traceparent, struct trace *trace); /* false, and none: it is no traceparent */

#endif
