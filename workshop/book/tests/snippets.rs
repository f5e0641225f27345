//! No Rust code in the book or the README escapes the compiler.

mod support;

use std::fs;

use support::{Page, book_and_readme, root, sources};

fn is_rust(info: &str) -> bool {
    info.split(',').next() == Some("rust")
}

fn is_ignored(info: &str) -> bool {
    info.split(',').any(|word| word == "ignore")
}

#[test]
fn every_page_with_rust_code_is_compiled() {
    let list = fs::read_to_string(root().join("workshop/book/src/snippets.rs")).unwrap();
    for page in book_and_readme() {
        let has_code = page.code_blocks().iter().any(|(info, _)| is_rust(info));
        assert_eq!(
            list.contains(&format!("\"{}\"", page.path)),
            has_code,
            "{}: src/snippets.rs lists the pages with Rust code and no others",
            page.path
        );
    }
}

#[test]
fn code_without_a_language_is_not_taken_for_rust() {
    for page in book_and_readme() {
        for (info, code) in page.code_blocks() {
            // rustdoc compiles a block that says nothing.
            assert!(
                !info.is_empty(),
                "{}: name the language of\n{code}",
                page.path
            );
        }
    }
}

/// What is not compiled here is compiled elsewhere: it has to stand in the template word for word.
#[test]
fn code_that_is_not_compiled_is_an_excerpt_of_the_template() {
    let sources: Vec<_> = ["template/src", "template/tests"]
        .iter()
        .flat_map(|folder| sources(folder, "rs"))
        .collect();
    let mut excerpts = 0;
    for Excerpt { path, code } in book_and_readme().iter().flat_map(ignored_blocks) {
        excerpts += 1;
        assert!(
            sources.iter().any(|(_, source)| source.contains(&code)),
            "{path} shows code that is not in the template any more; copy it anew:\n{code}"
        );
    }
    assert!(excerpts > 0);
}

struct Excerpt {
    path: String,
    code: String,
}

fn ignored_blocks(page: &Page) -> Vec<Excerpt> {
    page.code_blocks()
        .into_iter()
        .filter(|(info, _)| is_rust(info) && is_ignored(info))
        .map(|(_, code)| Excerpt {
            path: page.path.clone(),
            code,
        })
        .collect()
}
