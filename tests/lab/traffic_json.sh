#!/usr/bin/env bash
# What 'nsmon traffic --format json' prints is what its schema says, and what the database has: "traffic_json.sh NSMON CASE".
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
isolate "$0" "$@"
need python3 sqlite3
nsmon=$1
case=$2
db=$out/x.db
schema=$here/../../docs/traffic-json.schema.json

# traffic STATUS OPTION...: as JSON to a file; it must end with that status.
traffic() {
    want=$1
    shift
    timeout 100 "$nsmon" traffic --format json "$@" >$out/json 2>$out/last
    status=$?
    [ $status = "$want" ] || fail "'nsmon traffic $*' ended with $status, not $want"
}

check() {
    python3 "$here/remote_check.py" "$schema" $out/json "$@" >$out/last 2>&1
    status=$?
    [ $status != 77 ] || skip "$(cat $out/last)"
    [ $status = 0 ] || fail "check $*"
}

# The last run of the database, flow by flow and in sum, is the JSON.
same_as_database() {
    python3 - $out/json $db >$out/last 2>&1 <<'END' || fail "the database has another run"
import json
import sqlite3
import sys

run = json.load(open(sys.argv[1], encoding="utf-8"))
database = sqlite3.connect(f"file:{sys.argv[2]}?mode=ro", uri=True)
database.row_factory = sqlite3.Row
row = database.execute("SELECT * FROM traffic_run ORDER BY id DESC").fetchone()
wrong = []

def same(what, a, b):
    if a != b and (a is None or b is None or abs(a - b) > 1e-3):
        wrong.append(f"{what}: {a} in the database, {b} in JSON")

def us(ns):
    return None if ns is None else ns / 1e3

same("seed", row["seed"], run["seed"])
same("CPU", row["send_cpu_ns"] / 1e9, run["cpu"]["send_seconds"])
same("CPU", row["receive_cpu_ns"] / 1e9, run["cpu"]["recv_seconds"])
if any(flow["protocol"] == "udp" for flow in run["flows"]):
    same("send stamps", row["send_batch_max"], run["stamps"]["send_batch_max"])
    same("receive stamps", row["receive_batch_max"], run["stamps"]["receive_batch_max"])
    same("late", row["late_packets"], run["late"]["packets"])
    same("late", us(row["late_p99_ns"]), run["late"]["p99_us"])
tcp = row["tcp_interval_ns"]
same("rows of TCP", tcp and tcp / 1e9, run["tcp_interval_seconds"])
losses = database.execute("SELECT high, count FROM traffic_loss WHERE run_id = ? ORDER BY low", (row["id"],)).fetchall()
if [(loss["high"], loss["count"]) for loss in losses] != [(loss["up_to"], loss["count"]) for loss in run["loss_burst_lengths"]]:
    wrong.append("rows of losses")
seconds = database.execute("SELECT * FROM traffic_interval WHERE run_id = ? ORDER BY start_ns", (row["id"],)).fetchall()
same("seconds", len(seconds), len(run["intervals"]))
for a, b in zip(seconds, run["intervals"]):
    same("a second's bytes", a["received_bytes"], b["received_bytes"])
    same("a second's delay", us(a["owd_p99_ns"]), b["owd_us"] and b["owd_us"]["p99"])
    same("a second's TCP", a["tcp_flows"], b["tcp"] and b["tcp"]["flows"])
    same("a second's retransmissions", a["retransmitted"], b["tcp"] and b["tcp"]["retransmitted"])
    same("a second's round trip", us(a["rtt_p50_ns"]), b["tcp"] and b["tcp"]["rtt_us"] and b["tcp"]["rtt_us"]["p50"])
flows = database.execute("SELECT x.*, f.src_text, f.dport AS port FROM traffic_flow x JOIN flow f ON f.id = x.flow_id "
                         "WHERE run_id = ? ORDER BY number", (row["id"],)).fetchall()
same("flows", len(flows), len(run["flows"]))
for a, b in zip(flows, run["flows"]):
    for name in ("sent_packets", "sent_bytes", "received_packets", "received_bytes", "lost", "duplicated", "reordered",
                 "reorder_extent", "loss_bursts", "loss_longest", "retransmitted", "class", "number"):
        same(name, a[name], b[name])
    for name in ("min", "p50", "p99", "max"):
        same(name, a[f"owd_{name}_ns"], b[f"owd_{name}_ns"])
    for name in ("min", "p50", "p90", "p99", "p999", "max"):  # without quantiles it is null
        same(name, us(a[f"owd_{name}_ns"]) if a["owd_p50_ns"] is not None else None, b["owd_us"] and b["owd_us"][name])
    same("jitter", a["jitter_ns"], b["jitter_ns"])
    same("variation", us(a["pdv_p99_ns"]), b["pdv_us"] and b["pdv_us"]["p99"])
    for name in ("rtt_min", "rtt", "rtt_max", "rtt_mean"):
        same(name, us(a[f"{name}_ns"]), b["tcp"] and b["tcp"][f"{name}_us"])
    same("cwnd", a["cwnd_max_bytes"], b["tcp"] and b["tcp"]["cwnd_max_bytes"])
    if a["src_text"] != b["source"] or a["port"] != b["destination_port"]:
        wrong.append(f"another flow: {b}")
    rows = database.execute("SELECT * FROM traffic_tcp_interval WHERE run_id = ? AND number = ? ORDER BY start_ns",
                            (row["id"], a["number"])).fetchall()
    mine = b["tcp"]["intervals"] if b["tcp"] else []
    if [(r["retransmitted"], r["cwnd_bytes"], r["ssthresh_bytes"]) for r in rows] != \
            [(r["retransmitted"], r["cwnd_bytes"], r["ssthresh_bytes"]) for r in mine]:
        wrong.append(f"other intervals: {mine}")
print("\n".join(wrong[:20]))
sys.exit(1 if wrong else 0)
END
}

case_profiles() {
    run "$nsmon" start --db $db --sampling 1
    traffic 0 quick --duration 1
    check "len(s) == 12" "r['profile'] == 'quick'" "'error' not in r" "r['lost'] == 0" "r['failed_flows'] == 0" \
        "r['owd_us']['min'] > 0" "r['settings']['flows'] == 12" "r['stamps']['receive_batch_max'] == 1"
    same_as_database
    # What is lost, twice in a row, is told by rows.
    if ip netns exec ns2 nft -f - <<'END'; then
table netdev spoil {
    chain in {
        type filter hook ingress device tap2 priority 0;
        udp length 40-65535 numgen inc mod 20 < 2 drop
        tcp flags & fin == 0 numgen inc mod 50 == 20 drop
    }
}
END
        traffic 0 mixed --duration 2.5 --threads 2
        check "r['lost'] > 20" "sum(x['count'] for x in r['loss_burst_lengths']) == sum(x['loss_bursts'] or 0 for x in s)" \
            "r['retransmitted'] > 5" "any(x['tcp'] and len(x['tcp']['intervals']) > 1 for x in s)" \
            "r['retransmitted'] == sum(x['retransmitted'] or 0 for x in s)" "r['tcp_interval_seconds'] == 1"
        same_as_database
        ip netns exec ns2 nft flush ruleset
    fi
    traffic 0 voip --duration 1.2
    check "{x['direction'] for x in s} == {'forward', 'reverse'}" "len(s) == 80" "r['tcp_interval_seconds'] is None" \
        "r['retransmitted'] is None" "all(x['pdv_us']['p50'] >= 0 for x in s)"
    same_as_database
    traffic 0 microbursts --duration 1.2
    check "r['owd_us']['p50'] <= r['owd_us']['p999']" "all(i['tcp'] is None for i in r['intervals'])"
    traffic 0 elephants-and-mice --duration 1.5 --scale 0.02
    check "len(s) == 2004" "any(i['owd_us'] for i in r['intervals'])"
    same_as_database
    run "$nsmon" stop
}

case_stopped() {
    run "$nsmon" start --db $db --sampling 1
    timeout --preserve-status -s INT 2.5 "$nsmon" traffic mixed --format json >$out/json 2>$out/last || fail "an interrupt is a failure"
    check "r['stopped']" "'error' not in r" "r['lost'] == 0" "r['seconds'] < 10" "r['sent_packets'] > 0" \
        "all(x['failed'] is None for x in s)"
    same_as_database
    run "$nsmon" stop
}

# Whatever goes wrong: there is one JSON object, and it says what.
case_failed() {
    traffic 1 quick
    check "'error' in r" "s == []" "r['profile'] == 'quick'" "r['started'] == 0"
    traffic 2 no-such-profile
    check "'no profile' in r['error']"
    traffic 2 --duration never
    check "'--duration' in r['error']"
    traffic 2 --replay x.pcap --flows 3
    check "'--replay' in r['error']" "r['profile'] == 'replay:x.pcap'" "'flows' not in r"
    if command -v setpriv >/dev/null; then
        setpriv --reuid 65534 --clear-groups "$nsmon" traffic --format=json >$out/json 2>$out/last && fail "nobody needs no root"
        check "'root' in r['error']"
    fi
    run "$nsmon" start --db $db --sampling 1
    traffic 1 --from ns1 --to ns1
    check "'itself' in r['error']"
    traffic 1 --to ns7
    check "'no host ns7' in r['error']"
    # An endpoint dies: the server, the first of the two.
    "$nsmon" traffic mixed --format json >$out/json 2>$out/last &
    driving=$!
    for _ in $(seq 200); do
        [ "$(pgrep -c -P $driving)" = 2 ] && break
        sleep 0.05
    done
    sleep 1.5
    kill -9 "$(pgrep -o -P $driving)"
    wait $driving && fail "a run whose server was killed is no failure"
    check "'ended by signal 9' in r['error']" "len(s) == 64" "r['sent_packets'] > 0" "r['lost'] is None" \
        "any(x['failed'] for x in s)" "not r['stopped']" "r['failed_flows'] > 0"
    same_as_database
    run "$nsmon" stop
}

case_replay() {
    need nft
    python3 "$here/replay_file.py" mixed $out/mixed.pcapng || fail "no capture"
    run "$nsmon" start --db $db --sampling 1
    traffic 0 --replay $out/mixed.pcapng --speed 2
    check "r['profile'] == 'replay:mixed.pcapng'" "r['sent_packets'] == 87" "r['settings']['speed'] == 2" \
        "r['late']['p50_us'] >= 0" "r['late']['packets'] is None" "sum(i['sent_packets'] for i in r['intervals']) == 87" \
        "r['cpu']['send_seconds'] > 0" "'error' not in r"
    [ "$(sqlite3 $db "SELECT send_cpu_ns > 0 AND receive_cpu_ns IS NULL AND late_p50_ns >= 0 AND late_packets IS NULL AND
        receive_batch_max IS NULL AND tcp_interval_ns IS NULL FROM traffic_run")" = 1 ] ||
        fail "the run of the database is another: $(sqlite3 $db 'SELECT * FROM traffic_run')"
    traffic 0 --replay $out/mixed.pcapng --speed 0
    check "r['late'] == {'packets': None, 'p50_us': None, 'p99_us': None, 'max_us': None}"
    traffic 1 --replay $out/none.pcap
    check "'could not open' in r['error']" "r['profile'] == 'replay:none.pcap'"
    head -c 3000 $out/mixed.pcapng >$out/cut.pcapng
    traffic 1 --replay $out/cut.pcapng --speed 0
    check "'error' in r"
    run "$nsmon" stop
}

"case_$case"
