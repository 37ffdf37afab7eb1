/*
 * model.h - what a session's log should say and make, worked out anew from PROTOCOL.md, without the code that is under test.
 *
 * Owns      a state of its own: fields as JSON, who set each and when, the mode, chain and sum by OpenSSL alone.
 * Lifetime  model_new … model_free, within one seed.
 * Errors    broken(), as everywhere in the simulator.
 *
 * gl_state_append replays a log with the same lines as the workers and clients use; a fault in those is the same for all, and no comparison shows it.
 */
#ifndef SIM_MODEL_H
#define SIM_MODEL_H

#include "tests/sim/database.h"

struct model;
struct model *model_new(const struct db_log *log);
void model_free(struct model **model);
/* The next op of the log; base is the seq that it was made on. */
void model_take(struct model *model, const struct db_op *op, json_t *payload, uint64_t base);
void model_check_end(const struct model *model); /* the rows of the database are what it comes to */

#endif
