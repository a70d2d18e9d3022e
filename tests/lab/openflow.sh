#!/usr/bin/env bash
# OpenFlow rules of the lab's bridge, and what Open vSwitch exports under them: "openflow.sh NSMON CASE".
#
#      ns1                      nsmon-br0 in nsmon-sw                  ns2
#   tap1 10.0.0.1 ===veth=== ovs-tap1 ------- ovs-tap2 ===veth=== tap2 10.0.0.2
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
isolate "$0" "$@"
need python3 sqlite3 ovs-ofctl
nsmon=$1
case=$2
db=$out/x.db
bridge=unix:/run/nsmon/default/ovs/nsmon-br0.mgmt

ofctl() {
    ovs-ofctl -O OpenFlow15 "$@"
}

vsctl() {
    ovs-vsctl --db=unix:/run/nsmon/default/ovs/db.sock "$@"
}

# Starts a lab with the rules that standard input holds and the options "$@".
start() {
    cat >$out/rules
    run "$nsmon" start --db $db --rules $out/rules "$@"
}

# Sends $1 datagrams of 100 bytes, 142 on the wire, to each of the UDP ports that follow, 4 ms apart in each.
send() {
    run ip netns exec ns1 python3 - "$@" <<'END'
import socket, sys, time
count, ports = int(sys.argv[1]), [int(port) for port in sys.argv[2:]]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("10.0.0.1", 5555))
begin = time.monotonic()
for i in range(count):
    for port in ports:
        s.sendto(b"x" * 100, ("10.0.0.2", port))
    time.sleep(max(0, begin + 0.004 * (i + 1) - time.monotonic()))
END
}

ask() {
    sqlite3 $db "$1"
}

# Keeps the IPFIX that the lab's switch sends, if there are programs for it.
listen() {
    command -v tcpdump >/dev/null && command -v tshark >/dev/null || return
    ip netns exec nsmon-sw tcpdump -i lo -U -w $out/ipfix.pcap udp port 4739 2>$out/tcpdump.log &
    listener=$!
    for _ in $(seq 50); do
        grep -q "listening on" $out/tcpdump.log && return
        sleep 0.1
    done
    fail "tcpdump does not listen"
}

# The bridge's ingress records as "UDP port, direction, dropped packets", in $out/dropped.
hear() {
    [ -n "${listener:-}" ] || return
    kill -INT $listener
    wait $listener
    tshark -r $out/ipfix.pcap -d udp.port==4739,cflow -Y 'cflow.dstport >= 7000 && cflow.od_id == 1' -T fields \
        -E separator=' ' -e cflow.dstport -e cflow.direction -e cflow.drop_packets 2>/dev/null |
        grep ' 0 ' | awk '$2 == 0' | sort -u >$out/dropped
}

# Fails unless the query $1 gives $2.
says() {
    local got
    got=$(ask "$1")
    [ "$got" = "$2" ] || fail "'$1' gives '$got', not '$2'"
}

# What the source $1 said of UDP port $2: packets and bytes; $3 is more of the condition.
said() {
    echo "SELECT sum(packets), sum(bytes) FROM v_flow_record WHERE exporter_protocol = '$1' AND dport = $2 ${3:-}"
}

# The ledger's rows of rules, meters and ports are exact, and what was not delivered is in one of them.
case_counts() {
    start --sampling 1 <<'END'
priority=30,udp,tp_dst=7001,actions=drop    # not delivered
meter=1,pktps,burst,band=type=drop,rate=50,burst_size=10
priority=20,udp,in_port=ovs-tap1,tp_dst=7002,actions=meter:1,output:ovs-tap2
END
    send 300 7000 7001 7002
    run "$nsmon" stop
    says "SELECT direction, packets, bytes FROM stage WHERE stage = 'switch_in_rule_drop'" "switch|300|42600"
    says "SELECT direction, packets, bytes FROM stage WHERE stage = 'switch_rule' AND source LIKE '%tp_dst=7002%'" \
        "ns1>ns2|300|42600"
    says "SELECT source FROM stage WHERE stage = 'switch_in_meter_drop'" \
        "band 1 of meter=1,pktps,burst,band=type=drop,rate=50,burst_size=10"
    # Each witness of a stage says the same, and what is missing is what was dropped on purpose.
    says "SELECT count(*), count(DISTINCT packets), count(DISTINCT bytes) FROM stage
          WHERE stage = 'switch_in' AND direction = 'ns1>ns2'" "2|1|1"
    says "SELECT count(*), count(DISTINCT packets) FROM stage WHERE stage = 'switch_out' AND direction = 'ns1>ns2'" \
        "2|1"
    says "SELECT (SELECT max(packets) FROM stage WHERE stage = 'switch_in' AND direction = 'ns1>ns2')
               - (SELECT max(packets) FROM stage WHERE stage = 'switch_out' AND direction = 'ns1>ns2')
               - (SELECT sum(packets) FROM stage WHERE stage IN ('switch_in_rule_drop', 'switch_in_meter_drop'))" 0
    # 50 a second for at least 1.2 s, and the 10 of the burst.
    says "SELECT packets BETWEEN 100 AND 300 - 60 FROM stage WHERE stage = 'switch_in_meter_drop'" 1
}

# The counts are whole though nothing else waits for the revalidators, which bring them, here late.
case_settled() {
    start --no-sflow --no-netflow --no-ipfix <<'END'
udp,tp_dst=7001,actions=drop
END
    run vsctl set Open_vSwitch . other_config:max-revalidator=2000
    send 100 7001
    run "$nsmon" stop
    says "SELECT packets, bytes FROM stage WHERE stage = 'switch_in_rule_drop'" "100|14200"
}

# Sampling 1 is exact against what the switch took in, and what the rules kept back is told apart from it.
case_ingress() {
    start --sampling 1 <<'END'
priority=30,udp,tp_dst=7001,actions=drop
meter=1,pktps,burst,band=type=drop,rate=50,burst_size=10
priority=20,udp,in_port=ovs-tap1,tp_dst=7002,actions=meter:1,NORMAL
END
    send 200 7000 7001 7002
    run "$nsmon" stop
    run "$nsmon" compare --db $db --check
    run "$nsmon" compare --db $db --format json -o $out/report.json
    run python3 - $out/report.json <<'END'
import json, sys
report = json.load(open(sys.argv[1]))
flows = {flow["dport"]: flow for flow in report["flows"] if flow["proto"] == "udp" and flow["sport"] == 5555}
assert sorted(flows) == [7000, 7001, 7002], sorted(flows)
for port, flow in flows.items():
    assert (flow["truth"]["packets"], flow["truth"]["bytes"]) == (200, 28400), flow
    for name in ("sflow", "netflow", "ipfix"):
        assert (flow["sources"][name]["packets"], flow["sources"][name]["bytes"]) == (200, 28400), flow
assert flows[7000]["truth"]["delivered"] == 200 and flows[7001]["truth"]["delivered"] == 0, flows
kept = 200 - flows[7002]["truth"]["delivered"]
assert 0 < kept < 200 and report["truth"]["undelivered_packets"] == 200 + kept, report["truth"]
assert not report["truth"]["uncertain"], report["truth"]
END
    run "$nsmon" report --db $db
    tr -s ' \n' ' ' <$out/last | grep -q '200 dropped by rule priority=30,udp,tp_dst=7001 actions=drop, so no exporter' ||
        fail "the report does not say that the rule dropped 200"
}

# What each exporter says of frames that were dropped: all count what the switch took in.
case_dropped() {
    start --sampling 1 <<'END'
priority=30,udp,tp_dst=7001,actions=drop
meter=1,pktps,burst,band=type=drop,rate=50,burst_size=10
priority=20,udp,tp_dst=7002,actions=meter:1,NORMAL
meter=2,pktps,burst,band=type=drop,rate=50,burst_size=10
priority=20,udp,tp_dst=7003,actions=meter:2,sample(probability=65535,collector_set_id=1,obs_domain_id=10),NORMAL
priority=20,udp,tp_dst=7004,actions=sample(probability=65535,collector_set_id=1,obs_domain_id=10)
END
    listen
    send 200 7000 7001 7002 7003 7004
    run "$nsmon" stop
    hear
    delivered=$(ask "SELECT sum(packets) FROM v_truth WHERE dport = 7002 AND direction = 'in'")
    [ "$delivered" -lt 150 ] || fail "the meter let $delivered of 200 pass"
    for port in 7000 7001 7002; do
        says "SELECT sum(packets), sum(bytes) FROM v_truth WHERE dport = $port AND direction = 'out'" "200|28400"
        says "SELECT count(*), sum(l2_bytes) FROM v_sflow_sample WHERE dport = $port" "200|28400"
        says "$(said netflow5 $port)" "200|28400"
        says "$(said ipfix $port "AND direction = 0")" "200|28400"
    done
    # sFlow v5, "output": format 1 is discarded, 256 "unknown".  NetFlow: NF_OUT_DROP.
    says "SELECT DISTINCT output_kind, output FROM v_sflow_sample WHERE dport = 7001" "1|256"
    says "SELECT DISTINCT output_kind FROM v_sflow_sample WHERE dport = 7002" 0
    says "SELECT DISTINCT output FROM v_flow_record WHERE exporter_protocol = 'netflow5' AND dport = 7001" 65533
    says "SELECT DISTINCT output FROM v_flow_record WHERE exporter_protocol = 'netflow5' AND dport = 7002" 2
    says "$(said ipfix 7000 "AND direction = 1")" "200|28400"
    says "$(said ipfix 7001 "AND direction = 1")" "|"
    says "$(said ipfix 7002 "AND direction = 1")" "$delivered|$((delivered * 142))"
    # A sample action stands before or behind what drops.
    passed=$(ask "SELECT sum(packets) FROM v_truth WHERE dport = 7003 AND direction = 'in'")
    says "$(said ipfix-flow 7003)" "$passed|$((passed * 142))"
    says "$(said ipfix-flow 7004)" "200|28400"
    # droppedPacketDeltaCount (IE 133) is of rules alone.
    [ ! -e $out/dropped ] || diff - $out/dropped <<'END' || fail "IE 133 counts something else"
7000 0 0
7001 0 200
7002 0 0
7003 0 0
7004 0 200
END
}

# IPFIX of single rules: a source of its own, exact at 1-in-1 whether sampled at the way in or out, or dropped.
case_flow() {
    start --sampling 1 <<'END'
priority=20,udp,tp_dst=7001,actions=sample(probability=65535,collector_set_id=1,obs_domain_id=10,obs_point_id=3),NORMAL
priority=20,udp,tp_dst=7002,actions=sample(probability=65535,collector_set_id=2,obs_domain_id=11,sampling_port=ovs-tap2,egress),NORMAL
priority=20,udp,tp_dst=7003,actions=NORMAL
END
    send 200 7000 7001 7002 7003
    run "$nsmon" stop
    for port in 7001 7002; do
        says "$(said ipfix-flow $port)" "200|28400"
        says "$(said ipfix $port "AND direction = 0")" "200|28400"
    done
    says "$(said ipfix-flow 7000)" "|"
    says "SELECT DISTINCT direction FROM v_flow_record WHERE exporter_protocol = 'ipfix-flow' AND dport = 7001" 0
    says "SELECT DISTINCT direction FROM v_flow_record WHERE exporter_protocol = 'ipfix-flow' AND dport = 7002" 1
    says "SELECT group_concat(domain || ' ' || sampling_rate) FROM (SELECT * FROM exporter WHERE protocol = 'ipfix-flow'
          ORDER BY domain)" "10 1,11 1"
    run "$nsmon" compare ipfix-flow vs ipfix --db $db --check
    grep -q "IPFIX of rules 1-in-1 exact: all 2 flows" $out/last || fail "the flows of the rules are not exact"
    run "$nsmon" compare --db $db --check
    run "$nsmon" flows --db $db --by proto --format csv udp
    grep '^"\?ipfix-flow' $out/last | grep -q '[,"]400[,"]' || fail "nsmon flows has not the 400 packets of the rules"
}

# At 1-in-64 it is as good as chance allows; every flow of the rule that it missed is known.
case_flow_sampled() {
    start --sampling 64 --ipfix-sampling 8 <<'END'
priority=20,udp,in_port=ovs-tap1,actions=sample(probability=1023,collector_set_id=1,obs_domain_id=10),NORMAL
END
    run "$nsmon" traffic quick
    send 500 $(seq 7001 7008)
    run "$nsmon" stop
    says "SELECT sampling_rate, scaled FROM exporter WHERE protocol = 'ipfix-flow'" "64|1"
    run "$nsmon" compare ipfix-flow --db $db --format json -o $out/report.json
    run python3 - $out/report.json <<'END'
import json, sys
report = json.load(open(sys.argv[1]))
source = report["sources"][0]
assert source["sampling_rate"] == 64 and source["sees"] == "rules", source
truth = [flow["truth"]["packets"] for flow in report["flows"] if flow["proto"] == "udp"]
assert all(flow["sources"]["ipfix-flow"] is None for flow in report["flows"]
           if flow["proto"] != "udp" or flow["src"] != "10.0.0.1"), "a flow of no rule"
assert source["truth"]["flows"] >= 8 and source["truth"]["packets"] >= 4000, source["truth"]
# Four sigmas of a binomial.
packets, estimate = source["truth"]["packets"], source["packets"]
assert abs(estimate - packets) < 4 * (packets * 63) ** 0.5, (packets, estimate)
END
}

# Facts of Open vSwitch 3.1 that the rules' checks rest on; should one change, a check may go.
case_facts() {
    run "$nsmon" start --sampling 1 --db $db
    for set in 1 2 3; do
        run vsctl -- --id=@b get Bridge nsmon-br0 -- --id=@i create IPFIX 'targets="127.0.0.1:4739"' \
            cache_active_timeout=600 cache_max_flows=100 -- create Flow_Sample_Collector_Set id=$set bridge=@b ipfix=@i
    done
    sample() { echo "priority=9,udp,tp_dst=$1,actions=sample(probability=$2,collector_set_id=$3,obs_domain_id=$4),NORMAL"; }
    {
        sample 7001 32768 1 10
        sample 7002 32767 2 20
        sample 7003 65535 3 30
        sample 7004 65535 3 31
    } >$out/flows
    run ofctl --bundle add-flows $bridge $out/flows
    send 400 7001 7002 7003 7004
    # The flush: an exporter whose set is taken away sends its cache at once, long before the timeout.
    run vsctl -- --all destroy Flow_Sample_Collector_Set
    for _ in $(seq 50); do
        [ "$(ask "$(said ipfix 7003)")" = "400|56800" ] && break
        sleep 0.1
    done
    says "$(said ipfix 7003)" "400|56800"
    run "$nsmon" stop
    # Counts are multiplied by 65535 / probability, cut: by 1 for 32768, by 2 for 32767.
    says "SELECT sum(packets) BETWEEN 140 AND 260 FROM v_flow_record r JOIN exporter e ON e.id = r.exporter_id
          WHERE domain = 10" 1
    says "SELECT sum(packets) BETWEEN 280 AND 520 AND sum(packets) % 2 = 0 FROM v_flow_record r
          JOIN exporter e ON e.id = r.exporter_id WHERE domain = 20" 1
    # One set, two domains: the templates come under the first alone, and the other's records can't be read.
    says "SELECT count(DISTINCT domain) FROM v_flow_record r JOIN exporter e ON e.id = r.exporter_id
          WHERE domain IN (30, 31)" 1
    says "SELECT count(DISTINCT domain) FROM exporter WHERE domain IN (30, 31)" 2
}

# A rule that can't be is refused with file and line, or by the switch; then nothing is left.
case_errors() {
    snapshot before
    printf '\npriority=2,tp_dst=53,actions=drop\n' >$out/rules
    refuse 2 "$out/rules:2: .*leave out a part of the match" "$nsmon" start --db $db --rules $out/rules
    printf 'udp,actions=NORMAL\nudp,nonsense=1,actions=drop\n' >$out/rules
    refuse 2 "$out/rules:2: .*unknown keyword nonsense" "$nsmon" start --db $db --rules $out/rules
    printf 'udp,actions=sample(probability=1,collector_set_id=1,obs_domain_id=5),NORMAL\n' >$out/rules
    refuse 2 "leaves that out" "$nsmon" start --db $db --rules $out/rules --no-ipfix
    printf 'tcp,actions=drop\nudp,actions=meter:7,NORMAL\n' >$out/rules
    refuse 2 "$out/rules:2: rule 'udp,actions=meter:7,NORMAL': there is no meter 7" \
        "$nsmon" start --db $db --rules $out/rules
    lines_allowed=2 # the step that was begun, and why it ended
    printf 'meter=1,pktps,band=type=dscp_remark,prec_level=1,rate=9\n' >$out/rules
    refuse 1 "refused the meter .*OFPMMFC_BAD_BAND" "$nsmon" start --db $db --rules $out/rules
    printf 'udp,in_port=ovs-tap5,actions=drop\n' >$out/rules
    refuse 1 "there is no ovs-tap5" "$nsmon" start --db $db --rules $out/rules
    same "refused rules"
}

# In a system's Open vSwitch: nothing of the sets is left, and another's set stays.
case_system() {
    mkdir /run/openvswitch
    ovsdb-tool create /run/system.db /usr/share/openvswitch/vswitch.ovsschema &&
        ovsdb-server /run/system.db --remote=punix:/run/openvswitch/db.sock --pidfile --detach 2>/dev/null &&
        ovs-vsctl --no-wait init && ovs-vswitchd --pidfile --detach -vconsole:err -vfile:off &&
        ovs-vsctl add-br br-mine -- set bridge br-mine datapath_type=netdev || fail "no system Open vSwitch here"
    run ovs-vsctl -- --id=@b get Bridge br-mine -- --id=@i create IPFIX 'targets="127.0.0.1:9"' \
        -- create Flow_Sample_Collector_Set id=1 bridge=@b ipfix=@i external_ids:nsmon=another
    ovs-vsctl -f csv list Flow_Sample_Collector_Set >$out/sets
    ovs-vsctl -f csv --columns=name,external_ids list Bridge >$out/bridges
    start --sampling 1 --datapath netdev --prefix s <<'END'
priority=20,udp,tp_dst=7001,in_port=ovs-tap1,actions=sample(probability=65535,collector_set_id=1,obs_domain_id=10),NORMAL
END
    [ "$(ovs-vsctl --bare --columns=id list Flow_Sample_Collector_Set | grep -c .)" = 2 ] || fail "no set was made"
    pkill -9 -f "^$nsmon start" || fail "there was nothing to kill"
    sleep 0.3
    run "$nsmon" stop --prefix s
    ovs-vsctl -f csv list Flow_Sample_Collector_Set | diff $out/sets - || fail "sets are left or gone"
    ovs-vsctl -f csv --columns=name,external_ids list Bridge | diff $out/bridges - || fail "bridges are left or gone"
}

"case_$case"
