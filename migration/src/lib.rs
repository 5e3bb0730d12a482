//! The migrations, oldest first. Old ones never change, so they use nothing of ours.

use sea_orm_migration::prelude::*;

mod columns;
mod m20261121_10_ai_usage;
mod m20261121_11_fallbacks;
mod m20261121_12_article_details;
mod m20261121_13_knowledge_settings;
mod m20261121_14_knowledge_index;
mod m20261121_15_article_imports;
mod m20261121_1_accounts;
mod m20261121_20_feedback;
mod m20261121_21_questions;
mod m20261121_22_evaluation;
mod m20261121_25_typed_answers;
mod m20261121_26_handoff;
mod m20261121_27_credits;
mod m20261121_28_drafts;
mod m20261121_29_knowledge_lookup;
mod m20261121_2_sites;
mod m20261121_30_calendars;
mod m20261121_32_agents;
mod m20261121_33_emergencies;
mod m20261121_34_widgets;
mod m20261121_35_canned_responses;
mod m20261121_36_closings;
mod m20261121_37_mentions;
mod m20261121_38_contact_requests;
mod m20261121_39_department_calendars;
mod m20261121_3_assistants;
mod m20261121_40_routing;
mod m20261121_41_lost_dashboards;
mod m20261121_4_conversations;
mod m20261121_5_runs;
mod m20261121_6_knowledge;
mod m20261121_7_journal;
mod m20261121_8_site_keys;
mod m20261121_9_assistant_keys;
mod m20261129_1_job_lanes;
mod m20261129_8_epochs;
mod m20261130_10_more_versions;
mod m20261130_1_attention;
mod m20261130_2_index_problems;
mod m20261130_3_inbox_search;
mod m20261130_4_versions;
mod m20261130_5_avatars;
mod m20261130_6_suggested_questions;
mod m20261130_7_run_editions;
mod m20261130_8_creations;
mod m20261130_9_provider_troubles;
mod m20261130_a_waiting;

/// Applies and lists the migrations.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_1_accounts::Migration),
            Box::new(m20261121_2_sites::Migration),
            Box::new(m20261121_3_assistants::Migration),
            Box::new(m20261121_4_conversations::Migration),
            Box::new(m20261121_5_runs::Migration),
            Box::new(m20261121_6_knowledge::Migration),
            Box::new(m20261121_7_journal::Migration),
            Box::new(m20261121_8_site_keys::Migration),
            Box::new(m20261121_9_assistant_keys::Migration),
            Box::new(m20261121_10_ai_usage::Migration),
            Box::new(m20261121_11_fallbacks::Migration),
            Box::new(m20261121_12_article_details::Migration),
            Box::new(m20261121_13_knowledge_settings::Migration),
            Box::new(m20261121_14_knowledge_index::Migration),
            Box::new(m20261121_15_article_imports::Migration),
            Box::new(m20261121_20_feedback::Migration),
            Box::new(m20261121_21_questions::Migration),
            Box::new(m20261121_22_evaluation::Migration),
            Box::new(m20261121_25_typed_answers::Migration),
            Box::new(m20261121_26_handoff::Migration),
            Box::new(m20261121_27_credits::Migration),
            Box::new(m20261121_28_drafts::Migration),
            Box::new(m20261121_29_knowledge_lookup::Migration),
            Box::new(m20261121_30_calendars::Migration),
            Box::new(m20261121_32_agents::Migration),
            Box::new(m20261121_33_emergencies::Migration),
            Box::new(m20261121_34_widgets::Migration),
            Box::new(m20261121_35_canned_responses::Migration),
            Box::new(m20261121_36_closings::Migration),
            Box::new(m20261121_37_mentions::Migration),
            Box::new(m20261121_38_contact_requests::Migration),
            Box::new(m20261121_39_department_calendars::Migration),
            Box::new(m20261121_40_routing::Migration),
            Box::new(m20261121_41_lost_dashboards::Migration),
            Box::new(m20261129_1_job_lanes::Migration),
            Box::new(m20261129_8_epochs::Migration),
            Box::new(m20261130_1_attention::Migration),
            Box::new(m20261130_2_index_problems::Migration),
            Box::new(m20261130_3_inbox_search::Migration),
            Box::new(m20261130_4_versions::Migration),
            Box::new(m20261130_5_avatars::Migration),
            Box::new(m20261130_6_suggested_questions::Migration),
            Box::new(m20261130_7_run_editions::Migration),
            Box::new(m20261130_8_creations::Migration),
            Box::new(m20261130_9_provider_troubles::Migration),
            Box::new(m20261130_a_waiting::Migration),
            Box::new(m20261130_10_more_versions::Migration),
        ]
    }
}
