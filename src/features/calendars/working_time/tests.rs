//! The worked examples of service levels, the rules of clocks and nights, and what holds for all calendars.
//!
//! N is Monday to Friday 09:00–18:00 in Istanbul, L the same with a break 12:00–13:00. 2026-01-09 is a Friday.

use chrono_tz::{America, Asia, Australia, Europe, Pacific};
use proptest::prelude::*;

use super::*;

fn span(from: u16, to: u16) -> Span {
    Span { from: from * 60, to: to * 60 }
}

fn hours(intervals: &[Span], breaks: &[Span]) -> Hours {
    Hours { intervals: intervals.to_vec(), breaks: breaks.to_vec() }
}

fn working_days(hours: Hours) -> Week {
    Week(std::array::from_fn(|day| if day < 5 { hours.clone() } else { Hours::default() }))
}

fn every_day(hours: Hours) -> Week {
    Week(std::array::from_fn(|_| hours.clone()))
}

fn istanbul(breaks: &[Span], special: Vec<SpecialDay>) -> Calendar {
    Calendar::new(Europe::Istanbul, &working_days(hours(&[span(9, 18)], breaks)), special)
}

fn n() -> Calendar {
    istanbul(&[], vec![])
}

fn l() -> Calendar {
    istanbul(&[span(12, 13)], vec![])
}

fn always(zone: Tz) -> Calendar {
    Calendar::new(zone, &every_day(whole_day()), vec![])
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn special(day: &str, hours: SpecialHours) -> SpecialDay {
    SpecialDay { date: date(day), yearly: false, name: day.to_owned(), message: None, hours }
}

/// A time in Istanbul, without seconds or with them.
fn at(text: &str) -> DateTime<Utc> {
    let seconds = if text.len() == 16 { ":00" } else { "" };
    format!("{text}{seconds}+03:00").replace(' ', "T").parse().unwrap()
}

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn due(calendar: &Calendar, from: &str, minutes: i64) -> DateTime<Utc> {
    add_working_time(calendar, at(from), TimeDelta::minutes(minutes)).unwrap()
}

#[test]
fn d1_an_hour_goes_over_the_weekend() {
    assert_eq!(due(&n(), "2026-01-09 17:55", 60), at("2026-01-12 09:55"));
}

#[test]
fn d2_what_is_left_of_friday_counts() {
    assert_eq!(due(&n(), "2026-01-09 17:30", 60), at("2026-01-12 09:30"));
    assert_eq!(due(&n(), "2026-01-09 17:30", 120), at("2026-01-12 10:30"));
}

#[test]
fn d3_what_ends_with_the_day_is_due_on_that_day() {
    for calendar in [n(), l()] {
        assert_eq!(due(&calendar, "2026-01-09 17:00", 60), at("2026-01-09 18:00"));
    }
}

#[test]
fn d4_no_time_passes_in_a_break() {
    assert_eq!(due(&l(), "2026-01-09 11:30", 60), at("2026-01-09 13:30"));
    assert_eq!(due(&l(), "2026-01-09 11:30", 120), at("2026-01-09 14:30"));
    assert_eq!(due(&l(), "2026-01-09 12:30", 60), at("2026-01-09 14:00"));
}

#[test]
fn d5_what_begins_off_hours_begins_with_the_next_day() {
    assert_eq!(due(&n(), "2026-01-11 22:30", 8 * 60), at("2026-01-12 17:00"));
    assert_eq!(due(&l(), "2026-01-11 22:30", 8 * 60), at("2026-01-12 18:00"));
}

#[test]
fn d6_24_hours_are_not_a_day() {
    assert_eq!(due(&n(), "2026-01-12 09:00", 24 * 60), at("2026-01-14 15:00"));
    assert_eq!(due(&l(), "2026-01-12 09:00", 24 * 60), at("2026-01-14 18:00"));
}

#[test]
fn d7_seconds_count() {
    assert_eq!(due(&n(), "2026-01-09 17:55:30", 60), at("2026-01-12 09:55:30"));
}

#[test]
fn d8_a_holiday_is_no_working_day() {
    let calendar = istanbul(&[], vec![special("2026-04-23", SpecialHours::Closed)]);
    assert_eq!(due(&calendar, "2026-04-22 17:30", 8 * 60), at("2026-04-24 16:30"));
}

#[test]
fn d9_a_holiday_may_begin_at_noon() {
    let holiday = special("2026-10-29", SpecialHours::Closed);
    let calendar = istanbul(&[], vec![holiday.clone()]);
    assert_eq!(due(&calendar, "2026-10-28 17:00", 4 * 60), at("2026-10-30 12:00"));
    let eve = special("2026-10-28", SpecialHours::ClosedFrom(13 * 60));
    let calendar = istanbul(&[], vec![eve, holiday]);
    assert_eq!(due(&calendar, "2026-10-28 12:00", 4 * 60), at("2026-10-30 12:00"));
}

#[test]
fn d10_hours_follow_the_clock_on_the_wall() {
    let calendar = Calendar::new(Europe::Berlin, &working_days(hours(&[span(9, 17)], &[])), vec![]);
    let due = add_working_time(&calendar, utc("2026-03-27T16:30:00+01:00"), TimeDelta::hours(1)).unwrap();
    assert_eq!(due, utc("2026-03-30T09:30:00+02:00"));
    assert_eq!(due, utc("2026-03-30T07:30:00Z"));
}

#[test]
fn d11_around_the_clock_no_minute_is_lost() {
    let calendar = always(Europe::Berlin);
    let after = |from: &str| add_working_time(&calendar, utc(from), TimeDelta::hours(4)).unwrap();
    assert_eq!(after("2026-03-28T23:00:00+01:00"), utc("2026-03-29T04:00:00+02:00"));
    assert_eq!(after("2026-10-24T23:00:00+02:00"), utc("2026-10-25T02:00:00+01:00"));
    let day = |from: &str, to: &str| working_time_between(&calendar, utc(from), utc(to));
    assert_eq!(day("2026-01-09T00:00:00+01:00", "2026-01-10T00:00:00+01:00"), TimeDelta::minutes(24 * 60));
    assert_eq!(day("2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"), TimeDelta::minutes(23 * 60));
    assert_eq!(day("2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"), TimeDelta::minutes(25 * 60));
}

#[test]
fn d12_a_pause_moves_what_is_due_by_the_working_time_of_the_pause() {
    let (calendar, target) = (n(), TimeDelta::hours(8));
    let used = working_time_between(&calendar, at("2026-01-12 09:00"), at("2026-01-12 10:00"));
    let due = add_working_time(&calendar, at("2026-01-13 11:00"), target - used).unwrap();
    assert_eq!(due, at("2026-01-13 18:00"));
}

#[test]
fn d13_a_warning_comes_in_working_time_before() {
    let warning = |due: &str| add_working_time(&n(), at(due), -TimeDelta::minutes(15)).unwrap();
    assert_eq!(warning("2026-01-12 09:05"), at("2026-01-09 17:50"));
    // What was due moved, so there is another moment to warn at.
    assert_eq!(warning("2026-01-12 11:00"), at("2026-01-12 10:45"));
    assert_eq!(warning("2026-01-12 09:15"), at("2026-01-12 09:00"));
}

#[test]
fn d14_a_shorter_target_counts_from_the_beginning() {
    let due = due(&n(), "2026-01-12 09:00", 60);
    assert_eq!(due, at("2026-01-12 10:00"));
    assert!(due < at("2026-01-12 11:00"), "at the change it was due already");
}

#[test]
fn h1_to_h3_the_next_opening() {
    let calendar = istanbul(&[], vec![special("2026-10-29", SpecialHours::Closed)]);
    let h1 = status(&calendar, utc("2026-01-09T22:30:00Z"));
    assert_eq!((h1.state, h1.next_open), (State::Closed, Some(utc("2026-01-12T06:00:00Z"))));
    let h2 = status(&calendar, at("2026-01-11 22:30"));
    assert_eq!((h2.next_open, h2.next_change), (Some(at("2026-01-12 09:00")), Some(at("2026-01-12 09:00"))));
    let h3 = status(&calendar, at("2026-10-29 12:00"));
    assert_eq!((h3.state, h3.next_open), (State::Holiday, Some(at("2026-10-30 09:00"))));
    assert_eq!(h3.special.unwrap().date, date("2026-10-29"));
}

#[test]
fn a_break_is_no_closing() {
    let calendar = l();
    let before = status(&calendar, at("2026-01-09 11:59"));
    assert_eq!((before.state, before.next_change), (State::Open, Some(at("2026-01-09 12:00"))));
    let during = status(&calendar, at("2026-01-09 12:00"));
    let back = Some(at("2026-01-09 13:00"));
    assert_eq!((during.state, during.next_change, during.next_open), (State::Break, back, back));
    assert_eq!(status(&calendar, at("2026-01-09 13:00")).state, State::Open);
    assert_eq!(status(&calendar, at("2026-01-09 18:00")).state, State::Closed);
}

#[test]
fn a_night_belongs_to_the_day_on_which_it_begins() {
    let nights = every_day(hours(&[span(18, 2)], &[span(0, 1)]));
    let calendar = Calendar::new(Europe::Istanbul, &nights, vec![special("2026-01-09", SpecialHours::Closed)]);
    let state = |time: &str| status(&calendar, at(time)).state;
    assert_eq!(state("2026-01-08 18:00"), State::Open);
    assert_eq!(state("2026-01-09 00:30"), State::Break);
    // Thursday's night goes on into the holiday; that of the holiday is none.
    assert_eq!(state("2026-01-09 01:30"), State::Open);
    assert_eq!(state("2026-01-09 02:00"), State::Holiday);
    assert_eq!(state("2026-01-09 23:00"), State::Holiday);
    assert_eq!(state("2026-01-10 01:30"), State::Closed);
    let midnight = status(&calendar, at("2026-01-09 23:00"));
    assert_eq!(midnight.next_change, Some(at("2026-01-10 00:00")), "from a holiday to an ordinary closing");
    assert_eq!(midnight.next_open, Some(at("2026-01-10 18:00")));
    let half = SpecialHours::ClosedFrom(20 * 60);
    let calendar = Calendar::new(Europe::Istanbul, &nights, vec![special("2026-01-09", half)]);
    assert_eq!(status(&calendar, at("2026-01-09 19:59")).state, State::Open);
    assert_eq!(status(&calendar, at("2026-01-10 01:30")).state, State::Closed);
}

#[test]
fn a_night_and_the_next_day_are_worked_once() {
    let own = SpecialHours::Own(hours(&[span(0, 12)], &[]));
    let calendar =
        Calendar::new(Europe::Istanbul, &every_day(hours(&[span(18, 2)], &[])), vec![special("2026-01-09", own)]);
    let worked = working_time_between(&calendar, at("2026-01-08 12:00"), at("2026-01-09 18:00"));
    assert_eq!(worked, TimeDelta::hours(18));
}

#[test]
fn yearly_days_come_each_year_and_give_way_to_a_date() {
    let yearly = SpecialDay { yearly: true, ..special("2025-10-29", SpecialHours::Closed) };
    let leap = SpecialDay { yearly: true, ..special("2024-02-29", SpecialHours::Closed) };
    let once = special("2027-10-29", SpecialHours::Own(hours(&[span(10, 11)], &[])));
    let calendar = istanbul(&[], vec![yearly, leap, once]);
    let is_special = |day: &str| calendar.special(date(day)).is_some();
    assert!(is_special("2025-10-29") && is_special("2026-10-29") && is_special("2099-10-29"));
    assert!(!is_special("2024-10-29"), "before the first one");
    assert!(is_special("2028-02-29") && !is_special("2026-02-28") && !is_special("2026-03-01"));
    assert_eq!(status(&calendar, at("2026-10-29 10:30")).state, State::Holiday);
    assert_eq!(status(&calendar, at("2027-10-29 10:30")).state, State::Open);
}

#[test]
fn special_days_on_top_count_first_and_may_make_a_day_an_ordinary_one() {
    let yearly = |hours| SpecialDay { yearly: true, ..special("2026-01-09", hours) };
    let morning = SpecialHours::Own(hours(&[span(9, 12)], &[]));
    let of_site =
        istanbul(&[], vec![special("2026-01-09", SpecialHours::Closed), special("2026-01-08", SpecialHours::Closed)]);
    let state = |calendar: &Calendar, moment| status(calendar, at(moment)).state;
    // A yearly one on top counts before the date below, and what is not on top stays.
    let own = of_site.clone().with(vec![yearly(morning)]);
    assert_eq!(state(&of_site, "2026-01-09 10:00"), State::Holiday);
    assert_eq!(state(&own, "2026-01-09 10:00"), State::Open);
    assert_eq!(state(&own, "2026-01-09 13:00"), State::Holiday);
    assert_eq!(state(&own, "2026-01-08 10:00"), State::Holiday);
    let usual = of_site.with(vec![special("2026-01-09", SpecialHours::Usual)]);
    assert_eq!(state(&usual, "2026-01-09 17:59"), State::Open);
    let evening = status(&usual, at("2026-01-09 20:00"));
    assert_eq!((evening.state, evening.special), (State::Closed, None));
}

#[test]
fn a_time_that_does_not_exist_is_the_moment_of_the_change() {
    let calendar = Calendar::new(Europe::Berlin, &every_day(hours(&[Span { from: 150, to: 240 }], &[])), vec![]);
    // 02:30 to 04:00 on a day that goes from 02:00 to 03:00: one hour.
    let opens = status(&calendar, utc("2026-03-28T23:00:00Z")).next_open.unwrap();
    assert_eq!(opens, utc("2026-03-29T01:00:00Z"));
    assert_eq!(status(&calendar, opens).next_change, Some(utc("2026-03-29T02:00:00Z")));
    let lost = Calendar::new(Europe::Berlin, &every_day(hours(&[Span { from: 130, to: 170 }], &[])), vec![]);
    let day = working_time_between(&lost, utc("2026-03-28T23:00:00Z"), utc("2026-03-29T22:00:00Z"));
    assert_eq!(day, TimeDelta::zero(), "02:10 to 02:50 is not there");
}

#[test]
fn of_a_time_that_is_there_twice_the_first_one_counts() {
    let early = Calendar::new(Europe::Berlin, &every_day(hours(&[Span { from: 60, to: 150 }], &[])), vec![]);
    // 01:00 to 02:30 on a day on which it is 02:00 to 03:00 twice.
    assert_eq!(status(&early, utc("2026-10-24T23:30:00Z")).next_change, Some(utc("2026-10-25T00:30:00Z")));
    assert_eq!(status(&early, utc("2026-10-25T01:15:00Z")).state, State::Closed, "the second 02:15");
    let late = Calendar::new(Europe::Berlin, &every_day(hours(&[Span { from: 150, to: 240 }], &[])), vec![]);
    assert_eq!(status(&late, utc("2026-10-24T23:00:00Z")).next_open, Some(utc("2026-10-25T00:30:00Z")));
    let day = working_time_between(&late, utc("2026-10-24T22:00:00Z"), utc("2026-10-25T23:00:00Z"));
    assert_eq!(day, TimeDelta::minutes(150), "02:30 to 04:00 with the hour that is there twice");
}

#[test]
fn odd_zones_have_whole_days() {
    // Half an hour of summer time; a day that begins at 01:00; a day that there never was.
    let days = [
        (Australia::Lord_Howe, "2026-04-05", 24 * 60 + 30),
        (Australia::Lord_Howe, "2026-10-04", 24 * 60 - 30),
        (Asia::Beirut, "2026-03-29", 23 * 60),
        (Pacific::Apia, "2011-12-30", 0),
        (Asia::Kathmandu, "2026-01-09", 24 * 60),
        (America::St_Johns, "2010-11-07", 25 * 60),
    ];
    for (zone, day, minutes) in days {
        let calendar = always(zone);
        let (from, to) = (calendar.moment(date(day), 0), calendar.moment(date(day).succ_opt().unwrap(), 0));
        assert_eq!((to - from).num_minutes(), minutes, "{zone} {day}");
        assert_eq!(working_time_between(&calendar, from, to), to - from, "{zone} {day}");
    }
}

#[test]
fn around_the_clock_nothing_changes() {
    let now = status(&always(Europe::Istanbul), utc("2026-01-09T12:00:00Z")).next_change;
    assert_eq!(now, None);
    let week = every_day(whole_day());
    let holiday = special("2026-02-01", SpecialHours::Closed);
    let calendar = Calendar::new(Europe::Istanbul, &week, vec![holiday]);
    assert_eq!(status(&calendar, at("2026-01-09 12:00")).next_change, Some(at("2026-02-01 00:00")));
}

#[test]
fn the_search_ends_after_366_days() {
    let never = Calendar::new(Europe::Istanbul, &Week::default(), vec![]);
    let from = at("2026-01-09 12:00");
    assert_eq!(add_working_time(&never, from, TimeDelta::seconds(1)), Err(NoWorkingTime));
    assert_eq!(add_working_time(&never, from, -TimeDelta::seconds(1)), Err(NoWorkingTime));
    assert_eq!(add_working_time(&never, from, TimeDelta::zero()), Ok(from));
    assert_eq!(working_time_between(&never, from, at("2036-01-09 12:00")), TimeDelta::zero());
    let now = status(&never, from);
    assert_eq!((now.state, now.next_change, now.next_open), (State::Closed, None, None));
    let open = || SpecialHours::Own(hours(&[span(9, 10)], &[]));
    let opens = |day: &str| Calendar::new(Europe::Istanbul, &Week::default(), vec![special(day, open())]);
    let last = add_working_time(&opens("2027-01-10"), from, TimeDelta::hours(1));
    assert_eq!(last, Ok(at("2027-01-10 10:00")), "the 366th day");
    assert_eq!(status(&opens("2027-01-10"), from).next_open, Some(at("2027-01-10 09:00")));
    assert_eq!(add_working_time(&opens("2027-01-11"), from, TimeDelta::hours(1)), Err(NoWorkingTime));
    assert_eq!(status(&opens("2027-01-11"), from).next_open, None);
    // Work that goes on for longer than that is no reason to give up.
    assert_eq!(due(&n(), "2026-01-12 09:00", 9 * 60 * 5 * 100), at("2027-12-10 18:00"));
}

fn zone() -> impl Strategy<Value = Tz> {
    prop::sample::select(vec![
        Europe::Istanbul,
        Europe::Berlin,
        America::New_York,
        Australia::Lord_Howe,
        Asia::Kathmandu,
        Asia::Kolkata,
        America::St_Johns,
        Tz::UTC,
    ])
}

/// Intervals one after the other with a break in some, perhaps a night at the end.
fn some_hours() -> impl Strategy<Value = Hours> {
    let cuts = prop::collection::btree_set(0..=DAY, 0..9usize);
    (cuts, any::<bool>(), any::<bool>()).prop_map(|(cuts, is_night, has_break)| {
        let cuts: Vec<u16> = cuts.into_iter().collect();
        let mut intervals: Vec<Span> = cuts.chunks_exact(2).map(|pair| Span { from: pair[0], to: pair[1] }).collect();
        let breaks: Vec<Span> = intervals
            .iter()
            .filter(|span| has_break && span.to - span.from > 2)
            .map(|span| Span { from: span.from + (span.to - span.from) / 3, to: span.to - (span.to - span.from) / 3 })
            .collect();
        if let Some(last) = intervals.last_mut().filter(|last| is_night && last.from > 0) {
            last.to = last.from.min(90);
        }
        let breaks =
            breaks.into_iter().filter(|part| intervals.iter().any(|span| segments::within(*part, *span).is_some()));
        Hours { breaks: breaks.collect(), intervals }
    })
}

fn some_special() -> impl Strategy<Value = SpecialDay> {
    let hours = prop_oneof![
        Just(SpecialHours::Closed),
        (0..=DAY).prop_map(SpecialHours::ClosedFrom),
        some_hours().prop_map(SpecialHours::Own),
        Just(SpecialHours::Usual),
    ];
    (0..400u64, any::<bool>(), hours).prop_map(|(day, yearly, hours)| SpecialDay {
        date: date("2026-01-01") + chrono::Days::new(day),
        yearly,
        name: "Special".into(),
        message: None,
        hours,
    })
}

fn calendar() -> impl Strategy<Value = Calendar> {
    let week = prop::array::uniform7(some_hours());
    let special = || prop::collection::vec(some_special(), 0..6);
    (zone(), week, special(), special())
        .prop_map(|(zone, week, special, on_top)| Calendar::new(zone, &Week(week), special).with(on_top))
}

/// A moment around the days on which clocks change, to the second.
fn moment() -> impl Strategy<Value = DateTime<Utc>> {
    let changes = ["2026-03-08", "2026-03-29", "2026-04-05", "2026-10-04", "2026-10-25", "2026-11-01", "2026-07-01"];
    (prop::sample::select(changes.to_vec()), -400_000..400_000i64)
        .prop_map(|(day, seconds)| date(day).and_time(chrono::NaiveTime::MIN).and_utc() + TimeDelta::seconds(seconds))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_was_added_lies_between(calendar in calendar(), from in moment(), seconds in 1..2_000_000i64) {
        let time = TimeDelta::seconds(seconds);
        if let Ok(to) = add_working_time(&calendar, from, time) {
            prop_assert!(to > from);
            prop_assert_eq!(working_time_between(&calendar, from, to), time);
            // It is the first such moment.
            let before = to - TimeDelta::seconds(1);
            prop_assert_eq!(working_time_between(&calendar, from, before), time - TimeDelta::seconds(1));
        }
        if let Ok(to) = add_working_time(&calendar, from, -time) {
            prop_assert_eq!(working_time_between(&calendar, to, from), time);
            let after = to + TimeDelta::seconds(1);
            prop_assert_eq!(working_time_between(&calendar, after, from), time - TimeDelta::seconds(1));
        }
    }

    #[test]
    fn later_and_longer_is_never_due_earlier(
        calendar in calendar(), from in moment(), later in 0..500_000i64, time in 1..500_000i64, more in 0..500_000i64
    ) {
        let add = |from, seconds| add_working_time(&calendar, from, TimeDelta::seconds(seconds));
        let later = from + TimeDelta::seconds(later);
        if let (Ok(one), Ok(other)) = (add(from, time), add(later, time)) {
            prop_assert!(one <= other);
        }
        if let (Ok(one), Ok(other)) = (add(from, time), add(from, time + more)) {
            prop_assert!(one <= other);
        }
    }

    #[test]
    fn parts_add_up(calendar in calendar(), from in moment(), one in 1..500_000i64, other in 1..500_000i64) {
        let (one, other) = (TimeDelta::seconds(one), TimeDelta::seconds(other));
        let whole = add_working_time(&calendar, from, one + other);
        let parts = add_working_time(&calendar, from, one).and_then(|at| add_working_time(&calendar, at, other));
        if whole.is_ok() {
            prop_assert_eq!(whole, parts);
        }
        let (middle, end) = (from + one, from + one + other);
        let between = |from, to| working_time_between(&calendar, from, to);
        prop_assert_eq!(between(from, middle) + between(middle, end), between(from, end));
        prop_assert_eq!(between(end, from), -between(from, end));
    }

    #[test]
    fn no_minute_is_lost_or_counted_twice(calendar in calendar(), from in moment(), minutes in 1..4_000i64) {
        let minute = |index| from + TimeDelta::minutes(index);
        // What is open for the whole of a minute, as the status says it, is working time and nothing else is.
        let mut open = TimeDelta::zero();
        let mut at = from;
        let end = minute(minutes);
        while at < end {
            let now = status(&calendar, at);
            let next = now.next_change.unwrap_or(end).min(end);
            prop_assert!(next > at);
            if now.state == State::Open {
                open += next - at;
            }
            at = next;
        }
        prop_assert_eq!(working_time_between(&calendar, from, end), open);
    }

    #[test]
    fn around_the_clock_working_time_is_time(zone in zone(), from in moment(), seconds in 0..40_000_000i64) {
        let (calendar, time) = (always(zone), TimeDelta::seconds(seconds));
        prop_assert_eq!(add_working_time(&calendar, from, time), Ok(from + time));
        prop_assert_eq!(add_working_time(&calendar, from, -time), Ok(from - time));
        prop_assert_eq!(working_time_between(&calendar, from, from + time), time);
    }

    #[test]
    fn what_comes_next_comes(calendar in calendar(), at in moment()) {
        let now = status(&calendar, at);
        if let Some(change) = now.next_change {
            prop_assert!(change > at);
            prop_assert_ne!(status(&calendar, change).state, now.state);
            prop_assert_eq!(status(&calendar, change - TimeDelta::microseconds(1)).state, now.state);
        }
        if let Some(open) = now.next_open {
            prop_assert_ne!(now.state, State::Open);
            prop_assert_eq!(status(&calendar, open).state, State::Open);
            prop_assert_eq!(working_time_between(&calendar, at, open), TimeDelta::zero());
            prop_assert!(working_time_between(&calendar, at, open + TimeDelta::microseconds(1)) > TimeDelta::zero());
        }
        prop_assert_eq!(now.next_open.is_none() && now.state != State::Open,
            now.state != State::Open && add_working_time(&calendar, at, TimeDelta::microseconds(1)).is_err());
    }
}
