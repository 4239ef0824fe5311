//! The program `session-service`.

use anyhow::Result;
use clap::Parser;
use process::{Process, listen, settings::ProcessSettings};
use session_service::{
    server::{Service, serve},
    settings::{SECRETS, ServiceSettings, StoreUrl},
};
use std::{net::SocketAddr, process::ExitCode};

/// Keeps chat sessions in Redis and serves them over gRPC.
#[derive(Parser)]
#[command(version)]
struct Settings {
    /// Where gRPC is served.
    #[arg(long, env = "NONO_GRPC_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:50051")]
    grpc_listen: SocketAddr,

    /// Where liveness, readiness and metrics are served.
    #[arg(long, env = "NONO_ADMIN_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:9090")]
    admin_listen: SocketAddr,

    /// Where sessions live: redis://[user:password@]host[:port][/database], redis+sentinel://host:port,.../master-name or
    /// redis+cluster://host:port,...; rediss for TLS; or memory: to lose them at the end. NONO_STORE_FILE may name a file
    /// that holds it.
    #[arg(long, env = "NONO_STORE", value_name = "URL", hide_env_values = true, required = true)]
    store: Option<StoreUrl>,

    #[command(flatten)]
    service: ServiceSettings,

    #[command(flatten)]
    process: ProcessSettings,
}

fn main() -> ExitCode {
    let check =
        |settings: &Settings| settings.store.as_ref().map_or(Ok(()), |url| settings.service.check(url));
    match process::settings::parse(&SECRETS, check) {
        Ok(settings) => {
            process::run("session-service", &settings.process.clone(), |process| run(settings, process))
        }
        Err(code) => code,
    }
}

async fn run(settings: Settings, process: Process) -> Result<()> {
    let grpc = listen(settings.grpc_listen).await?;
    let admin = listen(settings.admin_listen).await?;
    let store = settings.store.expect("it is required");
    let mut registry = process::registry("session-service");
    let parts = settings.service.parts(&store, &mut registry).map_err(anyhow::Error::msg)?;
    let service = Service::new(parts, &process.lifecycle, &mut registry).await;
    tracing::info!(grpc = %grpc.local_addr()?, admin = %admin.local_addr()?, ?store, "listening");
    process.serve_admin(admin, registry);
    process.finish("gRPC", serve(grpc, service, &process.lifecycle)).await;
    Ok(())
}
