//! `host events`: what happened, from the store, also while the host runs.

use crate::{beside, exit, since::Since};
use core::time::Duration;
use examples::cli::{self, Ended};
use kms_core::{Clock as _, Timestamp};
use kms_host::{
    HostEvent,
    store::sqlite::{EventFilter, StoreReader, StoredEvent},
};
use kms_service::SystemClock;
use serde::Serialize;
use std::{path::Path, thread};

/// How often `--follow` looks for more.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How many events are read at once.
const PAGE: usize = 1000;

/// How many of the newest are shown when nothing else is asked for.
const NEWEST: usize = 100;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Shows further events as they happen, until it is interrupted.
    #[arg(short, long)]
    follow: bool,
    /// Only from then on: a time, a length of time before now (30m, 7d), or the sequence of the last
    /// event that is known.
    #[arg(long, value_name = "TIME|DURATION|SEQUENCE")]
    since: Option<Since>,
    /// Only those with this number: 12290 request processed, 12291 start failed, 12293 publishing
    /// failed, 12294 published, 20001 and above alerts.
    #[arg(long)]
    id: Option<u16>,
    /// At most so many: the newest, or after a sequence the next. Without it and --since, 100.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// As JSON, one object a line.
    #[arg(long)]
    json: bool,
}

pub(crate) fn events(config: Option<&Path>, arguments: &Arguments) -> Result<u8, Ended> {
    let reader = beside::open(&beside::load(config)?)?;
    let mut show = Show {
        reader,
        json: arguments.json,
        id: arguments.id,
        since: arguments
            .since
            .and_then(|since| since.time(SystemClock.now().wall)),
        last: 0,
    };
    let limit = arguments
        .limit
        .map(|n| usize::try_from(n).unwrap_or(usize::MAX));
    let mut reads = match (arguments.since, limit) {
        (Some(Since::Sequence(sequence)), limit) => {
            show.last = sequence;
            show.all(limit.unwrap_or(usize::MAX))?
        }
        (Some(_), None) => show.all(usize::MAX)?,
        (_, limit) => show.newest(limit.unwrap_or(NEWEST))?,
    };
    while arguments.follow && reads {
        thread::sleep(LOOK_EVERY);
        reads = show.all(usize::MAX)?;
    }
    Ok(cli::DONE)
}

struct Show {
    reader: StoreReader,
    json: bool,
    id: Option<u16>,
    since: Option<Timestamp>,
    // The sequence of the last event that was seen.
    last: u64,
}

impl Show {
    /// Shows the newest; whether somebody still reads.
    fn newest(&mut self, limit: usize) -> Result<bool, Ended> {
        // Those that are not wanted are not wanted later either.
        let any = self.read(None, None, None, 1)?;
        let events = self.read(None, self.since, self.id, limit)?;
        let reads = self.show(&events)?;
        let seen = any.last().map_or(0, |event| event.sequence);
        self.last = self.last.max(seen);
        Ok(reads)
    }

    /// Shows those after the last, oldest first; whether somebody still reads.
    fn all(&mut self, mut limit: usize) -> Result<bool, Ended> {
        while limit > 0 {
            let page = limit.min(PAGE);
            let events = self.read(Some(self.last), self.since, self.id, page)?;
            if !self.show(&events)? {
                return Ok(false);
            }
            if events.len() < page {
                break;
            }
            limit -= events.len();
        }
        Ok(true)
    }

    fn read(
        &self,
        after: Option<u64>,
        since: Option<Timestamp>,
        id: Option<u16>,
        limit: usize,
    ) -> Result<Vec<StoredEvent>, Ended> {
        let filter = EventFilter {
            after,
            since,
            id,
            limit,
        };
        self.reader.events(&filter).map_err(exit::with)
    }

    fn show(&mut self, events: &[StoredEvent]) -> Result<bool, Ended> {
        for event in events {
            self.last = self.last.max(event.sequence);
            let reads = if self.json {
                cli::print_to_reader(cli::json_line(&Line::new(event))?)
            } else {
                let (sequence, time) = (event.sequence, event.time);
                let (id, title) = (event.event.id(), event.event.title());
                cli::print_to_reader(format_args!(
                    "{sequence} {time} {id} {title}: {}",
                    event.event
                ))
            };
            if !reads {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

#[derive(Serialize)]
struct Line<'a> {
    sequence: u64,
    time: String,
    id: u16,
    title: &'a str,
    info: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<String>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    request: Option<Request<'a>>,
}

#[derive(Serialize)]
struct Request<'a> {
    required_count: u32,
    machine_name: &'a str,
    cmid: String,
    client_time: String,
    virtual_machine: bool,
    license_status: u32,
    license_status_text: &'static str,
    minutes_remaining: u32,
    activation_id: String,
}

impl<'a> Line<'a> {
    fn new(stored: &'a StoredEvent) -> Self {
        let event = &stored.event;
        let (code, domain, request) = match event {
            HostEvent::RequestProcessed(request) => (Some(request.code), None, Some(request)),
            HostEvent::StartFailed { code } => (Some(*code), None, None),
            HostEvent::PublishFailed { code, domain } => (Some(*code), Some(domain), None),
            HostEvent::Published { domain } => (None, Some(domain), None),
            _ => (None, None, None),
        };
        Self {
            sequence: stored.sequence,
            time: stored.time.to_string(),
            id: event.id(),
            title: event.title(),
            info: event.to_string(),
            code: code.map(|code| format!("0x{:08X}", code.0)),
            domain: domain.map(ToString::to_string),
            request: request.map(|request| Request {
                required_count: request.required_count,
                machine_name: request.machine_name.as_str(),
                cmid: request.cmid.to_string(),
                client_time: request.client_time.to_string(),
                virtual_machine: request.virtual_machine,
                license_status: request.license_status.number(),
                license_status_text: request.license_status.text(),
                minutes_remaining: request.minutes_remaining,
                activation_id: request.activation_id.to_string(),
            }),
        }
    }
}
