// SPDX-License-Identifier: MIT OR Apache-2.0
//! The C API of [Afflux](https://crates.io/crates/afflux), as it is: declarations, and nothing
//! else. The crate `afflux` makes a safe API of it.
//!
//! `include/afflux/afflux.h` is the manual; the comments here are its own. Structs that begin with
//! `struct_size` are filled by their initialiser:
//!
//! ```
//! use afflux_sys::*;
//! use std::mem::MaybeUninit;
//!
//! unsafe {
//!     let mut options = MaybeUninit::<afflux_sem_options>::zeroed();
//!     assert_eq!(afflux_sem_options_init(options.as_mut_ptr()), AFFLUX_OK);
//!     let mut options = options.assume_init();
//!     options.permits = 2;
//!     let mut sem = std::ptr::null_mut();
//!     assert_eq!(afflux_sem_create(&options, &mut sem), AFFLUX_OK);
//!     assert_eq!(afflux_sem_try_acquire(sem, 2), AFFLUX_OK);
//!     assert_eq!(afflux_sem_try_acquire(sem, 1), AFFLUX_EAGAIN);
//!     assert_eq!(afflux_sem_release(sem, 2), AFFLUX_OK);
//!     afflux_sem_unref(sem);
//! }
//! ```
//!
//! # How the library is found
//!
//! By pkg-config, unless the feature `vendored` is on or `AFFLUX_LIB_DIR` names a folder.
//!
//! | | |
//! |---|---|
//! | feature `vendored` | builds the C++ sources that come with this crate, even where the system has a copy; needs a C++20 compiler. Static; with `AFFLUX_VENDORED_SHARED=1` shared |
//! | `AFFLUX_STATIC=1` | links the static library that pkg-config, or `AFFLUX_LIB_DIR`, leads to |
//! | `AFFLUX_LIB_DIR` | the folder of the library, where there is no pkg-config |
#![allow(non_camel_case_types)]

#[rustfmt::skip]
mod ffi;
pub use ffi::*;
