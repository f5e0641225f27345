//! A client that drives a service on a real broker.

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lapin::BasicProperties;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::host::{Host, Plan};
use super::queue;
use super::settled::{SettledMessages, lock};
use crate::link::Link;
use crate::message::{Incoming, Message, Outgoing, PERSISTENT, decode, short};
use crate::publisher::Publisher;
use crate::service::{SpanConsumer, Stopped};
use crate::settings::Settings;
use crate::topology::dead_letter_queue;
use crate::verdict::Verdict;

/// Runs a service on a real broker and talks to it.
///
/// Each client has queues of its own: whatever the service and the test call `in_queue` is prefixed
/// with a name that nobody else has, so that all tests run side by side. When it is dropped, also
/// by a failing test, it stops the service and deletes the queues.
///
/// All methods panic, with what they know of the service's queues, when nothing comes within
/// [`deadline`](TestClient::deadline).
///
/// # Examples
///
/// ```no_run
/// # use std::sync::Arc;
/// use spanconsumer::testing::TestClient;
/// use spanconsumer::{Incoming, Outgoing, Processor, Settings, SpanConsumer, Verdict};
///
/// # async fn double(incoming: Incoming<i64>, _: Arc<()>) -> anyhow::Result<Outgoing<i64>> {
/// #     Ok(Outgoing::new(2 * incoming.body))
/// # }
/// fn service(settings: Settings) -> SpanConsumer<()> {
///     SpanConsumer::new("doubler", settings, async || Ok(()))
///         .processor(Processor::transform("numbers", "doubles", double))
/// }
///
/// # async fn example() {
/// let client = TestClient::start(service).await;
/// assert_eq!(client.put("numbers", &21).await, Verdict::Processed);
/// assert_eq!(client.pull::<i64>("doubles").await.body, 42);
/// # }
/// ```
pub struct TestClient {
    prefix: String,
    settings: Settings,
    deadline: Duration,
    consumed: BTreeSet<String>,
    publisher: Publisher,
    settled: Arc<SettledMessages>,
    touched: Mutex<BTreeSet<String>>,
    sent: Mutex<u64>,
    host: Host,
}

/// Long enough for a broker on a busy machine to elect the leader of a new queue.
const DEADLINE: Duration = Duration::from_secs(20);

/// How long a broker is left alone between two questions.
const ASK_AGAIN: Duration = Duration::from_millis(50);

impl TestClient {
    /// Starts a service on the broker that [`Broker::shared`](super::Broker::shared) finds, and
    /// returns when all its queues have their consumers.
    ///
    /// # Panics
    ///
    /// When there is no broker, or the service does not start; with the reason.
    pub async fn start<S, F>(service: F) -> Self
    where
        S: Send + Sync + 'static,
        F: FnOnce(Settings) -> SpanConsumer<S> + Send + 'static,
    {
        Self::start_with(|_| {}, service).await
    }

    /// Starts a service as [`start`](Self::start) does, with settings of the test's own.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub async fn start_with<S, F>(change: impl FnOnce(&mut Settings), service: F) -> Self
    where
        S: Send + Sync + 'static,
        F: FnOnce(Settings) -> SpanConsumer<S> + Send + 'static,
    {
        let settled = Arc::new(SettledMessages::default());
        let broker = super::host::settings().await;
        let mut settings = broker.clone();
        change(&mut settings);
        // The client itself goes straight to the broker, whatever stands in the service's way.
        let link = Link::new(broker.clone(), "test client".to_owned());
        let prefix = settings.queue_prefix.clone();
        let Plan { host, consumed } = Host::start(
            (settings.clone(), broker),
            service,
            Arc::clone(&settled),
            DEADLINE,
        )
        .await;
        Self {
            prefix,
            settings,
            deadline: DEADLINE,
            consumed,
            publisher: Publisher::new(link),
            settled,
            touched: Mutex::default(),
            sent: Mutex::default(),
            host,
        }
    }

    /// Sets how long any method waits for what it waits for. 20 s by default.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Puts a message with a JSON body into one of the service's queues, and returns its verdict
    /// once it is settled: processed with its results published, or dead-lettered.
    ///
    /// # Panics
    ///
    /// When nothing comes within the deadline, or it is not what was asked for.
    pub async fn put<T: Serialize + ?Sized>(&self, queue: &str, body: &T) -> Verdict {
        self.put_outgoing(queue, Outgoing::new(body)).await
    }

    /// Puts a message with headers and properties, as [`put`](Self::put) does; its message id is
    /// the client's.
    ///
    /// # Panics
    ///
    /// When nothing comes within the deadline, or it is not what was asked for.
    pub async fn put_outgoing<T: Serialize>(&self, queue: &str, outgoing: Outgoing<T>) -> Verdict {
        let encoded = outgoing.encode().expect("the message can be encoded");
        self.put_encoded(queue, &encoded.body, encoded.properties)
            .await
    }

    /// Puts bytes with any content type or none, as [`put`](Self::put) does.
    ///
    /// # Panics
    ///
    /// When nothing comes within the deadline, or it is not what was asked for.
    pub async fn put_raw(&self, queue: &str, body: &[u8], content_type: Option<&str>) -> Verdict {
        let mut properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
        if let Some(content_type) = content_type {
            properties = properties.with_content_type(short(content_type));
        }
        self.put_encoded(queue, body, properties).await
    }

    /// Publishes a message with a JSON body to any queue, and returns when the broker has it,
    /// without waiting for a verdict.
    ///
    /// # Panics
    ///
    /// When nothing comes within the deadline, or it is not what was asked for.
    pub async fn publish<T: Serialize + ?Sized>(&self, queue: &str, body: &T) {
        let encoded = Outgoing::new(body)
            .encode()
            .expect("the message can be encoded");
        self.publish_encoded(queue, &encoded.body, encoded.properties)
            .await;
    }

    /// Takes the next message from a queue that the service does not consume, its body decoded.
    ///
    /// # Panics
    ///
    /// When nothing comes within the deadline, or it is not what was asked for.
    pub async fn pull<T: DeserializeOwned>(&self, queue: &str) -> Incoming<T> {
        let message = self.pull_message(queue).await;
        let body = decode(&message).unwrap_or_else(|error| {
            let error = anyhow::Error::new(error);
            panic!("the message from `{queue}` is not what the test expects: {error:#}")
        });
        Incoming::new(body, message)
    }

    /// Takes the next message that the service dead-lettered from one of its queues.
    ///
    /// # Panics
    ///
    /// When nothing comes within the deadline, or it is not what was asked for.
    pub async fn dead_letter(&self, queue: &str) -> Arc<Message> {
        self.pull_message(&dead_letter_queue(queue)).await
    }

    /// Counts the messages in a queue that wait for a consumer.
    ///
    /// # Panics
    ///
    /// When there is no such queue.
    pub async fn depth(&self, queue: &str) -> u32 {
        let counted = self
            .within(queue, "count its messages", self.count(queue))
            .await;
        counted.unwrap_or_else(|error| panic!("can't count the messages of `{queue}`: {error}"))
    }

    /// Waits until a queue is there, declared by whomever; it is deleted at the end with the others.
    ///
    /// # Panics
    ///
    /// When it is not declared within the deadline.
    pub async fn declared(&self, queue: &str) {
        lock(&self.touched).insert(self.queue_name(queue));
        let there = async {
            // The broker tells nobody of a new queue, so that it has to be asked again.
            while self.count(queue).await.is_err() {
                tokio::time::sleep(ASK_AGAIN).await;
            }
        };
        self.within(queue, "appear", there).await;
    }

    /// Returns a queue's name on the broker.
    #[must_use]
    pub fn queue_name(&self, queue: &str) -> String {
        format!("{}{queue}", self.prefix)
    }

    /// Returns the settings that the service runs with, to run another in its place after
    /// [`stop`](Self::stop).
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.settings.clone()
    }

    /// Stops the service as a stop signal does, and tells how it ended. Its queues can still be
    /// looked into; they are deleted when the client is dropped.
    ///
    /// # Panics
    ///
    /// When the service was stopped before.
    pub async fn stop(&mut self) -> Stopped {
        self.consumed.clear();
        self.host.stop().await
    }

    async fn put_encoded(&self, queue: &str, body: &[u8], properties: BasicProperties) -> Verdict {
        let name = self.queue_name(queue);
        assert!(
            self.consumed.contains(&name),
            "no processor consumes `{queue}`, so nothing would settle the message; `publish` does \
             not wait for that"
        );
        let id = self.next_id();
        self.publish_encoded(queue, body, properties.with_message_id(short(&id)))
            .await;
        self.within(queue, "settle the message", self.settled.verdict(&id))
            .await
    }

    async fn publish_encoded(&self, queue: &str, body: &[u8], properties: BasicProperties) {
        let name = self.queue_name(queue);
        lock(&self.touched).insert(name.clone());
        let published = self.publisher.publish(&name, body, properties);
        let published = self.within(queue, "take the message", published).await;
        if let Err(error) = published {
            panic!("can't publish to `{queue}`: {error}");
        }
    }

    async fn pull_message(&self, queue: &str) -> Arc<Message> {
        let name = self.queue_name(queue);
        assert!(
            !self.consumed.contains(&name),
            "the service consumes `{queue}`: whatever is put there is the service's to take"
        );
        lock(&self.touched).insert(name.clone());
        let take = async {
            let connection = self.publisher.link().connection().await;
            queue::take(&connection, &name).await
        };
        let taken = self.within(queue, "hand out a message", take).await;
        taken.unwrap_or_else(|error| panic!("can't pull from `{queue}`: {error}"))
    }

    async fn count(&self, queue: &str) -> lapin::Result<u32> {
        let connection = self.publisher.link().connection().await;
        queue::count(&connection, &self.queue_name(queue)).await
    }

    /// Waits for at most the deadline; says what the service's queues hold when that passes.
    async fn within<T>(&self, queue: &str, what: &str, step: impl Future<Output = T>) -> T {
        match tokio::time::timeout(self.deadline, step).await {
            Ok(done) => done,
            Err(_elapsed) => {
                let mut queues = String::new();
                for consumed in &self.consumed {
                    let bare = consumed.strip_prefix(&self.prefix).unwrap_or(consumed);
                    for name in [bare.to_owned(), dead_letter_queue(bare)] {
                        let waiting = match self.count(&name).await {
                            Ok(count) => count.to_string(),
                            Err(error) => error.to_string(),
                        };
                        queues = format!("{queues}\n  {name}: {waiting}");
                    }
                }
                panic!(
                    "`{queue}` did not {what} within {:?}; messages that wait:{queues}\nset \
                     LOG_LEVEL=debug to see the service's log",
                    self.deadline
                )
            }
        }
    }

    fn next_id(&self) -> String {
        let mut sent = lock(&self.sent);
        *sent += 1;
        format!("{}{sent}", self.prefix)
    }
}

impl Drop for TestClient {
    fn drop(&mut self) {
        let touched = std::mem::take(&mut *lock(&self.touched));
        self.host.end(touched);
    }
}

impl fmt::Debug for TestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestClient")
            .field("prefix", &self.prefix)
            .field("consumed", &self.consumed)
            .finish_non_exhaustive()
    }
}
