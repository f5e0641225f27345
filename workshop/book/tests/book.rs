//! The book is built, and what a reader would stumble over stops the build.

mod support;

use std::{fs, path::Path};

use tempfile::TempDir;

/// A book of one page and whatever else is given.
fn small_book(summary: &str, pages: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("src");
    fs::create_dir(&source).unwrap();
    fs::write(
        folder.path().join("book.toml"),
        "[book]\ntitle = \"Small\"\n[output.html]\nprint.enable = false\nsearch.enable = false\n",
    )
    .unwrap();
    fs::write(source.join("SUMMARY.md"), summary).unwrap();
    for (name, text) in pages {
        fs::write(source.join(name), text).unwrap();
    }
    folder
}

/// Why a book is not built; it is built where nobody else is.
fn refusal(book: &Path) -> String {
    let out = tempfile::tempdir().unwrap();
    let refused = book::build(book, out.path()).expect_err("the book is refused");
    format!("{refused:#}")
}

const ONE_PAGE: &str = "# Summary\n\n- [One](one.md)\n";

#[test]
fn the_book_is_built_and_every_link_in_it_leads_somewhere() {
    let out = tempfile::tempdir().unwrap();
    book::build(&support::root().join("docs"), out.path()).unwrap();
    for page in support::book() {
        let name = page
            .path
            .rsplit('/')
            .next()
            .unwrap()
            .replace(".md", ".html");
        let built = out.path().join(name);
        assert!(
            built.exists() || page.path.ends_with("SUMMARY.md"),
            "{}",
            page.path
        );
    }
}

#[test]
fn a_link_to_a_page_that_is_not_there_is_refused() {
    let book = small_book(ONE_PAGE, &[("one.md", "# One\n\n[Two](two.md)\n")]);
    let refusal = refusal(book.path());
    assert!(refusal.contains("one.html: two.html"), "{refusal}");
}

#[test]
fn a_link_to_a_heading_that_is_not_there_is_refused() {
    let text = "# One\n\n## Here\n\n[fine](one.md#here) [not](#there)\n";
    let book = small_book(ONE_PAGE, &[("one.md", text)]);
    let refusal = refusal(book.path());
    assert!(refusal.contains("one.html: #there"), "{refusal}");
    assert!(!refusal.contains("#here"), "{refusal}");
}

#[test]
fn a_link_out_of_the_book_is_refused() {
    let book = small_book(ONE_PAGE, &[("one.md", "# One\n\n[x](../../x.md)\n")]);
    let refusal = refusal(book.path());
    assert!(refusal.contains("one.html: ../../x.html"), "{refusal}");
}

#[test]
fn a_page_that_the_summary_does_not_list_is_refused() {
    let pages = [("one.md", "# One\n"), ("two.md", "# Two\n")];
    let book = small_book(ONE_PAGE, &pages);
    let refusal = refusal(book.path());
    assert!(
        refusal.contains("not listed in SUMMARY.md: two.md"),
        "{refusal}"
    );
}

#[test]
fn a_page_that_the_summary_lists_and_nobody_wrote_is_refused() {
    let book = small_book(ONE_PAGE, &[]);
    let refusal = refusal(book.path());
    assert!(refusal.contains("one.md"), "{refusal}");
    assert!(!book.path().join("src/one.md").exists());
}

#[test]
fn a_whole_book_is_not_refused() {
    let text = "# One\n\n[here](one.md), [there](https://example.org/nowhere)\n";
    let book = small_book(ONE_PAGE, &[("one.md", text)]);
    let out = tempfile::tempdir().unwrap();
    book::build(book.path(), out.path()).unwrap();
}
