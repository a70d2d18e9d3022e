#!/usr/bin/env bash
# Paths that are spoilt on purpose: "impair.sh NSMON DRIVER CASE".
#
#      ns1             nsmon-sw                      relay2                      ns2
#   tap1 ===veth=== ovs-tap1 -- br -- ovs-tap2 ===veth=== in2 [relay] out2 ===veth=== tap2 | nftables
#                                                                      tbf           libpcap
#
# What the ledger says was done is held against what the endpoints measured and what the kernel counts, and the
# exporters against what the first tap sent.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
isolate "$0" "$@"
need python3 sqlite3
command -v nft >/dev/null || skip "needs nft (Debian's nftables)"
nsmon=$1
driver=$2
case=$3
db=$out/x.db

check() {
    python3 "$here/impair_check.py" "$db" "$@" >$out/last 2>&1 || fail "check $*"
    cat $out/last
}

# measure PROFILE WORD...: a lab with these words more, a run, its end.
measure() {
    profile=$1
    shift
    rm -f $db
    run "$nsmon" start --sampling 1 --db $db "$@"
    run "$nsmon" traffic "$profile" --seed 7
    run "$nsmon" stop
}

# Every tenth datagram is lost behind the capture: the endpoints miss exactly those, nobody else does.
case_loss() {
    measure quick --impair to=ns2,loss-every=10
    check every loss 10 truth
}

# Copies and datagrams held back, each exactly as often as the endpoints see them.
case_spoil() {
    measure quick --impair to=ns2,duplicate-every=10,reorder-every=7
    check every duplicate 10 every reorder 7 truth
}

case_chance() {
    measure quick --impair to=ns2,loss=10%,seed=3
    check share loss 0.1 truth
    measure quick --impair to=ns2,duplicate=20%,reorder=10%,seed=3
    check share duplicate 0.2 share reorder 0.1 truth
    # The ends of the scale, too.
    for loss in 100% 0.0000001%; do
        rm -f $db
        run "$nsmon" start --sampling 1 --db $db --impair to=ns2,loss=$loss
        ip netns exec ns1 ping -q -c 3 -i 0.02 -W 1 10.0.0.2 >$out/ping
        run "$nsmon" stop
        lost=$(sqlite3 $db "SELECT sum(packets) FROM stage WHERE stage = 'tap_in_impaired_loss'")
        case $loss:$lost:$(cat $out/ping) in
        100%:[3-9]*' 0 received'* | 0.0*:0:*' 3 received'*) ;;
        *) fail "of a loss of $loss the ledger has $lost and ping says $(cat $out/ping)" ;;
        esac
    done
}

# 20 ms are 20 ms.  Not a matter of speed: but whoever doesn't run can't be on time, so a busy machine gets three
# tries.
case_delay() {
    for try in 1 2 3; do
        measure quick --impair to=ns2,delay=20ms,loss-every=10
        python3 "$here/impair_check.py" "$db" delay 20 every loss 10 truth && return
    done
    fail "no run of three showed a delay of 20 ms"
}

# A delay that wanders, and a second: the endpoints wait for what is under way.
case_jitter() {
    measure quick --impair to=ns2,delay=1s,jitter=50ms,duplicate-every=10
    check whole every duplicate 10 truth
    [ "$(sqlite3 $db "SELECT min(owd_min_ns) >= 950e6 AND max(owd_p50_ns) - min(owd_p50_ns) < 120e6 FROM traffic_flow
                      WHERE owd_min_ns IS NOT NULL")" = 1 ] || fail "not 1 s with 50 ms more or less"
}

# What does not fit the rate is dropped, counted by class, and by the token bucket itself.
case_rate() {
    need tc jq
    run "$nsmon" start --sampling 1 --db $db --impair to=ns2,rate=1mbit
    run "$nsmon" traffic quick --seed 7
    sleep 1.5 # counts come once a second
    dropped=$(tc -j -s -n relay2 qdisc show dev out2 | jq '.[0].drops')
    run "$nsmon" stop
    said=$(sqlite3 $db "SELECT sum(packets) FROM stage WHERE stage = 'switch_out_impaired_loss'")
    [ "$dropped" -gt 10 ] || fail "the token bucket dropped only $dropped"
    [ "$said" = "$dropped" ] || fail "the ledger has $said, the token bucket dropped $dropped"
    check sum loss truth
}

# Three hosts, two paths, one of them with all of it at once; and a prefix.
case_hosts() {
    run "$nsmon" start --prefix h --hosts 3 --sampling 1 --db $db --impair to=ns1,delay=1ms,loss-every=3 \
        --impair to=ns3,duplicate-every=2,reorder-every=3,reorder-gap=2,delay=5ms,jitter=1ms,rate=50mbit,loss-every=7
    for to in 1 2 3; do
        for from in 1 2 3; do
            [ $from = $to ] || ip netns exec h-ns$from ping -q -c 10 -i 0.02 -W 1 10.0.0.$to >>$out/pings
        done
    done
    run "$nsmon" stop --prefix h
    check rows 'switch>ns3 switch_out_impaired_duplicate' 'switch>ns3 switch_out_impaired_reorder' \
        'switch>ns3 switch_out_impaired_delay' 'switch>ns3 tap_in_impaired_loss' 'switch>ns1 tap_in_impaired_loss' \
        'switch>ns1 switch_out_impaired_delay'
    [ "$(sqlite3 $db "SELECT count(*) FROM stage WHERE direction LIKE '%ns2' AND stage LIKE '%impaired%'")" = 0 ] ||
        fail "the path to ns2 is impaired"
}

# A relay that does nothing to it leaves a frame as it is, to the byte: tagged, as long as can be, of any kind.
case_frames() {
    rm -f $db
    run "$nsmon" start --mtu 9000 --sampling 1 --db $db --pcap-dir $out/pcap --impair to=ns2,delay=100us
    run ip netns exec ns1 python3 "$here/impair_check.py" - send tap1
    run ip netns exec ns2 python3 "$here/impair_check.py" - send tap2
    run ip netns exec ns1 ping -q -c 2 -s 8972 -M do 10.0.0.2
    run "$nsmon" traffic quick
    run "$nsmon" stop
    check pcap $out/pcap/tap1.pcap $out/pcap/tap2.pcap
}

drive() {
    "$driver" /run/nsmon/x x "$@" >$out/last 2>$out/log
}

# A failure at any step leaves nothing, and so does whoever was killed there.
case_steps() {
    words="impair=to=ns2,delay=1ms,rate=10mbit,loss=1% impair=to=ns1,reorder=1%"
    snapshot before
    # shellcheck disable=SC2086 # a list of words
    drive $words create steps destroy || fail "create and destroy"
    steps=$(sed -n 's/^steps //p' $out/last)
    same "made and taken down"
    for step in $(seq 1 "$steps"); do
        drive $words fail="$step" create && fail "step $step did not fail"
        same "after step $step failed"
    done
    for step in $(seq 1 "$steps"); do
        drive $words kill="$step" create && fail "step $step did not kill"
        drive recover || fail "recover after step $step"
        same "recovered from step $step"
    done
    echo "$steps steps"
}

relays() {
    grep -lx nsmon-relay /proc/[0-9]*/comm 2>/dev/null | wc -l
}

# Whoever is killed, the relay goes with the lab.
case_killed() {
    snapshot before
    run "$nsmon" start --db $db --impair to=ns2,delay=1ms --impair to=ns1,delay=1ms
    [ "$(relays)" = 2 ] || fail "there are $(relays) relays"
    [ "$(cat /proc/$(pidof -s nsmon-relay 2>/dev/null || pgrep -x nsmon-relay | head -n 1)/status |
        awk '/^Uid:/ { print $2 } /^CapEff:/ { print $2 }' | paste -sd,)" = "65534,0000000000000000" ] ||
        fail "the relay has privileges"
    kill -9 "$(pgrep -x nsmon-super)"
    for _ in $(seq 100); do
        [ "$(relays)" = 0 ] && break
        sleep 0.05
    done
    [ "$(relays)" = 0 ] || fail "a relay outlives its supervisor"
    run "$nsmon" stop
    same "stopped after kill -9"
    run "$nsmon" start --db $db --impair to=ns2,delay=1ms
    kill -STOP "$(pgrep -x nsmon-relay)"
    run "$nsmon" stop
    same "stopped with a relay that does not move"
    run "$nsmon" start --db $db --impair to=ns2,delay=1ms
    kill -9 "$(pgrep -x nsmon-relay)"
    run "$nsmon" stop
    same "stopped without its relay"
}

# Where the kernel has netem it does delay and rate.  This is a tc that says so: it shows what would be asked.
case_netem() {
    need tc
    tc=$(readlink -f "$(command -v tc)")
    mkdir $out/bin
    printf '#!/bin/sh\necho "$*" >>%s/tc\n' $out >$out/bin/tc
    chmod 755 $out/bin/tc
    mount -n --bind $out/bin/tc "$tc" || skip "can't put a tc of its own in place"
    snapshot before
    drive impair=to=ns2,delay=20ms,rate=10mbit,loss=1% impair=to=ns1,delay=1ms,jitter=1ms create links \
        run='test ! -e /run/netns/x-relay2 && test -e /run/netns/x-relay1' \
        destroy ||
        fail "$(cat $out/last)"
    same "made and taken down"
    diff - $out/tc <<END || fail "tc was asked for something else"
qdisc add dev lo root netem
qdisc del dev lo root
qdisc replace dev x-ovs-tap2 root netem limit 87 delay 20000us rate 10000000bit
END
}

# What netem there relies on: Open vSwitch leaves a queue of others' at its port alone when it is told of something
# else.
case_kept() {
    need tc
    drive create links run='tc -n x-nsmon-sw qdisc replace dev x-ovs-tap2 root tbf rate 10mbit burst 10000 limit 50000' \
        export=2 export=3 run='tc -n x-nsmon-sw qdisc show dev x-ovs-tap2 | grep -q tbf' destroy ||
        fail "$(cat $out/last)"
}

# A relay that dies in a session is told of while it runs, and in the ledger afterwards with what was lost in it.
case_gone() {
    rm -f $db
    snapshot before
    run "$nsmon" start --sampling 1 --db $db --impair to=ns2,delay=5ms
    run ip netns exec ns1 ping -q -c 3 -i 0.02 -W 1 10.0.0.2
    run "$nsmon" status --format json
    ! grep -q '"relay_gone":true' $out/last || fail "a relay that runs is told to be gone"
    for pid in /proc/[0-9]*; do
        [ "$(cat "$pid/comm" 2>/dev/null)" != nsmon-relay ] || kill -9 "${pid#/proc/}"
    done
    ip netns exec ns1 ping -q -c 5 -i 0.02 -W 1 10.0.0.2 >$out/last && fail "frames pass without a relay"
    for _ in $(seq 40); do
        sleep 0.25
        "$nsmon" status >$out/last
        tr -s '\n ' ' ' <$out/last | grep -q 'to ns2: relay gone' && told=yes && break
    done
    [ "${told:-no}" = yes ] || fail "status does not tell of it"
    run "$nsmon" stop
    grep -q 'the relay between ovs-tap2 and tap2 has ended' $out/last || fail "stop does not tell of it"
    lost=$(sqlite3 $db "SELECT packets FROM stage WHERE stage = 'switch_out_drop' AND source LIKE 'relay %, which ended'
        ORDER BY rowid DESC LIMIT 1")
    [ "${lost:-0}" -ge 5 ] || fail "the ledger has '$lost' frames lost in the relay, not 5 and what asked for neighbours"
    run "$nsmon" report --db $db
    tr -s '\n ' ' ' <$out/last | grep -q "ns1>ns2: $lost frames lost .* ($lost: relay between ovs-tap2 and tap2, which ended)" ||
        fail "the report does not say who lost them"
    same "stopped without its relay"
}

case_$case
