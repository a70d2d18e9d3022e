#!/usr/bin/env bash
# One real run over Open vSwitch, out of capture files, against what its own captures say: "import.sh NSMON SOURCE_DIR".
# Needs no root and no network.
set -u
nsmon=$1
matched=$2/../shared/corpora/matched
[ -d "$matched" ] || { echo "SKIP: 1 case: the capture files of the matched run are not there"; exit 77; }
command -v python3 >/dev/null || { echo "SKIP: needs python3"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

fail() {
    echo "FAILED: $1"
    exit 1
}

check() {
    python3 - "$folder/compare.json" <<'PY' || fail "$1"
import json
import sys

report = json.load(open(sys.argv[1], encoding="utf-8"))
ledger = {(row["direction"].replace("→", ">"), row["stage"]): row["packets"] for row in report["ledger"]}
want = {("ns1>ns2", "tap_out"): 6698, ("ns1>ns2", "tap_in"): 6243,
        ("ns2>ns1", "tap_out"): 2119, ("ns2>ns1", "tap_in"): 2119}
for key, packets in want.items():
    assert ledger.get(key) == packets, (key, ledger.get(key), packets)
sources = {source["name"]: source for source in report["sources"]}
netflow = sources["netflow"]
assert netflow["packets"] == netflow["truth"]["packets"] == 6329, netflow
assert netflow["bytes"] == netflow["truth"]["bytes"], netflow
for flow in report["flows"]:
    said = flow["sources"]["netflow"]
    if said is not None:
        assert (said["packets"], said["bytes"]) == (flow["truth"]["packets"], flow["truth"]["bytes"]), flow
for name in ("sflow", "ipfix"):
    assert sources[name]["lost_datagrams"] == 0, sources[name]
    assert sources[name]["agreement"]["samples_ok"] and sources[name]["agreement"]["chi_squared_ok"], sources[name]
assert "switch" in report["verdict"]["text"], report["verdict"]
assert report["verdict"]["ok"], report["verdict"]
PY
}

import() {
    "$nsmon" import --db "$folder/x.db" --exports "$matched/exports.pcap" --sampling 16 "$@" 2>"$folder/log" ||
        fail "import $*: $(cat "$folder/log")"
    "$nsmon" compare --db "$folder/x.db" --format json -o "$folder/compare.json" || fail "compare after $*"
}

import --truth "$matched/tap1.pcap" --truth "$matched/tap2.pcap"
check "stations inferred"
import --truth "$matched/tap1.pcap,mac=e6:74:40:ce:36:2d" --truth "$matched/tap2.pcap,mac=8a:78:8d:6d:9b:88"
check "stations given"
import --dialect openvswitch --truth "$matched/tap1.pcap" --truth "$matched/tap2.pcap"
check "dialect given"
"$nsmon" import --db "$folder/bare.db" --exports "$matched/exports.pcap" --truth "$matched/tap1.pcap" \
    --truth "$matched/tap2.pcap" 2>"$folder/log" || fail "import without the rate: $(cat "$folder/log")"
"$nsmon" compare --db "$folder/bare.db" --format json | python3 -c '
import json
import sys
report = json.load(sys.stdin)
ipfix = [source for source in report["sources"] if source["name"] == "ipfix"][0]
assert ipfix["ok"] is None and ipfix["packets_ci"] is None and ipfix["packets"] == 8400, ipfix
assert report["verdict"]["ok"] is None and "--sampling" in report["verdict"]["text"], report["verdict"]
' || fail "IPFIX of an unknown rate is judged"
"$nsmon" import --db "$folder/x.db" --truth "$matched/tap1.pcap" 2>"$folder/log" && fail "a lone truth file was guessed at"
grep -q "mac=" "$folder/log" || fail "a lone truth file: no word of mac="
head -c 100000 "$matched/tap1.pcap" >"$folder/cut.pcap"
"$nsmon" import --db "$folder/x.db" --truth "$folder/cut.pcap" --truth "$matched/tap2.pcap" 2>"$folder/log" ||
    fail "a file that is cut off was not read as far as it goes"
grep -q "as far as it goes" "$folder/log" || fail "a file that is cut off: $(cat "$folder/log")"
echo "6,698 and 6,243 frames one way, 2,119 and 2,119 the other; NetFlow exact"
