"""What the Python client makes of chains and answers, each with one fault: prints JSON.

usage: certificates.py FOLDER, that of kms_client.py
"""
import argparse
import hashlib
import json
import pathlib
import struct
import sys
import tempfile
import time
import uuid
from datetime import timedelta

import pki
from cryptography import x509
from pki import DAY, NOW

sys.path.insert(0, sys.argv[1])
import kms_client  # noqa: E402

GROUP = "vendor/editor"
SERVER_AUTH = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH])
HOST_AND_SERVER = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH, pki.HOST_USAGE])


def chains():
    """Each case with its chain, the host's first, and the root that is pinned."""
    root = pki.authority("root")
    middle = pki.authority("middle", root)
    low = pki.authority("low", middle)
    namesake = pki.authority("root")

    def host(issuer=root, groups=(GROUP,), **changes):
        return pki.host("host", issuer, groups, **changes)

    def extension(value, critical=False):
        return (value, critical)

    def scope(value):
        return extension(x509.UnrecognizedExtension(pki.HOST_SCOPE, value))

    unknown = extension(pki.padding(3)[0], critical=True)
    yield "below the root", [host()], root
    yield "below three authorities", [host(low), low, middle], root
    yield "with the root at the end", [host(), root], root
    yield "with the group among others", [host(groups=["a" * 64, GROUP, "b" * 64])], root
    yield "without key usage", [host(usage=None)], root
    yield "with a further purpose", [host(purpose=extension(HOST_AND_SERVER))], root
    yield "with another extension", [host(more=pki.padding(3))], root
    short = pki.authority("short", root, path_length=0)
    yield "with a path length that is kept", [host(short), short], root
    purposed = pki.authority("purposed", root, more=[extension(HOST_AND_SERVER)])
    yield "below an authority for hosts", [host(purposed), purposed], root

    yield "expired", [host(end=NOW - timedelta(seconds=1))], root
    yield "not valid yet", [host(start=NOW + timedelta(hours=1))], root
    old = pki.authority("old", root, end=NOW - timedelta(seconds=1))
    yield "below an expired authority", [host(old), old], root
    past = pki.authority("past", start=NOW - 2 * DAY, end=NOW - DAY)
    yield "below an expired root", [host(past)], past
    yield "below another root", [host(namesake)], root
    yield "below an unknown root", [host()], pki.authority("stranger")
    yield "without an issuer", [host(low), middle], root
    yield "in another order", [host(low), middle, low], root
    yield "an authority's", [middle], root
    leaf = host()
    yield "below a host", [pki.host("lower", leaf, [GROUP]), leaf], root
    mute = pki.Entity("mute", root, [(x509.BasicConstraints(True, None), True), (pki.usage("crl_sign"), True)])
    yield "below an authority that may not sign", [host(mute), mute], root
    yield "that may not sign", [host(usage=extension(pki.usage("key_agreement"), True))], root
    below = pki.authority("below", short)
    yield "with a path length that is not kept", [host(below), below, short], root
    yield "for servers", [host(purpose=extension(SERVER_AUTH))], root
    yield "for no purpose", [host(purpose=None)], root
    other = pki.authority("other", root, more=[extension(SERVER_AUTH)])
    yield "below an authority for servers", [host(other), other], root
    yield "with a critical extension", [host(more=unknown)], root
    strange = pki.authority("strange", root, more=[unknown])
    yield "below an authority with a critical extension", [host(strange), strange], root
    yield "without a scope", [host(scope=None)], root
    yield "for another group", [host(groups=["vendor/viewer"])], root
    yield "for a group that only begins alike", [host(groups=[GROUP + "/pro", GROUP[:-1]])], root
    yield "for a group inside another's name", [host(groups=["x\x0c" + chr(len(GROUP)) + GROUP])], root
    yield "with a scope of another type", [host(scope=scope(b"\x30\x03\x13\x01A"))], root
    yield "with a scope that is cut short", [host(scope=scope(b"\x30\x10\x0c\x01A"))], root
    yield "with a scope that is not UTF-8", [host(scope=scope(b"\x30\x03\x0c\x01\xff"))], root
    yield "with an empty scope", [host(scope=scope(b""))], root


def answers(identity, request):
    """Each case with an answer that the host signed for the request; the first is true."""
    now = time.time_ns() // 1_000_000
    key_id = hashlib.sha256(identity.der).digest()[:8]
    good = {"version": 1, "count": 5, "retry": 120, "renewal": 10080, "validity": 259200, "reserved": 0,
            "cmid": request[64:80], "time": now, "key_id": key_id}

    def signed(**changes):
        terms = struct.pack("<6I16sq8s", *(good | changes).values())
        said = b"kms-activation-response-v1\0" + hashlib.sha256(request).digest() + terms
        return terms + identity.key.sign(said)

    yield "true", signed()
    yield "of another major version", signed(version=2)
    yield "of another minor version", signed(version=0x10001)
    yield "with a reserved field", signed(reserved=1)
    yield "with a retry interval of 14", signed(retry=14)
    yield "with a renewal interval of 43201", signed(renewal=43201)
    yield "for another machine", signed(cmid=bytes(16))
    yield "from another key", signed(key_id=bytes(8))
    yield "just within the tolerance", signed(time=now - 4 * 3600_000 + 60_000)
    yield "just beyond the tolerance", signed(time=now - 4 * 3600_000 - 60_000)
    yield "of a time that cannot be", signed(time=-(2**63))
    yield "one byte longer", signed() + b"\0"
    yield "empty", b""


def outcome(what):
    try:
        what()
    except Exception as error:  # noqa: BLE001: its text is what is looked at
        return f"{type(error).__name__}: {error}"
    return "believed"


def answered():
    """The outcome of each answer, the whole of the client but its connection in use."""
    root = pki.authority("root")
    identity = pki.host("host", root, [GROUP])
    listed = b"\x01" + struct.pack("<H", len(identity.der)) + identity.der
    ids = {name: uuid.uuid4() for name in ("application", "activation", "counted", "cmid")}
    with tempfile.TemporaryDirectory() as folder:
        pem = pathlib.Path(folder) / "root.pem"
        pem.write_bytes(root.pem)
        options = argparse.Namespace(
            root=pem, group=GROUP, needed=5, name="snake", host="", port=0, timeout=1, **ids
        )

        class Connection:
            """Answers with the case that is looked at."""

            case = "true"

            def __init__(self, *_):
                pass

            def call(self, opnum, stub=b""):
                if opnum == kms_client.GET_HOST_CERTIFICATE:
                    return listed
                return dict(answers(identity, stub[8:]))[self.case]

        kms_client.Connection = Connection
        seen = {}
        for case, _ in answers(identity, bytes(134)):
            Connection.case = case
            seen[case] = outcome(lambda: kms_client.activate(options))
        return seen


def main():
    seen = {}
    for case, chain, root in chains():
        ders = [entity.der for entity in chain]
        seen[case] = outcome(lambda: kms_client.verify_chain(ders, root.certificate, GROUP, NOW))
    print(json.dumps({"chains": seen, "answers": answered()}))


if __name__ == "__main__":
    main()
