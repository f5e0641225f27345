//! What a service can be told from outside: environment variables, parsed once.

mod arguments;
mod node;
mod refusal;

use std::time::Duration;

pub use arguments::{LogFormat, SettingsError};
pub use node::Node;

/// What a service is told from outside.
///
/// [`Settings::parse`] fills it from the environment and the command line; tests and programs of
/// their own start from [`Settings::new`] and set what they need.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// The broker's nodes; connecting tries them in turn, for ever.
    pub nodes: Vec<Node>,
    /// Messages in flight at once for each processor, over what the code says. `None` leaves it to
    /// the code, whose default is 100.
    pub prefetch: Option<u16>,
    /// Put in front of the name of every queue, so that several copies of a service can share a
    /// broker. Empty by default.
    pub queue_prefix: String,
    /// How long connecting to one node may take (TCP, TLS and AMQP handshake together) before the
    /// next is tried. 10 s by default.
    pub connect_timeout: Duration,
    /// How long what is in work may take to finish after a stop signal. 25 s by default; what is
    /// not finished then is given back to the broker. Keep it below the grace period of whatever
    /// stops the service (Kubernetes: 30 s).
    pub drain_deadline: Duration,
    /// Which events are logged: a level, or `target=level` pairs. `info` by default.
    pub log_level: String,
    /// How events are written. [`LogFormat::Auto`] by default.
    pub log_format: LogFormat,
}

impl Settings {
    /// Makes settings for one broker (or several nodes, separated by commas), all else by default.
    ///
    /// # Errors
    ///
    /// When a URL is no AMQP URL. The error never holds the password.
    ///
    /// # Examples
    ///
    /// ```
    /// let settings = spanconsumer::Settings::new("amqp://app:secret@rabbit/orders")?;
    /// assert!(!format!("{settings:?}").contains("secret"));
    /// # Ok::<(), spanconsumer::SettingsError>(())
    /// ```
    pub fn new(amqp_url: &str) -> Result<Self, SettingsError> {
        arguments::for_url(amqp_url)
    }

    /// Reads the settings from the environment and the command line; `name` and `version` are the
    /// service's own, for `--help` and `--version`.
    ///
    /// # Exits
    ///
    /// The process, as command lines do: with code 0 after `--help` and `--version`, with code 2
    /// and one line on stderr when a value is wrong.
    #[must_use]
    pub fn parse(name: &'static str, version: &'static str) -> Self {
        arguments::parse(name, version)
    }
}
