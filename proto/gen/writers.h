/*
 * writers.h - what wiregen can write. Each function appends one whole file to out.
 */
#ifndef GEN_WRITERS_H
#define GEN_WRITERS_H

#include "proto/gen/table.h"
#include "proto/gl_buf.h"

void write_c_header(struct gl_buf *out, const struct table *table);
void write_c_source(struct gl_buf *out, const struct table *table);

#endif
