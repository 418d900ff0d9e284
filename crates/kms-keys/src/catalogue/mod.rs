//! The catalogue of products and host keys, and the questions that it answers.

mod assemble;
mod cover;
mod error;
mod form;
mod hierarchy;
mod period;
mod place;
mod report;

pub use cover::Cover;
pub use error::{CatalogueError, CatalogueProblem, CatalogueProblemKind, UnknownName};

use crate::{Application, Family, GroupId, HostKey, Product, ProductKeyText, nearest::nearest};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};
use kms_core::{ActivationId, CountedId};
use uuid::{Uuid, uuid};

/// Products, their key groups, and the host keys that activate them, as one file says and as a whole
/// that was checked: whatever an entry refers to exists, and names and ids are used once.
///
/// The [default](Self::default) catalogue is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    applications: Vec<Application>,
    families: Vec<Family>,
    groups: Vec<GroupId>,
    systems: Vec<String>,
    products: Vec<Product>,
    host_keys: Vec<HostKey>,
    // Where in `products` each id is, and each name and alias in lower case.
    by_id: BTreeMap<ActivationId, usize>,
    by_name: BTreeMap<String, usize>,
}

impl Catalogue {
    /// The namespace in which ids are made from names (RFC 9562 version 5). The name hashed in it is
    /// `application:`, `family:` or `product:` and the name as the catalogue spells it, so that one
    /// file has the same ids everywhere. A file may give ids of its own instead.
    pub const NAMESPACE: Uuid = uuid!("63f6974b-64f8-487c-8ec3-345f5bf4736c");
    /// The most groups that a catalogue has: a certificate for all of them must fit into
    /// GetHostCertificate's answer (PROTOCOL section 3).
    pub const MAX_GROUPS: usize = 500;
    /// The longest catalogue file, in bytes.
    pub const MAX_FILE_LEN: usize = 1 << 20;

    /// The catalogue that this crate brings along: the Windows and Office products of the documents
    /// for rehearsals, and an example of a vendor's. It is read anew by each call, so keep it.
    #[must_use]
    pub fn builtin() -> Self {
        // INVARIANT: it has no problems; a test reads it.
        Self::parse(BUILTIN, "catalogue.toml").unwrap_or_default()
    }

    /// The catalogue in a file's text. `file_name` is only for the errors. The crate's documentation
    /// describes the form.
    ///
    /// # Errors
    /// All problems that the file has, each with its line, field and remedy. Text that is not TOML,
    /// an unknown key and a value of the wrong type hide what follows them.
    pub fn parse(text: &str, file_name: &str) -> Result<Self, CatalogueError> {
        assemble::catalogue(text).map_err(|problems| CatalogueError::new(file_name, problems))
    }

    /// The product with this activation id.
    #[must_use]
    pub fn product(&self, id: ActivationId) -> Option<&Product> {
        self.by_id.get(&id).and_then(|&at| self.products.get(at))
    }

    /// The product with this name or alias, in upper or lower case.
    ///
    /// # Errors
    /// When there is none; the error names the nearest.
    pub fn product_named(&self, name: &str) -> Result<&Product, UnknownName> {
        self.by_name
            .get(&folded(name))
            .and_then(|&at| self.products.get(at))
            .ok_or_else(|| UnknownName::new("product", name, nearest(name, self.product_names())))
    }

    /// The product that a person means: by name or alias as [`product_named`](Self::product_named),
    /// or by the text of its activation id.
    ///
    /// # Errors
    /// When there is none; the error names the nearest.
    pub fn find(&self, name_or_id: &str) -> Result<&Product, UnknownName> {
        match name_or_id.trim().parse() {
            Ok(id) => self
                .product(id)
                .ok_or_else(|| UnknownName::new("product", name_or_id, None)),
            Err(_) => self.product_named(name_or_id),
        }
    }

    /// The product whose published client setup key this is.
    #[must_use]
    pub fn product_with_key(&self, key: &ProductKeyText) -> Option<&Product> {
        self.products
            .iter()
            .find(|product| product.client_setup_key.as_ref() == Some(key))
    }

    /// All products, in the order of the file.
    pub fn products(&self) -> impl ExactSizeIterator<Item = &Product> {
        self.products.iter()
    }

    /// The products that a host key activates, in the order of the file.
    pub fn products_activated_by<'a>(
        &'a self,
        host_key: &'a HostKey,
    ) -> impl Iterator<Item = &'a Product> {
        self.products()
            .filter(|product| host_key.may_activate(product))
    }

    /// All host keys, in the order of the file.
    pub fn host_keys(&self) -> impl ExactSizeIterator<Item = &HostKey> {
        self.host_keys.iter()
    }

    /// The host key with this id.
    ///
    /// # Errors
    /// When there is none; the error names the nearest.
    pub fn host_key(&self, id: &str) -> Result<&HostKey, UnknownName> {
        let wanted = id.trim();
        self.host_keys()
            .find(|key| key.id.as_str().eq_ignore_ascii_case(wanted))
            .ok_or_else(|| {
                let ids = self.host_keys().map(|key| key.id.as_str());
                UnknownName::new("host key", id, nearest(wanted, ids))
            })
    }

    /// All key groups, in the order of the file. Not each has a host key: some products are activated
    /// only by host keys of other groups.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = &GroupId> {
        self.groups.iter()
    }

    /// The groups that a host key activates: the scope that goes into a host's certificate.
    ///
    /// # Errors
    /// When there is no such host key.
    pub fn groups_activated_by(&self, host_key: &str) -> Result<&BTreeSet<GroupId>, UnknownName> {
        self.host_key(host_key).map(|key| &key.activates)
    }

    /// Whether a host with this host key may activate a product.
    ///
    /// # Errors
    /// When there is no such host key.
    pub fn may_activate(&self, host_key: &str, product: &Product) -> Result<bool, UnknownName> {
        self.host_key(host_key).map(|key| key.may_activate(product))
    }

    /// Whether a machine that runs `system`, the name or alias of a product or of another system of
    /// the catalogue, may be a host with this host key. A key that any system may host takes any
    /// name, known or not.
    ///
    /// # Errors
    /// When there is no such host key, or no such system.
    pub fn may_host(&self, system: &str, host_key: &str) -> Result<bool, UnknownName> {
        let key = self.host_key(host_key)?;
        if key.hosts.is_empty() {
            return Ok(true);
        }
        let wanted = folded(system);
        if self.systems().any(|name| folded(name) == wanted) {
            return Ok(key.hosts.iter().any(|host| folded(host) == wanted));
        }
        match self
            .by_name
            .get(&wanted)
            .and_then(|&at| self.products.get(at))
        {
            Some(product) => Ok(product.may_host.contains(&key.id)),
            None => {
                let names = self.product_names().chain(self.systems());
                Err(UnknownName::new("system", system, nearest(system, names)))
            }
        }
    }

    /// The systems that are no products of the catalogue but may host a key.
    pub fn systems(&self) -> impl ExactSizeIterator<Item = &str> {
        self.systems.iter().map(String::as_str)
    }

    /// All applications, in the order of the file.
    pub fn applications(&self) -> impl ExactSizeIterator<Item = &Application> {
        self.applications.iter()
    }

    /// All families, in the order of the file.
    pub fn families(&self) -> impl ExactSizeIterator<Item = &Family> {
        self.families.iter()
    }

    /// The family with this counted id.
    #[must_use]
    pub fn family(&self, id: CountedId) -> Option<&Family> {
        self.families().find(|family| family.counted_id == id)
    }

    fn product_names(&self) -> impl Iterator<Item = &str> {
        self.products().flat_map(|product| {
            let aliases = product.aliases.iter().map(String::as_str);
            core::iter::once(product.name.as_str()).chain(aliases)
        })
    }
}

/// A name as it is compared: upper and lower case are one, white space around it is none.
fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

const BUILTIN: &str = include_str!("../../catalogue.toml");
