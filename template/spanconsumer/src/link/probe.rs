//! Asking a peer whether it speaks AMQP, at the cost of one short connection.

use std::io;

use lapin::uri::{AMQPScheme, AMQPUri};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a client says first: AMQP 0-9-1, section 2.2.4.
const PROTOCOL_HEADER: &[u8; 8] = b"AMQP\x00\x00\x09\x01";

/// Waits until a peer has said its first byte.
///
/// lapin can't be told to give up: an attempt that is dropped half way keeps its thread and its
/// socket for as long as the peer says nothing. So a peer that has kept an attempt waiting is asked
/// in this way first, which leaves nothing behind when it is dropped.
///
/// Of a peer that speaks TLS only the TCP connection is tried: it says nothing to a client that
/// does not begin.
pub(super) async fn answers(uri: &AMQPUri) -> io::Result<()> {
    let authority = &uri.authority;
    let mut peer = TcpStream::connect((authority.host.as_str(), authority.port)).await?;
    if uri.scheme == AMQPScheme::AMQP {
        peer.write_all(PROTOCOL_HEADER).await?;
        peer.read_u8().await?;
    }
    Ok(())
}
