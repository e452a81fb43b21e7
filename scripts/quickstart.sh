#!/usr/bin/env bash
# From nothing to ranked answers: install, train, index, search and score the sample pictures.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/tools/environment.sh
environment ""

out=runs/quickstart
say() { printf '\n== %s\n' "$*"; }

say "1. a vocabulary from data/sample"
bovw train data/sample -o $out/sample.vocabulary --words 5000 --overwrite

say "2. an index of data/sample"
bovw index data/sample -o $out/sample.bovw -v $out/sample.vocabulary --overwrite

say "3. queries: verified, expanded, ranked"
bovw search $out/sample.bovw -k 6 \
    data/sample/posters/poster_01_2.jpg data/sample/labels/label_03_4.jpg \
    data/sample/logos/logo_02_3.jpg
echo
echo "... and one with a region, a part of a label:"
bovw search $out/sample.bovw -k 6 data/sample/labels/label_01_2.jpg --region 120,60,420,420

say "4. how good: every picture against all others"
bovw evaluate $out/sample.bovw data/sample/gnd.json

say "where everything lies"
echo "vocabulary   $out/sample.vocabulary"
echo "index        $out/sample.bovw"
echo "pictures     data/sample (ground truth: data/sample/gnd.json)"
echo "try          ${BOVW_VENV:-.venv}/bin/bovw search $out/sample.bovw YOUR_PICTURE.jpg"
