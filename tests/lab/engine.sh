#!/bin/sh
# Fast and paced flows over a bare veth pair, as both ends and the links see them:
#
#   a: v1 10.9.0.1 ═══ v2 10.9.0.2 :b
#
# engine.sh TRAFFIC_BENCH
. "$(dirname "$0")/lib.sh"
isolate "$0" "$@"
need nft tcpdump ethtool
bench=$1
for name in a b; do
    ip netns add $name || skip "can't make namespaces"
    ip -n $name link set lo up
done
ip link add v1 netns a type veth peer name v2 netns b || skip "can't make a veth pair"
ip -n a address add 10.9.0.1/24 dev v1
ip -n b address add 10.9.0.2/24 dev v2
ip -n a link set v1 up
ip -n b link set v2 up

# Runs the words and puts its figures into variables: sent, received, lost, send_batch, receive_batch.
drive() {
    run "$bench" /run/netns/a /run/netns/b 10.9.0.1 10.9.0.2 "$@"
    for word in $(cat $out/last); do
        case $word in
        sent=* | received=* | lost=* | send_batch=* | receive_batch=* | drops=*) eval "$word" ;;
        esac
    done
    [ "$sent" -gt 0 ] && [ "$sent" = $((received + lost)) ] || fail "$*: $sent sent, $received received, $lost lost"
}

echo "a fast flow goes in batches, and they arrive as batches"
drive udp length=64 seconds=0.5
[ "$send_batch" = 64 ] && [ "$receive_batch" = 64 ] || fail "batches of $send_batch and $receive_batch, not 64"

echo "without GSO each datagram goes by itself"
drive udp length=64 gso=1 seconds=0.5
[ "$send_batch" = 1 ] && [ "$receive_batch" = 1 ] || fail "batches of $send_batch and $receive_batch"

echo "each tenth batch dropped on its way: a batch is as many losses in a row"
ip netns exec b nft -f - <<'END' || skip "nftables can't drop each tenth packet"
table inet spoil {
    counter gone { }
    chain input {
        type filter hook input priority 0
        udp length 72-65535 udp dport 7700-7703 numgen inc mod 10 == 3 counter name gone drop
    }
}
END
drive udp length=64 gso=10 seconds=0.3
gone=$(ip netns exec b nft list counter inet spoil gone | sed -n 's/.*packets \([0-9]*\).*/\1/p')
ip netns exec b nft delete table inet spoil
[ "$gone" -gt 0 ] || fail "nothing was dropped"
[ "$lost" = $(((gone + drops) * 10)) ] || fail "$gone batches of 10 dropped, $drops had no room: $lost lost"

echo "a paced flow has no batches, also with GSO asked for, and no frame holds two datagrams"
ip netns exec a tcpdump -U -B 16384 -i v1 -s 64 -w $out/paced.pcap -Z root udp 2>$out/tcpdump &
capture=$!
until grep -q "listening on" $out/tcpdump; do sleep 0.05; done
drive udp length=200 pps=3000 gso=64 seconds=0.5
[ "$lost" = 0 ] && [ "$send_batch" = 1 ] || fail "$lost lost, batches of $send_batch"
seen() {
    tcpdump -nr $out/paced.pcap "$@" 2>/dev/null | wc -l
}
tries=100
until [ "$(seen 'udp[4:2] = 208')" = "$sent" ]; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || fail "$(seen 'udp[4:2] = 208') of $sent datagrams were seen at the link"
    sleep 0.05
done
[ "$(seen 'udp[4:2] > 208')" = 0 ] || fail "frames of several datagrams"
kill $capture
wait $capture

echo "links without offloads: the kernel cuts batches, each datagram arrives by itself"
ip netns exec a ethtool -K v1 tx off tso off gso off >/dev/null 2>&1
ip netns exec b ethtool -K v2 tx off tso off gso off >/dev/null 2>&1
drive udp length=1000 seconds=0.3
[ "$receive_batch" = 1 ] || fail "batches of $receive_batch arrived"

echo "an MTU smaller than the datagrams: no batches, but all goes on"
ip -n a link set v1 mtu 600
ip -n b link set v2 mtu 600
drive udp length=1000 seconds=0.3
[ "$send_batch" = 1 ] || fail "batches of $send_batch"

echo "three threads at each end, UDP and TCP"
drive udp length=100 pps=5 streams=3000 threads=3 seconds=2
[ "$lost" = 0 ] && [ "$sent" -gt 20000 ] || fail "$lost of $sent lost"
run "$bench" /run/netns/a /run/netns/b 10.9.0.1 10.9.0.2 tcp pps=10 streams=500 threads=3 seconds=2
