//! The store suite: what every adapter promises, one case per promise, stamped for each adapter.

mod append;
pub mod harness;
mod history;
mod lifecycle;
mod list;
mod odd_ids;
mod owners;
mod races;
mod replays;
pub mod turns;

/// Stamps every case for one adapter. A case takes a harness and says in its name what holds.
macro_rules! stamp {
    ($adapter:ident, $harness:ty, { $($file:ident: $($case:ident)+;)+ }) => {
        mod $adapter {
            $(mod $file {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let mut harness = <$harness>::default();
                    $crate::suite::$file::$case(&mut harness).await;
                })+
            })+
        }
    };
}

macro_rules! store_suite {
    ($($cases:tt)+) => {
        stamp!(memory, crate::suite::harness::Memory, { $($cases)+ });
        stamp!(redis, crate::suite::harness::Redis, { $($cases)+ });
        stamp!(sentinel, crate::suite::harness::Sentinel, { $($cases)+ });
        stamp!(cluster, crate::suite::harness::Cluster, { $($cases)+ });
    };
}

store_suite! {
    lifecycle:
        a_created_session_is_answered_as_made
        a_live_handle_is_not_created_twice_and_nothing_changes
        a_live_session_is_returned_as_it_is_when_asked
        the_request_id_that_created_answers_created_again
        another_request_id_does_not
        a_deleted_session_is_gone_with_its_messages
        deleting_what_is_not_live_is_not_found
        a_handle_can_be_used_again_after_deletion
        only_activity_moves_the_expiry
        an_expired_session_is_gone_everywhere
        an_expired_handle_can_be_created_again_without_its_past
        the_number_of_sessions_per_owner_is_bounded
        expired_sessions_do_not_count_against_the_bound;
    append:
        seq_is_dense_from_one
        messages_come_back_as_they_went_in
        an_append_to_a_session_that_is_not_live_creates_nothing
        the_same_request_id_stores_once_and_answers_the_same
        the_same_request_id_with_other_messages_is_refused
        sixty_four_request_ids_are_remembered
        a_session_takes_ten_thousand_messages_and_no_more
        a_batch_that_does_not_fit_is_refused_whole;
    history:
        the_newest_page_comes_by_default
        pages_back_and_forward_meet
        a_page_ends_near_one_mebibyte
        a_huge_message_is_a_page_of_its_own
        pages_stay_while_messages_arrive
        an_empty_session_has_an_empty_history;
    list:
        the_latest_activity_comes_first_and_ties_by_handle
        pages_hold_every_session_once
        a_session_used_between_pages_is_neither_repeated_nor_skipped
        every_session_used_between_any_pages_is_listed_once
        sessions_made_or_deleted_between_pages_do_not_disturb
        two_listings_at_once_do_not_disturb_each_other
        places_left_behind_in_earlier_listings_make_no_page_short
        a_listing_of_another_life_is_refused
        total_count_counts_live_sessions_only;
    owners:
        owners_never_see_each_other
        owners_have_bounds_of_their_own
        names_that_look_alike_are_different;
    odd_ids:
        odd_ids_stay_apart
        odd_contents_and_metadata_survive;
    turns:
        a_turn_stores_the_message_and_then_the_reply
        of_a_hundred_turns_one_is_taken
        an_answered_request_is_answered_again
        a_turn_given_back_can_be_taken_again_without_doubling_the_message
        a_lease_that_is_over_frees_the_turn_and_fences_its_owner
        a_slow_turn_that_nobody_took_may_still_finish
        a_deleted_session_is_not_brought_back_by_its_turn
        a_turn_needs_room_for_its_reply
        an_append_is_free_while_a_turn_runs;
    replays:
        a_replayed_create_returns_the_session_as_it_was_created
        a_create_with_a_known_request_id_and_other_values_is_refused
        a_replayed_append_returns_the_messages_unchanged
        a_replayed_turn_returns_message_reply_and_finish_reason
        a_turn_replays_the_message_of_an_append_with_its_request_id
        a_request_id_of_an_append_is_refused_for_a_different_turn;
    races:
        of_a_thousand_creates_one_creates
        appends_from_many_tasks_are_dense_and_whole
        of_many_retries_one_stores
        creates_and_deletes_leave_lists_right;
}
