#!/usr/bin/env bash
# The delay of each datagram is split over sender, switch and receiver: "split.sh NSMON CASE".
#
#   ns1 [tap1] ==veth== Open vSwitch ==veth== [tap2] ns2
#        sent -> out of tap1 -> into tap2 -> received
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
isolate "$0" "$@"
nsmon=$1
case=$2
db=$out/x.db
need python3 sqlite3

sql() {
    sqlite3 $db "$1"
}

# Every datagram of a small run has all its times, in order, and they are those of the capture files.
case_exact() {
    run "$nsmon" start --db $db --pcap-dir $out/pcap
    run "$nsmon" traffic quick --duration 3
    run "$nsmon" traffic voip --duration 2
    run "$nsmon" stop
    whole="tap_out_ns IS NOT NULL AND tap_in_ns IS NOT NULL AND received_ns IS NOT NULL"
    [ "$(sql "SELECT count(*) FROM traffic_stamp WHERE $whole")" = "$(sql "SELECT sum(received_packets) FROM traffic_flow")" ] ||
        fail "of $(sql "SELECT sum(received_packets) FROM traffic_flow") datagrams there are times of \
$(sql "SELECT count(*) FROM traffic_stamp WHERE $whole")"
    [ "$(sql "SELECT count(*) FROM traffic_stamp WHERE NOT (sent_ns <= tap_out_ns AND tap_out_ns <= tap_in_ns AND
                     tap_in_ns <= received_ns)")" = 0 ] || fail "times out of order: $(sql "SELECT * FROM traffic_stamp
                     WHERE NOT (sent_ns <= tap_out_ns AND tap_out_ns <= tap_in_ns AND tap_in_ns <= received_ns) LIMIT 5")"
    # The endpoints measured the same delays by themselves.
    for what in min max; do
        [ "$(sql "SELECT count(*) FROM traffic_flow f WHERE sent_packets IS NOT NULL AND abs(owd_${what}_ns - (SELECT
            $what(received_ns - sent_ns) FROM traffic_stamp s WHERE s.run_id = f.run_id AND s.number = f.number)) > 1000")" = 0 ] ||
            fail "the parts don't sum to the endpoints' $what"
    done
    run python3 "$here/split_check.py" $db $out/pcap/tap1.pcap $out/pcap/tap2.pcap
    cat $out/last
}

# Intervals and histograms are there of all flows and of each class, and all sum to what the flows say.
case_classes() {
    run "$nsmon" start --db $db
    run "$nsmon" traffic mixed --duration 3
    run "$nsmon" stop
    flows=$(sql "SELECT sum(sent_packets), sum(sent_bytes), sum(received_packets), sum(received_bytes) FROM traffic_flow")
    for table in traffic_interval traffic_class_interval; do
        sums=$(sql "SELECT sum(sent_packets), sum(sent_bytes), sum(received_packets), sum(received_bytes) FROM $table")
        [ "$sums" = "$flows" ] || fail "$table sums to $sums, not $flows"
    done
    [ "$(sql "SELECT class, sum(received_packets) FROM traffic_class_interval GROUP BY class")" = \
        "$(sql "SELECT class, total(received_packets) + 0 FROM traffic_flow GROUP BY class" | sed 's/\.0$//')" ] ||
        fail "the classes have not what their flows have"
    received=$(sql "SELECT sum(received_packets) FROM traffic_flow")
    for table in traffic_histogram traffic_class_histogram; do
        [ "$(sql "SELECT sum(count) FROM $table")" = "$received" ] || fail "$table has not all $received datagrams"
    done
    [ "$(sql "SELECT count(DISTINCT class) FROM traffic_class_histogram")" -gt 1 ] || fail "there is one class only"
    [ "$(sql "SELECT count(*) FROM traffic_interval WHERE received_packets > 0 AND NOT
                     (0 < owd_p50_ns AND owd_p50_ns <= owd_p99_ns AND owd_p99_ns <= owd_max_ns)")" = 0 ] ||
        fail "intervals without delays: $(sql "SELECT * FROM traffic_interval")"
    sql "SELECT class, count(*) || ' intervals', sum(sent_packets) FROM traffic_class_interval GROUP BY class"
}

# What a group says of headers stands in every frame of its flows, on sockets of their own and on shared ones.
case_headers() {
    need tcpdump
    cat >$out/headers.yaml <<'YAML'
duration: 1s
seed: 1
lab: {addresses: 16}
traffic:
  - groups:
      - {protocol: udp, ip: 4, count: 60, packets: 10, payload: 100, dscp: 46, ttl: 9}
      - {protocol: udp, ip: 6, count: 60, packets: 10, payload: 101, dscp: 10, ttl: 8, flow-label: 74565}
      - {protocol: tcp, ip: 4, count: 1, packets: 10, dscp: 12, mss: 600, congestion: reno, nagle: true}
      - {protocol: tcp, ip: 6, count: 1, packets: 10, flow-label: 214375}
YAML
    run "$nsmon" run $out/headers.yaml --pcap-dir $out/pcap --db $db
    [ "$(sql "SELECT count(*) FROM traffic_flow WHERE failed IS NULL")" = 122 ] || fail "flows failed: $(sql "SELECT failed FROM traffic_flow")"
    [ "$(sql "SELECT count(*) - count(DISTINCT sport) FROM traffic_flow t JOIN flow f ON f.id = t.flow_id
                     WHERE proto = 'udp' AND src_text LIKE '10.%'")" -gt 3 ] || fail "the flows don't share a socket"
    # frames FILTER PATTERN: how many headers match
    frames() {
        tcpdump -r $out/pcap/tap1.pcap -n -v "$1" 2>/dev/null | grep -c -e "$2"
    }
    [ "$(frames 'udp and ip and src net 10.0.0.0/8 and greater 142' 'tos 0xb8, ttl 9,')" = 600 ] || fail "DSCP and TTL of UDP over IPv4"
    [ "$(frames 'ip6 and udp and greater 163' 'class 0x28, flowlabel 0x12345, hlim 8,')" = 600 ] || fail "header of UDP over IPv6"
    [ "$(frames 'tcp and ip' 'tos 0x30')" -ge 10 ] || fail "DSCP of TCP"
    tcpdump -r $out/pcap/tap1.pcap -n -v 'ip and tcp[tcpflags] == tcp-syn' 2>/dev/null | grep -q 'mss 600' || fail "MSS of TCP"
    [ "$(frames 'ip6 proto 6' 'flowlabel 0x34567')" -ge 10 ] || fail "flow label of TCP"
    echo "headers are as asked for"
}

# Of a run with too many datagrams there is a sample, and the taps kept the same one as the receiver.
case_many() {
    run "$nsmon" start --db $db
    run "$nsmon" traffic microbursts --duration 3 --scale 12
    run "$nsmon" stop
    read -r stamps whole received < <(sql "SELECT count(*), sum(tap_out_ns IS NOT NULL AND tap_in_ns IS NOT NULL AND
        received_ns IS NOT NULL), (SELECT sum(received_packets) FROM traffic_flow) FROM traffic_stamp" | tr '|' ' ')
    [ "$received" -gt 16384 ] || fail "only $received datagrams: too few for a sample"
    [ "$stamps" -le 16384 ] && [ "$stamps" -gt 5000 ] || fail "$stamps times of $received datagrams"
    lost=$(sql "SELECT sum(lost) FROM traffic_flow")
    drops=$(sql "SELECT sum(dropped) FROM capture")
    [ "$whole" = "$stamps" ] || [ "$lost" != 0 ] || [ "$drops" != 0 ] || fail "of $stamps datagrams $whole were seen by all"
    echo "$stamps of $received datagrams, $whole seen by all; $lost lost, $drops not captured"
}

case_$case
