use std::{
    io::{self, Write as _},
    os::unix::process::CommandExt as _,
    process::{Child, ChildStdin, Command, Stdio},
};

/// A small shell program that tidies up after this process, in whatever way it ends.
///
/// It reads from a pipe that only this process holds, so the system itself tells it of the
/// end, also after SIGKILL, where no code of ours runs any more. It has a process group of its
/// own, which Ctrl-C does not reach, and holds none of our streams open, so nobody who reads
/// our output waits for it.
///
/// The pipe carries lines. The last one is `end` if all is in order; a program that does not
/// see it knows that this process died and what it was about to do may still happen.
#[derive(Debug)]
pub(super) struct Lifeline {
    guard: Child,
    pipe: Option<ChildStdin>,
}

impl Lifeline {
    /// Starts `script` with `sh`; `argument` is its `$1`.
    pub(super) fn tie(script: &str, argument: &str) -> io::Result<Self> {
        let mut guard = Command::new("sh")
            .args([
                "-c",
                &format!("trap '' INT TERM HUP\n{script}"),
                "lifeline",
                argument,
            ])
            // No folder or mount is kept busy.
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let pipe = guard.stdin.take();
        Ok(Self { guard, pipe })
    }

    /// Hands the script a line.
    pub(super) fn tell(&mut self, line: &str) -> io::Result<()> {
        match &mut self.pipe {
            Some(pipe) => pipe.write_all(format!("{line}\n").as_bytes()),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Lets the script believe that this process has died, and waits for it.
    pub(super) fn cut(mut self) {
        self.wait();
    }

    fn wait(&mut self) {
        self.pipe = None;
        // The only error: somebody else has waited for it already.
        let _ = self.guard.wait();
    }
}

impl Drop for Lifeline {
    /// Waits for the script, so that nothing is left when this returns.
    fn drop(&mut self) {
        if self.pipe.is_some() {
            // A guard that was killed can't be told; there is nobody left to do its work.
            let _ = self.tell("end");
            self.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Says how it ended in the file `$1`.
    const SCRIPT: &str = r#"read -r word; echo "ended with '$word'" >"$1""#;

    fn file(name: &str) -> std::path::PathBuf {
        std::env::temp_dir().join(format!("lifeline-{name}-{}", std::process::id()))
    }

    #[test]
    fn an_orderly_end_is_told_and_waited_for() {
        let file = file("orderly");
        drop(Lifeline::tie(SCRIPT, file.to_str().unwrap()).unwrap());
        assert_eq!(fs::read_to_string(&file).unwrap(), "ended with 'end'\n");
        fs::remove_file(file).unwrap();
    }

    #[test]
    fn a_death_is_noticed_without_a_word() {
        let file = file("death");
        Lifeline::tie(SCRIPT, file.to_str().unwrap()).unwrap().cut();
        assert_eq!(fs::read_to_string(&file).unwrap(), "ended with ''\n");
        fs::remove_file(file).unwrap();
    }
}
