#!/usr/bin/env bash
# CPython 3.13 without the GIL, for a machine that has none: built from Debian's source package once, and kept.
#
#     tools/free-threaded.sh make                  build it, if it is not there yet (10 minutes, 1 GB)
#     tools/free-threaded.sh run COMMAND...        run a command of a virtual environment that has this clone in it
#
# `run python -m pytest tests/core` runs the tests of the core; with PYTHON_GIL=0 whatever is imported. The virtual
# environment gets what the tests need, as far as there are wheels; `.free-threaded/missing` names what there is not.
#
# The folder is $PYKCOV_FREE_THREADED, else ~/.cache/pykcov/free-threaded. Needs a Debian with a C compiler and its
# ordinary mirror, of which only the source is taken, from the release that has 3.13.
set -euo pipefail

SUITE=trixie
FOLDER=${PYKCOV_FREE_THREADED:-${XDG_CACHE_HOME:-$HOME/.cache}/pykcov/free-threaded}
CLONE=$(cd "$(dirname "$0")/.." && pwd)

mirror() {
    apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' 'Origin: Debian' 'Component: main' |
        grep -v security | head -n 1
}

# apt with lists of its own: nothing of the machine's changes.
fetch_source() {
    mkdir -p lists
    echo "deb-src $(mirror) $SUITE main" > sources.list
    local options=(
        -o "Dir::Etc::sourcelist=$PWD/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o "Dir::State::lists=$PWD/lists" -o APT::Sandbox::User=root
    )
    apt-get "${options[@]}" update
    apt-get "${options[@]}" --download-only source python3.13
    tar --extract --file python3.13_*.orig.tar.xz
}

make_folder() {
    [ -e "$FOLDER/.made" ] && return
    local build
    build=$(mktemp --directory)
    (
        cd "$build"
        fetch_source
        cd Python-3.13*/
        ./configure --quiet --disable-gil --prefix="$FOLDER"
        make --silent --jobs "$(nproc)"
        make --silent install COMPILEALL_OPTS=-q
    )
    rm -rf "$build"
    touch "$FOLDER/.made"
}

# The requirements of the extra `test`, those of other extras in their place.
requirements() {
    "$1/bin/python" -c '
import tomllib
extras = tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]
def show(name):
    for line in extras[name]:
        if line.startswith("pykcov["):
            show(line[len("pykcov["):line.index("]")])
        else:
            print(line)
show("test")
'
}

# The newest version of a package may have nothing built for this Python, and an older one may.
make_venv() {
    local venv=$1
    rm -rf "$venv"
    "$FOLDER/bin/python3.13t" -m venv "$venv"
    touch "$venv/missing"
    requirements "$venv" | while read -r requirement; do
        "$venv/bin/python" -m pip install --quiet --only-binary :all: "$requirement" 2> /dev/null < /dev/null ||
            echo "$requirement" | tee --append "$venv/missing"
    done
    touch "$venv/ready"
}

run() {
    make_folder
    cd "$CLONE"
    local venv=.free-threaded
    [ -e "$venv/ready" ] || make_venv "$venv"
    "$venv/bin/python" -m pip install --quiet --only-binary coverage,click --editable .
    PATH="$CLONE/$venv/bin:$PATH" "$@"
}

case ${1:-} in
    make) make_folder ;;
    run)
        [ $# -ge 2 ] || { echo "free-threaded: run what?" >&2; exit 2; }
        shift
        run "$@"
        ;;
    *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" && exit 2 ;;
esac
