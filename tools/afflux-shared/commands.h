// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The commands, each with its own command line: argv[0] is "afflux-shared COMMAND". They answer
// the exit status, or throw a failure.
#pragma once

namespace shared_command {

int create(int argc, char** argv);
int show(int argc, char** argv);
int list(int argc, char** argv);
int resize(int argc, char** argv);
int close(int argc, char** argv);
int remove(int argc, char** argv);
int run(int argc, char** argv);

}  // namespace shared_command
