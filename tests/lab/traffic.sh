#!/bin/sh
# The room traffic/ on real links: "traffic.sh DRIVE RELAY CASE".
#
#   plain, dropped,
#   concurrent:          c-ns1 [tap1 10.9.0.1] ======veth====== [tap2 10.9.0.2] c-ns2
#   drop, duplicate,
#   swap, late:          c-ns1 [tap1] ==veth== [in1  relay  in2] ==veth== [tap2] c-ns2
#
# What the endpoints say is held against captures, the kernel's counters and the spoiler's own counts.  All of
# it lives in network, mount and process namespaces of its own, and is gone with them.
drive=$1
relay=$2
case=$3
set -u

skip() {
    echo "skipped: $1"
    exit 77
}

if [ "${NSMON_TRAFFIC_INSIDE:-}" = "" ]; then
    [ "$(id -u)" = 0 ] || skip "needs root"
    for program in ip unshare tcpdump awk; do
        command -v $program >/dev/null || skip "needs $program"
    done
    unshare --net --mount --pid --fork true 2>/dev/null || skip "needs namespaces"
    exec unshare --net --mount --pid --fork --kill-child --mount-proc env NSMON_TRAFFIC_INSIDE=1 sh "$0" "$@"
fi

mount -t tmpfs tmpfs /run || skip "can't have a /run of its own"
mkdir /run/netns /run/out
out=/run/out
chmod 777 $out

fail() {
    echo "FAILED: $1"
    tail -n 20 $out/log 2>/dev/null
    exit 1
}

# wait_for FILE PATTERN: until FILE holds PATTERN.
wait_for() {
    for _ in $(seq 200); do
        grep -q "$2" "$1" 2>/dev/null && return 0
        sleep 0.05
    done
    fail "no '$2' in $1: $(cat "$1")"
}

# wait_quiet FILE: until FILE has not grown for two seconds: a capture hands frames on a block at a time.
wait_quiet() {
    size=-1 same=0
    while [ $same -lt 20 ]; do
        now=$(wc -c <"$1")
        [ "$now" = "$size" ] && same=$((same + 1)) || same=0
        size=$now
        sleep 0.1
    done
}

# address NAMESPACE LINK NUMBER
address() {
    ip -n "$1" addr add "10.9.0.$3/24" dev "$2" && ip -n "$1" addr add "fd09::$3/64" dev "$2" nodad &&
        ip -n "$1" link set lo up && ip -n "$1" link set "$2" up || fail "can't set up $2"
}

ip netns add c-ns1 && ip netns add c-ns2 || fail "can't make namespaces"
case $case in
plain | dropped | concurrent | requests)
    ip link add tap1 netns c-ns1 type veth peer name tap2 netns c-ns2 || fail "can't make the links"
    ;;
*)
    command -v ethtool >/dev/null || skip "needs ethtool"
    ip link add tap1 netns c-ns1 type veth peer name in1 &&
        ip link add tap2 netns c-ns2 type veth peer name in2 || fail "can't make the links"
    ip netns exec c-ns1 ethtool -K tap1 tx off tso off gso off >/dev/null 2>&1
    ip netns exec c-ns2 ethtool -K tap2 tx off tso off gso off >/dev/null 2>&1
    ip link set in1 up && ip link set in2 up || fail "can't bring the links up"
    ;;
esac
address c-ns1 tap1 1
address c-ns2 tap2 2

# drive PROFILE SECONDS SCALE SEED: runs it; its table is $out/flows.
drive() {
    "$drive" /run/netns/c-ns1 /run/netns/c-ns2 10.9.0.1 10.9.0.2 fd09::1 fd09::2 "$@" >$out/flows 2>$out/log
}

# column SOURCE_PORT NUMBER: of $out/flows.
column() {
    awk -F'\t' -v port="$1" -v n="$2" '$3 == port { print $n }' $out/flows
}

# counter NAMESPACE NAME: of the kernel's UDP counters, both versions together.
counter() {
    ip netns exec "$1" awk -v name="$2" '
        $1 == "Udp:" && !(n) { for (i = 2; i <= NF; i++) if ($i == name) n = i; next }
        $1 == "Udp:" { sum += $n }
        $1 == "Udp6" name { sum += $2 }
        END { print sum }' /proc/net/snmp /proc/net/snmp6
}

# largest VERSION SEED [PROFILE SECONDS]: the source port of the largest UDP flow that the cases below drive.
largest() {
    "$drive" plan "${3:-quick}" "${4:-1}" 5 "$2" | awk -v version="$1" '
        $2 == "udp" && $3 == version && $5 > max { max = $5; port = $4 }
        END { print port }'
}

# others SOURCE_PORT: what went wrong with the other UDP flows.
others() {
    awk -F'\t' -v port="$1" '$1 == "udp" && $3 != port { n += $10 + $11 + $12 } END { print n }' $out/flows
}

case_plain() {
    ip netns exec c-ns2 tcpdump -i tap2 -n -U -B 65536 -s 128 -w $out/tap2.pcap 'udp or tcp' 2>$out/dump &
    dump=$!
    wait_for $out/dump "listening on"
    drive mixed 6 1 "$$" || fail "the run failed"
    wait_quiet $out/tap2.pcap
    kill $dump && wait $dump
    grep -q "^0 packets dropped" $out/dump || skip "tcpdump dropped packets: $(tail -n 1 $out/dump)"
    [ "$(awk 'END { print NR }' $out/flows)" -ge 60 ] || fail "fewer than 60 flows"
    sent=$(awk -F'\t' '$1 == "udp" { n += $6 } END { print n }' $out/flows)
    bad=$(awk -F'\t' '$1 == "udp" && ($5 != $6 || $6 != $8 || $7 != $9 || $10 != 0 || $11 != 0 || $12 != 0) ||
                      $1 == "tcp" && $7 != $9' $out/flows)
    [ "$bad" = "" ] || fail "flows that are not exact: $bad"
    # The kernel's counters hold the greetings too.
    out1=$((sent + $(awk '/^greetings/ { print $2 }' $out/log)))
    in2=$((sent + $(awk '/^greetings/ { print $4 }' $out/log)))
    kernel="$(counter c-ns1 OutDatagrams) $(counter c-ns2 InDatagrams)"
    [ "$kernel" = "$out1 $in2" ] || fail "the kernel sent and received $kernel, not $out1 $in2"
    # Per flow: datagrams and payload bytes of UDP, payload bytes of TCP that sent nothing twice.
    tcpdump -r $out/tap2.pcap -n -q 2>/dev/null | awk '
        $3 ~ /^(10\.9\.0\.1|fd09::1)\./ {
            n = split($3, part, "."); port = part[n]; frames[port]++; bytes[port] += $NF }
        END { for (port in frames) print port, frames[port], bytes[port] }' >$out/captured
    awk -F'[\t ]' 'NR == FNR { frames[$1] = $2; bytes[$1] = $3; next }
        $1 == "udp" && (frames[$3] != $6 || bytes[$3] != $7) || $1 == "tcp" && $14 == 0 && bytes[$3] != $7 {
            print $3, frames[$3], bytes[$3], "but", $6, $7 }' $out/captured $out/flows >$out/differences
    [ -s $out/differences ] && fail "tcpdump saw otherwise: $(cat $out/differences)"
    echo "$sent datagrams, $(awk 'END { print NR }' $out/flows) flows: endpoints, kernel and tcpdump agree"
}

case_dropped() {
    command -v nft >/dev/null || skip "needs nft (Debian's nftables)"
    port=$(largest 4 3)
    ip netns exec c-ns2 nft -f - <<END || skip "the kernel lacks nftables for netdev"
table netdev spoil {
    counter spoilt { }
    chain in {
        type filter hook ingress device tap2 priority 0;
        udp sport $port numgen inc mod 10 0 counter name spoilt drop
    }
}
END
    drive quick 1 5 3 || fail "the run failed"
    dropped=$(ip netns exec c-ns2 nft list counter netdev spoil spoilt | awk '/packets/ { print $2 }')
    [ "$dropped" -ge 10 ] || fail "only $dropped datagrams were dropped"
    [ "$(column "$port" 10)" = "$dropped" ] || fail "lost $(column "$port" 10), but $dropped were dropped"
    [ $(($(column "$port" 6) - $(column "$port" 8))) = "$dropped" ] || fail "sent is not unique plus lost"
    [ "$(others "$port")" = 0 ] || fail "other flows lost something"
    echo "$dropped of $(column "$port" 6) datagrams dropped, as many lost"
}

# Every tenth request of a flow is dropped on its way, and every seventh of the responses: each is counted where it is
# missing, and what was not asked is not responded to.
case_requests() {
    command -v nft >/dev/null || skip "needs nft (Debian's nftables)"
    port=$(largest 4 3 requests 3)
    for rule in "c-ns2 tap2 sport 10" "c-ns1 tap1 dport 7"; do
        set -- $rule
        ip netns exec "$1" nft -f - <<END || skip "the kernel lacks nftables for netdev"
table netdev spoil {
    counter spoilt { }
    chain in {
        type filter hook ingress device $2 priority 0;
        udp $3 $port numgen inc mod $4 3 counter name spoilt drop
    }
}
END
    done
    drive requests 3 4 3 || fail "the run failed: $(cat $out/log)"
    asks=$(ip netns exec c-ns2 nft list counter netdev spoil spoilt | awk '/packets/ { print $2 }')
    responses=$(ip netns exec c-ns1 nft list counter netdev spoil spoilt | awk '/packets/ { print $2 }')
    [ "$asks" -ge 10 ] && [ "$responses" -ge 10 ] || fail "only $asks and $responses datagrams were dropped"
    [ "$(column "$port" 10)" = "$asks" ] || fail "$asks requests dropped, $(column "$port" 10) lost"
    back=$(awk -F'\t' -v port="$port" '$4 == port { print $6, $8, $10 }' $out/flows)
    want="$(column "$port" 8) $(($(column "$port" 8) - responses)) $responses"
    [ "$back" = "$want" ] || fail "responses sent, received, lost: $back, not $want"
    other=$(awk -F'\t' -v port="$port" '$1 == "udp" && $3 != port && $4 != port && ($10 != 0 || $11 != 0) ||
                                        $1 == "tcp" && $7 != $9' $out/flows)
    [ "$other" = "" ] || fail "other flows were counted wrong: $other"
    timed=$(awk '/^responses:/ { print $2 }' $out/log)
    whole=$(awk -F'\t' '$1 == "udp" && $3 >= 7700 && $3 < 7964 { n += $8 } END { print n }' $out/flows)
    [ "$timed" -gt "$whole" ] || fail "$timed requests timed, but $whole responses came of UDP alone"
    echo "$asks of $(column "$port" 6) requests and $responses of $(column "$port" 8) responses dropped, as many lost"
}

# As many flows at once as the endpoints are to bear, on as many sockets: one address a host.
case_concurrent() {
    drive concurrent 8 1 "$$" || fail "the run failed"
    flows=$(awk 'END { print NR }' $out/flows)
    [ "$flows" = 11000 ] || fail "$flows flows, not 11000"
    bad=$(awk -F'\t' '$1 == "udp" && ($5 != $6 || $6 != $8 || $7 != $9 || $10 != 0 || $11 != 0) ||
                      $1 == "tcp" && ($7 != $9 || $7 == 0)' $out/flows | wc -l)
    [ "$bad" = 0 ] || fail "$bad flows are not exact"
    echo "$flows flows at the same time, all exact; $(grep ^cpu $out/log)"
}

# spoiled ACTION [VERSION PROFILE SECONDS MILLISECONDS]: what the action says is done to every tenth datagram of one
# flow by the relay, and all of them are so much later.
spoiled() {
    port=$(largest "${2:-6}" 4 "${3:-quick}" "${4:-1}")
    "$relay" in1 in2 "$1" "$port" "${5:-0}" >$out/relay 2>$out/relay.log &
    pid=$!
    wait_for $out/relay.log ready
    drive "${3:-quick}" "${4:-1}" 5 4 || fail "the run failed"
    kill $pid && wait $pid
    read -r seen spoilt held <$out/relay
    [ "$seen" = "$(column "$port" 6)" ] || fail "the relay saw $seen of $(column "$port" 6) datagrams"
    [ "$spoilt" -ge 5 ] || fail "the relay spoilt only $spoilt datagrams"
    lost=$held duplicated=0 reordered=0 extent=0
    case $1 in
    drop) lost=$spoilt ;;
    duplicate) duplicated=$spoilt ;;
    swap) reordered=$spoilt extent=1 ;;
    esac
    [ "$(column "$port" 10),$(column "$port" 11),$(column "$port" 12),$(column "$port" 13)" = \
        "$lost,$duplicated,$reordered,$extent" ] ||
        fail "should be lost $lost duplicated $duplicated reordered $reordered extent $extent:
$(grep "	$port	" $out/flows)"
    [ "$(others "$port")" = 0 ] || fail "other flows were counted wrong"
    echo "$1: $spoilt of $seen datagrams, as the endpoints say"
}

# What is under way when the last datagram has been sent is waited for, and what is lost of that is lost: UDP that
# is all under way then, and TCP, which is to come to its end at such a delay.
case_late() {
    spoiled drop 4 microbursts 0.5 1000
    spoiled drop 6 quick 1 1000
    early=$(awk -F'\t' '$1 == "udp" && $15 < 1000000000 { n++ } END { print n + 0 }' $out/flows)
    [ "$early" = 0 ] || fail "$early flows were faster than the relay: $(cat $out/flows)"
    short=$(awk -F'\t' '$1 == "tcp" && $7 != $9 { n++ } END { print n + 0 }' $out/flows)
    [ "$short" = 0 ] || fail "$short TCP flows are not whole: $(cat $out/flows)"
}

case $case in
plain) case_plain ;;
dropped) case_dropped ;;
concurrent) case_concurrent ;;
requests) case_requests ;;
drop | duplicate | swap) spoiled "$case" ;;
late) case_late ;;
*) fail "no case '$case'" ;;
esac
