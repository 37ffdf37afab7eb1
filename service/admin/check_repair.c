#include "service/admin/check_repair.h"
void repair_stream(struct checking *c)
{
    (void)c;
}
void repair_revision(struct checking *c, gl_hash s, size_t b, size_t p)
{
    (void)c;
    (void)s;
    (void)b;
    (void)p;
}
void repair_annotation(struct checking *c, const gl_uuid *id)
{
    (void)c;
    (void)id;
}
void repair_snapshot(struct checking *c)
{
    (void)c;
}
void repair_no_snapshot(struct checking *c, uint64_t seq)
{
    (void)c;
    (void)seq;
}
void repair_inbox(struct checking *c, enum repair_inbox what, uint64_t item, const gl_uuid *account,
                  const struct check_tell *tell)
{
    (void)c;
    (void)what;
    (void)item;
    (void)account;
    (void)tell;
}
void repair_project(struct checking *c)
{
    (void)c;
}
void repair_term(struct checking *c, const gl_uuid *id)
{
    (void)c;
    (void)id;
}
void repair_member(struct checking *c, const gl_uuid *id)
{
    (void)c;
    (void)id;
}
void repair_document(struct checking *c, const gl_uuid *id)
{
    (void)c;
    (void)id;
}
