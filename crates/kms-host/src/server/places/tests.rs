use super::*;
use proptest::prelude::*;

const FIRST_BYTE: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_secs(10);

fn places(capacity: usize) -> Places<u32> {
    Places::new(capacity, FIRST_BYTE, IDLE)
}

fn at(millis: u64) -> Tick {
    Tick::from_millis(millis)
}

/// Enters with this number as the handle.
fn enter(places: &mut Places<u32>, number: u32, now: u64) -> PlaceId {
    let id = places.enter(at(now)).unwrap();
    assert_eq!(places.attach(id, number), None);
    id
}

fn closed(number: u32, why: impl Into<Option<Refusal>>) -> Option<Closed<u32>> {
    Some(Closed {
        handle: Some(number),
        why: why.into(),
    })
}

#[test]
fn limit_connections_is_met_and_not_passed() {
    let mut places = places(3);
    let ids: Vec<_> = (0..3).map(|n| enter(&mut places, n, 0)).collect();
    assert!(places.is_full());
    assert_eq!(places.enter(at(0)), None);
    assert!(places.leave(ids[1]), "it was full");
    let again = enter(&mut places, 7, 1);
    assert_eq!(places.enter(at(1)), None);
    assert!(places.leave(again) && !places.leave(ids[0]) && !places.leave(ids[2]));
    assert!(places.is_empty());
    assert_eq!(places.next_timeout(), None);
}

#[test]
fn limit_first_byte_and_limit_idle_of_a_host_with_room() {
    let mut places = places(100);
    enter(&mut places, 1, 1000);
    let answered = enter(&mut places, 2, 1000);
    let begun = enter(&mut places, 3, 1000);
    let busy = enter(&mut places, 4, 1000);
    assert!(places.wait(answered, Wait::Idle, at(1500)));
    assert!(places.wait(begun, Wait::Begun, at(1500)));
    assert!(places.work(busy));
    assert_eq!(places.next_timeout(), Some(at(6000)));
    assert_eq!(places.close_overdue(at(5999)), None);
    assert_eq!(places.close_overdue(at(6000)), closed(1, Refusal::Deadline));
    assert_eq!(places.next_timeout(), Some(at(11_500)));
    assert_eq!(places.close_overdue(at(11_499)), None);
    let usual_end = None;
    assert_eq!(places.close_overdue(at(11_500)), closed(2, usual_end));
    assert_eq!(places.next_timeout(), None);
    assert_eq!(places.close_overdue(at(1_000_000)), None);
    assert!(!places.wait(answered, Wait::Idle, at(11_500)) && !places.work(answered));
    assert!(places.work(begun) && places.work(busy));
}

#[test]
fn limit_idle_shrinks_as_places_fill() {
    // The places taken of 100, and what is left of the ten seconds, or of five to the first byte.
    for (taken, idle, first_byte) in [
        (49, 10_000, 5000),
        (50, 2500, 1250),
        (64, 2500, 1250),
        (65, 500, 250),
        (80, 500, 250),
    ] {
        for (what, allowed, why) in [
            (Wait::Idle, idle, None),
            (Wait::FirstByte, first_byte, Some(Refusal::Deadline)),
        ] {
            let mut places = places(100);
            for number in 0..taken {
                let id = enter(&mut places, number, 0);
                assert!(places.work(id) && (number > 0 || places.wait(id, what, at(0))));
            }
            assert_eq!(places.next_timeout(), Some(at(allowed)), "{taken}");
            assert_eq!(places.close_overdue(at(allowed - 1)), None);
            let why = if taken < 50 { why } else { Some(Refusal::Idle) };
            assert_eq!(places.close_overdue(at(allowed)), closed(0, why));
        }
    }
}

#[test]
fn limit_idle_is_never_less_than_a_fifth_of_a_second_unless_it_is_set_so() {
    let mut places = Places::new(1, Duration::from_secs(1), Duration::from_millis(100));
    let id = enter(&mut places, 1, 0);
    assert_eq!(places.next_timeout(), Some(at(200)));
    assert!(places.wait(id, Wait::Idle, at(0)));
    assert_eq!(places.next_timeout(), Some(at(100)));
}

#[test]
fn beyond_four_fifths_the_longest_wait_of_any_kind_is_ended() {
    let mut places = places(10);
    let ids: Vec<_> = (0..8).map(|n| enter(&mut places, n, 0)).collect();
    assert!(places.work(ids[0]));
    assert!(places.wait(ids[1], Wait::Begun, at(1)));
    assert!(places.wait(ids[2], Wait::Idle, at(2)));
    for (number, id) in ids.iter().enumerate().skip(3) {
        assert!(places.wait(*id, Wait::FirstByte, at(number as u64)));
    }
    assert_eq!(places.close_overdue(at(201)), None, "eight of ten are not");
    enter(&mut places, 8, 10);
    assert_eq!(places.next_timeout(), Some(at(201)));
    assert_eq!(places.close_overdue(at(200)), None);
    assert_eq!(places.close_overdue(at(201)), closed(1, Refusal::Idle));
    assert_eq!(places.close_overdue(at(201)), None, "its place is counted");
    enter(&mut places, 9, 10);
    assert_eq!(places.close_overdue(at(202)), closed(2, Refusal::Idle));
    assert!(places.is_full(), "they are not gone yet");
    assert!(places.leave(ids[1]));
    enter(&mut places, 10, 11);
    assert_eq!(places.close_overdue(at(203)), closed(3, Refusal::Idle));
}

#[test]
fn who_works_is_not_closed_for_any_room() {
    let mut places = places(5);
    for number in 0..5 {
        let id = enter(&mut places, number, 0);
        assert!(places.work(id));
    }
    assert_eq!(places.close_overdue(at(1_000_000)), None);
    assert_eq!(places.close_longest(at(1_000_000)), None);
    assert_eq!(places.close_idle(), None);
    assert_eq!(places.next_timeout(), None);
    for number in 0..5 {
        assert_eq!(places.close_any(), closed(number, None));
    }
    assert_eq!(places.close_any(), None);
}

#[test]
fn a_handle_that_comes_too_late_is_given_back_or_forgotten() {
    let mut places = places(10);
    let early = places.enter(at(0)).unwrap();
    let nobody = Some(Closed {
        handle: None,
        why: None,
    });
    assert_eq!(places.close_idle(), nobody);
    assert_eq!(places.attach(early, 1), Some(1), "to be ended at once");
    places.leave(early);
    let second = places.enter(at(0)).unwrap();
    assert_eq!(places.attach(early, 1), None, "it is of another");
    assert_eq!(places.attach(second, 2), None);
    assert_eq!(places.close_idle(), closed(2, None));
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Enter,
    Wait(usize, Wait),
    Work(usize),
    Leave(usize),
    Pass(u64),
    Sweep,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let wait = prop_oneof![Just(Wait::Idle), Just(Wait::Begun), Just(Wait::FirstByte)];
    let step = prop_oneof![
        3 => Just(Step::Enter),
        2 => (any::<usize>(), wait).prop_map(|(who, what)| Step::Wait(who, what)),
        1 => any::<usize>().prop_map(Step::Work),
        1 => any::<usize>().prop_map(Step::Leave),
        2 => (0..400_u64).prop_map(Step::Pass),
        2 => Just(Step::Sweep),
    ];
    prop::collection::vec(step, 1..200)
}

/// What is known of one connection without any queue.
#[derive(Clone, Debug)]
struct Known {
    id: PlaceId,
    number: u32,
    wait: Option<(Tick, u64, Wait)>,
    closed: bool,
}

/// Whom the rules close now, by looking at everybody.
fn wanted(known: &[Known], capacity: usize, now: Tick) -> Option<(u32, Option<Refusal>)> {
    let live: Vec<&Known> = known.iter().filter(|known| !known.closed).collect();
    let percent = live.len() * 100 / capacity;
    let divisor = match percent {
        65.. => 20,
        50.. => 4,
        _ => 1,
    };
    // The order of waiting breaks ties between queues as the engine does: by the kind.
    let kind = |what| {
        [Wait::FirstByte, Wait::Idle, Wait::Begun]
            .iter()
            .position(|w| *w == what)
    };
    let waiting = |kinds: &[Wait]| {
        let waits = live.iter().filter_map(|known| {
            let (since, order, what) = known.wait?;
            kinds
                .contains(&what)
                .then_some((since, kind(what), order, known.number))
        });
        waits.min()
    };
    if live.len() > capacity - capacity / 5
        && let Some((since, .., number)) = waiting(&[Wait::FirstByte, Wait::Idle, Wait::Begun])
        && since.saturating_add(LEAST_IDLE) <= now
    {
        return Some((number, Some(Refusal::Idle)));
    }
    for (what, usual, why) in [
        (Wait::FirstByte, FIRST_BYTE, Some(Refusal::Deadline)),
        (Wait::Idle, IDLE, None),
    ] {
        if let Some((since, .., number)) = waiting(&[what])
            && since.saturating_add((usual / divisor).max(LEAST_IDLE)) <= now
        {
            return Some((
                number,
                if divisor > 1 {
                    Some(Refusal::Idle)
                } else {
                    why
                },
            ));
        }
    }
    None
}

proptest! {
    /// Beside a list of everybody that is looked through each time.
    #[test]
    fn it_closes_whom_the_rules_name(capacity in 1_usize..12, steps in steps()) {
        let mut places = places(capacity);
        let mut known: Vec<Known> = Vec::new();
        let (mut now, mut number) = (at(0), 0);
        for step in steps {
            number += 1;
            match step {
                Step::Pass(millis) => now = now.saturating_add(Duration::from_millis(millis * 5)),
                Step::Enter => {
                    let entered = places.enter(now);
                    prop_assert_eq!(entered.is_some(), known.len() < capacity);
                    if let Some(id) = entered {
                        prop_assert_eq!(places.attach(id, number), None);
                        let wait = Some((now, u64::from(number), Wait::FirstByte));
                        known.push(Known { id, number, wait, closed: false });
                    }
                }
                Step::Wait(who, what) if !known.is_empty() => {
                    let at = who % known.len();
                    let known = &mut known[at];
                    prop_assert_eq!(places.wait(known.id, what, now), !known.closed);
                    known.wait = Some((now, u64::from(number), what));
                }
                Step::Work(who) if !known.is_empty() => {
                    let at = who % known.len();
                    prop_assert_eq!(places.work(known[at].id), !known[at].closed);
                    known[at].wait = None;
                }
                Step::Leave(who) if !known.is_empty() => {
                    let full = known.len() == capacity;
                    let gone = known.swap_remove(who % known.len());
                    prop_assert_eq!(places.leave(gone.id), full);
                }
                Step::Sweep => loop {
                    let wanted = wanted(&known, capacity, now);
                    let due = places.next_timeout().is_some_and(|timeout| timeout <= now);
                    prop_assert_eq!(due, wanted.is_some());
                    let Some((number, why)) = wanted else {
                        prop_assert_eq!(places.close_overdue(now), None);
                        break;
                    };
                    prop_assert_eq!(places.close_overdue(now), closed(number, why));
                    for known in &mut known {
                        known.closed |= known.number == number;
                    }
                },
                _ => {}
            }
            prop_assert_eq!(places.is_empty(), known.is_empty());
        }
    }
}
