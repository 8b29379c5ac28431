// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The coroutine of one client.
#pragma once

namespace uring_server {

class worker;

// Answers the client's requests, one after the other, until it or the server wants to end; calls
// worker::end_client() then. False: no memory to begin.
bool serve_client(worker& owner, int fd);

}  // namespace uring_server
