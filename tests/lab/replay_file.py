#!/usr/bin/env python3
"""Makes a capture file for replay.sh, with structs of its own: replay_file.py KIND FILE.

KIND is 'mixed' (pcapng: all that Ethernet carries, at a hundred frames a second), 'long' (mixed, and frames that no MTU
of a lab takes), 'cooked', 'raw' (pcap of these link types), or 'slow' (a frame a second)."""
import struct
import sys

STATION, OTHER = bytes.fromhex("0a0b0c0d0e01"), bytes.fromhex("0a0b0c0d0e02")
BROADCAST = b"\xff" * 6
FIRST_NS = 1_700_000_000_000_000_000


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff


def address(text):
    return bytes(int(part) for part in text.split("."))


def ipv4(protocol, src, dst, payload, number=1, fragment=0):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), number, fragment, 64, protocol, 0, address(src),
                       address(dst))
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ipv6(protocol, src, dst, payload):
    return struct.pack("!IHBB16s16s", 6 << 28, len(payload), protocol, 64, bytes.fromhex(src), bytes.fromhex(dst)) + payload


def udp(sport, dport, size):
    return struct.pack("!HHHH", sport, dport, 8 + size, 0) + bytes(size)


def tcp(sport, dport, flags, size=0):
    return struct.pack("!HHIIBBHHH", sport, dport, 1, 0, 5 << 4, flags, 1000, 0, 0) + bytes(size)


def ethernet(dst, ethertype, payload, tag=b""):
    return dst + STATION + tag + struct.pack("!H", ethertype) + payload


def mixed(address2="10.0.0.2"):
    """What the receiving host would answer, were its stack to see it, and what else there is."""
    arp = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, STATION, address("10.0.0.9"), bytes(6), address(address2))
    ping = struct.pack("!BBHHH", 8, 0, 0, 7, 1) + bytes(48)
    six1, six2 = "fd006e736d6f006e0000000000000001", "fd006e736d6f006e0000000000000002"
    tag = struct.pack("!HH", 0x8100, 42)
    yield ethernet(BROADCAST, 0x0806, arp)
    for i in range(20):
        yield ethernet(OTHER, 0x0800, ipv4(6, "10.0.0.1", address2, tcp(30000 + i, 4444, 2), i + 1))
        yield ethernet(OTHER, 0x0800, ipv4(17, "10.0.0.1", address2, udp(31000 + i % 3, 5555, 40 * i), 100 + i))
        yield ethernet(OTHER, 0x0800, ipv4(17, "192.0.2.7", "198.51.100.8", udp(53, 40000, 1472), 200 + i))
        yield ethernet(OTHER, 0x86dd, ipv6(17, six1, six2, udp(31006, 5556, 100)))
    yield ethernet(OTHER, 0x0800, ipv4(1, "10.0.0.1", address2, ping))
    yield ethernet(OTHER, 0x0800, ipv4(17, "192.0.2.7", "198.51.100.8", udp(9, 9, 1472), 300), tag)  # 1518 bytes
    yield ethernet(OTHER, 0x0800, ipv4(17, "192.0.2.7", "198.51.100.8", udp(54, 40001, 1000)[:800], 400, 0x2000))
    yield ethernet(OTHER, 0x0800, ipv4(17, "192.0.2.7", "198.51.100.8", bytes(208), 400, 100))
    yield ethernet(bytes.fromhex("01005e010203"), 0x0800, ipv4(17, "192.0.2.7", "224.1.2.3", udp(1, 2, 10)))
    yield ethernet(BROADCAST, 0x0800, ipv4(17, "192.0.2.7", "255.255.255.255", udp(68, 67, 10)))


def pcapng(frames, gap_ns):
    def block(kind, body):
        body += b"\0" * (-len(body) % 4)
        return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)
    yield block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1))
    yield block(1, struct.pack("<HHI", 1, 0, 0) + struct.pack("<HHBxxxHH", 9, 1, 9, 0, 0))
    for i, frame in enumerate(frames):
        at = FIRST_NS + i * gap_ns
        yield block(6, struct.pack("<IIIII", 0, at >> 32, at & 0xffffffff, len(frame), len(frame)) + frame)


def pcap(link_type, frames, gap_ns):
    yield struct.pack("<IHHiIII", 0xa1b23c4d, 2, 4, 0, 0, 65535, link_type)
    for i, frame in enumerate(frames):
        at = FIRST_NS + i * gap_ns
        yield struct.pack("<IIII", at // 10**9, at % 10**9, len(frame), len(frame)) + frame


def make(kind):
    frames = list(mixed())
    if kind == "mixed":
        return pcapng(frames, 10**7)
    if kind == "long":
        large = ethernet(OTHER, 0x0800, ipv4(6, "192.0.2.7", "198.51.100.8", tcp(1, 2, 16, 3000)))
        return pcapng(frames + [large, large, STATION], 10**6)
    if kind == "cooked":
        return pcap(113, [struct.pack("!HHH6sxx", 4, 1, 6, STATION) + frame[12:] for frame in frames if frame[12] == 8
                          or frame[12:14] == b"\x86\xdd"], 10**6)
    if kind == "raw":
        return pcap(101, [frame[14:] for frame in frames if frame[12:14] in (b"\x08\x00", b"\x86\xdd")], 10**6)
    return pcap(1, frames[1:31], 10**9)


with open(sys.argv[2], "wb") as file:
    file.write(b"".join(make(sys.argv[1])))
