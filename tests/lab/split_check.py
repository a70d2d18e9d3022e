"""Holds the times in the table traffic_stamp against capture files of both taps, read here by themselves.

split_check.py DATABASE TAP1 TAP2: for every datagram the same times to the microsecond that a capture file keeps, and
p50 and p99 from tap to tap within 5 microseconds."""
import sqlite3
import struct
import sys

MAGIC = b"nsmu"


def read_pcap(path):
    """(source port, flow, sequence, sent) of each datagram of nsmon's, and when it was there, first come first."""
    data = open(path, "rb").read()
    magic = struct.unpack("<I", data[:4])[0]
    unit = {0xA1B23C4D: 1, 0xA1B2C3D4: 1000}[magic]
    at, times = 24, {}
    while at < len(data):
        seconds, part, size, _ = struct.unpack("<IIII", data[at:at + 16])
        frame = data[at + 16:at + 16 + size]
        at += 16 + size
        offset = frame.find(MAGIC)
        if offset < 0 or len(frame) < offset + 32:
            continue
        run, flow, sequence, sent = struct.unpack(">QIQq", frame[offset + 4:offset + 32])
        times.setdefault((run, flow, sequence, sent), seconds * 10**9 + part * unit)
    return times, unit


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def main():
    database, first, second = sys.argv[1:]
    (one, unit), (other, _) = read_pcap(first), read_pcap(second)
    rows = sqlite3.connect(database).execute(
        "SELECT number, sequence, sent_ns, tap_out_ns, tap_in_ns FROM traffic_stamp").fetchall()
    wire = {}
    for run, flow, sequence, sent in one:
        wire[(flow, sequence, sent)] = (run, flow, sequence, sent)
    for run, flow, sequence, sent in other:
        wire.setdefault((flow, sequence, sent), (run, flow, sequence, sent))
    differences, ours, theirs = [], [], []
    for number, sequence, sent, tap_out, tap_in in rows:
        key = wire[(number, sequence, sent)]
        a, b = one[key], other[key]
        a, b = min(a, b), max(a, b)  # voice goes both ways
        differences += [abs(tap_out - a), abs(tap_in - b)]
        ours.append(tap_in - tap_out)
        theirs.append(b - a)
    assert rows and max(differences) <= max(unit, 1000), f"times differ by up to {max(differences)} ns"
    for share in (0.5, 0.99):
        apart = abs(quantile(ours, share) - quantile(theirs, share))
        assert apart <= 5000, f"p{100 * share:g} from tap to tap differs by {apart} ns"
        print(f"p{100 * share:g} from tap to tap: {quantile(ours, share)} ns, captures say {quantile(theirs, share)} ns")
    print(f"{len(rows)} datagrams; times differ by at most {max(differences)} ns")


main()
