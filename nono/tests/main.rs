//! The programs from outside, in one binary because linking is dear.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(unreachable_pub, reason = "the cases are stamped into other modules")]

mod app;
mod chat;
mod connections;
mod deploy;
mod diagnosis;
mod documents;
mod example;
mod faults;
mod grpc;
mod grpc_errors;
mod import_cycles;
mod output;
mod page_folder;
mod programs;
mod raw_http;
mod repository;
mod rest;
mod secrets;
mod telemetry;
mod tidy;
