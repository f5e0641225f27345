//! Commands and files that the pages name are there.

mod support;

use std::{collections::BTreeSet, fs};

use pulldown_cmark::{Event, Tag};
use support::{Page, book, root};

/// Pages that speak of the repository's Makefile as well as of a service's.
const OF_BOTH: [&str; 4] = [
    "README.md",
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

/// The targets that follow the word `make`, in code.
fn called(page: &Page) -> Vec<String> {
    let blocks = page.code_blocks().into_iter();
    let shell = blocks
        .filter(|(info, _)| info == "sh")
        .map(|(_, code)| code);
    let code = shell.chain(page.inline_code());
    let mut called = Vec::new();
    for line in code.flat_map(|code| code.lines().map(str::to_owned).collect::<Vec<_>>()) {
        let command = line.split('#').next().unwrap_or_default();
        let mut words = command.split_whitespace();
        if words.any(|word| word == "make")
            && let Some(target) = words.next()
        {
            called.push(target.to_owned());
        }
    }
    called
}

fn missing(page: &Page, targets: &BTreeSet<String>) -> Vec<String> {
    let called = called(page).into_iter();
    called
        .filter(|target| !targets.contains(target))
        .map(|target| format!("{}: make {target}", page.path))
        .collect()
}

#[test]
fn every_make_target_that_a_page_names_is_in_its_makefile() {
    let service = targets("template/Makefile");
    let both = &targets("Makefile") | &service;
    let mut pages = book();
    pages.extend(["README.md", "template/README.md"].map(Page::read));
    let missing: Vec<_> = pages
        .iter()
        .flat_map(|page| {
            let of_both = OF_BOTH.contains(&page.path.as_str());
            missing(page, if of_both { &both } else { &service })
        })
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn the_readmes_list_of_targets_is_the_makefiles() {
    let readme = Page::read("README.md");
    let called: BTreeSet<_> = called(&readme).into_iter().collect();
    for target in targets("Makefile") {
        assert!(
            target == "help" || called.contains(&target),
            "README.md does not name make {target}"
        );
    }
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
