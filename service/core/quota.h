/*
 * quota.h - what one account, and one project, may use: what the operator set, and how much of it is left.
 *
 * Owns      what was set for single accounts and projects, as it was read last (once a second it is asked whether that has changed), and a bucket for each of those
 *           whose ops are limited, while it is not full.
 * Lifetime  quotas_new / quotas_free, with the core.
 * Thread    the loop thread. Nothing here waits: with no limit set, an op costs two look-ups in empty maps.
 * Errors    a request that must wait is answered rate_limited, with the time; nothing of it was judged. What would be stored beyond is refused as limit.
 * Source    service/base/quotas.def; PROTOCOL.md, "Quotas"; service/decisions/quotas.md.
 */
#ifndef QUOTA_H
#define QUOTA_H

#include <jansson.h>

#include "service/base/quotas.h"
#include "service/core/handler.h"

struct quotas;
struct quotas *quotas_new(void);
void quotas_free(struct quotas **quotas);

uint64_t quota_of(const struct core *core, enum quota quota, const gl_uuid *subject); /* 0: as much as there is */
bool quota_is_own(const struct core *core, enum quota quota, const gl_uuid *subject); /* set for this one */
/* What a refusal says of it: what, of whom, how much. New. */
json_t *quota_data(const struct core *core, enum quota quota, const gl_uuid *subject);
/* Notes in the log that it is reached, once a minute of each. */
void quota_tell(struct core *core, enum quota quota, const gl_uuid *subject);
bool quota_is_known(const struct core *core); /* until then nobody is refused for good: what was set for them is not here */
void quota_look(struct core *core);           /* asks whether something else was set */
void quota_sweep(struct core *core, uint64_t now_ms); /* forgets what is as if it had never been */

/* ---- quota_rate.c: ops a second */
/* Takes so many ops from what the asker and the project may make; false: one of them has none left, and the request is answered. A request that is larger than
 * what is left is taken whole, and the next one waits for it. */
bool quota_take_ops(struct request *request, const gl_uuid *project, size_t ops);
/* Ops that an account may make a second, and at once; false: as many as come. */
bool quota_ops_of_account(const struct core *core, const gl_uuid *account, uint64_t *rate, uint64_t *burst);
void quota_rate_sweep(struct core *core, uint64_t now_ms);
/* Workers tell each other twice a second what their people took, so that all together keep to the rate. */
void quota_say(struct core *core);
bool quota_is_said(struct gl_slice bytes); /* by quota_say() of another worker, and not by presence */
void quota_heard(struct core *core, struct gl_slice bytes);

/* ---- quota_stored.c: what a project may have */
/* Is there room for one more document, of so many bytes? GL_E_LIMIT, with what is to be said (*data is taken by the caller). */
enum gl_code quota_check_document(struct core *core, const gl_uuid *project, uint64_t documents, uint64_t bytes,
                                  uint64_t more_bytes, struct gl_err *err, json_t **data) GL_MUST_USE;
bool quota_limits_documents(const struct core *core, const gl_uuid *project); /* else nothing need be asked */

bool quota_may_connect(const struct core *core, const gl_uuid *account); /* one more, to this worker */
void quota_refuse_connection(struct request *request, const gl_uuid *account);

#endif
