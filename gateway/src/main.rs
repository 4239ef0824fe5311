//! The program `gateway`.

use anyhow::Result;
use clap::Parser;
use gateway::{
    backend::{Backend, BackendCredential},
    server::{Gateway, serve},
    settings::{BackendSettings, GatewaySettings, ResolvedBackend},
};
use runtime::{
    Process, commands, listen,
    server::Protocol,
    settings::{ProcessSettings, SettingFiles},
};
use std::{net::SocketAddr, process::ExitCode};

/// A call makes about a hundred small allocations, which this allocator serves faster (docs/performance.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Serves the JSON REST API and the chat page over a session service.
#[derive(Parser)]
#[command(version = runtime::version())]
struct Settings {
    /// Address and port of REST and the page.
    #[arg(long, env = "NONO_HTTP_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8000")]
    http_listen: SocketAddr,

    /// Address and port of liveness, readiness and metrics.
    #[arg(long, env = "NONO_ADMIN_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:9091")]
    admin_listen: SocketAddr,

    #[command(flatten)]
    backend: BackendSettings,

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
    admin_listen: SocketAddr,
    backend: ResolvedBackend,
    gateway: GatewaySettings,
    process: ProcessSettings,
}

fn main() -> ExitCode {
    if let Some(code) = commands::run::<Settings>() {
        return code;
    }
    match runtime::settings::parse(&[], resolve) {
        Ok(settings) => runtime::run("gateway", &settings.process.clone(), |process| run(settings, process)),
        Err(code) => code,
    }
}

fn resolve(settings: Settings, files: &SettingFiles) -> Result<Resolved, String> {
    let Settings { http_listen, admin_listen, backend, gateway, process, .. } = settings;
    gateway.check(http_listen, process.insecure_no_auth)?;
    let (backend, process) = (backend.resolve(gateway.access.auth)?, process.with_files(files)?);
    Ok(Resolved { http_listen, admin_listen, backend, gateway, process })
}

async fn run(settings: Resolved, process: Process) -> Result<()> {
    let http = listen(settings.http_listen)?;
    let admin = listen(settings.admin_listen)?;
    let mut registry = process.registry("gateway");
    let ResolvedBackend { addresses, tls, key, has_certificate } = settings.backend;
    if let Some(tls) = &tls {
        tls.watch(&process.reload, &process.tls_metrics);
    }
    let credential = key.map(|file| BackendCredential::with_key(file.watch(&process.reload)));
    let credential = credential.unwrap_or_default().with_certificate(has_certificate);
    let gateway = Gateway::new(
        Backend::remote(&addresses, tls.as_ref(), &mut registry).with_credential(credential),
        &settings.gateway,
        &settings.gateway.hosts(http.local_addr()?),
        &process.lifecycle,
        &process.memory,
        &process.reload,
        &mut registry,
    );
    let page = format!("{}://{}", process.scheme(), http.local_addr()?);
    tracing::info!(page, admin = %admin.local_addr()?, backend = ?addresses, "listening");
    process.serve_admin(admin, registry);
    let port = process.port("http", Protocol::Http, None).with_client_certificates();
    process.finish("HTTP", serve(http, gateway, port, &process.lifecycle)).await;
    Ok(())
}
