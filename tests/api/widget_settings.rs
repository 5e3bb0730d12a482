//! How widgets look, speak and behave, and what admins may not write.

use serde_json::{Value, json};

use crate::{
    harness::{app::TestApp, people::Site},
    widgets::{BOOTSTRAP, bootstrap, set_emergency},
};

const SETTINGS: &str = "siteId updatedAt customCss look { primaryColor secondaryColor side zIndex avatarUrl }
    translations { language title greeting busy offline launcher placeholder proactive }
    features { liveChat waiting assistant tickets callbacks calls attachments emoji sounds ratings }
    preChat { enabled fields required }
    proactive { enabled secondsOnPage scrollPercent exitIntent idleSeconds tabReturnSeconds oncePerVisit }";

async fn read(app: &TestApp, site: &Site) -> Value {
    let query = format!("query W($s: ID!) {{ widgetSettings(siteId: $s) {{ {SETTINGS} }} }}");
    app.run(Some(&site.admin.token), &query, json!({ "s": site.id })).await["widgetSettings"].take()
}

fn update() -> String {
    format!(
        "mutation U($i: UpdateWidgetSettingsInput!) {{ updateWidgetSettings(input: $i) {{ widgetSettings {{ {SETTINGS} }} }} }}"
    )
}

fn input(site: &Site, more: &Value) -> Value {
    let mut input = json!({ "siteId": site.id });
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "i": input })
}

async fn change(app: &TestApp, site: &Site, more: Value) -> Value {
    let data = app.run(Some(&site.admin.token), &update(), input(site, &more)).await;
    data["updateWidgetSettings"]["widgetSettings"].clone()
}

/// The field, the reason and the message of a refusal.
async fn complaint(app: &TestApp, site: &Site, more: Value) -> (String, String, String) {
    let answer = app.post(Some(&site.admin.token), &update(), input(site, &more)).await;
    let error = &answer["errors"][0];
    let part = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{more}: {answer}")).to_owned();
    let extensions = &error["extensions"];
    (part(&extensions["field"]), part(&extensions["reason"]), part(&error["message"]))
}

#[tokio::test]
async fn a_new_site_has_a_widget_that_can_be_used() {
    let app = TestApp::start().await;
    let site = app.site("mavi").await;
    let settings = read(&app, &site).await;
    let look = json!({ "primaryColor": "#4F46E5", "secondaryColor": "#10B981", "side": "RIGHT", "zIndex": 9999, "avatarUrl": null });
    assert_eq!((&settings["look"], &settings["updatedAt"]), (&look, &Value::Null));
    let triggers = json!({ "enabled": false, "secondsOnPage": 30, "scrollPercent": 50, "exitIntent": true, "idleSeconds": 60,
        "tabReturnSeconds": 60, "oncePerVisit": true });
    assert_eq!(settings["proactive"], triggers);
    let start = app.run(None, BOOTSTRAP, json!({ "k": site.key })).await["widgetBootstrap"].take();
    assert_eq!(start["site"], json!({ "id": site.id, "name": "mavi", "locale": "tr" }));
    assert_eq!((&start["language"], &start["texts"]["title"]), (&json!("tr"), &json!("Canlı destek")));
    assert_eq!((&start["look"], &start["proactive"]), (&look, &Value::Null));
    assert_eq!(start["hours"]["week"].as_array().unwrap().len(), 7);
    // Nothing that is asked for changes nothing.
    assert_eq!(change(&app, &site, json!({})).await, settings);
}

#[tokio::test]
async fn what_is_changed_is_shown_and_the_rest_stays() {
    let app = TestApp::start().await;
    let site = app.site("mavi").await;
    let css = ".yanit { color: #123 }\n@media (max-width: 600px) { .yanit { display: none } }";
    let changed = change(
        &app,
        &site,
        json!({
            "look": { "primaryColor": "#ABC", "side": "LEFT", "avatarUrl": "https://cdn.example/a.png" },
            "translations": [{ "language": "tr", "title": "Mavi Destek" }, { "language": "en", "greeting": "Hi!" }],
            "features": { "tickets": false },
            "preChat": { "enabled": true, "fields": ["PHONE", "NAME"], "required": ["NAME"] },
            "proactive": { "enabled": true, "idleSeconds": null, "secondsOnPage": 15 },
            "customCss": css,
        }),
    )
    .await;
    assert!(changed["updatedAt"].is_string());
    assert_eq!(read(&app, &site).await, changed);
    let start = bootstrap(&app, &site).await;
    assert_eq!((&start["look"]["primaryColor"], &start["look"]["secondaryColor"]), (&json!("#ABC"), &json!("#10B981")));
    assert_eq!((&start["look"]["side"], &start["look"]["zIndex"]), (&json!("LEFT"), &json!(9999)));
    assert_eq!(start["preChat"], json!({ "enabled": true, "fields": ["PHONE", "NAME"], "required": ["NAME"] }));
    assert_eq!((&start["proactive"]["secondsOnPage"], &start["proactive"]["idleSeconds"]), (&json!(15), &Value::Null));
    assert_eq!((&start["customCss"], &start["features"]["tickets"]), (&json!(css), &json!(false)));
    assert_eq!(start["state"]["offers"], json!(["WAIT", "CALLBACK"]));
    // Nobody is spoken to first in an emergency.
    set_emergency(&app, &site, json!({})).await;
    assert_eq!(bootstrap(&app, &site).await["proactive"], Value::Null);

    let changed =
        change(&app, &site, json!({ "translations": [], "customCss": null, "look": { "avatarUrl": null } })).await;
    assert_eq!((&changed["translations"], &changed["customCss"]), (&json!([]), &Value::Null));
    assert_eq!((&changed["look"]["avatarUrl"], &changed["look"]["side"]), (&Value::Null, &json!("LEFT")));
}

#[tokio::test]
async fn texts_are_in_the_language_that_was_asked_for_else_in_the_sites() {
    let app = TestApp::start().await;
    let site = app.site("mavi").await;
    let translations = json!([{ "language": "tr", "title": "Mavi Destek", "offline": "Kapalıyız." },
        { "language": "fr", "title": "Bleu" }]);
    change(&app, &site, json!({ "translations": translations })).await;
    let texts = |language: Option<&'static str>| {
        let (app, key) = (&app, &site.key);
        async move { app.run(None, BOOTSTRAP, json!({ "k": key, "l": language })).await["widgetBootstrap"].take() }
    };
    for (asked, language, title, offline, launcher) in [
        (None, "tr", "Mavi Destek", "Kapalıyız.", "Bize yazın"),
        (Some("tr-TR"), "tr-TR", "Mavi Destek", "Kapalıyız.", "Bize yazın"),
        (Some("fr-CA"), "fr-CA", "Bleu", "Kapalıyız.", "Bize yazın"),
        (Some("de"), "de", "Mavi Destek", "Kapalıyız.", "Schreiben Sie uns"),
        (Some("ja"), "tr", "Mavi Destek", "Kapalıyız.", "Bize yazın"),
    ] {
        let start = texts(asked).await;
        assert_eq!(start["language"], language, "{asked:?}");
        let found = &start["texts"];
        assert_eq!((&found["title"], &found["offline"]), (&json!(title), &json!(offline)), "{asked:?}");
        assert_eq!(found["launcher"], launcher, "{asked:?}");
    }
    assert_eq!(texts(Some("de")).await["state"]["message"], "Gerade ist niemand frei.");
}

#[tokio::test]
async fn each_limit_has_an_error_that_names_it() {
    let app = TestApp::start().await;
    let site = app.site("mavi").await;
    let long = "x".repeat(301);
    for (more, field, reason, says) in [
        (json!({ "look": { "primaryColor": "red" } }), "input.look.primaryColor", "INVALID_FORMAT", "#RRGGBB"),
        (json!({ "look": { "secondaryColor": "#12345" } }), "input.look.secondaryColor", "INVALID_FORMAT", "#RGB"),
        (json!({ "look": { "zIndex": -1 } }), "input.look.zIndex", "OUT_OF_RANGE", "from 0 to 2147483647"),
        (
            json!({ "look": { "avatarUrl": "http://x.example/a.png" } }),
            "input.look.avatarUrl",
            "INVALID_FORMAT",
            "https://",
        ),
        (
            json!({ "translations": [{ "language": "tr", "greeting": long }] }),
            "input.translations[0].greeting",
            "TOO_LONG",
            "at most 300",
        ),
        (
            json!({ "translations": [{ "language": "tr" }, { "language": "TR" }] }),
            "input.translations[1].language",
            "INVALID_COMBINATION",
            "twice",
        ),
        (
            json!({ "preChat": { "fields": ["NAME"], "required": ["EMAIL"] } }),
            "input.preChat.required",
            "INVALID_COMBINATION",
            "not among `fields`",
        ),
        (
            json!({ "proactive": { "scrollPercent": 101 } }),
            "input.proactive.scrollPercent",
            "OUT_OF_RANGE",
            "from 1 to 100",
        ),
        (json!({ "customCss": "x".repeat(20_001) }), "input.customCss", "TOO_LONG", "at most 20000"),
    ] {
        let (found, why, message) = complaint(&app, &site, more).await;
        assert_eq!((found.as_str(), why.as_str()), (field, reason), "{message}");
        assert!(message.contains(says), "{message}");
    }
    assert_eq!(read(&app, &site).await["updatedAt"], Value::Null, "nothing was written");
}

#[tokio::test]
async fn x65_css_that_would_load_something_is_refused_at_its_place() {
    let app = TestApp::start().await;
    let site = app.site("mavi").await;
    for (css, place) in [
        (".a { background: url(https://evil.example/?x) }", "line 1, column 18"),
        (".a {\n  color: red;\n  background: URL(\"x\") }", "line 3, column 15"),
        (".a { background: u\\72l(x) }", "line 1, column 18"),
        (".a { background: image-set(\"x\" 1x) }", "line 1, column 18"),
        ("@media print {\n  .a { .b { background: -webkit-image-set(\"x\" 1x) } } }", "line 2, column 25"),
        ("@import \"x\";", "line 1, column 1"),
        ("\n@IMP\\4frt \"x\";", "line 2, column 1"),
        ("@font-face { font-family: x; src: local(x) }", "line 1, column 1"),
        (".a { color: red", "line 1, column 4"),
    ] {
        let (field, reason, message) = complaint(&app, &site, json!({ "customCss": css })).await;
        assert_eq!((field.as_str(), reason.as_str()), ("input.customCss", "INVALID_FORMAT"), "{css}");
        assert!(message.contains(place), "{css}: {message}");
    }
    let fine = ".a::before { content: \"url(x) and @import\" } /* url(x) */";
    assert_eq!(change(&app, &site, json!({ "customCss": fine })).await["customCss"], fine);
}

#[tokio::test]
async fn two_admins_at_once_do_not_undo_each_other() {
    let app = TestApp::start().await;
    let site = app.site("mavi").await;
    let changes = (1..=10).map(|number| {
        let part = if number % 2 == 0 {
            json!({ "look": { "zIndex": number } })
        } else {
            json!({ "proactive": { "secondsOnPage": number } })
        };
        change(&app, &site, part)
    });
    futures_util::future::join_all(changes).await;
    let settings = read(&app, &site).await;
    assert_ne!(settings["look"]["zIndex"], 9999);
    assert_ne!(settings["proactive"]["secondsOnPage"], 30);
}
