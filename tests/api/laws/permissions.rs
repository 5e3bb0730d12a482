//! Who may do what: every root field of the schema, asked for a thing of one site by everybody there can be.
//!
//! A new operation fails here until it has a line in [`RULES`]. Answers are asked for with everything that can be
//! selected, so that a refusal deep inside counts, and so that what leaks from one site to another is seen.

use std::collections::{BTreeMap, BTreeSet};

use entity::{
    ids::JobId,
    job::{self, Lane},
};
use sea_orm::{EntityTrait, IntoActiveModel};
use serde_json::{Value, json};
use yanit::{
    config::Config,
    features::accounts::{self, NewPerson},
};

use super::{introspected, list, name, type_named, written};
use crate::harness::{
    app::{Options, TestApp},
    people::{PASSWORD, Person, Site, Visitor, text},
    ws::Ws,
};

/// Who asks, in the order of the letters of a rule. The thing that is asked for belongs to the site `own`, and what can
/// belong to a visitor belongs to the visitor of `own`.
const ACTORS: [&str; 9] = [
    "anonymous",
    "visitor own",
    "visitor other",
    "customer",
    "agent own",
    "agent other",
    "admin own",
    "admin other",
    "superadmin",
];

/// In every text of the own site that only those who may see it should see; lower case.
const MARK: &str = "zumrut7391";

/// What not even everybody of the own site, or who has its public key, may come by, on whatever way; lower case; and who
/// may see it.
const SECRETS: &[(&str, &[&str])] = &[
    (NOTE, &["agent own", "admin own", "superadmin"]),
    (INTERNAL, &["agent own", "admin own", "superadmin"]),
    (UNPUBLISHED, &["agent own", "admin own", "superadmin"]),
    (PRIVATE, &["agent own", "superadmin"]),
];

/// In an internal note.
const NOTE: &str = "gizli-not-5512";
/// In an internal article.
const INTERNAL: &str = "gizli-makale-5512";
/// In an article that was never published.
const UNPUBLISHED: &str = "gizli-taslak-5512";
/// In a conversation of the own site's agent with an assistant of their own.
const PRIVATE: &str = "gizli-sohbet-5512";

/// What is asked for, with which arguments, and the answers: `A` it is allowed (it may be refused for another reason than
/// who asks), `U` UNAUTHENTICATED, `F` FORBIDDEN, `N` NOT_FOUND, `0` null and no error. Spaces only group: anonymous ·
/// visitors · customer · agents · admins · superadmin. Arguments with `$` are put in by [`World::thing`].
pub(super) type Rule = (&'static str, &'static str, &'static str);

const ANYBODY: &str = "A AA A AA AA A";
const PERSONS: &str = "U FF A AA AA A";
/// Visitors and all who have an account.
const SIGNED_IN: &str = "U AA A AA AA A";
const MEMBERS: &str = "U FF N AN AN A";
const ADMINS: &str = "U FF N FN AN A";
const PARTICIPANTS: &str = "U AN N AN AN A";
/// Work on a conversation: its visitor sees it and may not; to everybody outside there is none.
const STAFF: &str = "U FN N AN AN A";
/// The same, and a superadmin, who is no agent of the site, may not do it either.
const AGENTS_OF_IT: &str = "U FN N AN AN F";
/// The message is the visitor's: who else sees it, may not change it.
const AUTHOR: &str = "U AN N FN FN F";
/// A wish of the visitor: who else sees the conversation, may not have it.
const OF_THE_VISITOR: &str = "U AN N FN FN F";
const WHERE_SEEN: &str = "0 A0 0 A0 A0 A";
const WHERE_MEMBER: &str = "0 00 0 A0 A0 A";
const WHERE_ADMIN: &str = "0 00 0 00 A0 A";
/// A draft is seen by the agent for whom it was made alone.
const FOR_ONE_AGENT: &str = "U NN N AN NN N";
/// The same of what visitors do not have at all.
const FOR_ONE_MEMBER: &str = "U FF N AN NN N";
/// No type has such an id.
const NO_NODE: &str = "0 00 0 00 00 0";

/// Of oneself as a member; a superadmin is none.
const ONESELF: &str = "U FF N AN AN N";

pub(super) const RULES: &[Rule] = &[
    // Queries.
    ("agents", r#"{"siteId":"$site"}"#, MEMBERS),
    ("aiUsage", r#"{"siteId":"$site"}"#, ADMINS),
    ("answerFeedback", r#"{"siteId":"$site"}"#, ADMINS),
    ("article", r#"{"articleId":"$article"}"#, MEMBERS),
    ("articleImport", r#"{"importId":"$import"}"#, MEMBERS),
    ("articles", r#"{"siteId":"$site"}"#, MEMBERS),
    ("articles", "{}", PERSONS),
    ("assistant", r#"{"assistantId":"$assistant"}"#, MEMBERS),
    ("assistants", r#"{"siteId":"$site"}"#, MEMBERS),
    ("assistants", "{}", PERSONS),
    ("availableAssistants", "{}", PERSONS),
    ("businessHours", r#"{"siteId":"$site"}"#, MEMBERS),
    ("businessHoursStatus", r#"{"siteId":"$site"}"#, MEMBERS),
    ("businessHoursStatus", r#"{"siteKey":"$key"}"#, ANYBODY),
    ("cannedResponses", r#"{"siteId":"$site"}"#, MEMBERS),
    ("contactRequests", r#"{"siteId":"$site"}"#, MEMBERS),
    ("conversation", r#"{"conversationId":"$conversation"}"#, PARTICIPANTS),
    ("conversation", r#"{"conversationId":"$private"}"#, "U NN N AN NN A"),
    ("conversations", r#"{"siteId":"$site"}"#, MEMBERS),
    ("inboxCounts", r#"{"siteId":"$site","filters":[{}]}"#, MEMBERS),
    ("currentVisitor", "{}", "U AA F FF FF F"),
    ("emergency", r#"{"siteId":"$site"}"#, MEMBERS),
    ("errorCatalogue", "{}", ANYBODY),
    ("failedJobs", "{}", "U FF F FF FF A"),
    ("exportArticles", r#"{"siteId":"$site","format":"MARKDOWN"}"#, MEMBERS),
    ("inboxCursor", r#"{"siteId":"$site"}"#, MEMBERS),
    ("evaluation", r#"{"evaluationId":"$evaluation"}"#, "U FF N NN AN A"),
    ("evaluationGate", r#"{"assistantId":"$assistant"}"#, ADMINS),
    ("evaluationSettings", r#"{"assistantId":"$assistant"}"#, ADMINS),
    ("evaluations", r#"{"assistantId":"$assistant"}"#, ADMINS),
    ("departments", r#"{"siteId":"$site"}"#, MEMBERS),
    ("draftStatistics", r#"{"siteId":"$site"}"#, ADMINS),
    ("goldenQuestions", r#"{"assistantId":"$assistant"}"#, ADMINS),
    ("invitations", r#"{"siteId":"$site"}"#, ADMINS),
    ("knowledgeIndex", r#"{"siteId":"$site"}"#, MEMBERS),
    ("knowledgeSettings", r#"{"siteId":"$site"}"#, MEMBERS),
    ("me", "{}", PERSONS),
    ("mentions", "{}", "U FF F AA AA A"),
    ("mentions", r#"{"siteId":"$site"}"#, MEMBERS),
    ("myConversations", "{}", "U AA A AA AA A"),
    // The person is the own site's agent; people find themselves and their colleagues.
    ("node", r#"{"id":"$agent"}"#, WHERE_MEMBER),
    ("node", r#"{"id":"$article"}"#, WHERE_MEMBER),
    ("node", r#"{"id":"$assistant"}"#, WHERE_MEMBER),
    ("node", r#"{"id":"$canned"}"#, WHERE_MEMBER),
    ("node", r#"{"id":"$chunk"}"#, NO_NODE),
    ("node", r#"{"id":"$newContact"}"#, WHERE_MEMBER),
    ("node", r#"{"id":"$conversation"}"#, WHERE_SEEN),
    ("node", r#"{"id":"$private"}"#, "0 00 0 A0 00 A"),
    ("node", r#"{"id":"$draft"}"#, "0 00 0 A0 00 0"),
    ("node", r#"{"id":"$import"}"#, WHERE_MEMBER),
    ("node", r#"{"id":"$evaluation"}"#, WHERE_ADMIN),
    ("node", r#"{"id":"$golden"}"#, WHERE_ADMIN),
    ("node", r#"{"id":"$group"}"#, WHERE_MEMBER),
    ("node", r#"{"id":"$message"}"#, WHERE_SEEN),
    ("node", r#"{"id":"$newDepartment"}"#, WHERE_MEMBER),
    ("node", r#"{"id":"$newFailedJob"}"#, "0 00 0 00 00 A"),
    ("node", r#"{"id":"$newTeam"}"#, WHERE_MEMBER),
    ("node", r#"{"id":"$newOwnCanned"}"#, "0 00 0 A0 00 0"),
    ("node", r#"{"id":"$newInvitation"}"#, WHERE_ADMIN),
    ("node", r#"{"id":"$newMember"}"#, WHERE_MEMBER),
    ("node", r#"{"id":"$newSession"}"#, "0 00 0 00 A0 0"),
    ("node", r#"{"id":"$newSpecialDay"}"#, WHERE_MEMBER),
    ("node", r#"{"id":"$note"}"#, WHERE_MEMBER),
    ("node", r#"{"id":"$openAssistant"}"#, WHERE_MEMBER),
    ("node", r#"{"id":"$run"}"#, WHERE_SEEN),
    ("node", r#"{"id":"$site"}"#, WHERE_MEMBER),
    ("node", r#"{"id":"$visitor"}"#, WHERE_MEMBER),
    ("nodes", r#"{"ids":["$conversation","$message","$run"]}"#, WHERE_SEEN),
    ("nodes", r#"{"ids":["$article","$assistant","$site","$visitor"]}"#, WHERE_MEMBER),
    ("presence", r#"{"siteId":"$site"}"#, MEMBERS),
    ("previewRouting", r#"{"input":{"siteId":"$site"}}"#, MEMBERS),
    ("queue", r#"{"siteId":"$site"}"#, MEMBERS),
    ("queuePosition", r#"{"conversationId":"$conversation"}"#, PARTICIPANTS),
    // Nobody was to be given this one.
    ("routingDecision", r#"{"conversationId":"$conversation"}"#, "U FN N 0N 0N 0"),
    ("routingSettings", r#"{"siteId":"$site"}"#, MEMBERS),
    ("previewPublish", r#"{"articleId":"$article"}"#, "U FF N NN AN A"),
    ("previewWidgetMode", r#"{"siteId":"$site"}"#, MEMBERS),
    ("publicArticle", r#"{"siteKey":"$key","slug":"$slug"}"#, ANYBODY),
    ("publicArticles", r#"{"siteKey":"$key"}"#, ANYBODY),
    ("run", r#"{"runId":"$run"}"#, PARTICIPANTS),
    ("run", r#"{"runId":"$draft"}"#, FOR_ONE_AGENT),
    ("satisfaction", r#"{"siteId":"$site"}"#, ADMINS),
    ("searchArticles", r#"{"siteId":"$site","text":"iade"}"#, MEMBERS),
    ("searchArticles", r#"{"siteId":"$site","text":"iade","explain":true}"#, ADMINS),
    ("searchArticles", r#"{"siteKey":"$key","text":"iade"}"#, ANYBODY),
    ("sessions", "{}", PERSONS),
    ("site", r#"{"siteId":"$site"}"#, MEMBERS),
    ("siteMembers", r#"{"siteId":"$site"}"#, MEMBERS),
    ("sites", "{}", PERSONS),
    ("specialDays", r#"{"siteId":"$site"}"#, MEMBERS),
    ("suggestArticles", r#"{"text":"iade kaç gün içinde yapılır"}"#, "U AA F FF FF F"),
    ("teams", r#"{"siteId":"$site"}"#, MEMBERS),
    ("unansweredQuestions", r#"{"siteId":"$site"}"#, MEMBERS),
    ("verifyToken", r#"{"token":"$visitorToken"}"#, ANYBODY),
    ("visitor", r#"{"visitorId":"$visitor"}"#, MEMBERS),
    ("visitors", r#"{"siteId":"$site"}"#, MEMBERS),
    ("widgetBootstrap", r#"{"siteKey":"$key"}"#, ANYBODY),
    ("widgetSettings", r#"{"siteId":"$site"}"#, MEMBERS),
    // Subscriptions, from the beginning, so that each has something to say.
    ("agentSession", r#"{"siteId":"$site"}"#, ONESELF),
    ("chatOffers", r#"{"siteId":"$site"}"#, MEMBERS),
    ("queueEvents", r#"{"siteId":"$site"}"#, MEMBERS),
    ("staffEvents", r#"{"siteId":"$site","after":"beginning"}"#, MEMBERS),
    ("queuePosition", r#"{"conversationId":"$conversation"}"#, PARTICIPANTS),
    ("assistantRun", r#"{"runId":"$run"}"#, PARTICIPANTS),
    ("assistantRun", r#"{"runId":"$draft"}"#, FOR_ONE_AGENT),
    ("contactRequestEvents", r#"{"siteId":"$site","after":"beginning"}"#, MEMBERS),
    ("conversationEvents", r#"{"conversationId":"$conversation","after":"beginning"}"#, PARTICIPANTS),
    ("inboxEvents", r#"{"siteId":"$site","after":"beginning"}"#, MEMBERS),
    // The own site's members are mentioned; who is none cannot be.
    ("mentionEvents", r#"{"siteId":"$site","after":"beginning"}"#, "U FF N AN AN F"),
    ("messages", r#"{"conversationId":"$conversation","after":"beginning"}"#, PARTICIPANTS),
    ("presenceEvents", r#"{"siteId":"$site","after":"beginning"}"#, MEMBERS),
    ("providerEvents", r#"{"siteId":"$site","after":"beginning"}"#, ADMINS),
    ("widgetMode", r#"{"siteKey":"$key"}"#, ANYBODY),
    ("widgetMode", r#"{"siteId":"$site"}"#, "U AF N AN AN A"),
    // Mutations. What takes a thing away is given a new one each time.
    ("acceptInvitation", r#"{"token":"$newInvitationToken","name":"Gul","password":"$password"}"#, "A FF F FF FF F"),
    ("addNote", r#"{"conversationId":"$conversation","body":"Not"}"#, STAFF),
    ("addReaction", r#"{"messageId":"$message","emoji":"👍"}"#, PARTICIPANTS),
    ("addReaction", r#"{"messageId":"$note","emoji":"👍"}"#, MEMBERS_OF_NOTES),
    // The article is public: whoever is signed in reads it, visitors those of their site. Until it is
    // archived.
    ("rateArticle", r#"{"articleId":"$article","helpful":true}"#, "U AN A AA AA A"),
    ("archiveArticle", r#"{"articleId":"$article"}"#, ADMINS),
    ("acceptOffer", r#"{"conversationId":"$conversation"}"#, AGENTS_OF_IT),
    ("assignContactRequest", r#"{"contactRequestId":"$newContact","assigneeId":"$agent"}"#, MEMBERS),
    ("assignConversation", r#"{"conversationId":"$conversation","assigneeId":"$agent"}"#, STAFF),
    ("changeMemberRole", r#"{"memberId":"$newMember","role":"AGENT"}"#, ADMINS),
    ("cancelHumanRequest", r#"{"conversationId":"$conversation"}"#, OF_THE_VISITOR),
    ("closeConversation", r#"{"conversationId":"$conversation"}"#, PARTICIPANTS),
    ("closeConversation", r#"{"conversationId":"$conversation","reason":"SPAM"}"#, STAFF),
    ("createArticle", r#"{"siteId":"$site","title":"Yeni","body":"Metin","language":"tr"}"#, MEMBERS),
    ("createArticle", r#"{"title":"Benim","body":"Metin","language":"tr"}"#, PERSONS),
    ("createArticles", r#"{"siteId":"$site","articles":[{"title":"Yeni","body":"Metin","language":"tr"}]}"#, MEMBERS),
    ("createArticles", r#"{"articles":[{"title":"Benim","body":"Metin","language":"tr"}]}"#, PERSONS),
    ("createAssistant", r#"{"siteId":"$site","name":"Yeni","enabled":false}"#, ADMINS),
    ("createAssistant", r#"{"name":"Benim"}"#, PERSONS),
    ("createDepartment", r#"{"siteId":"$site","name":"$newName"}"#, ADMINS),
    ("createTeam", r#"{"siteId":"$site","name":"$newName"}"#, ADMINS),
    (
        "createCannedResponse",
        r#"{"siteId":"$site","scope":"SITE","shortcut":"/yeni","title":"Yeni","text":"Metin"}"#,
        ADMINS,
    ),
    ("createCannedResponse", r#"{"siteId":"$site","shortcut":"/benim","title":"Benim","text":"Metin"}"#, MEMBERS),
    ("dismissUnansweredQuestions", r#"{"groupIds":["$group"]}"#, MEMBERS),
    (
        "createGoldenQuestion",
        r#"{"assistantId":"$assistant","question":"İade?","language":"tr","answerContains":"14"}"#,
        ADMINS,
    ),
    ("deleteBusinessHours", r#"{"siteId":"$site"}"#, ADMINS),
    ("deleteArticle", r#"{"articleId":"$newArticle"}"#, ADMINS),
    ("deleteAssistant", r#"{"assistantId":"$newAssistant"}"#, ADMINS),
    ("deleteDepartment", r#"{"departmentId":"$newDepartment"}"#, ADMINS),
    ("deleteTeam", r#"{"teamId":"$newTeam"}"#, ADMINS),
    ("deleteCannedResponse", r#"{"cannedResponseId":"$newCanned"}"#, "U FF N FN AN A"),
    ("deleteCannedResponse", r#"{"cannedResponseId":"$newOwnCanned"}"#, FOR_ONE_MEMBER),
    // Of another visitor, so that its own is there for the others.
    ("deleteConversation", r#"{"conversationId":"$newConversation"}"#, "U NN N FN AN A"),
    ("deleteGoldenQuestion", r#"{"goldenQuestionId":"$newGolden"}"#, "U FF N NN AN A"),
    ("deleteMessage", r#"{"messageId":"$newMessage"}"#, AUTHOR),
    ("deleteSpecialDay", r#"{"specialDayId":"$newSpecialDay"}"#, "U FF N NN AN A"),
    ("discardJob", r#"{"jobId":"$newFailedJob"}"#, "U FF F FF FF A"),
    ("discardDraft", r#"{"runId":"$draft"}"#, FOR_ONE_AGENT),
    ("editMessage", r#"{"messageId":"$newMessage","body":"Anders"}"#, AUTHOR),
    ("editMessage", r#"{"messageId":"$note","body":"Anders"}"#, "U NN N FN AN F"),
    ("grantCredits", r#"{"userId":"$agent","amount":1}"#, "U FF F FF FF A"),
    ("importArticles", r#"{"siteId":"$site","files":[{"name":"yeni.md","text":"Metin"}]}"#, MEMBERS),
    (
        "importGoldenQuestions",
        r#"{"assistantId":"$assistant","questions":[{"question":"İade?","language":"tr","unanswerable":true}]}"#,
        ADMINS,
    ),
    ("importHolidays", r#"{"siteId":"$site","ics":"BEGIN:VCALENDAR"}"#, ADMINS),
    ("inviteMember", r#"{"siteId":"$site","email":"guest@example.com","role":"AGENT"}"#, ADMINS),
    ("leaveMessage", r#"{"siteKey":"$key","message":"Merhaba","email":"a@example.com"}"#, SIGNED_IN),
    // Only about a conversation of one's own.
    (
        "leaveMessage",
        r#"{"conversationId":"$conversation","message":"Merhaba","email":"a@example.com"}"#,
        "U AN N NN NN N",
    ),
    ("login", r#"{"email":"$email","password":"$password"}"#, ANYBODY),
    ("markDelivered", r#"{"conversationId":"$conversation","seq":0}"#, PARTICIPANTS),
    // The note mentions the own site's members.
    ("markMentionsRead", r#"{"messageIds":["$note"]}"#, "U FF N AN AN N"),
    ("markRead", r#"{"conversationId":"$conversation","seq":0}"#, PARTICIPANTS),
    ("pauseAssistant", r#"{"conversationId":"$conversation"}"#, STAFF),
    ("proposeArticle", r#"{"groupId":"$group"}"#, MEMBERS),
    ("publishArticle", r#"{"articleId":"$newArticle"}"#, ADMINS),
    ("rebuildIndex", r#"{"siteId":"$site"}"#, ADMINS),
    // Only of the one who asked.
    ("rateAnswer", r#"{"messageId":"$answer","helpful":true}"#, AUTHOR),
    ("rateConversation", r#"{"conversationId":"$conversation","score":5}"#, OF_THE_VISITOR),
    ("refreshSession", r#"{"refreshToken":"$newRefreshToken"}"#, ANYBODY),
    ("register", r#"{"email":"$newEmail","password":"$password","name":"Neu"}"#, ANYBODY),
    ("removeMember", r#"{"memberId":"$newMember"}"#, ADMINS),
    ("removeReaction", r#"{"messageId":"$message","emoji":"👍"}"#, PARTICIPANTS),
    ("renameConversation", r#"{"conversationId":"$conversation","title":"Neu"}"#, PARTICIPANTS),
    ("renderCannedResponse", r#"{"cannedResponseId":"$canned","conversationId":"$conversation"}"#, MEMBERS),
    ("reopenConversation", r#"{"conversationId":"$conversation"}"#, PARTICIPANTS),
    ("retryJob", r#"{"jobId":"$newFailedJob"}"#, "U FF F FF FF A"),
    ("restoreArticleVersion", r#"{"articleId":"$article","version":1}"#, ADMINS),
    ("resolveContactRequest", r#"{"contactRequestId":"$newContact"}"#, MEMBERS),
    ("resumeAssistant", r#"{"conversationId":"$conversation"}"#, STAFF),
    ("declineOffer", r#"{"conversationId":"$conversation"}"#, AGENTS_OF_IT),
    ("setVisitorVip", r#"{"visitorId":"$visitor","vip":true}"#, MEMBERS),
    ("takeConversation", r#"{"conversationId":"$conversation"}"#, AGENTS_OF_IT),
    ("transferConversation", r#"{"conversationId":"$conversation","to":{"queue":true}}"#, AGENTS_OF_IT),
    ("updateRoutingSettings", r#"{"siteId":"$site","expectedVersion":0}"#, ADMINS),
    ("reopenContactRequest", r#"{"contactRequestId":"$newContact"}"#, MEMBERS),
    ("requestCallback", r#"{"siteKey":"$key","phone":"+90 212 555 00 00"}"#, SIGNED_IN),
    ("requestHuman", r#"{"conversationId":"$conversation"}"#, OF_THE_VISITOR),
    ("revokeInvitation", r#"{"invitationId":"$newInvitation"}"#, ADMINS),
    // The session is the own admin's.
    ("revokeSession", r#"{"sessionId":"$newSession"}"#, "U FF N NN AN N"),
    ("rotateSiteKey", r#"{"siteId":"$site"}"#, ADMINS),
    ("runEvaluation", r#"{"assistantId":"$assistant"}"#, ADMINS),
    ("sendMessage", r#"{"conversationId":"$conversation","body":"Merhaba"}"#, PARTICIPANTS),
    ("sendDraft", r#"{"runId":"$draft","body":"Merhaba"}"#, FOR_ONE_AGENT),
    ("setEmergency", r#"{"siteId":"$site","enabled":true}"#, ADMINS),
    ("setEvaluationGate", r#"{"assistantId":"$assistant","gate":"WARN"}"#, ADMINS),
    ("setPresence", r#"{"siteId":"$site","state":"AWAY"}"#, ONESELF),
    ("setSpecialDay", r#"{"siteId":"$site","date":"2026-10-29","name":"Bayram"}"#, ADMINS),
    ("setTyping", r#"{"conversationId":"$conversation","isTyping":true}"#, PARTICIPANTS),
    // With an assistant of the site that is open to customers, which every person may be.
    ("startConversation", r#"{"assistantId":"$openAssistant"}"#, "U AN A AA AA A"),
    ("startConversation", r#"{"assistantId":"$assistant"}"#, "U AN N NN NN N"),
    ("startVisitorSession", r#"{"siteKey":"$key"}"#, ANYBODY),
    ("stopRun", r#"{"runId":"$run"}"#, PARTICIPANTS),
    ("stopRun", r#"{"runId":"$draft"}"#, FOR_ONE_AGENT),
    ("suggestReply", r#"{"conversationId":"$conversation"}"#, STAFF),
    ("testProvider", r#"{"assistantId":"$assistant"}"#, ADMINS),
    ("tagConversation", r#"{"conversationId":"$conversation","add":["iade"]}"#, STAFF),
    ("updateAgent", r#"{"siteId":"$site","userId":"$agent","maxChats":4}"#, ADMINS),
    ("updateDepartment", r#"{"departmentId":"$newDepartment","description":"x"}"#, ADMINS),
    ("updateTeam", r#"{"teamId":"$newTeam","description":"x"}"#, ADMINS),
    ("updateArticle", r#"{"articleId":"$article","language":"tr"}"#, ADMINS),
    ("updateAssistant", r#"{"assistantId":"$assistant","temperature":0.5}"#, ADMINS),
    ("updateCannedResponse", r#"{"cannedResponseId":"$canned","title":"Anders"}"#, ADMINS),
    ("updateKnowledgeSettings", r#"{"siteId":"$site","minScore":0}"#, ADMINS),
    ("updateBusinessHours", r#"{"siteId":"$site","week":[]}"#, ADMINS),
    ("updateGoldenQuestion", r#"{"goldenQuestionId":"$golden","kind":"x"}"#, "U FF N NN AN A"),
    ("updateSite", r#"{"siteId":"$site","locale":"tr"}"#, ADMINS),
    ("updateWidgetSettings", r#"{"siteId":"$site"}"#, ADMINS),
    ("updateVisitor", r#"{"locale":"tr"}"#, "U AA F FF FF F"),
    // Makes members of those who were none, so it comes last.
    ("createSite", r#"{"name":"Neu"}"#, PERSONS),
    ("updateMe", r#"{"name":"Neu"}"#, PERSONS),
    ("changePassword", r#"{"currentPassword":"falsch","newPassword":"ganz-neu-und-lang"}"#, PERSONS),
    ("logout", r#"{"allSessions":false}"#, PERSONS),
];

/// A thing of each type that `node` finds.
const NODES: &[(&str, &str)] = &[
    ("Article", "article"),
    ("ArticleImport", "import"),
    ("Assistant", "assistant"),
    ("CannedResponse", "canned"),
    ("ContactRequest", "newContact"),
    ("Conversation", "conversation"),
    ("Department", "newDepartment"),
    ("Evaluation", "evaluation"),
    ("FailedJob", "newFailedJob"),
    ("GoldenQuestion", "golden"),
    ("Invitation", "newInvitation"),
    ("Message", "message"),
    ("QuestionGroup", "group"),
    ("Run", "run"),
    ("Session", "newSession"),
    ("Site", "site"),
    ("SiteMember", "newMember"),
    ("SpecialDay", "newSpecialDay"),
    ("Team", "newTeam"),
    ("User", "agent"),
    ("Visitor", "visitor"),
];

/// Notes are hidden from the visitor of the conversation, too.
const MEMBERS_OF_NOTES: &str = "U NN N AN AN A";

/// What shows texts of a site to whoever brings its public key, an invitation, or somebody's password or refresh token:
/// who asks does not count.
const OPEN: &[&str] = &[
    "acceptInvitation",
    "businessHoursStatus",
    "login",
    "publicArticle",
    "publicArticles",
    "refreshSession",
    "searchArticles",
    "startVisitorSession",
    "widgetBootstrap",
    "widgetMode",
];

/// A job that was given up.
async fn failed_job(app: &TestApp) -> String {
    let (id, now) = (JobId(app.clock.uuid()), app.clock.now());
    let row = job::Model {
        id,
        kind: "trim_journals".into(),
        lane: Lane::Background,
        key: None,
        payload: "{}".into(),
        run_at: 0,
        held: false,
        lease: 1,
        again_at: None,
        attempts: 10,
        failed_at: Some(now),
        last_error: Some("It did not work.".into()),
        created_at: now,
    };
    let db = app.app.ports.database.db();
    job::Entity::insert(row.into_active_model()).exec_without_returning(&db).await.expect("it is kept");
    id.to_string()
}

/// Tells of the end of an answer.
const ANSWERED: &str = "subscription($c: ID!) { conversationEvents(conversationId: $c, after: \"beginning\") {
    __typename ... on RunFinished { runId message { id } citations { chunkId } } } }";

/// Deepest objects that are selected.
const DEPTH: usize = 5;

/// A server that takes documents with everything in them.
pub(super) async fn roomy(change: impl FnOnce(&mut Config) + Send + 'static) -> TestApp {
    let configure = |config: &mut Config| {
        change(config);
        (config.max_depth, config.max_complexity) = (100, 10_000_000);
        (config.max_fields, config.max_aliases, config.max_tokens) = (100_000, 10_000, 1_000_000);
    };
    TestApp::with(Options { configure: Some(Box::new(configure)), ..Options::default() }).await
}

/// Two sites with everybody.
pub(super) struct World {
    pub(super) app: TestApp,
    own: Site,
    visitors: [Visitor; 2],
    persons: BTreeMap<&'static str, Person>,
    pub(super) things: BTreeMap<&'static str, String>,
}

impl World {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// With other settings.
    pub(super) async fn with(change: impl FnOnce(&mut Config) + Send + 'static) -> Self {
        let app = roomy(change).await;
        let (own, other) = (app.site(MARK).await, app.site("elsewhere").await);
        let mut persons = BTreeMap::new();
        persons.insert("customer", app.person("customer").await);
        persons.insert("agent own", app.agent(&own, &format!("{MARK}-agent")).await);
        persons.insert("agent other", app.agent(&other, "agent").await);
        persons.insert("admin own", own.admin.clone());
        persons.insert("admin other", other.admin.clone());
        persons.insert("superadmin", superadmin(&app).await);
        let visitors = [app.visitor(&own).await, app.visitor(&other).await];
        let mut world = Self { app, own, visitors, persons, things: BTreeMap::new() };
        world.fill().await;
        world
    }

    /// Makes what is asked for.
    async fn fill(&mut self) {
        let Self { app, own, visitors: [visitor, elsewhere], persons, .. } = self;
        let body = format!("# İade\n\n{MARK} iade on dört gün içinde yapılır.");
        let article = app.article(own, &format!("{MARK} iade"), &body).await;
        let assistant = app.assistant(own, json!({ "name": format!("{MARK} Fincan") })).await;
        let open = app.assistant(own, json!({ "name": "Open", "openToCustomers": true })).await;
        let named = "mutation($i: UpdateVisitorInput!) { updateVisitor(input: $i) { visitor { id } } }";
        app.run(Some(&visitor.token), named, json!({ "i": { "name": format!("{MARK} Veli") } })).await;
        let conversation = app.conversation(visitor).await;
        let foreign = app.conversation(elsewhere).await;
        app.say(&elsewhere.token, &foreign, "Merhaba").await;
        let mut ws = Ws::signed_in(&app.ws_url(), Some(&visitor.token)).await;
        ws.subscribe("1", ANSWERED, json!({ "c": conversation })).await;
        let asked = app.say(&visitor.token, &conversation, &format!("{MARK}: iade kaç gün?")).await;
        let events = ws.until("1", |event| event["conversationEvents"]["runId"].is_string()).await;
        let answered = &events[events.len() - 1]["conversationEvents"];
        let (run, chunk) = (text(&answered["runId"]), text(&answered["citations"][0]["chunkId"]));
        let answer = text(&answered["message"]["id"]);
        let rate = "mutation($i: RateAnswerInput!) { rateAnswer(input: $i) { message { id } } }";
        app.run(Some(&visitor.token), rate, json!({ "i": { "messageId": answer, "helpful": false } })).await;
        let note = "mutation($i: AddNoteInput!) { addNote(input: $i) { message { id } } }";
        let note_body = format!("{MARK} {NOTE}");
        let mentioned = [&persons["agent own"].id, &own.admin.id];
        let input = json!({ "i": { "conversationId": conversation, "body": note_body, "mentionIds": mentioned } });
        let noted = app.run(Some(&own.admin.token), note, input).await;
        let make = "mutation($i: CreateArticleInput!) { createArticle(input: $i) { article { id } } }";
        for (secret, visibility) in [(INTERNAL, "INTERNAL"), (UNPUBLISHED, "PUBLIC")] {
            let body = format!("# İade\n\n{secret}: iade kaç gün içinde yapılır, on dört gün.");
            let new = json!({ "siteId": own.id, "title": format!("İade {secret}"), "body": body, "language": "tr", "visibility": visibility });
            let made = app.run(Some(&own.admin.token), make, json!({ "i": new })).await;
            if secret == INTERNAL {
                let publish = "mutation($i: PublishArticleInput!) { publishArticle(input: $i) { article { id } } }";
                let id = &made["createArticle"]["article"]["id"];
                app.run(Some(&own.admin.token), publish, json!({ "i": { "articleId": id } })).await;
            }
        }
        let agent = &persons["agent own"].token;
        let make = "mutation($i: CreateAssistantInput!) { createAssistant(input: $i) { assistant { id } } }";
        let mine = app.run(Some(agent), make, json!({ "i": { "name": "Benim" } })).await;
        let start = "mutation($i: StartConversationInput!) { startConversation(input: $i) { conversation { id } } }";
        let with = json!({ "i": { "assistantId": mine["createAssistant"]["assistant"]["id"] } });
        let private = app.run(Some(agent), start, with).await;
        let private = text(&private["startConversation"]["conversation"]["id"]);
        app.say(agent, &private, PRIVATE).await;
        let slug = "query($a: ID!) { article(articleId: $a) { slug } }";
        let slug = app.run(Some(&own.admin.token), slug, json!({ "a": article })).await;
        let import = "mutation($i: ImportArticlesInput!) { importArticles(input: $i) { articleImport { id } } }";
        let files = json!([{ "name": format!("{MARK}.md"), "text": MARK }]);
        let input = json!({ "i": { "siteId": own.id, "files": files } });
        let import = app.run(Some(&own.admin.token), import, input).await;
        let import = text(&import["importArticles"]["articleImport"]["id"]);
        self.things = BTreeMap::from([
            ("site", own.id.clone()),
            ("article", article),
            ("import", import),
            ("slug", text(&slug["article"]["slug"])),
            ("assistant", assistant),
            ("openAssistant", open),
            ("visitor", visitor.id.clone()),
            ("visitorToken", visitor.token.clone()),
            ("conversation", conversation),
            ("message", text(&asked["id"])),
            ("group", app.unanswered(own).await),
            ("answer", answer),
            ("run", run),
            ("private", private),
            ("chunk", chunk),
            ("note", text(&noted["addNote"]["message"]["id"])),
            ("agent", persons["agent own"].id.clone()),
            ("email", own.admin.email.clone()),
            ("password", PASSWORD.to_owned()),
        ]);
        let canned = self.canned(&self.own.admin.token, "SITE").await;
        self.things.insert("canned", canned);
        self.contact().await;
        let draft = self.draft().await;
        self.things.insert("draft", draft);
        let golden = self.golden().await;
        self.things.insert("golden", golden);
        let evaluation = self.evaluation().await;
        self.things.insert("evaluation", evaluation);
    }

    /// What stands for a word with `$` in a rule: a thing of the own site.
    async fn thing(&self, word: &str) -> String {
        if let Some(thing) = self.things.get(word) {
            return thing.clone();
        }
        let (app, site) = (&self.app, &self.own.id);
        match word {
            "key" => {
                let key = "query($s: ID!) { site(siteId: $s) { publicKey } }";
                text(&self.as_admin(key, json!({ "s": site })).await["site"]["publicKey"])
            }
            "newName" => text(&json!(format!("{MARK}-{:x}", rand::random::<u64>()))),
            "newDepartment" | "newTeam" => {
                let kind = if word == "newTeam" { "Team" } else { "Department" };
                let field = kind.to_lowercase();
                let make =
                    format!("mutation($i: Create{kind}Input!) {{ create{kind}(input: $i) {{ {field} {{ id }} }} }}");
                let name = format!("{MARK}-{:x}", rand::random::<u64>());
                let made = self.as_admin(&make, json!({ "i": { "siteId": site, "name": name } })).await;
                text(&made[format!("create{kind}")][&field]["id"])
            }
            "newArticle" => {
                let make = "mutation($i: CreateArticleInput!) { createArticle(input: $i) { article { id } } }";
                let new = json!({ "siteId": site, "title": MARK, "body": MARK, "language": "tr" });
                text(&self.as_admin(make, json!({ "i": new })).await["createArticle"]["article"]["id"])
            }
            "newSpecialDay" => {
                let set = "mutation($i: SetSpecialDayInput!) { setSpecialDay(input: $i) { specialDay { id } } }";
                let new = json!({ "siteId": site, "date": "2026-10-29", "name": MARK });
                text(&self.as_admin(set, json!({ "i": new })).await["setSpecialDay"]["specialDay"]["id"])
            }
            "newContact" => self.contact().await,
            "newFailedJob" => failed_job(app).await,
            "newCanned" => self.canned(&self.own.admin.token, "SITE").await,
            "newOwnCanned" => self.canned(&self.persons["agent own"].token, "OWN").await,
            "newGolden" => self.golden().await,
            "newAssistant" => app.assistant(&self.own, json!({ "name": MARK, "enabled": false })).await,
            "newConversation" => app.conversation(&self.new_visitor().await).await,
            "newMessage" => {
                let conversation = &self.things["conversation"];
                text(&app.say(&self.visitors[0].token, conversation, MARK).await["id"])
            }
            "newEmail" => format!("{}@example.com", uuid::Uuid::from_u128(rand::random()).simple()),
            "newInvitation" => text(&self.invitation().await["invitation"]["id"]),
            "newInvitationToken" => text(&self.invitation().await["invitationToken"]),
            "newMember" => {
                let person = app.agent(&self.own, MARK).await;
                let members = "query($s: ID!) { siteMembers(siteId: $s, last: 100) { nodes { id user { id } } } }";
                let members = self.as_admin(members, json!({ "s": site })).await;
                let members = list(&members["siteMembers"]["nodes"]);
                text(&members.iter().find(|member| member["user"]["id"] == person.id).expect("they joined")["id"])
            }
            "newSession" => {
                self.sign_in(&self.own.admin).await;
                let newest = "{ sessions(first: 1) { nodes { id } } }";
                text(&self.as_admin(newest, json!({})).await["sessions"]["nodes"][0]["id"])
            }
            "newRefreshToken" => self.sign_in(&self.own.admin).await.refresh,
            unknown => panic!("nothing is known as ${unknown}"),
        }
    }

    /// A canned response with a shortcut of its own.
    async fn canned(&self, token: &str, scope: &str) -> String {
        let make =
            "mutation($i: CreateCannedResponseInput!) { createCannedResponse(input: $i) { cannedResponse { id } } }";
        let shortcut = format!("/{}", uuid::Uuid::from_u128(rand::random()).simple());
        let new = json!({ "siteId": self.own.id, "scope": scope, "shortcut": shortcut, "title": MARK, "text": MARK });
        let made = self.app.run(Some(token), make, json!({ "i": new })).await;
        text(&made["createCannedResponse"]["cannedResponse"]["id"])
    }

    /// A contact request of a new visitor of the own site.
    async fn contact(&self) -> String {
        let leave = "mutation($i: LeaveMessageInput!) { leaveMessage(input: $i) { contactRequest { id } } }";
        let visitor = self.new_visitor().await;
        let input = json!({ "name": MARK, "email": format!("{MARK}@example.com"), "message": MARK });
        let left = self.app.run(Some(&visitor.token), leave, json!({ "i": input })).await;
        text(&left["leaveMessage"]["contactRequest"]["id"])
    }

    /// A golden question of the own site's assistant.
    async fn golden(&self) -> String {
        let make =
            "mutation($i: CreateGoldenQuestionInput!) { createGoldenQuestion(input: $i) { goldenQuestion { id } } }";
        let new = json!({ "assistantId": self.things["assistant"], "question": MARK, "language": "tr", "answerContains": MARK });
        text(&self.as_admin(make, json!({ "i": new })).await["createGoldenQuestion"]["goldenQuestion"]["id"])
    }

    /// An evaluation of it that was ordered.
    async fn evaluation(&self) -> String {
        let run = "mutation($i: RunEvaluationInput!) { runEvaluation(input: $i) { evaluation { id } } }";
        let input = json!({ "i": { "assistantId": self.things["assistant"] } });
        text(&self.as_admin(run, input).await["runEvaluation"]["evaluation"]["id"])
    }

    async fn draft(&self) -> String {
        let suggest = "mutation($i: SuggestReplyInput!) { suggestReply(input: $i) { run { id } } }";
        let agent = &self.persons["agent own"].token;
        let input = json!({ "i": { "conversationId": self.things["conversation"] } });
        text(&self.app.run(Some(agent), suggest, input).await["suggestReply"]["run"]["id"])
    }

    async fn as_admin(&self, document: &str, variables: Value) -> Value {
        self.app.run(Some(&self.own.admin.token), document, variables).await
    }

    async fn new_visitor(&self) -> Visitor {
        let start = "mutation($i: StartVisitorSessionInput!) { startVisitorSession(input: $i) { token visitorId } }";
        let key = Box::pin(self.thing("key")).await;
        let session = self.app.run(None, start, json!({ "i": { "siteKey": key } })).await;
        let session = &session["startVisitorSession"];
        Visitor { id: text(&session["visitorId"]), token: text(&session["token"]) }
    }

    async fn invitation(&self) -> Value {
        let invite =
            "mutation($i: InviteMemberInput!) { inviteMember(input: $i) { invitation { id } invitationToken } }";
        let email = format!("{MARK}-{}@example.com", uuid::Uuid::from_u128(rand::random()).simple());
        let input = json!({ "siteId": self.own.id, "email": email, "role": "AGENT" });
        self.as_admin(invite, json!({ "i": input })).await["inviteMember"].take()
    }

    /// The person once more, by another session.
    async fn sign_in(&self, person: &Person) -> Person {
        let login = "mutation($i: LoginInput!) { login(input: $i) { accessToken refreshToken } }";
        let input = json!({ "email": person.email, "password": PASSWORD });
        let answer = self.app.run(None, login, json!({ "i": input })).await;
        let (token, refresh) = (text(&answer["login"]["accessToken"]), text(&answer["login"]["refreshToken"]));
        Person { token, refresh, ..person.clone() }
    }

    pub(super) async fn token_of(&self, actor: &str, field: &str) -> Option<String> {
        match actor {
            "anonymous" => None,
            "visitor own" => Some(self.visitors[0].token.clone()),
            "visitor other" => Some(self.visitors[1].token.clone()),
            // Ends the session by which it is asked for.
            person if field == "logout" => Some(self.sign_in(&self.persons[person]).await.token),
            person => Some(self.persons[person].token.clone()),
        }
    }

    /// A rule's arguments with the things of the own site.
    pub(super) async fn arguments(&self, template: &str) -> Value {
        let mut filled = template.to_owned();
        for part in template.split("\"$").skip(1) {
            let word = part.split('"').next().unwrap_or_default();
            filled = filled.replace(&format!("\"${word}\""), &json!(self.thing(word).await).to_string());
        }
        serde_json::from_str(&filled).expect("arguments are JSON")
    }

    /// Asks; returns the whole first answer.
    pub(super) async fn ask(&self, token: Option<&str>, root: &Root<'_>, arguments: Value) -> Value {
        let variables = if root.kind == "mutation" { json!({ "input": arguments }) } else { arguments };
        let document = root.document(&variables);
        if root.kind != "subscription" {
            return self.app.post(token, &document, variables).await;
        }
        let mut ws = Ws::signed_in(&self.app.ws_url(), token).await;
        ws.subscribe("1", &document, variables).await;
        let message = ws.next_json().await;
        match message["type"].as_str() {
            Some("error") => json!({ "errors": message["payload"] }),
            Some("next") => message["payload"].clone(),
            _ => panic!("neither an event nor an error: {message}"),
        }
    }
}

pub(crate) async fn superadmin(app: &TestApp) -> Person {
    let email = "super@example.com".to_owned();
    let person = NewPerson::check(&email, PASSWORD, "Super").expect("they can be");
    let row = accounts::create(&app.app.cx(), person, true).await.expect("they are made");
    let login = "mutation($i: LoginInput!) { login(input: $i) { accessToken refreshToken } }";
    let answer = app.run(None, login, json!({ "i": { "email": email, "password": PASSWORD } })).await;
    let (token, refresh) = (text(&answer["login"]["accessToken"]), text(&answer["login"]["refreshToken"]));
    Person { id: row.id.to_string(), email, token, refresh }
}

/// A root field.
pub(super) struct Root<'a> {
    pub(super) kind: &'static str,
    pub(super) field: &'a Value,
    pub(super) selection: String,
}

impl Root<'_> {
    pub(super) fn document(&self, variables: &Value) -> String {
        let given = |argument: &&Value| variables.get(name(argument)).is_some();
        let arguments: Vec<&Value> = list(&self.field["args"]).iter().filter(given).collect();
        let own = name(self.field);
        if arguments.is_empty() {
            return format!("{} {{ {own} {} }}", self.kind, self.selection);
        }
        let declared: Vec<String> =
            arguments.iter().map(|argument| format!("${}: {}", name(argument), written(&argument["type"]))).collect();
        let passed: Vec<String> = arguments.iter().map(|argument| format!("{0}: ${0}", name(argument))).collect();
        format!("{}({}) {{ {own}({}) {} }}", self.kind, declared.join(" "), passed.join(" "), self.selection)
    }
}

pub(super) fn roots(schema: &Value) -> Vec<Root<'_>> {
    let kinds = [("query", "queryType"), ("mutation", "mutationType"), ("subscription", "subscriptionType")];
    let of = |(kind, key): (&'static str, &str)| {
        let fields = list(&type_named(schema, name(&schema[key])).expect("it is there")["fields"]);
        fields.iter().map(move |field| Root { kind, field, selection: selection(schema, field, DEPTH) })
    };
    kinds.into_iter().flat_map(of).collect()
}

/// Everything that can be asked of a field without arguments.
fn selection(schema: &Value, field: &Value, depth: usize) -> String {
    let of_type = written(&field["type"]).replace(['[', ']', '!'], "");
    let kind = type_named(schema, &of_type).expect("it is in the schema");
    match kind["kind"].as_str() {
        Some("OBJECT") => format!("{{ __typename {} }}", fields_of(schema, kind, depth, "")),
        Some("UNION" | "INTERFACE") => {
            let each = list(&kind["possibleTypes"]).iter().map(|member| {
                let member = type_named(schema, name(member)).expect("it is in the schema");
                // Members may have fields of one name and different types: each gets names of its own.
                let alias = format!("{}_", name(member));
                format!("... on {} {{ __typename {} }}", name(member), fields_of(schema, member, depth, &alias))
            });
            format!("{{ {} }}", each.collect::<Vec<_>>().join(" "))
        }
        _ => String::new(),
    }
}

fn fields_of(schema: &Value, kind: &Value, depth: usize, alias: &str) -> String {
    let fields = list(&kind["fields"]);
    let has_nodes = fields.iter().any(|field| name(field) == "nodes");
    let needs_nothing =
        |field: &&Value| list(&field["args"]).iter().all(|argument| !written(&argument["type"]).ends_with('!'));
    let wanted = fields.iter().filter(needs_nothing).filter(|field| !(has_nodes && name(field) == "edges"));
    let shown = wanted.filter_map(|field| {
        let is_leaf = selection_is_empty(schema, field);
        if !is_leaf && depth == 0 {
            return None;
        }
        let inner = if is_leaf { String::new() } else { selection(schema, field, depth - 1) };
        let own = name(field);
        Some(if alias.is_empty() { format!("{own} {inner}") } else { format!("{alias}{own}: {own} {inner}") })
    });
    shown.collect::<Vec<_>>().join(" ")
}

fn selection_is_empty(schema: &Value, field: &Value) -> bool {
    let of_type = written(&field["type"]).replace(['[', ']', '!'], "");
    let kind = type_named(schema, &of_type).expect("it is in the schema");
    matches!(kind["kind"].as_str(), Some("SCALAR" | "ENUM"))
}

/// An answer as the letter of a rule.
fn letter(answer: &Value, field: &str) -> char {
    for error in list(&answer["errors"]) {
        match error["extensions"]["code"].as_str() {
            Some("UNAUTHENTICATED") => return 'U',
            Some("FORBIDDEN") => return 'F',
            Some("NOT_FOUND") => return 'N',
            Some("BAD_USER_INPUT" | "CONFLICT") => {}
            _ => return '!',
        }
    }
    let found = &answer["data"][field];
    let nothing =
        found.is_null() || found.as_array().is_some_and(|all| !all.is_empty() && all.iter().all(Value::is_null));
    if nothing && list(&answer["errors"]).is_empty() { '0' } else { 'A' }
}

#[tokio::test]
async fn every_operation_has_a_rule_and_every_rule_an_operation() {
    let schema = introspected().await;
    let there: BTreeSet<String> = roots(&schema).iter().map(|root| name(root.field).to_owned()).collect();
    let ruled: BTreeSet<String> = RULES.iter().map(|(field, _, _)| (*field).to_owned()).collect();
    let without: Vec<_> = there.difference(&ruled).collect();
    assert!(without.is_empty(), "nothing says who may use {without:?}; add a line to RULES");
    let stale: Vec<_> = ruled.difference(&there).collect();
    assert!(stale.is_empty(), "there is no {stale:?} any more; take its line out of RULES");
    let nodes = type_named(&schema, "Node").expect("it is there");
    for kind in list(&nodes["possibleTypes"]) {
        let word = NODES.iter().find(|(of, _)| *of == name(kind)).map(|(_, word)| format!("{{\"id\":\"${word}\"}}"));
        let has_rule = word.is_some_and(|id| RULES.iter().any(|(field, given, _)| *field == "node" && *given == id));
        assert!(has_rule, "nothing says who finds a {} by `node`; add it to NODES and RULES", name(kind));
    }
    for (field, _, letters) in RULES {
        let letters = letters.replace(' ', "");
        assert_eq!(letters.len(), ACTORS.len(), "the rule of {field} needs a letter for each of {ACTORS:?}");
    }
}

#[tokio::test]
async fn everybody_gets_the_answer_of_the_rule_and_nothing_of_another_site() {
    let schema = introspected().await;
    let roots = roots(&schema);
    let mut world = World::new().await;
    let mut wrong = Vec::new();
    // What is both a query and a subscription is asked for both ways.
    let asked = RULES.iter().flat_map(|rule| roots.iter().map(move |root| (rule, root)));
    for ((field, template, letters), root) in asked.filter(|((field, ..), root)| name(root.field) == *field) {
        for (actor, expected) in ACTORS.into_iter().zip(letters.replace(' ', "").chars()) {
            // Limits count by address; here each call comes from another.
            world.app.from = std::net::Ipv4Addr::from(u32::from(world.app.from).wrapping_add(0x0001_0000));
            let arguments = world.arguments(template).await;
            let token = world.token_of(actor, field).await;
            let answer = world.ask(token.as_deref(), root, arguments).await;
            let got = letter(&answer, field);
            if got != expected {
                let errors = &answer["errors"];
                wrong.push(format!("{field}{template} by {actor}: {got}, not {expected} ({errors})"));
            }
            let shown = answer.to_string().to_lowercase();
            for (secret, entitled) in SECRETS {
                if shown.contains(secret) && !entitled.contains(&actor) {
                    wrong.push(format!("{field}{template} by {actor} shows {secret}: {answer}"));
                }
            }
            // By the public key anybody may search; by the site's id its members.
            let is_open = OPEN.contains(field) && !template.contains("$site\"");
            let is_outside = !matches!(actor, "visitor own" | "agent own" | "admin own" | "superadmin");
            if is_outside && !is_open && shown.contains(MARK) {
                wrong.push(format!("{field}{template} by {actor} shows what belongs to the site: {answer}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} answers are not those of the rules:\n  {}", wrong.len(), wrong.join("\n  "));
}
