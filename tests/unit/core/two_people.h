/*
 * two_people.h - the scene of most tests: ana (curator, on the first worker) and ben (annotator, on the last) have joined one session.
 *
 * Owns      the bench and both clients, from setup to teardown; the test may free and make clients in between.
 */
#ifndef TWO_PEOPLE_H
#define TWO_PEOPLE_H

#include <check.h>

#include "tests/unit/core/peer_sim.h"

extern const char TEXT[];
extern struct bench bench;
extern struct client *ana, *ben;

void setup_with(size_t workers, const struct core_limits *limits);
void setup(void);     /* one worker */
void setup_two(void); /* two */
void teardown(void);
void turn(void); /* what is due now */

uint64_t send_op(struct client *client, json_t *op);                       /* a submit of one; takes op; does not run the loop */
uint64_t submit(struct client *client, json_t *op);                        /* the same, and what is due now */
uint64_t submit_two(struct client *client, json_t *first, json_t *second); /* likewise, of two ops */
void submit_many(int first, int count);                      /* ana's, one by one: "op 7" and so on, each on the quay */
uint64_t project_submit(struct client *client, json_t *ops); /* takes ops; does not run the loop */
uint64_t seq_of(struct client *client, uint64_t request, size_t index);                        /* fails when it was refused */
json_t *expect_error(struct client *client, uint64_t request, size_t index, const char *name); /* of one op; gives error.data */
void expect_refusal(struct client *client, uint64_t request, const char *name);                /* of the whole request */
/* Client and database hold the same: every op once, in order, and the chain of the last frame is the log's. */
void expect_all_ops(struct client *client, uint64_t from);
int run_suite(Suite *suite); /* main's whole work */

#endif
