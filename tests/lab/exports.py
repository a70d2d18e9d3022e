"""Exports for lab tests: exports.py WHAT ... sends datagrams to 127.0.0.1, or looks at what became of them."""
import collections
import random
import socket
import sqlite3
import struct
import sys
import time


def sender(port=0, address="127.0.0.1"):
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    out.bind((address, port))
    return out


# IPFIX by hand: source and destination address, ports, protocol, octets, packets.
FIELDS = [(8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (1, 8), (2, 8)]


def message(sequence, *sets):
    body = b"".join(struct.pack("!HH", kind, 4 + len(data)) + data for kind, data in sets)
    return struct.pack("!HHIII", 10, 16 + len(body), int(time.time()), sequence, 7) + body


def template(number=256, fields=None):
    fields = FIELDS if fields is None else fields
    return 2, struct.pack("!HH", number, len(fields)) + b"".join(struct.pack("!HH", *field) for field in fields)


def record(number):
    return struct.pack("!4s4sHHBQQ", socket.inet_aton("192.0.2.1"), socket.inet_aton("198.51.100.1"), 1000 + number, 53,
                       17, 100 + number, 1)


def ipfix(port, source, *what):
    """Sends one message for each word: 'template', 'withdraw', 'withdraw-all', or the number of a data record."""
    with sender(int(source)) as out:
        for sequence, word in enumerate(what):
            sets = {"template": template(), "withdraw": template(256, []), "withdraw-all": template(2, [])}
            one = sets[word] if word in sets else (256, record(int(word)))
            out.sendto(message(sequence, one), ("127.0.0.1", int(port)))


def flood(port, count):
    """Sends that many data records, slowly enough that no receive buffer overflows."""
    with sender() as out:
        out.sendto(message(0, template()), ("127.0.0.1", int(port)))
        for number in range(int(count)):
            out.sendto(message(number, (256, record(number % 60000))), ("127.0.0.1", int(port)))
            time.sleep(0.0005)


def from_address(port, address):
    with sender(0, address) as out:
        out.sendto(message(0, template(), (256, record(1))), ("127.0.0.1", int(port)))


def payloads(path):
    """The UDP payloads of a pcap file of Ethernet frames, IPv4 without options, in order."""
    with open(path, "rb") as file:
        data = file.read()
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    at = 24
    while at + 16 <= len(data):
        size = struct.unpack(order + "I", data[at + 8:at + 12])[0]
        frame = data[at + 16:at + 16 + size]
        at += 16 + size
        if frame[12:14] == b"\x08\x00" and frame[23] == 17:
            source, _, length = struct.unpack("!HHH", frame[34:40])
            yield source, frame[42:34 + length]


HEADERS = {5: 24, 9: 20, 10: 16}


def mutations(data, dice):
    """Broken forms of the datagram 'data'."""
    version = struct.unpack("!H", data[:2])[0]
    header = HEADERS.get(version, 28)
    count_at = (2, "!H") if version in HEADERS else (24, "!I")
    for _ in range(8):
        yield "truncated", data[:dice.randrange(len(data))]
    for pad in (b"\0" * 7, b"\xff" * 9, bytes(dice.randrange(256) for _ in range(33))):
        yield "padded", data + pad
    size = struct.calcsize(count_at[1])
    for lie in (0, 1, 0x7fff, 0xffff, dice.randrange(0xffff)):
        yield "lying", data[:count_at[0]] + struct.pack(count_at[1], lie) + data[count_at[0] + size:]
    yield "zeroed", bytes(len(data))
    yield "zeroed", data[:header] + bytes(max(0, len(data) - header))


def hostile(port, *paths):
    """Sends each datagram of the captures as it is, and then broken in many ways, each capture from one address."""
    dice = random.Random(1)
    counts = collections.Counter()
    for number, path in enumerate(paths):
        outs = {}
        for source, data in payloads(path):
            if source not in outs:
                outs[source] = sender(0, f"127.1.{number >> 8}.{number & 255}")
            for kind, broken in [("whole", data), *mutations(data, dice)]:
                outs[source].sendto(broken, ("127.0.0.1", int(port)))
                counts[kind] += 1
            time.sleep(0.005)
        for out in outs.values():
            out.close()
    print(len(paths), "captures:", dict(counts))


ROWS = {"flow_record": "SELECT DISTINCT proto, src, sport, dst, dport, packets, bytes FROM v_flow_record",
        "sflow_sample": "SELECT DISTINCT proto, src, sport, dst, dport, sampling_rate, frame_bytes FROM v_sflow_sample"}


def same_rows(got, want):
    """Every row of the first database is one of the second: what is broken gives no row that was never said."""
    got, want = sqlite3.connect(got), sqlite3.connect(want)
    for table, sql in ROWS.items():
        rows, said = set(got.execute(sql)), set(want.execute(sql))
        print(table, len(rows), "rows, of", len(said))
        if not rows or rows - said:
            sys.exit(f"FAILED: {table} has {len(rows - said)} rows that nobody said: {sorted(map(str, rows - said))[:5]}")


def notify(path, seconds):
    """Prints what comes to the socket 'path', '@...' for an abstract one, for so long."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listening.bind("\0" + path[1:] if path[0] == "@" else path)
    listening.settimeout(0.2)
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        try:
            print(listening.recv(4096).decode(), flush=True)
        except socket.timeout:
            pass


CASES = {"ipfix": ipfix, "flood": flood, "from": from_address, "hostile": hostile, "rows": same_rows, "notify": notify}
CASES[sys.argv[1]](*sys.argv[2:])
