use crate::{ClientConfig, OpenError, StateError, StateFile, setup};
use kms_core::{ActivationId, ApplicationId, CountedId, Encode as _, MachineName, Now, Timestamp};
use kms_license::{License, RequestFields};
use kms_trust::{Expected, VerifiedAnswer};
use kms_wire::ActivationRequest;
use std::path::PathBuf;

/// What a client would ask its hosts: the product of its configuration, and the client machine id and
/// licence status of its state file. Nothing of it is ever written.
///
/// A host that is asked counts the machine, as with any request.
#[derive(Clone, Debug)]
pub struct Question {
    application_id: ApplicationId,
    activation_id: ActivationId,
    counted_id: CountedId,
    group_id: String,
    product: String,
    machine_name: MachineName,
    fields: RequestFields,
}

/// Why there is nothing to ask with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QuestionError {
    /// The configuration, or a file that it names, cannot be used.
    #[error(transparent)]
    Client(#[from] OpenError),
    /// There is no state file yet, and so no client machine id.
    #[error(
        "{path}: there is no state yet, and so no client machine id to ask with: activate this client once, or leave --ask out"
    )]
    NoState {
        /// The state file.
        path: PathBuf,
    },
    /// No key is installed.
    #[error(
        "{path}: no product key is installed, and so nothing can be asked: install it, or leave --ask out"
    )]
    NoKey {
        /// The state file.
        path: PathBuf,
    },
}

impl Question {
    /// What the client with this configuration would ask now.
    ///
    /// # Errors
    /// When the product is not in the catalogue, or the state file is not there, cannot be read, or
    /// is another product's.
    pub fn load(configured: &ClientConfig, now: Now) -> Result<Self, QuestionError> {
        let open = |error: OpenError| QuestionError::Client(error);
        let catalogue = setup::load_catalogue(configured.catalogue.as_deref())?;
        let product = catalogue
            .find(&configured.product)
            .map_err(|error| open(error.into()))?;
        let machine_name = setup::machine_name(configured.machine_name.as_deref())?;
        let file = StateFile::new(configured.state.clone());
        let path = || file.path().to_owned();
        let stored = file
            .load()
            .map_err(|error| open(StateError::from(error).into()))?
            .ok_or_else(|| QuestionError::NoState { path: path() })?;
        let state =
            setup::read_state(&file, &stored, product).map_err(|error| open(error.into()))?;
        let policy = setup::policy_of(product);
        let mut license =
            License::<VerifiedAnswer>::restore(policy, state.license, now).map_err(|source| {
                let path = path();
                open(StateError::License { path, source }.into())
            })?;
        let fields = license
            .begin_attempt("", configured.virtual_machine, now)
            .map_err(|_| QuestionError::NoKey { path: path() })?;
        Ok(Self {
            application_id: product.application_id,
            activation_id: product.activation_id,
            counted_id: product.counted_id,
            group_id: product.group.as_str().to_owned(),
            product: product.name.clone(),
            machine_name,
            fields,
        })
    }

    /// The product's name in the catalogue.
    #[must_use]
    pub fn product(&self) -> &str {
        &self.product
    }

    pub(super) const fn needed(&self) -> u32 {
        self.fields.required_count.machines()
    }

    pub(super) fn message(&self, now: Timestamp, nonce: [u8; 16]) -> Vec<u8> {
        ActivationRequest {
            minor_version: ActivationRequest::MINOR_VERSION,
            virtual_machine: self.fields.virtual_machine,
            license_status: self.fields.status,
            minutes_remaining: self.fields.minutes_remaining,
            application_id: self.application_id,
            activation_id: self.activation_id,
            counted_id: self.counted_id,
            cmid: self.fields.cmid,
            previous_cmid: self.fields.previous_cmid,
            required_count: self.fields.required_count,
            request_time: now,
            nonce,
            machine_name: self.machine_name,
        }
        .to_vec()
    }

    pub(super) fn expected<'a>(&'a self, message: &'a [u8]) -> Expected<'a> {
        Expected {
            request_message: message,
            cmid: self.fields.cmid,
            activation_id: self.activation_id,
            group_id: &self.group_id,
        }
    }
}
