//! What the tests share: the programs under test, and snapshots of folders.

// Each test file is a crate of its own and uses only some of this.
#![allow(dead_code)]

pub(crate) mod names;

use std::{
    collections::BTreeMap,
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use scaffold::{Questions, Template};
use tempfile::TempDir;

/// The plain files that are rendered; each has a `.liquid` twin.
pub(crate) const RENDERED: [&str; 4] = [
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    ".isleconsumer.toml",
];

/// A folder that is gone after the test.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("create a folder")
}

pub(crate) fn template() -> Template {
    Template::of_this_repository().expect("find the template")
}

pub(crate) fn questions() -> Questions {
    template().questions().expect("read the questions")
}

/// What a program answered, text instead of bytes.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Answer {
    /// Fails the test unless the program ended well.
    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self
    }
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Answer {
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .output()
        .unwrap_or_else(|err| panic!("run {command:?}: {err}"));
    Answer {
        code: status.code(),
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

/// `scaffold new`, as `make new` calls it.
pub(crate) fn scaffold_new(name: &str, folder: &Path, answers: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scaffold"));
    command
        .arg("new")
        .arg(format!("--name={name}"))
        .arg("--folder")
        .arg(folder);
    for (question, answer) in answers {
        command.arg(format!("--{}={answer}", question.replace('_', "-")));
    }
    command
}

/// A service rendered by `scaffold new`.
#[track_caller]
pub(crate) fn rendered(name: &str, folder: &Path, answers: &[(&str, &str)]) -> PathBuf {
    run(&mut scaffold_new(name, folder, answers)).succeeded();
    folder.join(name)
}

/// The command-line cargo-generate, which most users have.
///
/// # Panics
///
/// When it is not there: `make tools` builds it.
pub(crate) fn cargo_generate() -> Command {
    let program = env::var_os("CARGO_GENERATE").map_or_else(
        || template().root().join("target/tools/bin/cargo-generate"),
        PathBuf::from,
    );
    assert!(
        program.exists(),
        "no cargo-generate at {}: run `make tools`, or set CARGO_GENERATE",
        program.display()
    );
    let mut command = Command::new(program);
    command.arg("generate");
    command
}

/// `cargo generate --path CLONE template --name NAME`, without a terminal.
pub(crate) fn generate_from_path(name: &str, folder: &Path, answers: &[(&str, &str)]) -> Command {
    let mut command = cargo_generate();
    command
        .arg("--path")
        .arg(template().root())
        .arg("template")
        .arg(format!("--name={name}"))
        .args(["--silent", "--vcs", "none", "--destination"])
        .arg(folder);
    for (question, answer) in answers {
        command.arg("--define").arg(format!("{question}={answer}"));
    }
    command
}

/// A file's content and whether it may be executed: all that git would keep.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) executable: bool,
    pub(crate) content: Vec<u8>,
}

// Without the content, which would fill pages when a comparison fails.
impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes, {:?}", self.content.len(), self.executable)
    }
}

impl File {
    pub(crate) fn read(path: &Path) -> Self {
        let mode = path.metadata().expect("stat a file").permissions().mode();
        Self {
            executable: mode & 0o111 != 0,
            content: fs::read(path).expect("read a file"),
        }
    }

    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.content).expect("the file is text")
    }
}

pub(crate) type Tree = BTreeMap<PathBuf, File>;

/// Every file below `root`, hidden ones too, by its path relative to `root`.
pub(crate) fn tree(root: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("list a folder") {
            let path = entry.expect("list a folder").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).expect("a path below the root");
                tree.insert(name.to_owned(), File::read(&path));
            }
        }
    }
    tree
}

/// What a service has to consist of: the files of template/ that git knows or would
/// add, without the twins.
pub(crate) fn template_tree() -> Tree {
    let service = template().service();
    let listed = run(Command::new("git").current_dir(&service).args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
    ]))
    .succeeded();
    listed
        .stdout
        .lines()
        .filter(|name| {
            Path::new(name)
                .extension()
                .is_none_or(|ext| ext != "liquid")
        })
        .map(|name| (PathBuf::from(name), File::read(&service.join(name))))
        .collect()
}

/// Fails the test with the names of the files that differ.
#[track_caller]
pub(crate) fn assert_same(left: &Tree, right: &Tree) {
    let names = left.keys().chain(right.keys());
    let differing = names
        .filter(|name| left.get(*name) != right.get(*name))
        .collect::<std::collections::BTreeSet<_>>();
    assert!(differing.is_empty(), "these files differ: {differing:?}");
}

/// What lies in a folder, by name.
pub(crate) fn listing(folder: &Path) -> Vec<String> {
    let mut names = fs::read_dir(folder)
        .expect("list a folder")
        .map(|entry| entry.expect("list a folder").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect::<Vec<_>>();
    names.sort();
    names
}
