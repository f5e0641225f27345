//! What the template's hooks say when they refuse.

/// The mark in front of a reason; hooks/init.rhai and hooks/pre.rhai write it.
const MARK: &str = "refused: ";

/// Finds the reason in cargo-generate's error, which wraps it in file names and positions.
pub(crate) fn reason(error: &str) -> Option<&str> {
    error
        .lines()
        .find_map(|line| line.trim_start().strip_prefix(MARK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_found_in_the_midst_of_an_error() {
        let error = "Failed: init.rhai: Runtime error: \n\n  refused: no.\n\n (line 9)";
        assert_eq!(reason(error), Some("no."));
        assert_eq!(reason("Failed: something else"), None);
    }
}
