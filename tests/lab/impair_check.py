"""Holds a session with impairments against its endpoints: impair_check.py DATABASE CHECK..., each check a word and
its arguments, in order.

every KIND N   so many of the endpoints' datagrams, exactly as many as the ledger says, every N-th of them
share KIND P   likewise, and about the share P
sum loss       the endpoints miss as many datagrams as were dropped on purpose
whole          nothing is lost
delay MS       the median of the one-way delay is within 1 ms of it, in each flow
truth          each exporter says what the taps sent, whatever happened behind the switch
rows WORDS...  the ledger has these rows, "DIRECTION STAGE", of more than no packets
pcap A B       the frames that either tap sent came to the other as they were
"""
import collections
import math
import socket
import sqlite3
import struct
import sys

sys.dont_write_bytecode = True
import check

STAGES = {"loss": "%impaired_loss", "duplicate": "switch_out_impaired_duplicate",
          "reorder": "switch_out_impaired_reorder"}
COLUMNS = {"loss": "lost", "duplicate": "duplicated", "reorder": "reordered"}


def fail(text):
    print("FAILED:", text)
    sys.exit(1)


def one(db, sql, *values):
    return db.execute(sql, values).fetchone()[0]


def counted(db, kind):
    """What the endpoints of UDP flows counted, and what the ledger says was done to UDP datagrams."""
    measured = one(db, f"SELECT sum({COLUMNS[kind]}) FROM traffic_flow")
    injected = one(db, "SELECT sum(packets) FROM stage WHERE stage LIKE ? AND direction = 'ns1>ns2' "
                       "AND source LIKE '%UDP datagrams%'", STAGES[kind])
    print(f"{kind}: injected {injected}, measured {measured}")
    if injected is None or measured != injected:
        fail(f"{kind}: the ledger says {injected}, the endpoints measured {measured}")
    return injected


def sent(db):
    return one(db, "SELECT sum(sent_packets) FROM traffic_flow")


def check_every(db, kind, every):
    injected = counted(db, kind)
    wanted = sent(db) // int(every)
    # The last datagrams of a flow may have none behind them that could pass.
    missing = one(db, "SELECT count(*) FROM traffic_flow WHERE lost IS NOT NULL") if kind == "reorder" else 0
    print(f"every {every}th of {sent(db)} is {wanted}")
    if not wanted - missing <= injected <= wanted or injected == 0:
        fail(f"{kind}: {injected} of {sent(db)}, not every {every}th")


def check_share(db, kind, share):
    injected, share, total = counted(db, kind), float(share), sent(db)
    if abs(injected - total * share) > 5 * math.sqrt(total * share * (1 - share)) + 5:
        fail(f"{kind}: {injected} of {total} is not {share}")


def check_delay(db, wanted):
    delays = [row[0] / 1e6 for row in db.execute("SELECT owd_p50_ns FROM traffic_flow WHERE owd_p50_ns IS NOT NULL")]
    print("medians of the one-way delay, ms:", " ".join(f"{delay:.3f}" for delay in delays))
    if not delays or any(abs(delay - float(wanted)) > 1 for delay in delays):
        fail(f"not all are within 1 ms of {wanted} ms")


def check_truth(database):
    """All that a tap sent the switch took in: nothing is impaired before it."""
    check.check_exact_by_sql(database, direction=0)


def check_rows(db, words):
    for word in words:
        direction, stage = word.split()
        if not one(db, "SELECT sum(packets) FROM stage WHERE direction = ? AND stage = ?", direction, stage):
            fail(f"no {stage} of {direction}")


# A multicast group of nobody's, so that the switch floods it; experimental EtherTypes (IEEE 802, 9.2.3).
GROUP = bytes.fromhex("03006e736d6f")


def test_frames():
    source = bytes.fromhex("02006e736d6f")
    for length in (46, 100, 1500, 8990):
        body = bytes(i * 7 % 251 for i in range(length))
        yield GROUP + source + struct.pack("!H", 0x88b5) + body
        yield GROUP + source + struct.pack("!HHH", 0x8100, 0xa00a, 0x88b5) + body
        yield GROUP + source + struct.pack("!HHHHH", 0x88a8, 5, 0x8100, 6, 0x88b6) + body


def send(name):
    sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sender.bind((name, 0))
    for frame in test_frames():
        sender.send(frame)


def read_pcap(path):
    """The frames of a file of nanoseconds as nsmon writes it, as a multiset."""
    with open(path, "rb") as file:
        data = file.read()
    order = "<" if data[:4] in (b"\x4d\x3c\xb2\xa1", b"\xd4\xc3\xb2\xa1") else ">"
    frames, at = collections.Counter(), 24
    while at + 16 <= len(data):
        captured, length = struct.unpack(order + "II", data[at + 8:at + 16])
        frames[(length, data[at + 16:at + 16 + captured])] += 1
        at += 16 + captured
    return frames


def check_pcap(first, second):
    one_end, other = read_pcap(first), read_pcap(second)
    if one_end != other:
        for (length, frame), count in list((one_end - other).items())[:5]:
            print("only at the first:", count, length, frame[:64].hex())
        for (length, frame), count in list((other - one_end).items())[:5]:
            print("only at the second:", count, length, frame[:64].hex())
        fail("the taps saw different frames")
    tests = [frame for (_, frame), count in one_end.items() if frame[:6] == GROUP and count == 2]
    print(sum(one_end.values()), "frames,", len(tests), "kinds of test frame, as they were")
    if len(tests) != len(list(test_frames())):
        fail("not every test frame crossed both ways")


def main():
    db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True) if sys.argv[1] != "-" else None
    words = collections.deque(sys.argv[2:])
    while words:
        word = words.popleft()
        if word == "every":
            check_every(db, words.popleft(), words.popleft())
        elif word == "share":
            check_share(db, words.popleft(), words.popleft())
        elif word == "sum":
            counted(db, words.popleft())
        elif word == "whole":
            if one(db, "SELECT sum(lost) FROM traffic_flow") != 0:
                fail("something is lost")
        elif word == "delay":
            check_delay(db, words.popleft())
        elif word == "truth":
            check_truth(sys.argv[1])
        elif word == "rows":
            check_rows(db, list(words))
            words.clear()
        elif word == "pcap":
            check_pcap(words.popleft(), words.popleft())
        elif word == "send":
            send(words.popleft())
        else:
            fail(f"no check '{word}'")


main()
