//! Fair shares of a table that is bounded for all clients together.
//!
//! When the table is full, the client with the most entries loses one: a client with less than an equal share loses
//! nothing, whatever the others do.

use std::collections::BTreeSet;

/// The amounts of all clients that hold something. `C` is a client.
#[derive(Debug)]
pub struct Shares<C> {
    amounts: BTreeSet<(usize, C)>,
    total: usize,
}

impl<C> Default for Shares<C> {
    fn default() -> Self {
        Self {
            amounts: BTreeSet::new(),
            total: 0,
        }
    }
}

impl<C: Copy + Ord> Shares<C> {
    /// `client` holds `now` and no longer `before`.
    pub fn change(&mut self, client: C, before: usize, now: usize) {
        if before == now {
            return;
        }
        self.amounts.remove(&(before, client));
        if now > 0 {
            self.amounts.insert((now, client));
        }
        self.total = self.total.saturating_sub(before).saturating_add(now);
    }

    pub fn total(&self) -> usize {
        self.total
    }

    /// The client that holds the most; `asking` if no other holds more. Also by how much it holds more than the
    /// next one.
    pub fn most(&self, asking: C) -> Option<(C, usize)> {
        let mut amounts = self.amounts.iter().rev();
        let (amount, client) = *amounts.next()?;
        let next = amounts.next().map_or(0, |(next, _)| *next);
        let client = match self.amounts.contains(&(amount, asking)) {
            true => asking,
            false => client,
        };
        Some((client, amount - next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_the_most_gives_way() {
        let mut shares = Shares::default();
        assert_eq!(shares.most('a'), None);
        shares.change('a', 0, 3);
        shares.change('b', 0, 5);
        assert_eq!((shares.most('a'), shares.total()), (Some(('b', 2)), 8));
        shares.change('a', 3, 5);
        assert_eq!(shares.most('a'), Some(('a', 0)));
        assert_eq!(shares.most('b'), Some(('b', 0)));
        shares.change('b', 5, 0);
        assert_eq!((shares.most('c'), shares.total()), (Some(('a', 5)), 5));
    }
}
