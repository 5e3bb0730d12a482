//! Articles of an invented shop, for trying the server out.
