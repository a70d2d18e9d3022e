#!/usr/bin/env bash
# Traffic between the hosts and addresses of a lab: "shapes.sh NSMON CASE".
#
#      ns1                                nsmon-br0                                ns3
#   tap1 10.0.0.1, 10.1.0.0/16 ===veth=== ovs-tap1 … ovs-tap3 ===veth=== tap3 10.0.0.3, 10.3.0.0/16
#
# What the endpoints say of each flow is held against the captures at the taps.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
isolate "$0" "$@"
need sqlite3
nsmon=$1
case=$2
db=$out/x.db

# The answer to the SQL $1 is $2; $3 says what that means.
expect() {
    answer=$(sqlite3 $db "$1")
    [ "$answer" = "$2" ] || fail "$3: '$answer', not '$2'"
}

# What left the sender's tap and what came in at the receiver's is, flow by flow, what the endpoints counted: of UDP
# in datagrams, of TCP at least the payload.
same_as_truth() {
    sqlite3 $db >$out/last <<'END'
.mode list
WITH crossed AS (
    SELECT t.flow_id, c.name AS capture, t.direction, sum(t.packets) AS packets, sum(t.bytes) AS bytes
      FROM truth t JOIN capture c ON c.id = t.capture_id GROUP BY 1, 2, 3),
wanted AS (
    SELECT x.*, f.proto, f.src_text, f.dst_text,
           'tap' || json_extract(r.settings, CASE WHEN x.flow_id IN (SELECT flow_id FROM crossed WHERE direction = 0
               AND capture = 'tap' || json_extract(r.settings, '$.to')) THEN '$.to' ELSE '$.from' END) AS sender,
           'tap' || json_extract(r.settings, CASE WHEN x.flow_id IN (SELECT flow_id FROM crossed WHERE direction = 0
               AND capture = 'tap' || json_extract(r.settings, '$.to')) THEN '$.from' ELSE '$.to' END) AS receiver
      FROM traffic_flow x JOIN traffic_run r ON r.id = x.run_id JOIN flow f ON f.id = x.flow_id)
SELECT proto, src_text, dst_text, sent_packets, o.packets, received_packets, i.packets
  FROM wanted w LEFT JOIN crossed o ON o.flow_id = w.flow_id AND o.direction = 0 AND o.capture = sender
                LEFT JOIN crossed i ON i.flow_id = w.flow_id AND i.direction = 1 AND i.capture = receiver
 WHERE o.packets IS NULL OR i.packets IS NULL OR proto = 'udp' AND
       (o.packets <> sent_packets OR i.packets <> received_packets)
    OR proto = 'tcp' AND (o.bytes < sent_bytes OR i.bytes < received_bytes);
END
    [ ! -s $out/last ] || fail "endpoints and captures disagree"
}

case_addresses() {
    run "$nsmon" start --db $db --hosts 3 --addresses 1000 --sampling 1
    run "$nsmon" traffic ddos --from ns3 --to 1 --flows 2010 --duration 4 --seed 1
    run "$nsmon" traffic elephants-and-mice --flows 400 --scale 0.05 --duration 4 --seed 2
    run "$nsmon" traffic voip --duration 2 --from 2 --to 3 --seed 3
    run "$nsmon" stop
    same_as_truth
    expect "SELECT count(DISTINCT src_text), count(DISTINCT dst_text) FROM traffic_flow x JOIN flow f ON f.id = x.flow_id
            WHERE run_id = (SELECT min(id) FROM traffic_run) AND src_text LIKE '10.%' AND lost = 0 AND sport <> 0
              AND number < 2000" "1000|1" "sources and destinations of the flood"
    expect "SELECT count(*) FROM traffic_run r WHERE json_extract(settings, '$.addresses') = 1000
              AND json_extract(settings, '$.flows') = (SELECT count(*) FROM traffic_flow WHERE run_id = r.id)" 3 \
        "the settings' runs with their addresses and flows"
    expect "SELECT count(DISTINCT f.src_text LIKE '10.2.%' OR f.src_text = '10.0.0.2') FROM traffic_flow x
            JOIN flow f ON f.id = x.flow_id WHERE run_id = (SELECT max(id) FROM traffic_run)
              AND f.src_text LIKE '10.%'" 2 "both directions of the calls"
    echo "flows of $(sqlite3 $db 'SELECT count(*) FROM traffic_flow') are as the captures saw them"
}

# What the sender's kernel says of TCP is in the database, flow by flow and second by second, and sums to what it counted.
# What ends a connection is not dropped: whether that is sent again nobody learns who has closed his socket.
case_tcp() {
    need nft
    run "$nsmon" start --db $db --sampling 1
    ip netns exec ns2 nft -f - <<'END' || skip "the kernel lacks nftables for netdev"
table netdev spoil {
    chain in {
        type filter hook ingress device tap2 priority 0;
        tcp flags & fin == 0 numgen inc mod 50 == 20 drop
    }
}
END
    run "$nsmon" traffic mixed --duration 4 --seed 4
    again=$(ip netns exec ns1 awk '$1 == "Tcp:" && !n { for (i = 2; i <= NF; i++) if ($i == "RetransSegs") n = i; next }
                                   $1 == "Tcp:" { print $n }' /proc/net/snmp)
    run "$nsmon" stop
    [ "$again" -gt 0 ] || fail "nothing was sent again"
    expect "SELECT sum(retransmitted) FROM traffic_flow" "$again" "segments of all flows that were sent again"
    expect "SELECT sum(retransmitted) FROM traffic_interval" "$again" "those of all seconds"
    expect "SELECT count(*) FROM traffic_flow x LEFT JOIN (SELECT number, sum(retransmitted) AS again FROM traffic_tcp_interval
            GROUP BY number) i ON i.number = x.number WHERE i.again IS NOT x.retransmitted" 0 "flows that don't sum up"
    expect "SELECT count(*) FROM traffic_flow x JOIN flow f ON f.id = x.flow_id WHERE (proto = 'tcp') <>
            coalesce(retransmitted >= 0 AND rtt_min_ns > 0 AND rtt_min_ns <= rtt_mean_ns AND rtt_mean_ns <= rtt_max_ns
             AND rtt_ns <= rtt_max_ns AND cwnd_max_bytes > 0, 0)" 0 "flows with figures of TCP that are not, or without"
    expect "SELECT count(*) FROM traffic_interval WHERE tcp_flows IS NOT (SELECT nullif(count(*), 0) FROM traffic_tcp_interval t
            WHERE t.end_ns = traffic_interval.end_ns)" 0 "seconds with other flows than they have rows"
    expect "SELECT count(*) > 3 FROM traffic_interval WHERE rtt_min_ns <= rtt_p50_ns AND rtt_p50_ns <= rtt_p99_ns
            AND rtt_p99_ns <= rtt_max_ns AND cwnd_p50_bytes > 0 AND delivery_bps > 0 AND unacked_bytes >= 0" 1 "seconds"
    expect "SELECT tcp_interval_ns FROM traffic_run" 1000000000 "how long the rows are"
    echo "$again segments sent again, in the kernel, the flows and their seconds"
}

# What both ends counted beside packets is in the database: losses in a row, reordering's extent, processor time, stamps.
case_whole() {
    need nft
    run "$nsmon" start --db $db --sampling 1
    # Two of twenty in a row, of all flows together: one row of two in a flow, or two rows of one.
    ip netns exec ns2 nft -f - <<'END' || skip "the kernel lacks nftables for netdev"
table netdev spoil {
    chain in {
        type filter hook ingress device tap2 priority 0;
        udp length 40-65535 numgen inc mod 20 < 2 drop
    }
}
END
    run "$nsmon" traffic microbursts --duration 2 --seed 5
    run "$nsmon" stop
    expect "SELECT sum(lost) > 20 AND sum(loss_bursts) BETWEEN sum(lost) / 2 AND sum(lost) AND max(loss_longest) = 2
            AND max(reorder_extent) = 0 AND count(retransmitted) = 0 FROM traffic_flow" 1 "rows of losses of all flows"
    expect "SELECT count(*) FROM traffic_flow WHERE (lost > 0) <> (loss_bursts > 0) OR (lost > 0) <> (loss_longest > 0)
            OR loss_bursts > lost" 0 "flows whose losses and rows of losses don't go together"
    expect "SELECT sum(count) = (SELECT sum(loss_bursts) FROM traffic_flow) AND sum(count * low) = (SELECT sum(lost) FROM
            traffic_flow) AND max(high) = 2 AND min(low) = 1 FROM traffic_loss" 1 "rows of losses by their length"
    expect "SELECT send_cpu_ns > 0 AND receive_cpu_ns > 0 AND send_batch_max = 1 AND receive_batch_max = 1 AND late_packets >= 0
            AND late_p50_ns <= late_p99_ns AND late_p99_ns <= late_max_ns AND tcp_interval_ns IS NULL FROM traffic_run" 1 \
        "what the endpoints took"
    run "$nsmon" report --db $db --format json -o $out/report.json
    grep -q '"loss_rows"' $out/report.json || fail "the report has no rows of losses"
    echo "$(sqlite3 $db 'SELECT sum(loss_bursts) FROM traffic_flow') rows of losses, by flow and by length"
}

# Three runs at once, one of them later and in the other direction.
case_together() {
    cat >$out/together.yaml <<'END'
name: together
lab: {hosts: 3, sampling: 1}
duration: 3s
traffic:
  - {profile: quick, from: ns1, to: ns2}
  - {profile: quick, from: ns1, to: ns3}
  - {profile: quick, from: ns3, to: ns1, start: 1s, duration: 2s}
END
    run "$nsmon" run $out/together.yaml --db $db
    grep -q "ns1>ns3: 12 flows" $out/last || fail "the second run did not say how it went"
    same_as_truth
    expect "SELECT count(*), count(DISTINCT seed) FROM traffic_run WHERE ended_ns IS NOT NULL" "3|3" "runs"
    expect "SELECT max(started_ns) - min(started_ns) BETWEEN 8e8 AND 2e9 AND
                   max(started_ns) < min(ended_ns) FROM traffic_run" 1 "one second later, but at the same time"
    echo "three runs at the same time, each as the captures saw it"
}

case_errors() {
    run "$nsmon" start --db $db
    refuse 1 "no host ns3" "$nsmon" traffic quick --to 3 2>/dev/null
    refuse 1 "ns2 to itself" "$nsmon" traffic quick --from ns2
    lines_allowed=2
    refuse 2 "ns1 to ns8" "$nsmon" traffic quick --from ns9
    refuse 2 "ns1 to ns8" "$nsmon" traffic quick --from ns
    refuse 2 "--flows takes" "$nsmon" traffic quick --flows 0
    refuse 1 "from one address" "$nsmon" traffic quick --flows 50000
    run "$nsmon" stop
    echo "what can't be is said in a line"
}

"case_$case"
