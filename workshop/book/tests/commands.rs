//! Commands and files that the pages name are there.

mod support;

use std::{collections::BTreeSet, fs};

use pulldown_cmark::{Event, Tag};
use support::{Page, book, root};

/// Pages of the book that speak of the repository's Makefile as well as of a service's.
const OF_BOTH: [&str; 3] = [
    "docs/src/getting-started.md",
    "docs/src/scaffolding.md",
    "docs/src/rendering.md",
];

fn targets(makefile: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(root().join(makefile)).unwrap();
    let targets: BTreeSet<_> = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .filter(|(name, rest)| !rest.starts_with('=') && is_target(name))
        .map(|(name, _)| name.to_owned())
        .collect();
    assert!(targets.contains("help"), "{makefile}: {targets:?}");
    targets
}

fn is_target(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '-')
}

/// A target that follows the word `make`.
struct Call {
    target: String,
    /// A `cd` stands before it in the same block.
    elsewhere: bool,
}

fn calls(page: &Page) -> Vec<Call> {
    let blocks = page.code_blocks().into_iter();
    let shell = blocks
        .filter(|(info, _)| info == "sh")
        .map(|(_, code)| code);
    let mut calls = Vec::new();
    for code in shell.chain(page.inline_code()) {
        let mut elsewhere = false;
        for line in code.lines() {
            let command = line.split('#').next().unwrap_or_default();
            elsewhere |= command.starts_with("cd ");
            let mut words = command.split_whitespace();
            if words.any(|word| word == "make")
                && let Some(target) = words.next()
            {
                let target = target.to_owned();
                calls.push(Call { target, elsewhere });
            }
        }
    }
    calls
}

#[test]
fn every_make_target_that_a_page_names_is_in_its_makefile() {
    let repository = targets("Makefile");
    let service = targets("template/Makefile");
    let both = &repository | &service;
    let mut pages = book();
    pages.extend(["README.md", "template/README.md"].map(Page::read));
    let mut missing = Vec::new();
    for page in &pages {
        for Call { target, elsewhere } in calls(page) {
            let makefile = match page.path.as_str() {
                "README.md" if elsewhere => &service,
                "README.md" => &repository,
                path if OF_BOTH.contains(&path) => &both,
                _ => &service,
            };
            if !makefile.contains(&target) {
                missing.push(format!("{}: make {target}", page.path));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn the_readme_names_every_target_that_make_help_lists() {
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let readme = Page::read("README.md");
    let called: BTreeSet<_> = calls(&readme).into_iter().map(|call| call.target).collect();
    let listed = makefile
        .lines()
        .filter_map(|line| line.split_once(':'))
        .filter(|(name, rest)| rest.contains("## ") && is_target(name));
    let missing: Vec<_> = listed
        .map(|(name, _)| name)
        .filter(|name| *name != "help" && !called.contains(*name))
        .collect();
    assert!(missing.is_empty(), "README.md does not name {missing:?}");
}

#[test]
fn every_file_that_a_readme_links_to_is_there() {
    for path in ["README.md", "template/README.md"] {
        let page = Page::read(path);
        let folder = root().join(path).parent().unwrap().to_owned();
        for event in page.events() {
            let Event::Start(Tag::Link { dest_url, .. }) = event else {
                continue;
            };
            let target = dest_url.split('#').next().unwrap();
            assert!(
                target.contains("://") || folder.join(target).exists(),
                "{path}: {dest_url}"
            );
            if target.is_empty() {
                let heading = dest_url.trim_start_matches('#').replace('-', " ");
                let headings = page.text.to_lowercase();
                assert!(
                    headings.contains(&format!("# {heading}\n")),
                    "{path}: {dest_url}"
                );
            }
        }
    }
}
