#!/usr/bin/env bash
# Other people's exporters against nsmon's own truth: "peers.sh NSMON TRAFFIC_DRIVE EXPORTER VERSION".
#
#   a: va 10.1.0.1 fd00::1 ===veth=== b: vb 10.1.0.2 fd00::2      what crosses va is captured into a file, and that
#                                                                 file is metered by the exporter and by nsmon
#   exporter --file--> udp/127.0.0.1:2055 --> nsmon collect
#
# All flows have the same packets; the same bytes too, once the 14 bytes of the Ethernet header, which these exporters
# do not count, are taken off nsmon's.  (A veth does not pad short frames; on a wire the padding would have to go, too.)
# Left out are frames that are not IP, which they can't tell, and fragments, which each meters in its own way.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
isolate "$0" "$@"
nsmon=$1
drive=$2
exporter=$3
version=$4
db=$out/x.db
ipv4= # a condition, for exporters that know nothing else
need sqlite3 tcpdump iperf3 ping jq sysctl
case $exporter in
softflowd) need softflowd ;;
*) need pmacctd ;;
esac

capture() {
    ip netns add a
    ip netns add b
    ip link add va netns a address 02:00:00:00:00:0a type veth peer name vb netns b address 02:00:00:00:00:0b
    for side in a b; do
        ip -n $side link set v$side gso_max_segs 1 # frames, not what becomes frames later
        ip netns exec $side sysctl -qw net.ipv6.conf.v$side.router_solicitations=0
        ip -n $side link set lo up
        ip -n $side link set v$side up
    done
    ip -n a addr add 10.1.0.1/24 dev va
    ip -n b addr add 10.1.0.2/24 dev vb
    ip -n a addr add fd00::1/64 dev va nodad
    ip -n b addr add fd00::2/64 dev vb nodad
    ip -n a neigh add 10.1.0.9 lladdr 02:00:00:00:00:0b dev va
    ip netns exec a tcpdump -U -i va -w $out/x.pcap 2>$out/tcpdump.log &
    tcpdump=$!
    for _ in $(seq 50); do
        grep -q "listening on" $out/tcpdump.log && break
        sleep 0.1
    done
    ip netns exec b iperf3 -s -D --pidfile $out/iperf3.pid >/dev/null
    sleep 0.5
    run ip netns exec a ping -q -c 5 -i 0.2 10.1.0.2
    run ip netns exec a ping -q -c 3 -i 0.2 fd00::2
    run ip netns exec a iperf3 -c 10.1.0.2 -n 1M -b 20M
    run ip netns exec a iperf3 -c 10.1.0.2 -u -b 2M -l 700 -t 1
    run ip netns exec a iperf3 -c fd00::2 -R -n 300K -b 20M
    run "$drive" /run/netns/a /run/netns/b 10.1.0.1 10.1.0.2 fd00::1 fd00::2 quick 2 1 1
    kill "$(tr -d '\0' <$out/iperf3.pid)"
    # sfprobe keeps its last samples back until more come: let that be frames which nobody looks at, and none of IPv6's
    # own (router solicitations, neighbour discovery) behind them.
    ip netns exec a sysctl -qw net.ipv6.conf.va.disable_ipv6=1
    ip netns exec b sysctl -qw net.ipv6.conf.vb.disable_ipv6=1
    sleep 0.5
    for _ in $(seq 40); do
        ip netns exec a bash -c 'echo >/dev/udp/10.1.0.9/9'
    done
    # The kernel hands frames over in blocks, once a second: whoever ends before lacks the last ones.
    for _ in $(seq 50); do
        captured=$(tcpdump -r $out/x.pcap dst host 10.1.0.9 2>/dev/null | wc -l)
        [ "$captured" = 40 ] && break
        sleep 0.1
    done
    [ "$captured" = 40 ] || fail "$captured of the last 40 frames were captured"
    kill $tcpdump
    wait $tcpdump
}

meter() {
    # A control socket could make softflowd wait for a connection.
    if [ $exporter = softflowd ]; then
        run timeout 30 softflowd -r $out/x.pcap -n 127.0.0.1:2055 -v $version -6 -d -p $out/softflowd.pid -c none
        return
    fi
    cat >$out/pmacctd.conf <<END
daemonize: false
pcap_savefile: $out/x.pcap
plugins: $exporter
plugin_pipe_size: 67108864
plugin_buffer_size: 65536
snaplen: 256
aggregate: src_host, dst_host, src_port, dst_port, proto, tos
nfprobe_receiver: 127.0.0.1:2055
nfprobe_version: $version
sfprobe_receiver: 127.0.0.1:2055
END
    sed -i "/^$([ $exporter = nfprobe ] && echo sfprobe || echo nfprobe)/d" $out/pmacctd.conf
    [ $exporter = nfprobe ] || sed -i '/^aggregate/d' $out/pmacctd.conf
    # At the end of the file its processes can end in an order that makes for another status than 0.
    timeout 30 pmacctd -f $out/pmacctd.conf >$out/last 2>&1
}

# "protocol, source, port, destination, port, packets, bytes of layer 3" of each flow, by the SQL expressions $3 and $4
# over view $2 in database $1.
flows() {
    sqlite3 "$1" "SELECT proto, src, sport, dst, dport, sum($3), sum($4) FROM $2
        WHERE src IS NOT NULL AND dst <> '10.1.0.9' $ipv4 GROUP BY flow_id ORDER BY 1, 2, 3, 4, 5"
}

capture
"$nsmon" collect --db $db --listen udp/127.0.0.1:2055 >$out/collect.log 2>&1 &
collector=$!
for _ in $(seq 50); do
    "$nsmon" status --format json | jq -e .running >/dev/null && break
    sleep 0.1
done
meter
before=
for _ in $(seq 20); do # until nothing more comes
    sleep 0.5
    now=$("$nsmon" status --format json | jq '.collector.datagrams')
    [ "$now" = "$before" ] && [ "$now" -gt 0 ] && break
    before=$now
done
"$nsmon" status --format json >$out/status
kill -TERM $collector
wait $collector || fail "collect ended with $?"
cp $out/collect.log $out/last

jq -e '[.exporters[] | .lost, .malformed, .unknown_templates, .restarts] | add == 0' $out/status >/dev/null ||
    fail "$exporter $version: something was lost or malformed"
[ "$version" != 5 ] || ipv4="AND src NOT LIKE '%:%'"
run "$nsmon" import --db $out/truth.db --truth $out/x.pcap,mac=02:00:00:00:00:0a
flows $out/truth.db v_truth packets 'bytes - 14 * packets' >$out/want
case $exporter in
sfprobe) flows $db v_sflow_sample sampling_rate '(l2_bytes - 14) * sampling_rate' >$out/got ;;
*) flows $db v_flow_record packets bytes >$out/got ;;
esac
[ "$(wc -l <$out/want)" -ge 15 ] || fail "only $(wc -l <$out/want) flows were made"
diff $out/want $out/got >$out/last || fail "$exporter $version is not the truth"
echo "$exporter $version equals the truth in $(wc -l <$out/want) flows"
