//! Agents: departments and teams, what they can do, and whether they are there.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TABLES: [&str; 7] =
    ["agent_lease", "agent_state", "agent_profile", "team_member", "team", "department_member", "department"];

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, db: &SchemaManager) -> Result<(), DbErr> {
        let named = [id("id"), id("site_id"), text("name"), text("folded")];
        let department = named.clone().into_iter().chain([maybe_text("description"), time("created_at")]);
        db.create_table(table("department", department, &["id"], &[("site_id", "site")])).await?;
        db.create_index(unique("department", &["site_id", "folded"])).await?;
        let team = named.into_iter().chain([maybe_id("department_id"), maybe_text("description"), time("created_at")]);
        let of = [("site_id", "site"), ("department_id", "department")];
        db.create_table(table("team", team, &["id"], &of)).await?;
        db.create_index(unique("team", &["site_id", "folded"])).await?;
        for (name, whole, key) in
            [("department_member", "department", "department_id"), ("team_member", "team", "team_id")]
        {
            let columns = [id(key), id("user_id"), id("site_id")];
            let of = [(key, whole), ("user_id", "user"), ("site_id", "site")];
            db.create_table(table(name, columns, &[key, "user_id"], &of)).await?;
            db.create_index(index(name, &["site_id", "user_id"])).await?;
        }
        let of = [("site_id", "site"), ("user_id", "user")];
        let profile = [
            id("site_id"),
            id("user_id"),
            count("max_chats"),
            count("priority_level"),
            flag("accepts_calls"),
            json("languages"),
            json("skills"),
        ];
        db.create_table(table("agent_profile", profile, &["site_id", "user_id"], &of)).await?;
        let state =
            [id("site_id"), id("user_id"), choice("state"), maybe_text("text"), maybe_time("until"), time("since")];
        db.create_table(table("agent_state", state, &["site_id", "user_id"], &of)).await?;
        db.create_index(where_set(index("agent_state", &["until"]), "until")).await?;
        let lease = [id("id"), id("site_id"), id("user_id"), time("expires_at"), time("created_at")];
        db.create_table(table("agent_lease", lease, &["id"], &of)).await?;
        db.create_index(index("agent_lease", &["site_id", "user_id"])).await?;
        db.create_index(index("agent_lease", &["expires_at"])).await
    }

    async fn down(&self, db: &SchemaManager) -> Result<(), DbErr> {
        for name in TABLES {
            db.drop_table(Table::drop().table(Alias::new(name)).take()).await?;
        }
        Ok(())
    }
}
