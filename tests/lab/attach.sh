#!/usr/bin/env bash
# nsmon on a bridge that is somebody else's: "attach.sh NSMON CASE".
#
#       h1                        br0 of a system Open vSwitch                     h2
#   eth0 10.9.0.1 ===veth=== p1 ----------------+---------------- p2 ===veth=== eth0 10.9.0.2
#                                               +---------------- p3 ===veth=== eth0 10.9.0.3 h3 (with three)
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
isolate "$0" "$@"
need python3 ping
nsmon=$1
case=$2
db=$out/x.db

start_ovs() {
    mkdir -p /run/openvswitch
    ovsdb-tool create /run/system.db /usr/share/openvswitch/vswitch.ovsschema
    ovsdb-server /run/system.db --remote=punix:/run/openvswitch/db.sock --pidfile --detach --log-file=$out/ovsdb.log 2>/dev/null
    ovs-vsctl --no-wait init
    ovs-vswitchd --pidfile --detach -vconsole:err --log-file=$out/vswitchd.log 2>/dev/null || fail "no Open vSwitch"
}

# A bridge with as many hosts as $1 says.
make_bridge() {
    start_ovs
    ovs-vsctl add-br br0 -- set bridge br0 datapath_type=netdev
    for i in $(seq "$1"); do
        ip netns add "h$i"
        ip link add "p$i" type veth peer name eth0 netns "h$i"
        # Nothing of IPv6's own, and no super-frames: each frame is a test's, and is what crosses the link.
        ip link set "p$i" addrgenmode none
        ip -n "h$i" link set eth0 addrgenmode none
        ip link set "p$i" up
        ip -n "h$i" link set eth0 up
        ip netns exec "h$i" ethtool -K eth0 tx off rx off gso off tso off gro off >/dev/null 2>&1
        ethtool -K "p$i" tx off rx off gso off tso off gro off >/dev/null 2>&1
        ip -n "h$i" addr add "10.9.0.$i/24" dev eth0
        ovs-vsctl add-port br0 "p$i"
    done
    run ip netns exec h1 ping -q -c 2 -i 0.2 10.9.0.2
}

h1() {
    ip netns exec h1 "$@"
}

# The exporters' whole configuration, as the file $1.
keep_config() {
    for table in sFlow NetFlow IPFIX Bridge Port; do
        echo "== $table"
        ovs-vsctl list $table
    done >$out/$1
    ovs-vsctl --columns=_uuid,name,type,ofport,ifindex,options,other_config,external_ids,error list Interface >>$out/$1
    ovs-ofctl --no-stats dump-flows br0 >>$out/$1
    ip -d link show | grep -Ev 'promiscuity|^ *link/' | cut -d, -f1 >>$out/$1
}

same_config() {
    keep_config after
    diff $out/before $out/after || fail "$1: the configuration is not as it was"
}

# The server may still be busy with the client before.
iperf() {
    for _ in 1 2 3 4; do
        h1 iperf3 -c 10.9.0.2 "$@" >$out/last 2>&1 && return
        sleep 0.5
    done
    fail "iperf3 $*"
}

traffic() {
    run h1 ping -q -c 5 -i 0.1 10.9.0.2
    if command -v iperf3 >/dev/null; then
        ip netns exec h2 iperf3 -s -D --pidfile $out/iperf3.pid >/dev/null
        sleep 0.5
        iperf -n 1M -b 8M -w 16K -l 4K
        iperf -u -b 2M -l 700 -t 1
        kill "$(tr -d '\0' <$out/iperf3.pid)"
    fi
}

# Every source says exactly what came in at the captured ports, less what the ledger says was lost before the switch
# (its packet sockets are as small as the system has them, and a busy machine overruns them).
exact() {
    python3 - $db <<'PY' >$out/last 2>&1 || fail "not exact"
import sqlite3, sys
db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
session, = db.execute("SELECT max(id) FROM session").fetchone()
truth = {flow: (packets, size) for flow, packets, size in db.execute(
    "SELECT flow_id, sum(packets), sum(bytes) FROM truth WHERE direction = 0 AND session_id = ? GROUP BY 1", (session,))}
ipv4 = {flow for (flow,) in db.execute("SELECT id FROM flow WHERE ethertype = 2048")}
said = {
    "sflow": "SELECT flow_id, sum(sampling_rate), sum((frame_bytes - stripped) * sampling_rate) FROM sflow_sample "
             "WHERE session_id = ? GROUP BY 1",
    "netflow": "SELECT flow_id, sum(packets), sum(bytes) FROM v_flow_record WHERE exporter_protocol = 'netflow5' "
               "AND session_id = ? GROUP BY 1",
    "ipfix": "SELECT flow_id, sum(packets), sum(bytes) FROM v_flow_record WHERE exporter_protocol = 'ipfix' "
             "AND direction = 0 AND session_id = ? GROUP BY 1",
}
lost, = db.execute("SELECT coalesce(sum(packets), 0) FROM stage WHERE stage = 'switch_in_drop' AND session_id = ?",
                   (session,)).fetchone()
bad = False
for name, sql in said.items():
    got = {flow: (packets, size) for flow, packets, size in db.execute(sql, (session,))}
    want = {flow: value for flow, value in truth.items() if name != "netflow" or flow in ipv4}
    print(name, "equal" if got == want else {flow: (want.get(flow), got.get(flow)) for flow in want.keys() | got.keys()
                                             if want.get(flow) != got.get(flow)}, len(got), "flows")
    missing = sum(value[0] - got.get(flow, (0, 0))[0] for flow, value in want.items())
    bad = bad or len(got) < 2 or got.keys() - want.keys() or missing != lost or (lost == 0 and got != want)
print("lost before the switch:", lost)
sys.exit(bad)
PY
    cat $out/last
}

# Exporters of the bridge's owner, whose collectors are elsewhere; $1 is the rate.
owners_exporters() {
    ovs-vsctl -- --id=@s create sFlow targets='"127.0.0.1:7001"' sampling="$1" polling=10 external_ids:mine=yes \
        -- --id=@n create NetFlow targets='"127.0.0.1:7002","127.0.0.1:7003"' active_timeout=2 \
        -- --id=@i create IPFIX targets='"127.0.0.1:7004"' sampling="$1" obs_domain_id=77 cache_active_timeout=1 \
            cache_max_flows=100 \
        -- set bridge br0 sflow=@s netflow=@n ipfix=@i >/dev/null || fail "no exporters"
}

truths="--truth p1 --truth p2"

# No exporter there: ours are made, say the truth, and go.
case_made() {
    make_bridge 2
    snapshot before
    keep_config before
    run "$nsmon" attach br0 $truths --sampling 1 --db $db
    traffic
    run "$nsmon" status
    grep -q p1 $out/last || fail "status does not show the capture"
    run "$nsmon" detach
    exact
    same_config made
    same made
    [ "$(sqlite3 $db 'SELECT kind, state FROM session')" = "attach|stopped" ] || fail "not the session of an attach"
}

# The owner's exporters at 1 in 1: a target more, and one less.
case_joined() {
    make_bridge 2
    owners_exporters 1
    keep_config before
    run "$nsmon" attach br0 $truths --db $db
    grep -q "has an owner: its rate is used, 1 in 1" $out/last || fail "whose rate is used is not said"
    [ "$(ovs-vsctl get sFlow "$(ovs-vsctl get bridge br0 sflow)" targets)" = '["127.0.0.1:6343", "127.0.0.1:7001"]' ] ||
        fail "no target was added"
    traffic
    run "$nsmon" detach
    exact
    same_config joined
}

# At the other end of the links, in other namespaces.
case_station() {
    make_bridge 2
    keep_config before
    run "$nsmon" attach br0 --truth h1/eth0,role=station --truth h2/eth0 --sampling 1 --db $db --pcap-dir $out/pcap
    traffic
    run "$nsmon" stop
    exact
    same_config station
    [ -s $out/pcap/h1-eth0.pcap ] || fail "no capture file"
    [ "$(sqlite3 $db "SELECT group_concat(json_extract(value, '$.name') || '=' || json_extract(value, '$.capture'))
        FROM (SELECT value FROM session, json_each(settings, '$.ports') ORDER BY 1 DESC)")" = "p2=h2/eth0,p1=h1/eth0" ] ||
        fail "the port behind a station is not known"
}

case_$case
