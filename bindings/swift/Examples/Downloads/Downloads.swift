// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Fetches many files from an HTTP server, a few at a time, and checks each. The server is a local one
// that it starts itself; it refuses what is above the bound, so that the example fails if the
// semaphore does.
//
//   swift run downloads --files 200 --at-once 8

import Afflux
import Foundation

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

struct Failure: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// Fetches one file when it is its turn, and tells how many bytes it has.
func fetch(
  _ file: Int, from server: Server, with session: URLSession, _ semaphore: AsyncSemaphore
) async throws -> Int {
  try await semaphore.withPermits(timeout: .seconds(60), tag: "file \(file)") {
    let (data, response) = try await session.data(from: server.url(of: file))
    let status = (response as! HTTPURLResponse).statusCode
    guard status == 200 else { throw Failure("file \(file): status \(status)") }
    guard data == Server.content(of: file) else { throw Failure("file \(file) is another one") }
    return data.count
  }
}

func number(of option: String, otherwise: Int) throws -> Int {
  let arguments = CommandLine.arguments
  guard let at = arguments.firstIndex(of: option) else { return otherwise }
  guard at + 1 < arguments.count, let n = Int(arguments[at + 1]), n > 0 else {
    throw Failure("\(option) takes a number above 0")
  }
  return n
}

@main
struct Downloads {
  static func main() async throws {
    let files = try number(of: "--files", otherwise: 200)
    let atOnce = try number(of: "--at-once", otherwise: 8)
    let server = try Server(atOnce: atOnce)
    let configuration = URLSessionConfiguration.ephemeral
    configuration.httpMaximumConnectionsPerHost = files  // the semaphore is the only bound
    let session = URLSession(configuration: configuration)
    let semaphore = try AsyncSemaphore(
      .init(permits: atOnce, name: "downloads", statistics: .full, ledger: atOnce))

    let clock = ContinuousClock()
    let begin = clock.now
    let bytes = try await withThrowingTaskGroup(of: Int.self) { group in
      for file in 0..<files {
        group.addTask { try await fetch(file, from: server, with: session, semaphore) }
      }
      var sum = 0
      for try await count in group { sum += count }
      return sum
    }
    let statistics = semaphore.statistics
    let waits = try semaphore.waitTimes()
    print(
      "\(files) files, \(bytes) bytes in \(clock.now - begin); "
        + "at most \(statistics.peakHeld) at once (the server saw \(server.peak))")
    print(
      "\(statistics.granted) waited, half of them up to \(waits.quantile(0.5)), "
        + "the longest \(waits.max)")
    guard statistics.peakHeld <= atOnce, statistics.held == 0, statistics.waiters == 0 else {
      throw Failure("the semaphore is not at rest: \(statistics)")
    }
  }
}
