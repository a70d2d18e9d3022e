#!/usr/bin/env bash
# The truth at the switch's ingress, and delivery apart from it: "ingress.sh NSMON CASE".
#
#   ns1: tap1 ══ ovs-tap1 ─┐
#   ns2: tap2 ══ ovs-tap2 ─┼─ nsmon-br0, a rule that drops, or a third host to flood to
#   ns3: tap3 ══ ovs-tap3 ─┘
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
isolate "$0" "$@"
need python3
nsmon=$1
case=$2
db=$out/x.db

compare() {
    run "$nsmon" compare --db $db --format json -o $out/compare.json
    python3 "$here/check.py" "$1" $out/compare.json $db || fail "check $1"
}

# A rule drops the datagrams to one port: they were taken in and sampled, and not delivered.
case_drop() {
    echo "priority=10,udp,tp_dst=7703,actions=drop" >$out/rules
    echo "priority=10,udp6,tp_dst=7703,actions=drop" >>$out/rules
    run "$nsmon" start --sampling 1 --rules $out/rules --db $db
    run "$nsmon" traffic quick --seed 1
    run "$nsmon" stop
    compare drop
    run "$nsmon" report --db $db
    grep -q "OpenFlow rule priority=10,udp,tp_dst=7703,actions=drop" $out/last || fail "the report names no rule"
    grep -q "delivered  .*packets, and [1-9].* not" $out/last || fail "the report does not tell of delivery"
}

# Three hosts: what the switch has no address for is flooded to both others, and counted once.
case_three() {
    run "$nsmon" start --sampling 1 --hosts 3 --db $db
    run "$nsmon" traffic quick
    ip netns exec ns3 ping -q -c 3 -i 0.2 10.0.0.1 >$out/last 2>&1 || fail "ns3 does not reach ns1"
    run "$nsmon" stop
    compare three
    run "$nsmon" report --db $db
    grep -q "copies by flooding" $out/last || fail "the report does not tell of copies"
}

# A rule makes other flows of frames: they were delivered, and NetFlow, which says what they came out as, is right.
case_rewrite() {
    echo "priority=10,udp,tp_dst=7007,actions=mod_nw_dst:10.0.0.9,NORMAL" >$out/rules
    run "$nsmon" start --sampling 1 --rules $out/rules --db $db
    ip netns exec ns1 ping -q -c 1 10.0.0.2 >$out/last 2>&1 || fail "ns1 does not reach ns2"
    ip netns exec ns1 python3 -c '
import socket, time
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.bind(("10.0.0.1", 40000))
for number in range(300):
    sender.sendto(bytes(100), ("10.0.0.2", 7007))
    time.sleep(0.001)'
    run "$nsmon" stop
    run "$nsmon" report --db $db
    tr -s " \n" " " <$out/last >$out/flat
    grep -q "delivered .* all flows together" $out/flat || fail "what was delivered is told of single flows"
    grep -q "NetFlow v5 differs in 1 of .* truth lacks (+0 packets" $out/flat || fail "NetFlow has another difference"
    grep -q "rewrites addresses or ports, and it reports" $out/flat || fail "the rule is not said to be the cause"
}

case_"$case"
