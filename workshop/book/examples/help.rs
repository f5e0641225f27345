//! Reads the settings as a service does; the tests ask it for `--help`.

fn main() {
    let settings = spanconsumer::Settings::parse("example", "0.0.0");
    println!("{settings:?}");
}
