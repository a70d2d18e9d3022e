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

# The address of a link: "mac LINK", or "mac -n NETNS LINK".
mac() {
    local link=${*: -1}
    set -- "${@:1:$#-1}"
    ip "$@" -o link show "$link" | sed 's/.*ether \([^ ]*\).*/\1/'
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
    # No frame but those of a test: neighbours are known for good.
    for i in $(seq "$1"); do
        for j in $(seq "$1"); do
            [ $i = $j ] || ip -n "h$i" neigh replace "10.9.0.$j" dev eth0 nud permanent \
                lladdr "$(mac -n "h$j" eth0)"
        done
    done
    [ "$1" = 1 ] || run ip netns exec h1 ping -q -c 2 -i 0.2 10.9.0.2
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
    grep -Eq "^p1 .* unknown$" $out/last || fail "status makes up the size of a buffer"
    run "$nsmon" detach
    exact
    good
    same_config made
    same made
    [ "$(sqlite3 $db 'SELECT kind, state FROM session')" = "attach|stopped" ] || fail "not the session of an attach"
}

# The owner's exporters at 1 in 1: a target more, and one less.
case_joined() {
    make_bridge 2
    owners_exporters 1
    # Its templates have been sent long ago when we come.
    run h1 ping -q -c 5 -i 0.1 10.9.0.2
    sleep 4
    keep_config before
    run "$nsmon" attach br0 $truths --db $db
    grep -q "has an owner: its rate is used, 1 in 1" $out/last || fail "whose rate is used is not said"
    [ "$(ovs-vsctl get sFlow "$(ovs-vsctl get bridge br0 sflow)" targets)" = '["127.0.0.1:6343", "127.0.0.1:7001"]' ] ||
        fail "no target was added"
    traffic
    run "$nsmon" detach
    exact
    good
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
    good
    same_config station
    [ -s $out/pcap/h1-eth0.pcap ] || fail "no capture file"
    [ "$(sqlite3 $db "SELECT group_concat(json_extract(value, '$.name') || '=' || json_extract(value, '$.capture'))
        FROM (SELECT value FROM session, json_each(settings, '$.ports') ORDER BY 1 DESC)")" = "p2=h2/eth0,p1=h1/eth0" ] ||
        fail "the port behind a station is not known"
}

record_of() {
    ovs-vsctl get "$1" "$(ovs-vsctl get bridge br0 "$(echo "$1" | tr '[:upper:]' '[:lower:]')")" "$2"
}

# Waits until the words of $1 are true.
wait_for() {
    for _ in $(seq 100); do
        eval "$1" >/dev/null 2>&1 && return
        sleep 0.1
    done
    fail "waited in vain for: $1"
}

is() {
    [ "$1" = "$2" ] || fail "it is '$1', not '$2'"
}

# What the owner changes while a session is attached stays, and only that.
case_owner() {
    make_bridge 2
    owners_exporters 64
    run "$nsmon" attach br0 $truths --db $db
    ovs-vsctl set sFlow "$(ovs-vsctl get bridge br0 sflow)" sampling=32 -- \
        add sFlow "$(ovs-vsctl get bridge br0 sflow)" targets '"127.0.0.1:7009"' -- \
        set NetFlow "$(ovs-vsctl get bridge br0 netflow)" 'targets="127.0.0.1:7010"' -- \
        set bridge br0 external_ids:mine=1
    run "$nsmon" detach
    is "$(record_of sFlow targets)" '["127.0.0.1:7001", "127.0.0.1:7009"]'
    is "$(record_of sFlow sampling)" 32
    is "$(record_of NetFlow targets)" '["127.0.0.1:7010"]'
    is "$(record_of IPFIX targets)" '["127.0.0.1:7004"]'
    is "$(ovs-vsctl get bridge br0 external_ids)" '{mine="1"}'

    # All targets of his own taken away: then there is no export.
    run "$nsmon" attach br0 $truths --db $db
    ovs-vsctl remove NetFlow "$(ovs-vsctl get bridge br0 netflow)" targets '"127.0.0.1:7010"'
    run "$nsmon" detach
    is "$(ovs-vsctl get bridge br0 netflow)" '[]'

    # A record of ours that he uses becomes his.
    run "$nsmon" attach br0 $truths --db $db
    ovs-vsctl add NetFlow "$(ovs-vsctl get bridge br0 netflow)" targets '"127.0.0.1:7011"'
    run "$nsmon" detach
    is "$(record_of NetFlow targets)" '["127.0.0.1:7011"]'
    is "$(record_of NetFlow external_ids)" '{}'
}

# Records, and then the bridge, are deleted meanwhile.
case_gone() {
    make_bridge 2
    owners_exporters 64
    run "$nsmon" attach br0 $truths --db $db --no-ipfix
    ovs-vsctl -- clear bridge br0 sflow netflow -- clear bridge br0 ipfix
    keep_config before
    sed -i '/^external_ids/s/{.*}/{}/' $out/before
    run "$nsmon" detach
    same_config "records gone"
    run "$nsmon" attach br0 $truths --db $db
    ovs-vsctl del-br br0
    run "$nsmon" detach
    is "$(ovs-vsctl list-br)" ""
    is "$(ovs-vsctl list sFlow)$(ovs-vsctl list NetFlow)$(ovs-vsctl list IPFIX)" ""
    is "$(sqlite3 $db "SELECT group_concat(state) FROM session")" stopped,stopped
    [ ! -e /run/nsmon ] || fail "something is left: $(find /run/nsmon)"
}

kill_all() {
    pkill -9 -f "^$nsmon " || fail "there was nothing to kill"
    sleep 0.5
}

# Everything of nsmon's killed: put back by detach, by stop, by the next attach, and after a reboot, which leaves no /run.
killed() {
    lines_allowed=3
    snapshot before
    keep_config before
    for means in detach stop; do
        run "$nsmon" attach br0 $truths --db $db
        kill_all
        run "$nsmon" $means
        same_config "$means after kill -9"
        same "$means after kill -9"
    done
    run "$nsmon" attach br0 $truths --db $db
    kill_all
    run "$nsmon" attach br0 $truths --db $db
    kill_all
    rm -r /run/nsmon
    refuse 1 "attached to the bridge br0 already: 'sudo nsmon detach'" "$nsmon" attach br0 $truths --prefix b --db $db
    run "$nsmon" detach
    same_config "after a reboot"
    run "$nsmon" attach br0 $truths --prefix c --db $db
    kill_all
    rm -r /run/nsmon
    run "$nsmon" stop --all
    same_config "stop --all without a record"
    run "$nsmon" attach br0 $truths --prefix c --db $db
    rm -r /run/nsmon
    run "$nsmon" stop --all
    same_config "stop --all of one that lives"
    pgrep -x nsmon-super && fail "it still lives"
    run "$nsmon" attach br0 $truths --db $db
    kill_all
    rm -r /run/nsmon
    run "$nsmon" attach br0 $truths --db $db
    run "$nsmon" detach
    same_config "attached after a reboot"
    same "attached after a reboot"
    is "$(sqlite3 $db "SELECT count(*) FROM session WHERE state = 'stopped'")" 2
}

case_killed() {
    make_bridge 2
    killed
}

case_killed_owner() {
    make_bridge 2
    owners_exporters 64
    killed
    # Cut off in the very moment in which the owner's IPFIX has no targets.
    keep_config before
    ipfix=$(ovs-vsctl get bridge br0 ipfix)
    ovs-vsctl set bridge br0 "external_ids:nsmon-attach=\"1 t-1 - sflow joined $(ovs-vsctl get bridge br0 sflow) 127.0.0.1:6343 \
netflow off - - ipfix joined $ipfix 127.0.0.1:4739 paused 127.0.0.1:7004\"" -- clear IPFIX "$ipfix" targets
    run "$nsmon" detach
    same_config "cut off while IPFIX was paused"
}

# The worker alone dies: the exporters are put back, and the session is not called good.
case_worker() {
    make_bridge 2
    owners_exporters 64
    snapshot before
    keep_config before
    run "$nsmon" attach br0 $truths --db $db
    pkill -9 -x nsmon-worker || fail "no worker"
    for _ in $(seq 50); do
        [ -e /run/nsmon/default/supervisor ] || break
        sleep 0.1
    done
    same_config "the worker died"
    run "$nsmon" detach
    same "the worker died"
}

# The switch's process dies and another comes: what came to the ports meanwhile nobody counted, and no figure is made up.
case_restarted() {
    make_bridge 2
    run "$nsmon" attach br0 $truths --sampling 1 --db $db
    run h1 ping -q -c 5 -i 0.1 10.9.0.2
    wait_for "[ \"\$(sqlite3 $db \"SELECT packets >= 5 FROM stage WHERE direction = 'p1>switch' AND stage = 'switch_in'\")\" = 1 ]"
    kill -9 "$(cat /run/openvswitch/ovs-vswitchd.pid)"
    h1 ping -q -c 3 -i 0.1 -W 1 10.9.0.2 >/dev/null
    ovs-vswitchd --pidfile --detach -vconsole:err --log-file=$out/vswitchd.log 2>/dev/null || fail "no Open vSwitch"
    wait_for "ip netns exec h1 ping -q -c 1 -W 1 10.9.0.2"
    run h1 ping -q -c 100 -i 0.01 10.9.0.2
    run "$nsmon" detach
    grep -q "ledger is incomplete: the switch's process ended" $out/last || fail "not said that the switch was restarted"
    is "$(sqlite3 $db "SELECT count(*), count(packets) FROM stage WHERE stage LIKE 'switch_in%' AND direction LIKE 'p%'")" "4|0"
    run "$nsmon" report --db $db
    grep -q "the switch took in 0" $out/last && fail "a figure is made up"
    grep -q "nobody counted what the switch took in" $out/last || fail "not said that nobody counted"
}

# What goes wrong is said in a line, and changes nothing.
case_errors() {
    lines_allowed=3 # the steps that were begun, and why they ended
    refuse 1 "could not ask the system's Open vSwitch" "$nsmon" attach br0 $truths --db $db
    refuse 0 "no session is attached" "$nsmon" detach
    make_bridge 2
    ovs-vsctl add-br br1 -- set bridge br1 datapath_type=netdev
    snapshot before
    keep_config before
    as_nobody() {
        setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
    }
    refuse 1 "sudo nsmon attach" as_nobody "$nsmon" attach br0 $truths
    refuse 1 "sudo nsmon detach" as_nobody "$nsmon" detach
    refuse 2 "which bridge" "$nsmon" attach --truth p1
    refuse 2 "truth IFACE is missing" "$nsmon" attach br0
    refuse 2 "role=port|station" "$nsmon" attach br0 --truth p1,role=tap
    refuse 2 "role=port|station" "$nsmon" attach br0 --truth /p1
    refuse 2 "no exporter is left" "$nsmon" attach br0 $truths --no-sflow --no-netflow --no-ipfix
    refuse 1 "has no bridge 'br9'; it has br., br." "$nsmon" attach br9 $truths --db $db
    refuse 1 "no interface 'p9'" "$nsmon" attach br0 --truth p1 --truth p9 --db $db
    refuse 1 "no network namespace 'h9'" "$nsmon" attach br0 --truth h9/eth0 --db $db
    refuse 1 "no interface 'eth9' in the namespace h1" "$nsmon" attach br0 --truth h1/eth9 --db $db
    refuse 1 "two names of one place" "$nsmon" attach br0 --truth p1 --truth p1 --db $db
    refuse 1 "two names of one place" "$nsmon" attach br0 --truth p1 --truth h1/eth0 --db $db
    refuse 1 "is down" "$nsmon" attach br0 --truth br0 --db $db
    ip link set br0 up
    refuse 1 "it is a station" "$nsmon" attach br0 --truth br0,role=port --db $db
    ip link set br0 down
    same "after errors"
    same_config "after errors"
    ovs-vsctl -- --id=@s create sFlow targets='"127.0.0.1:7001"' -- set bridge br0 sflow=@s -- set bridge br1 sflow=@s >/dev/null
    snapshot before
    keep_config before
    refuse 1 "br0 and br1 share one sFlow record.*--no-sflow" "$nsmon" attach br0 $truths --db $db
    same_config "a shared record"
    run "$nsmon" attach br0 $truths --no-sflow --db $db
    lines_allowed=1
    refuse 1 "running already" "$nsmon" attach br0 $truths --db $db
    lines_allowed=3
    refuse 1 "a session is attached to the bridge br0 already" "$nsmon" attach br0 $truths --prefix b --db $db
    run "$nsmon" detach
    same_config "twice"
    same "twice"
    run "$nsmon" start --datapath netdev --prefix l --db $db
    refuse 1 "is a lab" "$nsmon" detach --prefix l
    refuse 1 "is that of a lab" "$nsmon" attach l-nsmon-br0 $truths --db $db
    run "$nsmon" stop --prefix l
    same "beside a lab"
}

# The report says what it should; "$@" are further options of compare.
good() {
    run "$nsmon" compare --db $db --check "$@"
}

# Three ports, two of them captured: what came in at the third is in no truth, and no exporter is to blame.
case_partial() {
    make_bridge 3
    run "$nsmon" attach br0 $truths --sampling 1 --db $db
    traffic
    run ip netns exec h3 ping -q -c 5 -i 0.1 10.9.0.1
    refuse 1 "attached" "$nsmon" traffic quick
    run "$nsmon" detach
    good
    run "$nsmon" report --db $db
    grep -q "Not every port of the switch was captured (.*p3" $out/last || fail "not said that p3 was not captured"
    grep -Eq "^p3>switch +switch_in +[5-9] " $out/last || fail "p3's frames are not counted"
    run "$nsmon" report --db $db --format json
    python3 - $out/last <<'PY' >$out/log 2>&1 || fail "what came in at p3 is compared: $(cat $out/log)"
import json, sys
flows = json.load(open(sys.argv[1]))["flows"]
assert any(flow["src"] == "10.9.0.1" and flow["dst"] == "10.9.0.3" and flow["truth"]["packets"] == 5 for flow in flows)
assert all(flow["truth"]["packets"] == 0 and not any(said and said["packets"] for said in flow["sources"].values())
           for flow in flows if flow["src"] == "10.9.0.3"), [flow for flow in flows if flow["src"] == "10.9.0.3"]
PY
}

# The host's own end of the bridge: what leaves br0 goes into the switch.
case_internal() {
    make_bridge 1
    sysctl -qw net.ipv6.conf.br0.disable_ipv6=1 || skip "can't turn IPv6 off"
    ip link set br0 up
    ip addr add 10.9.0.9/24 dev br0
    run ping -q -c 1 10.9.0.1
    ip neigh replace 10.9.0.1 dev br0 nud permanent lladdr "$(mac -n h1 eth0)"
    ip -n h1 neigh replace 10.9.0.9 dev eth0 nud permanent lladdr "$(mac br0)"
    run "$nsmon" attach br0 --truth br0 --truth p1 --sampling 1 --db $db
    run ping -q -c 5 -i 0.1 10.9.0.1
    run ping -q -c 5 -i 0.1 -s 700 10.9.0.1
    run "$nsmon" detach
    exact
    good
    is "$(sqlite3 $db "SELECT group_concat(name || ' ' || role) FROM (SELECT * FROM capture ORDER BY name)")" \
        "br0 station,p1 port"
    is "$(sqlite3 $db "SELECT packets FROM stage WHERE direction = 'br0>switch' AND stage = 'switch_in' AND packets >= 10")" \
        "$(sqlite3 $db "SELECT sum(packets) FROM v_truth WHERE capture = 'br0' AND direction = 'out'")"
}

# More than the switch's packet socket holds: how much was lost there is known to the frame, and nobody is blamed.
case_burst() {
    make_bridge 2
    run "$nsmon" attach br0 $truths --sampling 1 --db $db
    h1 python3 - <<'PY'
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(20000):
    s.sendto(b"x" * 400, ("10.9.0.2", 9))
PY
    sleep 1
    run "$nsmon" detach
    exact
    lost=$(sed -n 's/^lost before the switch: //p' $out/last)
    [ "$lost" -gt 100 ] || skip "this machine is too quick: only $lost frames were lost"
    good
}

case_$case
