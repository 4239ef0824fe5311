//! The program `session-service`.

use anyhow::Result;
use clap::{Parser, Subcommand};
use runtime::{
    Process, commands, listen, output,
    server::Protocol,
    settings::{ProcessSettings, SettingFiles},
};
use session_service::{
    doctor,
    grpc::{CONNECTION_MAX_AGE, Service, serve},
    settings::{ResolvedService, ResolvedStore, SECRETS, ServiceSettings, StoreUrl},
    store::{Policy, redis::RedisSettings},
};
use std::{net::SocketAddr, process::ExitCode};

/// A call makes about a hundred small allocations, which this allocator serves faster (docs/performance.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Stores chat sessions in Redis and serves them over gRPC.
#[derive(Parser)]
#[command(version = runtime::version())]
// `nono` needs the prefix, because its HTTP port has flags of the same names.
#[command(
    mut_arg("grpc_auth", |flag| flag.long("auth")),
    mut_arg("grpc_rate_limit", |flag| flag.long("rate-limit")),
    mut_arg("grpc_rate_limit_burst", |flag| flag.long("rate-limit-burst"))
)]
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

    #[command(flatten)]
    Common(commands::Command),
}

/// Valid settings of the program.
enum Resolved {
    Serve {
        grpc_listen: SocketAddr,
        admin_listen: SocketAddr,
        service: Box<ResolvedService>,
        process: Box<ProcessSettings>,
    },
    Doctor {
        store: RedisSettings,
        policy: Policy,
        repair: bool,
        limit: usize,
    },
}

fn main() -> ExitCode {
    if let Some(code) = commands::run::<Settings>() {
        return code;
    }
    match runtime::settings::parse(&SECRETS, resolve) {
        Ok(Resolved::Serve { grpc_listen, admin_listen, service, process: settings }) => {
            runtime::run("session-service", &settings, |process| {
                serve_sessions(grpc_listen, admin_listen, *service, process)
            })
        }
        Ok(Resolved::Doctor { store, policy, repair, limit }) => run_doctor(&store, policy, limit, repair),
        Err(code) => code,
    }
}

fn resolve(settings: Settings, files: &SettingFiles) -> Result<Resolved, String> {
    let Settings { grpc_listen, admin_listen, store, service, process, command } = settings;
    let store = store.ok_or("the following required arguments were not provided: --store <URL>")?;
    let service = service.resolve(store, files)?;
    let process = Box::new(process.with_files(files)?);
    let Some(Command::Doctor { repair, limit }) = command else {
        service.access.check(grpc_listen, &process)?;
        let service = Box::new(service);
        return Ok(Resolved::Serve { grpc_listen, admin_listen, service, process });
    };
    match service.store {
        ResolvedStore::Redis(store, _) => {
            Ok(Resolved::Doctor { store, policy: service.policy, repair, limit })
        }
        ResolvedStore::Memory => Err("memory: needs no doctor: it ends with the program".into()),
    }
}

fn run_doctor(store: &RedisSettings, policy: Policy, limit: usize, repair: bool) -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::complain(format_args!("error: threads cannot be created: {error}\n"));
            return ExitCode::FAILURE;
        }
    };
    let report = runtime.block_on(doctor::run(store, policy, limit, repair));
    output::print(format_args!("{}", report.text));
    if report.errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn serve_sessions(
    grpc_listen: SocketAddr,
    admin_listen: SocketAddr,
    service: ResolvedService,
    process: Process,
) -> Result<()> {
    let grpc = listen(grpc_listen)?;
    let admin = listen(admin_listen)?;
    let mut registry = process.registry("session-service");
    let store = service.store.to_string();
    let dependencies = service.build(&process.reload, &mut registry).map_err(anyhow::Error::msg)?;
    let service = Service::new(dependencies, &process.lifecycle, &process.memory, &mut registry).await;
    tracing::info!(grpc = %grpc.local_addr()?, admin = %admin.local_addr()?, store, "listening");
    process.serve_admin(admin, registry);
    let port = process.port("grpc", Protocol::Grpc, Some(CONNECTION_MAX_AGE));
    process.finish("gRPC", serve(grpc, service, port, &process.lifecycle)).await;
    Ok(())
}
