#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

mod catalogue;
mod group_id;
mod nearest;
mod policy;
mod product;
mod product_key;

pub use catalogue::{
    Catalogue, CatalogueError, CatalogueProblem, CatalogueProblemKind, Cover, UnknownName,
};
pub use group_id::{GroupId, GroupIdError};
pub use policy::{GracePeriod, Policy};
pub use product::{Application, Family, HostKey, Product};
pub use product_key::{ProductKeyError, ProductKeyText};
