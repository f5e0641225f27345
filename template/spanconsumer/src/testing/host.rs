//! The service under test, on a thread and a runtime of its own.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use lapin::options::QueueDeleteOptions;
use tokio::sync::{mpsc, oneshot};

use super::Broker;
use super::settled::SettledMessages;
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
    stop: Option<oneshot::Sender<()>>,
    stopped: Option<oneshot::Receiver<Result<Stopped, Error>>>,
    /// Which queues to delete at the end, besides the service's own.
    clean_up: Option<oneshot::Sender<BTreeSet<String>>>,
    thread: Option<JoinHandle<()>>,
}

/// The thread's ends of a host's channels.
struct Ends {
    observer: Observer,
    named: oneshot::Sender<BTreeSet<String>>,
    stop: oneshot::Receiver<()>,
    stopped: oneshot::Sender<Result<Stopped, Error>>,
    clean_up: oneshot::Receiver<BTreeSet<String>>,
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
    /// Starts the service and waits until it runs. Its settings may lead to the broker on another
    /// way than those for cleaning up.
    pub(super) async fn start<S, F>(
        (settings, broker): (Settings, Settings),
        service: F,
        settled: Arc<SettledMessages>,
        deadline: Duration,
    ) -> Plan
    where
        S: Send + Sync + 'static,
        F: FnOnce(Settings) -> SpanConsumer<S> + Send + 'static,
    {
        let (stop, told_to_stop) = oneshot::channel();
        let (has_stopped, stopped) = oneshot::channel();
        let (clean_up, to_clean_up) = oneshot::channel();
        let (observer, mut events) = mpsc::unbounded_channel();
        let (named, consumed) = oneshot::channel();
        let ends = Ends {
            observer: Observer::new(observer),
            named,
            stop: told_to_stop,
            stopped: has_stopped,
            clean_up: to_clean_up,
        };
        let thread = std::thread::Builder::new()
            .name("service under test".to_owned())
            .spawn(move || host(settings, broker, service, ends))
            .expect("a thread can be started");
        let mut host = Host {
            stop: Some(stop),
            stopped: Some(stopped),
            clean_up: Some(clean_up),
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
            Ok(false) => {
                let stopped = host.stop().await;
                panic!("the service stopped before it ran: {stopped:?}")
            }
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

    /// Stops the service and tells how that went; its queues stay until the end.
    ///
    /// # Panics
    ///
    /// When the service could not start, with the reason; when it was stopped before.
    pub(super) async fn stop(&mut self) -> Stopped {
        self.tell();
        let stopped = self.stopped.take().expect("a service is stopped once");
        match stopped.await {
            Ok(Ok(stopped)) => stopped,
            Ok(Err(error)) => panic!("the service did not start: {:#}", anyhow::Error::new(error)),
            Err(_closed) => match self.thread.take().map(JoinHandle::join) {
                Some(Err(panic)) => std::panic::resume_unwind(panic),
                _ => panic!("the service ended without a word"),
            },
        }
    }

    /// Stops the service, if it runs, and deletes its queues and those that the test touched. Must
    /// not panic, for a failed test panics already.
    pub(super) fn end(&mut self, touched: BTreeSet<String>) {
        self.tell();
        if let Some(clean_up) = self.clean_up.take() {
            // A thread that panicked does not listen.
            let _ = clean_up.send(touched);
        }
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            eprintln!("the service under test panicked");
        }
    }

    fn tell(&mut self) {
        if let Some(stop) = self.stop.take() {
            // A service that has stopped by itself does not listen.
            let _ = stop.send(());
        }
    }
}

/// A start that failed has no client that would end it.
impl Drop for Host {
    fn drop(&mut self) {
        self.end(BTreeSet::new());
    }
}

/// Runs the service to its end and cleans up, on the thread of its own.
fn host<S, F>(settings: Settings, broker: Settings, service: F, ends: Ends)
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
        let mut service = service(settings);
        service.observe(ends.observer);
        let (consumed, mut queues) = service.queues();
        // Each of these fails only when the client is gone, and then nobody wants to know.
        let _ = ends.named.send(consumed);
        let told = async {
            let _ = ends.stop.await;
        };
        let _ = ends.stopped.send(service.run_until(told).await);
        // The observer has to go with it: the client learns from that end that nothing comes.
        drop(service);
        queues.extend(ends.clean_up.await.unwrap_or_default());
        if tokio::time::timeout(CLEAN_UP_TIME, delete(broker, queues))
            .await
            .is_err()
        {
            eprintln!("the broker did not answer, so the test's queues may still be there");
        }
    });
}

async fn delete(broker: Settings, queues: BTreeSet<String>) {
    let link = Link::new(broker, "test client".to_owned());
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
