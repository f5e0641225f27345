//! Running a service, from the first connection to the last shutdown task.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::plan::{Planned, plan};
use super::{SpanConsumer, Stopped};
use crate::consumer::{Context, Stop, Worker};
use crate::error::Error;
use crate::link::{Backoff, Link};
use crate::processor::panic_message;
use crate::publisher::Publisher;
use crate::topology::{DeclareError, dead_letter_queue};

/// How long giving back may take once it is decided: a few frames to a broker, which may be gone.
/// With the deadline before it and the closing after it, a stop stays below the 30 s that Kubernetes
/// waits before it kills.
const GIVE_BACK_TIME: Duration = Duration::from_secs(2);

/// How long a shutdown task may take: one that hangs must not keep the process from its end.
const SHUTDOWN_TASK_TIME: Duration = Duration::from_secs(10);

impl<S: Send + Sync + 'static> SpanConsumer<S> {
    /// Runs the service until `stop` completes; `at_once` ends the wait for what is in work.
    pub(super) async fn supervise(
        &self,
        stop: impl Future<Output = ()>,
        at_once: &CancellationToken,
    ) -> Result<Stopped, Error> {
        let planned = plan(&self.processors, &self.settings)?;
        info!(service = self.name, "starting");
        let link = Arc::new(self.link("consuming"));
        let mut stop = pin!(stop);
        let stopped = tokio::select! {
            biased;
            () = &mut stop => Ok(Stopped::Finished),
            declared = declare_all(&link, &planned) => match declared {
                Ok(()) => self.with_state(planned, &link, stop, at_once).await,
                Err(error) => Err(error),
            },
        };
        link.close().await;
        if let Ok(stopped) = &stopped {
            info!(service = self.name, ?stopped, "complete");
        }
        stopped
    }

    /// Opens the state, serves, and runs the shutdown tasks, which is what closes the state.
    async fn with_state(
        &self,
        planned: Vec<Planned<S>>,
        link: &Arc<Link>,
        mut stop: Pin<&mut impl Future<Output = ()>>,
        at_once: &CancellationToken,
    ) -> Result<Stopped, Error> {
        let opened = tokio::select! {
            biased;
            () = &mut stop => return Ok(Stopped::Finished),
            opened = caught((self.open)()) => opened,
        };
        let state = Arc::new(opened.map_err(|error| startup_error("opening the state", error))?);
        let stopped = self.serve(&state, planned, link, stop, at_once).await;
        for task in self.shutdown.iter().rev() {
            info!(task = task.name, "shutdown task");
            let done = caught((task.run)(Arc::clone(&state)));
            match tokio::time::timeout(SHUTDOWN_TASK_TIME, done).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    let error = format!("{error:#}");
                    error!(task = task.name, error, "shutdown task failed");
                }
                Err(_elapsed) => error!(task = task.name, "shutdown task takes too long, left"),
            }
        }
        stopped
    }

    async fn serve(
        &self,
        state: &Arc<S>,
        planned: Vec<Planned<S>>,
        link: &Arc<Link>,
        mut stop: Pin<&mut impl Future<Output = ()>>,
        at_once: &CancellationToken,
    ) -> Result<Stopped, Error> {
        for task in &self.startup {
            info!(task = task.name, "start-up task");
            tokio::select! {
                biased;
                () = &mut stop => return Ok(Stopped::Finished),
                done = caught((task.run)(Arc::clone(state))) => {
                    done.map_err(|error| startup_error(task.name, error))?;
                }
            }
        }
        let publishing = self.link("publishing");
        tokio::select! {
            biased;
            () = &mut stop => return Ok(Stopped::Finished),
            // The first result should not have to wait for it.
            _connected = publishing.connection() => {}
        }
        let context = Arc::new(Context {
            service: self.name.clone(),
            state: Arc::clone(state),
            publisher: Publisher::new(publishing),
            error_handlers: self.error_handlers.clone(),
        });
        let (told_to, mut workers) = (Stop::default(), JoinSet::new());
        let (consuming, mut begun) = mpsc::unbounded_channel();
        let mut missing: Vec<_> = planned
            .iter()
            .map(|planned| planned.input.queue.clone())
            .collect();
        for planned in planned {
            let worker = self.worker(&context, link, &told_to, planned);
            workers.spawn(watched(worker, told_to.clone(), consuming.clone()));
        }
        loop {
            tokio::select! {
                biased;
                () = &mut stop => break,
                Some(queue) = begun.recv() => {
                    if !missing.is_empty() {
                        missing.retain(|other| *other != queue);
                        if missing.is_empty() {
                            info!(service = self.name, "running");
                            self.observer.running();
                        }
                    }
                }
            }
        }
        let stopped = self.drain(&told_to, &mut workers, at_once).await;
        // What is still there waits for a broker that does not answer, maybe with the link locked.
        workers.shutdown().await;
        context.publisher.link().close().await;
        Ok(stopped)
    }

    async fn drain(
        &self,
        told_to: &Stop,
        workers: &mut JoinSet<()>,
        at_once: &CancellationToken,
    ) -> Stopped {
        let deadline = self.settings.drain_deadline;
        info!(
            service = self.name,
            deadline = %humantime::format_duration(deadline),
            "shutting down"
        );
        told_to.drain.cancel();
        let mut drained = pin!(async { while workers.join_next().await.is_some() {} });
        tokio::select! {
            biased;
            () = &mut drained => return Stopped::Finished,
            () = at_once.cancelled() => {}
            () = tokio::time::sleep(deadline) => {
                warn!(service = self.name, "deadline passed, giving back what is in work");
            }
        }
        told_to.give_back.cancel();
        if tokio::time::timeout(GIVE_BACK_TIME, drained).await.is_err() {
            warn!(
                service = self.name,
                "the broker does not answer; it gives the messages out again"
            );
        }
        Stopped::GaveBack
    }

    /// Makes a way to begin a processor's consumer, and to begin it anew.
    fn worker(
        &self,
        context: &Arc<Context<S>>,
        link: &Arc<Link>,
        told_to: &Stop,
        planned: Planned<S>,
    ) -> impl Fn() -> Worker<S> + Send + 'static {
        let (context, link) = (Arc::clone(context), Arc::clone(link));
        let (told_to, observer) = (told_to.clone(), self.observer.clone());
        move || {
            let Planned {
                processor,
                input,
                output,
                prefetch,
            } = planned.clone();
            Worker::new(
                Arc::clone(&context),
                processor,
                (input, output),
                prefetch,
                Arc::clone(&link),
                told_to.clone(),
                observer.clone(),
            )
        }
    }

    fn link(&self, purpose: &str) -> Link {
        Link::new(self.settings.clone(), format!("{} {purpose}", self.name))
    }
}

/// Runs a worker; should one panic, which is a defect of this crate, another takes its place.
async fn watched<S: Send + Sync + 'static>(
    worker: impl Fn() -> Worker<S>,
    told_to: Stop,
    consuming: mpsc::UnboundedSender<String>,
) {
    let mut backoff = Backoff::default();
    while let Err(panic) = AssertUnwindSafe(worker().run(consuming.clone()))
        .catch_unwind()
        .await
    {
        error!(
            error = panic_message(&*panic),
            "consumer panicked, beginning anew"
        );
        if told_to.drain.is_cancelled() {
            return;
        }
        backoff.wait().await;
    }
}

/// Declares every queue before anything else is done, so that a contradiction is found at the start.
async fn declare_all<S>(link: &Link, planned: &[Planned<S>]) -> Result<(), Error> {
    let mut backoff = Backoff::default();
    'connected: loop {
        let connection = link.connection().await;
        for planned in planned {
            for declaration in std::iter::once(&planned.input).chain(&planned.output) {
                let queue = declaration.queue.as_str();
                match declaration.declare(&connection).await {
                    Ok(()) => {
                        let dead_letters = dead_letter_queue(queue);
                        let processor = declaration.processor;
                        info!(queue, dead_letters, processor, "queue declared");
                    }
                    Err(DeclareError::Refused(error)) => return Err(error),
                    Err(DeclareError::Lost(error)) => {
                        warn!(queue, error = %error, "can't declare the queue yet, trying again");
                        backoff.wait().await;
                        continue 'connected;
                    }
                }
            }
        }
        return Ok(());
    }
}

/// Turns a panic into an error.
async fn caught<T>(task: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    AssertUnwindSafe(task)
        .catch_unwind()
        .await
        .unwrap_or_else(|panic| Err(anyhow::anyhow!("panicked: {}", panic_message(&*panic))))
}

fn startup_error(task: &str, error: anyhow::Error) -> Error {
    Error::Startup {
        task: task.to_owned(),
        source: error.into(),
    }
}
