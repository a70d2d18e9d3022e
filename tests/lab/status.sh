#!/usr/bin/env bash
# What 'nsmon status' shows: "status.sh NSMON CASE".
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
isolate "$0" "$@"
nsmon=$1
case=$2
db=$out/x.db

# A steady flow shows the same rate at all four places that it passes, each way; without traffic it is none.
case_rates() {
    need python3 ping
    run "$nsmon" start --db $db
    run ip netns exec ns1 ping -q -c 1 10.0.0.2
    ip netns exec ns1 ping -q -i 0.01 -s 972 10.0.0.2 >/dev/null &
    for _ in $(seq 40); do
        sleep 0.5
        run "$nsmon" status --format json
        # 100 a second are asked for; a busy machine sends fewer, so the four are held against each other.
        python3 - $out/last <<'PY' && good=yes && break
import json, sys
status = json.load(open(sys.argv[1]))
rates = []
for capture in status["captures"]:
    rates += [(capture["frames_out_per_s"], capture["bits_out_per_s"]),
              (capture["frames_in_per_s"], capture["bits_in_per_s"])]
for port in status["ports"]:
    rates += [(port["rx_packets_per_s"], port["rx_bits_per_s"]), (port["tx_packets_per_s"], port["tx_bits_per_s"])]
assert len(rates) == 8
if any(frames is None for frames, bits in rates):
    sys.exit(1)
lowest, highest = min(rates)[0], max(rates)[0]
near = 20 < lowest and highest < 1.3 * lowest
sizes = all(990 < bits / frames / 8 < 1030 for frames, bits in rates if frames)
sys.exit(0 if near and sizes else 1)
PY
    done
    [ "${good:-no}" = yes ] || fail "the rates of a steady flow differ"
    LC_ALL=C run "$nsmon" status
    grep -q "^tap1 =* ovs-tap1 -+ nsmon-br0  +- ovs-tap2 =* tap2$" $out/last || fail "there is no drawing"
    ! grep -q "$(printf '\033')" $out/last || fail "there is colour in a file"
    LC_ALL=C.UTF-8 run "$nsmon" status
    grep -q "^tap1 ═* ovs-tap1 ─┤ nsmon-br0  ├─ ovs-tap2 ═* tap2$" $out/last || fail "there is no drawing in UTF-8"
    kill %1
    for _ in $(seq 40); do
        sleep 0.5
        LC_ALL=C run "$nsmon" status
        grep -q "^0 f/s  *-*>  *0 f/s  |            |  0 f/s  *-*>  *0 f/s$" $out/last && none=yes && break
    done
    [ "${none:-no}" = yes ] || fail "the rates don't fall to nothing"
    run "$nsmon" stop
}

# Watching: again and again, one JSON object a line for programs, until a signal or the end of the lab.
case_watch() {
    run "$nsmon" start --db $db
    "$nsmon" status --format json --watch >$out/watch.json 2>&1 &
    watcher=$!
    for _ in $(seq 100); do
        [ "$(grep -c '"running":true' $out/watch.json)" -ge 2 ] && break
        sleep 0.1
    done
    [ "$(grep -c '"running":true' $out/watch.json)" -ge 2 ] || fail "it shows no second state"
    kill -INT $watcher
    wait $watcher || fail "Ctrl-C ends it with $?"
    "$nsmon" status --watch 1 >$out/watch.txt 2>&1 &
    watcher=$!
    for _ in $(seq 100); do
        grep -q f/s $out/watch.txt && break
        sleep 0.1
    done
    run "$nsmon" stop
    wait $watcher || fail "the lab's end ends it with $?"
    grep -q "no lab is running" $out/watch.txt || fail "it does not say that the lab has ended"
    refuse 2 "whole number" "$nsmon" status --watch=soon
    refuse 2 "can't make anything of 'soon'" "$nsmon" status --watch soon
}

# A lab whose worker is gone or does not answer is a failure; that nothing runs is an answer.
case_silent() {
    run "$nsmon" status
    run "$nsmon" start --db $db
    worker=$(pgrep -x nsmon-worker) || fail "no worker"
    kill -STOP "$worker"
    refuse 1 "not answer" "$nsmon" status
    refuse 1 "not answer" "$nsmon" status --format json
    kill -CONT "$worker"
    run "$nsmon" status
    pkill -9 -f "^$nsmon " || fail "there was nothing to kill"
    sleep 0.5
    refuse 1 "sudo nsmon stop" "$nsmon" status
    run "$nsmon" stop
    run "$nsmon" status
}

case_$case
