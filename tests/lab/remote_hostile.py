#!/usr/bin/env python3
"""A client that means 'nsmon recv' no good: "remote_hostile.py ADDRESS all|reflect".  Exits with 1 when it got its way."""
import json
import socket
import sys
import time

HOST = sys.argv[1]
STREAMS = {"protocol": 17, "family": 4, "direction": 1, "count": 1, "length": 64, "gap_ns": 1000000, "packets": 0, "bytes": 0,
           "duration_ns": 2000000000, "gso": 0, "threads": 0, "source_port": 12000, "length_min": 0, "length_law": 0,
           "length_mean": 0, "length_shape": 0, "gap_law": 0, "gap_shape": 0, "burst": 0, "burst_gap_ns": 0, "response": 0,
           "seed": 1, "txtime": 0, "dscp": 0, "ttl": 0, "flow_label": 0, "mss": 0, "nagle": 0, "congestion": ""}
HELLO = {"type": "hello", "protocol": 2, "nonce": "0123456789abcdef"}


class Client:
    def __init__(self):
        self.socket = socket.create_connection((HOST, 7699), timeout=20)
        self.file = self.socket.makefile("rb")

    def say(self, message):
        self.raw(json.dumps(message).encode() + b"\n")

    def raw(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            pass  # it has had enough of us

    def hear(self):
        """The next message but pings; None at the end."""
        try:
            for line in self.file:
                message = json.loads(line)
                if message["type"] != "ping":
                    return message
        except OSError:
            pass
        return None

    def until(self, kind):
        while (message := self.hear()) is not None:
            if message["type"] in (kind, "error"):
                return message
        return None


def digest(streams):
    """As remote_streams_digest() reckons it, for one stream of UDP."""
    value = 0xcbf29ce484222325
    packets = streams["packets"] or streams["duration_ns"] // streams["gap_ns"]
    reverse = int(streams["direction"] == 2)
    # Of a response, the flow behind it goes the other way.
    flows = [(17, 4, reverse, 0, streams["source_port"], 7700, streams["length"], streams["length"], packets,
              packets * streams["length"], 0, streams["gap_ns"], 0, 0, 0, 0, 0, streams["response"])]
    if streams["response"]:
        flows.append((17, 4, 1, 1, 7700, streams["source_port"], streams["response"], streams["response"], packets,
                      packets * streams["response"], 0, streams["gap_ns"], 0, 0, 0, 0, 0, 0))
    for number in (number for flow in flows for number in flow):
        value = ((value ^ number) * 0x100000001b3) & (2**64 - 1)
    return f"{value:016x}"


def refused(what, *messages, words=None):
    """The server must end a connection that says this."""
    client = Client()
    for message in messages:
        client.raw(message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n")
    last = None
    while (message := client.hear()) is not None:
        last = message
    if last is None or last["type"] not in ("error", "hello") or (words and words not in last.get("text", "")):
        print(f"{what}: {last}")
        sys.exit(1)
    print(f"{what}: refused: {last.get('text', 'silently')}")


def ask(**changes):
    streams = {**STREAMS, **changes}
    return {"type": "test", "streams": streams, "clock_offset_ns": 0, "digest": "0" * 16}


def everything():
    refused("no JSON", b"GET / HTTP/1.1\r\n\r\n", words="no message")
    refused("half an object", b'{"type": "hello", \n')
    refused("an array", b"[1, 2, 3]\n")
    refused("no type", b"{}\n")
    refused("depth", b'{"type":' + b"[" * 60000 + b"\n", words="too deep")
    refused("a giant line", b"x" * 2000000, words="65536")
    refused("NULs", b"\0" * 100 + b"\n")
    refused("another version", {**HELLO, "protocol": -1})
    refused("a test before hello", ask())
    refused("counts before a test", {"type": "sent", "side": 0, "rows": [[0] * 7]}, words="agreed")
    refused("stop before a test", *[{"type": "stop"}] * 10)
    refused("much mail", *[{"type": "x"}] * 10)
    refused("ten million flows", HELLO, ask(count=10**7), words="count")
    refused("a name that is none", HELLO, ask(congestion="x;y"), words="congestion")
    refused("a histogram of nothing", HELLO, ask(gap_law=6, gap_histogram=[]), words="gap_histogram")
    refused("a histogram that goes down", HELLO, ask(gap_law=6, gap_histogram=[[5, 6, 1], [1, 2, 1]]), words="gap_histogram")
    for key in [key for key in STREAMS if key != "congestion"]:
        refused(f"a negative {key}", HELLO, ask(**{key: -1}), words=key)
        refused(f"a {key} that is text", HELLO, ask(**{key: "1"}), words=key)
        if key != "seed":
            refused(f"a huge {key}", HELLO, ask(**{key: 2**63 - 1}), words=key)
    refused("a real number", HELLO, ask(count=1.5), words="count")
    refused("beyond 64 bits", HELLO, b'{"type":"test","streams":{"count":99999999999999999999999}}\n')
    refused("another plan", HELLO, ask(), words="another plan")
    refused("the other IP version", HELLO, ask(family=6), words="IP version")
    liar()
    slow_loris()


def liar():
    """Agrees on little and sends much: it is stopped."""
    client = Client()
    client.say(HELLO)
    client.say({**ask(duration_ns=20000000000), "digest": digest({**STREAMS, "duration_ns": 20000000000})})
    accepted = client.until("accepted")
    if accepted is None or accepted["type"] != "accepted":
        print("liar: not accepted:", accepted)
        sys.exit(1)
    client.say({"type": "go"})
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    header = bytes.fromhex("6e736d75" + accepted["run"] + "00000000")
    sequence = 0
    started = time.monotonic()
    client.socket.setblocking(False)
    stopped, heard = False, b""
    while not stopped and time.monotonic() < started + 15:
        for _ in range(40):
            udp.sendto(header + (sequence % 20000).to_bytes(8, "big") + time.time_ns().to_bytes(8, "big") + bytes(1300),
                       (HOST, accepted["port"]))
            sequence += 1
        client.raw(b'{"type":"ping","asked_ns":1}\n')
        try:
            heard += client.socket.recv(65536)
        except OSError:
            pass
        stopped = b"more came than this server allows" in heard
        time.sleep(0.01)
    if not stopped:
        print("liar: nobody minds", sequence)
        sys.exit(1)
    print("liar: stopped")


def slow_loris():
    """Thousands of connections, of which those that are let in dribble: others are served soon all the same."""
    slow = []
    for _ in range(1500):
        try:
            slow.append(socket.create_connection((HOST, 7699), timeout=5))
        except OSError:
            break
    print(f"{len(slow)} connections are knocking", flush=True)
    for _ in range(10):
        for client in slow:
            try:
                client.send(b"{")
            except OSError:
                pass
        time.sleep(0.1)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        client = Client()
        client.say(HELLO)
        answer = client.hear()
        if answer is not None and answer["type"] == "hello":
            print("and one is served")
            return
        time.sleep(0.2)
    print("slow loris keeps others out")
    sys.exit(1)


def reflect():
    streams = {**STREAMS, "direction": 2}
    for step in ("no proof", "a wrong cookie", "another address"):
        client = Client()
        client.say(HELLO)
        client.say({**ask(direction=2), "digest": digest(streams)})
        accepted = client.until("accepted")
        if accepted is None or accepted["type"] != "accepted":
            print(f"{step}: not accepted: {accepted}")
            sys.exit(1)
        client.say({"type": "ports", "port": 9000})
        run = (int(accepted["run"], 16) + 1).to_bytes(8, "big")
        cookie = bytes.fromhex(accepted["cookie"]) if step == "another address" else bytes(8)
        sockets = []
        for port in range(9000, 9004):
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            udp.bind(("10.9.0.7" if step == "another address" else "10.9.0.1", port))
            sockets.append(udp)
        for udp in sockets if step != "no proof" else []:
            udp.sendto(bytes.fromhex("6e736d75") + run + bytes.fromhex("fffffffe") + cookie + bytes(8),
                       (HOST, accepted["proof_port"]))
        started = time.monotonic()
        while time.monotonic() < started + 15:
            client.say({"type": "ping", "asked_ns": 0})  # whoever is silent is cut off before
            message = client.hear()
            if message is None or message["type"] == "error":
                break
            time.sleep(0.2)
        if message is None or "no proof" not in message.get("text", ""):
            print(f"{step}: {message}")
            sys.exit(1)
        print(f"{step}: refused")
        client.socket.close()
        for udp in sockets:
            udp.close()
    # Strangers' datagrams to a running test's ports, with and without the mark of a greeting.
    client = Client()
    client.say(HELLO)
    client.say({**ask(), "digest": digest(STREAMS)})
    accepted = client.until("accepted")
    run = bytes.fromhex(accepted["run"])
    for source, body in (("10.9.0.1", b"hello"), ("10.9.0.1", bytes(32)),
                         ("10.9.0.1", bytes.fromhex("6e736d75") + bytes(8) + bytes.fromhex("ffffffff") + bytes(16)),
                         ("10.9.0.7", bytes.fromhex("6e736d75") + run + bytes.fromhex("ffffffff") + bytes(16))):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind((source, 0))
        udp.settimeout(0.5)
        udp.sendto(body, (HOST, accepted["port"]))
        try:
            udp.recv(100)
        except TimeoutError:
            continue
        print("a stranger was answered", source, body)
        sys.exit(1)
    client.socket.close()
    print("strangers get no answer")
    requests()


def requests():
    """A request gets a response where the plan has the client, and from nowhere else."""
    client = Client()
    client.say(HELLO)
    streams = {**STREAMS, "response": 1000}
    client.say({**ask(response=1000), "digest": digest(streams)})
    accepted = client.until("accepted")
    if accepted is None or accepted["type"] != "accepted":
        print("requests: not accepted:", accepted)
        sys.exit(1)
    client.say({"type": "go"})
    run = bytes.fromhex(accepted["run"])
    for sequence, (source, port) in enumerate((("10.9.0.7", streams["source_port"]), ("10.9.0.1", 0))):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind((source, port))
        udp.settimeout(0.5)
        udp.sendto(bytes.fromhex("6e736d75") + run + bytes(4) + sequence.to_bytes(8, "big") + bytes(8) + bytes(32),
                   (HOST, accepted["port"]))
        try:
            udp.recv(2000)
        except TimeoutError:
            continue
        print("a request from elsewhere got a response", source, port)
        sys.exit(1)
    print("requests from elsewhere get no response")


everything() if sys.argv[2] == "all" else reflect()
