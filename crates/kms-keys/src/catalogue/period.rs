//! Periods of a catalogue file: a whole number and its unit, as `30 d`.

/// The minutes of a period in `d`, `h` or `min`; `None` when it is none, or has more minutes than
/// 32 bits.
pub(super) fn minutes(text: &str) -> Option<u32> {
    let (number, unit) = text.split_once(' ')?;
    let minutes_of_unit = match unit {
        "min" => 1,
        "h" => 60,
        "d" => 24 * 60,
        _ => return None,
    };
    // `parse` would take a sign.
    if !number.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    number.parse::<u32>().ok()?.checked_mul(minutes_of_unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_a_number_and_a_unit() {
        assert_eq!(minutes("15 min"), Some(15));
        assert_eq!(minutes("2 h"), Some(120));
        assert_eq!(minutes("180 d"), Some(259_200));
        assert_eq!(minutes("0 d"), Some(0));
        assert_eq!(minutes("4294967295 min"), Some(u32::MAX));
    }

    #[test]
    fn anything_else_is_none() {
        for text in [
            "",
            " ",
            "30",
            "d",
            "30d",
            "30 days",
            "30  d",
            " 30 d",
            "30 d ",
            "+30 d",
            "-1 d",
            "1.5 h",
            "4294967296 min",
            "71582789 h",
            "٣ d",
        ] {
            assert_eq!(minutes(text), None, "{text:?}");
        }
    }
}
