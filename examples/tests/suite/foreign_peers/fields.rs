//! The fields of a PDU under tshark's names: those that tshark shows and those that we read.

use kms_core::Decode;
use kms_wire::pdu::{
    AnyPdu, Bind, BindAck, Body, ContextResultCode, DataRepresentation, Header, SyntaxId,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// Every value of a field, in the order of the PDU; numbers in decimal.
pub(super) fn values(fields: &Value, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    collect(fields, name, &mut found);
    found
}

fn collect(fields: &Value, name: &str, found: &mut Vec<String>) {
    match fields {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::String(text) if key == name => found.push(decimal(text)),
                    Value::Array(texts) if key == name => {
                        found.extend(texts.iter().filter_map(Value::as_str).map(decimal));
                    }
                    _ => collect(value, name, found),
                }
            }
        }
        Value::Array(several) => {
            for one in several {
                collect(one, name, found);
            }
        }
        _ => {}
    }
}

fn decimal(text: &str) -> String {
    text.strip_prefix("0x").map_or_else(
        || text.to_owned(),
        |digits| u64::from_str_radix(digits, 16).unwrap().to_string(),
    )
}

/// The fields that our decoder reads, under tshark's names, each with its values in order.
pub(super) fn expected(bytes: &[u8]) -> BTreeMap<&'static str, Vec<String>> {
    let header = Header::decode_all(&bytes[..Header::LEN]).unwrap();
    let pdu = AnyPdu::decode_all(bytes).unwrap();
    let DataRepresentation(label) = header.representation;
    let label = label.map(|byte| format!("{byte:02x}")).join(":");
    let mut fields = BTreeMap::new();
    let mut field = |name, value: &dyn ToString| {
        let values: &mut Vec<String> = fields.entry(name).or_default();
        values.push(value.to_string());
    };
    field("dcerpc.ver", &header.major_version);
    field("dcerpc.ver_minor", &header.minor_version);
    field("dcerpc.pkt_type", &header.pdu_type.0);
    field("dcerpc.cn_flags", &header.flags.0);
    field("dcerpc.drep", &label);
    field("dcerpc.cn_frag_len", &header.fragment_length);
    field("dcerpc.cn_auth_len", &header.auth_length);
    field("dcerpc.cn_call_id", &header.call_id);
    match &pdu.body {
        Body::Bind(bind) => expect_bind(bind, &mut field),
        Body::AlterContext(alter) => expect_bind(&alter.0, &mut field),
        Body::BindAck(ack) => expect_ack(ack, &mut field),
        Body::AlterContextResponse(response) => expect_ack(&response.0, &mut field),
        Body::BindNak(nak) => field("dcerpc.cn_reject_reason", &nak.reason.0),
        Body::Request(request) => {
            field("dcerpc.cn_alloc_hint", &request.alloc_hint);
            field("dcerpc.cn_ctx_id", &request.context_id);
            field("dcerpc.opnum", &request.opnum.0);
            if let Some(object) = request.object {
                field("dcerpc.obj_id", &object);
            }
        }
        Body::Response(response) => {
            field("dcerpc.cn_alloc_hint", &response.alloc_hint);
            field("dcerpc.cn_ctx_id", &response.context_id);
            field("dcerpc.cn_cancel_count", &response.cancel_count);
        }
        Body::Fault(fault) => {
            field("dcerpc.cn_ctx_id", &fault.context_id);
            field("dcerpc.cn_cancel_count", &fault.cancel_count);
            field("dcerpc.cn_status", &fault.status.0);
        }
        Body::CoCancel(_) | Body::Orphaned(_) => {}
        other => panic!("no field of {other:?} is compared"),
    }
    fields
}

fn expect_bind(bind: &Bind, field: &mut impl FnMut(&'static str, &dyn ToString)) {
    field("dcerpc.cn_max_xmit", &bind.max_transmit_fragment);
    field("dcerpc.cn_max_recv", &bind.max_receive_fragment);
    field("dcerpc.cn_assoc_group", &bind.association_group);
    field("dcerpc.cn_num_ctx_items", &bind.contexts.len());
    for context in &bind.contexts {
        let interface = context.abstract_syntax;
        let syntaxes = context.transfer_syntaxes.as_slice();
        field("dcerpc.cn_ctx_id", &context.id);
        field("dcerpc.cn_num_trans_items", &syntaxes.len());
        field("dcerpc.cn_bind_to_uuid", &interface.uuid);
        field("dcerpc.cn_bind_if_ver", &interface.major_version());
        field("dcerpc.cn_bind_if_ver_minor", &(interface.version >> 16));
        for syntax in syntaxes {
            field("dcerpc.cn_bind_trans_id", &syntax.uuid);
            field("dcerpc.cn_bind_trans_ver", &syntax.version);
        }
    }
}

fn expect_ack(ack: &BindAck<'_>, field: &mut impl FnMut(&'static str, &dyn ToString)) {
    field("dcerpc.cn_max_xmit", &ack.max_transmit_fragment);
    field("dcerpc.cn_max_recv", &ack.max_receive_fragment);
    field("dcerpc.cn_assoc_group", &ack.association_group);
    field("dcerpc.cn_sec_addr_len", &ack.secondary_address.len());
    if let Some((0, digits)) = ack.secondary_address.split_last() {
        field("dcerpc.cn_sec_addr", &core::str::from_utf8(digits).unwrap());
    }
    field("dcerpc.cn_num_results", &ack.results.len());
    for result in &ack.results {
        field("dcerpc.cn_ack_result", &result.result.0);
        match result.result {
            ContextResultCode::PROVIDER_REJECTION => {
                field("dcerpc.cn_ack_reason", &result.reason.0);
            }
            ContextResultCode::NEGOTIATE_ACK => {
                field("dcerpc.cn_bind_trans_btfn", &result.reason.0);
            }
            _ => {}
        }
        let SyntaxId { uuid, version } = result.transfer_syntax;
        field("dcerpc.cn_ack_trans_id", &uuid);
        field("dcerpc.cn_ack_trans_ver", &version);
    }
}
