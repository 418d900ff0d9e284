"""Fragment negotiation with a stranger's PDUs: prints what each proposal brought as JSON.

usage: fragments.py impacket|samba PORT LONGEST SIZE,SIZE,...

Each pair of the sizes is proposed in a bind as the longest fragment sent and received. LONGEST is a
RequestActivation message, in hexadecimal, whose request PDU has 5840 bytes.
"""
import importlib
import itertools
import json
import socket
import struct
import sys

REQUEST, FAULT, BIND_ACK = 0, 3, 12
LAST = 2
SECONDS = 60


class Peer:
    """A connection that sends and takes whole PDUs."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), SECONDS)

    def ask(self, pdu):
        """What comes until the last fragment; fewer PDUs when the host closes."""
        self.socket.sendall(pdu)
        pdus = []
        while not pdus or not pdus[-1][3] & LAST:
            head = self.read(16)
            if not head:
                break
            pdus.append(head + self.read(struct.unpack_from("<H", head, 8)[0] - 16))
        return pdus

    def read(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                break
            data += part
        return data


def propose(stack, port, longest, transmit, receive):
    peer = Peer(port)
    (ack,) = peer.ask(stack.bind(transmit, receive))
    fragments = peer.ask(stack.request(2, 1, b""))
    stub = struct.pack("<II", len(longest), len(longest)) + longest
    most = stack.request(3, 0, stub)
    (answer,) = peer.ask(most)
    # One byte more than is ever taken, which ends the conversation.
    beyond = peer.ask(stack.request(4, 0, stub + b"\0"))
    return {
        "proposed": [transmit, receive],
        "ack": stack.read_ack(ack),
        "fragments": [stack.read_response(pdu) for pdu in fragments],
        "most": len(most),
        "answer": stack.read_response(answer),
        "beyond": [stack.read_fault(pdu) for pdu in beyond],
        "closed": peer.read(1) == b"",
    }


def main():
    stack = importlib.import_module(sys.argv[1] + "_stack")
    port, longest = int(sys.argv[2]), bytes.fromhex(sys.argv[3])
    sizes = [int(size) for size in sys.argv[4].split(",")]
    pairs = itertools.product(sizes, sizes)
    print(json.dumps([propose(stack, port, longest, *pair) for pair in pairs]))


if __name__ == "__main__":
    main()
