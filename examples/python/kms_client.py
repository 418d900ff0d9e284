"""Asks a host for activation, once, and believes nothing that it cannot verify.

exit codes: 0 licensed, 1 refused, unreachable or not believed, 2 wrong arguments, 3 the count is too low"""
import argparse, json, os, pathlib, socket, struct, sys, time, uuid
from datetime import datetime, timezone
from hashlib import sha256
from cryptography import x509

INTERFACE, NDR = uuid.UUID("f207280e-f4dc-42b8-b97c-3582d8f5ddd4"), uuid.UUID("8a885d04-1ceb-11c9-9fe8-08002b104860")
REQUEST, RESPONSE, FAULT, BIND, BIND_ACK, FIRST, LAST = 0, 2, 3, 11, 12, 1, 2
REQUEST_ACTIVATION, GET_HOST_CERTIFICATE, MAX_FRAGMENT, MAX_ANSWER = 0, 1, 5840, 32 * 1024
HOST_USAGE, HOST_SCOPE = map(x509.ObjectIdentifier, ("1.3.6.1.4.1.32473.1688.1", "1.3.6.1.4.1.32473.1688.2"))
UNDERSTOOD = {x509.BasicConstraints.oid, x509.KeyUsage.oid, x509.ExtendedKeyUsage.oid, HOST_SCOPE}
LICENSED, NOT_ENOUGH_COUNT, REFUSALS = "0x00000000", "0xC004F038", {
    0xC004F041: "the host itself is not activated", 0xC004F042: "the host may not activate this product",
    0xC004F06C: "the clocks of host and client are too far apart", 0x8007000D: "the request is malformed",
    0x800700AA: "the host has too much to do, try later"}

class Failure(Exception):
    """Why there is no licence: a text and, when the host refused, its HRESULT."""

class Connection:
    """An association with a host, to be called as often as wanted until the deadline."""
    def __init__(self, host: str, port: int, seconds: float) -> None:
        self.deadline, self.call_id = time.monotonic() + seconds, 1
        self.socket = socket.create_connection((host, port), seconds)
        self.send(BIND, struct.pack("<HHIB3xHBx16sI16sI", MAX_FRAGMENT, MAX_FRAGMENT, 0,
                                    1, 0, 1, INTERFACE.bytes_le, 1, NDR.bytes_le, 2))
        kind, _, body = self.receive()
        if kind != BIND_ACK:
            raise Failure(f"the host refused the bind: PDU type {kind}, reason {struct.unpack_from('<H', body)[0]}")
        results = (10 + struct.unpack_from("<H", body, 8)[0] + 3) // 4 * 4  # they follow the secondary address
        if struct.unpack_from("<B3xH", body, results) != (1, 0):
            raise Failure("the host does not offer the interface")
    def send(self, kind: int, body: bytes) -> None:
        header = struct.pack("<4BIHHI", 5, 0, kind, FIRST | LAST, 0x10, 16 + len(body), 0, self.call_id)
        self.socket.sendall(header + body)
    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            self.socket.settimeout(max(self.deadline - time.monotonic(), 0.001))
            data += (part := self.socket.recv(size - len(data)))
            if not part:
                raise Failure("the host closed the connection")
        return data
    def receive(self) -> tuple[int, int, bytes]:  # type, flags and body of the next PDU
        version, _, kind, flags, order, length, auth, call_id = struct.unpack("<4BIHHI", self.read(16))
        if (version, order, auth, call_id) != (5, 0x10, 0, self.call_id) or not 16 <= length <= MAX_FRAGMENT:
            raise Failure("what came is no PDU of this call")
        return kind, flags, self.read(length - 16)
    def call(self, opnum: int, stub: bytes = b"") -> bytes:  # what the operation gives back
        self.call_id += 1
        self.send(REQUEST, struct.pack("<IHH", len(stub), 0, opnum) + stub)
        answer, flags = b"", 0
        while not flags & LAST:
            kind, flags, body = self.receive()
            if kind == FAULT:
                raise Failure(f"the host sent the fault {struct.unpack_from('<8xI', body)[0]:#010x}")
            if kind != RESPONSE or bool(flags & FIRST) == bool(answer) or not 8 < len(body) <= MAX_ANSWER - len(answer):
                raise Failure("a fragment of the answer is missing, empty or too long")
            answer += body[8:]
        if hresult := struct.unpack("<I", answer[-4:])[0]:
            raise Failure(REFUSALS.get(hresult, "the host refused"), f"0x{hresult:08X}")
        count, referent, max_count = struct.unpack_from("<III", answer)
        if not referent or max_count != count or len(answer) != 12 + (count + 3) // 4 * 4 + 4:
            raise Failure("the answer's stub is malformed")
        return answer[12 : 12 + count]

def der(data: bytes, tag: int) -> tuple[bytes, bytes]:  # the content of the first element, and what follows it
    start = 2 + (data[1] & 0x7F if data[1] & 0x80 else 0)
    end = start + (int.from_bytes(data[2:start], "big") if start > 2 else data[1])
    if data[0] != tag or end > len(data):
        raise Failure("the scope of the host's certificate is malformed")
    return data[start:end], data[end:]

def verify_chain(chain: list[bytes], root: x509.Certificate, group: str, now: datetime) -> x509.Certificate:
    """The host's certificate, once it is sure that the chain leads to the root and covers the group."""
    path = [x509.load_der_x509_certificate(certificate) for certificate in chain] + [root]
    for number, certificate in enumerate(path):
        found, authority = {extension.oid: extension for extension in certificate.extensions}, number > 0
        basic, usage, purposes = (found[kind.oid].value if kind.oid in found else None
                                  for kind in (x509.BasicConstraints, x509.KeyUsage, x509.ExtendedKeyUsage))
        for fault, applies in {
            "is not valid now": not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc,
            "is not of the right kind": bool(basic and basic.ca) != authority,
            "has too many below it": basic and basic.path_length is not None and basic.path_length < number - 1,
            "may not sign": usage and not (usage.key_cert_sign if authority else usage.digital_signature),
            "is not for activation hosts": HOST_USAGE not in purposes if purposes else not authority,
            "says what is not understood": {oid for oid, it in found.items() if it.critical} - UNDERSTOOD}.items():
            if applies:
                raise Failure(f"certificate {number + 1} ({certificate.subject.rfc4514_string()}) {fault}")
    for certificate, issuer in zip(path, path[1:]):
        certificate.verify_directly_issued_by(issuer)
    scope, groups = der(path[0].extensions.get_extension_for_oid(HOST_SCOPE).value.value, 0x30)[0], []
    while scope:
        name, scope = der(scope, 0x0C)
        groups.append(name.decode())
    if group not in groups:
        raise Failure(f"the host is not certified for {group}, only for {', '.join(groups)}")
    return path[0]

def activate(to: argparse.Namespace) -> dict[str, object]:
    """What the host grants, verified."""
    root, now, name = x509.load_pem_x509_certificate(to.root.read_bytes()), time.time_ns() // 10**6, to.name.encode()
    message = struct.pack("<HHIII16s16s16s16s16xIIq16sB", 1, 0, 0, 0, 0, to.application.bytes, to.activation.bytes,
                          to.counted.bytes, to.cmid.bytes, to.needed, 0, now, os.urandom(16), len(name)) + name
    connection = Connection(to.host, to.port, to.timeout)
    answer = connection.call(REQUEST_ACTIVATION, struct.pack("<II", len(message), len(message)) + message)
    listed, chain, at = connection.call(GET_HOST_CERTIFICATE), [], 1
    while at < len(listed):
        size = int.from_bytes(listed[at : at + 2], "little")
        chain, at = [*chain, listed[at + 2 : at + 2 + size]], at + 2 + size
    if at != len(listed) or not 1 <= len(chain) == listed[0] <= 4:
        raise Failure("the list of certificates is malformed")
    host = verify_chain(chain, root, to.group, datetime.fromtimestamp(now // 1000, timezone.utc))
    host.public_key().verify(answer[56:], b"kms-activation-response-v1\0" + sha256(message).digest() + answer[:56])
    version, count, retry, renewal, validity, zero, cmid, host_time, key_id = struct.unpack("<6I16sq8s", answer[:56])
    if (version, zero, cmid, key_id) != (1, 0, to.cmid.bytes, sha256(chain[0]).digest()[:8]):
        raise Failure("the answer is of another version, for another machine or from another key")
    if abs(host_time - now) > 4 * 3600 * 1000 or not (15 <= retry <= 43200 and 15 <= renewal <= 43200):
        raise Failure("the host's clock is more than 4 hours from this machine's, or its intervals are impossible")
    return {"code": LICENSED if count >= to.needed else NOT_ENOUGH_COUNT, "count": count, "key_id": key_id.hex(),
            "text": f"{host.subject.rfc4514_string()} counts {count}, this product needs {to.needed}",
            "activation_interval": retry, "renewal_interval": renewal, "validity_interval": validity}

def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for flag, kind, default, text in (
            ("host", str, None, "name or address"), ("port", int, 1688, "or 1688"), ("needed", int, None, "N"),
            ("root", pathlib.Path, None, "certificate to trust, PEM"), ("group", str, None, "the product's key group"),
            ("application", uuid.UUID, None, "application id"), ("activation", uuid.UUID, None, "activation id"),
            ("counted", uuid.UUID, None, "counted id"), ("cmid", uuid.UUID, None, "this machine's id, always the same"),
            ("name", str, socket.gethostname(), "machine name"), ("timeout", float, 10, "seconds, or 10")):
        parser.add_argument("--" + flag, type=kind, default=default, required=default is None, help=text)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    to = parser.parse_args()
    if not (1 <= len(to.name.encode()) <= 63 and 1 <= to.needed <= 1_000_000):
        parser.error("a machine name has 1 to 63 bytes, and N is 1 to 1000000")
    try:
        told = activate(to)
    except Failure as failure:
        told = {"code": (*failure.args, None)[1], "text": failure.args[0]}
    except Exception as error:  # whatever else a host sends, it is as if it had not answered
        told = {"code": None, "text": f"{type(error).__name__}: {str(error) or 'a signature is false'}"}
    shown = f"{'' if told['code'] == LICENSED else 'not '}activated ({told['code'] or 'no answer'}): {told['text']}"
    print(json.dumps(told) if to.json else shown)
    return {LICENSED: 0, NOT_ENOUGH_COUNT: 3}.get(told["code"], 1)

if __name__ == "__main__":
    sys.exit(main())
