// SPDX-License-Identifier: MIT OR Apache-2.0

import Foundation
import Synchronization

/// An HTTP server on a port of its own of the loopback interface, with a thread for each connection.
final class Server: Sendable {
  private let listener: Int32
  private let port: UInt16
  private let atOnce: Int
  private let now = Atomic<Int>(0)
  private let most = Atomic<Int>(0)

  /// What a file holds: the same for the server and for the check.
  static func content(of file: Int) -> Data {
    var state = UInt64(file) &+ 1
    return Data(
      (0..<(10_000 + file * 37 % 90_000)).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(truncatingIfNeeded: state >> 56)
      })
  }

  /// Answers no more than `atOnce` requests at a time, others with status 429.
  init(atOnce: Int) throws {
    self.atOnce = atOnce
    #if canImport(Glibc)
      listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    #else
      listener = socket(AF_INET, SOCK_STREAM, 0)
    #endif
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let listener = listener
    let bound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, size) == 0 && listen(listener, 128) == 0
          && getsockname(listener, $0, &size) == 0
      }
    }
    guard listener >= 0, bound else { throw Failure("no socket: errno \(errno)") }
    port = UInt16(bigEndian: address.sin_port)
    Thread.detachNewThread { [self] in
      while true {
        let connection = accept(listener, nil, nil)
        if connection < 0 { continue }
        var noDelay: Int32 = 1
        setsockopt(connection, Int32(IPPROTO_TCP), TCP_NODELAY, &noDelay, 4)
        Thread.detachNewThread { [self] in
          while serve(connection) {}
          close(connection)
        }
      }
    }
  }

  func url(of file: Int) -> URL { URL(string: "http://127.0.0.1:\(port)/\(file)")! }

  /// The most requests that were answered at once.
  var peak: Int { most.load(ordering: .relaxed) }

  /// Answers one request; false: the client has closed the connection.
  private func serve(_ connection: Int32) -> Bool {
    guard let path = request(connection) else { return false }
    let n = now.add(1, ordering: .acquiringAndReleasing).newValue
    most.max(n, ordering: .relaxed)
    var status = "200 OK"
    var body = Data()
    if n > atOnce {
      status = "429 Too Many Requests"
    } else if let file = Int(path.dropFirst()) {
      body = Server.content(of: file)
    } else {
      status = "404 Not Found"
    }
    var answer = Data("HTTP/1.1 \(status)\r\nContent-Length: \(body.count)\r\n\r\n".utf8)
    answer.append(body)
    usleep(1_000)  // what a network would take
    // It ends with its last byte: the next request may come before this thread runs again.
    let sent = send(connection, answer.dropLast())
    now.subtract(1, ordering: .acquiringAndReleasing)
    return sent && send(connection, answer.suffix(1))
  }

  /// The path that is asked for.
  private func request(_ connection: Int32) -> Substring? {
    var text = ""
    var buffer = [UInt8](repeating: 0, count: 4096)
    while !text.hasSuffix("\r\n\r\n") {
      let n = recv(connection, &buffer, buffer.count, 0)
      if n <= 0 { return nil }
      text += String(decoding: buffer[..<n], as: UTF8.self)
    }
    let words = text.split(separator: " ")
    return words.count > 1 ? words[1] : nil
  }

  private func send(_ connection: Int32, _ data: Data) -> Bool {
    #if canImport(Glibc)
      let flags = Int32(MSG_NOSIGNAL)
    #else
      let flags: Int32 = 0
    #endif
    return data.withUnsafeBytes { bytes in
      var sent = 0
      while sent < bytes.count {
        let n = Foundation.send(connection, bytes.baseAddress! + sent, bytes.count - sent, flags)
        if n <= 0 { return false }
        sent += n
      }
      return true
    }
  }
}
