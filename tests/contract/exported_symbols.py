#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The shared library exports exactly the functions of afflux.h, under the SONAME
of its major version, and the version script lists exactly those."""

import argparse
import re
import subprocess
import sys


def declared(header):
    text = re.sub(r"/\*.*?\*/", "", open(header, encoding="utf-8").read(), flags=re.S)
    text = re.sub(r"^\s*#.*$", "", text, flags=re.M)
    return set(re.findall(r"AFFLUX_API\b[^;()]*?\b(\w+)\s*\(", text))


def mapped(version_script):
    text = re.sub(r"#.*", "", open(version_script, encoding="utf-8").read())
    return set(re.findall(r"\b(afflux_\w+)\s*;", text))


def exported(library):
    output = subprocess.run(["nm", "-D", "--defined-only", library], check=True,
                            stdout=subprocess.PIPE, text=True).stdout
    names = set()
    for line in output.splitlines():
        _, kind, name = line.split()[-3:]
        name, _, version = name.partition("@")
        if kind != "A":  # 'A' is the version node itself
            names.add(name)
            if not version.lstrip("@").startswith("AFFLUX_"):
                print(f"{name}: exported without a version")
    return names


def soname(library):
    output = subprocess.run(["readelf", "-d", library], check=True,
                            stdout=subprocess.PIPE, text=True).stdout
    match = re.search(r"\(SONAME\).*\[(.*)\]", output)
    return match.group(1) if match else None


def compare(what, names, reference):
    for name in sorted(names - reference):
        print(f"{what}: {name} is not declared in the header")
    for name in sorted(reference - names):
        print(f"{what}: {name} is missing")
    return names == reference


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ("--header", "--map", "--library", "--soname"):
        parser.add_argument(option, required=True)
    args = parser.parse_args()

    reference = declared(args.header)
    if not reference:
        sys.exit(f"{args.header}: no declarations found")
    same = compare("version script", mapped(args.map), reference)
    same = compare("shared library", exported(args.library), reference) and same
    if soname(args.library) != args.soname:
        print(f"SONAME is {soname(args.library)}, not {args.soname}")
        same = False
    print(f"{len(reference)} functions declared")
    sys.exit(0 if same else 1)


main()
