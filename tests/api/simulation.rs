//! Arrivals, agents who come and go, crashes and transfers in random order on two nodes: after each step the queue is as
//! the rules say, and in the end each wait has one outcome.
//!
//! `TEST_SIMULATION_STEPS` says how long, `TEST_SIMULATION_SEED` runs another one.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use chrono::{DateTime, Utc};
use entity::{agent_lease, conversation, department_member, ids::SiteId, queue_entry};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use sea_orm::{ColumnTrait, EntityTrait, ExprTrait, QueryFilter};
use serde_json::{Value, json};
use yanit::kernel::journal::{self, Cursor, Scope};

use crate::harness::{
    app::{Options, Storage, TestApp, amount, setting},
    people::{Person, Site, Visitor, text},
    ws::Ws,
};

/// The seed where nothing else is asked for: a failure of the usual run is one that can be run again.
const SEED: u64 = 20_260_105;
/// A site is simulated for so long at most: tokens last for a quarter of an hour.
const EPISODE: i64 = 13 * 60;
const MINUTE: Duration = Duration::from_secs(60);
/// Nodes on a busy machine come to rest within this.
const PATIENCE: Duration = Duration::from_secs(120);

struct Agent {
    person: Person,
    most: usize,
    desk: Option<Ws>,
    state: &'static str,
}

/// A conversation as the journal tells of it.
#[derive(Clone, Debug, Default)]
struct Talk {
    vip: bool,
    /// Since when the visitor has waited for a person to write.
    since: Option<DateTime<Utc>>,
    waiting: bool,
    offered: bool,
    assignee: Option<String>,
    department: Option<String>,
    without: Option<String>,
    waits: usize,
    outcomes: usize,
    /// What was told of it, in order.
    told: Vec<String>,
}

impl Talk {
    /// The rule of the queue, written down a second time.
    fn rank(&self, now: DateTime<Utc>) -> (i64, DateTime<Utc>) {
        let since = self.since.expect("it waits");
        let priority = 1 + if self.vip { 4 } else { 0 } + (now - since).num_seconds() / 120;
        (-std::cmp::min(priority, 10), since)
    }
}

/// What the database says at one moment.
struct Still {
    until: Cursor,
    conversations: Vec<conversation::Model>,
    entries: Vec<queue_entry::Model>,
    leases: Vec<agent_lease::Model>,
    members: Vec<department_member::Model>,
}

struct Simulation {
    nodes: [TestApp; 2],
    rng: StdRng,
    site: Site,
    offers: bool,
    assistant: Option<String>,
    /// Those who took on more than they may have: by hand, or by writing.
    willing: HashSet<String>,
    is_emergency: bool,
    agents: Vec<Agent>,
    department: String,
    inside: HashSet<String>,
    visitors: Vec<(Visitor, String)>,
    talks: HashMap<String, Talk>,
    read: Cursor,
}

impl Simulation {
    async fn new(nodes: [TestApp; 2], mut rng: StdRng) -> Self {
        let site = nodes[0].site("acme").await;
        let offers = rng.random_bool(0.3);
        let assistant = if rng.random_bool(0.3) { Some(nodes[0].assistant(&site, json!({})).await) } else { None };
        let mut agents = vec![];
        for number in 0..rng.random_range(2..6) {
            let most = rng.random_range(1..4);
            let person = nodes[0].limited(&site, &format!("A{number}"), most).await;
            agents.push(Agent { person, most: most as usize, desk: None, state: "AVAILABLE" });
        }
        let inside: Vec<&str> = agents.iter().take(2).map(|agent| agent.person.id.as_str()).collect();
        let make = "mutation C($i: CreateDepartmentInput!) { createDepartment(input: $i) { department { id } } }";
        let input = json!({ "i": { "siteId": site.id, "name": "Teknik", "memberIds": inside } });
        let made = nodes[0].run(Some(&site.admin.token), make, input).await;
        let department = text(&made["createDepartment"]["department"]["id"]);
        let inside = inside.iter().map(|id| (*id).to_owned()).collect();
        let strategy = ["LEAST_BUSY", "ROUND_ROBIN", "VIP_PRIORITY", "LANGUAGE"].choose(&mut rng).expect("one");
        let assignment = if offers { "OFFER" } else { "AUTOMATIC" };
        nodes[0].rules(&site, json!({ "strategy": strategy, "assignment": assignment })).await;
        let (visitors, talks, read) = (vec![], HashMap::new(), Cursor::BEGINNING);
        let (willing, is_emergency) = (HashSet::new(), false);
        Self {
            nodes,
            rng,
            site,
            offers,
            assistant,
            willing,
            is_emergency,
            agents,
            department,
            inside,
            visitors,
            talks,
            read,
        }
    }

    fn node(&mut self) -> usize {
        self.rng.random_range(0..2)
    }

    fn now(&self) -> DateTime<Utc> {
        self.nodes[0].clock.now()
    }

    /// Time passes once nothing is left to be done at this moment: what is decided has one time, which the check knows.
    async fn pass(&mut self, by: Duration) {
        self.settle().await;
        self.nodes[0].clock.advance(by);
    }

    /// A random thing happens. Refusals are fine: agents and visitors try what is no longer possible, too.
    async fn step(&mut self) {
        let node = self.node();
        let roll = self.rng.random_range(0..100);
        match roll {
            0..24 => self.arrive(node).await,
            24..36 => self.open_desk(node).await,
            36..42 => self.close_desk().await,
            42..47 => self.say(node).await,
            47..60 => self.end_one(node).await,
            60..64 => self.leave(node).await,
            64..69 => self.transfer(node).await,
            69..73 => self.take(node).await,
            73..79 => self.visitor_writes(node).await,
            79..84 => self.agent_writes(node).await,
            84..88 => self.assign(node).await,
            88..92 => self.pause_or_resume(node).await,
            92..94 => self.reopen(node).await,
            94..96 => self.ask_again(node).await,
            96..98 => self.sound_or_end_alarm(node).await,
            _ => {}
        }
        if self.offers {
            self.answer_offers(node).await;
        }
        let seconds = if self.rng.random_bool(0.04) { 75 } else { self.rng.random_range(0..8) };
        let millis = self.rng.random_range(1..1_000);
        // Nodes notice in steps what a beat is for. Those that do not come to it lose what they keep, and get it again.
        for _ in 0..seconds / 15 {
            self.pass(Duration::from_secs(15)).await;
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
        self.pass(Duration::from_millis(seconds % 15 * 1_000 + millis)).await;
    }

    async fn arrive(&mut self, node: usize) {
        let visitor = self.nodes[node].visitor(&self.site).await;
        let start = "mutation S($i: StartConversationInput!) { startConversation(input: $i) { conversation { id } } }";
        let input = json!({ "i": { "assistantId": self.assistant } });
        let started = self.nodes[node].run(Some(&visitor.token), start, input).await;
        let conversation = text(&started["startConversation"]["conversation"]["id"]);
        let vip = self.rng.random_bool(0.2);
        if vip {
            let mark = "mutation V($i: SetVisitorVipInput!) { setVisitorVip(input: $i) { visitor { id } } }";
            let input = json!({ "i": { "visitorId": visitor.id, "vip": true } });
            self.nodes[node].run(Some(&self.site.admin.token), mark, input).await;
        }
        self.talks.insert(conversation.clone(), Talk { vip, ..Talk::default() });
        self.nodes[node].ask_for_person(&visitor, &conversation).await;
        self.visitors.push((visitor, conversation));
    }

    async fn open_desk(&mut self, node: usize) {
        let at = self.rng.random_range(0..self.agents.len());
        if self.agents[at].desk.is_none() {
            let desk = self.nodes[node].dashboard(&self.site, &self.agents[at].person).await;
            self.agents[at].desk = Some(desk);
        }
    }

    async fn close_desk(&mut self) {
        let at = self.rng.random_range(0..self.agents.len());
        if let Some(desk) = self.agents[at].desk.take() {
            // Politely, or by a connection that is simply gone.
            if self.rng.random_bool(0.5) {
                desk.close().await;
            }
        }
    }

    async fn say(&mut self, node: usize) {
        let at = self.rng.random_range(0..self.agents.len());
        let state = *["AVAILABLE", "AVAILABLE", "BUSY", "AWAY", "ON_BREAK"].choose(&mut self.rng).expect("one");
        let set = "mutation S($i: SetPresenceInput!) { setPresence(input: $i) { agent { id } } }";
        let input = json!({ "i": { "siteId": self.site.id, "state": state } });
        self.nodes[node].run(Some(&self.agents[at].person.token), set, input).await;
        self.agents[at].state = state;
    }

    /// Somebody's conversation, chosen at random among those that are waiting, or among those that are somebody's.
    fn some(&mut self, waiting: bool) -> Option<String> {
        let mut fits: Vec<&String> = self
            .talks
            .iter()
            .filter(|(_, talk)| if waiting { talk.waiting } else { talk.assignee.is_some() })
            .map(|(id, _)| id)
            .collect();
        fits.sort();
        fits.choose(&mut self.rng).map(|id| (*id).clone())
    }

    async fn end_one(&mut self, node: usize) {
        let Some(conversation) = self.some(false) else { return };
        let agent = self.talks[&conversation].assignee.clone();
        let person = self.agents.iter().find(|one| Some(&one.person.id) == agent.as_ref()).expect("it is one of us");
        self.nodes[node].close(&person.person, &conversation).await;
    }

    async fn leave(&mut self, node: usize) {
        let Some(conversation) = self.some(true) else { return };
        let visitor = self.visitors.iter().find(|(_, id)| *id == conversation).expect("it is somebody's").0.clone();
        let leave =
            "mutation L($i: CancelHumanRequestInput!) { cancelHumanRequest(input: $i) { conversation { id } } }";
        self.nodes[node].run(Some(&visitor.token), leave, json!({ "i": { "conversationId": conversation } })).await;
    }

    async fn transfer(&mut self, node: usize) {
        let waiting = self.rng.random_bool(0.3);
        let Some(conversation) = self.some(waiting) else { return };
        let by = self.rng.random_range(0..self.agents.len());
        let to = match self.rng.random_range(0..3) {
            0 => json!({ "queue": true }),
            1 => json!({ "departmentId": self.department }),
            _ => {
                let to = self.rng.random_range(0..self.agents.len());
                json!({ "agentId": self.agents[to].person.id })
            }
        };
        let hand =
            "mutation T($i: TransferConversationInput!) { transferConversation(input: $i) { conversation { id } } }";
        let input = json!({ "i": { "conversationId": conversation, "to": to } });
        self.nodes[node].post(Some(&self.agents[by].person.token), hand, input).await;
    }

    async fn take(&mut self, node: usize) {
        let Some(conversation) = self.some(true) else { return };
        let by = self.rng.random_range(0..self.agents.len());
        let take = "mutation T($i: TakeConversationInput!) { takeConversation(input: $i) { conversation { id } } }";
        let input = json!({ "i": { "conversationId": conversation } });
        // Two at once, on two nodes.
        let other = (by + 1) % self.agents.len();
        let (one, two) = (&self.agents[by].person.token, &self.agents[other].person.token);
        let (first, second) = (&self.nodes[node], &self.nodes[1 - node]);
        tokio::join!(first.post(Some(one), take, input.clone()), second.post(Some(two), take, input));
    }

    /// One of all conversations, and a member of the site.
    fn any(&mut self) -> Option<(Visitor, String, Person)> {
        let (visitor, conversation) = self.visitors.choose(&mut self.rng)?.clone();
        let agent = self.agents.choose(&mut self.rng)?.person.clone();
        Some((visitor, conversation, agent))
    }

    async fn visitor_writes(&mut self, node: usize) {
        let Some((visitor, conversation, _)) = self.any() else { return };
        let words = *["Orada mısınız?", "Siparişim nerede kaldı?", "Teşekkürler!"].choose(&mut self.rng).expect("one");
        self.nodes[node].say(&visitor.token, &conversation, words).await;
    }

    async fn agent_writes(&mut self, node: usize) {
        let Some((_, conversation, agent)) = self.any() else { return };
        let send = "mutation S($i: SendMessageInput!) { sendMessage(input: $i) { message { id } } }";
        let input = json!({ "i": { "conversationId": conversation, "body": "Merhaba" } });
        self.willing.insert(agent.id.clone());
        self.nodes[node].post(Some(&agent.token), send, input).await;
    }

    async fn assign(&mut self, node: usize) {
        let Some((_, conversation, agent)) = self.any() else { return };
        let somebody = self.rng.random_bool(0.7);
        let by = self.agents.choose(&mut self.rng).expect("one").person.token.clone();
        if somebody {
            self.willing.insert(agent.id.clone());
        }
        let give = "mutation A($i: AssignConversationInput!) { assignConversation(input: $i) { conversation { id } } }";
        let input = json!({ "conversationId": conversation, "assigneeId": somebody.then_some(agent.id) });
        self.nodes[node].post(Some(&by), give, json!({ "i": input })).await;
    }

    async fn pause_or_resume(&mut self, node: usize) {
        let Some((_, conversation, agent)) = self.any() else { return };
        let what = match self.rng.random_bool(0.5) {
            true => "mutation P($i: PauseAssistantInput!) { pauseAssistant(input: $i) { conversation { id } } }",
            false => "mutation R($i: ResumeAssistantInput!) { resumeAssistant(input: $i) { conversation { id } } }",
        };
        let input = json!({ "i": { "conversationId": conversation } });
        self.nodes[node].post(Some(&agent.token), what, input).await;
    }

    async fn reopen(&mut self, node: usize) {
        let Some((_, conversation, agent)) = self.any() else { return };
        // Who had it gets it back, also where they have enough.
        self.willing.extend(self.agents.iter().map(|agent| agent.person.id.clone()));
        let open = "mutation R($i: ReopenConversationInput!) { reopenConversation(input: $i) { conversation { id } } }";
        let input = json!({ "i": { "conversationId": conversation } });
        self.nodes[node].post(Some(&agent.token), open, input).await;
    }

    async fn ask_again(&mut self, node: usize) {
        let Some((visitor, conversation, _)) = self.any() else { return };
        let ask = "mutation R($i: RequestHumanInput!) { requestHuman(input: $i) { conversation { id } } }";
        let input = json!({ "i": { "conversationId": conversation } });
        self.nodes[node].post(Some(&visitor.token), ask, input).await;
    }

    async fn sound_or_end_alarm(&mut self, node: usize) {
        self.is_emergency = !self.is_emergency;
        let set = "mutation E($i: SetEmergencyInput!) { setEmergency(input: $i) { emergency { enabled } } }";
        let (site, enabled, allow_ai) = (&self.site.id, self.is_emergency, self.rng.random_bool(0.5));
        let input = json!({ "siteId": site, "enabled": enabled, "allowAi": allow_ai, "allowTickets": true });
        self.nodes[node].run(Some(&self.site.admin.token), set, json!({ "i": input })).await;
    }

    async fn answer_offers(&mut self, node: usize) {
        for entry in self.entries().await {
            let Some(user) = entry.offered_to.map(|user| user.to_string()) else { continue };
            let agent = self.agents.iter().find(|agent| agent.person.id == user).expect("it is one of us");
            let what = match self.rng.random_range(0..10) {
                0..6 => "mutation A($i: AcceptOfferInput!) { acceptOffer(input: $i) { conversation { id } } }",
                6 => "mutation A($i: DeclineOfferInput!) { declineOffer(input: $i) { conversation { id } } }",
                _ => continue,
            };
            let input = json!({ "i": { "conversationId": entry.conversation_id.to_string() } });
            self.nodes[node].post(Some(&agent.person.token), what, input).await;
        }
    }

    async fn entries(&self) -> Vec<queue_entry::Model> {
        let cx = self.nodes[0].app.cx();
        let site = self.site.id.parse::<SiteId>().expect("an id");
        queue_entry::Entity::find().filter(queue_entry::Column::SiteId.eq(site)).all(&cx.db()).await.expect("it reads")
    }

    /// Waits until nothing is left to be done at this moment.
    async fn settle(&self) {
        let deadline = std::time::Instant::now() + PATIENCE;
        while std::time::Instant::now() < deadline {
            if self.nothing_is_due().await {
                self.nodes[0].app.drain().await.expect("it is done");
                if self.nothing_is_due().await {
                    return;
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it never comes to rest: {:#?} at {}", self.entries().await, self.now());
    }

    /// True when time has done to leases and waits what it does by now.
    async fn nothing_is_due(&self) -> bool {
        let (cx, now) = (self.nodes[0].app.cx(), self.now());
        let leases = agent_lease::Entity::find().filter(agent_lease::Column::ExpiresAt.lte(now));
        // While an agent is asked, nobody is sent away.
        let offer = queue_entry::Column::OfferExpiresAt;
        let due = queue_entry::Column::DeadlineAt.lte(now).and(offer.is_null()).or(offer.lte(now));
        leases.all(&cx.db()).await.expect("it reads").is_empty()
            && queue_entry::Entity::find().filter(due).all(&cx.db()).await.expect("it reads").is_empty()
    }

    /// What there is at one moment at which nothing is left to be done. Nodes go on while it is read, for dashboards that
    /// were closed, or lost and found again; what changes anything is announced, so without news nothing has changed.
    async fn still(&self) -> Still {
        let cx = self.nodes[0].app.cx();
        let site = self.site.id.parse::<SiteId>().expect("an id");
        let head = async || journal::head(&cx.db(), site).await.expect("it reads");
        loop {
            self.settle().await;
            let until = head().await;
            self.nodes[0].app.drain().await.expect("it is done");
            let conversations = conversation::Entity::find().filter(conversation::Column::SiteId.eq(site));
            let leases = agent_lease::Entity::find().filter(agent_lease::Column::SiteId.eq(site));
            let still = Still {
                until,
                conversations: conversations.all(&cx.db()).await.expect("it reads"),
                entries: self.entries().await,
                leases: leases.all(&cx.db()).await.expect("it reads"),
                members: department_member::Entity::find().all(&cx.db()).await.expect("it reads"),
            };
            if head().await == until {
                return still;
            }
        }
    }

    /// Reads what happened until then, and checks each step of it.
    async fn follow(&mut self, until: Cursor) {
        let cx = self.nodes[0].app.cx();
        let site = self.site.id.parse::<SiteId>().expect("an id");
        while self.read.seq < until.seq {
            let lines = journal::read(&cx.db(), site, Scope::Site, self.read, 500).await.expect("it reads");
            for line in lines.iter().take_while(|line| line.seq <= until.seq) {
                self.read = line.cursor();
                let payload: Value = serde_json::from_str(&line.payload).expect("it is JSON");
                let id = entity::ids::ConversationId(line.subject).to_string();
                match line.kind.as_str() {
                    "offer.made" => self.talk(&text(&payload["conversation"])).offered = true,
                    "offer.declined" | "offer.expired" => self.talk(&text(&payload["conversation"])).offered = false,
                    kind if kind.starts_with("conversation.") => {
                        self.talk(&id).told.push(format!("{kind} {}", payload["after"]["attention"]));
                        self.turn(&id, kind, &payload, line.actor.as_deref(), line.at);
                    }
                    _ => {}
                }
            }
        }
    }

    fn talk(&mut self, id: &str) -> &mut Talk {
        self.talks.get_mut(id).unwrap_or_else(|| panic!("nobody started {id}"))
    }

    fn turn(&mut self, id: &str, kind: &str, payload: &Value, actor: Option<&str>, at: DateTime<Utc>) {
        // For whom it is meant is nobody who has it.
        let is_with_person = payload["after"]["attention"] == "PERSON";
        let after = payload["after"]["assignee"].as_str().filter(|_| is_with_person).map(str::to_owned);
        match kind {
            "conversation.human_requested" => {
                self.talk(id).since.get_or_insert(at);
            }
            "conversation.human_joined" => {
                let talk = self.talk(id);
                assert!(talk.since.is_some(), "{id} waited for nobody: {talk:?}");
                (talk.since, talk.assignee) = (None, after);
            }
            "conversation.queue_entered" => {
                let talk = self.talk(id);
                assert!(!talk.waiting && talk.assignee.is_none(), "{id} enters the queue twice: {talk:?}");
                (talk.waiting, talk.offered) = (true, false);
                talk.waits += 1;
            }
            "conversation.queue_left" => {
                let talk = self.talk(id);
                assert!(talk.waiting, "{id} leaves the queue twice: {talk:?}");
                (talk.waiting, talk.without) = (false, None);
                talk.outcomes += 1;
            }
            "conversation.assigned" => {
                let before = self.talk(id).clone();
                let goes_on_waiting = payload["after"]["attention"] == "WAITING";
                if goes_on_waiting {
                    let had = payload["before"]["assignee"].as_str();
                    let talk = self.talk(id);
                    if talk.waiting {
                        (talk.waiting, talk.waits) = (false, talk.waits - 1);
                    }
                    talk.without =
                        had.filter(|had| Some(*had) != payload["after"]["assignee"].as_str()).map(str::to_owned);
                    talk.assignee = None;
                    return;
                }
                assert!(!before.waiting, "{id} is given away while it waits");
                if actor.is_none() && after.is_some() {
                    let agent = after.clone().expect("to somebody");
                    assert_eq!(before.assignee, None, "{id} is given to two agents");
                    self.nobody_comes_before(id, &before, &agent, at);
                }
                self.talk(id).assignee = after;
            }
            "conversation.agent_gone" => {
                let talk = self.talk(id);
                (talk.assignee, talk.without) = (None, None);
            }
            "conversation.transferred" => {
                let talk = self.talk(id);
                // One that waited waits anew, with another wish.
                if talk.waiting {
                    (talk.waiting, talk.waits) = (false, talk.waits - 1);
                }
                talk.assignee = None;
                talk.department = payload["department"].as_str().map(str::to_owned);
                talk.without = actor.map(str::to_owned);
            }
            "conversation.reopened" => {
                let talk = self.talk(id);
                (talk.since, talk.assignee) = (None, after);
            }
            // The assistant helps whoever waits, which ends no wait.
            "conversation.assistant_resumed" if self.talk(id).waiting => {}
            "conversation.closed" | "conversation.assistant_resumed" => {
                let talk = self.talk(id);
                (talk.since, talk.assignee, talk.department) = (None, None, talk.department.take());
            }
            _ => {}
        }
    }

    /// Of those whom the agent could have had, nobody has a better place.
    fn nobody_comes_before(&self, id: &str, given: &Talk, agent: &str, at: DateTime<Utc>) {
        for (other, talk) in self.talks.iter().filter(|(_, talk)| talk.waiting && !talk.offered) {
            let can =
                (talk.department.is_none() || self.inside.contains(agent)) && talk.without.as_deref() != Some(agent);
            assert!(
                !can || talk.rank(at) >= given.rank(at),
                "{agent} got {id} {given:?} before {other} {talk:?} at {at}"
            );
        }
    }

    /// What must hold whenever nothing is left to be done.
    async fn check(&mut self) {
        let Still { until, conversations, entries, leases, members } = self.still().await;
        self.follow(until).await;
        let mut load: HashMap<String, usize> = HashMap::new();
        for row in &conversations {
            let id = row.id.to_string();
            let is_with_person = row.attention == conversation::Attention::Person;
            let assignee = row.assignee_id.filter(|_| is_with_person).map(|user| user.to_string());
            let talk = &self.talks[&id];
            assert_eq!(talk.assignee, assignee, "{id}: {talk:?}");
            let waits = entries.iter().any(|entry| entry.conversation_id == row.id);
            assert_eq!(talk.waiting, waits, "{id}: {talk:?}");
            // Whoever is to have a person and has none is in the queue, and nobody else is.
            assert_eq!(waits, row.attention == conversation::Attention::Waiting, "{id}: {row:?}");
            let entry = entries.iter().find(|entry| entry.conversation_id == row.id);
            assert!(entry.is_none_or(|entry| Some(entry.entered_at) == row.human_requested_at), "{entry:?} {row:?}");
            let unanswered =
                row.human_requested_at.filter(|_| row.human_joined_at.is_none() && row.closed_at.is_none());
            assert_eq!(talk.since, unanswered, "one wait has one beginning: {id} {talk:?}");
            assert!(talk.outcomes + usize::from(talk.waiting) == talk.waits, "{id}: {talk:?}");
            if let Some(user) = assignee {
                *load.entry(user).or_default() += 1;
            }
        }
        for user in entries.iter().filter_map(|entry| entry.offered_to) {
            *load.entry(user.to_string()).or_default() += 1;
        }
        let online: HashSet<String> = leases.iter().map(|lease| lease.user_id.to_string()).collect();
        for agent in &self.agents {
            let user = &agent.person.id;
            let has = load.get(user).copied().unwrap_or_default();
            assert!(has <= agent.most || self.willing.contains(user), "{user} has {has} of {}", agent.most);
            let eligible = online.contains(user) && matches!(agent.state, "AVAILABLE" | "BUSY") && has < agent.most;
            for entry in entries.iter().filter(|entry| eligible && entry.offered_to.is_none()) {
                let inside =
                    |line| members.iter().any(|one| one.department_id == line && one.user_id.to_string() == *user);
                let can = entry.line.is_none_or(inside) && !entry.declined.0.iter().any(|one| one.to_string() == *user);
                assert!(!can, "{user} has nothing to do ({has} of {}) while {entry:?} waits", agent.most);
            }
        }
    }

    /// Everybody goes home: nobody waits in the end.
    async fn end(mut self) -> ([TestApp; 2], StdRng) {
        for agent in &mut self.agents {
            agent.desk = None;
        }
        // A minute until they count as gone, and as long again as visitors are patient.
        for _ in 0..30 {
            self.pass(Duration::from_secs(15)).await;
        }
        self.check().await;
        for (id, talk) in &self.talks {
            assert!(!talk.waiting && talk.waits == talk.outcomes && talk.waits > 0, "{id}: {talk:?}");
        }
        (self.nodes, self.rng)
    }
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "the seed, for whoever has to run it again")]
async fn whatever_happens_the_queue_is_fair_and_nobody_is_forgotten() {
    let number = |name: &str| setting(name).and_then(|value| value.parse::<u64>().ok());
    let seed = number("TEST_SIMULATION_SEED").unwrap_or(SEED);
    let steps = number("TEST_SIMULATION_STEPS").unwrap_or(amount(160, 20_000) as u64);
    println!("TEST_SIMULATION_SEED={seed}");
    let storage = std::sync::Arc::new(Storage::new().await);
    let first = TestApp::on(storage.clone(), Options { manual_clock: true, ..Options::default() }).await;
    let same = Options { clock: Some(first.clock.clone()), ..Options::default() };
    let mut nodes = [first, TestApp::on(storage, same).await];
    let mut rng = StdRng::seed_from_u64(seed);
    let mut done = 0;
    while done < steps {
        let mut simulation = Simulation::new(nodes, rng).await;
        let end = simulation.now() + chrono::TimeDelta::seconds(EPISODE);
        while done < steps && simulation.now() < end {
            simulation.step().await;
            simulation.check().await;
            done += 1;
            if done % 1_000 == 0 {
                println!("{done} steps");
            }
        }
        (nodes, rng) = simulation.end().await;
        // A new site, and new tokens.
        nodes[0].clock.advance(MINUTE);
    }
    println!("{done} steps, and all was as it should be");
}
