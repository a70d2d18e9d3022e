#!/usr/bin/env bash
# Capture files played from ns1 to ns2: "replay.sh NSMON CASE".
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
isolate "$0" "$@"
nsmon=$1
case=$2
db=$out/x.db
corpus=$here/../../../shared/corpora/matched/tap1.pcap
need python3 sqlite3 nft

sql() {
    sqlite3 "$db" "$1"
}

make_file() {
    python3 "$here/replay_file.py" "$1" "$2" || fail "no capture of kind $1"
}

# What the capture file $1 holds by nsmon's own meter of files, $2 times, and what left tap1 in the session, is the
# same flow by flow; but for neighbour discovery and listener reports, of which the stations have their own.
same_as_file() {
    rm -f $out/file.db
    run "$nsmon" import --truth "$1,mac=02:00:00:00:00:01" --db $out/file.db
    python3 - $out/file.db "$db" "$2" <<'PY' >$out/last 2>&1 || fail "the truth at tap1 is not the file $1"
import sqlite3
import sys

def flows(path, where):
    rows = sqlite3.connect(f"file:{path}?mode=ro", uri=True).execute(
        "SELECT f.ethertype, f.proto, f.src_text, f.dst_text, f.sport, f.dport, sum(t.packets), sum(t.bytes) FROM truth t "
        f"JOIN capture c ON c.id = t.capture_id JOIN flow f ON f.id = t.flow_id {where} GROUP BY f.id")
    return {row[:6]: row[6:] for row in rows if row[1] not in (58, "icmp6")}

times = int(sys.argv[3])
want = {key: (packets * times, size * times) for key, (packets, size) in flows(sys.argv[1], "").items()}
got = flows(sys.argv[2], "WHERE t.direction = 0 AND c.name LIKE '%tap1'")
for key in sorted(want.keys() | got.keys(), key=str):
    if want.get(key) != got.get(key):
        print(key, "in the file", want.get(key), "out of tap1", got.get(key))
print(len(want), "flows", sum(value[0] for value in want.values()), "frames")
sys.exit(0 if want == got and len(want) > 5 else 1)
PY
    tail -n 1 $out/last
}

# Every exporter says the truth, and nobody answered: what left tap2 is the station's own discovery and nothing else.
exact_and_silent() {
    run "$nsmon" compare --db $db --format json -o $out/compare.json
    run python3 "$here/check.py" exact $out/compare.json $db
    answers=$(sql "SELECT count(*) FROM v_truth WHERE capture LIKE '%tap2' AND direction = 'out' AND proto NOT IN (58, 'icmp6')")
    [ "$answers" = 0 ] || fail "ns2 answered: $(sql "SELECT * FROM v_truth WHERE capture LIKE '%tap2' AND direction = 'out'")"
}

no_rules_left() {
    for _ in $(seq 100); do
        [ "$(ip netns exec ns2 nft list ruleset)" = "" ] && return 0
        sleep 0.1
    done
    fail "rules are left in ns2: $(ip netns exec ns2 nft list ruleset)"
}

# A real capture of a tap, both directions, cut to 128 bytes a frame.
case_corpus() {
    [ -r "$corpus" ] || skip "needs the corpus of matched captures"
    run "$nsmon" start --sampling 1 --db $db
    run "$nsmon" traffic --replay "$corpus"
    cat $out/last
    grep -q "^8817 frames" $out/last || fail "not all 8817 frames were sent"
    run "$nsmon" stop
    same_as_file "$corpus" 1
    exact_and_silent
}

# pcapng, and all that a host would answer; twice as fast.
case_made() {
    make_file mixed $out/mixed.pcapng
    snapshot before
    run "$nsmon" start --sampling 1 --db $db
    run "$nsmon" traffic --replay $out/mixed.pcapng --speed 2 --format json
    frames=$(sed -n 's/^  "sent_packets": \([0-9]*\).*/\1/p' $out/last)
    [ "$frames" = 87 ] || fail "$frames frames were sent, not 87"
    no_rules_left
    run ip netns exec ns1 ping -q -c 1 -W 5 10.0.0.2 # ns2 hears again
    run "$nsmon" stop
    same "a replay"
    [ "$(sql "SELECT profile, json_extract(settings, '$.speed') FROM traffic_run")" = "replay:mixed.pcapng|2.0" ] ||
        fail "the run in the database is another: $(sql "SELECT * FROM traffic_run")"
    [ "$(sql "SELECT sum(sent_packets) FROM traffic_interval")" = 87 ] || fail "the intervals don't sum up"
    [ "$(sql "SELECT count(*) FROM traffic_interval WHERE coalesce(owd_p50_ns, tcp_flows) IS NOT NULL")" = 0 ] ||
        fail "frames of a file have delays, or flows of TCP"
    # From the first to the last of UDP 84 gaps of 10 ms, at twice the speed, or more on a busy machine.
    [ "$(sql "SELECT max(last_ns) - min(first_ns) BETWEEN 415000000 AND 5000000000 FROM v_truth
                 WHERE capture = 'tap1' AND direction = 'out' AND proto = 'udp'")" = 1 ] ||
        fail "the timing is another: $(sql "SELECT max(last_ns) - min(first_ns) FROM v_truth WHERE proto = 'udp'")"
}

# Link types without Ethernet headers get one.
case_cooked() {
    run "$nsmon" start --sampling 1 --db $db
    for kind in cooked raw; do
        make_file $kind $out/$kind.pcap
        run "$nsmon" traffic --replay $out/$kind.pcap --speed 0
        grep -q "left out" $out/last && fail "frames of $kind were left out"
    done
    run "$nsmon" stop
    [ "$(sql "SELECT count(DISTINCT profile) FROM traffic_run")" = 2 ] || fail "not two runs"
    # Both files hold the same packets, so the session has twice what is in one of them, with headers of 14 bytes.
    sums=$(sql "SELECT sum(packets), sum(bytes) FROM v_truth WHERE capture = 'tap1' AND direction = 'out' AND proto = 'udp'
                   AND src = '192.0.2.7'")
    # Of UDP from 192.0.2.7: 20 of 1514 bytes, 52 and 52 to groups; and of the fragmented one the first of 834, whose
    # second one of 242 bytes has no ports.
    [ "$sums" = "$((2 * 24))|$((2 * (20 * 1514 + 52 + 52 + 834 + 242)))" ] || fail "the truth is $sums"
    exact_and_silent
}

# Thrice, as fast as it goes; and a frame that no link takes is left out and told.
case_loops() {
    make_file long $out/long.pcapng
    make_file mixed $out/mixed.pcapng
    run "$nsmon" start --sampling 1 --db $db
    run "$nsmon" traffic --replay $out/long.pcapng --speed 0
    grep -q "^2 frames of up to 3054 bytes left out: .*--mtu 9000" $out/last || fail "the long frames are not told"
    grep -q "^1 frames left out: .*not whole" $out/last || fail "the short frame is not told"
    run "$nsmon" traffic --replay $out/mixed.pcapng --loop 2 --speed 0
    grep -q "^174 frames" $out/last || fail "not twice 87 frames"
    run "$nsmon" stop
    same_as_file $out/mixed.pcapng 3
    exact_and_silent
}

# An interrupt ends it well.
case_stopped() {
    make_file slow $out/slow.pcap
    run "$nsmon" start --sampling 1 --db $db
    "$nsmon" traffic --replay $out/slow.pcap >$out/last 2>&1 &
    pid=$!
    for _ in $(seq 100); do
        ip netns exec ns2 nft list ruleset | grep -q "counter packets [1-9]" && break
        sleep 0.1
    done
    kill -INT $pid
    wait $pid || fail "it ended with $?"
    grep -q "stopped early" $out/last || fail "it does not say that it was stopped"
    no_rules_left
    run "$nsmon" stop
    [ "$(sql "SELECT json_extract(settings, '$.stopped') FROM traffic_run")" = 1 ] || fail "the database does not say so"
}

# A replay that is killed leaves nobody deaf.
case_killed() {
    make_file slow $out/slow.pcap
    run "$nsmon" start --sampling 1 --db $db
    "$nsmon" traffic --replay $out/slow.pcap >$out/last 2>&1 &
    pid=$!
    for _ in $(seq 100); do
        ip netns exec ns2 nft list ruleset | grep -q "counter packets [1-9]" && break
        sleep 0.1
    done
    kill -KILL $pid
    no_rules_left
    run "$nsmon" stop
}

# What is wrong is told in a line; what stands before the damage is played.
case_broken() {
    make_file mixed $out/mixed.pcapng
    head -c 5000 $out/mixed.pcapng >$out/cut.pcapng
    head -c 5000 /dev/zero >$out/none.pcap
    refuse 2 "are for --replay" "$nsmon" traffic --speed 2
    lines_allowed=2 refuse 2 "don't go with it" "$nsmon" traffic quick --replay $out/mixed.pcapng
    refuse 2 "a number from 0 to 1000" "$nsmon" traffic --replay $out/mixed.pcapng --speed -1
    run "$nsmon" start --sampling 1 --db $db
    refuse 1 "could not open" "$nsmon" traffic --replay $out/nothing.pcap
    lines_allowed=3
    refuse 1 "as a capture file" "$nsmon" traffic --replay $out/none.pcap
    refuse 1 "can't be played more than once" "$nsmon" traffic --replay - --loop 2 < <(cat $out/mixed.pcapng)
    lines_allowed=9
    refuse 1 "is broken, and was read as far as it goes" "$nsmon" traffic --replay $out/cut.pcapng --speed 0
    frames=$(sed -n 's/^\([0-9]*\) frames, .*/\1/p' $out/last)
    [ "${frames:-0}" -gt 5 ] || fail "nothing was played"
    run "$nsmon" traffic --replay - --speed 0 < <(cat $out/mixed.pcapng)
    grep -q "^87 frames" $out/last || fail "a pipe is not played whole"
    no_rules_left
    run "$nsmon" stop
    [ "$(sql "SELECT sum(packets) > 80 FROM v_truth WHERE capture = 'tap1' AND direction = 'out'")" = 1 ] || fail "no truth"
}

# In scenarios, beside the file; a second replay and traffic of other hosts go on at the same time.
case_scenario() {
    mkdir $out/folder
    make_file mixed $out/folder/mixed.pcapng
    make_file cooked $out/folder/cooked.pcap
    cat >$out/folder/mine.yaml <<'YAML'
name: mine
lab: {hosts: 4, sampling: 1}
traffic:
  - {replay: mixed.pcapng, speed: 4, loop: 2}
  - {replay: cooked.pcap, start: 100ms, speed: 0}
  - {profile: quick, duration: 2s, from: ns3, to: ns4}
YAML
    snapshot before
    run "$nsmon" run $out/folder/mine.yaml --db $db --format json -o $out/report.json
    same "a scenario of replays"
    # What goes to groups comes out three times, so it is what went in that the exporters' own figures are held against.
    python3 - $out/report.json <<'PY' >$out/last 2>&1 || fail "four hosts at sampling 1"
import json
import sys
report = json.load(open(sys.argv[1], encoding="utf-8"))
assert report["verdict"]["ok"], report["verdict"]["text"]
wrong = [flow for flow in report["flows"] for said in flow["sources"].values()
         if said and (said["packets"], said["bytes"]) != (flow["truth"]["packets"], flow["truth"]["bytes"])]
assert len(report["flows"]) > 60 and not wrong, (len(report["flows"]), wrong)
PY
    [ "$(sql "SELECT group_concat(profile, ' ') FROM (SELECT profile FROM traffic_run ORDER BY profile)")" = \
        "quick replay:cooked.pcap replay:mixed.pcapng" ] || fail "not these runs: $(sql "SELECT * FROM traffic_run")"
    [ "$(sql "SELECT sum(received_packets) > 100 FROM traffic_flow")" = 1 ] || fail "ns3 and ns4 did not get through"
    rm -f $db
    run "$nsmon" run --replay $out/folder/mixed.pcapng --speed 0 --sampling 1 --db $db
    [ "$(sql "SELECT sum(sent_packets) FROM traffic_interval")" = 87 ] || fail "run --replay did not play it"
    same_as_file $out/folder/mixed.pcapng 1
    refuse 2 "expected a capture file: No such file" "$nsmon" run --replay $out/none.pcap
    printf 'traffic:\n  - {replay: mixed.pcapng}\n  - {profile: quick}\n' >$out/folder/both.yaml
    refuse 2 "both.yaml:2:14: found a replay from ns1, of which there is other traffic" "$nsmon" run --check $out/folder/both.yaml
    printf 'traffic: [{profile: quick, speed: 2}]\n' >$out/folder/speed.yaml
    refuse 2 "found 'speed' without 'replay'" "$nsmon" run --check $out/folder/speed.yaml
    printf 'traffic: [{replay: mixed.pcapng, scale: 2}]\n' >$out/folder/scale.yaml
    refuse 2 "found 'scale' beside 'replay'" "$nsmon" run --check $out/folder/scale.yaml
}

case_$case
