//! The lab's scenarios, judged by the data that it prints and not by its own checks alone.

mod cache;
mod decay;
mod global;
mod mixed_groups;
mod printed;
mod report;
mod single_site;
