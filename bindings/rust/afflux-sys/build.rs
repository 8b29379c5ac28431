// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finds the C library, or builds it (feature `vendored`).
//!
//! What the target is comes from CARGO_CFG_*: `cfg!` here would tell of the machine that builds.

use std::env;
use std::path::PathBuf;

fn main() {
    for name in ["AFFLUX_LIB_DIR", "AFFLUX_STATIC", "AFFLUX_VENDORED_SHARED", "DOCS_RS"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    println!("cargo:rerun-if-changed=build.rs");
    if env::var_os("DOCS_RS").is_some() {
        return; // nothing is linked
    }
    if cfg!(feature = "vendored") {
        vendored::build();
    } else if let Some(dir) = env::var_os("AFFLUX_LIB_DIR") {
        given(&PathBuf::from(dir));
    } else {
        system();
    }
}

/// A folder that the user names: for targets without pkg-config.
fn given(dir: &std::path::Path) {
    println!("cargo:rustc-link-search=native={}", dir.display());
    if is_set("AFFLUX_STATIC") {
        println!("cargo:rustc-link-lib=static=afflux");
        link_runtime();
    } else {
        println!("cargo:rustc-link-lib=dylib=afflux");
    }
}

/// pkg-config; AFFLUX_STATIC=1 asks for the static library.
fn system() {
    let found = pkg_config::Config::new()
        .atleast_version("0.1.0")
        .statik(is_set("AFFLUX_STATIC"))
        .probe("afflux");
    match found {
        Ok(library) => {
            for dir in &library.include_paths {
                println!("cargo:include={}", dir.display());
            }
        }
        Err(error) => {
            eprintln!("{error}\n");
            eprintln!(
                "The C library afflux was not found. Install it, and let PKG_CONFIG_PATH lead to \
                 afflux.pc; or name its folder by AFFLUX_LIB_DIR; or turn on the feature \
                 `vendored`, which builds it from source."
            );
            std::process::exit(1);
        }
    }
}

fn is_set(name: &str) -> bool {
    env::var(name).map_or(false, |value| !value.is_empty() && value != "0")
}

fn target(what: &str) -> String {
    env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default()
}

/// What the static library needs besides: the C++ runtime and the threads.
fn link_runtime() {
    let os = target("OS");
    if target("ENV") != "msvc" {
        let apple = target("VENDOR") == "apple";
        let llvm = apple || os == "freebsd" || os == "openbsd" || os == "android";
        println!("cargo:rustc-link-lib={}", if llvm { "c++" } else { "stdc++" });
    }
    match os.as_str() {
        "windows" => println!("cargo:rustc-link-lib=synchronization"),
        "macos" | "ios" | "android" => {}
        _ => println!("cargo:rustc-link-lib=pthread"),
    }
}

#[cfg(not(feature = "vendored"))]
mod vendored {
    pub fn build() {}
}

#[cfg(feature = "vendored")]
mod vendored {
    use super::{is_set, link_runtime, target};
    use std::path::{Path, PathBuf};
    use std::{env, fs};

    /// The strategies that are built in. LOCKFREE needs a library of its own and is left out:
    /// asking for it answers AFFLUX_ENOTSUP.
    const BUILT_IN: &str = r#"#pragma once
#include "queue/intrusive.h"
#include "queue/hybrid.h"
#include "queue/mutex.h"
#define AFFLUX_BUILT_IN \
  {AFFLUX_QUEUE_INTRUSIVE, make<queue::intrusive_queue>}, \
  {AFFLUX_QUEUE_HYBRID, make<queue::hybrid_queue>}, \
  {AFFLUX_QUEUE_MUTEX, make<queue::mutex_queue>},
"#;

    /// Whether a source belongs to the target; most belong to all. As src/meson.build has it.
    fn is_for(stem: &str, os: &str) -> bool {
        let linux = os == "linux" || os == "android";
        let windows = os == "windows";
        let kqueue = ["macos", "ios", "dragonfly", "freebsd", "netbsd"].contains(&os);
        match stem {
            "futex_linux" | "eventfd_linux" | "fork" | "make_linux" | "uring_kernel"
            | "uring_linux" => linux,
            "wait_on_address_windows" | "iocp_windows" | "make_windows" | "host_windows" => windows,
            "kqueue" | "make_kqueue" => kqueue,
            "make_posix" => !linux && !windows && !kqueue,
            "pipe_posix" | "host_posix" => !windows,
            "uring_absent" => !linux,
            _ => true,
        }
    }

    fn sources(dir: &Path, os: &str, found: &mut Vec<PathBuf>) {
        let mut entries: Vec<_> = fs::read_dir(dir)
            .unwrap_or_else(|e| panic!("{}: {e}", dir.display()))
            .map(|entry| entry.expect("readable folder").path())
            .collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                sources(&path, os, found);
            } else if path.extension().map_or(false, |x| x == "cpp") {
                let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
                if is_for(stem, os) {
                    found.push(path);
                }
            }
        }
    }

    pub fn build() {
        let os = target("OS");
        let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("vendor");
        let out = PathBuf::from(env::var_os("OUT_DIR").unwrap());
        let generated = out.join("generated");
        fs::create_dir_all(&generated).expect("OUT_DIR is writable");
        fs::write(generated.join("built_in.h"), BUILT_IN).expect("OUT_DIR is writable");
        println!("cargo:rerun-if-changed={}", root.display());

        let shared = is_set("AFFLUX_VENDORED_SHARED");
        let mut files = Vec::new();
        sources(&root.join("src"), &os, &mut files);
        sources(&root.join("capi"), &os, &mut files);

        let mut build = cc::Build::new();
        build.cpp(true).std("c++20").pic(true).warnings(false).cargo_metadata(false);
        build.include(root.join("include")).include(root.join("src")).include(root.join("capi"));
        build.include(&generated).define("AFFLUX_BUILDING", None).define("NDEBUG", None);
        build.define(
            match os.as_str() {
                "linux" | "android" => "AFFLUX_PARK_FUTEX",
                "windows" => "AFFLUX_PARK_WAIT_ON_ADDRESS",
                _ => "AFFLUX_PARK_GENERIC",
            },
            None,
        );
        if os == "windows" && !shared {
            build.define("AFFLUX_STATIC", None);
        } else if os != "windows" {
            build.flag("-fvisibility=hidden");
        }
        // A debug build of a program is no reason for a slow semaphore.
        if env::var("OPT_LEVEL").map_or(true, |level| level == "0") {
            build.opt_level(2);
        }
        build.files(&files).out_dir(&out);

        println!("cargo:include={}", root.join("include").display());
        println!("cargo:rustc-link-search=native={}", out.display());
        if shared {
            link_shared(&build, &out, &os);
        } else {
            build.compile("afflux");
            println!("cargo:rustc-link-lib=static=afflux");
            link_runtime();
        }
    }

    /// A shared library beside the program's build; who ships the program ships it, too.
    fn link_shared(build: &cc::Build, out: &Path, os: &str) {
        let (name, soname) = match os {
            "windows" => panic!("AFFLUX_VENDORED_SHARED is not for Windows"),
            "macos" | "ios" => ("libafflux.dylib", "-Wl,-install_name,@rpath/libafflux.dylib"),
            _ => ("libafflux.so", "-Wl,-soname,libafflux.so"),
        };
        let objects = build.compile_intermediates();
        let mut link = build.get_compiler().to_command();
        link.arg("-shared").arg(soname).arg("-o").arg(out.join(name)).args(objects);
        if os == "linux" {
            // Not to be unloaded: the timer's thread and the fork handlers stay.
            link.arg("-Wl,-z,nodelete");
        }
        if !(os == "macos" || os == "ios" || os == "android") {
            link.arg("-pthread");
        }
        let status = link.status().unwrap_or_else(|e| panic!("{link:?}: {e}"));
        assert!(status.success(), "{link:?}: {status}");
        println!("cargo:rustc-link-lib=dylib=afflux");
    }
}
