//! Commands that every program has, apart from serving. They need no valid settings of the program, because they run next
//! to it: a file that the program read at its start may have changed.

use crate::{health, output, settings::without_empty_variables};
use clap::{Arg, CommandFactory, Subcommand, builder::OsStringValueParser};
use clap_complete::Shell;
use std::{ffi::OsString, io, net::SocketAddr, panic::resume_unwind, process::ExitCode, thread};

/// Id of the setting with the address of the admin port.
const ADMIN_LISTEN: &str = "admin_listen";
/// Id of the setting with the certificate of the program.
const TLS_CERT: &str = "tls_cert";
const HEALTH: &str = "health";
const COMPLETIONS: &str = "completions";
const MAN: &str = "man";

/// Commands of every program.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Asks the running program if it is ready. Prints "ok", or a reason and exits with 1.
    Health {
        /// Address and port of the running program's probes [default: as for the program, from NONO_ADMIN_LISTEN].
        #[arg(long, value_name = "ADDRESS")]
        admin_listen: Option<SocketAddr>,
    },
    /// Prints the completions of commands and flags for a shell.
    Completions {
        /// Name of the shell.
        shell: Shell,
    },
    /// Prints the manual page, in the format of man.
    Man,
}

/// Runs a command of every program, if the arguments name one. Returns its exit code, and `None` for everything else:
/// arguments that are not valid are left to the parser of the settings, which reports them.
///
/// They are parsed by a thread of their own, which leaves its memory to others when it ends.
pub fn run<S: CommandFactory>() -> Option<ExitCode> {
    thread::scope(|scope| scope.spawn(run_here::<S>).join()).unwrap_or_else(|panic| resume_unwind(panic))
}

fn run_here<S: CommandFactory>() -> Option<ExitCode> {
    let matches = relaxed(without_empty_variables(S::command())).try_get_matches().ok()?;
    match matches.subcommand()? {
        (HEALTH, arguments) => {
            let own = arguments.get_one::<OsString>(ADMIN_LISTEN);
            let admin = own.or_else(|| matches.get_one(ADMIN_LISTEN))?.to_str()?.parse().ok()?;
            let uses_tls = matches.get_one::<OsString>(TLS_CERT).is_some();
            Some(check_health(admin, uses_tls))
        }
        (COMPLETIONS, arguments) => {
            let shell = arguments.get_one::<OsString>("shell")?.to_str()?.parse().ok()?;
            print(&completions(S::command(), shell));
            Some(ExitCode::SUCCESS)
        }
        (MAN, _) => {
            let page = manual(S::command());
            // Writing to memory cannot fail.
            print(&page.unwrap_or_default());
            Some(ExitCode::SUCCESS)
        }
        _ => None,
    }
}

/// Makes every value of a setting valid.
fn relaxed(command: clap::Command) -> clap::Command {
    let relax = |argument: Arg| match argument.get_action().takes_values() {
        true => argument.value_parser(OsStringValueParser::new()),
        false => argument,
    };
    command.mut_args(relax).mut_subcommands(relaxed)
}

fn check_health(admin: SocketAddr, uses_tls: bool) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(health::check(admin, uses_tls)),
        Err(error) => Err(format!("the check cannot run: {error}")),
    };
    match result {
        Ok(()) => {
            output::print(format_args!("ok\n"));
            ExitCode::SUCCESS
        }
        Err(reason) => {
            output::complain(format_args!("error: {reason}\n"));
            ExitCode::FAILURE
        }
    }
}

fn completions(mut command: clap::Command, shell: Shell) -> Vec<u8> {
    let (name, mut text) = (command.get_name().to_owned(), Vec::new());
    clap_complete::generate(shell, &mut command, name, &mut text);
    text
}

fn manual(command: clap::Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    Ok(page)
}

fn print(text: &[u8]) {
    output::print(format_args!("{}", String::from_utf8_lossy(text)));
}
