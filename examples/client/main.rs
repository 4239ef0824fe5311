//! A gRPC client: creates a session, sends a message and prints the reply while it streams.
//!
//! ```sh
//! cargo run &
//! cargo run --example client -- http://127.0.0.1:50051
//! ```
//!
//! A service with TLS and `--auth keys` needs an authority, a key and an owner:
//!
//! ```sh
//! cargo run --example client -- https://localhost:50051 --ca ca.pem --key-file backend-key --owner ann
//! ```

#![expect(clippy::print_stdout, reason = "an example prints what it receives")]

mod connect;

use clap::Parser;
use connect::Tls;
use nono_proto::chat::v1::{ChatRequest, chat_response::Event, chat_service_client::ChatServiceClient};
use nono_proto::session::v1::{CreateRequest, IfExists, session_service_client::SessionServiceClient};
use std::{error::Error, fs, path::PathBuf};
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::Interceptor,
    transport::Uri,
};

#[derive(Parser)]
struct Options {
    #[arg(default_value = "http://127.0.0.1:50051")]
    address: Uri,

    #[command(flatten)]
    tls: Tls,

    /// File with the key of this caller, alone.
    #[arg(long)]
    key_file: Option<PathBuf>,

    /// Owner of the session.
    #[arg(long)]
    owner: Option<MetadataValue<Ascii>>,
}

/// Credential and owner, which are sent with every call.
#[derive(Clone)]
struct Credential {
    authorization: Option<MetadataValue<Ascii>>,
    owner: Option<MetadataValue<Ascii>>,
}

impl Interceptor for Credential {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        for (name, value) in [("authorization", &self.authorization), ("nono-owner", &self.owner)] {
            if let Some(value) = value {
                request.metadata_mut().insert(name, value.clone());
            }
        }
        Ok(request)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let Options { address, tls, key_file, owner } = Options::parse();
    let channel = connect::connect(address, &tls).await?;
    let mut authorization = None;
    if let Some(path) = key_file {
        let key = fs::read_to_string(path)?;
        authorization = Some(format!("Bearer {}", key.trim()).parse()?);
    }
    let credential = Credential { authorization, owner };
    let mut sessions = SessionServiceClient::with_interceptor(channel.clone(), credential.clone());
    let mut chats = ChatServiceClient::with_interceptor(channel, credential);

    let user_id = "example".to_owned();
    let create =
        CreateRequest { user_id: user_id.clone(), if_exists: IfExists::Return.into(), ..Default::default() };
    let created = sessions.create(create).await?.into_inner();
    println!("session: {:?}", created.session.map(|session| session.session_id));

    // With the same request_id, a retry after a lost response returns the stored reply.
    let request_id = uuid::Uuid::new_v4().to_string();
    let chat = ChatRequest { user_id, message: "Hello!".into(), request_id, ..Default::default() };
    let mut events = chats.chat(chat).await?.into_inner();
    while let Some(response) = events.message().await? {
        match response.event {
            Some(Event::Delta(delta)) => print!("{}", delta.text),
            Some(Event::Done(done)) => println!("\nfinished: {:?}", done.finish_reason()),
            _ => {}
        }
    }
    Ok(())
}
