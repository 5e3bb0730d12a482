//! Articles from files and as files.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::harness::{
    app::TestApp,
    people::{Site, text},
};

const IMPORT: &str =
    "mutation I($i: ImportArticlesInput!) { importArticles(input: $i) { articleImport { id filesTotal } } }";
const SHOWN: &str = "query I($i: ID!) { articleImport(importId: $i) { finishedAt filesTotal filesDone
    files { name status articleIds errors { line field message } } } }";
const ARTICLE: &str = "query A($a: ID!) { article(articleId: $a) {
    title slug body language status visibility description category tags author { id } } }";
const EXPORT: &str = "query E($s: ID!, $f: ExportFormat!, $n: Int, $a: String) {
    exportArticles(siteId: $s, format: $f, first: $n, after: $a) { files { name content } endCursor hasNextPage } }";

/// A PDF of pages with lines of text; `more` stands in its trailer.
fn pdf(pages: &[&[&str]], more: &str) -> Vec<u8> {
    let mut objects = vec![String::from("<< /Type /Catalog /Pages 2 0 R >>")];
    let kids: Vec<String> = (0..pages.len()).map(|page| format!("{} 0 R", 4 + 2 * page)).collect();
    objects.push(format!("<< /Type /Pages /Kids [{}] /Count {} >>", kids.join(" "), pages.len()));
    objects.push("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".into());
    for (number, lines) in pages.iter().enumerate() {
        let contents = 5 + 2 * number;
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >> /Contents {contents} 0 R >>"
        ));
        let shown: String = lines
            .iter()
            .enumerate()
            .map(|(line, text)| format!("BT /F1 12 Tf 72 {} Td ({text}) Tj ET\n", 720 - 40 * line))
            .collect();
        objects.push(format!("<< /Length {} >>\nstream\n{shown}endstream", shown.len()));
    }
    let mut file = b"%PDF-1.4\n".to_vec();
    let mut places = vec![];
    for (number, object) in (1..).zip(&objects) {
        places.push(file.len());
        file.extend(format!("{number} 0 obj\n{object}\nendobj\n").into_bytes());
    }
    let start = file.len();
    file.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).into_bytes());
    for place in places {
        file.extend(format!("{place:010} 00000 n \n").into_bytes());
    }
    let trailer = format!("trailer\n<< /Size {} /Root 1 0 R {more} >>\nstartxref\n{start}\n%%EOF\n", objects.len() + 1);
    file.extend(trailer.into_bytes());
    file
}

fn base64_file(name: &str, content: &[u8]) -> Value {
    json!({ "name": name, "base64": STANDARD.encode(content) })
}

/// Waits until an import is done: its files are read by processes of their own, which a busy machine starts slowly.
async fn finished(app: &TestApp, site: &Site, import: &str) -> Value {
    let mut shown = Value::Null;
    for _ in 0..3_600 {
        shown = app.run(Some(&site.admin.token), SHOWN, json!({ "i": import })).await["articleImport"].clone();
        if !shown["finishedAt"].is_null() {
            assert_eq!(shown["filesDone"], shown["filesTotal"]);
            return shown;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the import is not finished: {shown:#}");
}

async fn import(app: &TestApp, site: &Site, files: Value) -> Value {
    let input = json!({ "i": { "siteId": site.id, "files": files } });
    let data = app.run(Some(&site.admin.token), IMPORT, input).await;
    finished(app, site, &text(&data["importArticles"]["articleImport"]["id"])).await
}

async fn article(app: &TestApp, site: &Site, id: &Value) -> Value {
    app.run(Some(&site.admin.token), ARTICLE, json!({ "a": id })).await["article"].clone()
}

#[tokio::test]
async fn markdown_pdf_and_json_lines_become_drafts() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let markdown = "---\ntitle: \"İade: süre\"\nslug: iade-suresi\nlanguage: tr\ncategory: Sipariş\ntags: [iade, para]\nvisibility: INTERNAL\n---\n\nOn dört gün.\n";
    let lines = "{\"title\":\"Bir\",\"body\":\"Metin.\"}\n\n{\"title\":\"İki\"}\n{\"title\":\"\",\"body\":\"x\"}\n";
    let paper = pdf(&[&["Shipping conditions", "Parcels take two days."], &["Second page."]], "");
    let files = json!([
        { "name": "iade.md", "text": markdown },
        base64_file("shipping.pdf", &paper),
        { "name": "more.jsonl", "text": lines },
    ]);
    let shown = import(&app, &site, files).await;
    let files = &shown["files"];
    for file in files.as_array().expect("a list") {
        assert_eq!(file["status"], "DONE", "{shown:#}");
    }
    let made = article(&app, &site, &files[0]["articleIds"][0]).await;
    let expected = json!({
        "title": "İade: süre", "slug": "iade-suresi", "body": "On dört gün.\n", "language": "tr", "status": "DRAFT",
        "visibility": "INTERNAL", "description": null, "category": "Sipariş", "tags": ["iade", "para"],
        "author": { "id": site.admin.id },
    });
    assert_eq!(made, expected);
    let made = article(&app, &site, &files[1]["articleIds"][0]).await;
    assert_eq!((&made["title"], &made["visibility"]), (&json!("Shipping conditions"), &json!("PUBLIC")));
    assert_eq!(made["body"], "Parcels take two days.\n\nSecond page.");
    let errors = files[2]["errors"].as_array().expect("a list");
    assert_eq!((files[2]["articleIds"].as_array().map(Vec::len), errors.len()), (Some(1), 2));
    assert_eq!((&errors[0]["line"], &errors[1]["line"], &errors[1]["field"]), (&json!(3), &json!(4), &json!("title")));
}

#[tokio::test]
async fn files_that_cannot_be_read_are_named_and_stop_no_other() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let encrypted = "/Encrypt << /Filter /Standard /V 1 /R 2 /O (01234567890123456789012345678901) /U (01234567890123456789012345678901) /P -4 >> /ID [(a) (a)]";
    let mut cut = pdf(&[&["Half a file"]], "");
    cut.truncate(cut.len() / 2);
    let page: &[&str] = &["x"];
    let files = json!([
        base64_file("broken.pdf", b"%PDF-1.7 nothing of the kind"),
        base64_file("cut.pdf", &cut),
        base64_file("locked.pdf", &pdf(&[&["Secret"]], encrypted)),
        base64_file("scan.pdf", &pdf(&[&[]], "")),
        base64_file("long.pdf", &pdf(&vec![page; 501], "")),
        base64_file("picture.md", &[0xff, 0xd8, 0xff, 0xe0]),
        { "name": "open.md", "text": "---\ntitle: x\n" },
        { "name": "empty.md", "text": " " },
        { "name": "list.md", "text": "---\n- title: x\n- y\n---\nText." },
        { "name": "fine.md", "text": "# Fine\n\nText." },
    ]);
    let shown = import(&app, &site, files).await;
    let files = shown["files"].as_array().expect("a list");
    for (file, word) in files.iter().zip([
        "damaged",
        "damaged",
        "password",
        "OCR",
        "500 pages",
        "UTF-8",
        "front matter",
        "empty",
        "is a list",
    ]) {
        let message = file["errors"][0]["message"].as_str().unwrap_or_default();
        assert!(file["status"] == "FAILED" && message.contains(word), "{word}: {file}");
    }
    assert_eq!((&files[9]["name"], &files[9]["status"]), (&json!("fine.md"), &json!("DONE")));
    for wrong in [
        json!([]),
        json!([{ "name": "a.md" }]),
        json!([{ "name": "a.md", "text": "x", "base64": "eA==" }]),
        json!([{ "name": "a.md", "base64": "?" }]),
        json!([{ "text": "x" }]),
    ] {
        let input = json!({ "i": { "siteId": site.id, "files": wrong } });
        assert!(app.refused(Some(&site.admin.token), IMPORT, input).await.starts_with("BAD_USER_INPUT/"));
    }
}

#[tokio::test]
async fn a_file_can_be_uploaded_and_may_be_larger_than_other_bodies() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let operations = json!({
        "query": IMPORT,
        "variables": { "i": { "siteId": site.id, "files": [{ "file": null }] } },
    });
    let body = format!("# Kargo\n\n{}", "Kargo iki gün sürer. ".repeat(150_000));
    let send = async |token: Option<&str>| {
        let boundary = "a-boundary";
        let part = |head: &str, content: &str| {
            format!("--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n")
        };
        let form = [
            part("name=\"operations\"", &operations.to_string()),
            part("name=\"map\"", "{\"0\":[\"variables.i.files.0.file\"]}"),
            part("name=\"0\"; filename=\"../kargo.md\"", &body),
            format!("--{boundary}--\r\n"),
        ];
        let request = app.http.post(app.url()).header("GraphQL-Preflight", "1");
        let request =
            request.header("content-type", format!("multipart/form-data; boundary={boundary}")).body(form.concat());
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        request.send().await.expect("an answer")
    };
    assert!(body.len() > app.app.ports.config.max_body_bytes);
    assert_eq!(send(None).await.status().as_u16(), 413);
    let answer: Value = send(Some(&site.admin.token)).await.json().await.expect("JSON");
    let id = text(&answer["data"]["importArticles"]["articleImport"]["id"]);
    let shown = finished(&app, &site, &id).await;
    assert_eq!(shown["files"][0]["name"], "kargo.md");
    // Such a long article cannot be: the error says how long it may be.
    let error = &shown["files"][0]["errors"][0];
    assert_eq!(error["field"], "body");
    assert!(error["message"].as_str().is_some_and(|message| message.contains("200000")), "{error}");
}

#[tokio::test]
async fn what_is_exported_can_be_imported() {
    let app = TestApp::start().await;
    let (site, other) = (app.site("acme").await, app.site("other").await);
    let create = "mutation M($i: CreateArticlesInput!) { createArticles(input: $i) { createdCount } }";
    let articles: Vec<Value> = (0..5)
        .map(|number| {
            json!({
                "title": format!("Başlık \"{number}\": öyle"), "body": format!("---\n\n# {number}\n\nMetin.\n"), "language": "tr",
                "slug": format!("slug-{number}"), "visibility": "INTERNAL", "description": "Açıklama", "category": "Sipariş",
                "tags": ["a, b", "ç"],
            })
        })
        .collect();
    app.run(Some(&site.admin.token), create, json!({ "i": { "siteId": site.id, "articles": articles } })).await;
    for format in ["MARKDOWN", "JSON_LINES"] {
        let (mut files, mut after) = (vec![], Value::Null);
        loop {
            let page = json!({ "s": site.id, "f": format, "n": 2, "a": after });
            let page = app.run(Some(&site.admin.token), EXPORT, page).await["exportArticles"].clone();
            files.extend(page["files"].as_array().expect("a list").iter().cloned());
            after = page["endCursor"].clone();
            if page["hasNextPage"] == false {
                break;
            }
        }
        let files: Vec<Value> =
            files.iter().map(|file| json!({ "name": file["name"], "text": file["content"] })).collect();
        let shown = import(&app, &other, json!(files)).await;
        let ids: Vec<Value> = shown["files"]
            .as_array()
            .expect("a list")
            .iter()
            .flat_map(|file| file["articleIds"].as_array().expect("a list").clone())
            .collect();
        assert_eq!(ids.len(), 5, "{shown:#}");
        for (id, number) in ids.iter().zip([4, 3, 2, 1, 0]) {
            let made = article(&app, &other, id).await;
            let given = &articles[number];
            for field in ["title", "body", "language", "visibility", "description", "category", "tags"] {
                assert_eq!(made[field], given[field], "{format}");
            }
            // Imported twice, the second one is numbered.
            let slug = if format == "MARKDOWN" { format!("slug-{number}") } else { format!("slug-{number}-2") };
            assert_eq!(made["slug"], slug);
        }
    }
}

#[tokio::test]
async fn pages_and_lists_are_read_and_other_kinds_are_refused_by_name() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let page = "<!doctype html><html><head><title>Yardım</title><style>p{}</style></head><body><h1>İade</h1>\
                <p>Süre <b>30</b> gündür.</p><script>alert(1)</script></body></html>";
    let files = json!([
        { "name": "iade.html", "text": page },
        { "name": "kargo.HTM", "text": page.replace("İade", "Kargo") },
        { "name": "gizli.md", "text": page.replace("İade", "Gizli") },
        { "name": "liste.json", "text": "[{\"title\":\"Bir\",\"body\":\"Metin.\"},{\"title\":\"İki\"}]" },
        { "name": "fiyat.csv", "text": "ad;fiyat\nelma;3\n" },
        { "name": "belge.docx", "text": "PK" },
    ]);
    let shown = import(&app, &site, files).await;
    let files = shown["files"].as_array().expect("a list");
    for file in &files[..3] {
        assert_eq!((&file["status"], &file["errors"]), (&json!("DONE"), &json!([])), "{shown:#}");
        let body = text(&article(&app, &site, &file["articleIds"][0]).await["body"]);
        assert_eq!(body, "Süre **30** gündür.");
    }
    assert_eq!(article(&app, &site, &files[1]["articleIds"][0]).await["title"], "Kargo");
    assert_eq!((files[3]["articleIds"].as_array().map(Vec::len), &files[3]["errors"][0]["line"]), (Some(1), &json!(2)));
    for (file, ending) in [(&files[4], "`.csv`"), (&files[5], "`.docx`")] {
        assert_eq!(file["status"], "FAILED");
        assert!(text(&file["errors"][0]["message"]).contains(ending), "{shown:#}");
    }
}

/// Marks for the ends of lines and what is no text come with files that nobody typed.
#[tokio::test]
async fn what_no_reader_sees_is_left_out_of_files() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let page = "<!doctype html><html><body><h1>Kargo&shy;lama</h1><p>Gönderi\u{ad}leriniz iki gün&shy;de ge\u{1b}lir.\u{fffe}</p></body></html>";
    let files = json!([
        { "name": "kargo.html", "text": page },
        { "name": "iade.md", "text": "---\ntitle: İa\u{ad}de\ntags: [pa\u{ad}ra]\n---\nSü\u{ad}re 14 gün\u{7}dür." },
        { "name": "liste.jsonl", "text": "{\"title\":\"Ö\\u00addeme\",\"body\":\"Kart\\u001bla.\"}" },
    ]);
    let shown = import(&app, &site, files).await;
    for (file, title, body) in
        [(0, "Kargolama", "Gönderileriniz iki günde gelir."), (1, "İade", "Süre 14 gündür."), (2, "Ödeme", "Kartla.")]
    {
        let made = article(&app, &site, &shown["files"][file]["articleIds"][0]).await;
        assert_eq!((text(&made["title"]), text(&made["body"])), (title.into(), body.into()), "{shown:#}");
    }
    assert_eq!(article(&app, &site, &shown["files"][1]["articleIds"][0]).await["tags"], json!(["para"]));
}

/// Files as other programs write them: front matter in their ways, tables, and what their pages hide.
#[tokio::test]
async fn files_of_other_programs_become_what_their_readers_see() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let toml = "+++\ntitle = \"Kargo: süre\"\ndate = 2026-01-02\ndraft = true\ntags = [\"kargo\"]\n\n[extra]\nsecret = \"gizli\"\n+++\n\nİki gün.\n";
    let yaml = "---\ntitle: İade\ndescription: |\n  Birinci satır\n  ikinci satır\ntags: [iade]\n...\nOn dört gün.\n";
    let page = "<!doctype html><html><head><title>Ücretler</title></head><body><h1>Ücretler</h1><p hidden>gizli</p><!-- gizli -->\
                <noscript>gizli</noscript><template>gizli</template><i aria-hidden=\"true\">gizli</i>\
                <div style=\"display:none\">gizli</div><table><tr><th>Bölge</th><th colspan=2>Süre</th></tr>\
                <tr><th>Ankara</th><td>1 gün</td><td rowspan=2>3 gün</td></tr><tr><th>Van</th><td>2 gün</td></tr></table>\
                <pre>yanit --help</pre><p><a href=\"java&#115;cript:alert(1)\">Buraya</a> bakın.</p></body></html>";
    let setext =
        "Garanti\n=======\n\n<!-- gizli -->\n\nKoşullar\n--------\n\nİki yıl. [Buraya](data:text/html,x) bakın.\n";
    let files = json!([
        { "name": "kargo.md", "text": toml },
        { "name": "iade.md", "text": yaml },
        { "name": "ucretler.html", "text": page },
        { "name": "garanti.md", "text": setext },
        { "name": "bozuk.md", "text": "+++\ntitle = x\n+++\nMetin" },
    ]);
    let shown = import(&app, &site, files).await;
    let files = shown["files"].as_array().expect("a list");
    for (file, title, body, description, tags) in [
        (0, "Kargo: süre", "İki gün.\n", Value::Null, json!(["kargo"])),
        (1, "İade", "On dört gün.\n", json!("Birinci satır ikinci satır"), json!(["iade"])),
        (
            2,
            "Ücretler",
            "| Bölge | Süre | Süre |\n| --- | --- | --- |\n| Ankara | 1 gün | 3 gün |\n| Van | 2 gün | 3 gün |\n\n\
             ```\nyanit --help\n```\n\nBuraya bakın.",
            Value::Null,
            json!([]),
        ),
        (3, "Garanti", "## Koşullar\n\nİki yıl. Buraya bakın.\n", Value::Null, json!([])),
    ] {
        assert_eq!(files[file]["errors"], json!([]), "{shown:#}");
        let made = article(&app, &site, &files[file]["articleIds"][0]).await;
        assert_eq!((text(&made["title"]).as_str(), text(&made["body"]).as_str()), (title, body));
        assert_eq!((&made["description"], &made["tags"]), (&description, &tags), "{title}");
    }
    assert!(text(&files[4]["errors"][0]["message"]).contains("TOML"), "{shown:#}");
}

/// Whoever shows articles need not look for links that run something: none comes in, whichever way.
#[tokio::test]
async fn articles_keep_the_words_of_links_that_run_something() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let token = Some(site.admin.token.as_str());
    let body = "[Tıklayın](JavaScript:alert(1)) <a href=\"vbscript:x\">ya da buraya</a>, ![logo](data:image/png;base64,AA) \
                [burada][x] `[kod](javascript:a)` [açık](https://example.com).\n\n[x]: java\tscript:alert(1)\n";
    let kept = "Tıklayın ya da buraya, logo burada `[kod](javascript:a)` [açık](https://example.com).\n\n";
    let create = "mutation M($i: CreateArticleInput!) { createArticle(input: $i) { article { id body } } }";
    let input = json!({ "siteId": site.id, "title": "A", "body": body, "language": "tr" });
    let made = app.run(token, create, json!({ "i": input })).await["createArticle"]["article"].clone();
    assert_eq!(made["body"], kept);
    let update = "mutation M($i: UpdateArticleInput!) { updateArticle(input: $i) { article { body } } }";
    let input = json!({ "articleId": made["id"], "body": format!("Yeni. {body}") });
    let changed = app.run(token, update, json!({ "i": input })).await;
    assert_eq!(changed["updateArticle"]["article"]["body"], format!("Yeni. {kept}"));
    let many = "mutation M($i: CreateArticlesInput!) { createArticles(input: $i) { results { article { body } } } }";
    let input = json!({ "siteId": site.id, "articles": [{ "title": "B", "body": body, "language": "tr" }] });
    let made = app.run(token, many, json!({ "i": input })).await;
    assert_eq!(made["createArticles"]["results"][0]["article"]["body"], kept);
    let line = json!({ "title": "C", "body": body }).to_string();
    let files = json!([{ "name": "c.jsonl", "text": line }, { "name": "d.md", "text": format!("# D\n\n{body}") }]);
    let shown = import(&app, &site, files).await;
    for file in 0..2 {
        assert_eq!(article(&app, &site, &shown["files"][file]["articleIds"][0]).await["body"], kept, "{shown:#}");
    }
    // Where nothing else was said, nothing is left.
    let input = json!({ "siteId": site.id, "title": "A", "body": "[x]: javascript:a", "language": "tr" });
    assert_eq!(app.refused(token, create, json!({ "i": input })).await, "BAD_USER_INPUT/TOO_SHORT");
}

/// C16: a book becomes several articles, none longer than an article may be, and nothing of it is lost.
#[tokio::test]
async fn a_pdf_of_three_hundred_pages_becomes_articles() {
    let app = TestApp::start().await;
    let site = app.site("acme").await;
    let line = "Parcels are sent within two working days, and we tell you when yours is on its way to you.";
    let pages: Vec<Vec<String>> = (0..300)
        .map(|page| {
            let lines = (0..17).map(|_| line.to_owned());
            std::iter::once(format!("Chapter {page} begins here.")).chain(lines).collect()
        })
        .collect();
    let pages: Vec<Vec<&str>> = pages.iter().map(|page| page.iter().map(String::as_str).collect()).collect();
    let pages: Vec<&[&str]> = pages.iter().map(Vec::as_slice).collect();
    let shown = import(&app, &site, json!([base64_file("book.pdf", &pdf(&pages, ""))])).await;
    let file = &shown["files"][0];
    assert_eq!(file["errors"], json!([]), "{shown:#}");
    let list = "query L($s: ID!, $a: String) { articles(siteId: $s, first: 100, after: $a) { nodes { title body } } }";
    let read = app.run(Some(&site.admin.token), list, json!({ "s": site.id })).await;
    let bodies: Vec<String> =
        read["articles"]["nodes"].as_array().expect("a list").iter().map(|one| text(&one["body"])).collect();
    assert!(bodies.len() > 1, "one article cannot hold {}", bodies.len());
    assert!(bodies.iter().all(|body| body.chars().count() <= 200_000));
    let missing: Vec<usize> = (0..300)
        .filter(|page| !bodies.iter().any(|body| body.contains(&format!("Chapter {page} begins here."))))
        .collect();
    assert_eq!(missing, [0; 0]);
}
