#!/usr/bin/env bash
# 'nsmon send' and 'nsmon recv': "remote.sh NSMON RELAY CASE".
#
#   most cases:            r-ns1 [tap1 10.9.0.1, fd09::1] =====veth===== [tap2 10.9.0.2, fd09::2] r-ns2
#   duplicated, swapped:   r-ns1 [tap1] ==veth== [in1  relay  in2] ==veth== [tap2] r-ns2
#   switch:                the lab's ns1 and ns2, and its impairments
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
isolate "$0" "$@"
need python3
nsmon=$1
relay=$2
case=$3
schema=$here/../../docs/send-json.schema.json
ns1=r-ns1 ns2=r-ns2 to=10.9.0.2

address() {
    ip -n "$1" addr add "10.9.0.$3/24" dev "$2" && ip -n "$1" addr add "fd09::$3/64" dev "$2" nodad &&
        ip -n "$1" link set lo up && ip -n "$1" link set "$2" up || fail "can't set up $2"
}

# pair [RELAY]: the two hosts.
pair() {
    ip netns add $ns1 && ip netns add $ns2 || fail "can't make namespaces"
    if [ "${1:-}" = "" ]; then
        ip link add tap1 netns $ns1 type veth peer name tap2 netns $ns2 || fail "can't make the links"
    else
        need ethtool
        ip link add tap1 netns $ns1 type veth peer name in1 && ip link add tap2 netns $ns2 type veth peer name in2 &&
            ip link set in1 up && ip link set in2 up || fail "can't make the links"
        ip netns exec $ns1 ethtool -K tap1 tx off tso off gso off >/dev/null 2>&1
        ip netns exec $ns2 ethtool -K tap2 tx off tso off gso off >/dev/null 2>&1
    fi
    address $ns1 tap1 1
    address $ns2 tap2 2
}

# wait_until WORD...: until the command says yes.
wait_until() {
    for _ in $(seq 300); do
        "$@" && return 0
        sleep 0.05
    done
    fail "waited in vain: $*"
}

listens() {
    ip netns exec $ns2 ss -Hltn "sport = :7699" | grep -q .
}

# serve OPTION...: an 'nsmon recv' in the background; its words are in $out/recv.
serve() {
    ip netns exec $ns2 "$nsmon" recv "$@" >$out/recv 2>&1 &
    server=$!
    wait_until listens
}

# send OPTION...: to a file as JSON.
send() {
    timeout 60 ip netns exec $ns1 "$nsmon" send $to --format json -o $out/json "$@" 2>$out/last
}

check() {
    python3 "$here/remote_check.py" "$schema" $out/json "$@" >$out/last 2>&1
    status=$?
    [ $status != 77 ] || skip "$(cat $out/last)"
    [ $status = 0 ] || fail "check $*"
}

udp_sent() {
    ip netns exec $1 awk '$1 == "Udp:" && !n { for (i = 2; i <= NF; i++) if ($i == "OutDatagrams") n = i; next }
                          $1 == "Udp:" { print $n }' /proc/net/snmp
}

# streams ADDRESS: protocols and directions, paced.
streams() {
    to=$1
    pair
    serve
    for way in "" --reverse --both; do
        streams=2
        [ "$way" != --both ] || streams=4
        send --udp --rate 500pps --length 100 --duration 0.4 --streams 2 $way || fail "udp $way"
        check "len(s) == $streams" "all(x['sent_packets'] == 200 and x['lost'] == 0 for x in s)" \
            "all(x['received_bytes'] == 20000 and x['owd_us']['min'] > 0 for x in s)" \
            "r['clock']['same']" "'error' not in r" "r['stamps']['receive_batch_max'] == 1" \
            "{x['direction'] for x in s} == {'': {'forward'}, '--reverse': {'reverse'}}.get('$way', {'forward', 'reverse'})" \
            "0.35 < r['seconds']" "r['sum']['sent_packets'] == 200 * $streams"
        send --tcp --bytes 300k --streams 2 $way || fail "tcp $way"
        check "len(s) == $streams" "all(x['sent_bytes'] == x['received_bytes'] == 300000 for x in s)" \
            "all(x['sent_packets'] is None and x['owd_us'] is None for x in s)"
    done
    kill $server && wait $server || fail "the server did not end well"
    [ "$(grep -c ' flows\? in ' $out/recv)" = 6 ] || fail "the server told of $(grep -c ' flows\? in ' $out/recv) tests"
}

case_fast() {
    pair
    serve
    for way in "" --reverse; do
        send --udp --rate 0 --length 64 --duration 0.5 $way || fail "as fast as it goes $way"
        check "s[0]['sent_packets'] > 1000" "s[0]['received_packets'] > 0" "r['seconds'] >= 0.5"
        send --udp --rate 0 --length 64 --packets 1001 --gso 7 $way || fail "1001 datagrams $way"
        check "s[0]['sent_packets'] == 1001" "s[0]['duplicated'] == 0" "r['stamps']['send_batch_max'] == 7"
    done
    send --udp --rate 500pps --packets 200 --streams 8 --threads 4 --both || fail "several threads"
    check "len(s) == 16" "all(x['sent_packets'] == 200 and x['lost'] == 0 for x in s)"
    send --tcp --duration 0.5 || fail "tcp for a time"
    check "s[0]['sent_bytes'] > 100000" "s[0]['sent_bytes'] == s[0]['received_bytes']"
    for pid in $server $(pgrep -P $server); do
        [ "$(ps -o uid= -p $pid | tr -d ' ')" != 0 ] || fail "a process of the server is root still"
    done
}

# Requests get responses; random gaps and sizes are those that were asked for, whoever sends.
case_shapes() {
    pair
    serve
    send --response 300 --packets 500 --streams 2 || fail "requests"
    check "[x['direction'] for x in s] == ['forward', 'response'] * 2" "s[1]['destination_port'] == s[0]['source_port']" \
        "all(x['sent_packets'] == x['received_packets'] == 500 for x in s)" \
        "s[0]['responses'] == 500 and s[1]['responses'] is None and s[1]['sent_bytes'] == 150000" \
        "s[0]['response_time_us']['min'] > 0 and s[1]['response_time_us'] is None"
    send --tcp --length 100 --response 5000 --packets 200 --rate 1000pps || fail "requests of TCP"
    check "s[0]['sent_bytes'] == s[0]['received_bytes'] == 20000 and s[0]['responses'] == 200" \
        "s[1]['sent_bytes'] == s[1]['received_bytes'] == 1000000"
    send --tcp --response 1000 --duration 0.5 --streams 2 || fail "requests of TCP as fast as it goes"
    send --response 1000 --duration 0.5 --threads 2 --streams 4 || fail "requests as fast as it goes"
    check "all(x['lost'] == 0 for x in s)" "sum(x['responses'] or 0 for x in s) == r['sum']['received_packets'] / 2"
    printf '100 3\n1000 1\n' >$out/sizes
    printf '1ms 1\n3ms 1\n' >$out/gaps
    chmod 644 $out/sizes $out/gaps
    for way in "" --reverse; do
        ip netns exec $ns2 nft -f - <<'END' || skip "nftables can't count by DSCP"
table inet see {
    counter good { }
    counter bad { }
    chain both { ip dscp 46 ip ttl 9 counter name good return; counter name bad; }
    chain in { type filter hook input priority 0; udp dport 7700-7955 udp length >= 108 goto both; }
    chain out { type filter hook output priority 0; udp dport 7700-7955 udp length >= 108 goto both; }
}
END
        send --length-histogram $out/sizes --gap-histogram $out/gaps --duration 2 --streams 4 --seed 3 --dscp 46 --ttl 9 $way ||
            fail "histograms $way"
        good=$(ip netns exec $ns2 nft list counter inet see good | awk '/packets/ { print $2 }')
        bad=$(ip netns exec $ns2 nft list counter inet see bad | awk '/packets/ { print $2 }')
        ip netns exec $ns2 nft delete table inet see
        # 4 streams of a mean gap of 2 ms; each with a standard deviation of 16; of 4,000 sizes three quarters are small.
        check "all(x['lost'] == 0 and 900 < x['sent_packets'] < 1100 for x in s)" \
            "abs(sum(x['sent_bytes'] for x in s) / sum(x['sent_packets'] for x in s) - 325) < 40" \
            "sum(x['sent_packets'] for x in s) == $good and $bad == 0"
    done
    send --length 100..200 --gaps exponential --rate 2000pps --burst 4 --duration 1 --both || fail "bursts"
    check "len(s) == 2 and all(x['lost'] == 0 and 1000 < x['sent_packets'] < 3000 for x in s)"
    send --tcp --congestion reno --mss 600 --nagle --duration 0.3 || fail "options of TCP"
    check "s[0]['received_bytes'] == s[0]['sent_bytes'] > 0 and s[0]['failed'] is None"
    send --tcp --congestion nosuch --duration 0.3 && fail "took a congestion control that there is not"
    check "'option' in s[0]['failed']"
    refuse 2 "need a rate" "$nsmon" send x --gaps exponential --rate 0
    refuse 2 "one way and responses the other" "$nsmon" send x --response 100 --both
    refuse 2 "48 to 65507" "$nsmon" send x --response 20
    refuse 2 "the range of the lengths" "$nsmon" send x --lengths normal
    refuse 2 "not 'poisson'" "$nsmon" send x --gaps poisson
    refuse 2 "reading the histogram" "$nsmon" send x --gap-histogram /nowhere/file
}

case_limits() {
    pair
    serve --max-rate 1mbit --max-duration 2 --max-streams 3 --bind 10.9.0.2
    for words in "--rate 2mbit" "--rate 0" "--rate 600kbit --streams 2" "--tcp" "--rate 2mbit --reverse" \
        "--duration 3 --rate 1kbit" "--streams 4 --rate 1kbit" "--rate 100pps --response 2000"; do
        # shellcheck disable=SC2086 # words
        send $words && fail "allowed: $words"
        grep -q "allowed here" $out/last || fail "no reason for $words"
        check "'allowed here' in r['error']" "s == []"
    done
    send --total-rate 900kbit --streams 3 --duration 0.5 || fail "not allowed what is allowed"
    check "len(s) == 3" "'error' not in r"
    # The limit is of one direction.
    send --rate 900kbit --both --duration 1.9 || fail "not allowed both ways what is allowed in each"
    check "not r['stopped']" "all(x['lost'] == 0 for x in s)"
    to=fd09::2
    send && fail "it listens where it should not"
    check "'could not connect' in r['error']"
    "$nsmon" send x --length 31 --format json >$out/json 2>$out/last && fail "a length of 31 is allowed"
    check "'--length' in r['error']"
    refuse 2 "nsmon send --help" "$nsmon" send
    refuse 2 "takes a rate" "$nsmon" send x --rate 10mbits
    refuse 2 "length" "$nsmon" send x --length 31
    refuse 2 "is for UDP" "$nsmon" send x --tcp --packets 3
    refuse 2 "max-clients" "$nsmon" recv --max-clients 65
    refuse 1 "could not find the host" "$nsmon" send no-such-host.invalid
    ip netns exec $ns2 "$nsmon" recv --bind 10.9.0.2 >$out/last 2>&1 && fail "two servers on one port"
    grep -q "in use" $out/last || fail "no reason"
}

# segments NAMESPACE: that its kernel has sent again, all connections together.
segments() {
    ip netns exec $1 awk '$1 == "Tcp:" && !n { for (i = 2; i <= NF; i++) if ($i == "RetransSegs") n = i; next }
                          $1 == "Tcp:" { print $n }' /proc/net/snmp
}

# kernel_says NAMESPACE PORT: what ss says of the connection from PORT, as words for the checks.
kernel_says() {
    ip netns exec $1 ss -Htin "sport = :$2" >$out/ss
    mss=$(sed -n 's/.* mss:\([0-9]*\).*/\1/p' $out/ss) cwnd=$(sed -n 's/.* cwnd:\([0-9]*\).*/\1/p' $out/ss)
    again=$(sed -n 's/.* retrans:[0-9]*\/\([0-9]*\).*/\1/p' $out/ss)
    shortest=$(sed -n 's/.* minrtt:\([0-9.]*\).*/\1/p' $out/ss)
    [ "$mss" != "" ] && [ "$cwnd" != "" ] && [ "$shortest" != "" ] || fail "ss says nothing: $(cat $out/ss)"
    again=${again:-0}
}

# What the sender's kernel says of TCP, in either direction: each 200th segment of a stream, but the last, is dropped, and what was sent again is,
# second by second, what the kernel's own counter and ss have.
case_tcp() {
    need nft ss
    pair
    serve
    for way in "" --reverse; do
        from=$ns1 there=$ns2
        [ "$way" = "" ] || from=$ns2 there=$ns1
        ip netns exec $there nft -f - <<END || skip "the kernel lacks nftables for netdev"
table netdev spoil {
    chain in {
        type filter hook ingress device $([ "$way" = "" ] && echo tap2 || echo tap1) priority 0;
        tcp sport 12345 tcp flags & fin == 0 numgen inc mod 200 == 20 drop
        tcp sport 12346 tcp flags & fin == 0 numgen inc mod 200 == 20 drop
    }
}
END
        before=$(segments $from)
        send --tcp --rate 40mbit --streams 2 --duration 3.5 --source-port 12345 $way &
        sending=$!
        wait_until eval 'ip netns exec $from ss -Htin "sport = :12345" | grep -q "retrans:"'
        kernel_says $from 12345
        wait $sending || fail "tcp $way"
        # 'ss' was asked at some moment between two looks.
        check "len(s) == 2" "r['tcp_interval_seconds'] == 1" \
            "sum(x['retransmitted'] for x in s) == $(segments $from) - $before" \
            "all(x['retransmitted'] > 5 for x in s)" "r['sum']['retransmitted'] == sum(x['retransmitted'] for x in s)" \
            "0 < $again <= s[0]['retransmitted']" \
            "s[0]['tcp']['rtt_min_us'] <= $shortest * 1000" \
            "all(i['cwnd_bytes'] % $mss == 0 for i in s[0]['tcp']['intervals'])" \
            "all(i['tcp']['flows'] == 2 for i in r['intervals'][:3])" "len(s[0]['tcp']['intervals']) >= 4" \
            "all((i['ssthresh_bytes'] or 0) % $mss == 0 and i['rttvar_us'] >= 0 for i in s[0]['tcp']['intervals'])" \
            "all(0 < x['tcp']['rtt_min_us'] <= i['rtt_us'] <= x['tcp']['rtt_max_us'] for x in s for i in x['tcp']['intervals'])"
        ip netns exec $there nft delete table netdev spoil
    done
    # Nothing is lost: the window never becomes smaller.  (A kernel that is kept waiting may still send again.)
    send --tcp --rate 1mbit --duration 3 --source-port 13000 --reverse &
    sending=$!
    wait_until eval '[ "$(ip netns exec $ns2 ss -Htin "sport = :13000" | grep -c "cwnd:")" = 1 ]'
    sleep 1.5
    kernel_says $ns2 13000
    wait $sending || fail "tcp slowly"
    check "s[0]['retransmitted'] > 0 or s[0]['tcp']['intervals'][0]['cwnd_bytes'] <= $cwnd * $mss <= s[0]['tcp']['cwnd_max_bytes']" \
        "s[0]['retransmitted'] >= $again" "s[0]['tcp']['rtt_min_us'] <= $shortest * 1000"
    # More streams than are told every second: each is told in turn, and all of it in the end.
    send --tcp --rate 100kbit --streams 600 --duration 3 --reverse || fail "many streams"
    check "len(s) == 600" "all(i['tcp']['flows'] <= 256 for i in r['intervals'][:2])" \
        "all(x['tcp']['rtt_us'] > 0 and x['tcp']['intervals'] for x in s)"
}

# Exactly every tenth of the stream's datagrams is dropped.
case_dropped() {
    need nft
    pair
    serve
    ip netns exec $ns2 nft -f - <<END || skip "the kernel lacks nftables for netdev"
table netdev spoil {
    counter spoilt { }
    chain in {
        type filter hook ingress device tap2 priority 0;
        udp sport 12345 numgen inc mod 10 0 counter name spoilt drop
    }
}
END
    for to in 10.9.0.2 fd09::2; do
        send --udp --rate 2000pps --length 64 --packets 1005 --source-port 12345 || fail "sending"
        dropped=$(ip netns exec $ns2 nft list counter netdev spoil spoilt | awk '/packets/ { print $2 }')
        check "s[0]['lost'] + ${before:-0} == $dropped" "s[0]['lost'] in (100, 101)" \
            "s[0]['loss_bursts'] == s[0]['lost']" "s[0]['loss_longest'] == 1" "s[0]['reordered'] == 0"
        before=$dropped
    done
    send --udp --rate 0 --length 64 --packets 5000 --gso 16 --source-port 12345 || fail "sending in batches"
    check "s[0]['sent_packets'] == 5000" "s[0]['lost'] >= 0"
}

# Every tenth datagram comes twice, or after its successor.
spoiled() {
    pair relay
    serve
    "$relay" in1 in2 "$1" 12345 >$out/relay 2>$out/relay.log &
    pid=$!
    wait_until grep -q ready $out/relay.log
    to=fd09::2
    send --udp --rate 1000pps --length 64 --packets 1000 --source-port 12345 || fail "sending"
    kill $pid && wait $pid
    read -r seen spoilt held <$out/relay
    [ "$seen" = 1000 ] && [ "$spoilt" -ge 99 ] || fail "the relay saw $seen and spoilt $spoilt"
    shift
    check "s[0]['lost'] == $held" "r['sum']['sent_packets'] == 1000" "${1//SPOILT/$spoilt}"
}

# Eight at once, each exact; a ninth is refused.
case_clients() {
    pair
    serve --max-clients 8
    for i in 1 2 3 4 5 6 7 8; do
        timeout 60 ip netns exec $ns1 "$nsmon" send $to --udp --rate 500pps --length 64 --duration 4 --streams 3 \
            --format json -o $out/json$i 2>$out/err$i &
        pids[i]=$!
    done
    wait_until eval '[ "$(grep -c "UDP streams\? from it" $out/recv)" = 8 ]'
    send --duration 1 && fail "a ninth was served"
    check "'as many as may' in r['error']"
    for i in 1 2 3 4 5 6 7 8; do
        wait ${pids[i]} || fail "client $i failed: $(cat $out/err$i)"
        mv $out/json$i $out/json
        check "all(x['sent_packets'] == 2000 and x['lost'] == 0 for x in s)" "len(s) == 3"
    done
    send --duration 0.2 || fail "a place is not given back"
}

# One test, and the server ends with its status.
case_one() {
    to=10.9.0.2
    pair
    serve --one
    send --udp --rate 500pps --packets 100 --length 64 || fail "sending"
    check "s[0]['lost'] == 0"
    wait $server || fail "the server failed"
    serve --one
    ip netns exec $ns1 "$nsmon" send $to --duration 40 >$out/sent 2>&1 &
    client=$!
    wait_until grep -q "UDP stream" $out/recv
    kill -9 $client
    wait $server && fail "the server calls that a success"
    # Nothing is left when the server is killed, either.
    serve
    timeout 60 ip netns exec $ns1 "$nsmon" send $to --duration 40 >$out/sent 2>&1 &
    wait_until grep -q "UDP stream" $out/recv
    kill -9 $server
    wait_until eval '[ -z "$(pgrep nsmon)" ]'
    grep -q "interrupted at the receiving host" $out/sent || fail "the sender was not told: $(cat $out/sent)"
}

# seconds_until WORD...: how many pass until the command says yes; 30 is given up.
seconds_until() {
    from=$(date +%s%N)
    for _ in $(seq 600); do
        if "$@"; then
            break
        fi
        sleep 0.05
    done
    echo $((($(date +%s%N) - from + 999999999) / 1000000000))
}

ended() {
    ! kill -0 $1 2>/dev/null
}

# The control connection is cut, the streams are not: both ends stop within 10 s, say so, and keep what they know.
case_cut() {
    need nft
    pair
    serve
    timeout 60 ip netns exec $ns1 "$nsmon" send $to --udp --rate 1000pps --length 64 --duration 40 --both \
        --format json -o $out/json 2>$out/last &
    client=$!
    wait_until grep -q "both ways" $out/recv
    sleep 2 # so that there are results to be kept
    ip netns exec $ns2 nft -f - <<END || skip "the kernel lacks nftables"
table inet cut {
    chain in {
        type filter hook input priority 0;
        tcp dport 7699 drop
    }
}
END
    from=$(date +%s)
    here_s=$(seconds_until ended $client)
    there_s=$(seconds_until grep -q "PARTIAL: the control connection is cut" $out/recv)
    both_s=$(($(date +%s) - from))
    wait $client && fail "the sender calls that a success"
    grep -q "control connection is cut" $out/last || fail "the sender does not say it"
    [ "$here_s" -le 10 ] && [ "$both_s" -le 10 ] || fail "stopped after $here_s and $both_s s"
    check "'cut' in r['error']" "r['sum']['sent_packets'] > 1500" "r['sum']['received_packets'] > 1500" \
        "s[0]['sent_packets'] > 1500 and s[0]['received_packets'] > 500" "s[1]['received_packets'] > 1500" \
        "s[0]['lost'] is None" "len(r['intervals']) >= 2"
    wait_until eval '[ "$(pgrep -c -P $server)" -le 1 ]' # its keeper
    echo "the sender stopped after $here_s s, both within $((both_s + there_s * 0)) s"
}

# Either end is killed: the other one stops at once, and keeps what it knows.
case_killed() {
    pair
    serve
    ip netns exec $ns1 "$nsmon" send $to --udp --rate 1000pps --length 64 --duration 40 --both >$out/sent 2>&1 &
    client=$!
    wait_until grep -q "both ways" $out/recv
    sleep 1.2
    kill -9 $client
    [ "$(seconds_until grep -q "PARTIAL: the other end closed" $out/recv)" -le 10 ] || fail "the server goes on"
    grep -A3 PARTIAL $out/recv | grep -q " datagrams sent" || fail "the server kept nothing"
    wait $client
    wait_until eval '[ -z "$(ip netns pids $ns1)" ]'
    timeout 60 ip netns exec $ns1 "$nsmon" send $to --udp --rate 1000pps --length 64 --duration 40 --both \
        --format json -o $out/json 2>$out/last &
    client=$!
    wait_until eval '[ "$(grep -c "both ways" $out/recv)" = 2 ]'
    sleep 1.2
    # The process of the test is the server's child that has children.
    for pid in $(pgrep -P $server); do
        [ -z "$(pgrep -P $pid)" ] || kill -9 $pid
    done
    [ "$(seconds_until ended $client)" -le 10 ] || fail "the sender goes on"
    wait $client && fail "the sender calls that a success"
    check "'error' in r" "r['sum']['sent_packets'] > 500" "s[0]['received_packets'] > 0"
    send --duration 0.2 || fail "the server serves no more"
    check "'error' not in r"
}

# Whoever interrupts it gets a whole result, of both ends.
case_interrupted() {
    pair
    serve
    timeout -s INT 2 ip netns exec $ns1 "$nsmon" send $to --udp --rate 500pps --duration 40 --both --format json \
        -o $out/json 2>$out/last
    check "r['stopped']" "'interrupted' in r['stopped_because']" "'error' not in r" \
        "all(x['lost'] == 0 and x['received_packets'] > 100 and x['owd_us'] for x in s)"
    timeout 60 ip netns exec $ns1 "$nsmon" send $to --tcp --duration 40 --format json -o $out/json 2>$out/last &
    client=$!
    wait_until grep -q "TCP stream" $out/recv
    sleep 1
    kill $server
    wait $client || fail "the sender failed when the server was ended well"
    wait $server || fail "the server failed"
    check "r['stopped']" "'receiving host' in r['stopped_because']" "s[0]['received_bytes'] > 0"
}

# Two kernels, as far as nsmon can tell: the clock is estimated, and the truth, 0, lies within its uncertainty.
case_clock() {
    pair
    echo 00000000-0000-4000-8000-000000000000 >$out/boot_id
    ip netns exec $ns2 unshare --mount sh -c "mount --bind $out/boot_id /proc/sys/kernel/random/boot_id &&
        exec '$nsmon' recv" >$out/recv 2>&1 &
    wait_until listens
    send --udp --rate 500pps --length 64 --duration 1 --both || fail "sending"
    check "not r['clock']['same']" "0 < r['clock']['uncertainty_us'] < 1e5" "r['clock']['round_trip_us'] > 0" \
        "abs(r['clock']['offset_us']) <= r['clock']['uncertainty_us']" \
        "all(x['owd_us']['min'] > -r['clock']['uncertainty_us'] for x in s)"
    run ip netns exec $ns1 "$nsmon" send $to --udp --rate 500pps --length 64 --duration 0.5
    grep -q "to within" $out/last || fail "the uncertainty is not shown"
}

# What strangers may try: the server goes on, serves others meanwhile, and keeps its memory.
case_hostile() {
    pair
    serve --max-rate 10mbit
    before=$(ip netns exec $ns2 pgrep -c nsmon)
    run timeout 100 ip netns exec $ns1 python3 "$here/remote_hostile.py" $to all
    cat $out/last
    send --udp --rate 500pps --length 64 --duration 0.5 || fail "the server serves no more"
    check "s[0]['lost'] == 0"
    kill -0 $server || fail "the server is gone"
    grep -q "nests too deep" $out/recv && grep -q "more than 65536 bytes" $out/recv ||
        fail "not all was refused for its reason: $(sort $out/recv | uniq -c)"
    wait_until eval '[ "$(ip netns exec $ns2 pgrep -c nsmon)" = '"$before"' ]'
}

# Nothing is sent over UDP to whom it was not proved that he wants it; unknown datagrams get no answer.
case_reflector() {
    pair
    ip -n $ns1 addr add 10.9.0.7/24 dev tap1
    serve
    run ip netns exec $ns1 python3 "$here/remote_hostile.py" $to reflect
    [ "$(udp_sent $ns2)" = 0 ] || fail "the server sent $(udp_sent $ns2) datagrams: $(cat $out/last)"
    cat $out/last
    send --udp --rate 500pps --length 64 --duration 0.2 --reverse || fail "a client that proves it is not served"
    [ "$(udp_sent $ns2)" -ge 100 ] || fail "the counter does not count"
}

# Across the lab's switch, and with what the lab does to its paths on purpose.
case_switch() {
    run "$nsmon" start --prefix r --sampling 1 --db $out/x.db --impair to=ns2,loss-every=10
    ns1=r-ns1 ns2=r-ns2 to=10.0.0.2
    serve
    send --udp --rate 1000pps --length 64 --packets 1000 || fail "sending"
    check "s[0]['sent_packets'] == 1000" "s[0]['lost'] == 100" "s[0]['loss_longest'] == 1"
    to=fd00:6e73:6d6f:6e::2
    send --udp --rate 1000pps --length 64 --packets 500 --reverse || fail "sending back"
    check "s[0]['lost'] == 0" "s[0]['received_packets'] == 500"
    send --tcp --bytes 2m --both || fail "TCP"
    check "all(x['received_bytes'] == 2000000 for x in s)"
    kill $server && wait $server
    run "$nsmon" stop --prefix r
    run "$nsmon" start --prefix r --sampling 1 --db $out/x.db --impair to=ns2,duplicate-every=10
    to=10.0.0.2
    serve
    send --udp --rate 1000pps --length 64 --packets 1000 || fail "sending"
    check "s[0]['lost'] == 0" "s[0]['duplicated'] == 100"
    kill $server && wait $server
    run "$nsmon" stop --prefix r
}

case $case in
streams4) streams 10.9.0.2 ;;
shapes) case_shapes ;;
streams6) streams fd09::2 ;;
duplicated) spoiled duplicate "s[0]['duplicated'] == SPOILT and s[0]['reordered'] == 0" ;;
swapped) spoiled swap "s[0]['reordered'] == SPOILT and s[0]['reorder_extent'] == 1 and s[0]['duplicated'] == 0" ;;
*) "case_$case" ;;
esac
