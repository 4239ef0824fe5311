//! The program `nono`: everything in one process.

use anyhow::Result;
use clap::Parser;
use gateway::{backend::Backend, server::Gateway, settings::GatewaySettings};
use runtime::{
    Process, commands, listen, output,
    server::Protocol,
    settings::{ProcessSettings, SettingFiles},
};
use session_service::{
    grpc::{CONNECTION_MAX_AGE, Service},
    settings::{ResolvedService, ResolvedStore, SECRETS, ServiceSettings, StoreUrl},
};
use std::{net::SocketAddr, process::ExitCode};

/// A call makes about a hundred small allocations, which this allocator serves faster (docs/performance.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
const STORE_HELP: &str = "Address of the store: memory: (sessions end with the program), \
    redis://[user:password@]host[:port][/database], redis+sentinel://host:port,.../master-name or \
    redis+cluster://host:port,...; rediss for TLS. NONO_STORE_FILE may name a file that contains it";

/// Chat sessions on your laptop: the page, the REST API and the gRPC service in one process.
#[derive(Parser)]
#[command(version = runtime::version())]
struct Settings {
    /// Address and port of the page and the REST API.
    #[arg(long, env = "NONO_HTTP_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8000")]
    http_listen: SocketAddr,

    /// Address and port of gRPC.
    #[arg(long, env = "NONO_GRPC_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:50051")]
    grpc_listen: SocketAddr,

    /// Address and port of liveness, readiness and metrics.
    #[arg(long, env = "NONO_ADMIN_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:9090")]
    admin_listen: SocketAddr,

    /// Address of the store.
    #[arg(
        long,
        env = "NONO_STORE",
        value_name = "URL",
        hide_env_values = true,
        default_value = "memory:",
        help = STORE_HELP
    )]
    store: StoreUrl,

    #[command(flatten)]
    service: ServiceSettings,

    #[command(flatten)]
    gateway: GatewaySettings,

    #[command(flatten)]
    process: ProcessSettings,

    #[command(subcommand)]
    command: Option<commands::Command>,
}

/// Valid settings of the program.
struct Resolved {
    http_listen: SocketAddr,
    grpc_listen: SocketAddr,
    admin_listen: SocketAddr,
    service: ResolvedService,
    gateway: GatewaySettings,
    process: ProcessSettings,
}

fn main() -> ExitCode {
    if let Some(code) = commands::run::<Settings>() {
        return code;
    }
    match runtime::settings::parse(&SECRETS, resolve) {
        Ok(settings) => runtime::run("nono", &settings.process.clone(), |process| run(settings, process)),
        Err(code) => code,
    }
}

fn resolve(settings: Settings, files: &SettingFiles) -> Result<Resolved, String> {
    let Settings { http_listen, grpc_listen, admin_listen, store, service, gateway, process, .. } = settings;
    let service = service.resolve(store, files)?;
    service.access.check(grpc_listen, &process)?;
    gateway.check(http_listen, process.insecure_no_auth)?;
    Ok(Resolved {
        http_listen,
        grpc_listen,
        admin_listen,
        service,
        gateway,
        process: process.with_files(files)?,
    })
}

async fn run(settings: Resolved, process: Process) -> Result<()> {
    let http = listen(settings.http_listen)?;
    let grpc = listen(settings.grpc_listen)?;
    let admin = listen(settings.admin_listen)?;
    let is_in_memory = matches!(settings.service.store, ResolvedStore::Memory);
    let mut registry = process.registry("nono");
    let dependencies = settings.service.build(&process.reload, &mut registry).map_err(anyhow::Error::msg)?;
    let service = Service::new(dependencies, &process.lifecycle, &process.memory, &mut registry).await;
    // The gateway calls the service without a network, through all other layers.
    let gateway = Gateway::new(
        Backend::local(service.local_router(), &mut registry),
        &settings.gateway,
        &settings.gateway.hosts(http.local_addr()?),
        &process.lifecycle,
        &process.memory,
        &process.reload,
        &mut registry,
    );
    tracing::debug!(http = %http.local_addr()?, grpc = %grpc.local_addr()?, admin = %admin.local_addr()?, "listening");
    greet(process.scheme(), http.local_addr()?, grpc.local_addr()?, is_in_memory);
    process.serve_admin(admin, registry);
    let http_port = process.port("http", Protocol::Http, None);
    let grpc_port = process.port("grpc", Protocol::Grpc, Some(CONNECTION_MAX_AGE));
    tokio::join!(
        process.finish("HTTP", gateway::server::serve(http, gateway, http_port, &process.lifecycle)),
        process.finish("gRPC", session_service::grpc::serve(grpc, service, grpc_port, &process.lifecycle)),
    );
    Ok(())
}

/// Prints the address of the page and the next steps.
fn greet(scheme: &str, http: SocketAddr, grpc: SocketAddr, is_in_memory: bool) {
    output::print(format_args!("Nono is ready: {scheme}://{http}  (gRPC on {grpc}, Ctrl-C stops it)\n"));
    if is_in_memory {
        output::print(format_args!(
            "Sessions live in memory and end with the program; keep them: --store redis://127.0.0.1:6379\n"
        ));
    }
}
