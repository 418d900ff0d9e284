use crate::{Catalogue, HostKey, Product};
use alloc::{collections::BTreeSet, vec::Vec};

/// A host key and the products, of those asked for, that it leaves to other keys.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cover<'a> {
    /// The key.
    pub host_key: &'a HostKey,
    /// The products that it does not activate, in the order asked.
    pub left: Vec<&'a Product>,
}

impl Cover<'_> {
    /// Whether the key activates all products asked for.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.left.is_empty()
    }
}

impl Catalogue {
    /// The host keys that activate these products with the least authority, in the order of the file.
    ///
    /// A key is in the answer when no other key is better. One is better than another when it leaves
    /// only some of the products that the other leaves, or when both leave the same and it activates
    /// only some of the groups that the other activates. So when one key activates all products, the
    /// answer is every such key below which there is no other such key: a smallest element of the
    /// partial order, of which there may be several. When no key does, each key of the answer does a
    /// part that cannot be had with less authority and that no key exceeds, and says what is
    /// [left](Cover::left).
    ///
    /// A key that activates none of the products is not in the answer; it is empty when there are no
    /// products, or none that any key activates.
    #[must_use]
    pub fn least_host_keys<'a>(&'a self, products: &[&'a Product]) -> Vec<Cover<'a>> {
        let candidates: Vec<(&HostKey, BTreeSet<usize>)> = self
            .host_keys()
            .map(|key| {
                let asked = products.iter().enumerate();
                let left = asked.filter(|(_, product)| !key.may_activate(product));
                (key, left.map(|(index, _)| index).collect())
            })
            .filter(|(_, left): &(_, BTreeSet<usize>)| left.len() < products.len())
            .collect();
        candidates
            .iter()
            .filter(|candidate| !candidates.iter().any(|other| is_better(other, candidate)))
            .map(|(host_key, left)| Cover {
                host_key,
                left: left
                    .iter()
                    .filter_map(|&index| products.get(index).copied())
                    .collect(),
            })
            .collect()
    }
}

type Candidate<'a> = (&'a HostKey, BTreeSet<usize>);

fn is_better((key, left): &Candidate<'_>, (other, other_left): &Candidate<'_>) -> bool {
    if left == other_left {
        key.id != other.id && key.activates.is_subset(&other.activates)
    } else {
        left.is_subset(other_left)
    }
}
