#!/bin/sh
# The report's page in a real browser: its charts are drawn, nothing is wrong with its script, it asks no network,
# and a label can't become markup.
#
#   report_database ──▶ nsmon.db ──▶ nsmon report --format html ──▶ headless Chromium
#
# usage: report.sh NSMON REPORT_DATABASE
set -u

nsmon=$1
report_database=$2

browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
    echo "skipped: no Chromium; apt-get install chromium"
    exit 77
}
[ -x "$nsmon" ] || {
    echo "skipped: $nsmon is not built"
    exit 77
}

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

fail() {
    echo "FAILED: $*"
    exit 1
}

# Prints what the page is after its scripts have run; what the console says goes to $work/console.
dump() {
    timeout 90 "$browser" --headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking \
        --disable-component-update --disable-sync --user-data-dir="$work/profile" --enable-logging=stderr \
        --window-size=1400,1000 "$@" --dump-dom "file://$work/report.html" 2>"$work/console"
}

"$report_database" "$work/nsmon.db" '<img src=x onerror="document.title=1">' || fail "the database can't be made"
"$nsmon" report --db "$work/nsmon.db" --format html -o "$work/report.html" || fail "no report"

dump >"$work/dom" || fail "the browser ended with $?: $(tail -n 3 "$work/console")"
grep -q 'data-charts="7"' "$work/dom" || fail "not 7 charts drawn: $(grep -o '<html[^>]*>' "$work/dom")"
grep -q 'data-error' "$work/dom" && fail "a script failed: $(grep -o '<html[^>]*>' "$work/dom")"
grep 'CONSOLE' "$work/console" && fail "the console has something to say"
grep -q '<img' "$work/dom" && fail "a label became markup"
grep -qE '(src|href)="?(http|//)' "$work/report.html" && fail "the page asks the network"
grep -q 'NetFlow v5 exact' "$work/dom" || fail "the verdict is not on the page"

for width in 1280 1024; do
    dump --window-size=$width,900 >"$work/dom" || fail "the browser failed at $width pixels"
    grep -q 'data-cut="0"' "$work/dom" || fail "a table is cut off at $width pixels: $(grep -o '<html[^>]*>' "$work/dom")"
done

dump --force-dark-mode --blink-settings=preferredColorScheme=0 >"$work/dom" || fail "the browser failed in the dark"
grep -q 'data-charts="7"' "$work/dom" || fail "not 7 charts drawn in the dark"

timeout 90 "$browser" --headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking \
    --disable-component-update --disable-sync --user-data-dir="$work/profile" --no-pdf-header-footer \
    --print-to-pdf="$work/report.pdf" "file://$work/report.html" 2>/dev/null
[ -s "$work/report.pdf" ] || fail "the page can't be printed"
echo "7 charts drawn, light and dark; printed; console silent"
