//! What a new configuration changes in a host that runs, and what it does not.

use kms_host::HostConfig;

/// The keys that differ and are obeyed at the next start only.
pub(crate) fn wants_restart(old: &HostConfig, new: &HostConfig) -> Vec<&'static str> {
    let differ = [
        ("listen", old.listen != new.listen),
        ("catalogue", old.catalogue != new.catalogue),
        ("retention", old.retention != new.retention),
        (
            "count_virtual_machines",
            old.count_virtual_machines != new.count_virtual_machines,
        ),
        ("[limits]", old.limits != new.limits),
        ("[store]", old.store != new.store),
        ("[admission]", old.admission != new.admission),
        ("[metrics]", old.metrics != new.metrics),
    ];
    differ
        .into_iter()
        .filter_map(|(key, differs)| differs.then_some(key))
        .collect()
}
