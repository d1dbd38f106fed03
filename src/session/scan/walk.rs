//! Steps of a walk over a body.

use crate::json::{Invalid, Scanner, Text};

pub type Result<T> = std::result::Result<T, Invalid>;

/// Which members of one object have been seen.
#[derive(Default)]
pub struct Seen(u32);

impl Seen {
    /// Whether this is the first time for `bit`.
    pub fn first(&mut self, bit: u16) -> bool {
        let mask = 1 << bit;
        let is_first = self.0 & mask == 0;
        self.0 |= mask;
        is_first
    }
}

/// Walks an array with the index of each element; anything else is passed over.
pub fn each<'a>(
    scanner: &mut Scanner<'a>,
    mut element: impl FnMut(&mut Scanner<'a>, usize) -> Result<()>,
) -> Result<()> {
    if scanner.peek() != Some(b'[') {
        return scanner.skip();
    }
    let mut index = 0;
    scanner.array(|scanner| {
        element(scanner, index)?;
        index += 1;
        Ok(())
    })
}

/// Walks an object; anything else is passed over.
pub fn fields<'a>(
    scanner: &mut Scanner<'a>,
    member: impl FnMut(&mut Scanner<'a>, Text<'a>) -> Result<()>,
) -> Result<()> {
    if scanner.peek() == Some(b'{') {
        scanner.object(member)
    } else {
        scanner.skip()
    }
}
