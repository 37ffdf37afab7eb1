/*
 * gl_mutation.h - faults that are planted on purpose, so that tests/sim can show that it finds them.
 *
 * In every program that is installed MUTATION(name) is false and nothing of this exists. The simulator is also built once with GLOSS_MUTATIONS, and is then
 * told by --mutation which one of these to be wrong about. `tests/sim/mutations` goes through them all.
 *
 * Owns      nothing.
 * Thread    any; chosen once, before anything runs.
 * Errors    they are what it is for.
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
    X(redact_breaks_chain, "an op that loses its words keeps a leaf that is not its own")                                        \
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
    X(late_role_counts, "an answer about a role counts although it is older than what is known")                                 \
    X(revoked_keeps_reading, "who lost every right stays subscribed")                                                            \
    X(recent_off_by_one, "the ring of recent ops gives the one before")                                                          \
    X(catch_up_skips_one, "who is behind the ring is read from one too late")                                                    \
    X(resume_repeats_one, "who resumes gets the last op again")                                                                  \
    X(late_join_counts, "a join is answered after a later one")                                                                  \
    X(resume_skips_one, "who resumes misses an op")                                                                              \
    X(notification_trusted, "without a notification nobody looks")                                                               \
    X(late_waiter_answered, "who asks while the log is read is answered with what was there before")                             \
    X(join_without_look, "a join does not wait for what the log has")                                                            \
    X(give_back_forgets, "ops of a lost fence are dropped")                                                                      \
    X(ahead_without_what_is_in_flight, "what is judged ahead does not see what it is upon")                                      \
    X(ahead_kept_after_a_lost_fence, "what was judged ahead is sent though what it is upon was not written")                     \
    X(ahead_kept_by_old_rights, "what was judged ahead is sent though rights have changed")                                      \
    X(ahead_answered_when_judged, "what is judged ahead is answered at once")                                                    \
    X(live_count_drifts, "a deletion does not count")                                                                            \
    X(erased_op_followed, "an op that lost its words is followed as if it had done nothing")                                     \
    X(cursor_not_moved, "a subscriber is not marked as told")                                                                    \
    X(foreign_base, "an op may build on somebody else's")                                                                        \
    X(refused_base_taken, "an op builds on one that was refused")                                                                \
    X(repetition_with_next_seq, "a repetition is answered with the seq behind")                                                  \
    X(label_of_another, "a label's name stands for another id")                                                                  \
    X(time_not_kept, "the time of one's own append is forgotten")                                                                \
    X(time_forgotten, "a group does not know when the last op was")                                                              \
    X(chain_not_kept, "memory keeps the chain from before the append")                                                           \
    X(one_answer_lost, "the fourth op of a group has no answer")                                                                 \
    X(refused_row_stays, "one row of a refused step is appended")                                                                \
    X(mode_not_written, "a session's new mode is not written to its row")                                                        \
    X(mode_seq_before, "the mode is from the op before")                                                                         \
    X(epoch_before, "the epoch of the fence is one too low")                                                                     \
    X(first_of_group_untold, "of three ops appended together the first is not told")                                             \
    X(prev_before, "an effect names the op before the one that had set the field")                                               \
    X(stale_by_one, "a change that is one newer than the base is not seen")                                                      \
    X(deleted_is_updated, "what is deleted can be changed")                                                                      \
    X(deleted_twice, "what is deleted can be deleted, and what is there restored")                                               \
    X(made_twice, "an annotation can be made that is there")                                                                     \
    X(closed_takes_ops, "a closed session takes changes")                                                                        \
    X(anybody_closes, "an annotator closes a session")                                                                           \
    X(one_attribute_dropped, "a change of one attribute sets nothing")                                                           \
    X(replies_not_looked_at, "deleting does not look at replies")                                                                \
    X(late_reply_not_seen, "deleting does not see a reply that is three ops newer")                                              \
    X(accepted_by_field, "accepting looks at its own field only")                                                                \
    X(status_not_looked_at, "somebody else's status is overwritten")                                                             \
    X(sum_not_taken_back, "a refused step keeps the sum it had made")                                                            \
    X(mode_not_taken_back, "a refused step keeps the mode it had set")                                                           \
    X(only_last_taken_back, "of a refused step only the last change is undone")                                                  \
    X(newest_before, "an answer waits for the op before its own")                                                                \
    X(looked_again_by_id_only, "a refusal becomes somebody else's success")                                                      \
    X(old_role_kept, "a role from before the last change is not read anew")                                                      \
    X(last_of_step_alone, "the last op of a step stands for itself")                                                             \
    X(tail_read_once, "who is far behind reads one part of the log")                                                             \
    X(stamp_not_followed, "time and codebook of another worker's op are forgotten")                                              \
    X(one_followed_op_untold, "a single op of another worker is not told")                                                       \
    X(cursor_one_behind, "of three ops in a frame the last is sent again")                                                       \
    X(page_newer_than_it_is, "a page says that it has the next op, too")                                                         \
    X(page_skips_one, "a page begins one record too late")                                                                       \
    X(joined_before_the_end, "a join is answered with the seq before")                                                           \
    X(outcome_of_another, "two streams of a group change outcomes")                                                              \
    X(unknown_said_refused, "what has no outcome in time is said to be refused")                                                 \
    X(found_after, "what the log has is looked up one too late")                                                                 \
    X(epoch_not_read, "a reload keeps the old epoch")                                                                            \
    X(term_not_read, "the first new term of a codebook is not read")                                                             \
    X(project_op_untold, "an op of a project that others wrote is not told")                                                     \
    X(project_op_skipped, "an op of a project is skipped when it is the next")                                                   \
    X(waiting_keep_role, "what waits is judged with the role it came with")                                                      \
    X(joined_keep_role, "who has joined keeps a role")                                                                           \
    X(base_beyond_head, "a base may be one beyond the log")                                                                      \
    X(others_not_told, "other workers are not told of an append")                                                                \
    X(restore_not_looked_at, "restoring does not look at what others set")                                                       \
    X(stale_names_note, "a refusal as stale names the note, whatever it was")                                                    \
    X(step_not_written, "the ops of a step do not say that they belong together")                                                \
    X(repeated_not_said, "a repetition is answered like a new op")                                                               \
    X(page_misses_deleted, "what is deleted is on no page")                                                                      \
    X(erased_to_not_moved, "who lacks an op that was erased goes on from where it is")                                           \
    X(anybody_erases, "an annotator erases the words of others")                                                                 \
    X(second_answer_is_first, "the second op of a request is answered with the seq of the first")                                \
    X(mode_not_loaded, "a state is read without its mode")                                                                       \
    X(reply_to_deleted, "what is deleted can be replied to")                                                                     \
    X(sum_of_another, "a frame says a state sum that is not its own")                                                            \
    /* proto/model */                                                                                                            \
    X(old_op_over_new_page, "an op is applied to a record that is newer")                                                        \
    X(author_not_kept, "a field keeps the author that it had before")                                                            \
    X(leaf_of_half_the_salt, "a leaf does not hash all of its salt")                                                             \
    X(live_goes_down, "replacing what is deleted counts it again")                                                               \
    X(replica_keeps_old, "a replica's sum keeps what was replaced")                                                              \
    X(second_seq_lost, "a field keeps the seq of its first change")                                                              \
    X(attributes_replaced, "setting one attribute removes the others")                                                           \
    X(null_keeps, "setting nothing leaves what was there")                                                                       \
    X(who_kept, "a field that its creator sets again keeps the author that it had")                                              \
    X(hash_without_base, "an op id with another base is taken for a repetition")                                                 \
    /* clients/lib */                                                                                                            \
    X(since_with_sum, "a client resumes with the state sum in place of the chain")                                               \
    X(retry_with_new_id, "what is sent again has another id")                                                                    \
    X(step_sent_in_parts, "a step is sent one by one")                                                                           \
    X(overtaken_op_lost, "of the ops that overtook a page the next one is not applied to it")                                    \
    X(overtaking_ops_forgotten, "ops that overtake a page are not applied to it")                                                \
    X(since_before, "a client resumes from the op before")                                                                       \
    X(new_role_not_kept, "a client does not take the role that it is told")                                                      \
    X(told_next_seq, "an op of a step is said to be the next one")                                                               \
    X(early_is_final, "what came before the op it builds on is given up")                                                        \
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
