//! The service that the demonstration renders, builds and runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

const NAME: &str = "orders";

/// A service that has its broker is running long before that.
const START_TIME: Duration = Duration::from_secs(30);

/// Renders the service below the target folder, in place of an earlier one, as `make new` does.
pub(crate) async fn render() -> anyhow::Result<PathBuf> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()?;
    let folder = repository.join("target/demo");
    let old = folder.join(NAME);
    if old.exists() {
        fs::remove_dir_all(&old).with_context(|| format!("remove {}", old.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let made = Command::new("cargo")
        .args(["run", "--quiet", "--locked", "--package", "scaffold", "--"])
        .args(["new", "--name", NAME, "--folder"])
        .arg(&folder)
        .current_dir(repository.join("workshop"))
        .stdout(Stdio::null())
        .status()
        .await
        .context("run cargo")?;
    ensure!(made.success(), "scaffold new failed");
    Ok(folder.join(NAME))
}

/// Builds the service and returns its program.
pub(crate) async fn build(folder: &Path) -> anyhow::Result<PathBuf> {
    let built = Command::new("cargo")
        .args(["build", "--locked"])
        .current_dir(folder)
        .status()
        .await
        .context("run cargo")?;
    ensure!(built.success(), "cargo build failed");
    // `make demo` shares the repository's target folder with the service.
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| folder.join("target"), PathBuf::from);
    Ok(target.join("debug").join(NAME))
}

/// A service that runs; it is killed when this is dropped.
pub(crate) struct Running {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
}

impl Running {
    /// Starts the service and waits until it consumes.
    pub(crate) async fn start(program: &Path, url: &str, prefix: &str) -> anyhow::Result<Self> {
        let mut child = Command::new(program)
            .env("AMQP_URL", url)
            .env("QUEUE_PREFIX", prefix)
            .env("LOG_FORMAT", "text")
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("start {}", program.display()))?;
        let log = child.stderr.take().context("read its log")?;
        let mut running = Self {
            child,
            log: BufReader::new(log).lines(),
        };
        tokio::time::timeout(START_TIME, running.log_until("running"))
            .await
            .context("the service does not run")??;
        Ok(running)
    }

    /// Shows the log up to a line that contains `text`.
    async fn log_until(&mut self, text: &str) -> anyhow::Result<()> {
        while let Some(line) = self.log.next_line().await? {
            println!("    {line}");
            if line.contains(text) {
                return Ok(());
            }
        }
        bail!("the service ended by itself")
    }

    /// Stops the service as an orchestrator does, and returns its exit code.
    pub(crate) async fn stop(&mut self) -> anyhow::Result<Option<i32>> {
        let id = self.child.id().context("the service ended by itself")?;
        let sent = Command::new("kill")
            .args(["-s", "TERM", &id.to_string()])
            .status()
            .await?;
        ensure!(sent.success(), "can't send SIGTERM");
        while let Some(line) = self.log.next_line().await? {
            println!("    {line}");
        }
        Ok(self.child.wait().await?.code())
    }
}
