// Weights in the order, and in the format, in which matmul reads them.

public import TarnKernelInterface

/// A weight matrix `depth × columns` in the order in which matmul reads it.
///
/// Strips of sixteen columns; one order for all instruction sets and formats. Docs: Matmul, Weights.
public struct PackedMatrix: Sendable {
  /// Rows of the matrix before packing: the length of the sums.
  public let depth: Int
  /// Columns of the matrix, and of the result.
  public let columns: Int
  /// How elements are held.
  public let format: WeightFormat

  /// The strips, as words of four bytes.
  private let words: Matrix
  /// A factor for each column of the strips, padding included; empty for a format without.
  private let scales: Matrix

  /// Packs `matrix`, `[depth × columns]` row-major.
  ///
  /// - Parameters:
  ///   - matrix: the weights.
  ///   - format: how they are held. Sixteen bits are the nearest, ties to even, so that numbers which
  ///     have no more are kept exactly; what is too large becomes ∞. With eight bits column j holds the
  ///     whole numbers next to `matrix[k, j] / s[j]`, with `s[j]` a 127th of the largest magnitude.
  ///   - execution: kernels and threads.
  /// - Throws: ``TarnError/invalidArgument(operation:argument:found:expected:)`` if the packed form
  ///   does not fit an `Int`, and for eight bits if a column holds NaN or ∞.
  /// - Complexity: one read, one write.
  public init(
    _ matrix: Matrix, as format: WeightFormat = .float32, on execution: Execution
  ) throws(TarnError) {
    self = try matrix.withView { view throws(TarnError) in
      try PackedMatrix(depth: view.rows, columns: view.columns, as: format, on: execution) {
        $1(.rowMajor(view[columns: $0]))
      }
    }
  }

  /// Packs the transpose of `matrix`, `[columns × depth]` row-major, as linear layers store it.
  ///
  /// - Parameters:
  ///   - matrix: the weights, a row for each column of the result.
  ///   - format: as for ``init(_:as:on:)``.
  ///   - execution: kernels and threads.
  /// - Throws: as ``init(_:as:on:)``.
  /// - Complexity: one read, one write; strided.
  public init(
    transposing matrix: Matrix, as format: WeightFormat = .float32, on execution: Execution
  ) throws(TarnError) {
    self = try matrix.withView { view throws(TarnError) in
      try PackedMatrix(depth: view.columns, columns: view.rows, as: format, on: execution) {
        $1(.transposed(view[rows: $0]))
      }
    }
  }

  /// Packs the transpose of a matrix that lies in a file.
  ///
  /// A panel's rows at a time are widened, so that there is never a second matrix.
  ///
  /// - Throws: as ``init(_:as:on:)``.
  /// - Complexity: one read, one write.
  ///
  /// ## Safety
  /// The bytes of `stored` must stay readable during the call.
  @unsafe package init(
    transposing stored: StoredMatrix, as format: WeightFormat, on execution: Execution
  ) throws(TarnError) {
    let kernels = execution.table.memory
    nonisolated(unsafe) let stored = unsafe stored
    unsafe try self.init(
      depth: stored.columns, columns: stored.rows, as: format, on: execution
    ) { rows, body in
      // SAFETY: the caller keeps the bytes readable.
      unsafe stored.withRows(rows, kernels) { body(.transposed($0)) }
    }
  }

  /// Packs panel by panel; `part` hands out what belongs to some columns.
  private init(
    depth: Int, columns: Int, as format: WeightFormat, on execution: Execution,
    part: @Sendable (_ columns: Range<Int>, _ body: (RightOperand) -> Void) -> Void
  ) throws(TarnError) {
    let count = PackedView.elementCount(depth: depth, columns: columns)
    var words = try Matrix(uninitializedRow: count / 4 * format.byteCount)
    var scales = try Matrix(
      rows: 1, columns: format == .int8 ? PackedMatrix.start(after: columns) : 0)
    let kernels = execution.table
    words.withMutableView { words in
      scales.withMutableView { scales in
        let panels = (columns + PackedView.panelWidth - 1) / PackedView.panelWidth
        execution.forEachRange(panels, grain: 1) { panels in
          for panel in panels {
            let first = panel * PackedView.panelWidth
            let range = first..<min(first + PackedView.panelWidth, columns)
            part(range) { b in
              // SAFETY: words and scales have room for all columns; panels write different ones.
              if format == .float32 {
                unsafe b.pack(0..<1, words.base + first * depth, kernels.matmul)
              } else {
                let target = unsafe UnsafeMutableRawPointer(words.base)
                let scales = unsafe format == .int8 ? scales.base + first : scales.base
                unsafe PackedMatrix.packNarrow(
                  b, depth, range.count, format, target + first * depth * format.byteCount, scales,
                  kernels)
              }
            }
          }
        }
      }
    }
    if let j = scales.elements.firstIndex(where: { !$0.isFinite }) {
      throw .invalidArgument(
        operation: "PackedMatrix", argument: "column \(j)", found: "a column with NaN or ∞",
        expected: "finite weights for eight bits")
    }
    self.init(depth: depth, columns: columns, format: format, words: words, scales: scales)
  }

  /// Packs a part as Float in scratch memory and rounds it from there.
  ///
  /// ## Safety
  /// `target` must be writable for the packed part, `scales` for its columns if the format has any.
  @unsafe private static func packNarrow(
    _ b: RightOperand, _ depth: Int, _ columns: Int, _ format: WeightFormat,
    _ target: UnsafeMutableRawPointer, _ scales: UnsafeMutablePointer<Float>,
    _ kernels: KernelTable
  ) {
    let count = PackedView.elementCount(depth: depth, columns: columns)
    unsafe withScratch(Float.self, count) { strips in
      // SAFETY: the scratch holds the part; the caller vouches for the rest.
      unsafe b.pack(0..<1, strips, kernels.matmul)
      switch format {
      case .bfloat16: unsafe kernels.memory.narrowBFloat16(strips, target, count)
      case .float16: unsafe kernels.memory.narrowFloat16(strips, target, count)
      case .float32, .int8: unsafe kernels.matmul.quantize(strips, depth, columns, target, scales)
      }
    }
  }

  private init(depth: Int, columns: Int, format: WeightFormat, words: Matrix, scales: Matrix) {
    self.depth = depth
    self.columns = columns
    self.format = format
    self.words = words
    self.scales = scales
  }

  /// Several matrices side by side, for products that share their input.
  ///
  /// Each part begins at a multiple of sixteen columns; columns of zeros fill up the one before.
  ///
  /// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)`` if the depths differ,
  ///   ``TarnError/invalidArgument(operation:argument:found:expected:)`` if the formats do.
  /// - Complexity: one read, one write.
  public init(joining parts: [PackedMatrix]) throws(TarnError) {
    let depth = parts.first?.depth ?? 0
    let format = parts.first?.format ?? .float32
    var columns = 0
    for part in parts {
      try checkShape("PackedMatrix", "depth", [part.depth], [depth])
      guard part.format == format else {
        throw .invalidArgument(
          operation: "PackedMatrix", argument: "format", found: "\(part.format)",
          expected: "\(format) as the first part's")
      }
      columns = PackedMatrix.start(after: columns) + part.columns
    }
    self.init(
      depth: depth, columns: columns, format: format,
      words: try Matrix(joiningRows: parts.map { $0.words }),
      scales: try Matrix(joiningRows: parts.map { $0.scales }))
  }

  /// The column at which the next of several joined parts begins.
  public static func start(after columns: Int) -> Int { (columns + 15) & ~15 }

  /// Columns `range`, sharing their elements with this matrix.
  ///
  /// - Precondition: `range` lies within the columns and begins at a multiple of sixteen.
  public func columns(_ range: Range<Int>) -> PackedMatrix {
    precondition(
      range.lowerBound >= 0 && range.lowerBound % 16 == 0 && range.upperBound <= columns,
      "columns \(range) of a packed matrix of \(columns)")
    let end = max(range.lowerBound, PackedMatrix.start(after: range.upperBound))
    let words = { $0 * depth / 4 * format.byteCount }
    return PackedMatrix(
      depth: depth, columns: range.count, format: format,
      words: self.words.columns(words(range.lowerBound)..<words(end)),
      scales: format == .int8 ? scales.columns(range.lowerBound..<end) : scales)
  }

  /// Calls `body` with a view that must not outlive the call.
  @inline(__always)
  package func withView<R, E>(_ body: (PackedView) throws(E) -> R) throws(E) -> R {
    try words.withView { words throws(E) -> R in
      try scales.withView { scales throws(E) -> R in
        // SAFETY: the matrices hold all columns, rounded up to whole strips.
        try unsafe body(
          PackedView(
            words.base, format: format, scales: format == .int8 ? scales.base : nil, depth: depth,
            columns: columns))
      }
    }
  }
}
