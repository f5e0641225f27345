//! Runs a command with `AMQP_URL` set to a RabbitMQ broker that is gone afterwards.

use std::{
    ffi::OsString,
    io::{self, IsTerminal as _},
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    process::{Command, ExitCode, ExitStatus, Stdio},
    thread,
};

use clap::Parser;
use spanconsumer::testing::Broker;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

/// There is no broker, or it can't be told how the command ended.
const FAILED: u8 = 125;
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;

/// Runs a command with AMQP_URL set to a RabbitMQ broker that is gone afterwards.
///
/// The broker is the one at AMQP_URL if that is set, else a container of RABBITMQ_IMAGE, else
/// a private node of the RabbitMQ that is installed.
///
/// The exit code is the command's, or 128 and the number of the signal that ended it; 125 if
/// there is no broker, 126 if the command can't be executed, 127 if it is not found.
#[derive(Parser)]
#[expect(
    clippy::doc_markdown,
    reason = "this is the help text, which a terminal shows"
)]
#[command(
    name = "with-broker",
    override_usage = "with-broker -- COMMAND [ARGUMENT]…"
)]
struct Arguments {
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

fn main() -> ExitCode {
    let Arguments { command } = Arguments::parse();
    let broker = match Broker::start() {
        Ok(broker) => broker,
        Err(error) => {
            eprintln!("with-broker: {error}");
            return ExitCode::from(FAILED);
        }
    };
    eprintln!("with-broker: using {}", broker.origin());
    let code = run(&command, broker.url());
    // Waits until the broker is gone; whoever started this may rely on it.
    drop(broker);
    ExitCode::from(code)
}

fn run(command: &[OsString], url: &str) -> u8 {
    let program = command[0].to_string_lossy();
    let mut command_line = Command::new(&command[0]);
    command_line.args(&command[1..]).env("AMQP_URL", url);
    // On a terminal the command stays in our group, reads the keyboard, and gets Ctrl-C by
    // itself. Elsewhere it leads its own, so that a signal to our group reaches it once and
    // not twice: a second one makes many a program stop at once.
    let terminal = io::stdin().is_terminal();
    if !terminal {
        command_line.process_group(0);
    }

    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(FAILED, format_args!("can't wait for signals: {error}")),
    };
    let ended = runtime.block_on(async {
        // From here on a signal does not end us: the command decides when it is done.
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        let mut child = command_line.spawn()?;
        let id = child.id();
        let (send, mut ended) = oneshot::channel();
        thread::spawn(move || send.send(child.wait()));
        loop {
            tokio::select! {
                ended = &mut ended => return ended.map_err(io::Error::other)?,
                _ = interrupt.recv() => if !terminal { forward("INT", id, terminal) },
                _ = terminate.recv() => forward("TERM", id, terminal),
                _ = hang_up.recv() => forward("HUP", id, terminal),
            }
        }
    });
    match ended {
        Ok(status) => exit_code(status),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fail(NOT_FOUND, format_args!("{program}: command not found"))
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            fail(NOT_EXECUTABLE, format_args!("{program}: {error}"))
        }
        Err(error) => fail(FAILED, format_args!("{program}: {error}")),
    }
}

/// Hands a signal on to the command, or to its group if it leads one.
fn forward(signal: &str, id: u32, terminal: bool) {
    let target = if terminal {
        id.to_string()
    } else {
        format!("-{id}")
    };
    let sent = Command::new("sh")
        .args(["-c", r#"kill -s "$1" -- "$2""#, "kill", signal, &target])
        .stderr(Stdio::null())
        .status();
    if let Err(error) = sent {
        eprintln!("with-broker: can't send SIG{signal} to the command: {error}");
    }
}

/// A shell's convention for a command that a signal has ended.
fn exit_code(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok())
        .unwrap_or(FAILED)
}

fn fail(code: u8, reason: std::fmt::Arguments<'_>) -> u8 {
    eprintln!("with-broker: {reason}");
    code
}
