/*
 * rows.h - what the bare server does where it stores: the two rows that an op is kept in, many ops in a commit, nothing asked and nothing checked.
 *
 * While one commit is under way everything that comes waits for the next, which is sent before what has been committed is told. Texts are told in the order in
 * which they came. One connection, one thread; what fails ends the program, with a line on stderr.
 */
#ifndef TESTS_BENCH_FLOOR_ROWS_H
#define TESTS_BENCH_FLOOR_ROWS_H

#include <stddef.h>

struct path;
typedef void rows_told(struct path *path, const unsigned char *text, size_t len);

/* Bytes that are stored of each op, however long it is as it comes: of its payload, and of the record of what it makes (no more than that). */
struct rows_size {
    size_t payload, record;
};

/* conninfo: of a database that has the tables of floors.py. Returns the descriptor to be watched for reading. told is called within rows_ready(). */
int rows_open(const char *conninfo, struct rows_size size, rows_told *told);
void rows_put(struct path *path, const unsigned char *text, size_t len); /* copies it */
void rows_send(void);  /* at the end of a turn: what waits, if nothing is under way */
void rows_ready(void); /* the descriptor is readable */

#endif
