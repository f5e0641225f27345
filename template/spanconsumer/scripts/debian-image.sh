#!/usr/bin/env bash
# Builds a RabbitMQ image from Debian's packages, for engines that can't pull one.
#
#   debian-image.sh IMAGE           builds IMAGE unless the engine has it already
#   debian-image.sh --suite IMAGE   prints the Debian suite that it would be built from
#
# Needs root on Linux, a Docker engine, and Debian's archive as apt reaches it. What it
# gives behaves like the official image where tests look: RABBITMQ_* variables pass
# through, RABBITMQ_ERLANG_COOKIE is honoured, guest may log in from outside, management
# and Prometheus are on, the log goes to stdout, rabbitmqctl works.
#
# The program is one function called in the last line: it may be piped into `bash -s`, and
# nothing that it runs can then eat the rest of the program.

set -euo pipefail

# The caller's stderr; the steps write to a log, of which only a failure shows the end.
exec 8>&2
say() { printf 'debian-image: %s\n' "$*" >&8; }
fail() {
    say "$*"
    exit 1
}

# The tag's version decides; each suite holds one RabbitMQ: bookworm 3.10, trixie 4.0,
# forky 4.3 or newer.
suite_of() {
    local last=${1##*/} tag=latest
    case $last in *:*) tag=${last##*:} ;; esac
    case $tag in
        3 | 3[.-]*) echo bookworm ;;
        4.0 | 4.0[.-]*) echo trixie ;;
        *) echo forky ;;
    esac
}

# Runs a step in a process group of its own and waits for it, so that a signal to this
# script is handled at once and ends the step together with everything it started.
step=
run() {
    set -m
    "$@" </dev/null &
    step=$!
    set +m
    local code=0
    wait "$step" || code=$?
    step=
    return "$code"
}

work=
built=
# shellcheck disable=SC2329 # called by the trap
clean_up() {
    local code=$?
    trap '' INT TERM HUP
    if [ -n "$step" ]; then
        kill -TERM -- "-$step" 2>/dev/null || true
        wait "$step" 2>/dev/null || true
    fi
    if [ -n "$work" ]; then
        [ -n "$built" ] || [ "$code" -gt 128 ] || tail -n 15 "$work/log" >&8 || true
        # Lazily, deepest first: a process that is still leaving must not keep a mount, and
        # rm must never run into a mounted /proc or /dev.
        local mounts
        mounts=$(awk -v root="$work/root/" 'index($2, root) == 1 { print $2 }' /proc/self/mounts | sort -r)
        while read -r mount; do
            [ -z "$mount" ] || umount -l "$mount" || true
        done <<<"$mounts"
        rm -rf --one-file-system "$work" || say "can't remove $work"
    fi
    exit "$code"
}

install_debootstrap() {
    if command -v debootstrap >/dev/null && [ -e /usr/share/keyrings/debian-archive-keyring.gpg ]; then
        return
    fi
    command -v apt-get >/dev/null || fail "debootstrap is not installed, and there is no apt-get to install it"
    say "installing debootstrap"
    local install=(apt-get -qq -o DPkg::Lock::Timeout=120 install -y --no-install-recommends
        debootstrap debian-archive-keyring)
    export DEBIAN_FRONTEND=noninteractive
    run "${install[@]}" && return
    # A machine that was just set up has no package lists yet.
    run apt-get -qq update || true
    run "${install[@]}"
}

bootstrap() {
    local suite=$1 root=$2
    # An older debootstrap does not know a newer suite, but all of them are built alike; the
    # folder is copied because the system's own must not change.
    cp -a /usr/share/debootstrap "$work/debootstrap"
    [ -e "$work/debootstrap/scripts/$suite" ] || ln -s sid "$work/debootstrap/scripts/$suite"
    # _apt must be able to enter the new root.
    mkdir -p "$root"
    chmod 0755 "$work" "$root"
    DEBOOTSTRAP_DIR="$work/debootstrap" run debootstrap --variant=minbase "$suite" "$root"
}

install_rabbitmq() {
    local root=$1
    # No service may start during the installation, and documentation is of no use here.
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 0755 "$root/usr/sbin/policy-rc.d"
    # A build that a crash has interrupted starts anew, so nothing needs to be flushed to disk.
    {
        printf 'path-exclude=/usr/share/%s/*\n' doc man info locale lintian
        echo force-unsafe-io
    } >"$root/etc/dpkg/dpkg.cfg.d/small"
    # The host's way to the archive (a proxy, say) is the image's while it is built.
    local proxy
    proxy=$(apt-config shell p Acquire::http::Proxy 2>/dev/null || true)
    proxy=${proxy#p=}
    proxy=${proxy//\'/}
    # A mirror may serve a frozen copy of a suite, whose index has expired.
    local options=(-q -o Acquire::Check-Valid-Until=false -o APT::Sandbox::User=root)
    [ -z "$proxy" ] || options+=(-o "Acquire::http::Proxy=$proxy")
    export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
    run chroot "$root" apt-get "${options[@]}" update
    run chroot "$root" apt-get "${options[@]}" install -y --no-install-recommends rabbitmq-server
}

configure() {
    local root=$1
    mkdir -p "$root/etc/rabbitmq/conf.d"
    # Every connection to a container comes from outside.
    echo 'loopback_users.guest = false' >"$root/etc/rabbitmq/conf.d/10-defaults.conf"
    echo '[rabbitmq_management,rabbitmq_prometheus].' >"$root/etc/rabbitmq/enabled_plugins"
    cat >"$root/usr/local/bin/docker-entrypoint.sh" <<'ENTRYPOINT'
#!/bin/sh
# Runs RabbitMQ as its own user, with the cookie that the cluster's nodes share.
set -eu
home=/var/lib/rabbitmq
if [ "$(id -u)" = 0 ] && [ "${1:-}" = rabbitmq-server ]; then
    if [ -n "${RABBITMQ_ERLANG_COOKIE:-}" ]; then
        (umask 077 && printf %s "$RABBITMQ_ERLANG_COOKIE" >"$home/.erlang.cookie")
    fi
    find "$home" \! -user rabbitmq -exec chown rabbitmq:rabbitmq '{}' +
    exec setpriv --reuid=rabbitmq --regid=rabbitmq --init-groups "$@"
fi
exec "$@"
ENTRYPOINT
    chmod 0755 "$root/usr/local/bin/docker-entrypoint.sh"
    # A cookie or a node's data made during the installation would be the same in every container.
    rm -rf "$root"/var/lib/rabbitmq/.erlang.cookie "$root"/var/lib/rabbitmq/mnesia "$root"/var/log/rabbitmq/*
}

shrink() {
    local root=$1
    rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/*.log "$root"/var/log/apt \
        "$root"/usr/share/{doc,man,info,locale,lintian}/* "$root"/usr/sbin/policy-rc.d "$root"/etc/resolv.conf \
        "$root"/etc/hostname "$root"/tmp/* "$root"/var/tmp/*
}

# shellcheck disable=SC2329 # called through run
import() {
    local root=$1 image=$2 suite=$3 plugins
    # The plain rabbitmq-plugins does not find them where Debian has them.
    plugins=("$root"/usr/lib/rabbitmq/lib/rabbitmq_server-*/plugins)
    # The engine's own default for PATH lacks RabbitMQ's folder, where the plain scripts are:
    # Debian's wrappers in /usr/sbin send the log to a file. HOME lets root read the cookie.
    local changes=(
        --change "ENV PATH=/usr/lib/rabbitmq/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        --change "ENV HOME=/var/lib/rabbitmq LANG=C.UTF-8 RABBITMQ_LOGS=- RABBITMQ_PLUGINS_DIR=${plugins[0]#"$root"}"
        --change "LABEL spanconsumer.built-from=debian-$suite"
        --change "EXPOSE 4369 5671 5672 15672 15692 25672"
        --change "VOLUME /var/lib/rabbitmq"
        --change 'ENTRYPOINT ["docker-entrypoint.sh"]'
        --change 'CMD ["rabbitmq-server"]'
    )
    tar --one-file-system --numeric-owner -C "$root" -cf - . | docker import "${changes[@]}" - "$image"
}

main() {
    if [ "${1:-}" = --suite ]; then
        suite_of "${2:?IMAGE is missing}"
        exit
    fi
    local image=${1:?IMAGE is missing} suite
    suite=$(suite_of "$image")
    [ "$(uname -s)" = Linux ] || fail "needs Linux"
    [ "$(id -u)" = 0 ] || fail "needs root"
    command -v docker >/dev/null || fail "docker is not installed"

    # Whoever comes second waits here, and then finds the image.
    local lock=/run/lock
    [ -w "$lock" ] || lock=${TMPDIR:-/tmp}
    exec 9>>"$lock/spanconsumer-debian-image.lock"
    flock 9
    if docker image inspect "$image" >/dev/null 2>&1; then
        exit
    fi

    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    trap 'exit 129' HUP
    work=$(mktemp -d "${TMPDIR:-/tmp}/debian-image.XXXXXX")
    local log=$work/log root=$work/root

    # Not in a condition: there, a failed step inside a function would not end the script.
    {
        install_debootstrap
        bootstrap "$suite" "$root"
        install_rabbitmq "$root"
        configure "$root"
        shrink "$root"
        run import "$root" "$image" "$suite"
    } >>"$log" 2>&1
    built=yes
}

main "$@"
exit
