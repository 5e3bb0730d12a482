//! What a contact request may say, without IO.

use ::entity::{
    contact_request::Kind,
    ids::{ConversationId, DepartmentId},
};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use crate::kernel::{Error, ErrorReason, Result, text};

const NAME_MAX: usize = 120;
const MESSAGE_MAX: usize = 5_000;
const NOTE_MAX: usize = 1_000;
/// Characters of what came of a request.
pub(super) const RESOLUTION_MAX: usize = 1_000;
/// A call can be wished for up to so far from now.
const AHEAD: TimeDelta = TimeDelta::days(90);

/// A request as somebody writes it, but for who they are.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) kind: Kind,
    pub(super) conversation: Option<ConversationId>,
    pub(super) department: Option<DepartmentId>,
    pub(super) name: Option<String>,
    pub(super) email: Option<String>,
    pub(super) phone: Option<String>,
    pub(super) body: Option<String>,
    pub(super) earliest_at: Option<DateTime<Utc>>,
    pub(super) latest_at: Option<DateTime<Utc>>,
}

impl Draft {
    /// The same, checked and tidied as far as that does not depend on the time.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` naming the field, and its limit or form.
    pub(super) fn tidied(self) -> Result<Self> {
        let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let email = given(self.email).map(|email| text::email("input.email", &email)).transpose()?;
        let (phone, body) = match self.kind {
            Kind::Message => {
                let phone = given(self.phone).map(|phone| text::phone("input.phone", &phone)).transpose()?;
                if email.is_none() && phone.is_none() {
                    let message = "Give `email` or `phone`, so that you can be answered.";
                    return Err(Error::bad_input("input.email", ErrorReason::InvalidCombination, message));
                }
                (phone, Some(text::body("input.message", &self.body.unwrap_or_default(), MESSAGE_MAX)?))
            }
            Kind::Callback => {
                let phone = text::phone("input.phone", &self.phone.unwrap_or_default())?;
                let note =
                    given(self.body).map(|note| text::longer("input.note", note.trim(), NOTE_MAX)).transpose()?;
                (Some(phone), note)
            }
        };
        // What databases keep.
        let kept = |at: Option<DateTime<Utc>>| at.map(|at| at.trunc_subsecs(6));
        let (earliest_at, latest_at) = (kept(self.earliest_at), kept(self.latest_at));
        if let (Some(earliest), Some(latest)) = (earliest_at, latest_at)
            && latest <= earliest
        {
            let message = "`input.latestAt` must be after `input.earliestAt`.";
            return Err(Error::bad_input("input.latestAt", ErrorReason::InvalidCombination, message));
        }
        let name = text::maybe_line("input.name", self.name.as_deref(), NAME_MAX)?;
        Ok(Self { name, email, phone, body, earliest_at, latest_at, ..self })
    }

    /// Refuses a call at a time that has passed or is too far away.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` naming the field and its limit.
    pub(super) fn check_window(&self, now: DateTime<Utc>) -> Result<()> {
        if self.latest_at.is_some_and(|latest| latest <= now) {
            let message = "`input.latestAt` has passed; give a moment to come, or leave it out.";
            return Err(Error::bad_input("input.latestAt", ErrorReason::OutOfRange, message));
        }
        for (field, at) in [("input.earliestAt", self.earliest_at), ("input.latestAt", self.latest_at)] {
            if at.is_some_and(|at| at > now + AHEAD) {
                let message = format!("`{field}` is more than {} days away; give an earlier moment.", AHEAD.num_days());
                return Err(Error::bad_input(field, ErrorReason::OutOfRange, message));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn callback() -> Draft {
        Draft {
            kind: Kind::Callback,
            conversation: None,
            department: None,
            name: Some(" Ada ".into()),
            email: None,
            phone: Some("+90 212 555 00 00".into()),
            body: Some("  ".into()),
            earliest_at: None,
            latest_at: None,
        }
    }

    #[test]
    fn what_is_empty_counts_as_left_out() {
        let tidied = callback().tidied().unwrap();
        assert_eq!((tidied.name.as_deref(), tidied.body), (Some("Ada"), None));
        let no_number = Draft { phone: Some(" ".into()), ..callback() };
        assert_eq!(no_number.tidied().unwrap_err().field.as_deref(), Some("input.phone"));
        let nowhere = Draft { kind: Kind::Message, phone: Some(" ".into()), body: Some("x".into()), ..callback() };
        assert_eq!(nowhere.tidied().unwrap_err().reason, Some(ErrorReason::InvalidCombination));
    }

    #[test]
    fn a_call_is_wished_for_between_now_and_ninety_days() {
        let now = DateTime::UNIX_EPOCH;
        let window = |from: i64, to: i64| Draft {
            earliest_at: Some(now + TimeDelta::seconds(from)),
            latest_at: Some(now + TimeDelta::seconds(to)),
            ..callback()
        };
        let days = AHEAD.num_seconds();
        for (from, to, field) in [(0, 0, "input.latestAt"), (10, 5, "input.latestAt")] {
            assert_eq!(window(from, to).tidied().unwrap_err().field.as_deref(), Some(field));
        }
        for (from, to, field) in [
            (-20, 0, Some("input.latestAt")),
            (-20, 1, None),
            (0, days, None),
            (0, days + 1, Some("input.latestAt")),
            (days + 1, days + 2, Some("input.earliestAt")),
        ] {
            let checked = window(from, to).tidied().unwrap().check_window(now);
            assert_eq!(checked.err().and_then(|error| error.field).as_deref(), field, "{from} to {to}");
        }
    }
}
