//! Reading conversations: inboxes, who has what, how far somebody has read, and who is looking.

pub(crate) mod inbox;
mod people;
pub(crate) mod receipts;
mod reply_times;
pub(crate) mod viewing;

pub(crate) use self::{
    inbox::count_waiting,
    people::{
        department_names, had_another, left_open, names_of, of_assignee, open_by_assignee, participants, talking,
    },
    reply_times::reply_times,
};
