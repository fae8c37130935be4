#!/usr/bin/env bash
# CPython 3.14 and 3.15, for a machine that has neither: a newer Debian in a folder, made once and kept.
#
#     tools/python-chroot.sh make                       make the folder, if it is not there yet (3 minutes, 1.4 GB)
#     tools/python-chroot.sh run VERSION COMMAND...     run a command in a copy of this clone there
#     tools/python-chroot.sh path VERSION               where that copy is, as seen from here
#     tools/python-chroot.sh --machine arm64 ...        the same for Debian's arm64, which QEMU emulates (slow)
#
# VERSION is 3.14 or 3.15. The copy is brought up to date first, and `make` is given a virtual environment of that
# version: `run 3.14 make .venv/ready`, `run 3.15 make cpython-tests MODULES=test_json`, `run 3.14 .venv/bin/python`.
# It ends with the exit status of the command.
#
# The folder is $PYKCOV_CHROOT, else ~/.cache/pykcov/forky (forky-arm64). Needs root, a Debian with debootstrap and
# rsync, and its ordinary mirror; for another machine qemu-user-static and binfmt-support, too. What is mounted is mounted in a namespace of its own: nothing is left when the command has ended,
# however it ended.
set -euo pipefail

SUITE=forky
MACHINE=
if [ "${1:-}" = --machine ] && [ $# -ge 2 ]; then
    MACHINE=$2
    shift 2
fi
FOLDER=${PYKCOV_CHROOT:-${XDG_CACHE_HOME:-$HOME/.cache}/pykcov/$SUITE${MACHINE:+-$MACHINE}}
CLONE=$(cd "$(dirname "$0")/.." && pwd)
# The tests of the standard library are packages of their own; CPython's need a locale, a time zone and zip files.
PACKAGES="
    python3.14 python3.14-dev python3.14-venv
    python3.15 python3.15-dev python3.15-venv
    gcc g++ clang libclang-rt-dev libc6-dev make git ca-certificates procps tzdata locales-all
"
# CPython's own tests would take days under emulation, and half an hour to be installed.
[ -n "$MACHINE" ] || PACKAGES+="libpython3.14-testsuite libpython3.15-testsuite"

die() {
    echo "python-chroot: $*" >&2
    exit 2
}

mirror() {
    apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' 'Origin: Debian' 'Component: main' |
        grep -v security | head -n 1
}

# Root's view of the folder: commands in it see the processes, devices and shared memory of a machine, and no others.
inside() {
    unshare --mount --pid --fork --kill-child -- bash -c '
        set -e
        folder=$1
        shift
        mount -t proc proc "$folder/proc"
        mount --rbind /dev "$folder/dev"
        mount -t tmpfs shm "$folder/dev/shm"
        mount -t tmpfs tmp "$folder/tmp"
        exec chroot "$folder" "$@"
    ' bash "$FOLDER" "$@"
}

# What pip needs to reach the same index as here; folders that it looks into here do not exist there.
environment() {
    env | grep -E '^(https?_proxy|HTTPS?_PROXY|no_proxy|NO_PROXY|CI|EXAMPLES|PYTHON_JIT)=' || true
    echo "PIP_CERT=/etc/ssl/certs/ca-certificates.crt"
    echo "PIP_INDEX_URL=$(python3 -m pip config get global.index-url 2>/dev/null || echo https://pypi.org/simple)"
    echo "PIP_DISABLE_PIP_VERSION_CHECK=1"
    echo "PIP_ROOT_USER_ACTION=ignore"
    echo "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    echo "HOME=/root"
    echo "LANG=C.UTF-8"
    echo "TERM=${TERM:-dumb}"
}

# The kernel starts the programs of another machine by an emulator that is registered with it.
check_machine() {
    case $MACHINE in
        "") return ;;
        arm64) ;;
        *) die "--machine arm64 is the only one that is known, not '$MACHINE'" ;;
    esac
    [ "$(uname --machine)" = aarch64 ] || [ -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ] ||
        die "this kernel does not run programs for arm64: apt-get install qemu-user-static binfmt-support"
}

make_folder() {
    [ -e "$FOLDER/.made" ] && return
    command -v debootstrap > /dev/null || die "debootstrap is missing: apt-get install debootstrap rsync"
    case $FOLDER in
        "" | / | "$HOME" | "$CLONE") die "$FOLDER is no folder to make a system in" ;;
    esac
    [ ! -e "$FOLDER" ] || [ -e "$FOLDER/.being-made" ] || die "$FOLDER exists and was not made by this script"
    rm -rf --one-file-system "$FOLDER"
    mkdir -p "$FOLDER"
    touch "$FOLDER/.being-made"
    # An older debootstrap does not know the suite; the script is the same for all of them.
    debootstrap ${MACHINE:+--arch="$MACHINE"} --variant=minbase "$SUITE" "$FOLDER" "$(mirror)" /usr/share/debootstrap/scripts/sid
    # Nothing in there is a service; and what is installed is to be read by nobody.
    printf 'path-exclude=/usr/share/%s/*\n' doc man locale info > "$FOLDER/etc/dpkg/dpkg.cfg.d/small"
    inside env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends $PACKAGES
    inside apt-get clean
    mv "$FOLDER/.being-made" "$FOLDER/.made"
}

# One copy a clone and version: what is built and installed in it stays.
copy_of() {
    echo "/root/$(printf %s "$CLONE" | cksum | cut -d ' ' -f 1)-$1/pykcov"
}

run() {
    local version=$1
    shift
    make_folder
    # The certificates and the names of hosts are those of this machine.
    cp /etc/ssl/certs/ca-certificates.crt "$FOLDER/etc/ssl/certs/ca-certificates.crt"
    cp /etc/resolv.conf /etc/hosts "$FOLDER/etc/"
    local copy
    copy=$(copy_of "$version")
    mkdir -p "$FOLDER$copy"
    # What git ignores is neither copied nor deleted.
    rsync --archive --delete --filter=':- .gitignore' "$CLONE/" "$FOLDER$copy/"
    local variables
    mapfile -t variables < <(environment)
    # `make` takes PYTHON from the environment.
    inside env --ignore-environment "${variables[@]}" "PYTHON=python$version" \
        bash -c 'cd "$1" && shift && exec "$@"' bash "$copy" "$@"
}

check_machine
case ${1:-} in
    make) make_folder ;;
    path) echo "$FOLDER$(copy_of "${2:?path of which version?}")" ;;
    run)
        case ${2:-} in
            3.14 | 3.15) [ $# -ge 3 ] || die "run $2 what?" ;;
            *) die "run 3.14 or run 3.15, not '${2:-}'" ;;
        esac
        shift
        run "$@"
        ;;
    *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" && exit 2 ;;
esac
