//! A service as a process: its command line, its log, its signals and its exit codes.

use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use conformance::{Mode, Proxy, bare_channel, broker_url, eventually};
use lapin::options::{QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use lapin::uri::AMQPUri;
use spanconsumer::testing::TestClient;
use spanconsumer::{Incoming, Processor, QueueOptions, Settings, SpanConsumer};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;

/// The process under test; killed when it is dropped.
struct Sleeper {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
    /// All that it has said.
    said: String,
}

impl Sleeper {
    fn start(variables: &[(&str, &str)]) -> Self {
        let mut child = command(variables)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the sleeper can be started");
        let log = child.stderr.take().expect("stderr is piped");
        Self {
            child,
            log: BufReader::new(log).lines(),
            said: String::new(),
        }
    }

    /// Starts it on the client's queue.
    async fn beside(client: &TestClient, variables: &[(&str, &str)]) -> Self {
        let prefix = client.queue_name("");
        let own = [("AMQP_URL", broker_url().await), ("QUEUE_PREFIX", &prefix)];
        Self::start(&[&own[..], variables].concat())
    }

    /// Starts it on the client's queue, and gives it a message that takes an hour.
    async fn asleep(client: &TestClient, drain_deadline: &str) -> Self {
        let mut sleeper = Self::beside(client, &[("DRAIN_DEADLINE", drain_deadline)]).await;
        sleeper.says("running").await;
        client.publish("naps", &3_600).await;
        eventually("it is in work", async || client.depth("naps").await == 0).await;
        sleeper
    }

    /// Waits until it has ended with its message given back.
    async fn gives_back(self, client: &TestClient) {
        let (status, _) = self.ends().await;
        assert_eq!(status.code(), Some(3));
        eventually("the message is back", async || {
            client.depth("naps").await == 1
        })
        .await;
    }

    /// Reads the log up to a line that contains `text`.
    async fn says(&mut self, text: &str) -> String {
        while let Some(line) = self.line().await {
            if line.contains(text) {
                return line;
            }
        }
        panic!("the log ended without `{text}`")
    }

    async fn line(&mut self) -> Option<String> {
        let line = timeout(Duration::from_secs(30), self.log.next_line()).await;
        let line = line
            .expect("it says something in time")
            .expect("the log is text");
        self.said += line.as_deref().unwrap_or_default();
        line
    }

    async fn signal(&self, signal: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let sent = Command::new("kill")
            .args(["-s", signal, &id])
            .status()
            .await;
        assert!(sent.expect("there is a kill").success());
    }

    /// Waits for its end, and returns the exit status with all that it has said.
    async fn ends(mut self) -> (ExitStatus, String) {
        while self.line().await.is_some() {}
        let status = self.child.wait().await.expect("it can be waited for");
        (status, self.said)
    }
}

/// Variables of whoever runs the tests are not passed on.
fn command(variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sleeper"));
    command.env_clear().envs(variables.iter().copied());
    command
}

/// A client whose own service is stopped: it only knows the queue and cleans it up.
async fn queue_of_its_own() -> TestClient {
    async fn never(_: Incoming<u64>, _: Arc<()>) -> anyhow::Result<()> {
        Ok(())
    }
    fn service(settings: Settings) -> SpanConsumer<()> {
        SpanConsumer::new("preparation", settings, async || Ok(()))
            .processor(Processor::consume("naps", never).queue(QueueOptions::classic()))
    }
    let mut client = TestClient::start(service).await;
    client.stop().await;
    client
}

#[tokio::test]
async fn sigterm_stops_it_with_0_and_the_log_tells_each_step() {
    let client = queue_of_its_own().await;
    let mut sleeper = Sleeper::beside(&client, &[("LOG_FORMAT", "text")]).await;
    for step in ["starting", "connected", "queue declared", "running"] {
        sleeper.says(step).await;
    }
    sleeper.signal("TERM").await;
    sleeper.says("shutting down").await;
    sleeper.says("complete").await;
    let (status, _) = sleeper.ends().await;
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn sigint_stops_it_too_and_a_log_that_is_no_terminal_is_json() {
    let client = queue_of_its_own().await;
    let mut sleeper = Sleeper::beside(&client, &[]).await;
    let line = sleeper.says("running").await;
    let event: serde_json::Value = serde_json::from_str(&line).expect("a line is JSON");
    assert_eq!(event["level"], "INFO");
    assert_eq!(event["message"], "running");
    assert_eq!(event["service"], "sleeper");
    sleeper.signal("INT").await;
    let (status, _) = sleeper.ends().await;
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn a_deadline_that_passes_is_3_and_the_message_is_back() {
    let client = queue_of_its_own().await;
    let sleeper = Sleeper::asleep(&client, "100ms").await;
    sleeper.signal("TERM").await;
    sleeper.gives_back(&client).await;
}

#[tokio::test]
async fn a_second_signal_does_not_wait_for_the_deadline() {
    let client = queue_of_its_own().await;
    let mut sleeper = Sleeper::asleep(&client, "1h").await;
    sleeper.signal("TERM").await;
    sleeper.says("shutting down").await;
    sleeper.signal("TERM").await;
    sleeper.gives_back(&client).await;
}

#[tokio::test]
async fn sigterm_without_a_broker_is_0() {
    // Port 1 is nobody's.
    let mut sleeper = Sleeper::start(&[("AMQP_URL", "amqp://app@127.0.0.1:1/orders")]);
    sleeper.says("trying again").await;
    sleeper.signal("TERM").await;
    let (status, _) = sleeper.ends().await;
    assert_eq!(status.code(), Some(0));
}

/// lapin keeps the thread of an attempt that is given up, for as long as the peer says nothing.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_peer_costs_one_thread_and_not_one_for_each_attempt() {
    let proxy = Proxy::start(Mode::Silent).await;
    let sleeper = Sleeper::start(&[("AMQP_URL", proxy.url()), ("CONNECT_TIMEOUT", "100ms")]);

    proxy.accepted(8).await;

    let id = sleeper.child.id().expect("it runs");
    let tasks = std::fs::read_dir(format!("/proc/{id}/task")).unwrap();
    let names = tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")));
    let kept = names.filter(|name| name.as_ref().is_ok_and(|name| name.starts_with("lapin")));
    assert_eq!(kept.count(), 1);
}

#[tokio::test]
async fn no_password_is_logged_whatever_is_asked_for() {
    // A user who does not exist is refused, so that the whole way to the login is logged.
    let url: AMQPUri = broker_url().await.parse().unwrap();
    let (host, port) = (&url.authority.host, url.authority.port);
    let url = format!("amqp://nobody:s3cret@{host}:{port}");
    let mut sleeper = Sleeper::start(&[("AMQP_URL", &url), ("LOG_LEVEL", "trace,lapin=trace")]);
    let line = sleeper.says("trying again").await;
    assert!(line.contains("amqp://nobody@"), "{line}");
    sleeper.signal("TERM").await;
    let (status, said) = sleeper.ends().await;
    assert_eq!(status.code(), Some(0));
    assert!(!said.contains("s3cret"), "{said}");
}

#[tokio::test]
async fn a_queue_with_other_arguments_is_1_with_the_reason() {
    let client = queue_of_its_own().await;
    let (_connection, channel) = bare_channel().await;
    let queue = client.queue_name("naps");
    channel
        .queue_delete(queue.as_str().into(), QueueDeleteOptions::default())
        .await
        .unwrap();
    channel
        .queue_declare(
            queue.as_str().into(),
            QueueDeclareOptions::default(),
            FieldTable::default(),
        )
        .await
        .unwrap();
    let sleeper = Sleeper::beside(&client, &[]).await;
    let (status, log) = sleeper.ends().await;
    assert_eq!(status.code(), Some(1));
    assert!(
        log.contains(&queue) && log.contains("exists with other arguments"),
        "{log}"
    );
}

#[tokio::test]
async fn nothing_of_a_body_is_logged() {
    let client = queue_of_its_own().await;
    let mut sleeper = Sleeper::beside(&client, &[]).await;
    sleeper.says("running").await;
    client.publish("naps", "s3cret").await;
    let line = sleeper.says("message failed").await;
    assert!(line.contains("another shape at line 1 column 8"), "{line}");
    assert!(!line.contains("s3cret"), "{line}");
    // Where the body itself lies, the decoder may quote it.
    let dead = client.dead_letter("naps").await;
    let causes = format!("{:?}", dead.headers().get("x-failure-causes"));
    assert!(causes.contains("s3cret"), "{causes}");
    sleeper.signal("TERM").await;
    let (_, said) = sleeper.ends().await;
    assert!(!said.contains("s3cret"), "{said}");
}

#[tokio::test]
async fn a_wrong_setting_is_2_with_one_line_on_stderr() {
    for (variable, value) in [
        ("PREFETCH", "many"),
        ("DRAIN_DEADLINE", "soon"),
        ("LOG_FORMAT", "xml"),
        ("AMQP_PORT", "rabbit"),
        ("AMQP_URL", "rabbit:s3cret"),
        ("AMQP_URL", "amqp://a:s3cret@b:c"),
    ] {
        let ran = command(&[(variable, value)]).output().await.unwrap();
        let said = String::from_utf8(ran.stderr).unwrap();
        assert_eq!(ran.status.code(), Some(2), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(
            said.contains(variable) && !said.contains("s3cret"),
            "{said}"
        );
        assert!(ran.stdout.is_empty());
    }
    let ran = command(&[]).arg("--nonsense").output().await.unwrap();
    assert_eq!(ran.status.code(), Some(2));
}

#[tokio::test]
async fn help_and_version_go_to_stdout() {
    let ran = command(&[("AMQP_PASSWORD", "s3cret")])
        .arg("--help")
        .output()
        .await
        .unwrap();
    let said = String::from_utf8(ran.stdout).unwrap();
    assert_eq!(ran.status.code(), Some(0));
    assert!(
        said.contains("AMQP_URL") && said.contains("DRAIN_DEADLINE"),
        "{said}"
    );
    assert!(!said.contains("s3cret"), "{said}");
    let ran = command(&[]).arg("--version").output().await.unwrap();
    assert_eq!(String::from_utf8(ran.stdout).unwrap(), "sleeper 1.2.3\n");
}
