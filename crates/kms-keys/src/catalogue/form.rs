//! The form of a catalogue file. What a table must have is optional here, so that every table which
//! lacks something can be reported, and not only the first.

use alloc::{string::String, vec::Vec};
use serde::Deserialize;
use toml::Spanned;

/// A value that remembers where it stood, or that is not there.
pub(super) type Field<T> = Option<Spanned<T>>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CatalogueForm {
    pub(super) application: Vec<Spanned<NamedForm>>,
    pub(super) family: Vec<Spanned<NamedForm>>,
    pub(super) policy: Vec<Spanned<PolicyForm>>,
    pub(super) system: Vec<Spanned<SystemForm>>,
    pub(super) group: Vec<Spanned<GroupForm>>,
    pub(super) product: Vec<Spanned<ProductForm>>,
}

/// An application or a family.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct NamedForm {
    pub(super) name: Field<String>,
    pub(super) id: Field<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PolicyForm {
    pub(super) name: Field<String>,
    pub(super) grace: Field<String>,
    pub(super) oot_grace: Field<String>,
    pub(super) validity: Field<String>,
    pub(super) rearms: Field<i64>,
    pub(super) reduced_functionality: Option<bool>,
    pub(super) activation_interval: Field<String>,
    pub(super) renewal_interval: Field<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SystemForm {
    pub(super) name: Field<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GroupForm {
    pub(super) id: Field<String>,
    pub(super) title: Field<String>,
    pub(super) includes: Vec<Spanned<String>>,
    pub(super) host_key: Option<bool>,
    pub(super) hosts: Vec<Spanned<String>>,
    // What its products have where they do not say otherwise.
    pub(super) application: Field<String>,
    pub(super) family: Field<String>,
    pub(super) threshold: Field<i64>,
    pub(super) policy: Field<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ProductForm {
    pub(super) name: Field<String>,
    pub(super) aliases: Vec<Spanned<String>>,
    pub(super) id: Field<String>,
    pub(super) group: Field<String>,
    pub(super) client_setup_key: Field<String>,
    pub(super) application: Field<String>,
    pub(super) family: Field<String>,
    pub(super) threshold: Field<i64>,
    pub(super) policy: Field<String>,
}
