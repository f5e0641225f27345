//! What went wrong with a message.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::message::{DecodeError, Message};
use crate::verdict::Verdict;

/// Which step of a message's life failed.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum FailureKind {
    /// The body is not what the processor takes; the processor has not seen it.
    Undecodable,
    /// The processor returned an error.
    Failed,
    /// The processor panicked.
    Panicked,
    /// The processor took longer than its timeout.
    TimedOut,
    /// The result could not be encoded, or the broker refuses it for good.
    Unpublishable,
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Undecodable => "undecodable",
            Self::Failed => "failed",
            Self::Panicked => "panicked",
            Self::TimedOut => "timed-out",
            Self::Unpublishable => "unpublishable",
        })
    }
}

/// A message that could not be processed, as error handlers see it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Failure {
    /// Which step failed.
    pub kind: FailureKind,
    /// Why, with its causes; `{:#}` prints them all.
    pub error: anyhow::Error,
    /// The message.
    pub message: Arc<Message>,
    /// The processor's function, as Rust names it.
    pub processor: &'static str,
    /// What happens to the message next.
    pub verdict: Verdict,
}

/// As in the dead letter's headers.
const LONGEST_LOGGED: usize = 2 * 1024;

/// What went wrong, before it is known with which message.
pub(crate) struct Fault {
    pub(crate) kind: FailureKind,
    pub(crate) error: anyhow::Error,
}

impl Fault {
    pub(crate) fn undecodable(error: DecodeError) -> Self {
        Self::new(FailureKind::Undecodable, error)
    }

    pub(crate) fn failed(error: anyhow::Error) -> Self {
        Self {
            kind: FailureKind::Failed,
            error,
        }
    }

    pub(crate) fn unencodable(error: serde_json::Error) -> Self {
        Self {
            kind: FailureKind::Unpublishable,
            error: anyhow::Error::new(error).context("encode the result"),
        }
    }

    pub(crate) fn unpublishable(reason: String) -> Self {
        Self {
            kind: FailureKind::Unpublishable,
            error: anyhow::Error::msg(reason).context("publish the result"),
        }
    }

    /// Returns the error with its causes; of a body that can't be decoded the outermost alone, for
    /// decoders quote the body, which is not for a log. The dead letter has it all.
    pub(crate) fn for_log(&self) -> String {
        let mut text = match self.kind {
            FailureKind::Undecodable => self.error.to_string(),
            _ => format!("{:#}", self.error),
        };
        // An error may quote a body of many megabytes.
        if text.len() > LONGEST_LOGGED {
            text.truncate(text.floor_char_boundary(LONGEST_LOGGED));
            text.push('…');
        }
        text
    }

    pub(crate) fn timed_out(timeout: Duration) -> Self {
        Self {
            kind: FailureKind::TimedOut,
            error: anyhow::anyhow!(
                "not finished within {}",
                humantime::format_duration(timeout)
            ),
        }
    }

    pub(crate) fn panicked(payload: &(dyn Any + Send)) -> Self {
        Self {
            kind: FailureKind::Panicked,
            error: anyhow::Error::msg(panic_message(payload).to_owned()),
        }
    }

    fn new(kind: FailureKind, error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self {
            kind,
            error: error.into(),
        }
    }
}

/// Returns what `panic!` was called with: a text nearly always.
pub(crate) fn panic_message(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_error_is_cut_in_the_log() {
        let fault = Fault::failed(anyhow::Error::msg("é".repeat(1_000_000)));
        assert_eq!(fault.for_log().len(), LONGEST_LOGGED + '…'.len_utf8());
        let fault = Fault::failed(anyhow::anyhow!("no paper").context("print"));
        assert_eq!(fault.for_log(), "print: no paper");
    }
}
