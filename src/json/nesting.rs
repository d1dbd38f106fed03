//! The stack of open objects and arrays: one bit per level.

/// A stack of "in an object" (true) and "in an array" (false). The first 64 levels cost nothing; deeper ones a
/// bit each.
#[derive(Debug, Default)]
pub struct Nesting {
    depth: usize,
    /// The innermost levels, the very innermost in the lowest bit.
    near: u64,
    /// Full words of the levels further out.
    far: Vec<u64>,
}

impl Nesting {
    pub fn push(&mut self, is_object: bool) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.far.push(self.near);
        }
        self.near = self.near << 1 | u64::from(is_object);
        self.depth += 1;
    }

    pub fn depth(&self) -> usize {
        self.depth
    }

    /// The innermost level; `None` outside of everything.
    pub fn top(&self) -> Option<bool> {
        (self.depth > 0).then_some(self.near & 1 == 1)
    }

    pub fn pop(&mut self) {
        self.near >>= 1;
        self.depth = self.depth.saturating_sub(1);
        if self.depth.is_multiple_of(64)
            && let Some(outer) = self.far.pop()
        {
            self.near = outer;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_stack(steps in prop::collection::vec(prop::option::weighted(0.6, any::<bool>()), 0..500)) {
            let mut nesting = Nesting::default();
            let mut model = Vec::new();
            for step in steps {
                match step {
                    Some(is_object) => {
                        nesting.push(is_object);
                        model.push(is_object);
                    }
                    None if !model.is_empty() => {
                        nesting.pop();
                        model.pop();
                    }
                    None => {}
                }
                prop_assert_eq!(nesting.top(), model.last().copied());
            }
        }
    }
}
