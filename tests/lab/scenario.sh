#!/usr/bin/env bash
# Scenarios on a real Open vSwitch: "scenario.sh NSMON CASE", where CASE is one below or a shipped scenario.
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

# A shipped scenario runs to its end, leaves nothing, and shows what it is there for.
shipped() {
    snapshot before
    run "$nsmon" run "$1" --db $db --format json -o $out/report.json
    same "$1"
    run python3 "$here/scenario_check.py" "$1" $out/report.json $db
}

# A file of one's own: three hosts, two runs of traffic at once, large frames, a rule that drops; and options
# above all that.
case_file() {
    cat >$out/mine.yaml <<'YAML'
name: mine
duration: 2s
seed: 5
lab:
  hosts: 3
  mtu: 9000
  netflow: off
  sflow: {sampling: 7, header: 200}
  ipfix: {sampling: 9}
openflow:
  rules:
    - priority=10,udp,tp_dst=9,actions=drop
impairments:
  - {to: ns3, delay: 5ms}
traffic:
  - {profile: quick, from: ns1, to: ns3}
  - to: ns2
    start: 1s
    duration: 1s
    groups:
      - {protocol: udp, count: 3, packets: 20, payload: 8900}
YAML
    run "$nsmon" run --check $out/mine.yaml
    grep -q "mine.yaml: ok: mine, 3 hosts, 2 runs of traffic, 2s" $out/last || fail "--check says something else"
    snapshot before
    run "$nsmon" run $out/mine.yaml --sampling 1 --label own --db $db --format json -o $out/report.json
    same "a scenario of one's own"
    [ "$(sql "SELECT label, json_extract(settings, '$.sflow.sampling'), json_extract(settings, '$.ipfix.sampling'),
                     json_extract(settings, '$.sflow.header_bytes'), json_extract(settings, '$.hosts'),
                     json_extract(settings, '$.mtu'), json_extract(settings, '$.netflow') IS NULL,
                     json_extract(settings, '$.openflow.rules[0]') FROM session")" = \
        "own|1|1|200|3|9000|1|priority=10,udp,tp_dst=9,actions=drop" ] || fail "the lab is another: $(sql "SELECT label, settings FROM session")"
    [ "$(sql "SELECT group_concat(profile || ' ' || json_extract(settings, '$.from') || ' ' ||
                     json_extract(settings, '$.to'), ', ') FROM (SELECT * FROM traffic_run ORDER BY profile)")" = \
        "mine 1 2, quick 1 3" ] || fail "the traffic is another: $(sql "SELECT profile, settings FROM traffic_run")"
    [ "$(sql "SELECT count(*), sum(received_packets) FROM traffic_flow WHERE run_id =
                  (SELECT id FROM traffic_run WHERE profile = 'mine')")" = "3|60" ] || fail "large datagrams got lost"
    [ "$(sql "SELECT max(started_ns) - min(started_ns) > 400000000 FROM traffic_run")" = 1 ] || fail "they began together"
    python3 - $out/report.json <<'PY' >$out/last 2>&1 || fail "three hosts at sampling 1"
import json
import sys
report = json.load(open(sys.argv[1], encoding="utf-8"))
assert [source["name"] for source in report["sources"]] == ["sflow", "ipfix"], report["sources"]
assert report["verdict"]["ok"], report["verdict"]["text"]
large = [flow for flow in report["flows"] if flow["truth"]["packets"] == 20 and flow["dst"] == "10.0.0.2"]
assert sorted(flow["truth"]["bytes"] for flow in large) == [20 * (8900 + 42)] * 3, large
PY
}

# Repetitions: sessions with labels that are counted on, a table, and flows that come again with their seed.
case_repeat() {
    printf 'name: twice\nduration: 1s\nrepetitions: 2\nlab: {sampling: 1, netflow: off}\ntraffic: [{profile: quick}]\n' >$out/twice.yaml
    run "$nsmon" run $out/twice.yaml --db $db --seed 3 --format json -o $out/a.json
    [ "$(sql "SELECT group_concat(label) FROM session")" = twice-1,twice-2 ] || fail "labels: $(sql "SELECT label FROM session")"
    "$nsmon" run $out/twice.yaml --db $db --seed 3 >$out/last 2>&1 || fail "again"
    grep -q "^2 repetitions: twice-3 (session 3), twice-4 (session 4)$" $out/last || fail "the table has other sessions"
    grep -q "^IPFIX 1-in-1: OK in 2 of 2$" $out/last || fail "the table says nothing of IPFIX"
    [ "$(sql "SELECT count(DISTINCT seed), count(*) FROM traffic_run")" = "2|4" ] || fail "seeds: $(sql "SELECT seed FROM traffic_run")"
    python3 - $out/a.json <<'PY' >$out/last 2>&1 || fail "the JSON of repetitions"
import json
import sys
made = json.load(open(sys.argv[1], encoding="utf-8"))
assert made["format"] == "nsmon-repetitions-1"
assert [report["session"]["label"] for report in made["repetitions"]] == ["twice-1", "twice-2"]
for at, source in enumerate(made["sources"]):
    bias = source["packets_bias"]
    assert bias["values"] == [report["sources"][at]["bias"] for report in made["repetitions"]], bias
    assert bias["range"] == [min(bias["values"]), max(bias["values"])], bias
    assert bias["median_ci"] == [None, None], bias
PY
    refuse 2 "html shows one session" "$nsmon" run $out/twice.yaml --db $db --format html
    run "$nsmon" run $out/twice.yaml --db $db --repetitions 1
    [ "$(sql "SELECT label IS NULL FROM session WHERE id = 5")" = 1 ] || fail "one run has a label of its own"
}

# Ctrl-C in the first of several: it is compared, and no other is begun.
case_stopped() {
    snapshot before
    "$nsmon" run mixed --repetitions 3 --db $db >$out/last 2>&1 &
    for _ in $(seq 100); do
        [ -S /run/nsmon/default/control ] && grep -q "flows\? in" $out/last && break
        sleep 0.1
    done
    sleep 1
    kill -INT $!
    wait $! || fail "it did not end well"
    grep -q "^1 repetitions: mixed-1" $out/last || fail "no table of what was measured"
    [ "$(sql "SELECT count(*) FROM session")" = 1 ] || fail "another repetition was begun"
    same "stopped"
}

# What is wrong is said in a line, with the place, and before anything is made.
case_errors() {
    snapshot before
    printf 'lab:\n  mtu: 100\ntraffic: [{profile: quick}]\n' >$out/x.yaml
    refuse 2 "x.yaml:2:8: found '100', expected a whole number from 1280 to 9000" "$nsmon" run $out/x.yaml
    refuse 2 "x.yaml:2:8: found '100'" setpriv --reuid=65534 --regid=65534 --clear-groups "$nsmon" run --check $out/x.yaml
    printf 'openflow:\n  rules:\n    - udp,tp_dst=99999,actions=drop\ntraffic: [{profile: quick}]\n' >$out/x.yaml
    refuse 2 "x.yaml:3:7: found no rule that Open vSwitch takes" "$nsmon" run $out/x.yaml
    : >$out/x.yaml
    refuse 2 "x.yaml:1:1: found nothing, expected a mapping" "$nsmon" run --check $out/x.yaml
    printf 'name: x\nlab:\0\n' >$out/x.yaml
    refuse 2 "x.yaml:2:5: found a NUL" "$nsmon" run --check $out/x.yaml
    head -c 300000 /dev/zero | tr '\0' '#' >$out/x.yaml
    refuse 2 "x.yaml: found more than 256 KiB" "$nsmon" run --check $out/x.yaml
    refuse 1 "could not read '$out/nosuch.yaml'" "$nsmon" run $out/nosuch.yaml
    refuse 2 "no scenario, profile or file 'ddoss' (did you mean 'ddos'?)" "$nsmon" run ddoss
    refuse 2 "no scenario" "$nsmon" run --print nosuch
    refuse 2 "traffic from ns1 to ns2" "$nsmon" run quick --hosts 1
    refuse 1 "sudo nsmon run" setpriv --reuid=65534 --regid=65534 --clear-groups "$nsmon" run quick
    "$nsmon" run --print ddos >$out/ddos.yaml || fail "--print"
    cmp $out/ddos.yaml "$here/../../scenario/library/ddos.yaml" || fail "--print changes the file"
    [ "$("$nsmon" run --list | cut -d' ' -f1 | sort)" = \
        "$(cd "$here/../../scenario/library" && ls -- *.yaml | sed 's/.yaml$//' | sort)" ] || fail "--list shows others"
    same "after errors"
}

if [ "$(type -t "case_$case")" = function ]; then
    "case_$case"
else
    shipped "$case"
fi
