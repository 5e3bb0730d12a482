//! What models cost: a table of patterns, the server's own before the one that is built in.
//!
//! Vendors change their prices and name new models; what no pattern matches has no price, which is said wherever money is
//! shown, and is not the same as costing nothing.

use std::fmt;

use ::entity::assistant::Provider;
use sea_orm::{ActiveEnum, Iterable};

use super::Usage;

/// A million.
const MILLION: i128 = 1_000_000;
/// The highest price that a setting may name, in US dollars per million tokens.
const HIGHEST: f64 = 100_000.0;

/// Prices of some models in the form of the setting, as vendors published them up to the end of 2025.
const KNOWN: &str = "\
OPENAI/gpt-4o*=2.5/10,OPENAI/gpt-4o-mini*=0.15/0.6,\
OPENAI/gpt-4.1*=2/8,OPENAI/gpt-4.1-mini*=0.4/1.6,OPENAI/gpt-4.1-nano*=0.1/0.4,\
OPENAI/gpt-5*=1.25/10,OPENAI/gpt-5-mini*=0.25/2,OPENAI/gpt-5-nano*=0.05/0.4,\
OPENAI/o3*=2/8,OPENAI/o3-mini*=1.1/4.4,OPENAI/o4-mini*=1.1/4.4,\
ANTHROPIC/claude-3-5-haiku*=0.8/4,ANTHROPIC/claude-haiku-4-5*=1/5,\
ANTHROPIC/claude-sonnet-4*=3/15,ANTHROPIC/claude-opus-4*=15/75,ANTHROPIC/claude-opus-4-5*=5/25,\
GEMINI/gemini-2.0-flash*=0.1/0.4,GEMINI/gemini-2.5-flash*=0.3/2.5,GEMINI/gemini-2.5-flash-lite*=0.1/0.4,\
GEMINI/gemini-2.5-pro*=1.25/10,\
MISTRAL/mistral-small*=0.1/0.3,MISTRAL/mistral-medium*=0.4/2,MISTRAL/mistral-large*=2/6";

/// What a model costs, in millionths of a US dollar per million tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Price {
    /// Of prompts.
    pub input: i64,
    /// Of answers.
    pub output: i64,
}

impl Price {
    /// What these tokens cost, in millionths of a US dollar, rounded up.
    pub fn cost(self, tokens: Usage) -> i64 {
        let of = |tokens: u32, price: i64| i128::from(tokens) * i128::from(price);
        let cost = of(tokens.prompt_tokens, self.input) + of(tokens.completion_tokens, self.output);
        // No price is negative.
        i64::try_from((cost + MILLION - 1) / MILLION).unwrap_or(i64::MAX)
    }
}

/// The models of a provider that cost the same.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    provider: Provider,
    /// What the model's name is, or begins with.
    name: String,
    /// More may follow.
    open: bool,
    price: Price,
}

/// A table of prices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prices(Vec<Pattern>);

/// What is wrong with a table, for who runs the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceError(String);

impl fmt::Display for PriceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Prices {
    /// The server's own prices, `PROVIDER/model=input/output` in US dollars per million tokens with commas between, before
    /// the built-in ones.
    ///
    /// # Errors
    /// Names the entry that cannot be read.
    pub fn new(own: &str) -> Result<Self, PriceError> {
        let known = read(KNOWN)?;
        let own = read(own)?;
        let shadowed = |one: &Pattern| own.iter().any(|other| other.covers(one));
        let known = known.into_iter().filter(|one| !shadowed(one)).collect::<Vec<_>>();
        Ok(Self([own, known].concat()))
    }

    /// The price of a model: that of the longest pattern.
    pub fn of(&self, provider: Provider, model: &str) -> Option<Price> {
        let fitting = self.0.iter().filter(|pattern| pattern.provider == provider && pattern.fits(model));
        fitting.max_by_key(|pattern| (pattern.name.len(), !pattern.open)).map(|pattern| pattern.price)
    }
}

impl Pattern {
    fn fits(&self, model: &str) -> bool {
        if self.open { model.starts_with(&self.name) } else { model == self.name }
    }

    /// True where all that fits the other fits this one.
    fn covers(&self, other: &Self) -> bool {
        let wider = if self.open { other.name.starts_with(&self.name) } else { !other.open && other.name == self.name };
        self.provider == other.provider && wider
    }
}

fn read(text: &str) -> Result<Vec<Pattern>, PriceError> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(entry).collect()
}

fn entry(text: &str) -> Result<Pattern, PriceError> {
    let parts = || {
        let (models, prices) = text.split_once('=')?;
        let (provider, name) = models.trim().split_once('/')?;
        let (input, output) = prices.split_once('/')?;
        let provider = Provider::iter().find(|known| known.to_value() == provider.trim().to_uppercase())?;
        let name = name.trim();
        let price = Price { input: dollars(input)?, output: dollars(output)? };
        Some(Pattern { provider, name: name.trim_end_matches('*').to_owned(), open: name.ends_with('*'), price })
    };
    let form = "it must be like OPENAI/gpt-4o-mini*=0.15/0.6: a provider, a model (* at its end for whatever follows), \
                and US dollars per million tokens of prompts and of answers";
    parts().ok_or_else(|| PriceError(format!("`{text}` cannot be read; {form}")))
}

/// A price in millionths.
fn dollars(text: &str) -> Option<i64> {
    let dollars: f64 = text.trim().parse().ok()?;
    (0.0..=HIGHEST).contains(&dollars).then(|| (dollars * 1e6).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_pattern_counts_and_the_servers_own_come_first() {
        let prices = Prices::new("azure_openai/Shop-*=1/2, OPENAI/gpt-4*=9/9").unwrap();
        let of = |provider, model| prices.of(provider, model).map(|price| (price.input, price.output));
        assert_eq!(of(Provider::AzureOpenai, "Shop-eu"), Some((1_000_000, 2_000_000)));
        assert_eq!(of(Provider::AzureOpenai, "other"), None);
        assert_eq!(of(Provider::Openai, "gpt-4o-mini-2024"), Some((9_000_000, 9_000_000)));
        assert_eq!(of(Provider::Openai, "gpt-5-mini"), Some((250_000, 2_000_000)));
        assert_eq!(of(Provider::Openai, "gpt-5"), Some((1_250_000, 10_000_000)));
        assert_eq!(of(Provider::Openai, "gpt-99"), None);
    }

    #[test]
    fn costs_are_rounded_up() {
        let price = Price { input: 150_000, output: 600_000 };
        let cost = |prompt_tokens, completion_tokens| price.cost(Usage { prompt_tokens, completion_tokens });
        assert_eq!((cost(0, 0), cost(1, 0), cost(1_000, 500), cost(1_000_000, 1_000_000)), (0, 1, 450, 750_000));
        assert!(
            Price { input: i64::MAX, output: i64::MAX }.cost(Usage { prompt_tokens: u32::MAX, completion_tokens: 1 })
                > 0
        );
    }

    #[test]
    fn an_entry_that_cannot_be_read_is_named() {
        for wrong in ["gpt-4o=1/2", "NOBODY/x=1/2", "OPENAI/x=1", "OPENAI/x=-1/2", "OPENAI/x=a/b", "OPENAI/x"] {
            assert!(Prices::new(wrong).unwrap_err().to_string().contains(wrong), "{wrong}");
        }
        assert_eq!(Prices::new(""), Prices::new(" , "));
    }
}
