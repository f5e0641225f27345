//! Builds the template's book and checks that it holds together.

mod links;
#[cfg(doctest)]
mod snippets;

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use mdbook_driver::{MDBook, book::BookItem, config::Config};

/// Builds the book whose `book.toml` lies in `book` into the folder `out`.
///
/// # Errors
///
/// When a page is missing, when one is not listed in `SUMMARY.md`, when a link of the built book
/// leads nowhere, or when a file can't be read or written.
pub fn build(book: &Path, out: &Path) -> anyhow::Result<()> {
    let mut config = Config::from_disk(book.join("book.toml"))?;
    // A page that is missing is a mistake, not a wish for an empty one.
    config.build.create_missing = false;
    config.build.build_dir = std::path::absolute(out).context("find the output folder")?;
    let source = book.join(&config.book.src);
    let built = MDBook::load_with_config(book, config)?;
    check_summary(&built, &source)?;
    built.build()?;
    links::check(out)
}

/// Finds pages that no reader would ever see.
fn check_summary(book: &MDBook, source: &Path) -> anyhow::Result<()> {
    let listed: BTreeSet<_> = book
        .iter()
        .filter_map(|item| match item {
            BookItem::Chapter(chapter) => chapter.source_path.clone(),
            _ => None,
        })
        .collect();
    let unlisted: Vec<_> = files_below(source, "md")?
        .into_iter()
        .filter(|page| page != Path::new("SUMMARY.md") && !listed.contains(page))
        .map(|page| page.display().to_string())
        .collect();
    if !unlisted.is_empty() {
        bail!("not listed in SUMMARY.md: {}", unlisted.join(", "));
    }
    Ok(())
}

/// Lists the files of one kind below a folder, by their path inside it.
fn files_below(folder: &Path, extension: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let entries = fs::read_dir(&next).with_context(|| format!("read {}", next.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension() == Some(OsStr::new(extension)) {
                found.push(path.strip_prefix(folder)?.to_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}
