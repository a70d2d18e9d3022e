#!/usr/bin/env bash
# Launch times of paced datagrams: "txtime.sh NSMON BIN CASE"; BIN is where traffic_bench and traffic_drive lie.
#
#   t-ns1 [tap1 10.9.0.1, fd09::1] =====veth===== [tap2 10.9.0.2, fd09::2] t-ns2
#
# The cases fq and etf need kernels that have these; ctest -L vm runs them in a virtual machine of such a kernel (vm.sh).
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
isolate "$0" "$@"
need python3 tc
nsmon=$1
bin=$2
case=$3
schema=$here/../../docs/send-json.schema.json

address() {
    ip -n "$1" addr add "10.9.0.$3/24" dev "$2" && ip -n "$1" addr add "fd09::$3/64" dev "$2" nodad &&
        ip -n "$1" link set lo up && ip -n "$1" link set "$2" up || fail "can't set up $2"
}

pair() {
    ip netns add t-ns1 && ip netns add t-ns2 || fail "can't make namespaces"
    ip link add tap1 netns t-ns1 numtxqueues 2 type veth peer name tap2 netns t-ns2 numtxqueues 2 ||
        fail "can't make the links"
    address t-ns1 tap1 1
    address t-ns2 tap2 2
}

# qdisc WORD...: gives the sender's link this one.  Returns false where the kernel has none such.
qdisc() {
    tc -n t-ns1 qdisc del dev tap1 root 2>/dev/null
    tc -n t-ns1 qdisc add dev tap1 "$@" 2>$out/tc
}

# bench NAME=VALUE...: alike UDP flows for a second, exact; what came of it is in $out/last.
bench() {
    "$bin/traffic_bench" /run/netns/t-ns1 /run/netns/t-ns2 10.9.0.1 10.9.0.2 udp seconds=1 "$@" >$out/last 2>&1 ||
        fail "bench $*"
    [ "$(figure sent)" = $(($(figure received) + $(figure lost))) ] || fail "bench $*: sent is not received plus lost"
}

# figure NAME: of $out/last.
figure() {
    sed -n "s/.*\b$1=\([^ ]*\).*/\1/p" $out/last
}

# paced HOW NAME=VALUE...: runs such flows, whose departures are to be timed so, and none is to be lost.
paced() {
    how=$1
    shift
    bench "$@"
    case $(figure pacing) in
    $how) ;;
    *) fail "bench $*: paced by $(figure pacing), not by $how" ;;
    esac
    [ "$(figure lost)" = 0 ] || fail "bench $*: lost $(figure lost)"
}

# captured HOW EXPRESSION NAME=VALUE...: the same, and what left the link is held against the send times.
captured() {
    need tcpdump
    how=$1 expression=$2
    shift 2
    ip netns exec t-ns1 tcpdump -i tap1 --time-stamp-precision=nano -n -U -B 32768 -s 128 -w $out/left.pcap udp \
        2>$out/dump &
    dump=$!
    for _ in $(seq 200); do
        grep -q "listening on" $out/dump && break
        sleep 0.05
    done
    paced "$how" "$@"
    sent=$(figure sent)
    # A capture hands frames on a block at a time.
    for _ in $(seq 100); do
        python3 "$here/txtime_check.py" $out/left.pcap "n >= $sent" >/dev/null && break
        sleep 0.1
    done
    kill $dump && wait $dump
    grep -q "^0 packets dropped" $out/dump || skip "tcpdump dropped packets: $(tail -n 1 $out/dump)"
    python3 "$here/txtime_check.py" $out/left.pcap "n == $sent" "$expression" >$out/last 2>&1 || fail "captured $*"
    echo "$*: $(head -n 1 $out/last)"
}

# serve: an 'nsmon recv' in the background.
serve() {
    ip netns exec t-ns2 "$nsmon" recv >$out/recv 2>&1 &
    server=$!
    for _ in $(seq 300); do
        ip netns exec t-ns2 ss -Hltn "sport = :7699" | grep -q . && return
        sleep 0.05
    done
    fail "nsmon recv did not come up"
}

# send OPTION...: to a file as JSON.
send() {
    timeout 60 ip netns exec t-ns1 "$nsmon" send 10.9.0.2 --format json -o $out/json "$@" 2>$out/last
}

check() {
    python3 "$here/remote_check.py" "$schema" $out/json "$@" >$out/last 2>&1
    status=$?
    [ $status != 77 ] || skip "$(cat $out/last)"
    [ $status = 0 ] || fail "check $*"
}

# refused KIND: whoever insists is told the link and its qdisc; whoever does not gets what there was before.
refused() {
    "$bin/traffic_bench" /run/netns/t-ns1 /run/netns/t-ns2 10.9.0.1 10.9.0.2 udp seconds=1 pps=200 txtime=1 \
        >$out/last 2>&1 && fail "launch times in spite of $1"
    grep -q "10.9.0.2: they leave by tap1, whose qdisc is $1;" $out/last || fail "not told that it is $1"
    paced "sleep*" pps=200
    echo "no launch times: $1"
}

# What sends when it likes keeps no launch times, wherever there may be an fq below it.
case_no() {
    pair
    qdisc root noqueue
    refused noqueue
    for words in "pfifo" "tbf rate 1gbit burst 100k latency 1ms" "htb default 1" "mq" "fq_codel" "prio" "netem delay 1ms"; do
        # shellcheck disable=SC2086 # words
        if qdisc root handle 1: $words; then
            [ "$words" != "htb default 1" ] || tc -n t-ns1 class add dev tap1 parent 1: classid 1:1 htb rate 1gbit
            tc -n t-ns1 qdisc replace dev tap1 parent 1:1 handle 2: fq 2>/dev/null
            refused "${words%% *}"
        fi
    done
}

# As if there were an fq: they leave early, but not by more than the lead, evenly stamped, and all is exact.
case_blind() {
    pair
    # Send times are a gap apart, where the sender was awake in time.
    captured txtime "early >= -5200 and steps[0][len(steps[0]) // 2] // 1000 in (499, 500)" pps=2000 txtime=3
    captured txtime "early >= -5200" pps=500 streams=10 threads=4 gaps=1 txtime=3
    captured txtime "early >= -5200" pps=1000 streams=2 burst=50 gso=1 txtime=3
    paced txtime pps=20000 txtime=3
}

# The link has the qdisc fq: nothing leaves before its moment, and nothing is lost.  Its stamp is the capture's, so the
# difference of two clocks is in it, which on a slow machine is some microseconds.
case_fq() {
    modprobe sch_fq 2>/dev/null
    pair
    qdisc root fq || skip "the kernel has no fq: $(head -n 1 $out/tc)"
    captured txtime "early > -50" pps=1000 txtime=1
    captured txtime "early > -50" pps=200 streams=10 threads=4 gaps=1
    captured txtime "early > -50" pps=500 streams=2 burst=50 gso=1
    paced txtime pps=500 streams=2 burst=50
    captured "sleep*" "early > -50" pps=1000 txtime=2
    paced txtime pps=5000
    [ "$(figure negative)" = 0 ] || fail "delays below zero"
    # Whose clock is another one than the kernel's has no launch times.
    if unshare --time --monotonic 5000 true 2>/dev/null; then
        unshare --time --monotonic 5000 --fork "$bin/traffic_bench" /run/netns/t-ns1 /run/netns/t-ns2 10.9.0.1 10.9.0.2 \
            udp seconds=1 pps=200 >$out/last 2>&1 || fail "in a time namespace"
        [ "$(figure pacing)" != txtime ] || fail "launch times by a clock that is shifted"
    fi
    qdisc root fq flow_limit 20 && refused fq
    qdisc root handle 1: mq && tc -n t-ns1 qdisc add dev tap1 parent 1:1 fq || fail "no mq"
    tc -n t-ns1 qdisc add dev tap1 parent 1:2 pfifo && refused mq
    tc -n t-ns1 qdisc replace dev tap1 parent 1:2 fq && paced txtime pps=200 txtime=1 || fail "mq with an fq each"
    qdisc root fq
    # Everything at once, stopped half way.
    "$bin/traffic_drive" /run/netns/t-ns1 /run/netns/t-ns2 10.9.0.1 10.9.0.2 fd09::1 fd09::2 mixed 8 1 1 >$out/flows 2>$out/last &
    drive=$!
    sleep 4
    kill -INT $drive && wait $drive || fail "stopped"
    bad=$(awk -F'\t' '$1 == "udp" && ($6 != $8 || $10 != 0 || $11 != 0)' $out/flows)
    [ "$bad" = "" ] || fail "flows that are not exact: $bad"
    grep -q "qdisc timed departures" $out/last || fail "it does not say so"
    # Between hosts: the other end has no fq, and nothing to be insisted on.
    serve
    send --udp --rate 500pps --length 64 --duration 1 --both || fail "sending"
    check "r['pacing']['forward'] == 'txtime'" "r['pacing']['reverse'].startswith('sleep')" "all(x['lost'] == 0 for x in s)" \
        "s[0]['owd_us']['min'] >= 0"
    send --udp --rate 500pps --length 64 --duration 1 --txtime on || fail "sending with --txtime on"
    check "r['pacing'] == {'forward': 'txtime', 'reverse': None}"
    send --udp --rate 500pps --length 64 --duration 1 --txtime off || fail "sending with --txtime off"
    check "r['pacing']['forward'].startswith('sleep')"
    send --udp --rate 500pps --length 64 --duration 1 --reverse --txtime on && fail "the other end has an fq"
    check "'tap2, whose qdisc is' in r['error']"
}

# The class of IPv4's DSCP 46 has an etf; others have not.  An etf drops what its timer is too late for, which on a slow
# machine happens: it has 10 ms, and what it drops is lost like anything else.
case_etf() {
    modprobe -a sch_etf sch_mqprio 2>/dev/null
    pair
    qdisc root handle 1: mqprio num_tc 2 map 0 0 0 0 1 0 0 0 0 0 0 0 0 0 0 0 queues 1@0 1@1 hw 0 ||
        skip "the kernel has no mqprio: $(head -n 1 $out/tc)"
    tc -n t-ns1 qdisc replace dev tap1 parent 1:2 etf clockid CLOCK_TAI delta 10000000 2>$out/tc ||
        skip "the kernel has no etf: $(head -n 1 $out/tc)"
    refused mqprio
    for words in "pps=500" "pps=50 streams=10 threads=2 gaps=1" "pps=200 burst=5 gso=1"; do
        # shellcheck disable=SC2086 # words
        bench dscp=46 txtime=1 $words
        [ "$(figure pacing)" = txtime ] || fail "no launch times for $words"
        [ "$(figure negative)" = 0 ] || fail "$words: delays below zero"
        dropped=$(tc -n t-ns1 -s qdisc show dev tap1 | sed -n '/etf/{n;s/.*dropped \([0-9]*\).*/\1/p}')
        [ "$(figure lost)" = $((dropped - ${before:-0})) ] || fail "$words: lost $(figure lost), but $dropped were dropped"
        before=$dropped
        [ "$(figure received)" -gt 0 ] || fail "$words: lost all"
        echo "etf, $words: $(figure received) of $(figure sent), delays of $(figure owd_min_us) us and more"
    done
}

# Where nobody keeps launch times, whoever insists is told so, at either end; the JSON says how it was done otherwise.
case_send() {
    pair
    serve
    send --udp --rate 500pps --length 64 --duration 0.5 --both || fail "sending"
    check "all(x.startswith('sleep') for x in r['pacing'].values())"
    send --udp --rate 0 --length 64 --duration 0.5 || fail "sending as fast as it goes"
    check "r['pacing'] == {'forward': None, 'reverse': None}"
    send --udp --rate 500pps --txtime on && fail "launch times on a veth"
    check "'10.9.0.2: they leave by tap1, whose qdisc is noqueue' in r['error']" "s == []"
    send --udp --rate 500pps --txtime on --reverse && fail "launch times on the other end's veth"
    check "'10.9.0.1: they leave by tap2, whose qdisc is noqueue' in r['error']"
}

"case_$case"
