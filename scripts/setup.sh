#!/bin/sh
# Makes the virtual environment and installs exactly what requirements.lock names.
# Called by the Makefile: setup.sh VENV STAMP. PYTHON in the environment picks an interpreter.
set -eu

venv=$1
stamp=$2

stop() {
    printf '%s\n' "$1" >&2
    exit 1
}

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# Prints the interpreter to use: the one asked for, or else the newest that can make a .venv.
find_python() {
    old=''
    bare=''
    for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
        "$candidate" -c '' 2>/dev/null || continue
        if ! is_new_enough "$candidate"; then
            old=$candidate
        elif ! "$candidate" -c 'import venv, ensurepip' 2>/dev/null; then
            bare=$candidate
        else
            printf '%s\n' "$candidate"
            return
        fi
    done
    if [ -n "$bare" ]; then
        stop "$bare cannot make virtual environments: install its venv module (Debian: python3-venv), then run the same command again."
    elif [ -n "$old" ]; then
        stop "$old is $("$old" -c 'import platform; print("Python " + platform.python_version())'), and Python 3.11 or newer is needed: install one, or name one with PYTHON=/path/to/python3."
    fi
    stop "No ${PYTHON:-python3} was found, and Python 3.11 or newer is needed: install one, or name one with PYTHON=/path/to/python3."
}

# A .venv is kept when it was made in this folder, runs, and has pip (or can get its own).
is_usable() {
    is_new_enough "$venv/bin/python" || return 1
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" != "$PWD" ]; then
        return 1
    fi
    "$venv/bin/python" -m pip --version >/dev/null 2>&1 \
        || "$venv/bin/python" -m ensurepip >/dev/null 2>&1
}

if [ -n "${PYTHON:-}" ] || ! is_usable; then
    python=$(find_python)
    printf 'Setting up %s with %s\n' "$venv" "$("$python" --version)"
    rm -rf "$venv"
    "$python" -m venv "$venv"
fi
rm -f "$stamp"

pip() {
    "$venv/bin/python" -m pip --disable-pip-version-check --no-input --quiet "$@"
}

# uv takes seconds where pip takes minutes, and is locked like everything else: pip fetches it,
# reading its entry alone (the line that names it, and those its backslashes run on to).
install_with_uv() {
    sed -n '/^uv==/,/[^\\]$/p' requirements.lock \
        | pip install --require-hashes --only-binary :all: -r /dev/stdin \
        && "$venv/bin/uv" pip install --quiet --compile-bytecode --python "$venv/bin/python" --system-certs \
            --require-hashes --only-binary :all: -r requirements.lock
}

printf 'Installing the packages of requirements.lock: about a minute, 900 MB on disk\n'
# Wheels only: building a source package would fetch build tools that no lock names.
if ! install_with_uv; then
    # pip knows mirrors and certificates that are set up for pip alone.
    printf 'That did not work; trying once more with pip alone, which takes a few minutes\n'
    pip install --require-hashes --only-binary :all: -r requirements.lock \
        || stop "The packages could not be installed (the reason stands above): see to that, then run the same command again."
fi
pip install --no-deps --no-build-isolation -e .
pip check >&2 || stop "requirements.lock does not fit pyproject.toml: run 'make lock', then the same command again."
printf '%s' "$PWD" >"$stamp"
