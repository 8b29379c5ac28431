// SPDX-License-Identifier: MIT OR Apache-2.0
//! The declarations against what a C compiler says of the headers: sizes, alignments, offsets,
//! constants, and that each function is there to be linked.
//!
//! Needs a C compiler (`CC`, or cc) and the headers: `AFFLUX_INCLUDE`, or pkg-config's, or those
//! that come with this crate.

use afflux_sys::*;
use std::fmt::Write as _;
use std::mem::{align_of, size_of, MaybeUninit};
use std::path::{Path, PathBuf};
use std::process::Command;

fn include_dir() -> PathBuf {
    if let Some(dir) = std::env::var_os("AFFLUX_INCLUDE") {
        return dir.into();
    }
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vendor/include")
}

/// What a C program prints.
fn ask_c(body: &str) -> String {
    let dir = std::env::temp_dir().join(format!("afflux-layout-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let (source, program) = (dir.join("ask.c"), dir.join("ask"));
    let text = format!(
        "#include <afflux/afflux.h>\n#include <stdalign.h>\n#include <stddef.h>\n\
         #include <stdio.h>\nint main(void) {{\n{body}return 0;\n}}\n"
    );
    std::fs::write(&source, text).unwrap();
    let cc = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let compiled = Command::new(&cc)
        .arg("-std=c11")
        .arg("-I")
        .arg(include_dir())
        .arg(&source)
        .arg("-o")
        .arg(&program)
        .output()
        .unwrap_or_else(|e| panic!("{cc}: {e}"));
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let out = Command::new(&program).output().unwrap();
    let _ = std::fs::remove_dir_all(&dir);
    assert!(out.status.success());
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn declarations_are_what_the_c_compiler_says() {
    let mut c = String::new();
    let mut ours = String::new();
    let mut functions = Vec::new();
    macro_rules! structure {
        ($name:ident: $($field:ident),*) => {{
            let name = stringify!($name);
            writeln!(c, "printf(\"{name} %zu %zu\\n\", sizeof({name}), alignof({name}));").unwrap();
            writeln!(ours, "{name} {} {}", size_of::<$name>(), align_of::<$name>()).unwrap();
            let x = MaybeUninit::<$name>::uninit();
            $({
                let field = stringify!($field);
                writeln!(c, "printf(\"{name}.{field} %zu\\n\", offsetof({name}, {field}));").unwrap();
                let at = unsafe { std::ptr::addr_of!((*x.as_ptr()).$field) } as usize;
                writeln!(ours, "{name}.{field} {}", at - x.as_ptr() as usize).unwrap();
            })*
        }};
    }
    macro_rules! constant {
        ($name:ident) => {{
            let name = stringify!($name);
            writeln!(c, "printf(\"{name} %lld\\n\", (long long){name});").unwrap();
            writeln!(ours, "{name} {}", $name as i128).unwrap();
        }};
    }
    macro_rules! function {
        ($name:ident) => {
            functions.push($name as *const ());
        };
    }
    include!("table.rs");
    let theirs = ask_c(&c);
    for (mine, c) in ours.lines().zip(theirs.lines()) {
        assert_eq!(mine, c, "Rust on the left, C on the right");
    }
    assert_eq!(ours.lines().count(), theirs.lines().count());
    assert!(ours.lines().count() > 250, "the table is not empty");
    assert!(functions.len() > 120 && functions.iter().all(|f| !f.is_null()));
}

#[test]
fn the_library_is_of_the_version_that_is_declared() {
    let version = unsafe { std::ffi::CStr::from_ptr(afflux_version_string()) };
    assert_eq!(version.to_str().unwrap(), env!("CARGO_PKG_VERSION"));
}
