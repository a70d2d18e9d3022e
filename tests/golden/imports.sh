#!/usr/bin/env bash
# Every capture of a real exporter through the program itself: "imports.sh NSMON SOURCE_DIR".  Each ends with status 0, and
# each of its frames and datagrams ends as something that is counted.  Then the same exports in other clothes: link
# types, tags, tunnels, fragments, pcapng.  Needs no root and no network.
set -u
nsmon=$1
exports=$2/../shared/corpora/exports
[ -d "$exports" ] || { echo "SKIP: 93 cases: the captures of exporters are not there"; exit 77; }
command -v python3 >/dev/null || { echo "SKIP: needs python3"; exit 77; }
exec python3 "$2/tests/golden/imports.py" "$nsmon" "$exports"
