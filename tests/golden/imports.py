"""Imports captures of exports one by one and in other clothes: "imports.py NSMON FOLDER"."""
import pathlib
import re
import sqlite3
import struct
import subprocess
import sys
import tempfile

NSMON, EXPORTS = sys.argv[1], pathlib.Path(sys.argv[2])
ETHERNET, RAW, SLL, SLL2, NULL, PPP = 1, 101, 113, 276, 0, 9
failed = []


def frames(path):
    """The frames of a little-endian pcap file of microseconds: (seconds, microseconds, bytes)."""
    data = path.read_bytes()
    assert data[:4] == b"\xd4\xc3\xb2\xa1", path
    at = 24
    while at < len(data):
        seconds, micros, size, _ = struct.unpack("<IIII", data[at:at + 16])
        yield seconds, micros, data[at + 16:at + 16 + size]
        at += 16 + size


def run_import(database, *arguments, stdin=None):
    """The figures of an import, by their names."""
    done = subprocess.run([NSMON, "import", "--db", database, *arguments], stdin=stdin, stderr=subprocess.PIPE,
                          text=True, check=False)
    figures = {"status": done.returncode, "text": done.stderr}
    for name, pattern in (("exports", r"exports: (\d+) datagrams"), ("records", r"(\d+) records and samples"),
                          ("with", r"datagrams: (\d+) with records"), ("templates", r"(\d+) with templates alone"),
                          ("waiting", r"(\d+) without their template"), ("empty", r"(\d+) empty"),
                          ("twice", r"(\d+) twice"), ("malformed", r"twice, (\d+) malformed"),
                          ("else", r"(\d+) of something else"), ("frames", r"frames: (\d+), "),
                          ("others", r"(\d+) without a UDP"), ("fragments", r"(\d+) IP fragments"),
                          ("made", r"made (\d+) datagrams")):
        found = re.search(pattern, done.stderr)
        figures[name] = int(found.group(1)) if found else -1
    return figures


def check(name, good, figures):
    if not good:
        failed.append(name)
        print(f"FAILED: {name}: {figures['text']}")


def add_up(name, figures, count):
    outcomes = ("with", "templates", "waiting", "empty", "twice", "malformed", "else")
    total = sum(figures[outcome] for outcome in outcomes)
    check(f"{name}: status 0", figures["status"] == 0, figures)
    check(f"{name}: {count} frames", figures["frames"] == count, figures)
    check(f"{name}: every frame is counted", total + figures["others"] == count, figures)
    check(f"{name}: every export is counted", total - figures["else"] == figures["exports"], figures)


def rows(database):
    """What was imported into a database, whatever the exporters' addresses."""
    with sqlite3.connect(database) as connection:
        return (connection.execute("SELECT src, sport, dst, dport, packets, bytes, start_ns, end_ns, sampling_rate "
                                   "FROM v_flow_record ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9").fetchall(),
                connection.execute("SELECT src, dst, sampling_rate, frame_bytes FROM v_sflow_sample "
                                   "ORDER BY 1, 2, 3, 4").fetchall(),
                connection.execute("SELECT count(*) FROM counter_sample").fetchall())


def write_pcap(path, link, packets, magic=0xa1b2c3d4, order="<"):
    with open(path, "wb") as out:
        out.write(struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, link))
        for seconds, micros, data in packets:
            fraction = micros * 1000 if magic == 0xa1b23c4d else micros
            out.write(struct.pack(order + "IIII", seconds, fraction, len(data), len(data)) + data)


def block(kind, body):
    body += b"\0" * (-len(body) % 4)
    size = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + size + body + size


def write_pcapng(path, packets, interfaces):
    """Interfaces (link type, snaplen, exponent of 10 or None) in turn, each with its own clock."""
    with open(path, "wb") as out:
        out.write(block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)))
        for link, snaplen, exponent, _ in interfaces:
            option = b"" if exponent is None else struct.pack("<HHB3xHH", 9, 1, exponent, 0, 0)
            out.write(block(1, struct.pack("<HHI", link, 0, snaplen) + option))
        for number, (seconds, micros, data) in enumerate(packets):
            at = number % len(interfaces)
            exponent = interfaces[at][2]
            stamp = (seconds * 1000000 + micros) * 10 ** ((6 if exponent is None else exponent) - 6)
            data = interfaces[at][3](data)
            out.write(block(6, struct.pack("<IIIII", at, stamp >> 32, stamp & 0xffffffff, len(data), len(data)) + data))


def header(size, protocol, ident=0, fragment=0):
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, size + 20, ident, fragment, 64, protocol, 0, b"\x0a\0\0\1",
                       b"\x0a\0\0\2")


def as_ipv6(frame, fragment=b"", upper=None):
    ip = frame[14:]
    upper = ip[(ip[0] & 15) * 4:] if upper is None else upper
    return struct.pack(">IHBB", 0x60000000, len(fragment + upper), 44 if fragment else 17, 64) + \
        b"\xfd" + b"\0" * 14 + b"\1" + b"\xfd" + b"\0" * 14 + b"\2" + fragment + upper


def cut_ipv4(number, frame):
    upper = frame[14 + (frame[14] & 15) * 4:]
    step = max(8, len(upper) // 3 // 8 * 8)
    pieces = [(at, upper[at:at + step]) for at in range(0, len(upper), step)]
    pieces.reverse()  # the last comes first
    return [frame[:14] + header(len(data), 17, number, at // 8 | (0x2000 if at + step < len(upper) else 0)) + data
            for at, data in pieces]


def cut_ipv6(number, frame):
    upper = frame[14 + (frame[14] & 15) * 4:]
    step = max(8, len(upper) // 2 // 8 * 8)
    return [frame[:12] + b"\x86\xdd" + as_ipv6(frame, struct.pack(">BBHI", 17, 0, at | (at + step < len(upper)), number),
                                               upper[at:at + step]) for at in range(0, len(upper), step)]


CLOTHES = {
    "a VLAN tag": (ETHERNET, lambda f: f[:12] + b"\x81\0\0\x05" + f[12:]),
    "two VLAN tags": (ETHERNET, lambda f: f[:12] + b"\x88\xa8\0\x05\x81\0\0\x06" + f[12:]),
    "raw IP": (RAW, lambda f: f[14:]),
    "Linux cooked": (SLL, lambda f: struct.pack(">HHH8sH", 0, 1, 6, b"", 0x800) + f[14:]),
    "Linux cooked with a tag": (SLL, lambda f: struct.pack(">HHH8sHHH", 0, 1, 6, b"", 0x8100, 5, 0x800) + f[14:]),
    "Linux cooked 2": (SLL2, lambda f: struct.pack(">HHIHBB8s", 0x800, 0, 1, 1, 0, 6, b"") + f[14:]),
    "loopback": (NULL, lambda f: struct.pack("<I", 2) + f[14:]),
    "PPP": (PPP, lambda f: b"\xff\x03\0\x21" + f[14:]),
    "IPv6": (ETHERNET, lambda f: f[:12] + b"\x86\xdd" + as_ipv6(f)),
    "GRE": (ETHERNET, lambda f: f[:14] + header(len(f) - 10, 47) + b"\0\0\x08\0" + f[14:]),
    "VXLAN": (ETHERNET, lambda f: f[:14] + header(len(f) + 16, 17) +
              struct.pack(">HHHHII", 5, 4789, len(f) + 16, 0, 0x08000000, 0x500) + f),
    "MPLS": (ETHERNET, lambda f: f[:12] + b"\x88\x47\0\x01\x01\x40" + f[14:]),
}


def check_clothes(folder, path):
    packets = list(frames(path))
    plain = folder + "/plain.db"
    run_import(plain, str(path))
    want = rows(plain)
    cases = {name: (link, [(s, u, dress(f)) for s, u, f in packets]) for name, (link, dress) in CLOTHES.items()}
    cases["IPv4 fragments"] = (ETHERNET, [(s, u, piece) for n, (s, u, f) in enumerate(packets)
                                          for piece in cut_ipv4(n, f)])
    cases["IPv6 fragments"] = (ETHERNET, [(s, u, piece) for n, (s, u, f) in enumerate(packets)
                                          for piece in cut_ipv6(n, f)])
    for name, (link, dressed) in cases.items():
        write_pcap(folder + "/dressed.pcap", link, dressed)
        database = f"{folder}/{name}.db"
        figures = run_import(database, folder + "/dressed.pcap")
        add_up(f"{path.stem} as {name}", figures, len(dressed))
        check(f"{path.stem} as {name}: the same rows", rows(database) == want, figures)
    check_formats(folder, path, packets, want)


def check_formats(folder, path, packets, want):
    same = (ETHERNET, 262144, None, lambda f: f)
    nano = (ETHERNET, 262144, 9, lambda f: f)
    short = (ETHERNET, 65535, 6, lambda f: f)
    raw = (RAW, 262144, 9, lambda f: f[14:])
    for name, write in {
            "big-endian nanoseconds": lambda out: write_pcap(out, ETHERNET, packets, 0xa1b23c4d, ">"),
            "pcapng of two clocks": lambda out: write_pcapng(out, packets, [same, nano]),
            "pcapng of two snapshot lengths": lambda out: write_pcapng(out, packets, [same, short]),
            "pcapng of two link types": lambda out: write_pcapng(out, packets, [nano, raw])}.items():
        out = folder + "/format"
        write(out)
        for database, source in ((f"{folder}/{name}.db", out), (f"{folder}/{name} pipe.db", "-")):
            with subprocess.Popen(["cat", out], stdout=subprocess.PIPE) as cat:
                figures = run_import(database, source, stdin=cat.stdout)
            add_up(f"{path.stem} as {name} from {source}", figures, len(packets))
            check(f"{path.stem} as {name} from {source}: the same rows", rows(database) == want, figures)


def check_unreadable(folder):
    """What can't be read ends with status 1 and says why."""
    frame = next(iter(frames(EXPORTS / "nf5.pcap")))
    write_pcap(folder + "/wifi.pcap", 105, [frame])
    result = run_import(folder + "/unreadable.db", folder + "/wifi.pcap")
    check("a link type that is not read", result["status"] == 1 and "IEEE802_11" in result["text"], result)
    write_pcapng(folder + "/cut.pcapng", [frame] * 3, [(ETHERNET, 0, None, lambda f: f)])
    data = pathlib.Path(folder + "/cut.pcapng").read_bytes()
    for size in range(28, len(data), 97):
        pathlib.Path(folder + "/cut.pcapng").write_bytes(data[:size])
        result = run_import(folder + "/unreadable.db", folder + "/cut.pcapng")
        check(f"pcapng cut at {size}", result["status"] in (0, 1), result)
    check("pcapng that is cut off", result["status"] == 0 and "as far as it goes" in result["text"], result)


with tempfile.TemporaryDirectory() as work:
    check_unreadable(work)
    captures = sorted(EXPORTS.glob("*.pcap"))
    for capture in captures:
        count = len(list(frames(capture)))
        result = run_import(work + "/all.db", str(capture))
        add_up(capture.stem, result, count)
    together = run_import(work + "/together.db", "--keep-unknown", *map(str, captures))
    add_up("all at once", together, sum(len(list(frames(capture))) for capture in captures))
    for example in ("nf9_cisco_asr9k", "ovs_sflow5", "ipfix_netscaler"):
        with tempfile.TemporaryDirectory() as clothes:
            check_clothes(clothes, EXPORTS / f"{example}.pcap")
print(f"{len(captures)} captures; together {together['text'].strip()}")
sys.exit(1 if failed else 0)
