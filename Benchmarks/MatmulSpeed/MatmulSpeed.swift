// One product, 512 × 768 × 768, by the kernels that lack fused multiply-add: as WebAssembly, where the host
// calls the exports and takes the time, and as a native program of one thread. `.ci/wasm-speed` runs both.

import TarnKernelInterface
import TarnKernels

/// The product that is timed.
enum Shape {
  static let rows = 512
  static let depth = 768
  static let columns = 768
}

/// Operands, result and workspace, one after another in memory that the caller owns.
struct Operands {
  private let base: UnsafeMutablePointer<Float>

  init(at base: UnsafeMutablePointer<Float>) { self.base = base }

  /// Floats that the caller must supply.
  static let count =
    Shape.rows * (Shape.depth + Shape.columns) + packedCount + Blocking.matmulWorkspace
  private static let packedCount = PackedView.elementCount(
    depth: Shape.depth, columns: Shape.columns)

  private var packed: UnsafeMutablePointer<Float> { base + Shape.rows * Shape.depth }
  private var result: UnsafeMutablePointer<Float> { packed + Self.packedCount }

  /// Fills A and the strips of B with multiples of 1/64 that follow no power of two.
  func fill() {
    for i in 0..<Shape.rows * Shape.depth { base[i] = Float(i % 101 - 50) / 64 }
    for i in 0..<Self.packedCount { packed[i] = Float(i % 97 - 48) / 64 }
  }

  /// C = A·B.
  func multiply() {
    let a = MatrixView(base, rows: Shape.rows, columns: Shape.depth, rowStride: Shape.depth)
    let b = PackedView(packed, depth: Shape.depth, columns: Shape.columns)
    let c = MutableMatrixView(
      result, rows: Shape.rows, columns: Shape.columns, rowStride: Shape.columns)
    kernelTable().matmul.multiply(
      a, b, 0..<b.panelCount, false, EpilogueView(), c, result + Shape.rows * Shape.columns)
  }

  /// FNV-1a over the bits of C: equal only if every element is.
  var hash: UInt32 {
    var hash: UInt32 = 0x811C_9DC5
    for i in 0..<Shape.rows * Shape.columns {
      hash = (hash ^ result[i].bitPattern) &* 0x0100_0193
    }
    return hash
  }
}

#if hasFeature(Embedded)
  @_expose(wasm, "byteCount")
  @_cdecl("byteCount")
  func byteCount() -> Int { Operands.count * 4 }

  @_expose(wasm, "fill")
  @_cdecl("fill")
  func fill(_ memory: UnsafeMutablePointer<Float>) { Operands(at: memory).fill() }

  @_expose(wasm, "multiply")
  @_cdecl("multiply")
  func multiply(_ memory: UnsafeMutablePointer<Float>) { Operands(at: memory).multiply() }

  @_expose(wasm, "hash")
  @_cdecl("hash")
  func hash(_ memory: UnsafeMutablePointer<Float>) -> UInt32 { Operands(at: memory).hash }
#else
  /// Prints the hash of the product and the seconds of the fastest of five.
  @main
  enum MatmulSpeed {
    static func main() {
      let memory = UnsafeMutablePointer<Float>.allocate(capacity: Operands.count)
      defer { memory.deallocate() }
      let operands = Operands(at: memory)
      operands.fill()
      let times = (0..<5).map { _ in ContinuousClock().measure(operands.multiply) }
      print(operands.hash, (times.min() ?? .zero) / .seconds(1))
    }
  }
#endif
