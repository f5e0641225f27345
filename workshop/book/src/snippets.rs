//! Every page with Rust code, so that `cargo test --doc` compiles it and, where it says nothing
//! else, runs it. A test holds this list against the pages.

macro_rules! pages {
    ($($name:ident: $path:literal,)*) => {
        $(#[doc = include_str!(concat!("../../../", $path))] pub struct $name;)*
    };
}

pages! {
    Readme: "README.md",
    GettingStarted: "docs/src/getting-started.md",
    Processors: "docs/src/processors.md",
    Service: "docs/src/service.md",
    Queues: "docs/src/queues.md",
    Testing: "docs/src/testing.md",
}
