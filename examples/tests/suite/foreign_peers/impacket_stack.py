"""PDUs written and read by impacket, which speaks little-endian only."""
from impacket.dcerpc.v5 import rpcrt
from impacket.uuid import uuidtup_to_bin

INTERFACE = uuidtup_to_bin(("f207280e-f4dc-42b8-b97c-3582d8f5ddd4", "1.0"))
NDR = uuidtup_to_bin(("8a885d04-1ceb-11c9-9fe8-08002b104860", "2.0"))


def bind(transmit, receive):
    context = rpcrt.CtxItem()
    context["ContextID"] = 0
    context["TransItems"] = 1
    context["AbstractSyntax"] = INTERFACE
    context["TransferSyntax"] = NDR
    body = rpcrt.MSRPCBind()
    body["max_tfrag"] = transmit
    body["max_rfrag"] = receive
    body.addCtxItem(context)
    packet = rpcrt.MSRPCHeader()
    packet["type"] = rpcrt.MSRPC_BIND
    packet["call_id"] = 1
    packet["pduData"] = body.getData()
    return packet.get_packet()


def request(call_id, opnum, stub):
    packet = rpcrt.MSRPCRequestHeader()
    packet["call_id"] = call_id
    packet["op_num"] = opnum
    packet["ctx_id"] = 0
    packet["alloc_hint"] = len(stub)
    packet["pduData"] = stub
    return packet.get_packet()


def read_ack(pdu):
    ack = rpcrt.MSRPCBindAck(pdu)
    results = [[item["Result"], item["Reason"]] for item in ack.getCtxItems()]
    return {
        "type": ack["type"],
        "transmit": ack["max_tfrag"],
        "receive": ack["max_rfrag"],
        "address": ack["SecondaryAddr"],
        "results": results,
    }


def read_response(pdu):
    response = rpcrt.MSRPCRespHeader(pdu)
    return {
        "type": response["type"],
        "flags": response["flags"],
        "length": response["frag_len"],
        "call_id": response["call_id"],
        "stub": response["pduData"].hex(),
    }


def read_fault(pdu):
    fault = rpcrt.MSRPCRespHeader(pdu)
    status = int.from_bytes(fault["pduData"][:4], "little")
    return {"type": fault["type"], "flags": fault["flags"], "status": status}
