//! Holidays from iCalendar files, many hands at once, and what stands in the journal of a calendar.

use serde_json::json;

use crate::{
    calendars::{DELETE, SET, complaint, reason, set_day, set_week, started, status, working_days},
    harness::people::text,
};

const DAYS: &str =
    "query($s: ID!, $first: Int, $after: String) { specialDays(siteId: $s, first: $first, after: $after) {
    totalCount nodes { id date yearly name kind imported } pageInfo { hasNextPage endCursor } } }";
pub(crate) const IMPORT: &str = "mutation($i: ImportHolidaysInput!) { importHolidays(input: $i) {
    created updated unchanged specialDays { date yearly name kind imported }
    problems { event line uid summary reason message } } }";

const FEED: &str = "\u{feff}BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//Example//Holidays//TR\r
BEGIN:VTIMEZONE\r
TZID:Europe/Istanbul\r
END:VTIMEZONE\r
BEGIN:VEVENT\r
UID:republic@example.com\r
DTSTART;VALUE=DATE:20251029\r
DTEND;VALUE=DATE:20251030\r
RRULE:FREQ=YEARLY\r
SUMMARY;LANGUAGE=tr:Cumhuriyet\r
  Bayramı\\, resmî tatil\r
BEGIN:VALARM\r
ACTION:DISPLAY\r
TRIGGER:-P1D\r
END:VALARM\r
END:VEVENT\r
BEGIN:VEVENT\r
UID:ramazan@example.com\r
DTSTART;VALUE=DATE:20260320\r
DTEND;VALUE=DATE:20260323\r
SUMMARY:Ramazan Bayramı\r
END:VEVENT\r
BEGIN:VEVENT\r
UID:timed@example.com\r
DTSTART;TZID=Europe/Istanbul:20261028T130000\r
DTEND;TZID=Europe/Istanbul:20261028T180000\r
SUMMARY:Arife\r
END:VEVENT\r
BEGIN:VEVENT\r
UID:nameless@example.com\r
DTSTART;VALUE=DATE:20260501\r
END:VEVENT\r
BEGIN:VEVENT\r
this is no property\r
END:VEVENT\r
BEGIN:VEVENT\r
UID:lost@example.com\r
DTSTART;VALUE=DATE:20260231\r
SUMMARY:Olmayan gün\r
END:VEVENT\r
BEGIN:VEVENT\r
UID:thanks@example.com\r
DTSTART;VALUE=DATE:20261126\r
RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH\r
SUMMARY:Thanksgiving\r
END:VEVENT\r
BEGIN:VEVENT\r
UID:off@example.com\r
DTSTART;VALUE=DATE:20260715\r
STATUS:CANCELLED\r
SUMMARY:İptal\r
END:VEVENT\r
BEGIN:VEVENT\r
UID:again@example.com\r
DTSTART;VALUE=DATE:20260322\r
DURATION:P2D\r
SUMMARY:Köprü\r
END:VEVENT\r
BEGIN:VEVENT\r
UID:jubilee@example.com\r
DTSTART:20260601T000000\r
DTEND:20260602T000000\r
RRULE:FREQ=YEARLY;COUNT=3\r
SUMMARY:Kuruluş\r
END:VEVENT\r
BEGIN:VEVENT\r
UID:open@example.com\r
DTSTART;VALUE=DATE:20260801\r
SUMMARY:Bitmeyen\r
END:VCALENDAR\r
";

#[tokio::test]
async fn holidays_come_from_icalendar_files_event_by_event() {
    let (app, site) = started().await;
    set_week(&app, &site, working_days(&json!([]))).await;
    // Set by hand: it stays.
    set_day(&app, &site, json!({ "date": "2026-03-23", "name": "Elle" })).await;
    let input = json!({ "i": { "siteId": site.id, "ics": FEED } });
    let first = app.run(Some(&site.admin.token), IMPORT, input.clone()).await["importHolidays"].take();
    let days: Vec<(String, bool, String)> = first["specialDays"]
        .as_array()
        .unwrap()
        .iter()
        .map(|day| (text(&day["date"]), day["yearly"].as_bool().unwrap(), text(&day["name"])))
        .collect();
    let expected = [
        ("2025-10-29", true, "Cumhuriyet Bayramı, resmî tatil"),
        ("2026-03-20", false, "Ramazan Bayramı"),
        ("2026-03-21", false, "Ramazan Bayramı"),
        ("2026-03-22", false, "Ramazan Bayramı"),
        ("2026-06-01", false, "Kuruluş"),
        ("2027-06-01", false, "Kuruluş"),
        ("2028-06-01", false, "Kuruluş"),
    ];
    assert_eq!(days, expected.map(|(date, yearly, name)| (date.to_owned(), yearly, name.to_owned())));
    assert_eq!((&first["created"], &first["updated"], &first["unchanged"]), (&json!(7), &json!(0), &json!(0)));
    let problems: Vec<(u64, u64, String)> = first["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| {
            (problem["event"].as_u64().unwrap(), problem["line"].as_u64().unwrap(), text(&problem["reason"]))
        })
        .collect();
    let expected = [
        (3, 25, "NOT_ALL_DAY"),
        (4, 31, "INVALID_NAME"),
        (5, 35, "UNREADABLE"),
        (6, 38, "INVALID_DATE"),
        (7, 43, "UNSUPPORTED_RECURRENCE"),
        (8, 49, "CANCELLED"),
        (9, 55, "DATE_TAKEN"),
        (11, 68, "UNREADABLE"),
    ];
    assert_eq!(problems, expected.map(|(event, line, reason)| (event, line, reason.to_owned())));
    assert_eq!(first["problems"][0]["uid"], "timed@example.com");
    assert_eq!(first["problems"][0]["summary"], "Arife");
    assert!(text(&first["problems"][6]["message"]).contains("2026-03-22, 2026-03-23"), "{first}");
    // What was taken over counts, with its name; each year where the file says so.
    let holiday = status(&app, &site, "2031-10-29T12:00:00+03:00").await;
    assert_eq!((&holiday["reason"], &holiday["name"]), (&json!("HOLIDAY"), &json!("Cumhuriyet Bayramı, resmî tatil")));
    assert_eq!(reason(&app, &site, "2027-06-01T12:00:00+03:00").await, "HOLIDAY");
    assert_eq!(reason(&app, &site, "2029-06-01T12:00:00+03:00").await, "OPEN");
    // The same file again changes nothing; another name is taken over, and what was changed by hand stays.
    let again = app.run(Some(&site.admin.token), IMPORT, input).await["importHolidays"].take();
    assert_eq!((&again["created"], &again["updated"], &again["unchanged"]), (&json!(0), &json!(0), &json!(7)));
    let half = json!({ "date": "2026-03-20", "name": "Arife", "closedFrom": "13:00" });
    assert_eq!(set_day(&app, &site, half).await["imported"], false);
    let renamed = FEED.replace("SUMMARY:Ramazan Bayramı", "SUMMARY:Şeker Bayramı");
    let renamed = json!({ "i": { "siteId": site.id, "ics": renamed } });
    let renamed = app.run(Some(&site.admin.token), IMPORT, renamed).await["importHolidays"].take();
    assert_eq!((&renamed["created"], &renamed["updated"], &renamed["unchanged"]), (&json!(0), &json!(2), &json!(4)));
    assert_eq!(reason(&app, &site, "2026-03-20T12:00:00+03:00").await, "OPEN");
    // The list is in the order of time and goes on where a page ends.
    let page = json!({ "s": site.id, "first": 5 });
    let page = app.run(Some(&site.admin.token), DAYS, page).await["specialDays"].take();
    assert_eq!((&page["totalCount"], &page["pageInfo"]["hasNextPage"]), (&json!(8), &json!(true)));
    let rest = json!({ "s": site.id, "first": 5, "after": page["pageInfo"]["endCursor"] });
    let rest = app.run(Some(&site.admin.token), DAYS, rest).await["specialDays"].take();
    let all = [page["nodes"].as_array().unwrap().clone(), rest["nodes"].as_array().unwrap().clone()].concat();
    let names: Vec<String> = all.iter().map(|day| text(&day["name"])).collect();
    let bayram = "Şeker Bayramı";
    let expected =
        ["Cumhuriyet Bayramı, resmî tatil", "Arife", bayram, bayram, "Elle", "Kuruluş", "Kuruluş", "Kuruluş"];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn what_is_no_calendar_file_changes_nothing() {
    let (app, site) = started().await;
    let deep = format!("BEGIN:VCALENDAR\nBEGIN:VEVENT\n{}END:VEVENT\nEND:VCALENDAR\n", "BEGIN:X-A\n".repeat(40_000));
    let many = format!(
        "BEGIN:VCALENDAR\n{}END:VCALENDAR\n",
        "BEGIN:VEVENT\nDTSTART:20260101\nSUMMARY:x\nEND:VEVENT\n".repeat(1_001)
    );
    let year =
        |year: u16, next: u16| format!("BEGIN:VEVENT\nDTSTART:{year}0101\nDTEND:{next}0101\nSUMMARY:x\nEND:VEVENT\n");
    let full = format!("BEGIN:VCALENDAR\n{}{}{}END:VCALENDAR\n", year(2026, 2027), year(2027, 2028), year(2028, 2029));
    let years = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:19700101\nDTEND:20990101\nSUMMARY:x\nEND:VEVENT\nEND:VCALENDAR";
    for (ics, reason) in [
        ("", "TOO_SHORT"),
        ("<html>404</html>", "INVALID_FORMAT"),
        ("BEGIN:VCALENDAR\nEND:VCALENDAR\n", "INVALID_FORMAT"),
        (many.as_str(), "TOO_LONG"),
        // More special days than a site may have.
        (full.as_str(), "TOO_LONG"),
        ("x".repeat(500_001).as_str(), "TOO_LONG"),
    ] {
        let got = complaint(&app, &site, IMPORT, json!({ "siteId": site.id, "ics": ics })).await;
        assert_eq!((got.0.as_str(), got.1.as_str()), ("input.ics", reason), "{}", got.2);
    }
    for (ics, reason) in [(deep.as_str(), "UNREADABLE"), (years, "TOO_MANY_DAYS")] {
        let input = json!({ "i": { "siteId": site.id, "ics": ics } });
        let got = app.run(Some(&site.admin.token), IMPORT, input).await["importHolidays"].take();
        assert_eq!((&got["created"], &got["problems"][0]["reason"]), (&json!(0), &json!(reason)));
    }
    let days = app.run(Some(&site.admin.token), DAYS, json!({ "s": site.id })).await;
    assert_eq!(days["specialDays"]["totalCount"], 0);
}

#[tokio::test]
async fn changes_stand_in_the_journal_with_who_made_them() {
    let (app, site) = started().await;
    set_week(&app, &site, working_days(&json!([]))).await;
    let day = set_day(&app, &site, json!({ "date": "2026-10-29", "name": "Bayram" })).await;
    app.run(Some(&site.admin.token), DELETE, json!({ "i": { "specialDayId": day["id"] } })).await;
    app.run(Some(&site.admin.token), IMPORT, json!({ "i": { "siteId": site.id, "ics": FEED } })).await;
    // Changes nothing, so it is no event.
    app.run(Some(&site.admin.token), IMPORT, json!({ "i": { "siteId": site.id, "ics": FEED } })).await;
    complaint(&app, &site, SET, json!({ "siteId": site.id, "date": "2026-10-29", "name": "" })).await;
    use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
    let lines = ::entity::journal::Entity::find()
        .filter(::entity::journal::Column::Kind.starts_with("calendar."))
        .order_by_asc(::entity::journal::Column::Seq)
        .all(&app.app.cx().db())
        .await
        .expect("the journal can be read");
    let kinds: Vec<&str> = lines.iter().map(|line| line.kind.as_str()).collect();
    let expected = [
        "calendar.hours_updated",
        "calendar.special_day_set",
        "calendar.special_day_deleted",
        "calendar.holidays_imported",
    ];
    assert_eq!(kinds, expected);
    assert!(lines.iter().all(|line| line.actor.as_deref() == Some(site.admin.id.as_str())));
}

#[tokio::test]
async fn many_at_once_make_one_special_day() {
    let (app, site) = started().await;
    let (token, day) = (Some(site.admin.token.as_str()), json!({ "date": "2026-10-29", "name": "Bayram" }));
    let input = json!({ "i": { "siteId": site.id, "ics": FEED } });
    let sets = (0..6).map(|_| set_day(&app, &site, day.clone()));
    let imports = (0..3).map(|_| app.run(token, IMPORT, input.clone()));
    let (set, imported) =
        futures_util::future::join(futures_util::future::join_all(sets), futures_util::future::join_all(imports)).await;
    assert!(set.iter().all(|made| made["id"] == set[0]["id"]), "{set:?}");
    let created: u64 = imported.iter().filter_map(|answer| answer["importHolidays"]["created"].as_u64()).sum();
    assert!(created >= 8, "all of the file came from somebody: {created}");
    let days = app.run(token, DAYS, json!({ "s": site.id })).await;
    // Eight of the file, and the one that was set.
    assert_eq!(days["specialDays"]["totalCount"], 9);
}
