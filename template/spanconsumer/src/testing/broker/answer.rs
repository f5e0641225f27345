use std::{
    io::{self, Read as _, Write as _},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

/// What a client says first; AMQP 0-9-1, section 4.2.2.
const PROTOCOL_HEADER: &[u8; 8] = b"AMQP\x00\x00\x09\x01";
/// The type of the frame that a broker answers with; AMQP 0-9-1, section 4.2.3.
const METHOD_FRAME: u8 = 1;

/// Waits until a broker speaks AMQP at `host` and `port`; `false` once `gave_up` says so.
///
/// An open port is not enough: the engine opens a container's port before the broker in it
/// listens.
pub(super) fn wait(host: &str, port: u16, limit: Duration, gave_up: impl Fn() -> bool) -> bool {
    let begun = Instant::now();
    while !gave_up() && begun.elapsed() < limit {
        if speaks_amqp(host, port).is_ok_and(|speaks| speaks) {
            return true;
        }
        thread::sleep(Duration::from_millis(50));
    }
    false
}

fn speaks_amqp(host: &str, port: u16) -> io::Result<bool> {
    let mut stream = TcpStream::connect(format!("{host}:{port}"))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.write_all(PROTOCOL_HEADER)?;
    let mut kind = [0];
    stream.read_exact(&mut kind)?;
    Ok(kind == [METHOD_FRAME])
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn answering(answer: &'static [u8]) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.read_exact(&mut [0; 8]).unwrap();
            stream.write_all(answer).unwrap();
        });
        port
    }

    #[test]
    fn a_broker_is_recognised_by_its_first_frame() {
        assert!(speaks_amqp("127.0.0.1", answering(b"\x01\x00\x00")).unwrap());
    }

    #[test]
    fn something_else_behind_the_port_is_no_broker() {
        assert!(!speaks_amqp("127.0.0.1", answering(b"HTTP/1.1 400")).unwrap());
        assert!(speaks_amqp("127.0.0.1", answering(b"")).is_err());
    }
}
