//! The store suite: one case per guarantee of the store, run against every adapter.

mod append;
pub mod harness;
mod history;
mod lifecycle;
mod list;
mod live;
mod odd_ids;
mod owners;
mod races;
mod replays;
pub mod turns;

/// Defines a test of every case for one adapter. A case is a function that takes a harness.
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
        create_returns_the_session
        create_fails_for_a_live_session_and_changes_nothing
        create_returns_a_live_session_unchanged_if_requested
        a_retried_create_returns_created
        a_create_with_another_request_id_fails
        delete_removes_the_session_with_its_messages
        delete_returns_not_found_unless_the_session_is_live
        a_deleted_session_can_be_created_again
        only_activity_extends_the_lifetime
        expired_sessions_are_not_found_by_any_call
        an_expired_session_can_be_created_again_without_its_messages
        the_number_of_sessions_per_owner_is_limited
        expired_sessions_do_not_count_towards_the_limit;
    append:
        seq_is_dense_from_one
        messages_are_returned_unchanged
        append_to_a_session_that_is_not_live_creates_nothing
        a_retried_append_is_stored_once_and_returns_the_same
        a_request_id_with_other_messages_is_rejected
        sixty_four_request_ids_are_remembered
        a_session_holds_ten_thousand_messages
        a_batch_that_does_not_fit_is_rejected_completely;
    history:
        the_latest_page_has_the_newest_messages
        pages_in_both_directions_are_complete
        a_page_has_at_most_one_mebibyte
        a_page_has_at_least_one_message
        pages_are_stable_while_messages_are_appended
        an_empty_session_has_an_empty_history;
    list:
        sessions_are_ordered_by_activity_then_name
        every_session_is_on_one_page
        a_session_used_between_pages_is_neither_repeated_nor_skipped
        sessions_used_between_any_pages_are_listed_once
        sessions_created_or_deleted_between_pages_do_not_affect_others
        concurrent_listings_do_not_affect_each_other
        moves_of_earlier_listings_do_not_shorten_pages
        a_listing_of_a_lost_store_is_rejected
        total_count_counts_live_sessions_only
        sessions_have_a_preview_of_their_newest_message
        sessions_of_maximum_size_are_all_listed;
    owners:
        owners_do_not_see_each_others_sessions
        every_owner_has_its_own_limit
        similar_names_are_different;
    odd_ids:
        unusual_ids_do_not_collide
        unusual_contents_and_metadata_are_returned_unchanged;
    turns:
        a_turn_stores_the_message_and_then_the_reply
        one_of_a_hundred_concurrent_turns_is_acquired
        a_finished_turn_is_replayed
        replay_turn_returns_a_stored_reply_and_otherwise_changes_nothing
        a_released_turn_can_be_retried_without_duplicating_the_message
        an_expired_lease_ends_the_turn_and_fences_it
        a_turn_with_an_expired_lease_can_finish_if_no_other_began
        a_turn_does_not_restore_a_deleted_session
        a_turn_requires_room_for_its_reply
        append_works_during_a_turn;
    live:
        every_change_changes_the_head_and_its_version_and_no_read_does
        heads_are_those_of_the_sessions_in_order
        changes_are_what_is_new_since_a_position
        a_page_of_changes_is_bounded
        a_session_that_is_created_again_has_another_incarnation
        the_text_of_a_turn_grows_until_the_turn_ends
        a_flush_that_is_repeated_or_follows_a_loss_does_not_corrupt_the_text
        text_of_several_bytes_per_character_is_cut_nowhere
        a_retry_of_a_running_turn_returns_its_token_and_changes_nothing
        a_cancelled_turn_stores_no_other_reply
        a_cancellation_without_a_matching_turn_does_nothing
        a_turn_that_ended_is_known_with_its_outcome
        a_turn_whose_lease_ended_is_not_running
        one_of_end_and_cancellation_wins
        a_session_that_is_not_live_has_no_head_and_no_changes
        live_state_of_another_owner_is_not_found;
    replays:
        a_replayed_create_returns_the_session_as_it_was_created
        a_create_with_a_known_request_id_and_other_values_is_rejected
        a_replayed_append_returns_the_messages_unchanged
        a_replayed_turn_returns_message_reply_and_finish_reason
        a_turn_replays_the_message_of_an_append_with_its_request_id
        a_request_id_of_an_append_is_rejected_for_a_different_turn;
    races:
        one_of_a_thousand_concurrent_creates_succeeds
        concurrent_appends_are_dense_and_atomic
        concurrent_retries_are_stored_once
        concurrent_creates_and_deletes_leave_lists_consistent;
}
