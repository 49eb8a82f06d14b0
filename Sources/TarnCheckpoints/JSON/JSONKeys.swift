/// Keys of one object, found by their decoded bytes.
///
/// An open-addressing table of places in the text; 0 marks a free slot, as a key stands behind a
/// brace. The hash is Swift's, whose seed a file cannot know.
struct JSONKeyTable: Sendable {
  private var slots: [UInt32] = []
  private var count = 0

  /// No key, and room for `count`: half of the slots stays free.
  init(count: Int) {
    reset(count: count)
  }

  /// Forgets all keys and makes room for `count`.
  mutating func reset(count: Int) {
    let size = 2 * count + 1
    if size > slots.count {
      slots = [UInt32](repeating: 0, count: size)
    } else {
      for slot in 0..<size { slots[slot] = 0 }
    }
    self.count = size
  }

  /// Adds the key at an offset, unless an equal one is there.
  ///
  /// - Returns: Whether it was added.
  mutating func insert(_ offset: Int, in bytes: [UInt8]) -> Bool {
    guard let key = JSONText(bytes, at: offset).utf8 else { return false }
    let slot = slot(of: key, in: bytes)
    guard slots[slot] == 0 else { return false }
    slots[slot] = UInt32(truncatingIfNeeded: offset)
    return true
  }

  /// The place of a key.
  func offset(of key: some Sequence<UInt8>, in bytes: [UInt8]) -> Int? {
    let offset = slots[slot(of: key, in: bytes)]
    return offset == 0 ? nil : Int(offset)
  }

  /// The slot that holds a key, or the free one where it belongs.
  private func slot(of key: some Sequence<UInt8>, in bytes: [UInt8]) -> Int {
    var hasher = Hasher()
    for byte in key { hasher.combine(byte) }
    let hash = UInt64(truncatingIfNeeded: hasher.finalize())
    var slot = Int(truncatingIfNeeded: hash.multipliedFullWidth(by: UInt64(count)).high)
    while slots[slot] != 0 {
      let other = JSONText(bytes, at: Int(slots[slot])).utf8
      if other?.elementsEqual(key) == true { return slot }
      slot = slot + 1 == count ? 0 : slot + 1
    }
    return slot
  }
}

/// The keys of the objects that are open while a text is checked.
struct JSONOpenKeys {
  private var offsets: [UInt32] = []
  private var table = JSONKeyTable(count: 8)

  /// Begins an object, inside of those that are open; ``close(from:in:)`` takes what it returns.
  func open() -> Int { offsets.count }

  /// Adds a key to the innermost object.
  mutating func append(_ offset: Int) {
    offsets.append(UInt32(truncatingIfNeeded: offset))
  }

  /// Ends the innermost object.
  ///
  /// - Returns: The place of the first key that is there before, nil if all differ.
  mutating func close(from first: Int, in bytes: [UInt8]) -> Int? {
    defer { offsets.removeSubrange(first...) }
    guard offsets.count - first > 1 else { return nil }
    table.reset(count: offsets.count - first)
    for place in first..<offsets.count where !table.insert(Int(offsets[place]), in: bytes) {
      return Int(offsets[place])
    }
    return nil
  }
}
