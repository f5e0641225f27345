//! One node of the broker.

use std::fmt;
use std::str::FromStr;

use lapin::uri::AMQPUri;

/// The address of one node of the broker, with the credentials for it.
///
/// `Debug` and `Display` leave the password out.
#[derive(Clone)]
pub struct Node(AMQPUri);

/// Heartbeats are asked for this often, in seconds, unless the URL says otherwise; a peer that is
/// silent for two of them counts as gone. RabbitMQ suggests 5 to 20; its own default of 60 would
/// leave a dead connection unnoticed for two minutes.
const HEARTBEAT: u16 = 10;

impl Node {
    pub(super) fn from_parts(parts: &Parts) -> Self {
        let mut uri = AMQPUri {
            vhost: parts.vhost.clone(),
            ..AMQPUri::default()
        };
        uri.authority.host.clone_from(&parts.host);
        uri.authority.port = parts.port;
        uri.authority.userinfo.username.clone_from(&parts.user);
        uri.authority.userinfo.password.clone_from(&parts.password);
        uri.query.heartbeat = Some(HEARTBEAT);
        Self(uri)
    }

    pub(crate) fn uri(&self) -> &AMQPUri {
        &self.0
    }
}

/// A node's address, piece by piece.
pub(super) struct Parts {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) vhost: String,
    pub(super) user: String,
    pub(super) password: String,
}

/// Why a text is no node's address. Holds no part of the text, which may be a password.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}; expected amqp://user:password@host:port/vhost")]
pub struct InvalidNode(&'static str);

impl FromStr for Node {
    type Err = InvalidNode;

    fn from_str(text: &str) -> Result<Self, InvalidNode> {
        let (scheme, _) = text.split_once("://").ok_or(InvalidNode("not a URL"))?;
        match scheme {
            "amqp" => {}
            "amqps" if cfg!(feature = "tls") => {}
            "amqps" => {
                return Err(InvalidNode(
                    "amqps needs the service to be built with the cargo feature `tls`",
                ));
            }
            _ => return Err(InvalidNode("the scheme is neither amqp nor amqps")),
        }
        // The parser's own error may quote a part of the URL, so it is dropped on purpose.
        let mut uri =
            AMQPUri::from_str(text).map_err(|_quotes_the_url| InvalidNode("not an AMQP URL"))?;
        if uri.vhost.is_empty() {
            // What a slash at the end means, and hardly ever what is meant.
            return Err(InvalidNode(
                "the virtual host is empty: leave out the slash at the end, or write %2f behind it \
                 for the default one",
            ));
        }
        uri.query.heartbeat.get_or_insert(HEARTBEAT);
        Ok(Self(uri))
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AMQPUri {
            scheme,
            authority,
            vhost,
            ..
        } = &self.0;
        // As it is written in a URL, where the default virtual host is %2f.
        let vhost = vhost.replace('/', "%2f");
        write!(
            f,
            "{scheme}://{}@{}:{}/{vhost}",
            authority.userinfo.username, authority.host, authority.port
        )
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        let node: Node = "amqp://app:s3cret@rabbit:5673/orders".parse().unwrap();
        assert_eq!(node.to_string(), "amqp://app@rabbit:5673/orders");
        assert!(!format!("{node:?}").contains("s3cret"));
        let node: Node = "amqp://rabbit".parse().unwrap();
        assert_eq!(node.to_string(), "amqp://guest@rabbit:5672/%2f");
    }

    #[test]
    fn an_error_quotes_nothing_of_the_url() {
        for wrong in [
            "app:s3cret@rabbit",
            "http://app:s3cret@rabbit",
            "amqp://app:s3cret@rabbit:port",
            "amqp://app:s3cret@rabbit/?heartbeat=s3cret",
            "amqp://app:s3cret@rabbit/",
        ] {
            let error = wrong.parse::<Node>().unwrap_err().to_string();
            assert!(!error.contains("s3cret"), "{error}");
            assert!(error.contains("expected amqp://"), "{error}");
        }
    }

    #[test]
    fn without_tls_an_amqps_url_is_refused_with_the_way_out() {
        let parsed = "amqps://rabbit".parse::<Node>();
        if cfg!(feature = "tls") {
            assert!(parsed.is_ok());
        } else {
            assert!(parsed.unwrap_err().to_string().contains("feature `tls`"));
        }
    }

    #[test]
    fn heartbeats_are_asked_for_unless_the_url_says_otherwise() {
        let node: Node = "amqp://rabbit".parse().unwrap();
        assert_eq!(node.uri().query.heartbeat, Some(10));
        let node: Node = "amqp://rabbit/orders?heartbeat=30".parse().unwrap();
        assert_eq!(node.uri().query.heartbeat, Some(30));
    }
}
