#!/usr/bin/env bash
# Everything that must hold: lint, types and tests. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/tools/environment.sh
environment test

echo "== lint"
ruff check .
ruff format --check .
echo "== types"
mypy
echo "== imports"
lint-imports
echo "== tests"
# Two at once: most tests use one core, and nothing in them is timed.
# Each begins with a half of them, so that fixtures of a module are made once.
python -m pytest -n 2 --dist worksteal "$@"
