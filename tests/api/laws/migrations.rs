//! The migrations make what the entities describe, and can be taken back.

use std::collections::BTreeSet;

use ::entity::*;
use futures_util::future::join_all;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, EntityName, EntityTrait, Iterable, QuerySelect,
    Statement,
};
use sea_orm_migration::MigratorTrait;
use yanit::ports::{self, db::Db};

use super::{here, read};
use crate::harness::app::TestApp;

/// What the table lacks of an entity, if it lacks anything.
async fn lacks<E: EntityTrait>(db: &Db<'_>) -> Option<String> {
    let asked = E::find().limit(0).all(db).await;
    asked.err().map(|error| format!("{}: {error}", E::default().table_name()))
}

macro_rules! entities {
    ($($entity:ident),+ $(,)?) => {
        /// The modules of the entities below.
        const ENTITIES: &[&str] = &[$(stringify!($entity)),+];

        /// What tables lack of the entities.
        async fn lacking(db: &Db<'_>) -> Vec<String> {
            [$(lacks::<$entity::Entity>(db).await),+].into_iter().flatten().collect()
        }

        /// Each table's columns as its entity has them.
        fn columns() -> Vec<(String, BTreeSet<String>)> {
            use sea_orm::Iden;
            vec![$((
                $entity::Entity.table_name().to_owned(),
                $entity::Column::iter().map(|column| column.to_string()).collect(),
            )),+]
        }
    };
}

entities!(
    agent_lease,
    agent_profile,
    agent_state,
    ai_day,
    ai_reservation,
    ai_usage,
    answer_feedback,
    article,
    article_import,
    article_import_file,
    article_rating,
    article_tag,
    article_version,
    assistant,
    business_hours,
    canned_response,
    chunk,
    contact_request,
    conversation,
    conversation_closing,
    conversation_tag,
    creation,
    department,
    department_member,
    embedding,
    emergency,
    evaluation,
    evaluation_gate,
    evaluation_outcome,
    golden_question,
    index_build,
    index_head,
    installation,
    invitation,
    job,
    journal,
    journal_head,
    knowledge_settings,
    membership,
    mention,
    message,
    message_revision,
    participant,
    provider_trouble,
    question_example,
    question_group,
    queue_entry,
    reaction,
    reader,
    routing_decision,
    routing_rules,
    routing_turn,
    run,
    session,
    site,
    special_day,
    team,
    team_member,
    user,
    visitor,
    widget_settings,
);

#[test]
fn the_law_knows_every_entity() {
    let mut there: Vec<String> = std::fs::read_dir(here("entity/src"))
        .expect("the entities can be read")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| read(path).contains("DeriveEntityModel"))
        .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
        .collect();
    there.sort();
    assert_eq!(there, ENTITIES);
}

#[tokio::test]
async fn every_column_of_an_entity_is_in_the_database() {
    let app = TestApp::start().await;
    let lacking = lacking(&app.app.ports.database.db()).await;
    assert!(lacking.is_empty(), "the migrations do not make what entities describe:\n  {}", lacking.join("\n  "));
}

/// An empty database in memory.
async fn empty() -> DatabaseConnection {
    let mut options = ConnectOptions::new("sqlite::memory:");
    // Each connection would have a database of its own.
    options.max_connections(1).sqlx_logging(false);
    Database::connect(options).await.expect("memory is there")
}

async fn texts(db: &impl ConnectionTrait, sql: &str) -> Vec<String> {
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.expect("rows");
    rows.iter().map(|row| row.try_get_by_index(0).expect("a text")).collect()
}

/// What was made, as SQLite keeps it; without what keeps the list of migrations.
async fn made(db: &DatabaseConnection) -> Vec<String> {
    let sql = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND tbl_name NOT LIKE 'seaql_%' \
               AND tbl_name NOT LIKE 'sqlite_%' ORDER BY name";
    texts(db, sql).await
}

#[tokio::test]
async fn no_column_is_in_the_database_that_no_entity_has() {
    let db = empty().await;
    migration::Migrator::up(&db, None).await.expect("it goes up");
    for (table, columns) in columns() {
        let there = texts(&db, &format!("SELECT name FROM pragma_table_info('{table}')")).await;
        assert_eq!(there.into_iter().collect::<BTreeSet<_>>(), columns, "{table}");
    }
}

/// A connection of SQLite may not have noticed yet that another one dropped an index, and refuses to make it anew.
#[tokio::test]
async fn migrations_go_up_while_other_connections_are_in_use() {
    let file = std::env::temp_dir().join(format!("yanit-test-{}.db", uuid::Uuid::from_u128(rand::random()).simple()));
    let database = ports::db::Database::connect(&format!("sqlite://{}", file.display()), 4).await.expect("it is made");
    let all = migration::Migrator::migrations();
    let before = all.iter().position(|one| one.name().ends_with("job_lanes")).expect("it makes an index anew");
    let db = Database::connect(format!("sqlite://{}", file.display())).await.expect("it is there");
    migration::Migrator::up(&db, Some(u32::try_from(before).expect("not so many"))).await.expect("they go up");
    db.close().await.expect("it closes");
    // Each connection knows the tables as they are now, and nothing that it is used for makes it look again.
    let db = database.db();
    join_all((0..4).map(|_| texts(&db, "SELECT name FROM sqlite_master"))).await;
    let in_use = (0..3).map(|_| async {
        loop {
            texts(&db, "SELECT 'x'").await;
        }
    });
    tokio::select! {
        migrated = database.migrate() => migrated.expect("they go up"),
        _ = join_all(in_use) => {}
    }
    database.close().await.expect("it closes");
    for part in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{part}", file.display()));
    }
}

#[tokio::test]
async fn migrations_leave_nothing_when_taken_back_and_can_be_applied_again() {
    let db = empty().await;
    migration::Migrator::up(&db, None).await.expect("they go up");
    let first = made(&db).await;
    assert!(!first.is_empty());
    migration::Migrator::down(&db, None).await.expect("they go down");
    assert_eq!(made(&db).await, Vec::<String>::new());
    migration::Migrator::up(&db, None).await.expect("they go up again");
    assert_eq!(made(&db).await, first);
}

#[tokio::test]
async fn what_was_closed_before_closings_were_kept_has_one() {
    let db = empty().await;
    let all = migration::Migrator::migrations();
    let earlier = all.iter().position(|one| one.name().ends_with("_closings")).expect("it is there");
    migration::Migrator::up(&db, Some(u32::try_from(earlier).unwrap())).await.expect("they go up");
    let conversation = |id: u8, status: &str, closed_at: &str| {
        format!(
            "INSERT INTO conversation (id, site_id, assignee_id, status, assistant_paused, last_seq, last_activity, \
             unread_by_staff, unread_by_visitor, created_at, closed_at) \
             VALUES (x'{id:032x}', x'{0:032x}', x'{1:032x}', '{status}', 0, 0, 0, 0, 0, '2026-01-01', {closed_at})",
            10, 20
        )
    };
    // The site does not matter here.
    db.execute_unprepared("PRAGMA foreign_keys = OFF").await.unwrap();
    db.execute_unprepared(&conversation(1, "OPEN", "NULL")).await.unwrap();
    db.execute_unprepared(&conversation(2, "CLOSED", "'2026-01-02'")).await.unwrap();
    migration::Migrator::up(&db, None).await.expect("the others go up");
    let columns = "hex(conversation_id) || number || hex(assignee_id) || closed_at || coalesce(score, '-')";
    let closings = texts(&db, &format!("SELECT {columns} FROM conversation_closing")).await;
    assert_eq!(closings, [format!("{:032X}1{:032X}2026-01-02-", 2, 20)]);
}

/// SQLite has no statistics here, so it reads all of a site where an index leaves it a choice.
#[tokio::test]
async fn a_few_articles_and_passages_are_found_without_reading_all_of_a_site() {
    let db = empty().await;
    migration::Migrator::up(&db, None).await.expect("they go up");
    let ids = vec!["x'01'"; 50].join(", ");
    for (table, column) in [("article", "id"), ("chunk", "id"), ("chunk", "article_id")] {
        let sql = format!("SELECT * FROM {table} WHERE site_id = x'01' AND {column} IN ({ids})");
        let rows = Statement::from_string(db.get_database_backend(), format!("EXPLAIN QUERY PLAN {sql}"));
        let plan = db.query_one_raw(rows).await.expect("a plan").expect("a step");
        let step: String = plan.try_get("", "detail").expect("a text");
        assert!(step.contains(&format!("(site_id=? AND {column}=?)")), "{table}: {step}");
    }
}
