//! End-to-end tests of the programs, in one binary because linking is slow.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(unreachable_pub, reason = "a macro adds the cases to other modules")]

mod access;
mod app;
mod chat;
mod commands;
mod connections;
mod deploy;
mod diagnosis;
mod documents;
mod endpoints;
mod example;
mod grpc;
mod grpc_errors;
mod import_cycles;
mod instructions;
mod live;
mod memory;
mod network;
mod outages;
mod output;
mod overload;
mod programs;
mod public_dir;
mod raw_http;
mod reload;
mod repository;
mod rest;
mod secrets;
mod signals;
mod slow_readers;
mod store_log;
mod telemetry;
mod tidy;
mod tls;
mod watch_faults;
