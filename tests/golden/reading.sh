#!/bin/sh
# What the commands that read take and list.  Needs no root and no network.
#
# usage: reading.sh NSMON REPORT_DATABASE
set -u

nsmon=$1
report_database=$2
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

fail() {
    echo "FAILED: $*"
    exit 1
}

# refused COMMAND...: wrong usage, said on standard error and nowhere else.
refused() {
    "$nsmon" "$@" >"$work/out" 2>"$work/err"
    status=$?
    [ "$status" = 2 ] || fail "nsmon $*: exit status $status, not 2"
    [ -s "$work/err" ] || fail "nsmon $*: no word of what is wrong"
    [ -s "$work/out" ] && fail "nsmon $*: went on"
}

# lists N COMMAND...: the text has the N largest flows.
lists() {
    wanted=$1
    shift
    "$nsmon" "$@" --db "$work/nsmon.db" >"$work/out" 2>"$work/err" || fail "nsmon $*: $(cat "$work/err")"
    grep -q "^The $wanted largest of" "$work/out" ||
        fail "nsmon $*: $(grep '^The .* largest' "$work/out"), not $wanted"
}

"$report_database" "$work/nsmon.db" reading || fail "the database can't be made"

"$nsmon" sessions --db "$work/nsmon.db" >"$work/out" || fail "the sessions can't be listed"
grep -q reading "$work/out" || fail "the session is not listed: $(cat "$work/out")"
for option in --session --prefix --top; do
    refused sessions --db "$work/nsmon.db" $option 1
    grep -q -e "$option" "$work/err" || fail "sessions $option: $(cat "$work/err")"
done

lists 5 compare
lists 20 report
lists 3 compare --top 3
lists 3 report --top 3
"$nsmon" compare --db "$work/nsmon.db" --format html -o "$work/out" || fail "no HTML of a comparison"
grep -q "In the table: the 20 largest" "$work/out" || fail "the HTML of a comparison does not list 20 flows"
echo "sessions takes no choice of a session; compare lists 5 flows, report 20, --top as many as asked"
