"""Measures the endpoints of traffic/ beside iperf3, iperf, nuttcp and sockperf on a bare veth pair.

traffic.py BIN ROUNDS SECONDS [BENCH...]: called by traffic.sh within namespaces of its own, with ns "a" (10.9.0.1) and
"b" (10.9.0.2).  Each tool takes its turn in each round; what is printed are medians over the rounds and the ratios
of nsmon to each peer.  Nothing passes or fails by time.
"""

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time

BIN, ROUNDS, SECONDS = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
WANTED = sys.argv[4:]
SERVER = "10.9.0.2"
PACE = 10000


def run(where, *words, check=True):
    done = subprocess.run(["ip", "netns", "exec", where, *map(str, words)], capture_output=True, text=True, timeout=120)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, words))}: {done.stderr.strip() or done.stdout.strip()[-200:]}")
    return done.stdout


def nsmon(protocol, **values):
    words = [f"{name}={value}" for name, value in values.items()]
    done = subprocess.run([f"{BIN}/traffic_bench", "/run/netns/a", "/run/netns/b", "10.9.0.1", SERVER, protocol,
                           f"seconds={SECONDS}", *words], capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise RuntimeError(f"nsmon: {done.stderr.strip()}")
    result = {name: float(value) for name, value in re.findall(r"(\w+)=(-?[\d.]+)(?=\s)", done.stdout)}
    if result["sent"] != result["received"] + result["lost"]:
        raise RuntimeError(f"nsmon: sent is not received plus lost: {done.stdout}")
    return result


def nsmon_rate(length, protocol, **values):
    result = nsmon(protocol, length=length, **values)
    return result["mbps"] * 1e6 if protocol == "tcp" or length > 1000 else result["pps"]


def iperf3(length, protocol):
    udp = ["-u", "-b", "0", "-l", length] if protocol == "udp" else []
    end = json.loads(run("a", "iperf3", "-c", SERVER, "-t", SECONDS, "-J", *udp))["end"]
    if protocol == "tcp":
        return end["sum_received"]["bits_per_second"]
    got = (end["sum"]["packets"] - end["sum"]["lost_packets"]) / end["sum"]["seconds"]
    return got * length * 8 if length > 1000 else got


def iperf(length, protocol):
    udp = ["-u", "-b", "100g", "-l", length] if protocol == "udp" else []
    text = run("a", "iperf", "-c", SERVER, "-t", SECONDS, "-f", "b", *udp)
    if protocol == "tcp":
        return float(re.findall(r"(\d+) bits/sec", text)[-1])
    lost, sent = re.findall(r"(\d+)/\s*(\d+) \(", text)[-1]
    got = (int(sent) - int(lost)) / SECONDS
    return got * length * 8 if length > 1000 else got


def nuttcp(length, protocol):
    udp = ["-u", "-R0", f"-l{length}"] if protocol == "udp" else []
    result = dict(re.findall(r"(\w+)=(\S+)", run("a", "nuttcp", "-fparse", "-p5301", f"-T{SECONDS}", *udp, SERVER)))
    if protocol == "tcp":
        return float(result["rate_Mbps"]) * 1e6
    got = (float(result["pkt"]) - float(result["drop"])) / float(result["real_seconds"])
    return got * length * 8 if length > 1000 else got


def measured(name, tool, *arguments, **values):
    """The tool's figure, or None, and why, when it gives none."""
    try:
        return tool(*arguments, **values)
    except (RuntimeError, ValueError, KeyError, IndexError, subprocess.TimeoutExpired) as failure:
        print(f"  {name}: {str(failure)[:150]}", file=sys.stderr)
        return None


def compare(title, unit, divisor, tools):
    """Runs 'tools', pairs of a name and a function, in turn, and prints medians; the first is nsmon."""
    rows = {name: [] for name, _ in tools}
    for _ in range(ROUNDS):
        for name, tool in tools:
            rows[name].append(measured(name, tool))
    print(f"{title} ({unit}, medians of {ROUNDS})")
    medians = {}
    for name, values in rows.items():
        values = [value for value in values if value]
        medians[name] = statistics.median(values) if values else None
        if not values:
            print(f"  {name:22} -")
            continue
        first = medians[tools[0][0]]
        ratio = "" if name == tools[0][0] or not first else f"  nsmon is {first / medians[name]:6.2f} times that"
        print(f"  {name:22} {medians[name] / divisor:12.2f}  ({min(values) / divisor:.2f} to "
              f"{max(values) / divisor:.2f}){ratio}")
    sys.stdout.flush()


def peers(length, protocol):
    tools = [("iperf3", iperf3), ("iperf", iperf), ("nuttcp", nuttcp)]
    return [(name, lambda tool=tool: tool(length, protocol)) for name, tool in tools if shutil.which(name)]


def udp64():
    compare("UDP, 64 bytes, as fast as it goes: received", "million datagrams/s", 1e6,
            [("nsmon", lambda: nsmon_rate(64, "udp"))] + peers(64, "udp"))


def udp1400():
    compare("UDP, 1,400 bytes, as fast as it goes: received", "Gbit/s of payload", 1e9,
            [("nsmon", lambda: nsmon_rate(1400, "udp"))] + peers(1400, "udp"))


def without_gso():
    for length in (64, 1400):
        compare(f"UDP, {length} bytes, nsmon without GSO: received",
                "million datagrams/s" if length == 64 else "Gbit/s of payload", 1e6 if length == 64 else 1e9,
                [("nsmon", lambda: nsmon_rate(length, "udp", gso=1)), ("iperf3", lambda: iperf3(length, "udp"))])


def tcp():
    compare("TCP, one stream: received", "Gbit/s of payload", 1e9,
            [("nsmon", lambda: nsmon_rate(64, "tcp"))] + peers(64, "tcp"))


def departures(name, send):
    """How far what 'send' sends is from its schedule, as a capture at the sender's link sees it."""
    path = f"/run/{name}.pcap"
    capture = subprocess.Popen(["ip", "netns", "exec", "a", "tcpdump", "-i", "v1", "--time-stamp-precision=nano", "-s",
                                "64", "-B", "32768", "-Z", "root", "-w", path, "udp"], stderr=subprocess.PIPE, text=True)
    capture.stderr.readline()  # "listening on"
    try:
        said = send()
    finally:
        time.sleep(0.5)
        capture.terminate()
        dropped = re.findall(r"(\d+) packets dropped by kernel", capture.communicate()[1])
    done = subprocess.run([f"{BIN}/departures", path, "src 10.9.0.1 and udp[4:2] = 72", str(PACE)],
                          capture_output=True, text=True, timeout=60)
    os.unlink(path)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    result = {key: float(value) for key, value in re.findall(r"(\w+)=(\S+)", done.stdout)}
    result["dropped"] = float(dropped[0]) if dropped else 0
    if isinstance(said, dict):
        result["cpu"] = said["client_cpu"] / SECONDS * 100
    return result


def has_fq():
    """True if the kernel has the qdisc fq, which keeps launch times."""
    return tc("add") and tc("del")


def tc(what):
    return subprocess.run(["tc", "-n", "a", "qdisc", what, "dev", "v1", "root", "fq"], capture_output=True,
                          check=False).returncode == 0


def nsmon_with_fq():
    """The same with the qdisc fq at the sender's link."""
    tc("add")
    try:
        return nsmon("udp", length=64, pps=PACE, txtime=1)
    finally:
        tc("del")


def pacing():
    """64 bytes at 10,000/s."""
    senders = [
        ("nsmon", lambda: nsmon("udp", length=64, pps=PACE)),
        *([("nsmon, launch times", nsmon_with_fq)] if has_fq() else []),
        ("sleep-and-spin 50 us", lambda: run("a", f"{BIN}/pace_bare", SERVER, 9, PACE, 64, SECONDS, 50)),
        ("sleep-and-spin 100 us", lambda: run("a", f"{BIN}/pace_bare", SERVER, 9, PACE, 64, SECONDS, 100)),
        ("iperf3", lambda: run("a", "iperf3", "-c", SERVER, "-u", "-l", 64, "-b", PACE * 64 * 8, "-t", SECONDS)),
        ("iperf3 timer 100 us", lambda: run("a", "iperf3", "-c", SERVER, "-u", "-l", 64, "-b", PACE * 64 * 8, "-t",
                                            SECONDS, "--pacing-timer", 100)),
    ]
    rows = {name: [] for name, _ in senders}
    for _ in range(ROUNDS):
        for name, send in senders:
            rows[name].append(measured(name, departures, name.replace(" ", "-"), send))
    print(f"Pacing at {PACE:,}/s: departures at the link after their schedule (us, medians of {ROUNDS})")
    print(f"  {'':22} {'p50':>9} {'p90':>9} {'p99':>9} {'p99.9':>9} {'mean rate off by':>18} {'processor':>11}")
    for name, values in rows.items():
        values = [value for value in values if value is not None]
        if values:
            middle = {key: statistics.median(value[key] for value in values) for key in values[0]}
            cpu = f"{middle['cpu']:9.1f} %" if "cpu" in middle else ""
            print(f"  {name:22} {middle['p50_us']:9.1f} {middle['p90_us']:9.1f} {middle['p99_us']:9.1f} "
                  f"{middle['p999_us']:9.1f} {abs(middle['pps'] / PACE - 1) * 100:16.4f} % {cpu}")
    sys.stdout.flush()


def delay():
    """nsmon's one-way delay beside half of sockperf's round trip."""
    rows = {"nsmon": [], "sockperf, round trip/2": []}
    for _ in range(ROUNDS):
        result = measured("nsmon", nsmon, "udp", length=64, pps=PACE)
        if result is not None:
            rows["nsmon"].append((result["owd_p50_us"], result["owd_p99_us"]))
        text = measured("sockperf", run, "a", "sockperf", "ping-pong", "-i", SERVER, "-p", 11111, "-m", 64, "-t", SECONDS,
                        "--mps", PACE)
        found = dict(re.findall(r"percentile (50|99)\.000 =\s+([\d.]+)", text or ""))
        if len(found) == 2:
            rows["sockperf, round trip/2"].append((float(found["50"]), float(found["99"])))
    print(f"One-way delay at {PACE:,}/s (us, medians of {ROUNDS})\n  {'':22} {'p50':>9} {'p99':>9}")
    for name, values in rows.items():
        if values:
            print(f"  {name:22} {statistics.median(v[0] for v in values):9.1f} "
                  f"{statistics.median(v[1] for v in values):9.1f}")
    sys.stdout.flush()


def requests():
    """One request after the other, each when the response to the one before has come, beside sockperf's ping-pong."""
    rows = {"nsmon": [], "sockperf": []}
    for _ in range(ROUNDS):
        result = measured("nsmon", nsmon, "udp", length=64, response=64)
        if result is not None:
            rows["nsmon"].append((result["responses"] / SECONDS, result["response_p50_us"], result["response_p99_us"]))
        text = measured("sockperf", run, "a", "sockperf", "ping-pong", "-i", SERVER, "-p", 11111, "-m", 64, "-t", SECONDS,
                        "--full-rtt") or ""
        found = dict(re.findall(r"percentile (50|99)\.000 =\s+([\d.]+)", text))
        count = re.findall(r"ReceivedMessages=(\d+)", text)
        if len(found) == 2 and count:
            rows["sockperf"].append((float(count[0]) / SECONDS, float(found["50"]), float(found["99"])))
    print(f"UDP, requests and responses of 64 bytes, one at a time (medians of {ROUNDS})\n"
          f"  {'':22} {'a second':>12} {'p50, us':>9} {'p99, us':>9}")
    for name, values in rows.items():
        if values:
            print(f"  {name:22} {statistics.median(v[0] for v in values):12.0f} "
                  f"{statistics.median(v[1] for v in values):9.1f} {statistics.median(v[2] for v in values):9.1f}")
    sys.stdout.flush()


def main():
    servers = [["iperf3", "-s"], ["iperf", "-s"], ["iperf", "-s", "-u"], ["nuttcp", "-S"],
               ["sockperf", "server", "-i", SERVER, "-p", "11111"]]
    running = [subprocess.Popen(["ip", "netns", "exec", "b", *words], stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL) for words in servers if shutil.which(words[0])]
    for _ in range(50):
        if subprocess.run(["ip", "netns", "exec", "a", "iperf3", "-c", SERVER, "-n", "1"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False).returncode == 0:
            break
        time.sleep(0.1)
    benches = {"udp64": udp64, "udp1400": udp1400, "nogso": without_gso, "tcp": tcp, "pacing": pacing, "delay": delay,
               "requests": requests}
    for name, bench in benches.items():
        if not WANTED or name in WANTED:
            bench()
    for server in running:
        server.terminate()


main()
