use std::{
    ffi::OsStr,
    io,
    os::unix::process::CommandExt as _,
    process::{Command, ExitStatus, Output, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use super::lifeline::Lifeline;

/// Ends the group of the program unless it ended by itself.
///
/// Not `kill -TERM -- …`, which dash does not take for a group.
const GUARD: &str = r#"
read -r group
read -r word
[ "$word" = end ] || kill -s TERM -- "-$group"
"#;

/// How long a program that was told to end may take to tidy up.
const GRACE: Duration = Duration::from_secs(10);

/// How much of a program's last words an error quotes, in lines.
const QUOTED: usize = 15;

#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    #[error("can't run {program}")]
    Spawn {
        program: String,
        #[source]
        source: io::Error,
    },
    #[error("{program} failed ({status}): {stderr}")]
    Failed {
        program: String,
        status: ExitStatus,
        stderr: String,
    },
    #[error("{program} did not end in {limit:?}")]
    Late { program: String, limit: Duration },
}

/// Runs a program that must not outlive this process, and returns what it wrote to stdout.
pub(super) fn run(command: &mut Command, limit: Duration) -> Result<String, CommandError> {
    let program = name(command);
    let spawn_error = |source| CommandError::Spawn {
        program: program.clone(),
        source,
    };
    let mut lifeline = Lifeline::tie(GUARD, "").map_err(spawn_error)?;
    // A group of its own, so that the guard ends what the program started, too.
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(spawn_error)?;
    lifeline
        .tell(&child.id().to_string())
        .map_err(spawn_error)?;

    let (send, ended) = mpsc::channel();
    thread::spawn(move || send.send(child.wait_with_output()));
    let Ok(output) = ended.recv_timeout(limit) else {
        lifeline.cut();
        // So that it has tidied up when the caller goes on.
        let _ = ended.recv_timeout(GRACE);
        return Err(CommandError::Late { program, limit });
    };
    let Output {
        status,
        stdout,
        stderr,
    } = output.map_err(spawn_error)?;
    if status.success() {
        Ok(String::from_utf8_lossy(&stdout).trim().to_owned())
    } else {
        Err(CommandError::Failed {
            program,
            status,
            stderr: tail(&String::from_utf8_lossy(&stderr)),
        })
    }
}

/// What an error calls the program: `docker pull`, `bash`.
fn name(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    match command.get_args().next().map(OsStr::to_string_lossy) {
        Some(action) if !action.starts_with('-') => format!("{program} {action}"),
        _ => program.into_owned(),
    }
}

/// The last lines of a log.
pub(super) fn tail(log: &str) -> String {
    let lines: Vec<_> = log.trim().lines().collect();
    lines[lines.len().saturating_sub(QUOTED)..].join("\n")
}

#[cfg(test)]
mod tests {
    use std::{env, fs, process};

    use super::*;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_program_that_hangs_is_ended_with_all_that_it_started() {
        let file = env::temp_dir().join(format!("command-ended-{}", process::id()));
        // The shell handles the signal only when its `cat` has ended, too.
        let script = r#"trap 'echo ended >"$FILE"; exit 1' TERM; cat <>/dev/zero >/dev/null"#;
        let error = run(sh(script).env("FILE", &file), Duration::from_millis(200));
        assert!(matches!(error, Err(CommandError::Late { .. })), "{error:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "ended\n");
        fs::remove_file(file).unwrap();
    }

    #[test]
    fn a_failure_quotes_the_last_words() {
        let error = run(&mut sh("echo no such image >&2; exit 3"), Duration::MAX).unwrap_err();
        assert_eq!(
            error.to_string(),
            "sh failed (exit status: 3): no such image"
        );
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let mut command = Command::new("no-such-program");
        let error = run(command.args(["pull", "image"]), Duration::MAX).unwrap_err();
        assert_eq!(error.to_string(), "can't run no-such-program pull");
    }
}
