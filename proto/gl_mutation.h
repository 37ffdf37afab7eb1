/*
 * gl_mutation.h - faults that are planted on purpose, so that tests/sim can show that it finds them.
 *
 * In every program that is installed MUTATION(name) is false and nothing of this exists. The simulator is also built once with GLOSS_MUTATIONS, and is then
 * told by --mutation which one of these to be wrong about. `tests/sim/mutations` goes through them all.
 */
#ifndef GL_MUTATION_H
#define GL_MUTATION_H

/*       name                         what is wrong                                                                           */
#define GL_MUTATIONS(X)                                                                                                          \
    /* the database of the simulator */                                                                                          \
    X(skip_fence, "an append counts whatever the head is")                                                                       \
    X(op_ids_not_unique, "an append does not look whether an op is there")                                                       \
    X(epoch_not_compared, "an append counts though rights have changed")                                                         \
    X(unknown_taken_for_committed, "a lost answer is taken for a success")                                                       \
    X(settled_without_chain, "an op that another worker wrote at the same seq is taken for one's own")                           \
    /* service/core */                                                                                                           \
    X(ack_before_commit, "ops are answered when they are judged")                                                                \
    X(lost_fence_taken_for_won, "whatever an append comes to is taken for committed")                                            \
    X(failed_append_taken_for_done, "an append that failed is taken for committed")                                              \
    X(forget_duplicate, "an op whose id is known is judged anew")                                                                \
    X(found_not_remembered, "what the append found is not kept")                                                                 \
    X(reuse_not_seen, "an op id with another request is taken for a repetition")                                                 \
    X(refusal_without_lookup, "a refusal is said without a look into the log")                                                   \
    X(abandoned_judged, "ops whose client is gone are judged all the same")                                                      \
    X(answer_overtakes_op, "a result is sent before its op")                                                                     \
    X(atomic_half_applied, "of an atomic request the accepted part is applied")                                                  \
    X(seq_not_taken_back, "a refused step keeps the seqs it had used")                                                           \
    X(chain_not_taken_back, "a refused step keeps the chain it had made")                                                        \
    X(conflict_not_seen, "a change is accepted though somebody else made one")                                                   \
    X(merge_by_wrong_field, "a conflict is looked for in the note only")                                                         \
    X(whole_not_looked_at, "deleting and accepting look at their own field only")                                                \
    X(own_change_is_conflict, "one's own earlier change is taken for somebody else's")                                           \
    X(sum_keeps_old, "the state sum keeps what was replaced")                                                                    \
    X(time_goes_back, "an op is dated by the worker's clock alone")                                                              \
    X(codebook_goes_back, "an op names the codebook that the worker happens to know")                                            \
    X(role_not_checked, "a viewer's change is accepted")                                                                         \
    X(roles_not_refreshed, "roles stay what they were when the epoch moves")                                                     \
    X(revoked_keeps_reading, "who lost every right stays subscribed")                                                            \
    X(recent_off_by_one, "the ring of recent ops gives the one before")                                                          \
    X(catch_up_skips_one, "who is behind the ring is read from one too late")                                                    \
    X(resume_repeats_one, "who resumes gets the last op again")                                                                  \
    X(late_join_counts, "a join is answered after a later one")                                                                  \
    X(resume_skips_one, "who resumes misses an op")                                                                              \
    X(notification_trusted, "without a notification nobody looks")                                                               \
    X(join_without_look, "a join does not wait for what the log has")                                                            \
    X(give_back_forgets, "ops of a lost fence are dropped")                                                                      \
    X(live_count_drifts, "a deletion does not count")                                                                            \
    X(cursor_not_moved, "a subscriber is not marked as told")                                                                    \
    /* proto/model */                                                                                                            \
    X(old_op_over_new_page, "an op is applied to a record that is newer")                                                        \
    X(author_not_kept, "a field keeps the author that it had before")                                                            \
    /* clients/lib */                                                                                                            \
    X(unknown_taken_for_refused, "unknown_outcome ends an op")                                                                   \
    X(sent_op_forgotten, "what was sent when the connection went is not sent again")

#ifdef GLOSS_MUTATIONS
enum gl_mutation {
    GL_MUTATION_none,
#define GL_MUTATION_ROW(name, doc) GL_MUTATION_##name,
    GL_MUTATIONS(GL_MUTATION_ROW)
#undef GL_MUTATION_ROW
};
extern enum gl_mutation gl_mutation;
#define MUTATION(name) (gl_mutation == GL_MUTATION_##name)
#else
#define MUTATION(name) false
#endif

#endif
