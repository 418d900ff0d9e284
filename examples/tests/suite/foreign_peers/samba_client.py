"""Samba's client of a host, in both integer orders: prints what it saw as one JSON object.

usage: samba_client.py PORT MESSAGE, a RequestActivation message in hexadecimal
"""
import json
import struct
import sys

from samba import NTSTATUSError
from samba.dcerpc import base
from samba.param import LoadParm

INTERFACE = ("f207280e-f4dc-42b8-b97c-3582d8f5ddd4", 1)
# What a host answers is little-endian whatever the client's order is; the stub is not Samba's to
# read, since it knows no IDL of the interface.
ORDERS = {"little": ("<", ""), "big": (">", ",bigendian")}


def connect(port, options, interface=INTERFACE):
    binding = f"ncacn_ip_tcp:127.0.0.1[{port}{options}]"
    return base.ClientConnection(binding, interface, lp_ctx=LoadParm())


def refused(what):
    """The NT status that Samba makes of a refusal, or the text of another error."""
    try:
        what()
    except NTSTATUSError as error:
        return f"{error.args[0]:#010x}"
    except RuntimeError as error:
        return str(error)
    return None


def talk(port, order, options, message):
    client = connect(port, options)
    stub = struct.pack(order + "II", len(message), len(message)) + message
    unlike = struct.pack(order + "II", len(message), len(message) + 1) + message
    return {
        "activation": client.request(0, stub).hex(),
        "padded": client.request(0, stub + bytes(3)).hex(),
        "certificates": client.request(1, b"").hex(),
        "unknown_operation": refused(lambda: client.request(2, b"")),
        "bad_stub": refused(lambda: client.request(0, unlike)),
        "after_faults": client.request(1, b"").hex(),
        "unknown_interface": refused(
            lambda: connect(port, options, ("f207280e-f4dc-42b8-b97c-3582d8f5ddd5", 1))
        ),
        "other_version": refused(lambda: connect(port, options, (INTERFACE[0], 2))),
    }


def main():
    port, message = int(sys.argv[1]), bytes.fromhex(sys.argv[2])
    print(json.dumps({name: talk(port, *how, message) for name, how in ORDERS.items()}))


if __name__ == "__main__":
    main()
