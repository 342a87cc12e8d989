#!/bin/sh
# Adds to .venv exactly what requirements-spark.lock names: what engine = "spark" and its tests need.
# Called by the Makefile: spark.sh VENV STAMP.
set -eu

venv=$1
stamp=$2

printf 'Installing the packages of requirements-spark.lock: 450 MB more in %s\n' "$venv"
# pyspark comes as a source archive only, and nothing in it is compiled. It is unpacked with the
# locked setuptools, so that no build tool is fetched that no lock names.
add() {
    "$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --system-certs \
        --require-hashes --no-build-isolation --only-binary :all: --no-binary pyspark -r "$1"
}
only_setuptools=$(mktemp)
trap 'rm -f "$only_setuptools"' EXIT
sed -n '/^setuptools==/,/[^\\]$/p' requirements-spark.lock >"$only_setuptools"
add "$only_setuptools"
add requirements-spark.lock
printf '%s' "$PWD" >"$stamp"
