//! A gRPC client: creates a session, sends a message and prints the reply while it streams.
//!
//! ```sh
//! cargo run &
//! cargo run --example client -- http://127.0.0.1:50051
//! ```

#![expect(clippy::print_stdout, reason = "an example prints what it receives")]

use nono_proto::chat::v1::{ChatRequest, chat_response::Event, chat_service_client::ChatServiceClient};
use nono_proto::session::v1::{CreateRequest, IfExists, session_service_client::SessionServiceClient};
use std::{env, error::Error};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).unwrap_or("http://127.0.0.1:50051".into());
    let channel = tonic::transport::Endpoint::new(address)?.connect().await?;

    let user_id = "example".to_owned();
    let create =
        CreateRequest { user_id: user_id.clone(), if_exists: IfExists::Return.into(), ..Default::default() };
    let created = SessionServiceClient::new(channel.clone()).create(create).await?.into_inner();
    println!("session: {:?}", created.session.map(|session| session.session_id));

    // With the same request_id, a retry after a lost response returns the stored reply.
    let request_id = uuid::Uuid::new_v4().to_string();
    let chat = ChatRequest { user_id, message: "Hello!".into(), request_id, ..Default::default() };
    let mut events = ChatServiceClient::new(channel).chat(chat).await?.into_inner();
    while let Some(response) = events.message().await? {
        match response.event {
            Some(Event::Delta(delta)) => print!("{}", delta.text),
            Some(Event::Done(done)) => println!("\nfinished: {:?}", done.finish_reason()),
            _ => {}
        }
    }
    Ok(())
}
