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

"$report_database" "$work/nsmon.db" reading || fail "the database can't be made"

"$nsmon" sessions --db "$work/nsmon.db" >"$work/out" || fail "the sessions can't be listed"
grep -q reading "$work/out" || fail "the session is not listed: $(cat "$work/out")"
for option in --session --prefix --top; do
    refused sessions --db "$work/nsmon.db" $option 1
    grep -q -e "$option" "$work/err" || fail "sessions $option: $(cat "$work/err")"
done

echo "sessions takes no choice of a session"
