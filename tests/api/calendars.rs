//! Business hours and special days, as admins, agents and visitors see them. Holidays from files are in `holidays.rs`.

use serde_json::{Value, json};

use crate::harness::{
    app::{Options, TestApp, refusal},
    people::{Site, text},
};

const HOURS: &str = "query($s: ID!) { businessHours(siteId: $s) {
    timeZone hasHours updatedAt week { day intervals { from to endsNextDay } breaks { from to } } } }";
pub(crate) const UPDATE: &str = "mutation($i: UpdateBusinessHoursInput!) { updateBusinessHours(input: $i) {
    businessHours { timeZone hasHours week { day intervals { from to endsNextDay } breaks { from to } } } } }";
const STATUS: &str = "query($s: ID, $k: String, $at: DateTime, $l: String) {
    businessHoursStatus(siteId: $s, siteKey: $k, at: $at, language: $l) {
        at timeZone isOpen reason name message text nextChangeAt nextOpenAt hoursUntilOpen
        week { day intervals { from to } breaks { from to } } } }";
pub(crate) const SET: &str = "mutation($i: SetSpecialDayInput!) { setSpecialDay(input: $i) { specialDay {
    id date yearly name message kind closedFrom intervals { from to } breaks { from to } imported } } }";
pub(crate) const DELETE: &str =
    "mutation($i: DeleteSpecialDayInput!) { deleteSpecialDay(input: $i) { specialDay { id } } }";

/// A server on which time stands until the test moves it.
pub(crate) async fn started() -> (TestApp, Site) {
    let app = TestApp::with(Options { manual_clock: true, ..Options::default() }).await;
    let site = app.site("takvim").await;
    (app, site)
}

/// Monday to Friday 09:00–18:00, with the breaks.
pub(crate) fn working_days(breaks: &Value) -> Value {
    let days = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"];
    let day = |day| json!({ "day": day, "intervals": [{ "from": "09:00", "to": "18:00" }], "breaks": breaks });
    Value::from(days.map(day).to_vec())
}

pub(crate) async fn set_week(app: &TestApp, site: &Site, week: Value) -> Value {
    let input = json!({ "i": { "siteId": site.id, "week": week } });
    app.run(Some(&site.admin.token), UPDATE, input).await["updateBusinessHours"]["businessHours"].take()
}

pub(crate) async fn set_day(app: &TestApp, site: &Site, day: Value) -> Value {
    let mut input = json!({ "siteId": site.id });
    input.as_object_mut().unwrap().extend(day.as_object().unwrap().clone());
    app.run(Some(&site.admin.token), SET, json!({ "i": input })).await["setSpecialDay"]["specialDay"].take()
}

/// What anybody is told about a moment.
pub(crate) async fn status(app: &TestApp, site: &Site, at: &str) -> Value {
    app.run(None, STATUS, json!({ "k": site.key, "at": at })).await["businessHoursStatus"].take()
}

/// The reason at a moment.
pub(crate) async fn reason(app: &TestApp, site: &Site, at: &str) -> String {
    text(&status(app, site, at).await["reason"])
}

/// An error of an admin's call: the field, the reason and the message.
pub(crate) async fn complaint(app: &TestApp, site: &Site, query: &str, input: Value) -> (String, String, String) {
    let answer = app.post(Some(&site.admin.token), query, json!({ "i": input })).await;
    let error = &answer["errors"][0];
    let extensions = &error["extensions"];
    assert_eq!(extensions["code"], "BAD_USER_INPUT", "{answer}");
    (text(&extensions["field"]), text(&extensions["reason"]), text(&error["message"]))
}

#[tokio::test]
async fn a_new_site_is_open_always() {
    let (app, site) = started().await;
    let hours = app.run(Some(&site.admin.token), HOURS, json!({ "s": site.id })).await["businessHours"].take();
    assert_eq!((&hours["timeZone"], &hours["hasHours"]), (&json!("Europe/Istanbul"), &json!(false)));
    assert_eq!(hours["updatedAt"], Value::Null);
    assert_eq!(hours["week"].as_array().unwrap().len(), 7);
    assert_eq!(hours["week"][6]["intervals"], json!([{ "from": "00:00", "to": "24:00", "endsNextDay": false }]));
    let now = status(&app, &site, "2026-01-10T22:30:00Z").await;
    assert_eq!((&now["isOpen"], &now["reason"]), (&json!(true), &json!("NO_CALENDAR")));
    assert_eq!((&now["nextChangeAt"], &now["nextOpenAt"]), (&Value::Null, &Value::Null));
    assert_eq!(now["hoursUntilOpen"], 0.0);
    // Without a moment it is about now.
    let now = app.run(None, STATUS, json!({ "k": site.key })).await;
    assert_eq!(now["businessHoursStatus"]["at"], "2026-01-05T09:00:00+00:00");
    // A holiday counts all the same.
    set_day(&app, &site, json!({ "date": "2026-01-10", "name": "Sayım" })).await;
    let closed = status(&app, &site, "2026-01-10T12:00:00Z").await;
    assert_eq!((&closed["reason"], &closed["nextOpenAt"]), (&json!("HOLIDAY"), &json!("2026-01-10T21:00:00+00:00")));
}

#[tokio::test]
async fn h1_h2_the_next_opening_is_the_next_working_day() {
    let (app, site) = started().await;
    set_week(&app, &site, working_days(&json!([]))).await;
    let h1 = status(&app, &site, "2026-01-09T22:30:00Z").await;
    assert_eq!((&h1["isOpen"], &h1["reason"]), (&json!(false), &json!("CLOSED")));
    assert_eq!(h1["nextOpenAt"], "2026-01-12T06:00:00+00:00");
    assert_eq!(h1["nextChangeAt"], "2026-01-12T06:00:00+00:00");
    assert_eq!(h1["hoursUntilOpen"], 55.5);
    assert_eq!(h1["text"], "Şu anda kapalıyız. Açılış: 12 Ocak Pazartesi 09:00.");
    let h2 = status(&app, &site, "2026-01-11T22:30:00+03:00").await;
    assert_eq!((&h2["nextOpenAt"], &h2["hoursUntilOpen"]), (&json!("2026-01-12T06:00:00+00:00"), &json!(10.5)));
    let open = status(&app, &site, "2026-01-12T09:00:00+03:00").await;
    assert_eq!((&open["isOpen"], &open["reason"]), (&json!(true), &json!("OPEN")));
    assert_eq!((&open["nextOpenAt"], &open["hoursUntilOpen"]), (&Value::Null, &json!(0.0)));
    assert_eq!(open["nextChangeAt"], "2026-01-12T15:00:00+00:00");
    assert_eq!(open["text"], "Şu anda açığız. Kapanış: bugün 18:00.");
    let week = &open["week"];
    assert_eq!(week[0], json!({ "day": "MONDAY", "intervals": [{ "from": "09:00", "to": "18:00" }], "breaks": [] }));
    assert_eq!(week[5], json!({ "day": "SATURDAY", "intervals": [], "breaks": [] }));
}

#[tokio::test]
async fn h3_a_holiday_is_named_with_its_weekday_and_the_reopening() {
    let (app, site) = started().await;
    set_week(&app, &site, working_days(&json!([]))).await;
    let made = set_day(&app, &site, json!({ "date": "2026-10-29", "name": "Cumhuriyet Bayramı" })).await;
    assert_eq!((&made["kind"], &made["imported"]), (&json!("CLOSED"), &json!(false)));
    let h3 = status(&app, &site, "2026-10-29T12:00:00+03:00").await;
    assert_eq!((&h3["isOpen"], &h3["reason"]), (&json!(false), &json!("HOLIDAY")));
    assert_eq!((&h3["name"], &h3["message"]), (&json!("Cumhuriyet Bayramı"), &Value::Null));
    assert_eq!(h3["nextOpenAt"], "2026-10-30T06:00:00+00:00");
    assert_eq!(h3["text"], "29 Ekim Perşembe, Cumhuriyet Bayramı: Kapalıyız. Açılış: 30 Ekim Cuma 09:00.");
    let english = json!({ "k": site.key, "at": "2026-10-29T09:00:00Z", "l": "en-GB" });
    let english = app.run(None, STATUS, english).await;
    let expected = "Thursday 29 October, Cumhuriyet Bayramı: We are closed. Opening: Friday 30 October 09:00.";
    assert_eq!(english["businessHoursStatus"]["text"], expected);
    // The same day again is the same special day, changed; the message is the site's own.
    let again = json!({ "date": "2026-10-29", "name": "Cumhuriyet Bayramı", "message": "Bayramımız kutlu olsun." });
    assert_eq!(set_day(&app, &site, again).await["id"], made["id"]);
    let h3 = status(&app, &site, "2026-10-29T12:00:00+03:00").await;
    assert_eq!(h3["message"], "Bayramımız kutlu olsun.");
    assert!(text(&h3["text"]).contains("Bayramımız kutlu olsun. Açılış: 30 Ekim Cuma"), "{h3}");
    let delete = json!({ "i": { "specialDayId": made["id"] } });
    app.run(Some(&site.admin.token), DELETE, delete.clone()).await;
    assert_eq!(reason(&app, &site, "2026-10-29T12:00:00+03:00").await, "OPEN");
    assert_eq!(app.refused(Some(&site.admin.token), DELETE, delete).await, "NOT_FOUND");
}

#[tokio::test]
async fn half_a_day_closes_at_its_hour_each_year() {
    let (app, site) = started().await;
    set_week(&app, &site, working_days(&json!([{ "from": "12:00", "to": "14:00" }]))).await;
    let eve = json!({ "date": "2026-10-28", "yearly": true, "name": "Bayram arifesi", "closedFrom": "13:00" });
    let eve = set_day(&app, &site, eve).await;
    assert_eq!((&eve["kind"], &eve["closedFrom"]), (&json!("HALF_DAY"), &json!("13:00")));
    let holiday = json!({ "date": "2026-10-29", "yearly": true, "name": "Cumhuriyet Bayramı" });
    set_day(&app, &site, holiday).await;
    assert_eq!(reason(&app, &site, "2026-10-28T11:59:00+03:00").await, "OPEN");
    assert_eq!(reason(&app, &site, "2026-10-28T12:59:00+03:00").await, "BREAK");
    let closed = status(&app, &site, "2026-10-28T13:00:00+03:00").await;
    assert_eq!((&closed["reason"], &closed["name"]), (&json!("HOLIDAY"), &json!("Bayram arifesi")));
    assert_eq!(closed["nextOpenAt"], "2026-10-30T06:00:00+00:00");
    // In 2027 the 28th is a Thursday, in 2028 the 29th is a Sunday; in 2025 nothing was set yet.
    assert_eq!(reason(&app, &site, "2027-10-28T15:00:00+03:00").await, "HOLIDAY");
    assert_eq!(reason(&app, &site, "2028-10-29T15:00:00+03:00").await, "HOLIDAY");
    assert_eq!(reason(&app, &site, "2025-10-28T15:00:00+03:00").await, "OPEN");
    // A date of its own wins over the day of each year.
    let own = json!({ "date": "2027-10-28", "name": "Kısa gün", "intervals": [{ "from": "10:00", "to": "16:00" }],
        "breaks": [{ "from": "11:00", "to": "11:30" }] });
    assert_eq!(set_day(&app, &site, own).await["kind"], "OWN_HOURS");
    for (at, expected) in
        [("09:30", "HOLIDAY"), ("10:30", "OPEN"), ("11:15", "BREAK"), ("15:59", "OPEN"), ("16:00", "HOLIDAY")]
    {
        assert_eq!(reason(&app, &site, &format!("2027-10-28T{at}:00+03:00")).await, expected, "{at}");
    }
}

#[tokio::test]
async fn a_break_is_told_from_closing() {
    let (app, site) = started().await;
    set_week(&app, &site, working_days(&json!([{ "from": "12:00", "to": "13:00" }]))).await;
    let lunch = status(&app, &site, "2026-01-09T12:15:00+03:00").await;
    assert_eq!((&lunch["isOpen"], &lunch["reason"]), (&json!(false), &json!("BREAK")));
    assert_eq!(
        (&lunch["nextOpenAt"], &lunch["nextChangeAt"]),
        (&json!("2026-01-09T10:00:00+00:00"), &json!("2026-01-09T10:00:00+00:00"))
    );
    assert_eq!(lunch["hoursUntilOpen"], 0.75);
    assert_eq!(lunch["text"], "Şu anda moladayız. Dönüş: bugün 13:00.");
}

#[tokio::test]
async fn nights_and_several_intervals_follow_the_time_zone() {
    let (app, site) = started().await;
    let night = json!([{ "from": "09:00", "to": "12:30" }, { "from": "18:00", "to": "02:00" }]);
    let friday = json!([{ "day": "FRIDAY", "intervals": night, "breaks": [{ "from": "00:30", "to": "01:00" }] }]);
    let input = json!({ "i": { "siteId": site.id, "timeZone": "america/new_york", "week": friday } });
    assert_eq!(app.refused(Some(&site.admin.token), UPDATE, input).await, "BAD_USER_INPUT/INVALID_FORMAT");
    let input = json!({ "i": { "siteId": site.id, "timeZone": "America/New_York", "week": friday } });
    let set = app.run(Some(&site.admin.token), UPDATE, input).await;
    let set = &set["updateBusinessHours"]["businessHours"];
    assert_eq!(set["timeZone"], "America/New_York");
    let shown = &set["week"][4]["intervals"][1];
    assert_eq!(*shown, json!({ "from": "18:00", "to": "02:00", "endsNextDay": true }));
    for (at, expected) in [
        ("2026-01-09T12:29:59-05:00", "OPEN"),
        ("2026-01-09T12:30:00-05:00", "CLOSED"),
        ("2026-01-09T23:59:00-05:00", "OPEN"),
        ("2026-01-10T00:45:00-05:00", "BREAK"),
        ("2026-01-10T01:59:59-05:00", "OPEN"),
        ("2026-01-10T02:00:00-05:00", "CLOSED"),
        // Summer time: 18:00 is 22:00 in UTC.
        ("2026-07-10T21:59:59Z", "CLOSED"),
        ("2026-07-10T22:00:00Z", "OPEN"),
    ] {
        assert_eq!(reason(&app, &site, at).await, expected, "{at}");
    }
    // Clocks go back in the night after Saturday, 31 October: 25 hours, and the opening is at 09:00 all the same.
    let sunday = json!([{ "day": "SUNDAY", "intervals": [{ "from": "09:00", "to": "24:00" }] }]);
    let input = json!({ "i": { "siteId": site.id, "timeZone": "America/New_York", "week": sunday } });
    app.run(Some(&site.admin.token), UPDATE, input).await;
    let before = status(&app, &site, "2026-10-31T09:00:00-04:00").await;
    assert_eq!((&before["nextOpenAt"], &before["hoursUntilOpen"]), (&json!("2026-11-01T14:00:00+00:00"), &json!(25.0)));
    let open = status(&app, &site, "2026-11-01T23:59:59-05:00").await;
    assert_eq!((&open["isOpen"], &open["nextChangeAt"]), (&json!(true), &json!("2026-11-02T05:00:00+00:00")));
}

#[tokio::test]
async fn hours_without_a_zone_of_their_own_follow_the_site() {
    let (app, site) = started().await;
    set_week(&app, &site, working_days(&json!([]))).await;
    assert_eq!(reason(&app, &site, "2026-01-09T06:30:00Z").await, "OPEN");
    let zone = "mutation($s: ID!) { updateSite(input: { siteId: $s, timeZone: \"Europe/Berlin\" }) { site { id } } }";
    app.run(Some(&site.admin.token), zone, json!({ "s": site.id })).await;
    assert_eq!(reason(&app, &site, "2026-01-09T06:30:00Z").await, "CLOSED");
    assert_eq!(status(&app, &site, "2026-01-09T08:00:00Z").await["timeZone"], "Europe/Berlin");
}

#[tokio::test]
async fn a_calendar_that_never_opens_says_so() {
    let (app, site) = started().await;
    set_week(&app, &site, json!([])).await;
    let never = status(&app, &site, "2026-01-09T12:00:00Z").await;
    assert_eq!((&never["isOpen"], &never["reason"]), (&json!(false), &json!("NO_WORKING_TIME")));
    for field in ["nextOpenAt", "nextChangeAt", "hoursUntilOpen"] {
        assert_eq!(never[field], Value::Null, "{field}");
    }
    let open = json!({ "date": "2027-01-10", "name": "Açık kapı", "intervals": [{ "from": "10:00", "to": "12:00" }] });
    set_day(&app, &site, open).await;
    let later = status(&app, &site, "2026-01-09T12:00:00Z").await;
    assert_eq!((&later["reason"], &later["nextOpenAt"]), (&json!("CLOSED"), &json!("2027-01-10T07:00:00+00:00")));
    assert!(text(&later["text"]).ends_with("Açılış: 10 Ocak 2027 Pazar 10:00."), "{later}");
}

#[tokio::test]
async fn wrong_hours_are_refused_with_the_field_the_limit_and_the_fix() {
    let (app, site) = started().await;
    let week = |week: Value| json!({ "siteId": site.id, "week": week });
    let monday =
        |intervals: Value, breaks: Value| week(json!([{ "day": "MONDAY", "intervals": intervals, "breaks": breaks }]));
    let span = |from: &str, to: &str| json!({ "from": from, "to": to });
    let many: Vec<Value> = (0..13).map(|hour| span(&format!("{hour:02}:00"), &format!("{hour:02}:30"))).collect();
    let nights = json!([{ "day": "SUNDAY", "intervals": [span("22:00", "06:00")] }, { "day": "MONDAY", "intervals": [span("05:00", "09:00")] }]);
    let twice = json!([{ "day": "MONDAY", "intervals": [] }, { "day": "MONDAY", "intervals": [] }]);
    for (input, field, reason, says) in [
        (
            monday(json!([span("09:00", "13:00"), span("12:00", "15:00")]), json!([])),
            "input.week[0].intervals[1]",
            "INVALID_COMBINATION",
            "overlaps 09:00–13:00",
        ),
        (
            monday(json!([span("12:00", "15:00"), span("09:00", "13:00")]), json!([])),
            "input.week[0].intervals[0]",
            "INVALID_COMBINATION",
            "overlaps 09:00–13:00",
        ),
        (
            monday(json!([span("09:00", "09:00")]), json!([])),
            "input.week[0].intervals[0].to",
            "INVALID_COMBINATION",
            "`00:00` to `24:00`",
        ),
        (
            monday(json!([span("24:00", "02:00")]), json!([])),
            "input.week[0].intervals[0].from",
            "OUT_OF_RANGE",
            "only be an end",
        ),
        (
            monday(json!([span("9:00", "18:00")]), json!([])),
            "input.week[0].intervals[0].from",
            "INVALID_FORMAT",
            "like `09:30`",
        ),
        (
            monday(json!([span("09:00", "24:01")]), json!([])),
            "input.week[0].intervals[0].to",
            "INVALID_FORMAT",
            "`24:00`",
        ),
        (
            monday(json!([span("09:00", "18:60")]), json!([])),
            "input.week[0].intervals[0].to",
            "INVALID_FORMAT",
            "`24:00`",
        ),
        (
            monday(json!([span("09:00", "12:00")]), json!([span("12:00", "13:00")])),
            "input.week[0].breaks[0]",
            "INVALID_COMBINATION",
            "inside an interval",
        ),
        (
            monday(json!([span("09:00", "18:00")]), json!([span("12:00", "13:00"), span("12:30", "14:00")])),
            "input.week[0].breaks[1]",
            "INVALID_COMBINATION",
            "overlaps 12:00–13:00",
        ),
        (monday(json!(many), json!([])), "input.week[0].intervals", "TOO_LONG", "at most 12"),
        (week(nights), "input.week[1].intervals[0]", "INVALID_COMBINATION", "of the day before"),
        (week(twice), "input.week[1].day", "INVALID_COMBINATION", "there twice"),
        (
            json!({ "siteId": site.id, "timeZone": "Istanbul", "week": [] }),
            "input.timeZone",
            "INVALID_FORMAT",
            "Europe/Istanbul",
        ),
    ] {
        let got = complaint(&app, &site, UPDATE, input).await;
        assert_eq!((got.0.as_str(), got.1.as_str()), (field, reason), "{}", got.2);
        assert!(got.2.contains(says), "{} does not say {says}", got.2);
    }
    // Nothing of that was kept, and what only touches is fine.
    let hours = app.run(Some(&site.admin.token), HOURS, json!({ "s": site.id })).await;
    assert_eq!(hours["businessHours"]["hasHours"], false);
    let touching = json!([
        { "day": "MONDAY", "intervals": [span("13:00", "24:00"), span("00:00", "13:00")] },
        { "day": "SUNDAY", "intervals": [span("18:00", "00:00")] },
    ]);
    set_week(&app, &site, touching).await;
}

#[tokio::test]
async fn wrong_special_days_and_questions_are_refused() {
    let (app, site) = started().await;
    let day = |more: Value| {
        let mut day = json!({ "siteId": site.id, "date": "2026-10-29", "name": "Bayram" });
        day.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        day
    };
    let hours = json!([{ "from": "09:00", "to": "12:00" }]);
    for (input, field, reason) in [
        (day(json!({ "name": " " })), "input.name", "TOO_SHORT"),
        (day(json!({ "name": "x".repeat(121) })), "input.name", "TOO_LONG"),
        (day(json!({ "message": "x".repeat(1_001) })), "input.message", "TOO_LONG"),
        (day(json!({ "date": "2101-01-01" })), "input.date", "OUT_OF_RANGE"),
        (day(json!({ "closedFrom": "25:00" })), "input.closedFrom", "INVALID_FORMAT"),
        (day(json!({ "closedFrom": "13:00", "intervals": hours })), "input.closedFrom", "INVALID_COMBINATION"),
        (day(json!({ "breaks": hours })), "input.breaks[0]", "INVALID_COMBINATION"),
        (
            day(json!({ "intervals": [{ "from": "09:00", "to": "09:00" }] })),
            "input.intervals[0].to",
            "INVALID_COMBINATION",
        ),
    ] {
        let got = complaint(&app, &site, SET, input).await;
        assert_eq!((got.0.as_str(), got.1.as_str()), (field, reason), "{}", got.2);
    }
    let ask = async |variables: Value| refusal(&app.post(Some(&site.admin.token), STATUS, variables).await).unwrap();
    assert_eq!(ask(json!({})).await, "BAD_USER_INPUT/INVALID_COMBINATION");
    assert_eq!(ask(json!({ "s": site.id, "k": site.key })).await, "BAD_USER_INPUT/INVALID_COMBINATION");
    assert_eq!(ask(json!({ "k": "pk_none" })).await, "NOT_FOUND");
    assert_eq!(ask(json!({ "k": site.key, "at": "2101-01-01T00:00:00Z" })).await, "BAD_USER_INPUT/OUT_OF_RANGE");
    assert_eq!(ask(json!({ "k": site.key, "l": "?" })).await, "BAD_USER_INPUT/INVALID_FORMAT");
}
