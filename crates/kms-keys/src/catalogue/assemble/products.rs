//! Products and host keys, which refer to all else.

use super::{Assembly, Group, Host};
use crate::{
    HostKey, Product, ProductKeyText,
    catalogue::{
        CatalogueProblemKind as Kind,
        form::{Field, ProductForm},
        report::Names,
    },
};
use alloc::{
    borrow::ToOwned,
    collections::BTreeSet,
    string::{String, ToString},
    vec::Vec,
};
use kms_core::ActivationId;
use toml::Spanned;

impl Assembly {
    pub(super) fn products(
        &mut self,
        form: &[Spanned<ProductForm>],
        groups: &[Group<'_>],
    ) -> Vec<Product> {
        let mut products = Vec::new();
        let mut ids = Names::new("id");
        let mut keys = Names::new("client setup key");
        for entry in form {
            let (table, form) = (entry.span().start, entry.get_ref());
            let host = Host::Product(products.len());

            let field = "product.name";
            let given = self.report.required(table, field, &form.name);
            let name = given.map_or("", |name| name.get_ref());
            let id = self.report.id("product.id", &form.id, "product", name);
            if let Some(given) = given
                && self.report.is_name(field, given)
                && self.host_name(field, given, host)
            {
                let offset = form
                    .id
                    .as_ref()
                    .map_or_else(|| given.span().start, |id| id.span().start);
                ids.insert(&mut self.report, offset, "product.id", &id.to_string(), ());
            }
            for alias in &form.aliases {
                let field = "product.aliases";
                if self.report.is_name(field, alias) {
                    self.host_name(field, alias, host);
                }
            }
            let client_setup_key = self.client_setup_key(&form.client_setup_key, &mut keys);
            let own = self.terms(
                "product",
                &form.application,
                &form.family,
                &form.threshold,
                &form.policy,
            );
            let group = self
                .report
                .required(table, "product.group", &form.group)
                .and_then(|id| self.groups.refer(&mut self.report, "product.group", id))
                .and_then(|&index| groups.get(index));
            let Some(group) = group else {
                continue;
            };

            let terms = &group.terms;
            let report = &mut self.report;
            let mut wanted = |field, there: bool| {
                if !there {
                    report.add(table, field, Kind::Missing);
                }
            };
            let application_id = own.application_id.or(terms.application_id);
            wanted("product.application", application_id.is_some());
            let counted_id = own.counted_id.or(terms.counted_id);
            wanted("product.family", counted_id.is_some());
            let threshold = own.threshold.or(terms.threshold);
            wanted("product.threshold", threshold.is_some());
            let (Some(application_id), Some(counted_id), Some(threshold)) =
                (application_id, counted_id, threshold)
            else {
                continue;
            };
            products.push(Product {
                name: name.to_owned(),
                aliases: form
                    .aliases
                    .iter()
                    .map(|alias| alias.get_ref().clone())
                    .collect(),
                group: group.id.clone(),
                application_id,
                activation_id: ActivationId::new(id),
                counted_id,
                threshold,
                policy: own.policy.or(terms.policy).unwrap_or_default(),
                client_setup_key,
                may_host: BTreeSet::new(),
            });
        }
        products
    }

    fn client_setup_key(
        &mut self,
        value: &Field<String>,
        keys: &mut Names<()>,
    ) -> Option<ProductKeyText> {
        let field = "product.client_setup_key";
        let value = value.as_ref()?;
        let offset = value.span().start;
        match value.get_ref().parse::<ProductKeyText>() {
            Ok(key) => {
                keys.insert(&mut self.report, offset, field, &key.to_string(), ());
                Some(key)
            }
            Err(error) => {
                self.report.add(offset, field, Kind::ProductKey(error));
                None
            }
        }
    }

    /// The host keys; each product is told which of them name it as a host.
    pub(super) fn host_keys(
        &mut self,
        groups: &[Group<'_>],
        reached: &[BTreeSet<usize>],
        systems: &[String],
        products: &mut [Product],
    ) -> Vec<HostKey> {
        let mut host_keys = Vec::new();
        for (index, group) in groups.iter().enumerate() {
            if group.form.host_key == Some(false) {
                if let Some(host) = group.form.hosts.first() {
                    let offset = host.span().start;
                    self.report.add(offset, "group.hosts", Kind::NoHostKey);
                }
                continue;
            }
            let reached = reached.get(index).into_iter().flatten();
            host_keys.push(HostKey {
                id: group.id.clone(),
                title: group.title.clone(),
                activates: reached
                    .filter_map(|&at| groups.get(at))
                    .map(|group| group.id.clone())
                    .collect(),
                hosts: self.hosts_of(group, groups, systems, products),
            });
        }
        host_keys
    }

    /// The names of what may host a group's key, each once.
    fn hosts_of(
        &mut self,
        group: &Group<'_>,
        groups: &[Group<'_>],
        systems: &[String],
        products: &mut [Product],
    ) -> Vec<String> {
        let field = "group.hosts";
        let mut hosts = Vec::new();
        let add = |product: &mut Product, hosts: &mut Vec<String>| {
            if product.may_host.insert(group.id.clone()) {
                hosts.push(product.name.clone());
            }
        };
        for reference in &group.form.hosts {
            let named = self.groups.get(reference.get_ref());
            if let Some(named) = named.and_then(|&index| groups.get(index)) {
                let mut members = products
                    .iter_mut()
                    .filter(|product| product.group == named.id)
                    .peekable();
                // It may be empty only because its products had problems.
                if members.peek().is_none() && self.report.is_clean() {
                    let id = named.id.to_string();
                    let offset = reference.span().start;
                    self.report.add(offset, field, Kind::EmptyGroup { id });
                }
                members.for_each(|product| add(product, &mut hosts));
                continue;
            }
            match self.hosts.refer(&mut self.report, field, reference) {
                Some(&Host::Product(at)) => {
                    if let Some(product) = products.get_mut(at) {
                        add(product, &mut hosts);
                    }
                }
                Some(&Host::System(at)) => {
                    if let Some(system) = systems.get(at)
                        && !hosts.contains(system)
                    {
                        hosts.push(system.clone());
                    }
                }
                None => {}
            }
        }
        hosts
    }
}
