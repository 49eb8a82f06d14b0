// How far a command has come, for somebody who waits at a terminal.

/// A line on standard error that is written over; shown when the work lasts over a second.
struct Progress {
  /// Whether somebody is watching.
  let isShown: Bool
  private let start = ContinuousClock.now
  private var last = ContinuousClock.now
  private var texts = 0
  private var isOnScreen = false

  init(isShown: Bool) {
    self.isShown = isShown && Output.isTerminal(2)
  }

  /// Counts texts and says so, at most four times a second.
  mutating func advance(by count: Int) {
    texts += count
    show("\(texts) texts")
  }

  /// Says something and the seconds, at most four times a second.
  mutating func show(_ text: String) {
    let now = ContinuousClock.now
    guard isShown, now - start > .seconds(1), now - last > .milliseconds(250) else { return }
    last = now
    let seconds = (now - start).components.seconds
    Output.flush()
    Output.status("\r\u{1B}[K\(text), \(seconds) s")
    isOnScreen = true
  }

  /// Takes the line away before something else is written.
  mutating func clear() {
    guard isOnScreen else { return }
    Output.status("\r\u{1B}[K")
    isOnScreen = false
  }
}
