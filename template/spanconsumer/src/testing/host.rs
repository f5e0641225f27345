//! The service under test, on a thread and a runtime of its own.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use lapin::options::QueueDeleteOptions;
use tokio::sync::{mpsc, oneshot};

use super::Broker;
use super::client::SettledMessages;
use crate::error::Error;
use crate::link::Link;
use crate::message::short;
use crate::observer::{Event, Observer};
use crate::service::{SpanConsumer, Stopped};
use crate::settings::Settings;
use crate::topology::dead_letter_queue;

/// A service that runs on a thread of its own, so that dropping the host can wait for the end of it
/// from within any runtime.
pub(super) struct Host {
    stop: Option<oneshot::Sender<BTreeSet<String>>>,
    thread: Option<JoinHandle<Result<Stopped, Error>>>,
}

/// What a start gives.
pub(super) struct Plan {
    pub(super) host: Host,
    /// The queues that the service consumes, as they are named on the broker.
    pub(super) consumed: BTreeSet<String>,
}

/// A test waits for what it needs before it ends, so little is in work then.
const DRAIN_DEADLINE: Duration = Duration::from_secs(5);

/// How long deleting the queues may take when the broker does not answer.
const CLEAN_UP_TIME: Duration = Duration::from_secs(10);

/// Makes settings for the shared broker with a prefix that nobody else has.
pub(super) async fn settings() -> Settings {
    let prefix = unique_prefix();
    let found = tokio::task::spawn_blocking(|| Broker::shared().map(Broker::url));
    let url = match found.await.expect("finding a broker does not panic") {
        Ok(url) => url,
        Err(error) => panic!("{error}"),
    };
    let mut settings = Settings::new(url).unwrap_or_else(|error| panic!("AMQP_URL: {error}"));
    settings.queue_prefix = prefix;
    settings.drain_deadline = DRAIN_DEADLINE;
    if let Ok(level) = std::env::var("LOG_LEVEL") {
        settings.log_level = level;
        crate::log_to_stderr(&settings);
    }
    settings
}

/// Names the test, whose thread the test runner names after it, the process and the moment.
fn unique_prefix() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let thread = std::thread::current();
    let test = thread
        .name()
        .unwrap_or("test")
        .rsplit("::")
        .next()
        .unwrap_or("test");
    let test: String = test
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect();
    let moment = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |time| time.subsec_nanos());
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let cut = test.len().min(60);
    format!(
        "{}.{}-{moment:x}-{count}.",
        &test[..cut],
        std::process::id()
    )
}

impl Host {
    /// Starts the service and waits until it runs.
    pub(super) async fn start<S, F>(
        settings: Settings,
        service: F,
        settled: Arc<SettledMessages>,
        deadline: Duration,
    ) -> Plan
    where
        S: Send + Sync + 'static,
        F: FnOnce(Settings) -> SpanConsumer<S> + Send + 'static,
    {
        let (stop, stopped) = oneshot::channel();
        let (observer, mut events) = mpsc::unbounded_channel();
        let (named, consumed) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("service under test".to_owned())
            .spawn(move || host(settings, service, Observer::new(observer), named, stopped))
            .expect("a thread can be started");
        let mut host = Host {
            stop: Some(stop),
            thread: Some(thread),
        };
        let started = tokio::time::timeout(deadline, async {
            while let Some(event) = events.recv().await {
                if matches!(event, Event::Running) {
                    return true;
                }
            }
            false
        });
        match started.await {
            Ok(true) => {}
            Ok(false) => match host.thread.take().map(JoinHandle::join) {
                Some(Ok(Err(error))) => {
                    panic!("the service did not start: {:#}", anyhow::Error::new(error))
                }
                Some(Err(panic)) => std::panic::resume_unwind(panic),
                _ => panic!("the service stopped before it ran"),
            },
            Err(elapsed) => panic!(
                "the service did not run within {deadline:?} ({elapsed}); set LOG_LEVEL=debug to \
                 see its log"
            ),
        }
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                if let Event::Settled(message) = event {
                    settled.settle(message.message_id, message.verdict);
                }
            }
        });
        Plan {
            consumed: consumed
                .await
                .expect("the service names its queues before it runs"),
            host,
        }
    }

    /// Stops the service and deletes its queues and those that the test touched.
    pub(super) async fn stop(&mut self, touched: BTreeSet<String>) -> Stopped {
        let thread = self.tell(touched).expect("a client is stopped once");
        tokio::task::spawn_blocking(move || thread.join())
            .await
            .expect("waiting does not panic")
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            .unwrap_or_else(|error| panic!("the service failed: {:#}", anyhow::Error::new(error)))
    }

    /// Does the same from a destructor: it must not panic, for a failed test panics already.
    pub(super) fn stop_blocking(&mut self, touched: BTreeSet<String>) {
        if let Some(thread) = self.tell(touched)
            && !matches!(thread.join(), Ok(Ok(_)))
        {
            eprintln!("the service under test did not stop as it should");
        }
    }

    fn tell(&mut self, touched: BTreeSet<String>) -> Option<JoinHandle<Result<Stopped, Error>>> {
        if let Some(stop) = self.stop.take() {
            // A service that has stopped by itself does not listen.
            let _ = stop.send(touched);
        }
        self.thread.take()
    }
}

/// Runs the service to its end and cleans up, on the thread of its own.
fn host<S, F>(
    settings: Settings,
    service: F,
    observer: Observer,
    named: oneshot::Sender<BTreeSet<String>>,
    stop: oneshot::Receiver<BTreeSet<String>>,
) -> Result<Stopped, Error>
where
    S: Send + Sync + 'static,
    F: FnOnce(Settings) -> SpanConsumer<S>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be started");
    runtime.block_on(async {
        let mut service = service(settings.clone());
        service.observe(observer);
        let (consumed, mut queues) = service.queues();
        let _ = named.send(consumed);
        let mut touched = BTreeSet::new();
        let stopped = service
            .run_until(async {
                // A client that went without a word has touched nothing that is known here.
                touched = stop.await.unwrap_or_default();
            })
            .await;
        queues.extend(touched);
        if tokio::time::timeout(CLEAN_UP_TIME, delete(settings, queues))
            .await
            .is_err()
        {
            eprintln!("the broker did not answer, so the test's queues are still there");
        }
        stopped
    })
}

async fn delete(settings: Settings, queues: BTreeSet<String>) {
    let link = Link::new(settings, "test client".to_owned());
    let connection = link.connection().await;
    for queue in queues
        .iter()
        .flat_map(|queue| [queue.clone(), dead_letter_queue(queue)])
    {
        // Deleting a queue that is not there is no error in RabbitMQ; any other is met again by the
        // next queue, and shown.
        let deleted = async {
            let channel = connection.create_channel().await?;
            channel
                .queue_delete(short(&queue), QueueDeleteOptions::default())
                .await?;
            channel.close(200, "deleted".into()).await
        };
        if let Err(error) = deleted.await {
            eprintln!("can't delete `{queue}`: {error}");
        }
    }
    link.close().await;
}
