// Reorders B for matmul. Touches pointers. Runs once for each weight, or inside a call for a block of
// an operand that is used once.

import TarnKernelInterface

/// Packs `b` (`depth × columns`, row-major) into strips; see ``PackedView``.
///
/// - Parameters:
///   - b: `[depth × columns]`.
///   - panels: the panels to write; the others stay untouched.
///   - packed: the packed form of all panels.
///
/// Cost: one read, one write.
///
/// ## Safety
/// `packed` writable for `PackedView.elementCount` elements, distinct from `b`.
func pack(_ b: MatrixView, panels: Range<Int>, _ packed: UnsafeMutablePointer<Float>) {
  let end = min(b.columns, panels.upperBound &* PackedView.panelWidth)
  var first = panels.lowerBound &* PackedView.panelWidth
  while first < end {
    let filled = min(16, b.columns &- first)
    var target = packed + first &* b.rows
    if filled == 16 {
      for k in 0..<b.rows {
        Lanes(b.row(k) + first).store(target)
        target += 16
      }
    } else {
      for k in 0..<b.rows {
        Lanes(b.row(k) + first, count: filled, fill: 0).store(target)
        target += 16
      }
    }
    first &+= 16
  }
}

/// Packs the transpose of `b` (`columns × depth`, row-major, as a linear layer stores it).
///
/// Blocks of 16 × 16 are transposed in registers. Parameters, cost and safety as
/// ``pack(_:panels:_:)``.
func packTransposed(_ b: MatrixView, panels: Range<Int>, _ packed: UnsafeMutablePointer<Float>) {
  let depth = b.columns
  let end = min(b.rows, panels.upperBound &* PackedView.panelWidth)
  var first = panels.lowerBound &* PackedView.panelWidth
  while first < end {
    let rows = min(16, b.rows &- first)
    let target = packed + first &* depth
    var k = 0
    while k &+ 16 <= depth {
      transposeBlock(b.row(first) + k, b.rowStride, rows: rows, into: target + 16 &* k, 16)
      k &+= 16
    }
    while k < depth {
      var column = Lanes.zero
      for i in 0..<rows { column[i] = b.row(first &+ i)[k] }
      column.store(target + 16 &* k)
      k &+= 1
    }
    first &+= 16
  }
}

/// Packs `b` (`depth × columns`, any strides).
///
/// Where neither stride is 1, elements go one by one. Parameters, cost and safety as
/// ``pack(_:panels:_:)``.
func packStrided(_ b: StridedView, panels: Range<Int>, _ packed: UnsafeMutablePointer<Float>) {
  if b.columnStride == 1 {
    pack(b.rowMajor, panels: panels, packed)
  } else if b.rowStride == 1 {
    packTransposed(b.transposed.rowMajor, panels: panels, packed)
  } else {
    let end = min(b.columns, panels.upperBound &* PackedView.panelWidth)
    var first = panels.lowerBound &* PackedView.panelWidth
    while first < end {
      let filled = min(16, b.columns &- first)
      var target = packed + first &* b.rows
      for k in 0..<b.rows {
        elements(b[k..<k &+ 1, first..<first &+ filled], from: 0, count: filled).store(target)
        target += 16
      }
      first &+= 16
    }
  }
}

/// Rounds packed strips to whole numbers of eight bits, each column by its own scale.
///
///     s[j] = max_k |b[k, j]| / 127
///     q[k, j] = b[k, j] / s[j], rounded to nearest, ties to even, at most ±127; 0 where s[j] is 0
///
/// - Parameters:
///   - strips: `depth × columns`, packed.
///   - depth: rows of the matrix.
///   - columns: columns of the matrix.
///   - target: as many bytes as there are elements.
///   - scales: `[columns]`, rounded up to a multiple of sixteen. NaN or ∞ for a column that holds one,
///     whose q have no meaning.
///
/// Each step is one rounding that all targets have. Cost: two reads of a strip, a division an element.
///
/// ## Safety
/// `strips` readable and `target` writable for `PackedView.elementCount` elements, `scales` for the
/// columns, rounded up; all distinct.
func quantize(
  _ strips: UnsafePointer<Float>, depth: Int, columns: Int, into target: UnsafeMutableRawPointer,
  scales: UnsafeMutablePointer<Float>
) {
  var first = 0
  while first < columns {
    let strip = strips + first &* depth
    var largest = Lanes.zero
    for k in 0..<depth {
      let bits = unsafeBitCast(Lanes(strip + 16 &* k), to: SIMD16<UInt32>.self)
      largest = largest.maximum(unsafeBitCast(bits & 0x7FFF_FFFF, to: Lanes.self))
    }
    let scale = largest / 127
    scale.store(scales + first)
    let divisor = scale.replacing(with: .infinity, where: scale .== 0)
    for k in 0..<depth {
      var x = Lanes(strip + 16 &* k) / divisor
      // A denormal scale is far from largest / 127.
      x.replace(with: 127, where: x .> 127)
      x.replace(with: -127, where: x .< -127)
      // Adding 1.5·2²³ leaves the nearest whole number in the low bits.
      let bits = unsafeBitCast(x + 0x1.8p23, to: SIMD16<Int32>.self)
      var bytes = SIMD16<Int8>()
      for i in 0..<16 { bytes[i] = Int8(truncatingIfNeeded: bits[i]) }
      (target + (first &* depth &+ 16 &* k)).storeBytes(of: bytes, as: SIMD16<Int8>.self)
    }
    first &+= 16
  }
}
