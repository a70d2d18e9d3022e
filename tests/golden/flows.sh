#!/usr/bin/env bash
# "nsmon flows" on a made database against golden files, and on Open vSwitch's own exports against the counts that are known
# of them: "flows.sh NSMON REPORT_DATABASE SOURCE_DIR".  With NSMON_GOLDEN_UPDATE set it writes the golden files instead.
set -u
nsmon=$1
report_database=$2
golden=$3/tests/golden
exports=$3/../shared/corpora/exports
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TZ=UTC

fail() {
    echo "FAILED: $1"
    exit 1
}

# flows DATABASE ARGUMENT...: what it says on standard output.
flows() {
    local database=$1
    shift
    "$nsmon" flows --db "$folder/$database.db" "$@" 2>"$folder/log" || fail "flows $*: $(cat "$folder/log")"
}

"$report_database" "$folder/made.db" || fail "the database could not be made"
{
    echo '# --top 8'
    flows made --top 8
    echo '# --limit 3 --source truth ip6 and udp'
    flows made --limit 3 --source truth ip6 and udp
    echo '# --by proto --source sflow --source truth'
    flows made --by proto --source sflow --source truth
    echo '# --by srcnet/31,flags --raw --direction all'
    flows made --by srcnet/31,flags --raw --direction all
    echo '# host 192.0.2.99'
    flows made host 192.0.2.99
} >"$folder/flows.txt" || exit 1
flows made --limit 4 --format json 'tcp or udp and not port 53' >"$folder/flows.json"
flows made --by flow,exporter --sort packets --limit 6 --format csv >"$folder/flows.csv"
for name in flows.txt flows.json flows.csv; do
    if [ -n "${NSMON_GOLDEN_UPDATE-}" ]; then
        cp "$folder/$name" "$golden/$name"
    fi
    diff -u "$golden/$name" "$folder/$name" || fail "$name is not the golden one"
done

"$nsmon" flows --db "$folder/made.db" 'port x' 2>"$folder/log"
[ $? -eq 2 ] || fail "a wrong filter does not end with 2"
grep -q "column 6" "$folder/log" || fail "a wrong filter: no word of where"

[ -d "$exports" ] || { echo "SKIP: 4 cases: the captures of Open vSwitch's exports are not there"; exit 77; }

# known CAPTURE SOURCE PACKETS BYTES ARGUMENT...
known() {
    local capture=$1 source=$2 packets=$3 bytes=$4 line
    shift 4
    [ -f "$folder/$capture.db" ] || "$nsmon" import --db "$folder/$capture.db" --exports "$exports/$capture.pcap" \
        2>"$folder/log" || fail "import of $capture: $(cat "$folder/log")"
    line=$(flows "$capture" --source "$source" --by session --format csv "$@" | sed -n 2p | tr -d '\r')
    [[ $line =~ ,$packets,$bytes,l2, ]] || fail "$capture: $packets packets and $bytes bytes expected, not $line"
}

known ovs_sflow5 sflow 87 7790
known ovs_ipfix ipfix 87 7790
known ovs_ipfix ipfix 87 7790 --direction ingress
known ovs_netflow5 netflow 81 7238
echo "text, json and csv are the golden ones; Open vSwitch's exports give 87, 87, 81 packets"
