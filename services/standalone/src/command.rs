//! The commands of the binary: serve, demo, backup.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use marketplace_api::SignUpPolicy;
use secrecy::ExposeSecret as _;

use crate::{
    config::Config,
    demo::{self, Demo},
    gateway::{Gateway, Options},
    telemetry,
};

/// The event gateway between a marketplace and its third parties.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until told to stop (SIGTERM, Ctrl-C).
    Serve,
    /// Start a marketplace with simulated third parties, play requests through it, and keep serving.
    Demo {
        /// End after the requests: 0 if every one of them reached its end, else 1.
        #[arg(long)]
        once: bool,
    },
    /// Copy the database, live or not, to a file. Restoring is copying that file back.
    Backup {
        /// The copy; must not exist.
        file: PathBuf,
    },
}

/// Runs a command.
///
/// # Errors
/// What went wrong, for the person at the terminal.
pub async fn run(arguments: Arguments, lookup: impl Fn(&str) -> Option<String>) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Serve => serve(Config::read(lookup)?).await,
        Command::Demo { once } => demo(&lookup, once).await,
        Command::Backup { file } => {
            let config = Config::read(lookup)?;
            platform_embedded::backup(&config.data_dir, &file).context("no backup was made")?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn serve(config: Config) -> anyhow::Result<ExitCode> {
    telemetry::start(&config.log, telemetry::SERVE)?;
    let gateway = Gateway::start(config, Options::default()).await?;
    told_to_stop().await?;
    gateway.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// The demo has a data folder of its own, and its simulated third parties live on loopback.
async fn demo(lookup: &impl Fn(&str) -> Option<String>, once: bool) -> anyhow::Result<ExitCode> {
    let mut config = Config::read(lookup)?;
    telemetry::start(&config.log, telemetry::DEMO)?;
    // Removed when it goes out of scope, however the demo ends.
    let own_folder = lookup("MARKETPLACE_DATA_DIR").is_none().then(tempfile::TempDir::new).transpose()?;
    if let Some(folder) = &own_folder {
        folder.path().clone_into(&mut config.data_dir);
    }
    if once && lookup("MARKETPLACE_LISTEN").is_none() {
        config.listen.set_port(0);
    }
    config.allow_private_endpoints = true;
    if lookup("MARKETPLACE_SIGNUP").is_none() {
        config.sign_up = SignUpPolicy::Open;
    }
    let mailbox = config.smtp_url.is_none().then(|| config.data_dir.join("outbox"));
    let gateway = Gateway::start(config, Options::default()).await?;
    let demo = Demo {
        api: format!("http://{}", gateway.address()).parse()?,
        operator_token: gateway.operator_token().expose_secret().to_owned().into(),
        events_secret: gateway.events_secret().expose_secret().to_owned().into(),
        mailbox,
        once,
    };
    let played = play(demo).await;
    gateway.stop().await;
    Ok(if played? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Plays the demo, and serves on unless it is for once; whoever stops it before its end has not seen it succeed.
async fn play(demo: Demo) -> anyhow::Result<bool> {
    let once = demo.once;
    let ended = tokio::select! {
        ended = demo::run(demo) => ended?,
        stopped = told_to_stop() => return stopped.map(|()| false),
    };
    if !once {
        told_to_stop().await?;
    }
    Ok(ended)
}

/// Waits for SIGTERM or Ctrl-C.
async fn told_to_stop() -> anyhow::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        pressed = tokio::signal::ctrl_c() => pressed?,
    }
    tracing::info!("stopping");
    Ok(())
}
