//! `host publish` and `host withdraw`.

mod manual;
