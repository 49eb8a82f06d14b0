// What BLAS calls level 1: vectors with a stride, in the kernels' order of sums.

internal import TarnKernelInterface

/// A vector with any stride in memory that the caller owns, to be read.
///
/// ## Safety
/// `count` elements must be readable, `stride` apart from `base` on.
@unsafe package struct StridedVector {
  package var base: UnsafePointer<Float>
  package var count: Int
  package var stride: Int

  package init(_ base: UnsafePointer<Float>, count: Int, stride: Int) {
    (unsafe self.base, unsafe self.count, unsafe self.stride) = unsafe (base, count, stride)
  }

  /// Elements that are copied at a time.
  static var part: Int { 1024 }

  /// Calls `body` with the elements from `first` on, `count` of them, without gaps.
  func withElements(
    _ first: Int, _ count: Int, on execution: Execution, _ body: (UnsafePointer<Float>) -> Void
  ) {
    let start = unsafe base + first * stride
    if unsafe stride == 1 {
      unsafe body(start)
      return
    }
    unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: StridedVector.part) {
      // SAFETY: a temporary allocation of more than zero elements has an address.
      guard let copy = $0.baseAddress else { return }
      let stride = unsafe stride
      unsafe execution.table.memory.copyStrided(
        StridedView(start, rows: 1, columns: count, rowStride: 0, columnStride: stride),
        MutableMatrixView(copy, rows: 1, columns: count, rowStride: count))
      unsafe body(copy)
    }
  }

  /// Calls `body` for the parts of the vector, in order; one part if it has no gaps.
  func forEachPart(
    gaps: Bool = false, on execution: Execution,
    _ body: (_ first: Int, _ count: Int, _ x: UnsafePointer<Float>) -> Void
  ) {
    let (length, step) = unsafe (count, stride == 1 && !gaps ? max(1, count) : StridedVector.part)
    for first in Swift.stride(from: 0, to: length, by: step) {
      let count = min(step, length - first)
      unsafe withElements(first, count, on: execution) { unsafe body(first, count, $0) }
    }
  }

  /// The result of a sum that `body` adds to part by part.
  private func sum(
    gaps: Bool = false, on execution: Execution,
    _ body: (Int, Int, UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void
  ) -> Float {
    var sums = [Float](repeating: 0, count: 64)
    return unsafe sums.withUnsafeMutableBufferPointer { sums in
      // SAFETY: an array of 64 elements has an address.
      guard let sums = sums.baseAddress else { return 0 }
      unsafe forEachPart(gaps: gaps, on: execution) { unsafe body($0, $1, $2, sums) }
      return unsafe execution.table.vectors.joined(sums)
    }
  }

  /// `Σ x[i]·y[i]`, in the order of sums over a row; 0 for no elements.
  package func innerProduct(_ y: StridedVector, on execution: Execution) -> Float {
    unsafe sum(gaps: y.stride != 1, on: execution) { first, count, x, sums in
      unsafe y.withElements(first, count, on: execution) { y in
        unsafe execution.table.vectors.addProducts(x, y, count, sums)
      }
    }
  }

  /// `Σ |x[i]|`, in the order of sums over a row.
  package func sumOfMagnitudes(on execution: Execution) -> Float {
    unsafe sum(on: execution) { _, count, x, sums in
      unsafe execution.table.vectors.addMagnitudes(x, count, sums)
    }
  }

  /// `√Σ x[i]²`, summed in Double: within 1 ulp, without overflow or underflow on the way.
  package func norm(on execution: Execution) -> Float {
    var sums = [Double](repeating: 0, count: 16)
    unsafe sums.withUnsafeMutableBufferPointer { sums in
      guard let sums = sums.baseAddress else { return }
      unsafe forEachPart(on: execution) { _, count, x in
        unsafe execution.table.vectors.addSquares(x, count, sums)
      }
    }
    var width = 8
    while width > 0 {
      for i in 0..<width { sums[i] += sums[i + width] }
      width /= 2
    }
    return Float(sums[0].squareRoot())
  }

  /// The first element of the largest magnitude, NaN left out; the first element if that is NaN.
  package func indexOfLargestMagnitude(on execution: Execution) -> Int {
    guard unsafe count > 0, unsafe !base.pointee.isNaN else { return 0 }
    let vectors = execution.table.vectors
    var largest: Float = -1
    var place = 0
    unsafe forEachPart(on: execution) { first, count, x in
      let m = unsafe vectors.largestMagnitude(x, count)
      if m > largest {
        let i = unsafe vectors.firstMagnitude(m, x, count)
        // A part of NaN alone has no element of its largest magnitude, 0.
        if i < count { (largest, place) = (m, first + i) }
      }
    }
    return place
  }

  /// `y = alpha·x + y`, one multiply-add an element.
  ///
  /// ## Safety
  /// `y` is writable like a vector of as many elements, and shares no element with this one.
  @unsafe package func add(
    _ alpha: Float, to y: UnsafeMutablePointer<Float>, stride yStride: Int, on execution: Execution
  ) {
    let kernels = execution.table
    nonisolated(unsafe) let (x, y) = unsafe (self, y)
    let isDense = unsafe stride == 1 && yStride == 1
    let step = unsafe isDense ? max(1, count) : StridedVector.part
    let length = unsafe count
    // SAFETY: ranges of elements are different ones.
    execution.forEachRange(length, grain: 1 << 15) { range in
      for first in Swift.stride(from: range.lowerBound, to: range.upperBound, by: step) {
        let count = min(step, range.upperBound - first)
        unsafe x.withElements(first, count, on: execution) { x in
          if yStride == 1 {
            unsafe kernels.vectors.addScaled(alpha, x, y + first, count)
          } else {
            unsafe kernels.matmul.combine(
              MatrixView(x, rows: 1, columns: count, rowStride: count), alpha, 1,
              MutableStridedView(
                y + first * yStride, rows: 1, columns: count, rowStride: 0, columnStride: yStride))
          }
        }
      }
    }
  }

  /// `x = alpha·x`.
  ///
  /// ## Safety
  /// `x` is writable for `count` elements that lie `stride` apart.
  @unsafe package static func scale(
    _ x: UnsafeMutablePointer<Float>, count: Int, stride: Int, by alpha: Float,
    on execution: Execution
  ) {
    nonisolated(unsafe) let x = unsafe x
    let kernels = execution.table.matmul
    let step = unsafe stride == 1 ? max(1, count) : StridedVector.part
    execution.forEachRange(count, grain: 1 << 15) { range in
      for first in Swift.stride(from: range.lowerBound, to: range.upperBound, by: step) {
        let count = min(step, range.upperBound - first)
        // SAFETY: the range lies in the vector; ranges are different elements.
        let part = unsafe StridedVector(x + first * stride, count: count, stride: stride)
        unsafe part.withElements(0, count, on: execution) { elements in
          unsafe kernels.combine(
            MatrixView(elements, rows: 1, columns: count, rowStride: count), alpha, 0,
            MutableStridedView(
              x + first * stride, rows: 1, columns: count, rowStride: 0, columnStride: stride))
        }
      }
    }
  }
}
