#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""libafflux-fleet exports exactly the functions of fleet.h, as the version script lists them; it and
fleet.hpp compile alone."""
import argparse
import re
import subprocess
import sys


def output_of(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--include', required=True)
    parser.add_argument('--map', required=True)
    parser.add_argument('--library', required=True)
    parser.add_argument('--cc', required=True)
    parser.add_argument('--cxx', required=True)
    a = parser.parse_args()
    header = a.include + '/afflux/fleet.h'
    with open(header, encoding='utf-8') as file:
        text = re.sub(r'/\*.*?\*/', '', file.read(), flags=re.S)
    text = re.sub(r'^\s*#.*$', '', text, flags=re.M)
    declared = set(re.findall(r'AFFLUX_FLEET_API\b[^;()]*?\b(\w+)\s*\(', text))
    with open(a.map, encoding='utf-8') as file:
        mapped = set(re.findall(r'\b(afflux_\w+)\s*;', re.sub(r'#.*', '', file.read())))
    exported = {line.split()[-1].partition('@')[0]
                for line in output_of('nm', '-D', '--defined-only', a.library).splitlines()
                if line.split()[-2] != 'A'}
    failed = False
    for what, names in (('version script', mapped), ('library', exported)):
        if names != declared:
            print(f'{what}: differs from fleet.h by {sorted(names ^ declared)}')
            failed = True
    strict = ['-fsyntax-only', '-pedantic-errors', '-Wall', '-Wextra', '-Wconversion', '-Wshadow',
              '-Werror', '-I' + a.include]
    for compiler, standard, language, name in (
            (a.cc, 'c99', 'c', 'fleet.h'), (a.cc, 'c11', 'c', 'fleet.h'),
            (a.cxx, 'c++20', 'c++', 'fleet.h'), (a.cxx, 'c++20', 'c++', 'fleet.hpp')):
        done = subprocess.run([*compiler.split(), *strict, '-std=' + standard, '-include',
                               f'{a.include}/afflux/{name}', '-x', language, '/dev/null'])
        failed = failed or done.returncode != 0
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
