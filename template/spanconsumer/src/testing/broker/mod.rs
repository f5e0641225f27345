//! A RabbitMQ for tests, demonstrations and benchmarks, which is gone afterwards.

mod answer;
mod command;
mod container;
mod error;
mod image;
mod install;
mod lifeline;
mod node;

pub use error::BrokerError;

use std::{
    env,
    fmt::{self, Write as _},
    io::{self, Write as _},
    path::PathBuf,
    sync::OnceLock,
    time::Instant,
};

use image::ImageName;
use lifeline::Lifeline;

/// A RabbitMQ broker to test with: one that runs already, or one started for this process.
///
/// It comes in the first of these ways that works:
///
/// 1. `AMQP_URL` is set: that one. Nothing is started, and nothing removed.
/// 2. A Docker engine answers: a container of the image `RABBITMQ_IMAGE`, by default
///    `rabbitmq:4.3-management`, which is pulled if need be.
/// 3. The engine can't pull it: an image of that name, built from Debian's packages.
/// 4. `rabbitmq-server` is installed: a private node on free ports in a temporary folder.
///    Where it is not, root in a container or in CI installs it with `apt-get`.
///
/// What was started is removed when the value is dropped, and also when the process ends
/// in any other way: a panic, `exit`, a signal, even SIGKILL. Long steps say on stderr what
/// they do.
#[derive(Debug)]
pub struct Broker {
    url: String,
    origin: BrokerOrigin,
    /// Removes what was started; nothing where the broker was there before.
    _lifeline: Option<Lifeline>,
}

/// The way a [`Broker`] was obtained.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BrokerOrigin {
    /// `AMQP_URL` names a broker that ran already.
    AmqpUrl,
    /// A container, which is removed afterwards.
    Container {
        /// The image's name, as the engine knows it.
        image: String,
        /// The Debian suite whose packages the image was built from; `None` if it was pulled.
        debian: Option<String>,
    },
    /// A node of its own, from the RabbitMQ that is installed on this machine.
    Node {
        /// The server program.
        program: PathBuf,
    },
}

impl Broker {
    /// Finds or starts a broker; blocks until it accepts connections.
    ///
    /// May be called anywhere, also inside a runtime.
    ///
    /// # Errors
    ///
    /// [`BrokerError::InvalidUrl`] if `AMQP_URL` is set to something else than a broker's
    /// address, and [`BrokerError::Unavailable`] if no way led to a broker. Nothing that was
    /// started on the way is left behind.
    pub fn start() -> Result<Self, BrokerError> {
        if let Some(url) = env::var_os("AMQP_URL").filter(|url| !url.is_empty()) {
            return Self::running_at(url.to_str().unwrap_or_default());
        }
        let image = ImageName::from_env();
        let mut tried = Vec::new();
        let begun = Instant::now();
        let broker = match container::start(&image) {
            Ok(broker) => broker,
            Err(error) => {
                let cause = chain(&error);
                say(format_args!("no container: {cause}"));
                tried.push(format!("a container of {image}: {cause}"));
                match node::start() {
                    Ok(broker) => broker,
                    Err(error) => {
                        tried.push(format!("a private node: {}", chain(&error)));
                        return Err(BrokerError::Unavailable {
                            image: image.to_string(),
                            tried,
                        });
                    }
                }
            }
        };
        say(format_args!(
            "{} is ready in {:.1} s",
            broker.origin,
            begun.elapsed().as_secs_f64()
        ));
        Ok(broker)
    }

    /// Returns the one broker of this process, started at first use.
    ///
    /// For tests that plain `cargo test` runs: all tests of a binary share it, and it is
    /// removed when the process has ended.
    ///
    /// # Errors
    ///
    /// The same as [`Broker::start`]; a failure is remembered, not tried again.
    pub fn shared() -> Result<&'static Self, &'static BrokerError> {
        static SHARED: OnceLock<Result<Broker, BrokerError>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// Returns the broker's address with user and password, `amqp://…`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns how the broker was obtained; for a log line.
    #[must_use]
    pub fn origin(&self) -> &BrokerOrigin {
        &self.origin
    }

    fn running_at(url: &str) -> Result<Self, BrokerError> {
        if !["amqp://", "amqps://"]
            .iter()
            .any(|scheme| url.starts_with(scheme))
        {
            return Err(BrokerError::InvalidUrl);
        }
        Ok(Self {
            url: url.to_owned(),
            origin: BrokerOrigin::AmqpUrl,
            _lifeline: None,
        })
    }
}

impl fmt::Display for BrokerOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AmqpUrl => f.write_str("the broker at AMQP_URL"),
            Self::Container {
                image,
                debian: None,
            } => write!(f, "a container of {image}"),
            Self::Container {
                image,
                debian: Some(suite),
            } => {
                write!(f, "a container of {image} (built from {suite})")
            }
            Self::Node { program } => write!(f, "a private node of {}", program.display()),
        }
    }
}

/// Writes a line about a step that takes long.
///
/// Straight to the stream: a test harness holds back what `eprintln!` writes until the test
/// has failed, and a minute of silence looks like a hang.
fn say(line: fmt::Arguments<'_>) {
    // A closed stderr must not end a test run that can do without these lines.
    let _ = writeln!(io::stderr(), "broker: {line}");
}

/// Joins an error and its causes into one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing into a String can't fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_as_it_is() {
        let broker = Broker::running_at("amqps://joe:secret@example.org/%2f").unwrap();
        assert_eq!(broker.url(), "amqps://joe:secret@example.org/%2f");
        assert_eq!(*broker.origin(), BrokerOrigin::AmqpUrl);
    }

    #[test]
    fn something_else_than_an_address_is_refused_and_not_shown() {
        let error = Broker::running_at("http://joe:secret@example.org").unwrap_err();
        assert!(matches!(error, BrokerError::InvalidUrl));
        assert!(!format!("{error} {error:?}").contains("secret"));
    }

    #[test]
    fn the_origin_reads_well_in_a_log_line() {
        let origin = BrokerOrigin::Container {
            image: "rabbitmq:4.3-management".into(),
            debian: Some("debian-forky".into()),
        };
        assert_eq!(
            origin.to_string(),
            "a container of rabbitmq:4.3-management (built from debian-forky)"
        );
    }
}
