//! `scaffold new` in a process of its own.
//!
//! cargo-generate reports every step on standard error, which a caller of its
//! library can't turn off, and fails where the environment does not name the
//! user, as in many containers. A child can be kept quiet and given a name.

use std::{
    env, io,
    process::{Command, ExitCode, Output},
};

/// Set in the child.
const CHILD: &str = "SCAFFOLD_CHILD";

/// Tells whether this process is the child.
pub(crate) fn is_child() -> bool {
    env::var_os(CHILD).is_some()
}

/// Writes an error where it belongs: in the child to standard output, since its standard error is not shown.
pub(crate) fn report(error: &str) {
    if is_child() {
        println!("{error}");
    } else {
        eprintln!("{error}");
    }
}

/// Runs this program again with the same arguments and passes on what it says itself.
pub(crate) fn run() -> ExitCode {
    match output() {
        Ok(output) => pass_on(&output),
        Err(err) => {
            eprintln!("scaffold: start a process: {err}");
            ExitCode::FAILURE
        }
    }
}

fn output() -> io::Result<Output> {
    let mut child = Command::new(env::current_exe()?);
    child.args(env::args_os().skip(1)).env(CHILD, "1");
    if !scaffold::USER_NAMES
        .iter()
        .any(|name| env::var(name).is_ok())
    {
        child.env("USER", "nobody");
    }
    child.output()
}

fn pass_on(output: &Output) -> ExitCode {
    let said = String::from_utf8_lossy(&output.stdout);
    match output.status.code() {
        Some(0) => {
            print!("{said}");
            ExitCode::SUCCESS
        }
        Some(code @ 1..=2) => {
            eprint!("{said}");
            ExitCode::from(if code == 2 { 2 } else { 1 })
        }
        // It panicked or was killed: all there is may help.
        _ => {
            eprint!("{}{said}", String::from_utf8_lossy(&output.stderr));
            eprintln!("scaffold: rendering ended with {}", output.status);
            ExitCode::FAILURE
        }
    }
}
