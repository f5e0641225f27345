use std::{env, fs, os::unix::fs::MetadataExt as _, path::Path, process::Command, time::Duration};

use super::{
    command::{self, CommandError},
    say,
};

/// Installs Debian's RabbitMQ without the service that the package would start.
///
/// `policy-rc.d` is how Debian lets an administrator forbid it. There may be one already: it
/// comes back afterwards. The lock keeps a second installation from taking ours for it. The
/// script goes on when it is told to stop: half an installation is worse than a whole one.
const INSTALL: &str = r#"
set -eu
trap '' INT TERM HUP
exec 9>>/run/lock/spanconsumer-install.lock
flock 9
policy=/usr/sbin/policy-rc.d
kept=$policy.kept-by-spanconsumer
restore() {
    rm -f "$policy"
    [ ! -e "$kept" ] || mv "$kept" "$policy"
}
trap restore EXIT
[ ! -e "$policy" ] || mv "$policy" "$kept"
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 0755 "$policy"
export DEBIAN_FRONTEND=noninteractive
install() {
    apt-get -qq -o DPkg::Lock::Timeout=120 install -y --no-install-recommends rabbitmq-server >/dev/null
}
# A machine that was just set up has no package lists yet.
install 2>/dev/null || { apt-get -qq update && install; }
"#;

/// Usually less than a minute, mostly downloads.
const LIMIT: Duration = Duration::from_mins(10);

/// Installs RabbitMQ where nobody minds; `false` if this is not such a place.
///
/// Root in a container or in CI is on a machine that is thrown away. Anywhere else it is not
/// ours to change what is installed.
pub(super) fn rabbitmq() -> Result<bool, CommandError> {
    if !(is_root() && has_apt() && (in_container() || env::var_os("CI").is_some())) {
        return Ok(false);
    }
    say(format_args!(
        "rabbitmq-server is not installed: running apt-get install -y rabbitmq-server, \
         which takes a minute or two …"
    ));
    command::run(Command::new("sh").args(["-c", INSTALL]), LIMIT)?;
    Ok(true)
}

fn is_root() -> bool {
    // The folder belongs to the user that the process runs as.
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn has_apt() -> bool {
    Path::new("/usr/bin/apt-get").exists()
}

fn in_container() -> bool {
    // Docker's and Podman's mark; other engines and systemd-nspawn set the variable.
    ["/.dockerenv", "/run/.containerenv"]
        .iter()
        .any(|mark| Path::new(mark).exists())
        || ["container", "KUBERNETES_SERVICE_HOST"]
            .iter()
            .any(|name| env::var_os(name).is_some())
}
