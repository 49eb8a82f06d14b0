// Row numbers by descending score.

import TarnKernelInterface

/// `order` = 0, 1, … `count - 1` by descending score, ties by ascending number, NaN last.
///
/// A radix sort, least significant byte first, of a key that rises as the score falls, with the
/// number below it. +0 and -0 tie. Digits that all keys share cost no pass; short lists are sorted
/// by insertion.
///
/// - Parameters:
///   - scores: `[count]`.
///   - count: below 2³¹.
///   - order: `[count]`.
///   - workspace: ``SoftTopKTape/rankWorkspace(_:)`` elements.
///
/// Exact. Cost: linear; one read of the scores and at most four passes over 8 bytes a score.
func rank(
  _ scores: UnsafePointer<Float>, count: Int, into order: UnsafeMutablePointer<Int32>,
  workspace: UnsafeMutablePointer<UInt64>
) {
  var source = workspace
  var target = workspace + count
  let counts = target + count
  for i in 0..<count {
    source[i] = UInt64(descendingKey(scores[i])) &<< 32 | UInt64(truncatingIfNeeded: i)
  }
  if count <= 32 {
    for i in 0..<count {
      let entry = source[i]
      var j = i
      while j > 0 && source[j &- 1] > entry {
        source[j] = source[j &- 1]
        j &-= 1
      }
      source[j] = entry
    }
  } else {
    for digit in 0..<1024 { counts[digit] = 0 }
    for i in 0..<count {
      let key = Int(truncatingIfNeeded: source[i] &>> 32)
      counts[key & 255] &+= 1
      counts[256 &+ (key &>> 8) & 255] &+= 1
      counts[512 &+ (key &>> 16) & 255] &+= 1
      counts[768 &+ key &>> 24] &+= 1
    }
    for pass in 0..<4 {
      let places = counts + 256 &* pass
      let shift = UInt64(truncatingIfNeeded: 32 &+ 8 &* pass)
      let first = Int(truncatingIfNeeded: (source[0] &>> shift) & 255)
      if places[first] == UInt64(truncatingIfNeeded: count) { continue }
      var place: UInt64 = 0
      for digit in 0..<256 {
        let next = place &+ places[digit]
        places[digit] = place
        place = next
      }
      for i in 0..<count {
        let entry = source[i]
        let digit = Int(truncatingIfNeeded: (entry &>> shift) & 255)
        target[Int(truncatingIfNeeded: places[digit])] = entry
        places[digit] &+= 1
      }
      (source, target) = (target, source)
    }
  }
  for i in 0..<count { order[i] = Int32(truncatingIfNeeded: source[i]) }
}

/// A number that rises as the score falls; one for both zeros, the largest for NaN.
@inline(__always)
private func descendingKey(_ score: Float) -> UInt32 {
  if score != score { return .max }
  let bits = (score + 0).bitPattern
  return bits & 0x8000_0000 == 0 ? ~(bits | 0x8000_0000) : bits
}
