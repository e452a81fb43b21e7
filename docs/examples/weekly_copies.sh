#!/bin/sh
# Bring the index of an archive up to date, and report which copies are new since the last time.
#
#   weekly_copies.sh ARCHIVE INDEX REPORTS
#
# REPORTS is a folder: job.log (appended to), copies.csv, copies.html (if bovw[report] is installed),
# copies.json, and before.json, which is copies.json of the run before. Prints nothing when nothing
# is new, so that cron sends no mail. Exit code: that of the command that failed; 3 when there are
# pictures that can no longer be read, or new ones that cannot, although all else was done.
set -eu
if [ $# -ne 3 ]; then
    echo "usage: $0 ARCHIVE INDEX REPORTS" >&2
    exit 2
fi
archive=$1 index=$2 reports=$3
python=${PYTHON:-python3}
mkdir -p "$reports"

unread=0
"$python" -m bovw index "$archive" -o "$index" --sync -q --log "$reports/job.log" \
    > "$reports/changes.txt" || unread=$?
# 3: done, but some pictures failed that did not fail before; they stand on stderr.
[ "$unread" -eq 0 ] || [ "$unread" -eq 3 ] || exit "$unread"

page=
if "$python" -c "import jinja2" 2> /dev/null; then
    page="$reports/copies.html"
fi
"$python" -m bovw groups "$index" -q --log "$reports/job.log" --csv "$reports/copies.csv" \
    ${page:+--html "$page"} --json > "$reports/copies.json.part"

[ ! -e "$reports/copies.json" ] || mv "$reports/copies.json" "$reports/before.json"
mv "$reports/copies.json.part" "$reports/copies.json"
"$python" "$(dirname "$0")/new_copies.py" "$reports/copies.json" "$reports/before.json"
exit "$unread"
