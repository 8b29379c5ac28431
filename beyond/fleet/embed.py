#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Writes a Lua script as a C++ header, without its comments, with its SHA-1, by which Redis calls it."""
import hashlib
import sys

source, target = sys.argv[1:]
with open(source, encoding='ascii') as file:
    lines = [line.strip() for line in file]
text = '\n'.join(line for line in lines if line and not line.startswith('--'))
with open(target, 'w', encoding='ascii') as file:
    file.write('// Made by embed.py.\n#pragma once\n\n'
               'namespace afflux::fleet {\n\n'
               f'inline constexpr char kScript[] = R"lua({text})lua";\n'
               f'inline constexpr char kScriptSha1[] = "{hashlib.sha1(text.encode()).hexdigest()}";\n\n'
               '}  // namespace afflux::fleet\n')
