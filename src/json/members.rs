//! The members of an object.

use std::borrow::Cow;

use super::{Invalid, Scanner, Span};

/// One member of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    pub key: Cow<'a, str>,
    pub value: Span,
    /// The member with the white space around it: from the bracket or comma before it to the one behind it.
    pub whole: Span,
    /// How many members stand before it.
    pub index: usize,
    pub is_last: bool,
}

/// The members of the object that `body` is, in their order, equal keys included. The whole text is checked.
///
/// # Errors
/// Where the text is malformed or is not an object.
pub fn members(body: &[u8]) -> Result<Vec<Member<'_>>, Invalid> {
    let mut scanner = Scanner::new(body)?;
    let mut members: Vec<Member<'_>> = Vec::new();
    scanner.peek();
    let mut start = scanner.offset() + 1;
    scanner.object(|scanner, key| {
        let (_, value) = scanner.value()?;
        scanner.peek();
        let end = scanner.offset();
        members.push(Member {
            key: key.decode(),
            value,
            whole: Span { start, end },
            index: members.len(),
            is_last: false,
        });
        start = end + 1;
        Ok(())
    })?;
    scanner.end()?;
    if let Some(last) = members.last_mut() {
        last.is_last = true;
    }
    Ok(members)
}

/// The elements of the array that `body` is, in their order. The whole text is checked.
///
/// # Errors
/// Where the text is malformed or is not an array.
pub fn elements(body: &[u8]) -> Result<Vec<Span>, Invalid> {
    let mut scanner = Scanner::new(body)?;
    let mut elements = Vec::new();
    scanner.array(|scanner| {
        let (_, element) = scanner.value()?;
        elements.push(element);
        Ok(())
    })?;
    scanner.end()?;
    Ok(elements)
}
