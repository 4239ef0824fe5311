//! Sessions that are watched while they change, and turns that are cancelled: in one process over memory, and in two services
//! behind two gateways over Redis.

mod attach;
mod cancel;
mod cursors;
mod deployment;
mod drain;
mod ends;
mod events;
mod faults;
mod follower;
mod limits;

use attach::*;
use cancel::*;
use cursors::*;
use ends::*;
use events::*;
use serde_json::{Value, json};

macro_rules! live_suite {
    ($($case:ident)+) => {
        mod memory {
            use super::deployment::Deployment;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() { super::$case(&Deployment::memory(&[]).await).await; })+
        }
        mod redis {
            use super::deployment::Deployment;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() { super::$case(&Deployment::redis(&[]).await).await; })+
        }
    };
}

live_suite! {
    a_stream_begins_with_a_snapshot
    a_message_appended_through_another_gateway_arrives
    a_running_reply_grows_for_every_watcher
    a_failed_turn_has_a_problem
    a_touch_arrives_and_watching_moves_no_expiry
    a_stream_resumed_in_a_reply_repeats_no_text
    a_stream_resumed_after_a_reply_has_the_messages
    last_event_id_takes_precedence_over_the_cursor
    a_malformed_cursor_is_rejected
    a_cursor_of_another_session_begins_with_a_gap
    an_unknown_session_is_not_found
    a_deletion_ends_the_stream
    a_session_that_was_created_again_begins_with_a_gap
    a_cancelled_reply_is_stored_and_replayed
    a_second_cancellation_does_nothing
    a_cancellation_of_another_request_does_nothing
    a_turn_that_is_cancelled_before_its_text_can_be_retried
    a_retry_attaches_to_the_running_turn
    an_attached_stream_ends_with_the_cancelled_reply
}

fn say(message: &str, request_id: &str) -> Value {
    json!({ "message": message, "request_id": request_id })
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}
