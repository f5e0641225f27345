//! A TCP proxy in front of the broker that does what networks do.

use lapin::uri::AMQPUri;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::broker_url;

/// What the proxy does with a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// Passes everything on.
    Pass,
    /// Accepts, and closes at once.
    Refuse,
    /// Accepts, and never says a word.
    Silent,
}

/// A way to the broker that can be cut. It ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    url: String,
    mode: watch::Sender<Mode>,
    accepted: watch::Receiver<usize>,
    _end: DropGuard,
}

impl Proxy {
    /// Begins to listen on a free port of the loopback interface.
    ///
    /// # Panics
    ///
    /// When there is no broker or no port.
    pub async fn start(mode: Mode) -> Self {
        let mut uri: AMQPUri = broker_url()
            .await
            .parse()
            .expect("the broker has an AMQP URL");
        let broker = format!("{}:{}", uri.authority.host, uri.authority.port);
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let address = listener.local_addr().expect("the listener has an address");
        uri.authority.host = address.ip().to_string();
        uri.authority.port = address.port();
        let (mode, modes) = watch::channel(mode);
        let (count, accepted) = watch::channel(0);
        let end = CancellationToken::new();
        tokio::spawn(end.clone().run_until_cancelled_owned(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else {
                    return;
                };
                count.send_modify(|count| *count += 1);
                tokio::spawn(serve(client, broker.clone(), modes.clone()));
            }
        }));
        Self {
            url: url(&uri),
            mode,
            accepted,
            _end: end.drop_guard(),
        }
    }

    /// Returns the broker's URL by way of the proxy.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends all connections, or lets them hang when the mode is [`Mode::Silent`]; new ones meet the
    /// same mode.
    pub fn cut(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Waits until `count` connections have been accepted in all.
    ///
    /// # Panics
    ///
    /// When the proxy has ended.
    pub async fn accepted(&self, count: usize) {
        let mut accepted = self.accepted.clone();
        accepted
            .wait_for(|accepted| *accepted >= count)
            .await
            .expect("the proxy runs");
    }
}

async fn serve(mut client: TcpStream, broker: String, mut modes: watch::Receiver<Mode>) {
    let mode = *modes.borrow_and_update();
    if mode == Mode::Pass
        && let Ok(mut broker) = TcpStream::connect(broker).await
    {
        tokio::select! {
            // However it ends, both ends are closed.
            _ = copy_bidirectional(&mut client, &mut broker) => return,
            _ = modes.changed() => {}
        }
        // `broker` is closed here, which the client does not learn while the proxy is silent.
    }
    say_nothing_while_silent(&mut modes).await;
}

/// Holds a connection open without a word for as long as the proxy is silent.
async fn say_nothing_while_silent(modes: &mut watch::Receiver<Mode>) {
    // An error means that the proxy is gone, and ends the connection as well.
    let _ = modes.wait_for(|mode| *mode != Mode::Silent).await;
}

fn url(uri: &AMQPUri) -> String {
    let user = &uri.authority.userinfo;
    // The virtual host is empty or begins after the slash; the default one is a slash itself.
    let vhost = uri.vhost.replace('/', "%2f");
    format!(
        "amqp://{}:{}@{}:{}/{vhost}",
        user.username, user.password, uri.authority.host, uri.authority.port
    )
}
