#!/bin/sh
# `make deploy`: installs an archive on a device over ssh, and shows what `verify` says there.
#
#   sh deploy/deploy.sh ARCHIVE.tar USER@HOST [OPTION OF install]...
#
# Only files that the device lacks are sent; they stay there in ~/.cache/edgeproof, so that an
# update sends edgeproof and no NumPy. $SSH_OPTIONS goes to ssh, such as "-p 2222 -i key".
# shellcheck disable=SC2016  # $HOME is the one over there
set -eu

say() { printf 'edgeproof: %s\n' "$*" >&2; }
fail() {
    printf 'edgeproof: error: %s\n' "$*" >&2
    exit 4
}

[ $# -ge 2 ] || {
    say "error: expected an archive and USER@HOST: make deploy PI=pi@raspberrypi.local"
    exit 2
}
archive=$1 host=$2
shift 2
case $host in -* | '') say "error: PI: expected USER@HOST, got '$host'" && exit 2 ;; esac

work=$(mktemp -d "${TMPDIR:-/tmp}/edgeproof.XXXXXX")
finish() {
    ssh -o ControlPath="$work/ssh" -O exit "$host" 2>/dev/null || :
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

# One connection for all of it: a password is asked for once.
remote() {
    # shellcheck disable=SC2086  # options are words
    ssh -o ConnectTimeout=15 -o ServerAliveInterval=15 -o ControlMaster=auto \
        -o ControlPath="$work/ssh" -o ControlPersist=60 ${SSH_OPTIONS:-} "$host" "$@"
}

# Runs the script on stdin there, by sh whatever the login shell is.
script() { remote sh -s; }

# Runs `install` there; its own words and exit code are enough, but a lost connection has none.
install_there() {
    echo "sh \"\$HOME/.cache/edgeproof/deploy/install\" $options $1" | script && return
    code=$?
    [ "$code" != 255 ] || fail "$host: the connection was lost"
    exit "$code"
}

# Sends the files named on stdin, one a line, with the modes that they have.
send() { tar -C "$files" -cf - -T - | remote 'tar -C "$HOME/.cache/edgeproof/deploy" -xf -'; }

mkdir "$work/archive"
tar -C "$work/archive" -xf "$archive" || fail "$archive cannot be read"
files=$(echo "$work"/archive/*)

echo 'mkdir -p "$HOME/.cache/edgeproof/deploy"' | script || fail "$host: no way in; ssh's reason is above"
(cd "$files" && ls -d install about SHA256SUMS README.txt requirements-*) | send ||
    fail "$host: files could not be sent"

# Quoted for the shell there.
options=''
for option in "$@"; do
    options="$options '$(printf %s "$option" | sed "s/'/'\\\\''/g")'"
done

# Before megabytes are sent: would it run there at all?
install_there --check

script >"$work/there" <<'REMOTE' || fail "$host: what is there could not be compared"
cd "$HOME/.cache/edgeproof/deploy"
find . -type f ! -name SHA256SUMS | sed 's|^\./||' | while read -r file; do
    grep -qF "  $file" SHA256SUMS || rm -f "$file"
done
sha256sum --check SHA256SUMS 2>/dev/null | sed -n 's/: OK$//p'
REMOTE
sed 's/^[0-9a-f]*  //' "$files/SHA256SUMS" | sort >"$work/all"
sort "$work/there" | comm -23 "$work/all" - >"$work/lacking"
if [ -s "$work/lacking" ]; then
    size_kb=$(cd "$files" && tr '\n' '\0' <"$work/lacking" | du -ck --files0-from=- | tail -n 1 | cut -f 1)
    say "sending $(wc -l <"$work/lacking") of $(wc -l <"$work/all") files, $size_kb kB, to $host"
    send <"$work/lacking" || fail "$host: files could not be sent; the card may be full: df -h"
else
    say "$host has all files already"
fi

install_there --restart
