//! The `.liquid` twins of the rendered files, derived from the plain ones.

use std::{fs, path::PathBuf};

use crate::{SENTINEL, ScaffoldError, Template};

/// A plain file and the lines in which its twin has tags.
struct Twin {
    file: &'static str,
    lines: &'static [(&'static str, &'static str)],
}

/// Whole lines, each found exactly once: a name replaced anywhere it occurs would
/// one day hit a word that only looks like it.
const TWINS: [Twin; 4] = [
    Twin {
        file: "Cargo.toml",
        lines: &[
            (r#"name = "isle-service""#, r#"name = "{{project-name}}""#),
            (
                r#"description = "Consumes orders from RabbitMQ.""#,
                r#"description = "{{description}}""#,
            ),
            (r#"authors = ["Isle"]"#, r#"authors = ["{{author}}"]"#),
        ],
    },
    Twin {
        file: "Cargo.lock",
        lines: &[(r#"name = "isle-service""#, r#"name = "{{project-name}}""#)],
    },
    Twin {
        file: "README.md",
        lines: &[
            ("# isle-service", "# {{project-name}}"),
            ("Consumes orders from RabbitMQ.", "{{description}}"),
        ],
    },
    Twin {
        file: ".isleconsumer.toml",
        lines: &[
            (r#"name = "isle-service""#, r#"name = "{{project-name}}""#),
            (
                r#"description = "Consumes orders from RabbitMQ.""#,
                r#"description = "{{description}}""#,
            ),
            (r#"author = "Isle""#, r#"author = "{{author}}""#),
            (r#"in_queue = "in_queue""#, r#"in_queue = "{{in_queue}}""#),
            (
                r#"out_queue = "out_queue""#,
                r#"out_queue = "{{out_queue}}""#,
            ),
        ],
    },
];

/// A file that is derived from others, and what it has to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derived {
    /// The file.
    pub path: PathBuf,
    /// What has to stand in it.
    pub content: String,
}

impl Derived {
    /// Tells whether the file holds what it should.
    #[must_use]
    pub fn is_in_step(&self) -> bool {
        fs::read(&self.path).is_ok_and(|found| found == self.content.as_bytes())
    }

    /// Writes the file.
    ///
    /// # Errors
    ///
    /// [`ScaffoldError::File`] when it can't be written.
    pub fn write(&self) -> Result<(), ScaffoldError> {
        fs::write(&self.path, &self.content).map_err(ScaffoldError::file("write", &self.path))
    }
}

impl Template {
    /// Derives the twins, and the list of names that the lock file takes.
    ///
    /// # Errors
    ///
    /// [`ScaffoldError::Line`] when a plain file has not the lines that its twin
    /// needs, [`ScaffoldError::Twin`] when its text can't be rendered.
    pub fn derive(&self) -> Result<Vec<Derived>, ScaffoldError> {
        let mut derived = TWINS
            .iter()
            .map(|twin| self.twin(twin))
            .collect::<Result<Vec<_>, _>>()?;
        derived.push(self.packages()?);
        Ok(derived)
    }

    fn plain(&self, file: &str) -> Result<String, ScaffoldError> {
        let path = self.service().join(file);
        fs::read_to_string(&path).map_err(ScaffoldError::file("read", path))
    }

    fn twin(&self, twin: &Twin) -> Result<Derived, ScaffoldError> {
        let file = twin.file;
        let mut content = self.plain(file)?;
        if let Some(tag) = ["{{", "{%"].into_iter().find(|tag| content.contains(tag)) {
            return Err(ScaffoldError::Twin {
                file,
                reason: format!("`{tag}` would be rendered; write it another way"),
            });
        }
        for (line, tagged) in twin.lines {
            let found = content.lines().filter(|found| found == line).count();
            if found != 1 {
                return Err(ScaffoldError::Line { file, line, found });
            }
            content = content
                .split('\n')
                .map(|found| if found == *line { tagged } else { found })
                .collect::<Vec<_>>()
                .join("\n");
        }
        if content.contains(SENTINEL) {
            return Err(ScaffoldError::Twin {
                file,
                reason: format!("`{SENTINEL}` stands outside the lines that are rendered"),
            });
        }
        Ok(Derived {
            path: self.service().join(format!("{file}.liquid")),
            content,
        })
    }

    /// A hook can't read a file, so the names of the lock file stand in one it can import.
    fn packages(&self) -> Result<Derived, ScaffoldError> {
        let lock = self.plain("Cargo.lock")?;
        let mut names = lock
            .lines()
            .filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
            .filter(|name| *name != SENTINEL)
            // Rust takes both for one name.
            .map(|name| name.replace('_', "-"))
            .collect::<Vec<_>>();
        names.sort_unstable();
        names.dedup();
        let list = names
            .iter()
            .map(|name| format!("     {name}"))
            .collect::<Vec<_>>()
            .join("\n");
        Ok(Derived {
            path: self.root().join("hooks/packages.rhai"),
            content: format!(
                "// Written by `make sync` from template/Cargo.lock; do not edit.\n\
                 \n\
                 // The packages of the lock file. A second one of the same name would make the\n\
                 // lock ambiguous, and `--locked` refuses such a lock.\n\
                 fn locked() {{\n    `\n{list}\n    `\n}}\n"
            ),
        })
    }
}
