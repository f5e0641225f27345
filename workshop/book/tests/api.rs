//! What the framework offers to users stands in the book.

mod support;

use std::fs;

use support::{Page, root};

/// Files of the framework, each with the page that lists their public functions.
const LISTED: [(&str, &str); 7] = [
    ("message/headers.rs", "processors.md"),
    ("message/incoming.rs", "processors.md"),
    ("message/outgoing.rs", "processors.md"),
    ("processor/options.rs", "service.md"),
    ("service/mod.rs", "service.md"),
    ("topology/options.rs", "queues.md"),
    ("testing/client.rs", "testing.md"),
];

/// The names behind `pub fn` and `pub async fn`; constructors that Rust always calls `new` aside.
fn public_functions(source: &str) -> Vec<&str> {
    let lines = source.lines().map(str::trim);
    lines
        .filter_map(|line| line.strip_prefix("pub ")?.split_once("fn "))
        .filter(|(before, _)| before.is_empty() || *before == "async ")
        .filter_map(|(_, rest)| rest.split(['(', '<']).next())
        .filter(|name| *name != "new")
        .collect()
}

/// A function is named with what follows its name in a call, or alone in code.
fn names(page: &Page, function: &str) -> bool {
    let code = page.code_blocks().into_iter().map(|(_, code)| code);
    code.chain(page.inline_code()).any(|code| {
        code == function
            || code.match_indices(function).any(|(at, _)| {
                let (before, after) = (&code[..at], &code[at + function.len()..]);
                !before.ends_with(|c: char| c.is_alphanumeric() || c == '_')
                    && (after.starts_with('(') || after.starts_with("::<"))
            })
    })
}

#[test]
fn every_public_function_is_on_its_page() {
    let mut missing = Vec::new();
    for (file, page) in LISTED {
        let source = root().join("template/spanconsumer/src").join(file);
        let source = fs::read_to_string(source).unwrap();
        let functions = public_functions(&source);
        assert!(!functions.is_empty(), "{file}");
        let page = Page::read(&format!("docs/src/{page}"));
        let unnamed = functions.into_iter().filter(|name| !names(&page, name));
        missing.extend(unnamed.map(|name| format!("{}: {name} of {file}", page.path)));
    }
    assert!(missing.is_empty(), "{missing:#?}");
}
