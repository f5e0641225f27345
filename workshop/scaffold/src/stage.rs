//! A clean copy of the template, without what a build or a developer left there.

use std::{fs, path::Path};

use ignore::WalkBuilder;

use crate::{ScaffoldError, Template};

impl Template {
    /// Copies all that cargo-generate reads into `stage`.
    ///
    /// Without git, so that it works in an archive as well; git's ignore files
    /// inside `template/` say what is left out.
    pub(crate) fn copy_to(&self, stage: &Path) -> Result<(), ScaffoldError> {
        for part in ["cargo-generate.toml", "hooks", "template"] {
            // Not the ignore files above: the clone may lie in a folder that ignores it.
            for entry in WalkBuilder::new(self.root().join(part))
                .hidden(false)
                .parents(false)
                .require_git(false)
                .git_global(false)
                .git_exclude(false)
                .ignore(false)
                .build()
            {
                let entry = entry.map_err(|err| ScaffoldError::Render(err.to_string()))?;
                let from = entry.path();
                let to = stage.join(from.strip_prefix(self.root()).unwrap_or(from));
                if from.is_dir() {
                    fs::create_dir_all(&to).map_err(ScaffoldError::file("create", &to))?;
                } else {
                    // Keeps the mode: scripts stay executable.
                    fs::copy(from, &to).map_err(ScaffoldError::file("copy", from))?;
                }
            }
        }
        Ok(())
    }
}
