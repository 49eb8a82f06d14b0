// The register tile: the second of the two places where the arithmetic of instruction sets differs.

/// The largest register tile of this instruction set, `rows × (vectors · 16)` elements of C.
///
/// Accumulators, one row of B and one broadcast element of A must fit the register file:
///
///     AVX-512   8 × 3   24 accumulators, 3 for B, 1 for A, of 32 zmm
///     AVX2      6 × 1   12 accumulators, 2 for B, 1 for A, of 16 ymm
///     NEON      6 × 1   24 accumulators, 4 for B, 1 for A, of 32 registers
///     SSE2      2 × 1    8 accumulators, 4 for B, 1 for A, of 16 xmm
///
/// `blockRows` are the most rows that are multiplied with a panel of B before the next panel: what
/// their k-blocks take of the second-level cache against how often B is read. `readsAhead`: whether a
/// strip of B is read before its first tile. The result depends on none of this: each element of C is
/// one chain over k.
enum TileShape {
  /// The most tiles of rows that convert weights of fewer bits for themselves, each in registers; more
  /// share what is widened once.
  static var convertingTiles: Int { @inline(__always) get { 4 } }

  #if TARN_AVX512
    static var rows: Int { @inline(__always) get { 8 } }
    static var vectors: Int { @inline(__always) get { 3 } }
    static var hasWideRow: Bool { @inline(__always) get { true } }
    static var blockRows: Int { @inline(__always) get { 256 } }
    static var readsAhead: Bool { @inline(__always) get { false } }

    /// Vectors of a tile of so many rows.
    @inline(__always)
    static func vectors(rows: Int) -> Int { 3 }
  #elseif TARN_AVX2 || arch(arm64)
    static var rows: Int { @inline(__always) get { 6 } }
    static var vectors: Int { @inline(__always) get { 1 } }
    static var hasWideRow: Bool { @inline(__always) get { true } }
    static var blockRows: Int { @inline(__always) get { 480 } }
    #if TARN_AVX2
      static var readsAhead: Bool { @inline(__always) get { true } }
    #else
      static var readsAhead: Bool { @inline(__always) get { false } }
    #endif

    /// Few rows take more columns, so that chains of multiply-adds hide their latency; 2 × 3 and 3 × 2
    /// would not fit sixteen registers.
    @inline(__always)
    static func vectors(rows: Int) -> Int { rows == 1 ? 3 : rows == 2 ? 2 : 1 }
  #else
    static var rows: Int { @inline(__always) get { 2 } }
    static var vectors: Int { @inline(__always) get { 1 } }
    static var hasWideRow: Bool { @inline(__always) get { false } }
    static var blockRows: Int { @inline(__always) get { 240 } }
    static var readsAhead: Bool { @inline(__always) get { false } }

    @inline(__always)
    static func vectors(rows: Int) -> Int { 1 }
  #endif
}

/// Calls the micro-kernel instantiated for the format of B and `rows × vectors`.
///
/// ## Safety
/// As ``Tile/multiply``. `1 ≤ rows ≤ TileShape.rows`, `1 ≤ vectors ≤ TileShape.vectors`.
@inline(__always)
func multiplyTile<Element: WeightElement>(
  _ element: Element.Type, rows: Int, vectors: Int, _ a: UnsafePointer<Float>, _ aStride: Int,
  _ b: UnsafeRawPointer, _ bStride: Int, _ bStep: Int, depth: Int,
  _ c: UnsafeMutablePointer<Float>, _ cStride: Int, adding: Bool
) {
  #if TARN_AVX512
    switch vectors &* 8 &+ rows {
    case 32: Tile<Element, 8, 3>.multiply(a, aStride, b, bStride, bStep, depth, c, cStride, adding)
    case 31: Tile<Element, 7, 3>.multiply(a, aStride, b, bStride, bStep, depth, c, cStride, adding)
    case 30: Tile<Element, 6, 3>.multiply(a, aStride, b, bStride, bStep, depth, c, cStride, adding)
    case 29: Tile<Element, 5, 3>.multiply(a, aStride, b, bStride, bStep, depth, c, cStride, adding)
    case 28: Tile<Element, 4, 3>.multiply(a, aStride, b, bStride, bStep, depth, c, cStride, adding)
    case 27: Tile<Element, 3, 3>.multiply(a, aStride, b, bStride, bStep, depth, c, cStride, adding)
    case 26: Tile<Element, 2, 3>.multiply(a, aStride, b, bStride, bStep, depth, c, cStride, adding)
    case 25: Tile<Element, 1, 3>.multiply(a, aStride, b, bStride, bStep, depth, c, cStride, adding)
    case 24: Tile<Element, 8, 2>.multiply(a, aStride, b, bStride, bStep, depth, c, cStride, adding)
    case 23: Tile<Element, 7, 2>.multiply(a, aStride, b, bStride, bStep, depth, c, cStride, adding)
    case 22: Tile<Element, 6, 2>.multiply(a, aStride, b, bStride, bStep, depth, c, cStride, adding)
    case 21: Tile<Element, 5, 2>.multiply(a, aStride, b, bStride, bStep, depth, c, cStride, adding)
    case 20: Tile<Element, 4, 2>.multiply(a, aStride, b, bStride, bStep, depth, c, cStride, adding)
    case 19: Tile<Element, 3, 2>.multiply(a, aStride, b, bStride, bStep, depth, c, cStride, adding)
    case 18: Tile<Element, 2, 2>.multiply(a, aStride, b, bStride, bStep, depth, c, cStride, adding)
    case 17: Tile<Element, 1, 2>.multiply(a, aStride, b, bStride, bStep, depth, c, cStride, adding)
    case 16: Tile<Element, 8, 1>.multiply(a, aStride, b, bStride, bStep, depth, c, cStride, adding)
    case 15: Tile<Element, 7, 1>.multiply(a, aStride, b, bStride, bStep, depth, c, cStride, adding)
    case 14: Tile<Element, 6, 1>.multiply(a, aStride, b, bStride, bStep, depth, c, cStride, adding)
    case 13: Tile<Element, 5, 1>.multiply(a, aStride, b, bStride, bStep, depth, c, cStride, adding)
    case 12: Tile<Element, 4, 1>.multiply(a, aStride, b, bStride, bStep, depth, c, cStride, adding)
    case 11: Tile<Element, 3, 1>.multiply(a, aStride, b, bStride, bStep, depth, c, cStride, adding)
    case 10: Tile<Element, 2, 1>.multiply(a, aStride, b, bStride, bStep, depth, c, cStride, adding)
    default: Tile<Element, 1, 1>.multiply(a, aStride, b, bStride, bStep, depth, c, cStride, adding)
    }
  #elseif TARN_AVX2 || arch(arm64)
    switch vectors &* 8 &+ rows {
    case 25: Tile<Element, 1, 3>.multiply(a, aStride, b, bStride, bStep, depth, c, cStride, adding)
    case 18: Tile<Element, 2, 2>.multiply(a, aStride, b, bStride, bStep, depth, c, cStride, adding)
    case 17: Tile<Element, 1, 2>.multiply(a, aStride, b, bStride, bStep, depth, c, cStride, adding)
    case 14: Tile<Element, 6, 1>.multiply(a, aStride, b, bStride, bStep, depth, c, cStride, adding)
    case 13: Tile<Element, 5, 1>.multiply(a, aStride, b, bStride, bStep, depth, c, cStride, adding)
    case 12: Tile<Element, 4, 1>.multiply(a, aStride, b, bStride, bStep, depth, c, cStride, adding)
    case 11: Tile<Element, 3, 1>.multiply(a, aStride, b, bStride, bStep, depth, c, cStride, adding)
    case 10: Tile<Element, 2, 1>.multiply(a, aStride, b, bStride, bStep, depth, c, cStride, adding)
    default: Tile<Element, 1, 1>.multiply(a, aStride, b, bStride, bStep, depth, c, cStride, adding)
    }
  #else
    switch rows {
    case 2: Tile<Element, 2, 1>.multiply(a, aStride, b, bStride, bStep, depth, c, cStride, adding)
    default: Tile<Element, 1, 1>.multiply(a, aStride, b, bStride, bStep, depth, c, cStride, adding)
    }
  #endif
}
