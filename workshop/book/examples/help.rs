//! Reads the settings as a service does; the tests ask it for `--help`.

fn main() {
    spanconsumer::Settings::parse("example", "0.0.0");
}
