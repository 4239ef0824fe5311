//! Reuse of connections to a model server.

use super::{
    tests::{model_at, pieces},
    *,
};
use crate::model::{
    FinishReason, ReplyEvent,
    tests::{prompt, read},
};
use futures_util::{StreamExt, future::join_all};
use testkit::{Behaviour, ModelServer};

/// Maximum number of connections for one request after another. A request that starts before the pool has the connection
/// of the previous one opens a second connection.
const SEQUENTIAL_MAX: usize = 2;

#[tokio::test]
async fn sequential_replies_share_a_connection() {
    let server = ModelServer::start().await;
    let model = model_at(&server.url());
    for _ in 0..20 {
        assert_eq!(read(&model, prompt("hello")).await.1, Ok(FinishReason::Stop));
        server.idle().await;
    }
    assert!(server.connections() <= SEQUENTIAL_MAX, "{} connections", server.connections());
}

#[tokio::test]
async fn a_reply_is_complete_before_its_response_ends_and_its_connection_is_used_again() {
    let server = ModelServer::start().await;
    let model = model_at(&server.url());
    for _ in 0..5 {
        let delay = Duration::from_millis(100);
        server.script(Behaviour::LateEnd { pieces: pieces(&["a"]), delay });
        assert_eq!(read(&model, prompt("hello")).await.1, Ok(FinishReason::Stop));
        assert_eq!(server.open(), 1, "the response has not ended");
        server.idle().await;
    }
    assert!(server.connections() <= SEQUENTIAL_MAX, "{} connections", server.connections());
}

#[tokio::test]
async fn parallel_replies_leave_a_bounded_number_of_idle_connections() {
    const PARALLEL: usize = POOL_MAX_IDLE + 12;
    let server = ModelServer::start().await;
    let model = &model_at(&server.url());
    (0..PARALLEL).for_each(|_| server.script(Behaviour::Gated(pieces(&["a"]))));
    let replies = join_all((0..PARALLEL).map(|_| read(model, prompt("hello"))));
    let release = async {
        server.wait_for_requests(PARALLEL).await;
        (0..PARALLEL).for_each(|_| server.release());
    };
    let (replies, ()) = tokio::join!(replies, release);
    assert!(replies.iter().all(|(_, end)| *end == Ok(FinishReason::Stop)));
    assert_eq!(server.connections(), PARALLEL);
    server.wait_for_open_connections(POOL_MAX_IDLE).await;
    assert_eq!(read(model, prompt("hello")).await.1, Ok(FinishReason::Stop));
    assert_eq!(server.connections(), PARALLEL, "an idle connection is used again");
}

#[tokio::test]
async fn an_abandoned_reply_does_not_affect_the_next_one() {
    let server = ModelServer::start().await;
    let model = model_at(&server.url());
    for _ in 0..5 {
        server.script(Behaviour::Endless("endless ".into()));
        let mut reply = model.reply(prompt("first")).await.unwrap();
        assert_eq!(reply.next().await.unwrap().unwrap(), ReplyEvent::Text("endless ".into()));
        drop(reply);
        server.idle().await;
        let (texts, end) = read(&model, prompt("second")).await;
        assert_eq!((texts.concat().as_str(), end), ("You said: second", Ok(FinishReason::Stop)));
    }
}
