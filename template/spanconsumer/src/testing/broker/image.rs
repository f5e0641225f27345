use std::{env, fmt};

/// A current RabbitMQ with the management plugin, from the official image.
const DEFAULT: &str = "rabbitmq:4.3-management";

/// The name of a container image, apart from its tag or digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ImageName {
    pub(super) name: String,
    pub(super) tag: String,
}

impl ImageName {
    /// Reads `RABBITMQ_IMAGE`.
    pub(super) fn from_env() -> Self {
        let image = env::var("RABBITMQ_IMAGE").unwrap_or_default();
        Self::parse(match image.trim() {
            "" => DEFAULT,
            image => image,
        })
    }

    /// Splits at the colon of the tag or digest, not at the one of a registry's port.
    fn parse(image: &str) -> Self {
        let path = image.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match image[path..].rfind(':') {
            Some(colon) => (&image[..path + colon], &image[path + colon + 1..]),
            None => (image, "latest"),
        };
        Self {
            name: name.to_owned(),
            tag: tag.to_owned(),
        }
    }

    /// Whether Debian's RabbitMQ may stand in for the image.
    ///
    /// Under any other name it would pass for something that it is not, and a digest can't
    /// be given to an image.
    pub(super) fn may_be_built(&self) -> bool {
        self.name.rsplit('/').next() == Some("rabbitmq")
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_split(image: &str, name: &str, tag: &str) {
        let parsed = ImageName::parse(image);
        assert_eq!((parsed.name.as_str(), parsed.tag.as_str()), (name, tag));
    }

    #[test]
    fn a_tag_is_split_off() {
        assert_split(DEFAULT, "rabbitmq", "4.3-management");
        assert_split("library/rabbitmq:3", "library/rabbitmq", "3");
    }

    #[test]
    fn a_port_is_no_tag() {
        assert_split(
            "localhost:5000/rabbitmq",
            "localhost:5000/rabbitmq",
            "latest",
        );
        assert_split(
            "localhost:5000/a/rabbitmq:4.0",
            "localhost:5000/a/rabbitmq",
            "4.0",
        );
    }

    #[test]
    fn a_digest_stays_whole() {
        let image = "rabbitmq:4.3@sha256:0123abcd";
        assert_split(image, "rabbitmq:4.3@sha256", "0123abcd");
        assert_eq!(ImageName::parse(image).to_string(), image);
    }

    #[test]
    fn only_an_image_called_rabbitmq_is_built() {
        for image in [DEFAULT, "localhost:5000/mirror/rabbitmq:4"] {
            assert!(ImageName::parse(image).may_be_built(), "{image}");
        }
        for image in [
            "localhost:5000/our-broker:1",
            "rabbitmq@sha256:0123abcd",
            "rabbitmq/tool:1",
        ] {
            assert!(!ImageName::parse(image).may_be_built(), "{image}");
        }
    }
}
