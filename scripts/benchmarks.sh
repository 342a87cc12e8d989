#!/bin/sh
# Puts what only benchmarks need beside .venv, not into it: datacompy asks for an older Polars, and
# nothing that is installed for work may depend on what is installed for a comparison.
# Called by the Makefile: benchmarks.sh VENV FOLDER.
set -eu

venv=$1
folder=$2
stamp=$folder/.lock

if cmp -s requirements-benchmarks.lock "$stamp"; then
    exit 0
fi
printf 'Installing the packages of requirements-benchmarks.lock that .venv lacks in %s\n' "$folder"
rm -rf "$folder"
mkdir -p "$folder"
# Whatever .venv has is measured in its version there.
"$venv/bin/python" -c '
import re, sys
from importlib.metadata import distributions
have = {re.sub(r"[-_.]+", "-", each.metadata["Name"]).lower() for each in distributions()}
kept, wanted = [], False
for line in sys.stdin:
    if not line.startswith((" ", "#")):
        wanted = line.split("==")[0].split("[")[0] not in have
    if wanted:
        kept.append(line)
print("".join(kept))
' <requirements-benchmarks.lock >"$folder/wanted.txt"
"$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --target "$folder" --no-deps \
    --system-certs --require-hashes --only-binary :all: -r "$folder/wanted.txt"
cp requirements-benchmarks.lock "$stamp"
