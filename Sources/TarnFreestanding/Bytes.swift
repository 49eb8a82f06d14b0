// Copies, fills and comparisons of bytes: the bodies of memcpy and its relatives, for targets whose only C
// library is this module.
//
// The module is compiled without LLVM's loop idioms (Package.swift), which would make of each of these
// loops a call of the function that it is the body of.
//
// Words are stored where they are aligned, since some targets know no other store; loads come from where
// they come from. A processor with vectors does several words at once.

/// Copies `count` bytes; the ranges may overlap.
///
/// ## Safety
/// - `count` bytes are readable at `source` and writable at `destination`.
@inline(__always)
@unsafe
package func moveBytes(
  from source: UnsafeRawPointer, to destination: UnsafeMutableRawPointer, count: Int
) {
  #if arch(wasm32)
    // One instruction, memory.copy.
    unsafe destination.copyMemory(from: source, byteCount: count)
  #else
    // Wraps around where the destination lies below, which is then far enough too.
    let distance = UInt(bitPattern: destination) &- UInt(bitPattern: source)
    if distance >= UInt(bitPattern: count) {
      unsafe copyBytes(from: source, to: destination, count: count)
      return
    }
    var i = count
    // SAFETY: i goes down from count to 0, and what is copied ends at it.
    if count >= 4 &* word && distance % UInt(word) == 0 {
      while unsafe !isAligned(source + i) {
        i &-= 1
        unsafe copy(UInt8.self, at: i, from: source, to: destination)
      }
      while i >= word {
        i &-= word
        unsafe copy(UInt.self, at: i, from: source, to: destination)
      }
    }
    while i > 0 {
      i &-= 1
      unsafe copy(UInt8.self, at: i, from: source, to: destination)
    }
  #endif
}

/// Copies `count` bytes, the first one first.
///
/// ## Safety
/// - `count` bytes are readable at `source` and writable at `destination`.
/// - `destination` does not lie inside the source.
@inline(__always)
@unsafe
package func copyBytes(
  from source: UnsafeRawPointer, to destination: UnsafeMutableRawPointer, count: Int
) {
  #if arch(wasm32)
    unsafe destination.copyMemory(from: source, byteCount: count)
  #else
    var i = 0
    // SAFETY: i goes up from 0 to count, and what is copied ends at count or before.
    if count >= 4 &* word {
      while unsafe !isAligned(destination + i) {
        unsafe copy(UInt8.self, at: i, from: source, to: destination)
        i &+= 1
      }
      // Two loops: an aligned load is one instruction everywhere.
      if unsafe isAligned(source + i) {
        while i &+ word <= count {
          unsafe copy(UInt.self, at: i, from: source, to: destination)
          i &+= word
        }
      } else {
        while i &+ word <= count {
          let value = unsafe source.loadUnaligned(fromByteOffset: i, as: UInt.self)
          unsafe (destination + i).assumingMemoryBound(to: UInt.self).pointee = value
          i &+= word
        }
      }
    }
    while i < count {
      unsafe copy(UInt8.self, at: i, from: source, to: destination)
      i &+= 1
    }
  #endif
}

/// Stores `value` to `count` bytes.
///
/// ## Safety
/// - `count` bytes are writable at `destination`.
@inline(__always)
@unsafe
package func fillBytes(_ destination: UnsafeMutableRawPointer, with value: UInt8, count: Int) {
  var i = 0
  // SAFETY: i goes up from 0 to count, and what is stored ends at count or before.
  if count >= 4 &* word {
    while unsafe !isAligned(destination + i) {
      unsafe (destination + i).assumingMemoryBound(to: UInt8.self).pointee = value
      i &+= 1
    }
    let values = UInt(value) &* (UInt.max / 255)
    while i &+ word <= count {
      unsafe (destination + i).assumingMemoryBound(to: UInt.self).pointee = values
      i &+= word
    }
  }
  while i < count {
    unsafe (destination + i).assumingMemoryBound(to: UInt8.self).pointee = value
    i &+= 1
  }
}

/// The difference of the first two bytes that differ, 0 where none do.
///
/// ## Safety
/// - `count` bytes are readable at `a` and at `b`.
@inline(__always)
@unsafe
package func compareBytes(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, count: Int) -> Int32 {
  var i = 0
  // SAFETY: i goes up from 0 to count, and what is loaded ends at count or before.
  while i &+ word <= count,
    unsafe a.loadUnaligned(fromByteOffset: i, as: UInt.self)
      == b.loadUnaligned(fromByteOffset: i, as: UInt.self)
  {
    i &+= word
  }
  while i < count {
    let difference =
      unsafe Int32(a.load(fromByteOffset: i, as: UInt8.self))
      &- Int32(b.load(fromByteOffset: i, as: UInt8.self))
    if difference != 0 { return difference }
    i &+= 1
  }
  return 0
}

/// Copies the `T` at offset `i`.
///
/// ## Safety
/// - At `i` both ranges hold a `T`, aligned as its type wants it.
@inline(__always)
@unsafe
private func copy<T: BitwiseCopyable>(
  _ type: T.Type, at i: Int, from source: UnsafeRawPointer, to destination: UnsafeMutableRawPointer
) {
  unsafe (destination + i).assumingMemoryBound(to: T.self).pointee =
    source.load(fromByteOffset: i, as: T.self)
}

@inline(__always)
private func isAligned(_ address: UnsafeRawPointer) -> Bool {
  UInt(bitPattern: address) % UInt(word) == 0
}

/// Bytes of a register.
@inline(__always)
private var word: Int { MemoryLayout<UInt>.size }
