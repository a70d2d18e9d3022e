#!/usr/bin/env python3
"""Holds the datagrams in a capture at the sender's link against the send times in them.

Usage: txtime_check.py FILE EXPRESSION...: each EXPRESSION is Python that must be true of 'n', how many datagrams there are;
'early', 'p50', 'p99' and 'late', by how many us they left after their send times, the earliest, the quantiles and the
latest; and 'steps', by flow, the sorted times from one to the next datagram in ns.  Exits with 0 or 1.
"""
import struct
import sys

MAGIC = 0x6E736D75
FIRST_SPECIAL = 0xFFFFFFFE  # flow numbers of greetings and proofs: common/greeting.h, traffic/wire.h


def udp_payload(frame):
    """The payload of a UDP datagram in an Ethernet frame, or nothing."""
    kind = struct.unpack_from(">H", frame, 12)[0]
    if kind == 0x0800 and frame[23] == 17:
        return frame[14 + (frame[14] & 15) * 4 + 8:]
    if kind == 0x86DD and frame[20] == 17:
        return frame[14 + 40 + 8:]
    return b""


def datagrams(path):
    """When they left, flow, number and send time of the datagrams in a capture with nanoseconds."""
    with open(path, "rb") as file:
        data = file.read()
    order = "<" if data[:4] == b"\x4d\x3c\xb2\xa1" else ">"
    if struct.unpack_from(order + "I", data)[0] != 0xA1B23C4D:
        sys.exit(f"{path} is no capture with nanoseconds")
    at = 24
    while at + 16 <= len(data):
        seconds, nanoseconds, size, _ = struct.unpack_from(order + "IIII", data, at)
        payload = udp_payload(data[at + 16:at + 16 + size])
        at += 16 + size
        if len(payload) >= 32:
            magic, _, flow, number, sent = struct.unpack_from(">IQIQq", payload)
            if magic == MAGIC and flow < FIRST_SPECIAL:
                yield seconds * 1000000000 + nanoseconds, flow, number, sent


def main():
    late, flows = [], {}
    for left, flow, number, sent in datagrams(sys.argv[1]):
        late.append((left - sent) / 1e3)
        flows.setdefault(flow, []).append((number, sent))
    late.sort()
    steps = {}
    for flow, sent in flows.items():
        sent.sort()
        steps[flow] = sorted(sent[i + 1][1] - sent[i][1] for i in range(len(sent) - 1))
    names = {"n": len(late), "steps": steps}
    if late:
        names |= {"early": late[0], "late": late[-1], "p50": late[len(late) // 2], "p99": late[len(late) * 99 // 100]}
    print({name: round(value, 1) for name, value in names.items() if name != "steps"})
    for expression in sys.argv[2:]:
        if not eval(expression, names):  # the test's own words
            print("not so:", expression)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
