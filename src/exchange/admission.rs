//! What is decided about a request by its head.

/// What becomes of a request. `T` is what the server found out, and wants to know again when it serves it.
#[derive(Debug)]
pub enum Admission<T> {
    /// This whole answer is given at once. A body that has not come yet is not read; then the connection ends with
    /// it.
    Answer(Vec<u8>),
    /// It is served once its body is there.
    Serve(T),
}
