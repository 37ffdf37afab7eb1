/*
 * check_repair.h - what could be made again from the log, noted while a stream is checked. Nothing writes it yet.
 *
 * Thread    the main thread.
 * Errors    none.
 */
#ifndef CHECK_REPAIR_H
#define CHECK_REPAIR_H

#include "service/admin/check_priv.h"

enum repair_inbox { REPAIR_INBOX_INSERT, REPAIR_INBOX_UPDATE, REPAIR_INBOX_DELETE };

void repair_stream(struct checking *checking); /* its row, as the log and the cut say */
void repair_revision(struct checking *checking, gl_hash sha256, size_t bytes, size_t codepoints);
void repair_annotation(struct checking *checking, const gl_uuid *id);
void repair_snapshot(struct checking *checking); /* of the state as it is now */
void repair_no_snapshot(struct checking *checking, uint64_t seq);
void repair_inbox(struct checking *checking, enum repair_inbox what, uint64_t item, const gl_uuid *account,
                  const struct check_tell *tell);
void repair_project(struct checking *checking);
void repair_term(struct checking *checking, const gl_uuid *id);
void repair_member(struct checking *checking, const gl_uuid *account);
void repair_document(struct checking *checking, const gl_uuid *document);

#endif
