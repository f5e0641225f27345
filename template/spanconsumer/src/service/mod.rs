//! A service: its processors, its shared state, its tasks, and how it is run.

mod plan;
mod run;
mod signals;

#[cfg(feature = "testing")]
use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::consumer::ErrorHandler;
use crate::error::Error;
use crate::observer::Observer;
use crate::processor::{BoxFuture, Failure, Processor};
use crate::settings::Settings;

/// How a run ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Stopped {
    /// Everything that was in work is finished, and settled unless its connection was lost: then the
    /// broker hands it out again.
    Finished,
    /// The deadline passed, or a second signal came: what was still in work is with the broker
    /// again.
    GaveBack,
}

/// The exit code when a service could not start.
const EXIT_NOT_STARTED: u8 = 1;
/// The exit code when the deadline passed before everything in work was finished.
const EXIT_GAVE_BACK: i32 = 3;

type Opener<S> = Box<dyn Fn() -> BoxFuture<anyhow::Result<S>> + Send + Sync>;

/// Something to do once, with a name to log.
struct Task<S> {
    name: &'static str,
    run: Box<dyn Fn(Arc<S>) -> BoxFuture<anyhow::Result<()>> + Send + Sync>,
}

/// A service that consumes queues; `S` is the state that its processors share.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use spanconsumer::{Incoming, Processor, Settings, SpanConsumer};
///
/// struct App;
///
/// impl App {
///     async fn open() -> anyhow::Result<App> {
///         Ok(App)
///     }
/// }
///
/// async fn audit(incoming: Incoming<String>, _app: Arc<App>) -> anyhow::Result<()> {
///     println!("{}", incoming.body);
///     Ok(())
/// }
///
/// fn service(settings: Settings) -> SpanConsumer<App> {
///     SpanConsumer::new("auditor", settings, App::open).processor(Processor::consume("audit", audit))
/// }
/// ```
pub struct SpanConsumer<S> {
    name: String,
    settings: Settings,
    open: Opener<S>,
    startup: Vec<Task<S>>,
    shutdown: Vec<Task<S>>,
    error_handlers: Vec<ErrorHandler<S>>,
    processors: Vec<Arc<Processor<S>>>,
    observer: Observer,
}

impl<S: Send + Sync + 'static> SpanConsumer<S> {
    /// Makes a service that does nothing yet.
    ///
    /// `open` makes the shared state, after the connection is there and before the first message;
    /// an error aborts the start. Without a state it is `async || Ok(())`.
    pub fn new<F, Fut>(name: impl Into<String>, settings: Settings, open: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = anyhow::Result<S>> + Send + 'static,
    {
        Self {
            name: name.into(),
            settings,
            open: Box::new(move || Box::pin(open())),
            startup: Vec::new(),
            shutdown: Vec::new(),
            error_handlers: Vec::new(),
            processors: Vec::new(),
            observer: Observer::default(),
        }
    }

    /// Adds a task that runs before the first message, after those added before.
    ///
    /// An error aborts the start: nothing is consumed, and the process exits with code 1.
    #[must_use]
    pub fn on_startup<F, Fut>(mut self, task: F) -> Self
    where
        F: Fn(Arc<S>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.startup.push(Task::new(task));
        self
    }

    /// Adds a task that runs after the last message is settled, before the connection closes, and
    /// before those added earlier: the opposite order of start-up.
    ///
    /// An error is logged, and the other tasks still run; so is one that takes longer than 10 s.
    #[must_use]
    pub fn on_shutdown<F, Fut>(mut self, task: F) -> Self
    where
        F: Fn(Arc<S>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.shutdown.push(Task::new(task));
        self
    }

    /// Adds a function that sees every message that could not be processed, before its copy goes to
    /// the dead-letter queue.
    ///
    /// It is waited for before the message is settled, so it should not take long. An error or a
    /// panic in it is logged, and the other handlers still see the message.
    #[must_use]
    pub fn on_error<F, Fut>(mut self, handler: F) -> Self
    where
        F: Fn(Arc<Failure>, Arc<S>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.error_handlers.push(Arc::new(move |failure, state| {
            Box::pin(handler(failure, state))
        }));
        self
    }

    /// Adds a processor.
    #[must_use]
    pub fn processor(mut self, processor: Processor<S>) -> Self {
        self.processors.push(Arc::new(processor));
        self
    }

    /// Runs until SIGTERM or SIGINT, and returns the process's exit code.
    ///
    /// The first signal stops consuming and lets what is in work finish, within
    /// [`Settings::drain_deadline`]; the second gives it back to the broker at once.
    ///
    /// 0: everything in work was finished. 1: the service could not start, with the reason in the
    /// log. 3: the deadline passed, or a second signal came, and messages were given back; the
    /// process exits at once then, without returning from here. (2 is for wrong settings, see
    /// [`Settings::parse`].)
    pub async fn run(&self) -> ExitCode {
        let (stop, at_once) = match signals::listen() {
            Ok(tokens) => tokens,
            Err(error) => {
                error!(error = %error, "can't listen for signals");
                return ExitCode::from(EXIT_NOT_STARTED);
            }
        };
        match self.supervise(stop.cancelled(), &at_once).await {
            Ok(Stopped::Finished) => ExitCode::SUCCESS,
            // A function that blocks its thread would keep the runtime, and so `main`, from ending.
            Ok(Stopped::GaveBack) => std::process::exit(EXIT_GAVE_BACK),
            Err(error) => {
                error!(
                    error = format!("{:#}", anyhow::Error::new(error)),
                    "can't start"
                );
                ExitCode::from(EXIT_NOT_STARTED)
            }
        }
    }

    /// Runs until `shutdown` completes, then drains as [`run`](Self::run) does.
    ///
    /// The same service can be run again afterwards.
    ///
    /// # Errors
    ///
    /// When the service can't start: its processors contradict one another, a queue exists with
    /// other arguments, the state can't be opened, a start-up task fails. Nothing is consumed then.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops everything at once. What was in work is handed out again by the
    /// broker.
    pub async fn run_until(&self, shutdown: impl Future<Output = ()>) -> Result<Stopped, Error> {
        self.supervise(shutdown, &CancellationToken::new()).await
    }

    #[cfg(feature = "testing")]
    pub(crate) fn observe(&mut self, observer: Observer) {
        self.observer = observer;
    }

    /// Names the queues it consumes, and all that it declares but for their dead-letter queues.
    #[cfg(feature = "testing")]
    pub(crate) fn queues(&self) -> (BTreeSet<String>, BTreeSet<String>) {
        let name = |queue: &String| format!("{}{queue}", self.settings.queue_prefix);
        let consumed: BTreeSet<_> = self
            .processors
            .iter()
            .map(|processor| name(&processor.queue))
            .collect();
        let outputs = self
            .processors
            .iter()
            .filter_map(|processor| processor.output.as_ref());
        let all = consumed
            .iter()
            .cloned()
            .chain(outputs.map(|output| name(&output.queue)));
        let all = all.collect();
        (consumed, all)
    }
}

impl<S> Task<S> {
    fn new<F, Fut>(task: F) -> Self
    where
        F: Fn(Arc<S>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        Self {
            name: std::any::type_name::<F>(),
            run: Box::new(move |state| Box::pin(task(state))),
        }
    }
}

impl<S> fmt::Debug for SpanConsumer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpanConsumer")
            .field("name", &self.name)
            .field("processors", &self.processors)
            .finish_non_exhaustive()
    }
}
