//! The program `gateway`.

use anyhow::Result;
use clap::Parser;
use gateway::{
    backend::{Backend, BackendKeyFile},
    server::{Gateway, serve},
    settings::{AuthKind, GatewaySettings, backend},
};
use http::Uri;
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

    /// Address of the session service. Calls are balanced over several addresses, or over all addresses of a name.
    #[arg(
        long, env = "NONO_BACKEND", value_name = "URL", value_delimiter = ',', value_parser = backend,
        default_value = "http://127.0.0.1:50051"
    )]
    backend: Vec<Uri>,

    /// File that contains the key by which the session service recognizes this gateway, and nothing else.
    #[arg(long, env = "NONO_BACKEND_KEY_FILE", value_name = "FILE", value_parser = BackendKeyFile::read, help_heading = "Access")]
    backend_key_file: Option<BackendKeyFile>,

    #[command(flatten)]
    gateway: GatewaySettings,

    #[command(flatten)]
    process: ProcessSettings,

    #[command(subcommand)]
    command: Option<commands::Command>,
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

fn resolve(settings: Settings, files: &SettingFiles) -> Result<Settings, String> {
    settings.gateway.check(settings.http_listen, settings.process.insecure_no_auth)?;
    if settings.gateway.access.auth != AuthKind::None && settings.backend_key_file.is_none() {
        return Err(
            "--auth cookie needs --backend-key-file: the service accepts owners only from callers with a key"
                .into(),
        );
    }
    Ok(Settings { process: settings.process.clone().with_files(files)?, ..settings })
}

async fn run(settings: Settings, process: Process) -> Result<()> {
    let http = listen(settings.http_listen).await?;
    let admin = listen(settings.admin_listen).await?;
    let mut registry = process.registry("gateway");
    let credential = settings.backend_key_file.map(|file| file.watch(&process.reload)).unwrap_or_default();
    let gateway = Gateway::new(
        Backend::remote(&settings.backend, &mut registry).with_credential(credential),
        &settings.gateway,
        &settings.gateway.hosts(http.local_addr()?),
        &process.lifecycle,
        &process.memory,
        &process.reload,
        &mut registry,
    );
    let page = format!("{}://{}", process.scheme(), http.local_addr()?);
    tracing::info!(page, admin = %admin.local_addr()?, backend = ?settings.backend, "listening");
    process.serve_admin(admin, registry);
    let port = process.port("http", Protocol::Http, None).with_client_certificates();
    process.finish("HTTP", serve(http, gateway, port, &process.lifecycle)).await;
    Ok(())
}
