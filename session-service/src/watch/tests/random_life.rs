//! A random life of a session, followed by clients that disconnect at random.

use super::*;
use std::collections::BTreeMap;

/// Number of random lives, each with its own seed.
const LIVES: u64 = 30;
const STEPS: usize = 150;

/// A client that builds the conversation from events alone.
#[derive(Default)]
struct Client {
    cursor: Option<WatchCursor>,
    messages: BTreeMap<u32, Message>,
    /// Request id and text of the running reply.
    reply: Option<(String, String)>,
    /// Texts of the turns that ended, by request id and seq of the reply.
    ended: Vec<(TurnState, String, u32, String)>,
}

impl Client {
    /// Reads events until none comes for a while.
    async fn read(&mut self, watcher: &mut Watcher) {
        while let Ok(event) = timeout(Duration::from_millis(300), watcher.next()).await {
            let (cursor, event) = event.expect("the session lives").expect("no error");
            self.cursor = Some(cursor);
            self.apply(event);
        }
    }

    fn apply(&mut self, event: WatchEvent) {
        match event {
            WatchEvent::Snapshot(snapshot) => {
                assert!(!snapshot.has_gap);
                self.reply = snapshot.turn.map(|turn| {
                    let known =
                        self.reply.take().filter(|(request_id, _)| *request_id == turn.turn.request_id);
                    let mut text = known.map_or(String::new(), |(_, text)| text);
                    assert!(turn.offset as usize <= text.len(), "text is missing");
                    text.truncate(turn.offset as usize);
                    (turn.turn.request_id, text + &turn.text)
                });
            }
            WatchEvent::Message(message) => {
                let newest = self.messages.keys().next_back().copied().unwrap_or_default();
                assert_eq!(message.seq, newest + 1, "messages are dense and sent once");
                self.messages.insert(message.seq, *message);
            }
            WatchEvent::Turn(TurnChange { state: TurnState::Running, request_id, .. }) => {
                self.reply = Some((request_id, String::new()));
            }
            WatchEvent::Turn(TurnChange { state, request_id, reply_seq }) => {
                let text = self.reply.take_if(|(running, _)| *running == request_id);
                let text = text.map_or(String::new(), |(_, text)| text);
                self.ended.push((state, request_id, reply_seq, text));
            }
            WatchEvent::Delta(Delta { offset, text, .. }) => {
                let (_, reply) = self.reply.as_mut().expect("a delta follows the beginning of its turn");
                assert_eq!(reply.len(), offset as usize, "deltas are sent once and in order");
                reply.push_str(&text);
            }
            WatchEvent::Session(_) | WatchEvent::Expiring(_) | WatchEvent::Checkpoint(_) => {}
            WatchEvent::Ended(reason) => panic!("{reason:?}"),
        }
    }
}

/// A session that changes at random.
struct Life {
    random: fastrand::Rng,
    turns: usize,
    running: Option<(TurnRequest, String, u32)>,
    /// Full texts of all stored replies, by seq.
    replies: BTreeMap<u32, String>,
}

impl Life {
    async fn step(&mut self, service: &Service) {
        match (self.random.u32(..10), self.running.take()) {
            (0, running) => {
                service.append("a note").await;
                self.running = running;
            }
            (1, running) => {
                service.store.touch(&Owner::open(), &name()).await.unwrap();
                self.running = running;
            }
            (_, None) => {
                self.turns += 1;
                let turn = service.begin(&format!("r{}", self.turns), &format!("{:08}-t", self.turns)).await;
                self.running = Some((turn, String::new(), 0));
            }
            (2, Some((turn, mut text, _))) => {
                text.push_str("the end");
                let reason = if self.random.bool() { FinishReason::Stop } else { FinishReason::Cancelled };
                let reply = service.finish(&turn, &text, reason).await;
                self.replies.insert(reply.seq, text);
            }
            (3, Some((turn, ..))) => {
                let failure = TurnOutcome::Failed(TurnFailure::Model);
                service
                    .release(&turn, if self.random.bool() { failure } else { TurnOutcome::Cancelled })
                    .await;
            }
            (_, Some((turn, mut text, stored))) => {
                text.push_str(["é", "🤖 ", "word ", "x"][self.random.usize(..4)]);
                let rest = &text[stored as usize..];
                let flushed =
                    service.store.flush_turn(&Owner::open(), &name(), &turn.token, stored, rest).await;
                self.running = Some((turn, text, flushed.unwrap().stored));
            }
        }
    }
}

#[tokio::test]
async fn clients_that_reconnect_at_any_time_see_the_whole_conversation_once() {
    let lives = (0..LIVES).map(|seed| tokio::spawn(one_life(seed)));
    for life in futures_util::future::join_all(lives).await {
        life.unwrap();
    }
}

async fn one_life(seed: u64) {
    let service = Service::new();
    let replica = service.replica();
    service.create().await;
    let random = fastrand::Rng::with_seed(seed);
    let mut life = Life { random, turns: 0, running: None, replies: BTreeMap::new() };
    let mut clients = [Client::default(), Client::default()];
    for client in &mut clients {
        let (cursor, event) = next(&mut service.watch(&Start::Now).await).await;
        client.apply(event);
        client.cursor = Some(cursor);
    }
    for step in 0..STEPS {
        life.step(&service).await;
        if life.random.u32(..20) == 0 || step == STEPS - 1 {
            for (process, client) in [&service, &replica].into_iter().zip(&mut clients) {
                let mut watcher = process.watch(&Start::Cursor(client.cursor.clone().unwrap())).await;
                client.read(&mut watcher).await;
            }
        }
    }
    let stored = service.append("last").await;
    for (process, client) in [&service, &replica].into_iter().zip(&mut clients) {
        let mut watcher = process.watch(&Start::Cursor(client.cursor.clone().unwrap())).await;
        client.read(&mut watcher).await;
        assert_eq!(client.messages.len(), stored.seq as usize, "seed {seed}");
        let running =
            life.running.as_ref().map(|(turn, text, _)| (turn.request_id.as_str().to_owned(), text.clone()));
        assert_eq!(client.reply, running, "seed {seed}");
        for (seq, text) in &life.replies {
            assert_eq!(client.messages[seq].content.as_str(), text, "seed {seed}");
        }
        for (state, request_id, seq, text) in &client.ended {
            if let Some(reply) = life.replies.get(seq)
                && matches!(state, TurnState::Ended(TurnOutcome::Done))
            {
                assert!(reply.starts_with(text.as_str()), "seed {seed}: {request_id}: {text:?} of {reply:?}");
            }
        }
    }
}
