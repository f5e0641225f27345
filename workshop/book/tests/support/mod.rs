//! The pages and what stands in them.

#![allow(
    dead_code,
    reason = "each test binary compiles its own copy and uses a part of it"
)]

use std::{
    fs,
    path::{Path, PathBuf},
};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A page, by its path in the repository.
pub(crate) struct Page {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Page {
    pub(crate) fn read(path: &str) -> Self {
        let text = fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
        Self {
            path: path.to_owned(),
            text,
        }
    }

    pub(crate) fn events(&self) -> impl Iterator<Item = Event<'_>> {
        Parser::new_ext(&self.text, Options::ENABLE_TABLES)
    }

    /// Fenced code, with what stands behind the fence.
    pub(crate) fn code_blocks(&self) -> Vec<(String, String)> {
        let mut blocks = Vec::new();
        let mut inside = false;
        for event in self.events() {
            match event {
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                    blocks.push((info.to_string(), String::new()));
                    inside = true;
                }
                Event::Text(text) if inside => blocks.last_mut().unwrap().1.push_str(&text),
                Event::End(TagEnd::CodeBlock) => inside = false,
                _ => {}
            }
        }
        blocks
    }

    /// Code within a sentence.
    pub(crate) fn inline_code(&self) -> Vec<String> {
        self.events()
            .filter_map(|event| match event {
                Event::Code(code) => Some(code.to_string()),
                _ => None,
            })
            .collect()
    }

    /// The cells of every table, row by row, as they are written.
    pub(crate) fn rows(&self) -> Vec<Vec<String>> {
        let lines = self.text.lines().filter(|line| line.starts_with('|'));
        lines
            .map(|line| {
                let cells = line.trim_matches('|').split('|');
                cells.map(|cell| cell.trim().to_owned()).collect()
            })
            .collect()
    }
}

/// All pages of the book.
pub(crate) fn book() -> Vec<Page> {
    let mut pages: Vec<_> = sources("docs/src", "md")
        .into_iter()
        .map(|(path, text)| {
            let name = path.file_name().unwrap().to_str().unwrap();
            let path = format!("docs/src/{name}");
            Page { path, text }
        })
        .collect();
    pages.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(pages.len() > 5, "the book has pages");
    pages
}

/// The book and the repository's README.
pub(crate) fn book_and_readme() -> Vec<Page> {
    let mut pages = book();
    pages.push(Page::read("README.md"));
    pages
}

/// The files of one kind below a folder of the repository, with their text.
pub(crate) fn sources(folder: &str, extension: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found
}
