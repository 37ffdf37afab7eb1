#!/bin/sh
# install.sh - installs the Debian packages for a purpose, and only those that are missing.
#
#   usage: install.sh build|run|test|all…      test includes build and run; all includes test
#
# Says nothing where nothing is missing, and then needs neither network nor privilege.
set -eu
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)

say() { echo "install: $*" >&2; }
die() { say "$*"; exit 1; }

release=
# shellcheck source=/dev/null
[ ! -r /etc/os-release ] || release=$(. /etc/os-release && [ "${ID:-}" = debian ] && echo "${VERSION_ID:-}") || :
case $release in
    12 | 13) ;;
    *) if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
        die "this is not Debian 12 or 13. Install the counterparts of the packages in service/deps/packages by hand, then build with 'cmake --preset release'."
    fi ;;
esac

purposes=
for purpose in "${@:-build}"; do
    case $purpose in
        build | run) purposes="$purposes $purpose" ;;
        test) purposes="$purposes build run test" ;;
        all) purposes="$purposes build run test all" ;;
        *) die "no purpose '$purpose'; there are build, run, test and all" ;;
    esac
done

# Unknown releases (a derivative, say) get the newest one's names.
packages=$(awk -v wanted="$purposes " -v release="${release:-13}" '
    $1 !~ /^#/ && index(wanted, " " $1 " ") && ($2 == "any" || $2 == release) { for (i = 3; i <= NF; i++) print $i }' \
    "$here/packages" | sort -u)

# Any server from 15 on will do, wherever it came from.
has_server() {
    for postgres in /usr/lib/postgresql/*/bin/postgres; do
        major=${postgres#/usr/lib/postgresql/}
        [ -x "$postgres" ] && [ "${major%%[!0-9]*}" -ge 15 ] && return 0
    done
    return 1
}

missing=
for package in $packages; do
    [ "$package" != postgresql ] || ! has_server || continue
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || :)
    [ "$status" != installed ] || continue
    missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "missing packages:$missing. Ask an administrator to run: apt-get install$missing"
    # Without a terminal sudo must not wait for a password that nobody can type.
    if [ -t 0 ]; then as_root=sudo; else as_root="sudo -n"; fi
    $as_root true || die "missing packages:$missing. sudo did not let you install them; ask an administrator to run: apt-get install$missing"
fi

# Debian's postgresql would make and start a cluster of its own. Gloss has a private one and leaves the machine's alone, so
# where the package comes in through us, and nobody has said otherwise, that cluster is not made.
case " $missing " in
    *" postgresql "*)
        if [ ! -e /etc/postgresql-common/createcluster.conf ] && [ ! -d /etc/postgresql-common/createcluster.d ]; then
            $as_root mkdir -p /etc/postgresql-common/createcluster.d
            printf '%s\n' '# Written by Gloss before it installed postgresql: it uses a private cluster.' 'create_main_cluster = false' |
                $as_root tee /etc/postgresql-common/createcluster.d/gloss.conf >/dev/null
        fi ;;
esac

log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() { $as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -qq -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120 "$@" >"$log" 2>&1; }
say "installing$missing"
try=1
# shellcheck disable=SC2086
until apt update && apt install --yes --no-install-recommends $missing; do
    tail -n 8 "$log" >&2
    grep -q 'No space left' "$log" && die "the disk is full; make room (about 700 MB), then start again"
    [ $try -lt 3 ] || die "apt could not install$missing. Check the network and /etc/apt/sources.list, then start again."
    try=$((try + 1))
    say "trying again"
    sleep 3
done
