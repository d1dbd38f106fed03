//! Values that are one of a few words.

/// An enumeration whose values have names in the configuration.
pub trait Word: Copy + Default + 'static {
    /// The name of each value.
    const NAMES: &'static [&'static str];

    /// The value of this name, or of another spelling of it.
    fn of_name(name: &str) -> Option<Self>;

    fn name(self) -> &'static str;
}

/// Declares such an enumeration; after `|` are other spellings of a name.
macro_rules! words {
    (
        $(#[$outer:meta])* pub enum $enum:ident {
            $($(#[$inner:meta])* $value:ident = $name:literal $(| $other:literal)*,)*
        }
    ) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub enum $enum {
            $($(#[$inner])* $value,)*
        }

        impl $crate::config::word::Word for $enum {
            const NAMES: &'static [&'static str] = &[$($name),*];

            fn of_name(name: &str) -> Option<Self> {
                match name {
                    $($name $(| $other)* => Some(Self::$value),)*
                    _ => None,
                }
            }

            fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $name,)*
                }
            }
        }
    };
}
pub(super) use words;

/// As in `a, b or c`.
pub fn one_of(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [name] => (*name).to_owned(),
        [names @ .., last] => format!("{} or {last}", names.join(", ")),
    }
}
