/// A reason why there is no broker to test with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrokerError {
    /// `AMQP_URL` is set, but holds no broker's address; it is not shown, for it may hold a password.
    #[error("AMQP_URL holds no address that begins with amqp:// or amqps://")]
    InvalidUrl,

    /// No way led to a broker. The message says what was tried and what would help.
    #[error(
        "no RabbitMQ broker to test with; tried:\n{}\none of these gives one:\n{}",
        list(tried),
        ways(image)
    )]
    Unavailable {
        /// The image that a container would have been made of.
        image: String,
        /// What was tried, each with the reason why it failed.
        tried: Vec<String>,
    },
}

fn list(tried: &[String]) -> String {
    let lines: Vec<_> = tried
        .iter()
        .map(|line| format!("  - {}", line.trim_end().replace('\n', "\n    ")))
        .collect();
    lines.join("\n")
}

fn ways(image: &str) -> String {
    format!(
        "  1. a broker that runs: export AMQP_URL=amqp://user:password@host:5672/%2f\n  \
           2. a Docker engine (and the docker command) that can pull {image}, \
              or RABBITMQ_IMAGE set to an image that it can pull\n  \
           3. a Docker engine, and root on Linux with debootstrap or apt-get: \
              the image is built from Debian's packages\n  \
           4. an installed RabbitMQ: sudo apt-get install -y rabbitmq-server \
              (root in a container or with CI set: done without asking)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_names_what_failed_and_every_way() {
        let error = BrokerError::Unavailable {
            image: "rabbitmq:4.3-management".into(),
            tried: vec![
                "a container: no engine\nanswers".into(),
                "a private node: none".into(),
            ],
        };
        assert_eq!(
            error.to_string(),
            "no RabbitMQ broker to test with; tried:\n  \
               - a container: no engine\n    answers\n  \
               - a private node: none\n\
             one of these gives one:\n  \
               1. a broker that runs: export AMQP_URL=amqp://user:password@host:5672/%2f\n  \
               2. a Docker engine (and the docker command) that can pull rabbitmq:4.3-management, \
                  or RABBITMQ_IMAGE set to an image that it can pull\n  \
               3. a Docker engine, and root on Linux with debootstrap or apt-get: \
                  the image is built from Debian's packages\n  \
               4. an installed RabbitMQ: sudo apt-get install -y rabbitmq-server \
                  (root in a container or with CI set: done without asking)"
        );
    }
}
