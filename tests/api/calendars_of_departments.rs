//! Calendars of departments: hours of their own or the site's, special days on top of the site's.

use serde_json::{Value, json};

use crate::{
    calendars::{DELETE, SET, UPDATE, complaint, set_day, set_week, started, working_days},
    harness::{
        app::TestApp,
        people::{Site, text},
    },
    holidays::IMPORT,
};

const HOURS: &str = "query($s: ID!, $d: ID) { businessHours(siteId: $s, departmentId: $d) {
    departmentId inherited hasHours timeZone updatedAt week { day intervals { from to } } } }";
const DAYS: &str = "query($s: ID!, $d: ID) { specialDays(siteId: $s, departmentId: $d) { totalCount nodes {
    id name departmentId kind } } }";
const STATUS: &str = "query($k: String, $d: ID, $at: DateTime) {
    businessHoursStatus(siteKey: $k, departmentId: $d, at: $at) { isOpen reason name timeZone nextOpenAt
        week { intervals { from to } } } }";
const TAKE_AWAY: &str = "mutation($i: DeleteBusinessHoursInput!) { deleteBusinessHours(input: $i) {
    businessHours { departmentId inherited hasHours week { intervals { from to } } } } }";

async fn department(app: &TestApp, site: &Site, name: &str) -> String {
    let make = "mutation($i: CreateDepartmentInput!) { createDepartment(input: $i) { department { id } } }";
    let made = app.run(Some(&site.admin.token), make, json!({ "i": { "siteId": site.id, "name": name } })).await;
    text(&made["createDepartment"]["department"]["id"])
}

/// Why a department, or with null the site, is open or closed at a moment.
async fn reason(app: &TestApp, site: &Site, department: &Value, at: &str) -> String {
    text(&status(app, site, department, at).await["reason"])
}

async fn status(app: &TestApp, site: &Site, department: &Value, at: &str) -> Value {
    let variables = json!({ "k": site.key, "d": department, "at": at });
    app.run(None, STATUS, variables).await["businessHoursStatus"].take()
}

/// A site that works Monday to Friday 09:00–18:00, with two departments.
async fn with_departments() -> (TestApp, Site, Value, Value) {
    let (app, site) = started().await;
    set_week(&app, &site, working_days(&json!([]))).await;
    let (sales, support) = (department(&app, &site, "Satış").await, department(&app, &site, "Destek").await);
    (app, site, json!(sales), json!(support))
}

async fn give_hours(app: &TestApp, site: &Site, department: &Value, zone: Option<&str>, week: Value) {
    let input = json!({ "siteId": site.id, "departmentId": department, "timeZone": zone, "week": week });
    app.run(Some(&site.admin.token), UPDATE, json!({ "i": input })).await;
}

/// A Saturday 10:00–14:00 and nothing else.
fn saturdays() -> Value {
    json!([{ "day": "SATURDAY", "intervals": [{ "from": "10:00", "to": "14:00" }] }])
}

#[tokio::test]
async fn a_department_has_its_sites_hours_until_it_has_its_own() {
    let (app, site, sales, support) = with_departments().await;
    let admin = Some(site.admin.token.as_str());
    let shown = app.run(admin, HOURS, json!({ "s": site.id, "d": sales })).await["businessHours"].take();
    assert_eq!((&shown["departmentId"], &shown["inherited"], &shown["hasHours"]), (&sales, &json!(true), &json!(true)));
    assert_eq!(shown["week"][0]["intervals"], json!([{ "from": "09:00", "to": "18:00" }]));
    let (friday, saturday) = ("2026-01-09T12:00:00+03:00", "2026-01-10T12:00:00+03:00");
    assert_eq!(reason(&app, &site, &sales, friday).await, "OPEN");
    assert_eq!(reason(&app, &site, &sales, saturday).await, "CLOSED");

    give_hours(&app, &site, &sales, Some("Europe/Berlin"), saturdays()).await;
    let shown = app.run(admin, HOURS, json!({ "s": site.id, "d": sales })).await["businessHours"].take();
    assert_eq!((&shown["inherited"], &shown["timeZone"]), (&json!(false), &json!("Europe/Berlin")));
    assert_eq!(shown["week"][0]["intervals"], json!([]));
    let open = status(&app, &site, &sales, saturday).await;
    assert_eq!((&open["reason"], &open["timeZone"]), (&json!("OPEN"), &json!("Europe/Berlin")));
    assert_eq!(open["week"][5]["intervals"], json!([{ "from": "10:00", "to": "14:00" }]));
    assert_eq!(reason(&app, &site, &sales, friday).await, "CLOSED");
    // Nobody else's hours changed.
    for other in [&support, &Value::Null] {
        assert_eq!(reason(&app, &site, other, friday).await, "OPEN");
        assert_eq!(reason(&app, &site, other, saturday).await, "CLOSED");
    }
    // The site's hours change for those who have none of their own.
    set_week(&app, &site, json!([])).await;
    assert_eq!(reason(&app, &site, &support, friday).await, "NO_WORKING_TIME");
    assert_eq!(reason(&app, &site, &sales, saturday).await, "OPEN");

    // And the way back, which may be gone twice.
    for _ in 0..2 {
        let input = json!({ "i": { "siteId": site.id, "departmentId": sales } });
        let left = app.run(admin, TAKE_AWAY, input).await["deleteBusinessHours"]["businessHours"].take();
        assert_eq!(
            (&left["departmentId"], &left["inherited"], &left["hasHours"]),
            (&sales, &json!(true), &json!(true))
        );
        assert_eq!(reason(&app, &site, &sales, saturday).await, "NO_WORKING_TIME");
    }
    let left = app.run(admin, TAKE_AWAY, json!({ "i": { "siteId": site.id } })).await;
    let left = &left["deleteBusinessHours"]["businessHours"];
    assert_eq!((&left["hasHours"], &left["inherited"]), (&json!(false), &json!(false)));
    for whose in [&sales, &Value::Null] {
        assert_eq!(reason(&app, &site, whose, saturday).await, "NO_CALENDAR");
    }
}

#[tokio::test]
async fn special_days_of_a_department_come_on_top_of_its_sites() {
    let (app, site, sales, support) = with_departments().await;
    let admin = Some(site.admin.token.as_str());
    let holiday =
        set_day(&app, &site, json!({ "date": "2026-10-29", "yearly": true, "name": "Cumhuriyet Bayramı" })).await;
    let stock = json!({ "date": "2026-01-09", "name": "Sayım", "departmentId": sales });
    set_day(&app, &site, stock).await;
    let on_call = json!({ "date": "2026-10-29", "name": "Nöbet", "departmentId": support,
        "intervals": [{ "from": "10:00", "to": "12:00" }] });
    let on_call = set_day(&app, &site, on_call).await;
    assert_ne!(on_call["id"], holiday["id"], "it is another one for the same day");
    let noon = |day: &str| format!("{day}T11:00:00+03:00");
    for (whose, day, expected) in [
        (&Value::Null, "2026-01-09", "OPEN"),
        (&sales, "2026-01-09", "HOLIDAY"),
        (&support, "2026-01-09", "OPEN"),
        (&Value::Null, "2026-10-29", "HOLIDAY"),
        (&sales, "2026-10-29", "HOLIDAY"),
        (&support, "2026-10-29", "OPEN"),
        // A year later only the site's yearly one is left.
        (&support, "2027-10-29", "HOLIDAY"),
    ] {
        assert_eq!(reason(&app, &site, whose, &noon(day)).await, expected, "{whose} {day}");
    }
    let closed = status(&app, &site, &support, "2026-10-29T13:00:00+03:00").await;
    assert_eq!((&closed["reason"], &closed["name"]), (&json!("HOLIDAY"), &json!("Nöbet")));
    // Each list has its own.
    let listed = app.run(admin, DAYS, json!({ "s": site.id, "d": support })).await["specialDays"].take();
    assert_eq!(listed["totalCount"], 1);
    assert_eq!((&listed["nodes"][0]["id"], &listed["nodes"][0]["departmentId"]), (&on_call["id"], &support));
    let listed = app.run(admin, DAYS, json!({ "s": site.id })).await["specialDays"].take();
    assert_eq!((&listed["totalCount"], &listed["nodes"][0]["departmentId"]), (&json!(1), &Value::Null));

    // A department that works on a holiday as on any other day.
    let usual = json!({ "date": "2026-10-29", "name": "Çalışıyoruz", "departmentId": support, "usual": true });
    let usual = set_day(&app, &site, usual).await;
    assert_eq!((&usual["id"], &usual["kind"]), (&on_call["id"], &json!("USUAL")));
    assert_eq!(reason(&app, &site, &support, "2026-10-29T17:30:00+03:00").await, "OPEN");
    let evening = status(&app, &site, &support, "2026-10-29T18:30:00+03:00").await;
    assert_eq!((&evening["reason"], &evening["name"]), (&json!("CLOSED"), &Value::Null));
    let both = json!({ "siteId": site.id, "date": "2026-10-29", "name": "x", "usual": true, "closedFrom": "13:00" });
    let got = complaint(&app, &site, SET, both).await;
    assert_eq!((got.0.as_str(), got.1.as_str()), ("input.usual", "INVALID_COMBINATION"), "{}", got.2);
    // Its own one gone, the site's counts again.
    app.run(admin, DELETE, json!({ "i": { "specialDayId": usual["id"] } })).await;
    assert_eq!(reason(&app, &site, &support, &noon("2026-10-29")).await, "HOLIDAY");
}

#[tokio::test]
async fn holidays_can_be_of_one_department() {
    let (app, site, sales, support) = with_departments().await;
    let admin = Some(site.admin.token.as_str());
    let ics = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART;VALUE=DATE:20261003\r\nSUMMARY:Tag der Einheit\r\n\
               END:VEVENT\r\nEND:VCALENDAR\r\n";
    set_day(&app, &site, json!({ "date": "2026-10-03", "name": "Eigenes" })).await;
    let input = json!({ "siteId": site.id, "departmentId": sales, "ics": ics });
    for created in [1, 0] {
        let done = app.run(admin, IMPORT, json!({ "i": input })).await["importHolidays"].take();
        // What the site has set by hand on that day is no obstacle.
        assert_eq!((&done["created"], &done["problems"]), (&json!(created), &json!([])));
    }
    for (whose, expected) in [(&sales, 1), (&support, 0), (&Value::Null, 1)] {
        let listed = app.run(admin, DAYS, json!({ "s": site.id, "d": whose })).await;
        assert_eq!(listed["specialDays"]["totalCount"], expected, "{whose}");
    }
    assert_eq!(status(&app, &site, &sales, "2026-10-03T12:00:00+03:00").await["name"], "Tag der Einheit");
}

#[tokio::test]
async fn a_calendar_goes_with_its_department_and_is_of_its_site_alone() {
    let (app, site, sales, _) = with_departments().await;
    let admin = Some(site.admin.token.as_str());
    give_hours(&app, &site, &sales, None, saturdays()).await;
    let day = set_day(&app, &site, json!({ "date": "2026-01-09", "name": "Sayım", "departmentId": sales })).await;

    // Of another site, there is no such department, whatever is asked of it.
    let other = app.site("baska").await;
    let token = Some(other.admin.token.as_str());
    let of_other = |more: Value| {
        let mut input = json!({ "siteId": other.id, "departmentId": sales });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "i": input })
    };
    for (query, variables) in [
        (HOURS, json!({ "s": other.id, "d": sales })),
        (DAYS, json!({ "s": other.id, "d": sales })),
        (STATUS, json!({ "k": other.key, "d": sales })),
        (UPDATE, of_other(json!({ "week": [] }))),
        (SET, of_other(json!({ "date": "2026-01-09", "name": "x" }))),
        (IMPORT, of_other(json!({ "ics": "BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VEVENT\nEND:VCALENDAR" }))),
        (TAKE_AWAY, of_other(json!({}))),
    ] {
        let answer = app.post(token, query, variables).await;
        let extensions = &answer["errors"][0]["extensions"];
        assert_eq!(extensions["code"], "NOT_FOUND", "{answer}");
        assert!(text(&extensions["field"]).ends_with("departmentId"), "{answer}");
    }

    let delete = "mutation($i: DeleteDepartmentInput!) { deleteDepartment(input: $i) { departmentId } }";
    app.run(admin, delete, json!({ "i": { "departmentId": sales } })).await;
    let gone = json!({ "i": { "specialDayId": day["id"] } });
    assert_eq!(app.refused(admin, DELETE, gone).await, "NOT_FOUND");
    assert_eq!(app.refused(None, STATUS, json!({ "k": site.key, "d": sales })).await, "NOT_FOUND");
    // The site's calendar is as it was.
    assert_eq!(reason(&app, &site, &Value::Null, "2026-01-09T12:00:00+03:00").await, "OPEN");
}
