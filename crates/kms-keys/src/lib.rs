//! Product keys, key groups, and the catalogue of products and host keys.
