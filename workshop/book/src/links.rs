//! Links inside the built book.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Component, Path, PathBuf},
};

use anyhow::{Context, bail};

use crate::files_below;

/// What a built page holds that matters here.
#[derive(Default)]
struct Page {
    links: Vec<String>,
    anchors: BTreeSet<String>,
}

/// Checks that every link from page to page finds its page and its heading.
///
/// The built pages are read, not the sources: whatever mdBook makes of a link is what a reader
/// follows.
pub(crate) fn check(out: &Path) -> anyhow::Result<()> {
    let mut pages = BTreeMap::new();
    for path in files_below(out, "html")? {
        // It is shown for any address, so its links have no place to start from.
        if path != Path::new("404.html") {
            let text = fs::read_to_string(out.join(&path))
                .with_context(|| format!("read {}", path.display()))?;
            pages.insert(path, page(&text));
        }
    }
    let mut broken = Vec::new();
    for (path, page) in &pages {
        for link in &page.links {
            if !resolves(path, link, &pages, out) {
                broken.push(format!("{}: {link}", path.display()));
            }
        }
    }
    if !broken.is_empty() {
        bail!("links that lead nowhere:\n  {}", broken.join("\n  "));
    }
    Ok(())
}

fn resolves(from: &Path, link: &str, pages: &BTreeMap<PathBuf, Page>, out: &Path) -> bool {
    // Other sites are theirs to keep.
    if link.contains("://") || link.starts_with("mailto:") {
        return true;
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = if file.is_empty() {
        from.to_owned()
    } else {
        plain(&from.with_file_name(file))
    };
    match pages.get(&target) {
        Some(page) => anchor.is_empty() || page.anchors.contains(anchor),
        None => out.join(&target).is_file(),
    }
}

/// Takes `.` and `..` out of a path; one that leads out of the book is kept and not found.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if plain.pop() => {}
            other => plain.push(other),
        }
    }
    plain
}

/// Reads the `href`, `src` and `id` attributes of a page's tags.
fn page(html: &str) -> Page {
    let mut page = Page::default();
    for tag in html.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap_or_default();
        for name in ["href", "src"] {
            page.links
                .extend(attribute(tag, name).map(|link| link.replace("&amp;", "&")));
        }
        page.anchors
            .extend(attribute(tag, "id").map(ToOwned::to_owned));
    }
    page
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    rest.split('"').next()
}
