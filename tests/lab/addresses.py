"""A datagram from each address of one host to each of another, written from the plan in the manual.

addresses.py serve READY HOST           waits for the datagrams of "send", as many as the first one says
addresses.py send FROM TO ADDRESSES     from the further addresses of host FROM to those of host TO, both IP versions
"""

import ipaddress
import pathlib
import select
import socket
import sys
import time

PORT = 7000


def address(host, index, version):
    if version == 4:
        return str(ipaddress.ip_address(f"10.{host}.0.0") + index)
    return str(ipaddress.ip_address(f"fd00:6e73:6d6f:{host}::") + index)


def family(version):
    return socket.AF_INET if version == 4 else socket.AF_INET6


def send(source, destination, addresses):
    for version in (4, 6):
        for index in range(1, addresses):
            with socket.socket(family(version), socket.SOCK_DGRAM) as sender:
                sender.bind((address(source, index, version), PORT))
                payload = f"{2 * (addresses - 1)}".ljust(index % 200 + 10)
                sender.sendto(payload.encode(), (address(destination, index, version), PORT))
            if index % 16 == 0:
                time.sleep(0.002)  # a burst of 2,000 is more than a busy switch takes


def serve(ready):
    sockets = []
    for version in (4, 6):
        server = socket.socket(family(version), socket.SOCK_DGRAM)
        if version == 6:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        server.setsockopt(socket.SOL_SOCKET, 33, 4 << 20)  # SO_RCVBUFFORCE
        server.bind(("", PORT))
        sockets.append(server)
    pathlib.Path(ready).touch()
    senders = set()
    wanted = None
    while wanted is None or len(senders) < wanted:
        readable = select.select(sockets, [], [], 20)[0]
        if not readable:
            sys.exit(f"{len(senders)} of {wanted} datagrams came")
        for server in readable:
            data, sender = server.recvfrom(2048)
            wanted = int(data)
            senders.add(sender[0])


if sys.argv[1] == "serve":
    serve(sys.argv[2])
else:
    send(int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
