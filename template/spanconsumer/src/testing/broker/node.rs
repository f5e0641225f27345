use std::{
    env, fs, io,
    net::TcpListener,
    os::unix::{fs::DirBuilderExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::{
    Broker, BrokerOrigin, answer,
    command::{self, CommandError},
    install,
    lifeline::Lifeline,
    say,
};

/// Ends the node's process group, which it is told, and removes its folder `$1`.
///
/// With SIGKILL: an orderly stop takes seconds and saves data that nobody will read. The wait
/// is bounded, because in a container whose first process collects no orphans the group
/// stays as dead entries in the process table.
const GUARD: &str = r#"
read -r group
read -r word
if [ -n "$group" ]; then
    kill -s KILL -- "-$group"
    tries=20
    while [ "$tries" -gt 0 ] && kill -s 0 -- "-$group"; do
        tries=$((tries - 1))
        sleep 0.05 || sleep 1
    done
fi
rm -rf -- "$1"
"#;

/// Runs the node (`$@`) and the name service for Erlang's distribution in one process group.
///
/// Not before a line has come: the guard has to know the group first. The node would start a
/// name service by itself, but one that leaves the group and lives on.
const LAUNCH: &str = r#"
read -r go || exit
epmd </dev/null &
until epmd -names; do kill -0 $! || exit; done
exec "$@" </dev/null
"#;

/// The file in the node's folder that holds what it writes.
const OUTPUT: &str = "output";

/// Usually 5 s; a loaded machine needs a multiple of it.
const START_LIMIT: Duration = Duration::from_mins(2);

/// Where the plain server is. Debian's own in /usr/sbin changes the user and wants to be root.
const FOLDERS: [&str; 4] = [
    "/usr/lib/rabbitmq/bin",
    "/opt/homebrew/sbin",
    "/usr/local/sbin",
    "/usr/sbin",
];

#[derive(Debug, thiserror::Error)]
pub(super) enum NodeError {
    #[error("rabbitmq-server is not installed")]
    NotInstalled,
    #[error("apt-get could not install rabbitmq-server")]
    Install(#[source] CommandError),
    #[error("its folder or its ports could not be had")]
    Prepare(#[source] io::Error),
    #[error("{} could not be run", .program.display())]
    Run {
        program: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} ended or did not answer; its last words:\n{log}", .program.display())]
    Start { program: PathBuf, log: String },
}

/// Starts a node of its own; installs RabbitMQ where nobody minds.
pub(super) fn start() -> Result<Broker, NodeError> {
    let program = match find() {
        Some(program) => program,
        None if install::rabbitmq().map_err(NodeError::Install)? => {
            find().ok_or(NodeError::NotInstalled)?
        }
        None => return Err(NodeError::NotInstalled),
    };
    let folder = private_folder().map_err(NodeError::Prepare)?;
    let mut lifeline = match Lifeline::tie(GUARD, &folder.to_string_lossy()) {
        Ok(lifeline) => lifeline,
        Err(error) => {
            let _ = fs::remove_dir_all(&folder);
            return Err(NodeError::Prepare(error));
        }
    };
    let [port, dist_port, epmd_port] = free_ports().map_err(NodeError::Prepare)?;
    configure(&folder).map_err(NodeError::Prepare)?;

    say(format_args!("starting RabbitMQ ({}) …", program.display()));
    let run_error = |source| NodeError::Run {
        program: program.clone(),
        source,
    };
    let log = fs::File::create(folder.join(OUTPUT)).map_err(NodeError::Prepare)?;
    let mut command = Command::new("sh");
    command.args(["-c", LAUNCH, "node"]).arg(&program);
    set_environment(&mut command, &folder, [port, dist_port, epmd_port]);
    let mut child = command
        .current_dir(&folder)
        .stdin(Stdio::piped())
        .stdout(log.try_clone().map_err(run_error)?)
        .stderr(log)
        .process_group(0)
        .spawn()
        .map_err(run_error)?;
    let go = child.stdin.take();
    let group = child.id().to_string();
    let ended = reap(child);
    lifeline.tell(&group).map_err(run_error)?;
    // The line that the launcher waits for.
    io::Write::write_all(
        &mut go.ok_or_else(|| run_error(io::ErrorKind::BrokenPipe.into()))?,
        b"go\n",
    )
    .map_err(run_error)?;

    if !answer::wait("127.0.0.1", port, START_LIMIT, || {
        ended.load(Ordering::Relaxed)
    }) {
        let log = fs::read(folder.join(OUTPUT)).unwrap_or_default();
        let log = command::tail(&String::from_utf8_lossy(&log));
        return Err(NodeError::Start { program, log });
    }
    Ok(Broker {
        url: format!("amqp://guest:guest@127.0.0.1:{port}/%2f"),
        origin: BrokerOrigin::Node { program },
        _lifeline: Some(lifeline),
    })
}

fn find() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let [plain, other @ ..] = FOLDERS.map(PathBuf::from);
    [plain]
        .into_iter()
        .chain(env::split_paths(&path))
        .chain(other)
        .map(|folder| folder.join("rabbitmq-server"))
        .find(|program| program.is_file())
}

/// Makes a folder that nobody else can enter; it is going to hold the node's cookie.
fn private_folder() -> io::Result<PathBuf> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let name = format!("spanconsumer-broker-{}-{:x}", process::id(), now.as_nanos());
    let folder = env::temp_dir().join(name);
    fs::DirBuilder::new().mode(0o700).create(&folder)?;
    Ok(folder)
}

/// Ports for AMQP, for Erlang's distribution, and for its name service.
///
/// All are held until all are known, or the same one might be given twice.
fn free_ports() -> io::Result<[u16; 3]> {
    let listen = || TcpListener::bind("127.0.0.1:0");
    let listeners = [listen()?, listen()?, listen()?];
    let mut ports = [0; 3];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}

fn configure(folder: &Path) -> io::Result<()> {
    for subfolder in ["conf.d", "log", "data"] {
        fs::create_dir(folder.join(subfolder))?;
    }
    // A machine that is nearly full is good enough for a test.
    fs::write(
        folder.join("rabbitmq.conf"),
        "disk_free_limit.absolute = 50MB\n",
    )?;
    fs::write(folder.join("enabled_plugins"), "[].\n")?;
    fs::write(folder.join("env.conf"), "")
}

/// Keeps the node away from everything that belongs to the machine's own RabbitMQ.
fn set_environment(command: &mut Command, folder: &Path, [port, dist_port, epmd_port]: [u16; 3]) {
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("RABBITMQ_") {
            command.env_remove(name);
        }
    }
    let paths = [
        // Erlang looks for its cookie there.
        ("HOME", ""),
        ("RABBITMQ_MNESIA_BASE", "data"),
        ("RABBITMQ_LOG_BASE", "log"),
        ("RABBITMQ_PLUGINS_EXPAND_DIR", "plugins"),
        ("RABBITMQ_GENERATED_CONFIG_DIR", "config"),
        ("RABBITMQ_SCHEMA_DIR", "schema"),
        ("RABBITMQ_PID_FILE", "pid"),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", "enabled_plugins"),
        ("RABBITMQ_CONFIG_FILE", "rabbitmq.conf"),
        ("RABBITMQ_CONFIG_FILES", "conf.d"),
        ("RABBITMQ_ADVANCED_CONFIG_FILE", "advanced.config"),
        ("RABBITMQ_CONF_ENV_FILE", "env.conf"),
    ];
    for (name, path) in paths {
        command.env(name, folder.join(path));
    }
    command
        .env("RABBITMQ_LOGS", "-")
        .env(
            "RABBITMQ_NODENAME",
            format!("spanconsumer-{port}@localhost"),
        )
        .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_NODE_PORT", port.to_string())
        .env("RABBITMQ_DIST_PORT", dist_port.to_string())
        .env(
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            "-kernel inet_dist_use_interface {127,0,0,1}",
        )
        .env("ERL_EPMD_PORT", epmd_port.to_string())
        .env("ERL_EPMD_ADDRESS", "127.0.0.1");
}

/// Collects the child when it ends; else its group would not be gone until this process is.
fn reap(mut child: Child) -> Arc<AtomicBool> {
    let ended = Arc::new(AtomicBool::new(false));
    thread::spawn({
        let ended = Arc::clone(&ended);
        move || {
            // The only error: somebody else has waited for it already.
            let _ = child.wait();
            ended.store(true, Ordering::Relaxed);
        }
    });
    ended
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_different_ports_are_found() {
        let [a, b, c] = free_ports().unwrap();
        assert!(a != b && b != c && a != c);
    }

    #[test]
    fn the_machines_own_settings_do_not_reach_the_node() {
        let mut command = Command::new("env");
        set_environment(&mut command, Path::new("/private"), [1, 2, 3]);
        let environment: Vec<_> = command
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_str()?, value?.to_str()?)))
            .collect();
        assert!(environment.contains(&("RABBITMQ_CONFIG_FILES", "/private/conf.d")));
        assert!(environment.contains(&("RABBITMQ_NODE_PORT", "1")));
        assert!(environment.contains(&("RABBITMQ_DIST_PORT", "2")));
        assert!(environment.contains(&("ERL_EPMD_PORT", "3")));
    }
}
