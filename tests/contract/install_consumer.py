#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Installs the build into an empty folder and uses it as others would: a C and
a C++ program through pkg-config (shared and static), through CMake's
find_package, and with the project as a Meson subproject."""

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CONSUMER_C = """\
#include <afflux/afflux.h>
#include <stdio.h>

int main(void) {
  afflux_sem_options options;
  afflux_sem *sem = NULL;
  afflux_sem_options_init(&options);
  options.permits = 2;
  if (afflux_sem_create(&options, &sem) != AFFLUX_OK) return 1;
  if (afflux_sem_acquire(sem, 2, 0) != AFFLUX_OK) return 2;
  if (afflux_sem_try_acquire(sem, 1) != AFFLUX_EAGAIN) return 3;
  if (afflux_sem_release(sem, 2) != AFFLUX_OK) return 4;
  afflux_sem_unref(sem);
  puts(afflux_version_string());
  return 0;
}
"""

CONSUMER_CPP = """\
#include <afflux/afflux.hpp>
#include <cstdio>

int main() {
  std::puts(afflux_version_string());
  return 0;
}
"""

CMAKE_LISTS = """\
cmake_minimum_required(VERSION 3.16)
project(consumer C CXX)
set(CMAKE_CXX_STANDARD 20)
find_package(afflux {version} REQUIRED)
find_package(afflux 99 QUIET)
if(afflux_FOUND)
  message(FATAL_ERROR "version 99 found")
endif()
add_executable(consumer consumer.c)
target_link_libraries(consumer PRIVATE afflux::afflux)
add_executable(consumer_cpp consumer.cpp)
target_link_libraries(consumer_cpp PRIVATE afflux::afflux)
"""

MESON_BUILD = """\
project('consumer', ['c', 'cpp'], default_options: ['cpp_std=c++20'])
afflux = dependency('afflux', version: '>= {version}', fallback: 'afflux')
executable('consumer', 'consumer.c', dependencies: afflux)
executable('consumer_cpp', 'consumer.cpp', dependencies: afflux)
"""


def run(*command, cwd=None, env=None):
    print("+", shlex.join(map(str, command)), flush=True)
    done = subprocess.run(command, cwd=cwd, env=env, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        print(done.stdout)
        sys.exit(f"FAILED with {done.returncode}")
    return done.stdout.strip()


def expect_version(output, version):
    if output != version:
        sys.exit(f"FAILED: the program printed {output!r}, expected {version!r}")


def write_sources(folder):
    folder.mkdir(parents=True)
    (folder / "consumer.c").write_text(CONSUMER_C)
    (folder / "consumer.cpp").write_text(CONSUMER_CPP)


class Installed:
    """The package below `root`, which stands for '/'."""

    def __init__(self, root):
        pc = next(root.rglob("afflux.pc"))
        self.root = root
        self.libdir = pc.parent.parent
        self.prefix = next(root.rglob("include/afflux/afflux.h")).parent.parent.parent
        self.env = dict(os.environ, PKG_CONFIG_PATH=str(pc.parent),
                        LD_LIBRARY_PATH=str(self.libdir))
        self.pkg_config = ["pkg-config", f"--define-variable=prefix={self.prefix}"]
        self.version = run(*self.pkg_config, "--modversion", "afflux", env=self.env)

    def flags(self, *options):
        return shlex.split(run(*self.pkg_config, *options, "afflux", env=self.env))


def through_pkg_config(installed, work):
    write_sources(work)
    cc = shlex.split(os.environ.get("CC", "cc"))
    cxx = shlex.split(os.environ.get("CXX", "c++"))
    cflags = installed.flags("--cflags")
    builds = {
        "c": [*cc, "-std=c99", "consumer.c"],
        "cpp": [*cxx, "-std=c++20", "consumer.cpp"],
    }
    for language, command in builds.items():
        run(*command, *cflags, "-o", f"shared_{language}", *installed.flags("--libs"), cwd=work)
        output = run(work / f"shared_{language}", env=installed.env)
        expect_version(output, installed.version)
    archive = installed.libdir / "libafflux.a"
    if archive.exists():
        libs = [str(archive) if flag == "-lafflux" else flag
                for flag in installed.flags("--static", "--libs")]
        run(*builds["c"], *cflags, "-o", "static", *libs, cwd=work)
        expect_version(run(work / "static"), installed.version)


def through_cmake(installed, work):
    if shutil.which("cmake") is None:
        print("cmake is not installed: find_package is not tested")
        return
    write_sources(work)
    (work / "CMakeLists.txt").write_text(CMAKE_LISTS.format(version=installed.version))
    run("cmake", "-S", work, "-B", work / "build", "-G", "Ninja",
        f"-DCMAKE_PREFIX_PATH={installed.prefix}", f"-Dafflux_ROOT={installed.prefix}")
    run("cmake", "--build", work / "build")
    for name in ("consumer", "consumer_cpp"):
        output = run(work / "build" / name, env=installed.env)
        expect_version(output, installed.version)


def as_subproject(source, version, meson, work):
    write_sources(work)
    (work / "meson.build").write_text(MESON_BUILD.format(version=version))
    (work / "subprojects").mkdir()
    (work / "subprojects" / "afflux").symlink_to(source)
    # It is compiled all anew: without optimisation in half the time.
    run(*meson, "setup", "--force-fallback-for=afflux", "-Doptimization=0", "-Ddebug=false",
        work / "build", work)
    run("ninja", "-j1", "-C", work / "build", "consumer", "consumer_cpp")
    for name in ("consumer", "consumer_cpp"):
        expect_version(run(work / "build" / name), version)


def has_its_papers(installed):
    """What comes with the library beside code: licences, pages, rules, and a man page a call."""
    docs = installed.prefix / "share/doc/afflux"
    for name in ("LICENSE", "LICENSE-MIT", "LICENSE-APACHE", "README.md", "CHANGELOG.md",
                 "docs/afflux-alerts.yml", "docs/grafana-afflux.json", "docs/afflux.bt",
                 "docs/design.md"):
        if not (docs / name).is_file():
            sys.exit(f"FAILED: {docs / name} is not installed")
    declared = set()
    for header in installed.prefix.glob("include/afflux/*.h"):
        text = re.sub(r"/\*.*?\*/", "", header.read_text(encoding="utf-8"), flags=re.S)
        text = re.sub(r"^\s*#.*$", "", text, flags=re.M)
        declared |= set(re.findall(r"AFFLUX_API\b[^;()]*?\b(\w+)\s*\(", text))
    pages = {page.stem for page in installed.root.rglob("man3/*.3")}
    if declared != pages or not declared:
        sys.exit(f"FAILED: calls without a man page, or pages without a call: {declared ^ pages}")
    if not list(installed.root.rglob("man7/afflux.7")):
        sys.exit("FAILED: afflux(7) is not installed")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--meson", default="meson", help="the meson command")
    args = parser.parse_args()

    meson = shlex.split(args.meson)
    with tempfile.TemporaryDirectory(prefix="afflux-consumer-") as folder:
        work = Path(folder)
        root = work / "root"
        run(*meson, "install", "--no-rebuild", "--quiet", "-C", args.build, "--destdir", root)
        installed = Installed(root)
        has_its_papers(installed)
        through_pkg_config(installed, work / "pkg-config")
        through_cmake(installed, work / "cmake")
        as_subproject(args.source, installed.version, meson, work / "subproject")
    print("ok")


main()
