//! Renders services from the template and keeps the template's twins in step.
//!
//! The template is real code: cargo, an editor and a dependency bot work on the
//! plain files. Four of them have a `.liquid` twin in which the answers stand as
//! tags; the twins are derived ([`twins`]), never written by hand.

mod error;
mod hook;
mod questions;
mod render;
mod stage;
pub mod twins;

use std::path::{Path, PathBuf};

pub use error::ScaffoldError;
pub use questions::{Question, Questions};
pub use render::Service;

/// The name that the service in `template/` bears, and that every rendered one replaces.
pub const SENTINEL: &str = "isle-service";

/// What cargo-generate reads the user's name from; the template never shows it.
pub const USER_NAMES: [&str; 6] = [
    "CARGO_NAME",
    "GIT_AUTHOR_NAME",
    "GIT_COMMITTER_NAME",
    "USER",
    "USERNAME",
    "NAME",
];

/// A clone of the template's repository.
#[derive(Debug, Clone)]
pub struct Template {
    root: PathBuf,
}

impl Template {
    /// Takes the repository whose root folder is `root`.
    ///
    /// # Errors
    ///
    /// [`ScaffoldError::NoTemplate`] where `root` holds no `cargo-generate.toml`.
    pub fn at(root: impl AsRef<Path>) -> Result<Self, ScaffoldError> {
        let no_template = |source| ScaffoldError::NoTemplate {
            root: root.as_ref().to_owned(),
            source,
        };
        let root = root.as_ref().canonicalize().map_err(no_template)?;
        root.join("cargo-generate.toml")
            .metadata()
            .map_err(no_template)?;
        Ok(Self { root })
    }

    /// Takes the repository that this program was built from.
    ///
    /// # Errors
    ///
    /// [`ScaffoldError::NoTemplate`] when it is no longer there.
    pub fn of_this_repository() -> Result<Self, ScaffoldError> {
        Self::at(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
    }

    /// The root folder of the repository.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of the service that users receive.
    #[must_use]
    pub fn service(&self) -> PathBuf {
        self.root.join("template")
    }
}
