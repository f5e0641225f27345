//! The settings as environment variables and command-line options.

use std::time::Duration;

use clap::{Args, Command, FromArgMatches};
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::Settings;
use super::node::{InvalidNode, Node, Parts};
use super::refusal::one_line;

/// What the settings are read from. The doc comments are what `--help` prints.
#[derive(Args, Debug)]
struct Arguments {
    /// Where the broker is: amqp://user:password@host:port/vhost. Several nodes of a cluster are
    /// separated by commas and tried in turn. Instead of it: the parts below
    #[arg(
        long, env, hide_env_values = true, value_name = "URL", value_delimiter = ',',
        conflicts_with_all = ["amqp_host", "amqp_port", "amqp_vhost", "amqp_user", "amqp_password"],
    )]
    amqp_url: Option<Vec<Node>>,

    /// The broker's host
    #[arg(
        long,
        env,
        hide_env_values = true,
        value_name = "HOST",
        default_value = "localhost"
    )]
    amqp_host: String,

    /// The broker's port
    #[arg(
        long,
        env,
        hide_env_values = true,
        value_name = "PORT",
        default_value = "5672"
    )]
    amqp_port: u16,

    /// The virtual host
    #[arg(
        long,
        env,
        hide_env_values = true,
        value_name = "VHOST",
        default_value = "/"
    )]
    amqp_vhost: String,

    /// Who to log in as
    #[arg(
        long,
        env,
        hide_env_values = true,
        value_name = "USER",
        default_value = "guest"
    )]
    amqp_user: String,

    /// The password. Set the variable, not the option: options show in process lists
    #[arg(
        long,
        env,
        hide_env_values = true,
        value_name = "PASSWORD",
        default_value = "guest"
    )]
    amqp_password: String,

    /// Messages in flight at once for each processor, over what the code says
    #[arg(
        long, env, hide_env_values = true, value_name = "COUNT",
        value_parser = prefetch,
    )]
    prefetch: Option<u16>,

    /// Put in front of the name of every queue
    #[arg(
        long,
        env,
        hide_env_values = true,
        value_name = "TEXT",
        default_value = ""
    )]
    queue_prefix: String,

    /// How long connecting to one node may take
    #[arg(
        long, env, hide_env_values = true, value_name = "DURATION", default_value = "10s",
        value_parser = positive_duration,
    )]
    connect_timeout: Duration,

    /// How long what is in work may take to finish after a stop signal
    #[arg(
        long, env, hide_env_values = true, value_name = "DURATION", default_value = "25s",
        value_parser = humantime::parse_duration,
    )]
    drain_deadline: Duration,

    /// Which events are logged: error, warn, info, debug or trace, also by target, as in
    /// info,lapin=debug
    #[arg(
        long, env, hide_env_values = true, value_name = "FILTER", default_value = "info",
        value_parser = filter,
    )]
    log_level: String,

    /// How events are written: auto is text on a terminal and JSON elsewhere
    #[arg(
        long,
        env,
        hide_env_values = true,
        value_name = "FORMAT",
        default_value = "auto"
    )]
    log_format: LogFormat,
}

/// How events are written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
pub enum LogFormat {
    /// Text where stderr is a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// One line for people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// A setting that is wrong. Holds no password.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SettingsError(String);

impl From<InvalidNode> for SettingsError {
    fn from(error: InvalidNode) -> Self {
        Self(error.to_string())
    }
}

/// The exit code for a wrong setting or option.
const EXIT_WRONG_SETTING: i32 = 2;

pub(super) fn for_url(amqp_url: &str) -> Result<Settings, SettingsError> {
    let nodes = amqp_url
        .split(',')
        .map(str::parse)
        .collect::<Result<_, InvalidNode>>()?;
    // The defaults stand in one place, the arguments; the environment is not asked here.
    let command = Arguments::augment_args(Command::new("settings")).mut_args(|arg| arg.env(None));
    let defaults = try_parse(command, ["settings"]).expect("the defaults parse");
    Ok(Settings { nodes, ..defaults })
}

pub(super) fn parse(name: &'static str, version: &'static str) -> Settings {
    match try_parse(command(name, version), std::env::args_os()) {
        Ok(settings) => settings,
        Err(error) if !error.use_stderr() => error.exit(),
        Err(error) => {
            eprintln!("{name}: {}", one_line(&error));
            std::process::exit(EXIT_WRONG_SETTING)
        }
    }
}

fn command(name: &'static str, version: &'static str) -> Command {
    // What clap takes for the description, the struct's own comment, is not for users: replaced last.
    Arguments::augment_args(Command::new(name))
        .version(version)
        .about("Consumes its queues until it is told to stop (SIGTERM, SIGINT).")
        .long_about(None)
        .after_help(
            "Exit codes: 0 stopped, all that was in work is done; 1 could not start; 2 a wrong \
             setting; 3 stopped, what was in work at the deadline was given back to the broker",
        )
}

fn try_parse(
    command: Command,
    arguments: impl IntoIterator<Item = impl Into<std::ffi::OsString> + Clone>,
) -> Result<Settings, clap::Error> {
    let mut matches = command.try_get_matches_from(arguments)?;
    Arguments::from_arg_matches_mut(&mut matches).map(Settings::from)
}

impl From<Arguments> for Settings {
    fn from(arguments: Arguments) -> Self {
        let nodes = arguments.amqp_url.unwrap_or_else(|| {
            vec![Node::from_parts(&Parts {
                host: arguments.amqp_host,
                port: arguments.amqp_port,
                vhost: arguments.amqp_vhost,
                user: arguments.amqp_user,
                password: arguments.amqp_password,
            })]
        });
        Self {
            nodes,
            prefetch: arguments.prefetch,
            queue_prefix: arguments.queue_prefix,
            connect_timeout: arguments.connect_timeout,
            drain_deadline: arguments.drain_deadline,
            log_level: arguments.log_level,
            log_format: arguments.log_format,
        }
    }
}

fn prefetch(text: &str) -> Result<u16, &'static str> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected a number from 1 to 65535"),
        Ok(count) => Ok(count),
    }
}

fn positive_duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if duration.is_zero() {
        return Err("must be longer than nothing".to_owned());
    }
    Ok(duration)
}

/// Takes what tracing takes, but for a word alone that is no level: tracing takes it for a target,
/// and a misspelt level would silence everything.
fn filter(text: &str) -> Result<String, String> {
    for part in text.split(',').map(str::trim) {
        let level = !part.is_empty() && part.parse::<LevelFilter>().is_ok();
        if !level && !part.contains('=') {
            return Err(
                "expected off, error, warn, info, debug or trace, or target=level".to_owned(),
            );
        }
    }
    let targets: Result<Targets, _> = text.parse();
    targets
        .map(|_| text.to_owned())
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Settings, String> {
        let arguments = std::iter::once("orders").chain(arguments.iter().copied());
        // The variables of whoever runs the tests are not asked.
        let command = command("orders", "1.2.3").mut_args(|arg| arg.env(None));
        try_parse(command, arguments).map_err(|error| one_line(&error))
    }

    #[test]
    fn the_parts_of_an_address_make_a_node() {
        let settings = parsed(&[
            "--amqp-host=rabbit",
            "--amqp-vhost=orders",
            "--amqp-user=app",
        ]);
        let nodes = settings.unwrap().nodes;
        assert_eq!(
            format!("{nodes:?}"),
            "[Node(amqp://app@rabbit:5672/orders)]"
        );
    }

    #[test]
    fn several_nodes_are_separated_by_commas() {
        let settings = parsed(&["--amqp-url=amqp://a:1@one,amqp://b:2@two:5673"]).unwrap();
        assert_eq!(settings.nodes.len(), 2);
    }

    #[test]
    fn a_url_and_its_parts_together_are_refused() {
        let error = parsed(&["--amqp-url=amqp://one", "--amqp-host=two"]).unwrap_err();
        assert!(
            error.contains("AMQP_URL") && error.contains("AMQP_HOST"),
            "{error}"
        );
    }

    #[test]
    fn a_wrong_value_is_one_line_that_names_the_variable() {
        for (argument, variable) in [
            ("--prefetch=many", "PREFETCH"),
            ("--prefetch=0", "PREFETCH"),
            ("--drain-deadline=soon", "DRAIN_DEADLINE"),
            ("--connect-timeout=0s", "CONNECT_TIMEOUT"),
            ("--log-level=info,x=loud", "LOG_LEVEL"),
            ("--log-level=wran", "LOG_LEVEL"),
            ("--log-level=", "LOG_LEVEL"),
            ("--log-format=xml", "LOG_FORMAT"),
            ("--amqp-port=99999", "AMQP_PORT"),
            ("--amqp-url=rabbit", "AMQP_URL"),
        ] {
            let error = parsed(&[argument]).unwrap_err();
            assert!(error.starts_with(variable), "{argument}: {error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }

    #[test]
    fn a_wrong_url_never_shows_its_password() {
        for url in [
            "app:s3cret@rabbit",
            "amqp://app:s3cret@rabbit:port",
            "amqp://ok,x:s3cret",
        ] {
            let error = parsed(&[&format!("--amqp-url={url}")]).unwrap_err();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn the_help_lists_every_variable_and_no_value_of_the_environment() {
        let help = command("orders", "1.2.3").render_long_help().to_string();
        assert!(help.starts_with("Consumes its queues"), "{help}");
        for variable in [
            "AMQP_URL",
            "AMQP_HOST",
            "AMQP_PORT",
            "AMQP_VHOST",
            "AMQP_USER",
            "AMQP_PASSWORD",
            "PREFETCH",
            "QUEUE_PREFIX",
            "CONNECT_TIMEOUT",
            "DRAIN_DEADLINE",
            "LOG_LEVEL",
            "LOG_FORMAT",
        ] {
            assert!(
                help.contains(&format!("[env: {variable}")),
                "{variable}\n{help}"
            );
        }
    }
}
