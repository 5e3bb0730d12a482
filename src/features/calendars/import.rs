//! Taking holidays over from an iCalendar file.

use std::collections::{HashMap, HashSet};

use ::entity::{
    ids::{DepartmentId, SiteId, SpecialDayId},
    special_day::{self, SpecialHours},
};

use serde::{Deserialize, Serialize};

use super::{
    Owner, actions,
    facts::CalendarFact,
    ical::{self, Event, HolidayProblem, Problem},
    model::{self, NAME_MAX},
    store,
};
use crate::{
    features::sites::{self, reach_in},
    kernel::{Ctx, Error, ErrorReason, Once, Permission, Result, Tx, text},
};

/// Characters of a file.
const FILE_MAX: usize = 500_000;

/// What came of an import.
#[derive(Clone, Debug, Default)]
pub(super) struct Imported {
    /// The days that are new or changed.
    pub(super) days: Vec<special_day::Model>,
    pub(super) created: usize,
    pub(super) updated: usize,
    pub(super) unchanged: usize,
    pub(super) problems: Vec<Problem>,
}

/// Makes the holidays of an iCalendar file special days of a site or a department, closed all day. An event that cannot be taken over is
/// told and stops no other.
pub(super) async fn run(
    cx: &Ctx,
    site: SiteId,
    department: Option<DepartmentId>,
    file: &str,
    once: &Once,
) -> Result<Imported> {
    let reach = reach_in(cx, Permission::CalendarsManage, site)?;
    sites::find(&cx.db(), &reach, site).await?;
    let file = text::body("input.ics", file, FILE_MAX)?;
    let read = move || ical::read(&file, NAME_MAX);
    let events = tokio::task::spawn_blocking(read).await.map_err(Error::internal)?;
    let events = events.filter(|events| !events.is_empty()).ok_or_else(|| {
        let message = "`input.ics` must be an iCalendar file: `BEGIN:VCALENDAR` with at least one `BEGIN:VEVENT`.";
        Error::bad_input("input.ics", ErrorReason::InvalidFormat, message)
    })?;
    if events.len() > ical::EVENTS {
        let message = format!("`input.ics` has {} events; at most {} are allowed.", events.len(), ical::EVENTS);
        return Err(Error::bad_input("input.ics", ErrorReason::TooLong, message));
    }
    let mut tx = cx.begin().await?;
    if once.claim(&tx, site.0).await?.is_some() {
        return again(&tx, Owner { site, department }, once).await;
    }
    let owner = actions::owner(&tx, site, department).await?;
    let known = store::special_days(&tx.db(), &[owner.id()]).await?;
    let before = known.len();
    let imported = merge(cx, owner, known, events);
    model::check_count("input.ics", (before + imported.created) as u64)?;
    if !imported.days.is_empty() {
        store::save(&tx.db(), &imported.days, true).await?;
        let (created, updated) = (imported.created, imported.updated);
        tx.record(site, owner.id(), &CalendarFact::HolidaysImported { created, updated })?;
    }
    once.tell(&tx, &KeptImport::new(&imported)).await?;
    tx.commit().await?;
    Ok(imported)
}

/// What came of an import, kept for a repetition.
#[derive(Serialize, Deserialize)]
struct KeptImport {
    days: Vec<SpecialDayId>,
    created: usize,
    updated: usize,
    unchanged: usize,
    problems: Vec<Problem>,
}

impl KeptImport {
    fn new(imported: &Imported) -> Self {
        let Imported { days, created, updated, unchanged, problems } = imported;
        let days = days.iter().map(|day| day.id).collect();
        Self { days, created: *created, updated: *updated, unchanged: *unchanged, problems: problems.clone() }
    }
}

/// What came of the same import before, with those of its days that are there yet.
async fn again(tx: &Tx, owner: Owner, once: &Once) -> Result<Imported> {
    let KeptImport { days, created, updated, unchanged, problems } = once.told(&tx.db()).await?;
    let there = store::special_days(&tx.db(), &[owner.id()]).await?;
    let mut there: HashMap<SpecialDayId, special_day::Model> = there.into_iter().map(|day| (day.id, day)).collect();
    let days = days.iter().filter_map(|id| there.remove(id)).collect();
    Ok(Imported { days, created, updated, unchanged, problems })
}

/// What events change in the special days that are there.
fn merge(cx: &Ctx, owner: Owner, known: Vec<special_day::Model>, events: Vec<Result<Event, Problem>>) -> Imported {
    let known: HashMap<String, special_day::Model> = known.into_iter().map(|row| (row.falls_on.clone(), row)).collect();
    let mut imported = Imported::default();
    let mut taken = HashSet::new();
    for event in events {
        let event = match event {
            Ok(event) => event,
            Err(problem) => {
                imported.problems.push(problem);
                continue;
            }
        };
        let mut left_out = Vec::new();
        for date in event.days {
            let falls_on = model::falls_on(date, event.yearly);
            let there = known.get(&falls_on);
            if there.is_some_and(|row| !row.imported) || !taken.insert(falls_on.clone()) {
                left_out.push(date.to_string());
                continue;
            }
            let row = special_day::Model {
                id: there.map_or_else(|| cx.id(SpecialDayId), |row| row.id),
                owner_id: owner.id(),
                site_id: owner.site,
                department_id: owner.department,
                falls_on,
                date,
                yearly: event.yearly,
                name: event.name.clone(),
                message: there.and_then(|row| row.message.clone()),
                hours: SpecialHours::Closed,
                imported: true,
                version: there.map_or(1, |row| row.version + 1),
                updated_at: cx.clock.now(),
            };
            match there {
                Some(there)
                    if special_day::Model { version: there.version, updated_at: there.updated_at, ..row.clone() }
                        == *there =>
                {
                    imported.unchanged += 1;
                    continue;
                }
                Some(_) => imported.updated += 1,
                None => imported.created += 1,
            }
            imported.days.push(row);
        }
        if !left_out.is_empty() {
            let message = format!(
                "There is a special day already, set by hand or by an earlier event of the file, on {}; it stays as it is.",
                left_out.join(", ")
            );
            imported.problems.push(Problem { place: event.place, reason: HolidayProblem::DateTaken, message });
        }
    }
    // One order for all imports, so that two at once cannot wait for each other.
    imported.days.sort_by(|one, other| one.falls_on.cmp(&other.falls_on));
    imported
}
