//! Names that a service may have, and names that it may not, with part of the reason.

use std::sync::LazyLock;

pub(crate) static LONGEST: LazyLock<String> = LazyLock::new(|| "a".repeat(63));
static TOO_LONG: LazyLock<String> = LazyLock::new(|| "a".repeat(64));

pub(crate) fn good() -> Vec<&'static str> {
    vec![
        "a",
        "orders",
        "order-mailer",
        "a1-2b-3",
        "x2y",
        // Only part of them is a keyword, a package or a reserved name.
        "fn-service",
        "tokio-orders",
        "services",
        "core-2",
        "def",
        "eld",
        &LONGEST,
    ]
}

pub(crate) fn bad() -> Vec<(&'static str, &'static str)> {
    let mut bad = vec![
        ("", "name"),
        (&*TOO_LONG, "64 characters"),
        ("service", "reserved"),
        ("with-broker", "reserved"),
    ];
    for name in [
        "123abc", "1", "é", "orderé", "Foo_Bar", "foo_bar", "Orders", "-a", "a-", "a--b", "a.b",
        "a b", " a", "../a", "a/b", ".", "a\nb", "a$b",
    ] {
        bad.push((name, "kebab case"));
    }
    for name in [
        "fn", "as", "async", "while", "gen", "yield", "abstract", "type", "true", "self",
    ] {
        bad.push((name, "keyword"));
    }
    for name in [
        "test",
        "core",
        "std",
        "alloc",
        "proc-macro",
        "deps",
        "build",
        "examples",
        "incremental",
    ] {
        bad.push((name, "reserved"));
    }
    // A direct dependency, one with an underscore, and one that only the lock file names.
    for name in [
        "tokio",
        "serde",
        "spanconsumer",
        "serde-json",
        "lapin",
        "bytes",
    ] {
        bad.push((name, "depends on"));
    }
    bad
}
