/*
 * check_repair.h - what glossd check --repair writes: noted while a stream is checked under its lock, written behind that.
 *
 * Owns      struct repair owns its notes; the values are those of struct checking.
 * Lifetime  repair_init / repair_fini.
 * Thread    one; blocks, like admin_pg.h.
 * Errors    as admin_pg.h; the caller rolls back.
 *
 * Without a repair (checking->repair is NULL) a note does nothing. What follows from a log that is broken there is not noted as an annotation or a
 * snapshot, since nobody finds it wrong; the log itself is never written.
 */
#ifndef CHECK_REPAIR_H
#define CHECK_REPAIR_H

#include "service/admin/check_priv.h"

enum repair_inbox { REPAIR_INBOX_INSERT, REPAIR_INBOX_UPDATE, REPAIR_INBOX_DELETE };

void repair_stream(struct checking *checking); /* its row, as the log and the cut say */
void repair_revision(struct checking *checking, gl_hash sha256, size_t bytes, size_t codepoints);
void repair_annotation(struct checking *checking, const gl_uuid *id);
void repair_snapshot(struct checking *checking);                  /* at the op that was read last, of the state there */
void repair_no_snapshot(struct checking *checking, uint64_t seq); /* takes one away */
void repair_inbox(struct checking *checking, enum repair_inbox what, uint64_t item, const gl_uuid *account,
                  const struct check_tell *tell);
void repair_project(struct checking *checking);
void repair_term(struct checking *checking, const gl_uuid *id);
void repair_member(struct checking *checking, const gl_uuid *account);
void repair_document(struct checking *checking, const gl_uuid *document);

struct repair *repair_new(void);
void repair_free(struct repair **repair);
enum gl_code repair_write(struct checking *checking, struct gl_err *err); /* check_write.c: everything that was noted */

/* A check of one stream within the transaction that the caller began; its row is held. */
enum gl_code look_at_stream(struct admin_db *db, int64_t inbox_since_ms, const gl_uuid *stream, struct report *found,
                            struct gl_err *err);

/* check_mend.c: one stream in a transaction of its own, under its lock. before gets what was wrong, after what is left. is_dry: rolled back. */
enum gl_code mend_stream(struct check_run *run, const gl_uuid *stream, bool is_dry, struct report *before, struct report *after,
                         struct gl_err *err);

#endif
