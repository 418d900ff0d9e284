"""PDUs written and read by Samba's NDR code, which Python can drive in little-endian order only."""
from samba.dcerpc import dcerpc, misc
from samba.ndr import ndr_pack, ndr_unpack

INTERFACE = ("f207280e-f4dc-42b8-b97c-3582d8f5ddd4", 1)
NDR = ("8a885d04-1ceb-11c9-9fe8-08002b104860", 2)


def syntax(uuid, version):
    value = misc.ndr_syntax_id()
    value.uuid = misc.GUID(uuid)
    value.if_version = version
    return value


def packet(kind, call_id, payload):
    value = dcerpc.ncacn_packet()
    value.rpc_vers = 5
    value.ptype = kind
    value.pfc_flags = dcerpc.DCERPC_PFC_FLAG_FIRST | dcerpc.DCERPC_PFC_FLAG_LAST
    value.drep = [dcerpc.DCERPC_DREP_LE, 0, 0, 0]
    value.call_id = call_id
    value.u = payload
    # Packed twice, since the length stands in the header.
    value.frag_length = len(ndr_pack(value))
    return ndr_pack(value)


def bind(transmit, receive):
    context = dcerpc.ctx_list()
    context.context_id = 0
    context.num_transfer_syntaxes = 1
    context.abstract_syntax = syntax(*INTERFACE)
    context.transfer_syntaxes = [syntax(*NDR)]
    body = dcerpc.bind()
    body.max_xmit_frag = transmit
    body.max_recv_frag = receive
    body.assoc_group_id = 0
    body.num_contexts = 1
    body.ctx_list = [context]
    body.auth_info = b""
    return packet(dcerpc.DCERPC_PKT_BIND, 1, body)


def request(call_id, opnum, stub):
    body = dcerpc.request()
    body.alloc_hint = len(stub)
    body.context_id = 0
    body.opnum = opnum
    body.stub_and_verifier = stub
    return packet(dcerpc.DCERPC_PKT_REQUEST, call_id, body)


def read(pdu):
    return ndr_unpack(dcerpc.ncacn_packet, pdu)


def read_ack(pdu):
    ack = read(pdu)
    return {
        "type": ack.ptype,
        "transmit": ack.u.max_xmit_frag,
        "receive": ack.u.max_recv_frag,
        "address": ack.u.secondary_address,
        "results": [[item.result, item.reason] for item in ack.u.ctx_list],
    }


def read_response(pdu):
    response = read(pdu)
    return {
        "type": response.ptype,
        "flags": response.pfc_flags,
        "length": response.frag_length,
        "call_id": response.call_id,
        "stub": response.u.stub_and_verifier.hex(),
    }


def read_fault(pdu):
    fault = read(pdu)
    return {"type": fault.ptype, "flags": fault.pfc_flags, "status": fault.u.status}
