#!/usr/bin/env bash
# Labs of other sizes: "hosts.sh NSMON CASE".
#
#      ns1                                nsmon-br0                                nsN
#   tap1 10.0.0.1, 10.1.0.0/16 ===veth=== ovs-tap1 … ovs-tapN ===veth=== tapN 10.0.0.N, 10.N.0.0/16
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
isolate "$0" "$@"
need sqlite3 ping
nsmon=$1
case=$2
db=$out/x.db

# Prints the answer to the SQL $1.
ask() {
    sqlite3 $db "$1"
}

# The answer to the SQL $1 is $2; $3 says what that means.
expect() {
    answer=$(ask "$1")
    [ "$answer" = "$2" ] || fail "$3: $answer, not $2"
}

# Frames out of the taps are what the switch took in at each of the ports ns1 … ns$1, and nothing got lost.
taken_in() {
    for host in $(seq "$1"); do
        expect "SELECT (SELECT sum(packets) || ' ' || sum(bytes) FROM v_truth
                        WHERE capture = 'tap$host' AND direction = 'out') =
                       (SELECT packets || ' ' || bytes FROM stage
                        WHERE stage = 'switch_in' AND direction = 'ns$host>switch')" 1 "host $host: tap and switch disagree"
        expect "SELECT (SELECT sum(packets) || ' ' || sum(bytes) FROM v_truth
                        WHERE capture = 'tap$host' AND direction = 'in') =
                       (SELECT packets || ' ' || bytes FROM stage
                        WHERE stage = 'switch_out' AND direction = 'switch>ns$host')" 1 "host $host: switch and tap disagree"
    done
    expect "SELECT group_concat(stage || ' ' || direction || ' ' || packets || ' ' || source) FROM stage
            WHERE stage LIKE '%drop' AND packets != 0" "" "something got lost"
    expect "SELECT count(*) FROM stage WHERE stage LIKE '%drop'" $((3 * $1)) "a port has no drops"
}

# All pairs of hosts reach each other, in both IP versions.
mesh() {
    for from in $(seq "$1"); do
        for to in $(seq "$1"); do
            [ "$from" = "$to" ] || run ip netns exec "ns$from" ping -q -c1 -W2 "10.0.0.$to"
            [ "$from" = "$to" ] || run ip netns exec "ns$from" ping -q -c1 -W2 "fd00:6e73:6d6f:6e::$to"
        done
    done
}

# Every packet that a host sent is in the exports of sFlow, NetFlow (IPv4) and IPFIX once, however often it was copied.
exported_once() {
    out_of_taps="FROM v_truth WHERE direction = 'out' AND proto IN ('icmp', 'icmp6')"
    packets=$(ask "SELECT sum(packets) $out_of_taps")
    ipv4=$(ask "SELECT sum(packets) $out_of_taps AND proto = 'icmp'")
    expect "SELECT count(*) FROM v_sflow_sample WHERE proto IN ('icmp', 'icmp6')" "$packets" "sFlow's samples of pings"
    expect "SELECT sum(packets) FROM v_flow_record WHERE exporter_protocol = 'netflow5' AND proto = 'icmp'" "$ipv4" "NetFlow's pings"
    expect "SELECT sum(packets) FROM v_flow_record WHERE exporter_protocol = 'ipfix' AND direction = 0
            AND proto IN ('icmp', 'icmp6')" "$packets" "IPFIX's pings"
}

case_three() {
    snapshot before
    run "$nsmon" start --hosts 3 --sampling 1 --db $db
    mesh 3
    run "$nsmon" status
    for tap in tap1 tap2 tap3; do
        grep -q "^$tap .* 0$" $out/last || fail "status does not show $tap"
        grep -q "^ovs-$tap .* 0 *134217728$" $out/last || fail "the socket of ovs-$tap was not adopted"
    done
    run "$nsmon" stop
    expect "SELECT group_concat(name) FROM (SELECT name FROM interface WHERE name LIKE 'ovs-tap%' ORDER BY 1)" \
        ovs-tap1,ovs-tap2,ovs-tap3 "interfaces"
    taken_in 3
    exported_once
    same "after three hosts"
}

case_eight() {
    snapshot before
    run "$nsmon" start --prefix abcde --hosts 8 --sampling 1 --db $db
    ip netns exec abcde-ns8 ping -q -c1 -W2 10.0.0.1 >$out/last || fail "ns8 does not reach ns1"
    run "$nsmon" stop --prefix abcde
    expect "SELECT count(DISTINCT direction) FROM stage" 16 "directions"
    same "after eight hosts"
}

case_one() {
    snapshot before
    run "$nsmon" start --hosts 1 --db $db
    run "$nsmon" stop
    expect "SELECT group_concat(DISTINCT direction) FROM stage" "ns1>switch,switch>ns1" "directions"
    run "$nsmon" report --db $db
    same "after one host"
    refuse 2 "1 to 8" "$nsmon" start --hosts 9
    refuse 2 "1 to 8" "$nsmon" start --hosts 0
    refuse 2 "1 to 65536" "$nsmon" start --addresses 65537
}

# 1,000 sources each way: no address is on a link, any can be bound, and the exporters see them all.
case_addresses() {
    need python3
    snapshot before
    run "$nsmon" start --addresses 1000 --sampling 1 --db $db
    "$nsmon" status --format json | grep -q '"addresses":1000' || fail "status does not tell the addresses"
    [ "$(ip -n ns1 -o address show dev tap1 | wc -l)" -le 3 ] || fail "the addresses were added one by one"
    ip netns exec ns2 python3 "$here/addresses.py" serve $out/ready 2 >$out/served 2>&1 &
    for _ in $(seq 100); do
        [ -e $out/ready ] && break
        sleep 0.05
    done
    run ip netns exec ns1 python3 "$here/addresses.py" send 1 2 1000
    wait %% || fail "server: $(cat $out/served)"
    run "$nsmon" stop
    for version in "10.1.%" "fd00:6e73:6d6f:1:%"; do
        from="FROM v_truth WHERE src LIKE '$version' AND proto = 'udp' AND direction = 'out'"
        expect "SELECT count(DISTINCT src), count(DISTINCT dst), sum(packets) $from" "999|999|999" "out of tap1"
    done
    for source in "v_sflow_sample" "v_flow_record WHERE exporter_protocol = 'ipfix' AND direction = 0" \
        "v_flow_record WHERE exporter_protocol = 'netflow5'"; do
        [ "$source" = "${source#* }" ] && and=WHERE || and=AND
        expect "SELECT count(DISTINCT src) FROM $source $and src LIKE '10.1.%' AND proto = 'udp'" 999 "$source sees"
    done
    expect "SELECT count(DISTINCT src) FROM v_sflow_sample WHERE src LIKE 'fd00:6e73:6d6f:1:%' AND proto = 'udp'" 999 "IPv6"
    run "$nsmon" compare --db $db --check
    same "after 1,000 addresses"
}

case_$case
