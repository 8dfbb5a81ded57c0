//! Runs a test that feeds a target with damaged inputs under libFuzzer, which keeps the inputs that reach new code.
//!
//! `cargo xtask fuzz --coverage` compiles the tests with `--cfg guided` and counters in every branch (`rustc.sh`). Then their
//! function `survives` is the one of this crate. Nothing else uses it, and it is the only crate here with unsafe code.

use std::cell::Cell;
use std::ffi::{CString, c_char, c_int};
use std::{env, fs, process, ptr};

/// The function of a test that is called with inputs.
type Target = &'static dyn Fn(&[u8]);

thread_local! {
    static TARGET: Cell<Option<Target>> = const { Cell::new(None) };
}

type OneInput = unsafe extern "C" fn(*const u8, usize) -> c_int;

unsafe extern "C" {
    fn LLVMFuzzerRunDriver(
        argc: *mut c_int,
        argv: *mut *mut *mut c_char,
        one_input: OneInput,
    ) -> c_int;
}

unsafe extern "C" fn one_input(bytes: *const u8, len: usize) -> c_int {
    let bytes: &[u8] = match len {
        0 => &[],
        // SAFETY: libFuzzer passes the address and the length of its input.
        _ => unsafe { std::slice::from_raw_parts(bytes, len) },
    };
    rust_fuzzer_test_input(bytes)
}

/// Calls the target of this thread; the crate `libfuzzer_sys` expects this name.
// SAFETY: no other crate defines it, since none uses the macro `fuzz_target`.
#[unsafe(no_mangle)]
pub fn rust_fuzzer_test_input(bytes: &[u8]) -> i32 {
    let target = TARGET.get().expect("`survives` has set the target");
    target(bytes);
    0
}

/// Starts libFuzzer with the sound inputs, and ends the process when it is done. `FUZZ_ARGUMENTS` has its options, one in a line,
/// and then the directories of the corpus; the first is where inputs are kept.
///
/// # Panics
///
/// If the corpus cannot be written.
pub fn survives(_name: &str, sound: &[Vec<u8>], target: impl Fn(&[u8])) {
    let arguments = env::var("FUZZ_ARGUMENTS").expect("`cargo xtask fuzz` sets the arguments");
    let corpus = arguments.lines().find(|line| !line.starts_with('-'));
    let corpus = corpus.expect("the arguments name a directory");
    fs::create_dir_all(corpus).expect("the corpus can be created");
    for (number, input) in sound.iter().enumerate() {
        fs::write(format!("{corpus}/sound-{number}"), input).expect("the corpus can be written");
    }
    let target: &dyn Fn(&[u8]) = &target;
    // SAFETY: the process ends before this function does.
    TARGET.set(Some(unsafe {
        std::mem::transmute::<&dyn Fn(&[u8]), Target>(target)
    }));
    // A panic ends the process, so that libFuzzer saves the input.
    libfuzzer_sys::initialize(ptr::null(), ptr::null());
    process::exit(run(&arguments));
}

/// Calls the target with texts.
pub fn survives_texts(name: &str, sound: &[&str], target: impl Fn(&str)) {
    let sound: Vec<Vec<u8>> = sound.iter().map(|text| text.as_bytes().to_vec()).collect();
    survives(name, &sound, |bytes| {
        target(&String::from_utf8_lossy(bytes));
    });
}

fn run(arguments: &str) -> c_int {
    let words = ["guided"].into_iter().chain(arguments.lines());
    let words = words.map(|word| CString::new(word).expect("a line has no zero byte"));
    let mut words: Vec<*mut c_char> = words.map(CString::into_raw).collect();
    let mut count = c_int::try_from(words.len()).expect("the arguments are few");
    words.push(ptr::null_mut());
    let mut start = words.as_mut_ptr();
    // SAFETY: the arguments end with a null pointer and are never freed, as those of a program.
    unsafe { LLVMFuzzerRunDriver(&raw mut count, &raw mut start, one_input) }
}
