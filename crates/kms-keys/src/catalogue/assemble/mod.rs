//! From the form of a file to a catalogue, or to all that is wrong with it.

mod products;

use super::{
    Catalogue, CatalogueProblem, CatalogueProblemKind as Kind, folded,
    form::{CatalogueForm, Field, GroupForm, NamedForm, PolicyForm, SystemForm},
    hierarchy::reach,
    place::{Lines, field_at},
    report::{Names, Report},
};
use crate::{Application, Family, GracePeriod, GroupId, Policy};
use alloc::{
    borrow::ToOwned,
    collections::BTreeSet,
    format,
    string::{String, ToString},
    vec::Vec,
};
use kms_core::{
    ActivationInterval, ApplicationId, CountedId, RenewalInterval, Threshold, ValidityInterval,
};
use toml::Spanned;
use uuid::Uuid;

pub(super) fn catalogue(text: &str) -> Result<Catalogue, Vec<CatalogueProblem>> {
    let whole = |kind| Err(Vec::from([CatalogueProblem::new(1, String::new(), kind)]));
    if text.len() > Catalogue::MAX_FILE_LEN {
        return whole(Kind::TooLong { len: text.len() });
    }
    let lines = Lines::new(text);
    let form: CatalogueForm = match toml::from_str(text) {
        Ok(form) => form,
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            let message = error.message().to_owned();
            let kind = Kind::Form { message };
            let problem = CatalogueProblem::new(lines.line(at), field_at(text, at), kind);
            return Err(Vec::from([problem]));
        }
    };
    if form.group.len() > Catalogue::MAX_GROUPS {
        let count = form.group.len();
        return whole(Kind::TooManyGroups { count });
    }
    Assembly::new(lines).catalogue(&form)
}

/// What is known so far of the tables that others refer to.
#[derive(Debug)]
struct Assembly {
    report: Report,
    applications: Names<ApplicationId>,
    families: Names<CountedId>,
    policies: Names<Policy>,
    /// Indices into the list of groups.
    groups: Names<usize>,
    /// Products with their aliases, and other systems.
    hosts: Names<Host>,
}

/// What a host key may be installed on.
#[derive(Clone, Copy, Debug)]
enum Host {
    /// A product, by its index into the list.
    Product(usize),
    /// Another system, by its index into the list.
    System(usize),
}

/// A group that has an id.
#[derive(Debug)]
struct Group<'a> {
    id: GroupId,
    title: String,
    form: &'a GroupForm,
    terms: Terms,
}

/// What a product has from its own table, or else from its group's.
#[derive(Debug)]
struct Terms {
    application_id: Option<ApplicationId>,
    counted_id: Option<CountedId>,
    threshold: Option<Threshold>,
    policy: Option<Policy>,
}

impl Assembly {
    const fn new(lines: Lines) -> Self {
        Self {
            report: Report::new(lines),
            applications: Names::new("application"),
            families: Names::new("family"),
            policies: Names::new("policy"),
            groups: Names::new("group"),
            hosts: Names::new("product, system or group"),
        }
    }

    fn catalogue(mut self, form: &CatalogueForm) -> Result<Catalogue, Vec<CatalogueProblem>> {
        let applications = self.applications(&form.application);
        let families = self.families(&form.family);
        for entry in &form.policy {
            self.policy(entry);
        }
        let groups = self.groups(&form.group);
        let reached = self.reached(&groups);
        let systems = self.systems(&form.system);
        let mut products = self.products(&form.product, &groups);
        let host_keys = self.host_keys(&groups, &reached, &systems, &mut products);
        let problems = self.report.into_problems();
        if !problems.is_empty() {
            return Err(problems);
        }
        let by_id = (0..)
            .zip(&products)
            .map(|(at, product)| (product.activation_id, at))
            .collect();
        let by_name = self
            .hosts
            .into_folded()
            .filter_map(|(name, host)| match host {
                Host::Product(at) => Some((name, at)),
                Host::System(_) => None,
            })
            .collect();
        Ok(Catalogue {
            applications,
            families,
            groups: groups.into_iter().map(|group| group.id).collect(),
            systems,
            products,
            host_keys,
            by_id,
            by_name,
        })
    }

    fn applications(&mut self, form: &[Spanned<NamedForm>]) -> Vec<Application> {
        let Self {
            report,
            applications,
            ..
        } = self;
        named(report, "application", form, |report, offset, name, id| {
            let application_id = ApplicationId::new(id);
            applications
                .insert(report, offset, "application.name", &name, application_id)
                .then_some(Application {
                    name,
                    application_id,
                })
        })
    }

    fn families(&mut self, form: &[Spanned<NamedForm>]) -> Vec<Family> {
        let Self {
            report, families, ..
        } = self;
        named(report, "family", form, |report, offset, name, id| {
            let counted_id = CountedId::new(id);
            families
                .insert(report, offset, "family.name", &name, counted_id)
                .then_some(Family { name, counted_id })
        })
    }

    fn policy(&mut self, entry: &Spanned<PolicyForm>) {
        let (report, form) = (&mut self.report, entry.get_ref());
        let grace = |minutes| Ok(GracePeriod::from_minutes(minutes));
        let default = Policy::default();
        let policy = Policy {
            grace: report.period("policy.grace", &form.grace, default.grace, grace),
            oot_grace: report.period(
                "policy.oot_grace",
                &form.oot_grace,
                default.oot_grace,
                grace,
            ),
            validity: report.period(
                "policy.validity",
                &form.validity,
                default.validity,
                ValidityInterval::from_minutes,
            ),
            rearms: form.rearms.as_ref().map_or(default.rearms, |rearms| {
                report.number("policy.rearms", rearms, 0, u32::MAX)
            }),
            reduced_functionality: form
                .reduced_functionality
                .unwrap_or(default.reduced_functionality),
            activation_interval: report.period(
                "policy.activation_interval",
                &form.activation_interval,
                default.activation_interval,
                ActivationInterval::from_minutes,
            ),
            renewal_interval: report.period(
                "policy.renewal_interval",
                &form.renewal_interval,
                default.renewal_interval,
                RenewalInterval::from_minutes,
            ),
        };
        let field = "policy.name";
        if let Some(name) = report.required(entry.span().start, field, &form.name)
            && report.is_name(field, name)
        {
            let offset = name.span().start;
            self.policies
                .insert(report, offset, field, name.get_ref(), policy);
        }
    }

    fn groups<'a>(&mut self, form: &'a [Spanned<GroupForm>]) -> Vec<Group<'a>> {
        let mut groups = Vec::new();
        for entry in form {
            let (table, form) = (entry.span().start, entry.get_ref());
            let field = "group.title";
            let title = self.report.required(table, field, &form.title);
            if let Some(title) = title {
                self.report.is_name(field, title);
            }
            let title = title.map_or_else(String::new, |title| title.get_ref().clone());
            let terms = self.terms(
                "group",
                &form.application,
                &form.family,
                &form.threshold,
                &form.policy,
            );
            let field = "group.id";
            let Some(id) = self.report.required(table, field, &form.id) else {
                continue;
            };
            let offset = id.span().start;
            match id.get_ref().parse::<GroupId>() {
                Ok(id) => {
                    let (report, index) = (&mut self.report, groups.len());
                    self.groups
                        .insert(report, offset, field, id.as_str(), index);
                    groups.push(Group {
                        id,
                        title,
                        form,
                        terms,
                    });
                }
                Err(error) => self.report.add(offset, field, Kind::GroupId(error)),
            }
        }
        groups
    }

    /// What a table says of its application, family, threshold and policy.
    fn terms(
        &mut self,
        table: &str,
        application: &Field<String>,
        family: &Field<String>,
        threshold: &Field<i64>,
        policy: &Field<String>,
    ) -> Terms {
        let Self {
            report,
            applications,
            families,
            policies,
            ..
        } = self;
        Terms {
            application_id: application.as_ref().map(|reference| {
                let field = format!("{table}.application");
                let found = applications.refer(report, &field, reference);
                found.copied().unwrap_or(ApplicationId::new(Uuid::nil()))
            }),
            counted_id: family.as_ref().map(|reference| {
                let field = format!("{table}.family");
                let found = families.refer(report, &field, reference);
                found.copied().unwrap_or(CountedId::new(Uuid::nil()))
            }),
            threshold: threshold
                .as_ref()
                .map(|count| report.threshold(&format!("{table}.threshold"), count)),
            policy: policy.as_ref().map(|reference| {
                let field = format!("{table}.policy");
                let found = policies.refer(report, &field, reference);
                found.copied().unwrap_or_default()
            }),
        }
    }

    /// The groups that each group reaches, by index.
    fn reached(&mut self, groups: &[Group<'_>]) -> Vec<BTreeSet<usize>> {
        let field = "group.includes";
        let mut includes = Vec::new();
        for group in groups {
            let mut below = Vec::new();
            for reference in &group.form.includes {
                below.extend(
                    self.groups
                        .refer(&mut self.report, field, reference)
                        .copied(),
                );
            }
            includes.push(below);
        }
        reach(&includes).unwrap_or_else(|circle| {
            let circle: Vec<&Group<'_>> = circle.iter().filter_map(|&at| groups.get(at)).collect();
            if let Some((first, others)) = circle.split_first() {
                let next = others.first().unwrap_or(first);
                let inclusion = first
                    .form
                    .includes
                    .iter()
                    .find(|reference| folded(reference.get_ref()) == next.id.as_str());
                let offset = inclusion.map_or(0, |reference| reference.span().start);
                let mut path = String::new();
                for group in &circle {
                    path.push_str(group.id.as_str());
                    path.push_str(" includes ");
                }
                path.push_str(first.id.as_str());
                self.report.add(offset, field, Kind::Cycle { path });
            }
            Vec::new()
        })
    }

    fn systems(&mut self, form: &[Spanned<SystemForm>]) -> Vec<String> {
        let field = "system.name";
        let mut systems = Vec::new();
        for entry in form {
            let table = entry.span().start;
            if let Some(name) = self.report.required(table, field, &entry.get_ref().name)
                && self.report.is_name(field, name)
            {
                self.host_name(field, name, Host::System(systems.len()));
                systems.push(name.get_ref().clone());
            }
        }
        systems
    }

    fn host_name(&mut self, field: &str, name: &Spanned<String>, host: Host) -> bool {
        let offset = name.span().start;
        self.hosts
            .insert(&mut self.report, offset, field, name.get_ref(), host)
    }
}

/// Reads tables that have a name and an id, each into what `make` makes of them and of the name's
/// place; `None` when the name is another's.
fn named<T>(
    report: &mut Report,
    kind: &str,
    form: &[Spanned<NamedForm>],
    mut make: impl FnMut(&mut Report, usize, String, Uuid) -> Option<T>,
) -> Vec<T> {
    let mut made = Vec::new();
    let mut ids = Names::new("id");
    let (name_field, id_field) = (format!("{kind}.name"), format!("{kind}.id"));
    for entry in form {
        let NamedForm { name, id: given } = entry.get_ref();
        let Some(name) = report.required(entry.span().start, &name_field, name) else {
            continue;
        };
        if report.is_name(&name_field, name) {
            let offset = name.span().start;
            let name = name.get_ref();
            let id = report.id(&id_field, given, kind, name);
            let id_offset = given.as_ref().map_or(offset, |id| id.span().start);
            if let Some(value) = make(report, offset, name.clone(), id) {
                ids.insert(report, id_offset, &id_field, &id.to_string(), ());
                made.push(value);
            }
        }
    }
    made
}
