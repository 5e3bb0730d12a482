use std::{error::Error, fmt};

/// Why an entry or a query was refused. Nothing is changed when an insert is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexError {
    /// A vector has another length than the partition was made for.
    Dimension {
        /// Components the partition expects.
        expected: usize,
        /// Components the vector has.
        found: usize,
    },
    /// A vector holds NaN or an infinity.
    NotFinite,
    /// A vector has no direction, so its cosine to anything is undefined.
    ZeroVector,
    /// The lexical weight is negative, NaN or infinite.
    Weight,
    /// The partition holds as many entries or vectors as it can address.
    Full,
}

impl fmt::Display for IndexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dimension { expected, found } => {
                write!(f, "vector has {found} components, expected {expected}")
            }
            Self::NotFinite => f.write_str("vector holds a component that is not finite"),
            Self::ZeroVector => f.write_str("vector is zero"),
            Self::Weight => f.write_str("lexical weight must be finite and not negative"),
            Self::Full => f.write_str("partition is full"),
        }
    }
}

impl Error for IndexError {}
