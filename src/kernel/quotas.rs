//! How much of what one caller may do. The table of quotas is here and nowhere else.
//!
//! What always holds:
//! - A quota is spent before the work that it is for, and an action spends all that it needs at once or nothing.
//! - Strangers cost nothing to make (visitors, accounts), so what counts for one of them also counts for the network
//!   address that they come from, and what fills a site's inbox also for the site.
//! - People with a role in a site work there within the rate of their requests alone.

use std::{borrow::Cow, fmt::Display, net::IpAddr, time::Duration};

use ::entity::ids::SiteId;

use super::{
    ctx::{Ports, Request},
    error::{Error, Result},
};
use crate::{
    config::Config,
    ports::scratch::{Allowance, Charge, Rate},
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// What may be done how often. It refills evenly: after all was spent at once, one unit is there again after
/// `per / size`.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    key: &'static str,
    /// What there can be too many of.
    what: &'static str,
    /// What else to do than wait.
    hint: &'static str,
    size: Size,
    per: Duration,
}

#[derive(Clone, Copy, Debug)]
enum Size {
    Fixed(u32),
    Setting(fn(&Config) -> u32),
}

const SHARED: &str = "Everybody behind the same address counts together.";

// Requests.

/// Requests of a person with an account.
pub const REQUESTS_OF_PERSON: Quota =
    Quota::setting("requests", "requests from one account", "", |config| config.rate_per_minute);
/// Requests of people with accounts from an address: as many as twenty of them may make. An office shares one.
pub const REQUESTS_OF_PEOPLE_FROM_ADDRESS: Quota =
    Quota::setting("requests-of-people", "requests from one network address", SHARED, |config| {
        config.rate_per_minute.saturating_mul(20)
    });
/// Requests of a visitor.
pub const REQUESTS_OF_VISITOR: Quota =
    Quota::setting("requests", "requests from one visitor", "", |config| config.visitor_rate_per_minute);
/// Requests from an address: without a token, with a visitor's, or with one that is not good.
pub const REQUESTS_FROM_ADDRESS: Quota =
    Quota::setting("requests", "requests from one network address", SHARED, |config| config.anonymous_rate_per_minute);
/// Requests with files of a person with an account; each may hold as much as the settings allow.
pub const UPLOADS_OF_PERSON: Quota = Quota::fixed("uploads", "uploads by one account", "", 60, MINUTE);
/// Fields of mutations of a visitor, or of a person without a role in any site.
pub const CHANGES_OF_GUEST: Quota =
    Quota::setting("changes", "changes by one person", "", |config| config.changes_per_minute);

// Conversations.

/// Messages of a visitor or customer.
pub const MESSAGES_OF_GUEST: Quota =
    Quota::setting("messages", "messages from one person", "", |config| config.messages_per_minute);
/// Messages of visitors and customers to a site from an address. A school class shares one.
pub const MESSAGES_FROM_ADDRESS: Quota =
    Quota::setting("messages", "messages to this site from one network address", SHARED, |config| {
        config.address_messages_per_minute
    });
/// Messages of visitors and customers to a site: what its database and its people can take from a crowd of addresses.
pub const MESSAGES_TO_SITE: Quota =
    Quota::setting("messages", "messages to this site", "", |config| config.site_messages_per_minute);
/// New conversations of a visitor or customer.
pub const CONVERSATIONS_OF_GUEST: Quota =
    Quota::setting("conversations", "new conversations of one person", "Go on in one that is open.", |config| {
        config.conversations_per_minute
    });
/// New conversations on a site from an address.
pub const CONVERSATIONS_FROM_ADDRESS: Quota =
    Quota::setting("conversations", "new conversations with this site from one network address", SHARED, |config| {
        config.address_conversations_per_minute
    });
/// New conversations on a site.
pub const CONVERSATIONS_TO_SITE: Quota =
    Quota::setting("conversations", "new conversations with this site", "", |config| {
        config.site_conversations_per_minute
    });
/// Starts of a visitor's session on a site from an address; nothing is stored for one.
pub const SESSIONS_FROM_ADDRESS: Quota =
    Quota::fixed("sessions", "visitor sessions started from one network address", SHARED, 600, MINUTE);
/// Messages left and calls asked for by a visitor or customer.
pub const CONTACT_REQUESTS_OF_GUEST: Quota =
    Quota::fixed("contact", "messages left and calls asked for by one person", "", 10, HOUR);
/// The same from an address.
pub const CONTACT_REQUESTS_FROM_ADDRESS: Quota =
    Quota::fixed("contact", "messages left and calls asked for from one network address", SHARED, 60, HOUR);

// What computes embeddings or asks models.

/// Searches of a person with an account.
pub const SEARCHES_OF_PERSON: Quota = Quota::fixed("searches", "searches by one account", "", 300, MINUTE);
/// Searches and suggestions of strangers on a site from an address.
pub const SEARCHES_FROM_ADDRESS: Quota =
    Quota::fixed("searches", "searches on this site from one network address", SHARED, 300, MINUTE);
/// Suggestions of one visitor: a draft is asked about after a pause in typing, not with each letter.
pub const SUGGESTIONS_OF_VISITOR: Quota =
    Quota::fixed("suggestions", "suggestions for one visitor", "Ask after a pause in typing.", 30, MINUTE);
/// Drafts that an agent asks an assistant for.
pub const DRAFTS_OF_PERSON: Quota = Quota::fixed("drafts", "drafts for one account", "", 30, MINUTE);
/// Trials of a model's provider.
pub const TRIALS_OF_PERSON: Quota = Quota::fixed("trials", "trials of providers by one account", "", 20, MINUTE);

// Accounts.

/// New accounts from an address. An office shares one, so it is more than a person needs.
pub const REGISTRATIONS_FROM_ADDRESS: Quota =
    Quota::fixed("registrations", "new accounts from one network address", SHARED, 300, HOUR);
/// New sites of a person.
pub const SITES_OF_PERSON: Quota = Quota::fixed("sites", "new sites of one account", "", 100, HOUR);

const KNOWN_DEVICE: &str = "A device on which you signed in before is not affected if it sends its `deviceToken`.";

/// Wrong passwords for an account from an address.
pub const SIGN_IN_FAILURES: Quota =
    Quota::fixed("sign-in", "failed sign-ins to one account from one network address", KNOWN_DEVICE, 5, HOUR);
/// Wrong passwords from an address, whichever the account: guessing one password for many accounts. More than an
/// office gets wrong.
pub const SIGN_IN_FAILURES_FROM_ADDRESS: Quota =
    Quota::fixed("sign-in", "failed sign-ins from one network address", KNOWN_DEVICE, 100, HOUR);
/// Wrong passwords for an account from all unknown devices: guessing from many addresses.
pub const SIGN_IN_FAILURES_OF_ACCOUNT: Quota =
    Quota::fixed("sign-in", "failed sign-ins to one account", KNOWN_DEVICE, 50, HOUR);
/// Wrong passwords on a device that signed in to the account before. Nobody else can spend these.
pub const SIGN_IN_FAILURES_OF_DEVICE: Quota =
    Quota::fixed("sign-in", "failed sign-ins to one account on one device", "", 10, HOUR);

/// One or more units of a quota, of one who spends them.
#[derive(Clone, Debug)]
pub struct Expense {
    quota: Quota,
    key: String,
    units: u32,
}

impl Quota {
    const fn fixed(key: &'static str, what: &'static str, hint: &'static str, size: u32, per: Duration) -> Self {
        Self { key, what, hint, size: Size::Fixed(size), per }
    }

    /// A size of the settings, for each minute.
    const fn setting(key: &'static str, what: &'static str, hint: &'static str, size: fn(&Config) -> u32) -> Self {
        Self { key, what, hint, size: Size::Setting(size), per: MINUTE }
    }

    /// One unit, of whoever this names. Names of different kinds must not be equal: ids carry their kind.
    pub fn of(self, spender: impl Display) -> Expense {
        Expense { key: format!("{}:{spender}", self.key), quota: self, units: 1 }
    }

    /// One unit, of all who share the request's address.
    pub fn by_address(self, request: &Request) -> Expense {
        self.of(neighbourhood(request))
    }

    /// One unit, of all who use a site from the request's address.
    pub fn at(self, site: SiteId, request: &Request) -> Expense {
        self.of(format_args!("{site}:{}", neighbourhood(request)))
    }

    fn rate(self, config: &Config) -> Rate {
        let burst = match self.size {
            Size::Fixed(size) => size,
            Size::Setting(of) => of(config),
        };
        Rate { burst, per: self.per }
    }

    fn refusal(self, config: &Config, retry_after: Duration) -> Error {
        let size = self.rate(config).burst;
        let per = if self.per == MINUTE { "minute" } else { "hour" };
        let hint = if self.hint.is_empty() { Cow::Borrowed("") } else { format!(" {}", self.hint).into() };
        Error::rate_limited(format!("Too many {}: {size} per {per} are allowed.{hint}", self.what), retry_after)
    }
}

impl Expense {
    /// So many units.
    pub fn times(self, units: u32) -> Self {
        Self { units, ..self }
    }

    fn charge(&self, config: &Config) -> Charge<'_> {
        Charge { key: &self.key, rate: self.quota.rate(config), cost: self.units }
    }
}

/// Spends all of these, or none when one is not there.
///
/// # Errors
/// `RATE_LIMITED` with `retryAfter` and a text that says what there was too much of.
pub async fn spend(ports: &Ports, expenses: &[Expense]) -> Result<()> {
    if expenses.is_empty() {
        return Ok(());
    }
    let charges: Vec<_> = expenses.iter().map(|expense| expense.charge(&ports.config)).collect();
    match ports.scratch.spend_all(&charges, ports.clock.micros()).await? {
        Allowance::Granted { .. } => Ok(()),
        Allowance::Refused { which, retry_after } => {
            let refused = expenses.get(which).unwrap_or(&expenses[0]);
            Err(refused.quota.refusal(&ports.config, retry_after))
        }
    }
}

/// Gives back what was spent on something that turned out not to count.
pub async fn give_back(ports: &Ports, expenses: &[Expense]) -> Result<()> {
    let charges: Vec<_> = expenses.iter().map(|expense| expense.charge(&ports.config)).collect();
    ports.scratch.give_back(&charges).await
}

/// Where a request comes from, as far as limits go: IPv6 addresses count by their /64, which one customer of a
/// provider holds as a whole.
pub fn neighbourhood(request: &Request) -> String {
    match request.address.map(|address| address.to_canonical()) {
        None => "unknown".into(),
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(address: &str) -> Request {
        Request { address: Some(address.parse().unwrap()), ..Request::default() }
    }

    #[test]
    fn a_neighbourhood_is_an_address_or_a_64() {
        assert_eq!(neighbourhood(&from("192.0.2.7")), "192.0.2.7");
        assert_eq!(neighbourhood(&from("::ffff:192.0.2.7")), "192.0.2.7");
        assert_eq!(neighbourhood(&from("2001:db8:1:2:3:4:5:6")), "2001:db8:1:2::/64");
        assert_eq!(neighbourhood(&from("2001:db8:1:2:ffff::")), neighbourhood(&from("2001:db8:1:2::1")));
        assert_eq!(neighbourhood(&Request::default()), "unknown");
    }

    #[test]
    fn a_refusal_says_what_there_was_too_much_of_and_what_to_do() {
        let config = Config { address_messages_per_minute: 7, ..Config::default() };
        let error = MESSAGES_FROM_ADDRESS.refusal(&config, Duration::from_millis(8_500));
        assert_eq!(
            error.message,
            "Too many messages to this site from one network address: 7 per minute are allowed. Everybody behind the \
             same address counts together. Try again in 9 s."
        );
        let error = REGISTRATIONS_FROM_ADDRESS.refusal(&config, Duration::from_secs(12));
        assert!(error.message.contains("300 per hour"), "{error}");
    }

    #[test]
    fn spenders_of_one_quota_have_keys_of_their_own() {
        let site = SiteId(uuid::Uuid::nil());
        let keys = [MESSAGES_TO_SITE.of(site), MESSAGES_FROM_ADDRESS.at(site, &from("192.0.2.7"))].map(|e| e.key);
        assert_ne!(keys[0], keys[1]);
    }
}
