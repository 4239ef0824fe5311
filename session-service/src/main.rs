//! The program `session-service`.

use anyhow::Result;
use clap::{Parser, Subcommand};
use runtime::{Process, listen, output, server::Protocol, settings::ProcessSettings};
use session_service::{
    doctor,
    grpc::{CONNECTION_MAX_AGE, Service, serve},
    settings::{SECRETS, ServiceSettings, StoreUrl},
    store::redis::RedisUrl,
};
use std::{net::SocketAddr, process::ExitCode};

/// A call makes about a hundred small allocations, which this allocator serves faster (docs/performance.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Stores chat sessions in Redis and serves them over gRPC.
#[derive(Parser)]
#[command(version)]
struct Settings {
    /// Address and port of gRPC.
    #[arg(long, env = "NONO_GRPC_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:50051")]
    grpc_listen: SocketAddr,

    /// Address and port of liveness, readiness and metrics.
    #[arg(long, env = "NONO_ADMIN_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:9090")]
    admin_listen: SocketAddr,

    /// Address of the store: redis://[user:password@]host[:port][/database], redis+sentinel://host:port,.../master-name or
    /// redis+cluster://host:port,...; rediss for TLS; or memory: for sessions that end with the program. NONO_STORE_FILE
    /// may name a file that contains it.
    #[arg(long, env = "NONO_STORE", value_name = "URL", hide_env_values = true, global = true)]
    store: Option<StoreUrl>,

    #[command(flatten)]
    service: ServiceSettings,

    #[command(flatten)]
    process: ProcessSettings,

    #[command(subcommand)]
    command: Option<Command>,
}

/// Commands other than serving.
#[derive(Subcommand)]
enum Command {
    /// Checks the store and reports problems. Exits with 1 if there is any.
    Doctor {
        /// Repairs inconsistent records, messages and index entries.
        #[arg(long)]
        repair: bool,

        /// Maximum number of sessions to check on each server.
        #[arg(long, value_name = "NUMBER", default_value_t = 10_000)]
        limit: usize,
    },
}

fn main() -> ExitCode {
    match runtime::settings::parse(&SECRETS, validate) {
        Ok(Settings { store: Some(StoreUrl::Redis(url)), service, command: Some(doctor), .. }) => {
            run_doctor(&url, &service, &doctor)
        }
        Ok(settings) => {
            runtime::run("session-service", &settings.process.clone(), |process| run(settings, process))
        }
        Err(code) => code,
    }
}

fn validate(settings: &Settings) -> Result<(), String> {
    let store =
        settings.store.as_ref().ok_or("the following required arguments were not provided: --store <URL>")?;
    if settings.command.is_some() && *store == StoreUrl::Memory {
        return Err("memory: needs no doctor: it ends with the program".into());
    }
    settings.service.validate(store)
}

fn run_doctor(url: &RedisUrl, service: &ServiceSettings, command: &Command) -> ExitCode {
    let Command::Doctor { repair, limit } = command;
    let settings = service.store.redis(url).expect("it was checked");
    let runtime = tokio::runtime::Runtime::new().expect("the system gives a process its threads");
    let report = runtime.block_on(doctor::run(&settings, service.policy(), *limit, *repair));
    output::print(format_args!("{}", report.text));
    if report.errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn run(settings: Settings, process: Process) -> Result<()> {
    let grpc = listen(settings.grpc_listen).await?;
    let admin = listen(settings.admin_listen).await?;
    let store = settings.store.expect("it is required");
    let mut registry = process.registry("session-service");
    let dependencies = settings.service.build(&store, &mut registry).map_err(anyhow::Error::msg)?;
    let service = Service::new(dependencies, &process.lifecycle, &mut registry).await;
    tracing::info!(grpc = %grpc.local_addr()?, admin = %admin.local_addr()?, ?store, "listening");
    process.serve_admin(admin, registry);
    let port = process.port("grpc", Protocol::Grpc, Some(CONNECTION_MAX_AGE));
    process.finish("gRPC", serve(grpc, service, port, &process.lifecycle)).await;
    Ok(())
}
