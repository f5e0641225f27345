use std::{
    io,
    process::{self, Command},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use testcontainers::{
    GenericImage, ImageExt as _, TestcontainersError,
    core::{IntoContainerPort as _, WaitFor, logs::LogFrame, wait::LogWaitStrategy},
    runners::AsyncRunner as _,
};

use super::{
    Broker, BrokerOrigin, answer,
    command::{self, CommandError},
    image::ImageName,
    lifeline::Lifeline,
    say,
};

/// Builds an image from Debian's packages.
const DEBIAN_IMAGE: &str = include_str!("../../../scripts/debian-image.sh");

/// Removes the container `$1` and its volumes.
///
/// If this process died while the engine was asked to make the container, it may come into
/// being later than this runs: look for it a while.
const GUARD: &str = r#"
read -r word
tries=20
while [ "$tries" -gt 0 ]; do
    [ -z "$(docker rm -f -v "$1")" ] || exit 0
    [ "$word" != end ] || docker container inspect "$1" || exit 0
    tries=$((tries - 1))
    sleep 1
done
"#;

/// The engine on the same machine answers in milliseconds; one that is reached over a network
/// which swallows packets, never.
const PROBE_LIMIT: Duration = Duration::from_secs(10);
/// About 100 MB, over a slow line; the engine itself gives up on a silent registry far earlier.
const PULL_LIMIT: Duration = Duration::from_mins(5);
/// Usually less than a minute, mostly downloads.
const BUILD_LIMIT: Duration = Duration::from_mins(10);
/// Usually 4 to 8 s; a loaded machine needs a multiple of it.
const START_LIMIT: Duration = Duration::from_mins(2);

#[derive(Debug, thiserror::Error)]
pub(super) enum ContainerError {
    #[error("no Docker engine answers")]
    NoEngine(#[source] CommandError),
    #[error("it can't be pulled ({0}), and is not one that Debian's packages could stand in for")]
    Pull(CommandError),
    #[error("it can't be pulled ({pull}), nor built from Debian's packages")]
    PullAndBuild {
        pull: CommandError,
        #[source]
        build: CommandError,
    },
    #[error("no guard could be started that removes the container")]
    Guard(#[source] io::Error),
    #[error("RabbitMQ did not start in the container{}", quote(.log))]
    Start {
        log: String,
        #[source]
        source: TestcontainersError,
    },
    #[error("testcontainers panicked")]
    Panic,
    #[error("RabbitMQ started, but does not answer at {host}:{port}")]
    Silent { host: String, port: u16 },
}

/// Starts a container; pulls or builds its image if need be.
pub(super) fn start(image: &ImageName) -> Result<Broker, ContainerError> {
    docker(&["version", "--format", "{{.Server.Version}}"], PROBE_LIMIT)
        .map_err(ContainerError::NoEngine)?;
    let debian = obtain(image)?;

    let name = container_name();
    // Before the container, so that there is no moment at which it could be left behind.
    let lifeline = Lifeline::tie(GUARD, &name).map_err(ContainerError::Guard)?;
    say(format_args!("starting RabbitMQ ({image}) …"));
    let (host, port) = run(image, &name)?;
    if !answer::wait(&host, port, START_LIMIT, || false) {
        return Err(ContainerError::Silent { host, port });
    }
    Ok(Broker {
        url: format!("amqp://guest:guest@{host}:{port}/%2f"),
        origin: BrokerOrigin::Container {
            image: image.to_string(),
            debian,
        },
        _lifeline: Some(lifeline),
    })
}

/// Sees to it that the engine has the image; returns the Debian suite it was built from.
fn obtain(image: &ImageName) -> Result<Option<String>, ContainerError> {
    if let Some(debian) = inspect(image) {
        return Ok(debian);
    }
    let full = image.to_string();
    say(format_args!("pulling image {image} …"));
    let Err(pull) = docker(&["pull", "--quiet", &full], PULL_LIMIT) else {
        return Ok(None);
    };
    if !image.may_be_built() {
        return Err(ContainerError::Pull(pull));
    }
    say(format_args!("it can't be pulled: {pull}"));
    say(format_args!(
        "building image {image} from Debian's packages instead, which takes a minute or two …"
    ));
    let mut bash = Command::new("bash");
    bash.args(["-c", DEBIAN_IMAGE, "debian-image.sh", &full]);
    command::run(&mut bash, BUILD_LIMIT)
        .map_err(|build| ContainerError::PullAndBuild { pull, build })?;
    Ok(inspect(image).flatten())
}

/// Looks at the engine's own image: `None` if there is none, else the Debian suite, if any.
#[expect(
    clippy::option_option,
    reason = "an image that is there need not be a built one"
)]
fn inspect(image: &ImageName) -> Option<Option<String>> {
    let label = r#"{{index .Config.Labels "spanconsumer.built-from"}}"#;
    let label = docker(
        &["image", "inspect", "--format", label, &image.to_string()],
        PROBE_LIMIT,
    );
    let label = label.ok()?;
    Some(Some(label).filter(|label| label.starts_with("debian-")))
}

/// Runs the container and leaves it running; returns where its AMQP port is.
fn run(image: &ImageName, name: &str) -> Result<(String, u16), ContainerError> {
    let log = Arc::new(Mutex::new(String::new()));
    let container = GenericImage::new(&image.name, &image.tag)
        .with_exposed_port(5672.tcp())
        .with_wait_for(WaitFor::Log(LogWaitStrategy::stdout_or_stderr(
            "Server startup complete",
        )))
        .with_container_name(name)
        // Erlang reserves memory for all the files that it may open; some engines set no limit.
        .with_env_var("ERL_MAX_PORTS", "65536")
        .with_startup_timeout(START_LIMIT)
        .with_log_consumer({
            let log = Arc::clone(&log);
            move |frame: &LogFrame| {
                let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
                log.push_str(&String::from_utf8_lossy(frame.bytes()));
            }
        });
    // A thread of its own: the caller may be inside a runtime, where no other may block.
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(TestcontainersError::other)?;
        runtime.block_on(async {
            let container = container.start().await?;
            let host = container.get_host().await?;
            let port = container.get_host_port_ipv4(5672.tcp()).await?;
            // The guard removes it. Its own destructor would do so now, or, kept in a
            // static, never.
            std::mem::forget(container);
            Ok((host.to_string(), port))
        })
    };
    match thread::spawn(run).join() {
        // The port is that of IPv4; `localhost` may also mean IPv6, where another one is.
        Ok(Ok((host, port))) if host == "localhost" => Ok(("127.0.0.1".to_owned(), port)),
        Ok(Ok(address)) => Ok(address),
        Ok(Err(source)) => {
            let log = command::tail(&log.lock().unwrap_or_else(PoisonError::into_inner));
            Err(ContainerError::Start { log, source })
        }
        Err(_) => Err(ContainerError::Panic),
    }
}

/// A name that no other container has, and that tells what it is and whose.
fn container_name() -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    format!("spanconsumer-broker-{}-{:x}", process::id(), now.as_nanos())
}

fn docker(arguments: &[&str], limit: Duration) -> Result<String, CommandError> {
    command::run(Command::new("docker").args(arguments), limit)
}

fn quote(log: &str) -> String {
    if log.is_empty() {
        String::new()
    } else {
        format!("; its last words:\n{log}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_suite(image: &str, suite: &str) {
        let mut bash = Command::new("bash");
        bash.args(["-c", DEBIAN_IMAGE, "debian-image.sh", "--suite", image]);
        assert_eq!(
            command::run(&mut bash, Duration::MAX).unwrap(),
            suite,
            "{image}"
        );
    }

    #[test]
    fn the_tag_decides_on_the_debian_suite() {
        assert_suite("rabbitmq:3", "bookworm");
        assert_suite("rabbitmq:3-management", "bookworm");
        assert_suite("rabbitmq:3.13.7-alpine", "bookworm");
        assert_suite("rabbitmq:4.0", "trixie");
        assert_suite("localhost:3000/rabbitmq:4.0.5-management", "trixie");
        assert_suite("rabbitmq:4.3-management", "forky");
        assert_suite("rabbitmq:4", "forky");
        assert_suite("localhost:3000/rabbitmq", "forky");
    }

    #[test]
    fn no_two_containers_have_one_name() {
        assert_ne!(container_name(), container_name());
    }
}
