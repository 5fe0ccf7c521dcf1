//! What is compared, and the two macros that [`super::table`] is written in.

/// A number of this crate and the C expression that must have the same value.
pub(super) struct Check {
    /// What the number belongs to, such as `domctl::MaxMem.max_memkb`.
    pub(super) item: String,
    pub(super) c: String,
    pub(super) rust: u64,
}

/// A field as Rust lays it out, under its C spelling.
pub(super) struct Field {
    pub(super) rust: &'static str,
    /// A C field, or `a..b` for everything from field `a` up to field `b`.
    pub(super) c: &'static str,
    pub(super) offset: usize,
    pub(super) size: usize,
}

/// Where the C structure ends that a Rust one stands for.
pub(super) enum End {
    /// They are the same.
    Whole,
    /// The Rust structure stops before this C field.
    Before(&'static str),
}

/// The size of the field that `_get` borrows.
pub(super) const fn field_size<T, F>(_get: fn(&T) -> &F) -> usize {
    size_of::<F>()
}

/// Checks of one structure: its size, its alignment and each of its fields.
pub(super) fn structure<T>(rust: &str, c: &str, end: &End, fields: &[Field]) -> Vec<Check> {
    let check = |item: String, c: String, rust: usize| Check { item, c, rust: rust as u64 };
    let mut checks = match end {
        End::Whole => vec![
            check(format!("size of {rust}"), format!("sizeof({c})"), size_of::<T>()),
            check(format!("alignment of {rust}"), format!("_Alignof({c})"), align_of::<T>()),
        ],
        End::Before(next) => {
            vec![check(format!("size of {rust}"), format!("offsetof({c}, {next})"), size_of::<T>())]
        }
    };
    for field in fields {
        let (start, size) = match field.c.split_once("..") {
            Some((a, b)) => (a, format!("offsetof({c}, {b}) - offsetof({c}, {a})")),
            None => (field.c, format!("sizeof((({c} *)0)->{})", field.c)),
        };
        let name = format!("{rust}.{}", field.rust);
        checks.push(check(
            format!("offset of {name}"),
            format!("offsetof({c}, {start})"),
            field.offset,
        ));
        checks.push(check(format!("size of {name}"), size, field.size));
    }
    checks
}

/// `path::Type = "C type" { field, field = "C field", field = "c_from..c_up_to" };`
/// and `path::Type = "C type" before "C field" { … };` for the head of a C structure.
macro_rules! structures {
    ($checks:ident: $($rust:ty = $c:literal $(before $next:literal)? {
        $($field:ident $(= $c_field:literal)?),* $(,)?
    };)*) => {$(
        $checks.extend($crate::check::structure::<$rust>(
            stringify!($rust),
            $c,
            &$crate::check::structures!(@end $($next)?),
            &[$($crate::check::Field {
                rust: stringify!($field),
                c: $crate::check::structures!(@name $field $($c_field)?),
                offset: std::mem::offset_of!($rust, $field),
                size: $crate::check::field_size(|s: &$rust| &s.$field),
            }),*],
        ));
    )*};
    (@end) => { $crate::check::End::Whole };
    (@end $next:literal) => { $crate::check::End::Before($next) };
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $c:literal) => { $c };
}

/// `path::CONSTANT = "C expression";`
macro_rules! constants {
    ($checks:ident: $($rust:path = $c:literal;)*) => {$(
        $checks.push($crate::check::Check {
            item: stringify!($rust).to_owned(),
            c: $c.to_owned(),
            rust: u64::try_from($rust).expect("constants of C interfaces are not negative"),
        });
    )*};
}

pub(super) use {constants, structures};
