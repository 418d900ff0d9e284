use crate::{GroupId, Policy, ProductKeyText};
use alloc::{collections::BTreeSet, string::String, vec::Vec};
use kms_core::{ActivationId, ApplicationId, CountedId, Threshold};

/// A product that a host can activate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Product {
    /// Its name as people read it: `Windows 7 Enterprise`.
    pub name: String,
    /// Other names that documents give it.
    pub aliases: Vec<String>,
    /// The product key group that it belongs to: what a host's key must cover to activate it.
    pub group: GroupId,
    /// The application that it belongs to.
    pub application_id: ApplicationId,
    /// What a request names it by.
    pub activation_id: ActivationId,
    /// The family that its machines are counted with.
    pub counted_id: CountedId,
    /// The count at which it is activated.
    pub threshold: Threshold,
    /// Its periods and rearms.
    pub policy: Policy,
    /// The published key that makes an installation of it a client of a host.
    pub client_setup_key: Option<ProductKeyText>,
    /// The host keys that name it as a host, beside those that any system may host.
    pub may_host: BTreeSet<GroupId>,
}

impl Product {
    /// Whether a scope holds the product's group.
    ///
    /// A scope is what [`HostKey::activates`] gave when a host was certified, and its certificate
    /// carries it with all that the hierarchy implies (PROTOCOL section 4). So nothing is inferred
    /// here: a later catalogue, in which a key reaches further, widens no certificate.
    pub fn is_covered_by<S: AsRef<str>>(&self, scope: impl IntoIterator<Item = S>) -> bool {
        scope
            .into_iter()
            .any(|group| group.as_ref() == self.group.as_str())
    }
}

/// A host key (CSVLK): what makes a machine a host for some groups of products.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostKey {
    /// The group that it is the host key of.
    pub id: GroupId,
    /// Its name as people read it.
    pub title: String,
    /// The groups that it activates: its own and all that those below it reach.
    pub activates: BTreeSet<GroupId>,
    /// The names of the products and other systems that may host it; empty when any may.
    pub hosts: Vec<String>,
}

impl HostKey {
    /// Whether a host with this key may activate a product.
    #[must_use]
    pub fn may_activate(&self, product: &Product) -> bool {
        self.activates.contains(&product.group)
    }
}

/// An application: what the documents' Application ID stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Application {
    /// Its name as people read it.
    pub name: String,
    /// Its id.
    pub application_id: ApplicationId,
}

/// A family of products whose machines share one activation count.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Family {
    /// Its name as people read it.
    pub name: String,
    /// Its id.
    pub counted_id: CountedId,
}
