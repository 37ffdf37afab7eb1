# shellcheck shell=bash
# common.sh - what the scripts here share that use an engine. Sourced, by whoever is run by with-engine; then the checkout is the working folder.
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
me=${0##*/}
top=$(mktemp -d "/tmp/gloss-$me.XXXXXX")
chmod 755 "$top"
compose=() # how this script calls docker compose, where it does

told() { echo "$SECONDS s: $*"; }
fail() {
    echo "$me: $*" >&2
    if ((${#compose[@]} > 0)); then
        "${compose[@]}" ps -a >&2 || :
        "${compose[@]}" logs --tail 30 >&2 || :
    fi
    exit 1
}
has() { grep -qF -- "$2" <<<"$1" || fail "\"$2\" is not in: $1"; }

# Waits until a command succeeds. Its limit is for what hangs.
await() { # WHAT COMMAND…
    local what=$1 until=$((SECONDS + 900))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < until)) || fail "waited in vain for: $what"
        sleep 0.5
    done
}

# A command of gloss; where it cannot reach a server or its database (status 5) this machine is only slow.
patiently() { # COMMAND…
    local status until=$((SECONDS + 900))
    while
        status=0
        "$@" || status=$?
        ((status == 5 && SECONDS < until))
    do sleep 1; done
    return "$status"
}

# The image, as everybody makes it; whatever was made before is found.
image() { # ARG…
    docker build -q -f docker/Dockerfile "$@" . >/dev/null || fail "the image does not build ($*)"
}

# A copy of the checkout, as it is or with the times and modes of somebody whom nobody may read.
elsewhere() { # FOLDER [OPTION of tar…]
    local folder=$1
    shift
    mkdir -p "$folder"
    tar -c --exclude ./.git . | tar -x -C "$folder" "$@"
}
