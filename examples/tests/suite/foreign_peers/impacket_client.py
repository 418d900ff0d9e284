"""impacket as a client of a host: prints what it saw as one JSON object.

usage: impacket_client.py PORT MESSAGE, a RequestActivation message in hexadecimal
"""
import json
import sys

from impacket.dcerpc.v5 import ndr, transport
from impacket.dcerpc.v5.dtypes import ULONG
from impacket.dcerpc.v5.rpcrt import DCERPCException
from impacket.uuid import uuidtup_to_bin

INTERFACE = ("f207280e-f4dc-42b8-b97c-3582d8f5ddd4", "1.0")
MANY = 20


class DCERPCSessionError(DCERPCException):
    """An HRESULT other than 0; impacket looks for a class of this name."""


class Bytes(ndr.NDRUniConformantArray):
    item = "c"


class BytesPointer(ndr.NDRPOINTER):
    referent = (("Data", Bytes),)


class RequestActivation(ndr.NDRCALL):
    opnum = 0
    structure = (("n", ULONG), ("message", Bytes))


class RequestActivationResponse(ndr.NDRCALL):
    structure = (("n", ULONG), ("answer", BytesPointer), ("ErrorCode", ULONG))


class GetHostCertificate(ndr.NDRCALL):
    opnum = 1
    structure = ()


class GetHostCertificateResponse(RequestActivationResponse):
    pass


def connect(port, interface=INTERFACE):
    client = transport.DCERPCTransportFactory(f"ncacn_ip_tcp:127.0.0.1[{port}]").get_dce_rpc()
    client.connect()
    client.bind(uuidtup_to_bin(interface))
    return client


def call(client, request):
    """What impacket's NDR makes of the answer."""
    response = client.request(request, checkError=False)
    answer = response["answer"]
    return {
        "n": response["n"],
        "hresult": response["ErrorCode"],
        "answer": b"".join(answer).hex() if answer else None,
    }


def activate(client, message):
    request = RequestActivation()
    request["n"] = len(message)
    request["message"] = message
    return call(client, request)


def refused(what):
    """The text of the exception that impacket makes of a refusal."""
    try:
        what()
    except DCERPCException as error:
        return str(error)
    return None


def unknown_operation(client):
    client.call(7, b"")
    client.recv()


def main():
    port, message = int(sys.argv[1]), bytes.fromhex(sys.argv[2])
    client = connect(port)
    seen = {
        "activation": activate(client, message),
        "certificates": call(client, GetHostCertificate()),
        "malformed": activate(client, message[:-1]),
        "fragmented": {},
        "many": [],
    }
    for size in (1, 8, 100):
        client.set_max_fragment_size(size)
        seen["fragmented"][size] = activate(client, message)
    client.set_max_fragment_size(-1)
    for number in range(MANY):
        seen["many"].append(
            call(client, GetHostCertificate()) if number % 2 else activate(client, message)
        )
    seen["unknown_operation"] = refused(lambda: unknown_operation(client))
    seen["after_fault"] = call(client, GetHostCertificate())
    altered = client.alter_ctx(uuidtup_to_bin(INTERFACE))
    seen["altered"] = activate(altered, message)
    other_version = (INTERFACE[0], "2.0")
    seen["other_version_altered"] = refused(lambda: client.alter_ctx(uuidtup_to_bin(other_version)))
    client.disconnect()
    unknown = ("f207280e-f4dc-42b8-b97c-3582d8f5ddd5", "1.0")
    seen["unknown_interface"] = refused(lambda: connect(port, unknown))
    seen["other_version"] = refused(lambda: connect(port, other_version))
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
