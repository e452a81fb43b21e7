#!/usr/bin/env bash
# Which lines of bovw/ the tests run, also in processes that they start. Arguments go to pytest.
# Fails below 95 % of lines. No line is left out of the count.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/tools/environment.sh
environment test
mkdir -p runs/coverage
python -m pytest -n 2 --cov --cov-report=term "$@"
