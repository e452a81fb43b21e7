#!/usr/bin/env bash
# Builds the documentation site in site/, strictly; `scripts/docs.sh serve` shows it while it is written.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/tools/environment.sh
environment docs

if [ "${1:-build}" = serve ]; then
    exec mkdocs serve
fi
mkdocs build --strict
echo "open site/index.html"
