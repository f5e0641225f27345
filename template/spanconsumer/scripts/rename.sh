#!/bin/sh
# Renames the service: package, lock file, README, answers file, and the folder
# when it bears the old name. Everything is written beside its place, checked,
# and moved at the end; a failure at any point leaves the service as it was.
#
#   rename.sh NAME      exit code 0, 2 for a bad name, 1 for any other failure

set -eu
# Byte by byte, so that [a-z] means these letters only.
LC_ALL=C
export LC_ALL

root=$(cd "$(dirname "$0")/../.." && pwd -P)
new=${1-}
work=  # the folder of the new and old files
todo=  # files with a new text
moved= # files that may have it already

say() {
    printf '%s\n' "$*" >&2
}

refuse() {
    say "make name: $*"
    exit 2
}

fail() {
    say "make name: $*"
    exit 1
}

# --- the rule for names: the same as in the template's hooks/name.rhai

check_name() {
    case $new in
    '') refuse "no name given. Usage: make name n=billing" ;;
    *[!a-z0-9-]* | [!a-z]* | *-- | *--* | *-)
        # Without the name: it may hold anything, line breaks too.
        refuse "the name is not in kebab case. Use lower-case letters, digits and single hyphens, a letter first: order-mailer."
        ;;
    esac
    [ "${#new}" -le 63 ] || refuse "the name has ${#new} characters. Use at most 63."
    case $new in
    # Strict and reserved keywords of edition 2024.
    abstract | as | async | await | become | box | break | const | continue | crate | do | dyn | \
        else | enum | extern | false | final | fn | for | gen | if | impl | in | let | loop | \
        macro | match | mod | move | mut | override | priv | pub | ref | return | self | static | \
        struct | super | trait | true | try | type | typeof | unsafe | unsized | use | virtual | \
        where | while | yield)
        refuse "'$new' is a keyword of Rust. Choose another, such as $new-service."
        ;;
    # Crates of the toolchain, folders below target/, programs of the template.
    alloc | core | proc-macro | std | test | build | deps | examples | incremental | service | with-broker)
        refuse "'$new' is reserved: Rust, Cargo or the template use it. Choose another, such as $new-consumer."
        ;;
    esac
    if packages | grep -Fqx -- "$new"; then
        refuse "'$new' is taken by a package that the service depends on. Choose another, such as $new-service."
    fi
}

# Every name that a second package must not have: those of the lock file, and what
# the manifest calls its direct dependencies. Rust takes `_` and `-` for one.
packages() {
    {
        sed -n 's/^name = "\(.*\)"$/\1/p' Cargo.lock | grep -Fvx -- "$old" || :
        awk '
            /^\[/ {
                inside = /dependencies\][ \t]*$/
                if (match($0, /dependencies\.[A-Za-z0-9_-]+\]/)) {
                    name = substr($0, RSTART + 13, RLENGTH - 14)
                    print name
                }
                next
            }
            inside && match($0, /^[A-Za-z0-9_-]+/) { print substr($0, RSTART, RLENGTH) }
        ' Cargo.toml
    } | tr _ -
}

# --- the new files

# Replaces the one line that `awk` program $2 finds in $1 by $3, in the copy under
# $work/new; the program sets `hit` on that line.
edit() {
    cp -p "$1" "$work/new/$1"
    old="$old" line="$3" awk "
        { hit = 0 }
        $2
        hit { print ENVIRON[\"line\"]; found++; next }
        { print }
        END { exit (found != 1) }
    " "$1" >"$work/new/$1" || fail "$1 does not name the package '$old' in the one place where it should. Nothing was changed."
    todo="$todo $1"
}

# The awk programs read their variables from the environment.
# shellcheck disable=SC2016
write_files() {
    edit Cargo.toml '
        /^\[/ { section = $0 }
        section == "[package]" && $0 == "name = \"" ENVIRON["old"] "\"" { hit = 1 }
    ' "name = \"$new\""
    # The root package is the one of that name; no other can bear it.
    edit Cargo.lock '
        before == "[[package]]" && $0 == "name = \"" ENVIRON["old"] "\"" { hit = 1 }
        { before = $0 }
    ' "name = \"$new\""
    edit .isleconsumer.toml '
        /^\[/ { section = $0 }
        section == "[answers]" && /^name = / { hit = 1 }
    ' "name = \"$new\""
    # Only the title: anywhere else the old name may be a word like any other.
    if [ -f README.md ] && [ "$(sed -n 1p README.md)" = "# $old" ]; then
        edit README.md 'NR == 1 { hit = 1 }' "# $new"
    else
        say "make name: README.md does not begin with '# $old': it stays as it is."
    fi
}

# --- all or nothing

# Puts the old files back; runs at every exit, after a signal too.
restore() {
    code=$?
    trap '' HUP INT TERM
    for file in $moved; do
        if ! mv -f "$work/old/$file" "$file"; then
            say "make name: $file could not be restored; its old text is in $root/$work/old"
            exit 1
        fi
    done
    [ -z "$work" ] || rm -rf "$work"
    exit "$code"
}

move_files() {
    for file in $todo; do
        cp -p "$file" "$work/old/$file"
    done
    for file in $todo; do
        # Noted first: restoring a file that was not moved yet does no harm.
        moved="$moved $file"
        mv -f "$work/new/$file" "$file" || fail "$file can't be replaced. Nothing was changed."
    done
    # From here on it is done or undone by one rename, which no signal may divide.
    trap '' HUP INT TERM
    if [ "$target" != "$root" ]; then
        mv "$root" "$target" || fail "the folder can't be renamed to $target. Nothing was changed."
    fi
    moved=
}

cd "$root"
for file in Cargo.toml Cargo.lock .isleconsumer.toml; do
    [ -f "$file" ] || fail "$root has no $file: this is not a service of the template."
done
old=$(awk '
    /^\[/ { section = $0 }
    section == "[package]" && /^name = ".*"$/ { print substr($0, 9, length($0) - 9); exit }
' Cargo.toml)
[ -n "$old" ] || fail "Cargo.toml has no [package] with a name. Nothing was changed."

if [ "$new" = "$old" ]; then
    say "make name: the service is named $new already; nothing to do."
    exit 0
fi
check_name

target=$root
if [ "$(basename "$root")" = "$old" ]; then
    target=$(dirname "$root")/$new
    if [ -e "$target" ] || [ -L "$target" ]; then
        fail "$target exists already. Nothing was changed."
    fi
fi

trap restore EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
# Inside the service: a move within one file system is a rename. And relative, as
# the service itself is renamed.
work=$(mktemp -d .rename.XXXXXX) || fail "no file can be written in $root. Nothing was changed."
mkdir "$work/old" "$work/new"
write_files
move_files

say "Renamed $old to $new."
[ "$target" = "$root" ] || say "The folder is $target now: cd ../$new"
say "Queues on a broker keep their names; src/queues.rs says which the service uses."
