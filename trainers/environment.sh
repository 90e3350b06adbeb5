# Sourced by build.sh and test.sh: virtual environments by the hash of their lock file.

# The newest Python from 3.10 on that is there; PYTHON=… chooses another one.
python_of() {
    local name
    for name in ${PYTHON:-python3.11 python3.12 python3.13 python3.10 python3}; do
        if command -v "$name" >/dev/null && "$name" -c 'import sys, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    echo "no Python 3.10 or later with venv was found; install one, or name it: PYTHON=/path/to/python" >&2
    return 1
}

# venv_of LOCK: the Python of the environment of a lock file, made where it is not there yet. Its name is the hash of the
# lock and of the Python's version, so another lock never meets an old environment; a half-made one is made anew.
venv_of() {
    local lock=$1 python key place tries
    python=$(python_of)
    key=$({ cat "$lock"; "$python" -VV; } | sha256sum | cut -c1-16)
    place=${XDG_CACHE_HOME:-$HOME/.cache}/meshnode/venvs/$(basename "$lock" .txt)-$key
    if [ ! -e "$place/complete" ]; then
        echo "making $place from $lock" >&2
        rm -rf "$place"
        "$python" -m venv "$place" >&2
        for tries in 1 2 3; do
            if "$place/bin/python" -m pip install --quiet --only-binary :all: --require-hashes -r "$lock" >&2; then
                touch "$place/complete"
                break
            fi
            echo "try $tries of 3 failed" >&2
        done
        [ -e "$place/complete" ] || { echo "the packages of $lock could not be installed" >&2; return 1; }
    fi
    echo "$place/bin/python"
}
