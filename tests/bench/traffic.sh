#!/bin/sh
# The endpoints of traffic/ beside iperf3, iperf, nuttcp and sockperf, on a bare veth pair:
#
#   a: v1 10.9.0.1 ═══ v2 10.9.0.2 :b
#
# traffic.sh BIN [ROUNDS] [SECONDS] [BENCH...]; BIN is where traffic_bench and the others lie, a bench is one of udp64,
# udp1400, nogso, tcp, pacing, delay, requests.  Prints medians and ratios; no time makes it fail.  Where the kernel has the qdisc fq,
# pacing is measured with launch times, too; "NSMON_VM_KERNEL=... tests/lab/vm.sh sh tests/bench/traffic.sh BIN 3 2 pacing"
# brings a kernel that has it.
. "$(dirname "$0")/../lab/lib.sh"
isolate "$0" "$@"
need python3 tcpdump iperf3 iperf nuttcp sockperf
for name in a b; do
    ip netns add $name || skip "can't make namespaces"
    ip -n $name link set lo up
done
ip link add v1 netns a type veth peer name v2 netns b || skip "can't make a veth pair"
ip -n a address add 10.9.0.1/24 dev v1
ip -n b address add 10.9.0.2/24 dev v2
ip -n a link set v1 up
ip -n b link set v2 up
bin=$1
rounds=${2:-3}
seconds=${3:-2}
[ $# -le 3 ] && shift $# || shift 3
exec python3 "$(dirname "$0")/traffic.py" "$bin" "$rounds" "$seconds" "$@"
