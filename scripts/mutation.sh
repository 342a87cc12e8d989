#!/bin/sh
# Runs mutmut in a virtual environment of its own, and writes docs/mutation.md from what it found.
# What was tried before is kept in mutants/, so that a run that was ended goes on.
set -eu
bin=$1
venv=.mutation-venv
if [ ! -x "$venv/bin/mutmut" ]; then
    "$bin/uv" venv --quiet --python "$("$bin/python" -c 'import sys; print(sys.executable)')" "$venv"
    VIRTUAL_ENV=$venv "$bin/uv" pip install --quiet --require-hashes -r requirements.lock
    VIRTUAL_ENV=$venv "$bin/uv" pip install --quiet mutmut==3.8.1
fi
"$venv/bin/mutmut" run --max-children "${JOBS:-2}" || true
"$venv/bin/python" scripts/mutation_report.py > docs/mutation.md.draft
mv docs/mutation.md.draft docs/mutation.md
tail -n +1 docs/mutation.md | sed -n '1,20p'
