/*
 * model_priv.h - what the files of the model share: annotations as their ops made them, and which op said something in words.
 *
 * Owns      see model.h. What is found lies in a list that grows: it is good until the next annotation is made.
 * Errors    broken(), as everywhere in the simulator.
 */
#ifndef SIM_MODEL_PRIV_H
#define SIM_MODEL_PRIV_H

#include "tests/sim/model.h"

struct thing { /* an annotation */
    gl_uuid id;
    json_t *record, *seqs, *who;
    const char *creator;  /* in record */
    uint64_t there_since; /* it was made, or restored, in that op */
    gl_uuid there_by;
    bool is_reply;
    gl_uuid parent;
};
struct word { /* an op that set a note or a text */
    uint64_t seq;
    gl_uuid annotation, account;
    uint64_t erased_by; /* 0: nobody */
};
struct model {
    const struct db_log *log;
    struct thing *things;
    size_t count, cap;
    struct word *words;
    size_t word_count, word_cap;
    gl_hash chain;
    char mode[16];
    uint64_t mode_seq;
};

struct thing *model_find(const struct model *model, const gl_uuid *id);
json_t *model_prev(const struct thing *thing, const json_t *set); /* for each field of set the op that had set it */
void model_set_fields(struct thing *thing, const struct db_op *op, const json_t *set);
void model_cover(const struct db_op *op, const struct thing *thing, const json_t *set);

/* model_redact.c */
void model_note_words(struct model *model, const struct db_op *op, const struct thing *thing, const json_t *set);
void model_redact(struct model *model, const struct db_op *op, const json_t *change, const json_t *effects);
void model_check_erased(const struct model *model); /* the rows without words are those that a redact named */

#endif
