use std::{io, path::PathBuf};

/// Why a service was not rendered or a twin not derived. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScaffoldError {
    /// The name or an answer breaks a rule; the message says which and what to do.
    #[error("{0}")]
    Refused(String),

    /// The service's folder is there already; it was not touched.
    #[error("{} exists already; choose another name or folder", .0.display())]
    Exists(PathBuf),

    /// The folder to make the service in is missing.
    #[error("the folder {} does not exist", .0.display())]
    NoFolder(PathBuf),

    /// There is no template where one was looked for.
    #[error("no template in {}", .root.display())]
    NoTemplate {
        /// Where it was looked for.
        root: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// A plain file has not the line that its twin needs, or has it twice.
    #[error("{file}: expected the line `{line}` once, found it {found} times")]
    Line {
        /// The plain file, relative to `template/`.
        file: &'static str,
        /// The line that the twin replaces.
        line: &'static str,
        /// How often it stands there.
        found: usize,
    },

    /// A plain file holds text that its twin can't carry.
    #[error("{file}: {reason}")]
    Twin {
        /// The plain file, relative to `template/`.
        file: &'static str,
        /// What stands in the way.
        reason: String,
    },

    /// A file could not be read or written.
    #[error("{action} {}", .path.display())]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// The template itself is broken, or cargo-generate failed.
    #[error("render the template: {0}")]
    Render(String),
}

impl ScaffoldError {
    /// Whether other input would help; the exit code is 2 then, else 1.
    #[must_use]
    pub fn is_bad_input(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::NoFolder(_))
    }

    pub(crate) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }
}
