//! What a case expects of a PDU, as the fields that it must have.

use super::{
    Expected,
    fields::Fields,
    pdu::{Common, NDR, NIL, result_text},
};

impl Expected {
    /// The fields that a PDU must have.
    pub(super) fn fields(&self, common: Common) -> Fields {
        let header = |name: &str, minor: u8, flags: u8, call_id: Option<u32>| {
            let mut fields = Fields::default()
                .with("type", name)
                .with("version", format_args!("5.{minor}"))
                .with("flags", format_args!("{flags:#04x}"))
                .with("drep", "10000000")
                .with("auth_length", 0)
                .with("body", "whole");
            if let Some(call_id) = call_id {
                fields.set("call_id", call_id);
            }
            fields
        };
        let ack = |fields: Fields, size: u16, address: &str, results: &[(u16, u16)]| {
            let results: Vec<String> = results
                .iter()
                .map(|&(result, reason)| {
                    let syntax = if result == 0 { NDR } else { NIL };
                    result_text(result.into(), reason.into(), syntax)
                })
                .collect();
            let fields = fields
                .with("max_xmit_frag", size)
                .with("max_recv_frag", size)
                .with("secondary_address", format_args!("{address:?}"))
                .with("results", format_args!("[{}]", results.join(" ")));
            if common.group == 0 {
                fields
            } else {
                fields.with("assoc_group", common.group)
            }
        };
        match self {
            Self::BindAck {
                call_id,
                fragment_size,
                results,
                multiplexed,
                minor_version,
            } => {
                let flags = if *multiplexed { 0x13 } else { 0x03 };
                let address = format!("{}\0", common.port);
                let fields = header("bind_ack", *minor_version, flags, Some(*call_id));
                ack(fields, *fragment_size, &address, results)
            }
            Self::AlterContextResp {
                call_id,
                fragment_size,
                results,
                minor_version,
            } => {
                let fields = header("alter_context_resp", *minor_version, 0x03, Some(*call_id));
                ack(fields, *fragment_size, "", results)
            }
            Self::BindNak { call_id, reason } => header("bind_nak", 0, 0x03, *call_id)
                .with("reason", reason)
                .with("versions", "5.0 5.1"),
            Self::Fault {
                call_id,
                status,
                did_not_execute,
                context_id,
                minor_version,
            } => {
                let flags = if *did_not_execute { 0x23 } else { 0x03 };
                header("fault", *minor_version, flags, Some(*call_id))
                    .with("context_id", context_id)
                    .with("cancel_count", 0)
                    .with("status", status)
            }
            Self::Response {
                call_id,
                hresult,
                context_id,
                cmid,
                count,
                certificates,
                minor_version,
            } => {
                // The flags of fragments are looked at where they are put together.
                let array = if *hresult == "00000000" {
                    "present"
                } else {
                    "null"
                };
                let mut fields = Fields::default()
                    .with("type", "response")
                    .with("call_id", call_id)
                    .with("version", format_args!("5.{minor_version}"))
                    .with("drep", "10000000")
                    .with("auth_length", 0)
                    .with("context_id", context_id)
                    .with("cancel_count", 0)
                    .with("fragments", "right")
                    .with("stub", "right")
                    .with("hresult", hresult)
                    .with("array", array);
                if array == "null" {
                    fields.set("n", 0);
                }
                if let Some(cmid) = cmid {
                    fields.set("n", 120);
                    fields.set("cmid", cmid);
                }
                if let Some(count) = count {
                    fields.set("count", count);
                }
                if *certificates {
                    fields.set("certificates", "1 to 4");
                }
                fields
            }
        }
    }
}
