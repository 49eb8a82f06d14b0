/// Sixteen bits for each code point, in blocks of 256 code points; equal blocks of one value are
/// stored once.
struct BlockTable: Sendable {
  private static let blockSize: UInt32 = 256
  private static let blockCount = 0x110000 / 256

  /// For each block of code points, where its values start in `values`.
  private var starts = [Int32](repeating: 0, count: blockCount)
  private var values = [UInt16](repeating: 0, count: Int(blockSize))
  /// Blocks that hold one value throughout and may stand for many: value to start.
  private var uniform: [UInt16: Int32] = [0: 0]

  /// The value of `value`, 0 above U+10FFFF.
  @inline(__always)
  subscript(value: UInt32) -> UInt16 {
    let block = Int(value >> 8)
    guard block < starts.count else { return 0 }
    return values[Int(starts[block]) + Int(value & 0xFF)]
  }

  /// Sets `bits` for all code points from `first` through `last`.
  mutating func insert(_ bits: UInt16, from first: UInt32, through last: UInt32) {
    var start = first
    while start <= last {
      let blockEnd = start | 0xFF
      let end = min(last, blockEnd)
      insert(bits, block: Int(start >> 8), from: Int(start & 0xFF), through: Int(end & 0xFF))
      start = end + 1
    }
  }

  private mutating func insert(_ bits: UInt16, block: Int, from first: Int, through last: Int) {
    var start = Int(starts[block])
    let shared = values[start]
    if uniform[shared] == starts[block] {
      let isWhole = first == 0 && last == 255
      if isWhole, let other = uniform[shared | bits] {
        starts[block] = other
        return
      }
      start = values.count
      starts[block] = Int32(truncatingIfNeeded: start)
      values += repeatElement(shared, count: 256)
      if isWhole { uniform[shared | bits] = starts[block] }
    }
    for index in start + first...start + last { values[index] |= bits }
  }
}

/// Up to four scalars, held in place: as many as a canonical decomposition has at most.
struct ScalarSequence: Sendable {
  private var scalars = SIMD4<UInt32>()
  private(set) var count = 0

  init(_ scalars: some Sequence<UInt32> = EmptyCollection()) {
    for scalar in scalars { append(scalar) }
  }

  subscript(index: Int) -> UInt32 { scalars[index] }

  mutating func append(_ scalar: UInt32) {
    scalars[count] = scalar
    count += 1
  }
}

/// Sequences of scalars for some scalars, found by binary search.
struct ScalarMap: Sendable {
  private var keys: [UInt32] = []
  private var sequences: [ScalarSequence] = []

  /// Adds a scalar, which must be greater than all before it.
  mutating func append(_ key: UInt32, _ sequence: ScalarSequence) {
    keys.append(key)
    sequences.append(sequence)
  }

  /// The sequence of `key`; empty where there is none.
  func values(of key: UInt32) -> ScalarSequence {
    var low = 0
    var high = keys.count
    while low < high {
      let middle = (low + high) / 2
      if keys[middle] < key { low = middle + 1 } else { high = middle }
    }
    guard low < keys.count, keys[low] == key else { return ScalarSequence() }
    return sequences[low]
  }
}
