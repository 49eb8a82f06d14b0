// Memory that complains: guard words all around, pages that cannot be touched at both ends.

public import TarnKernelInterface

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// A matrix in memory of its own, for a kernel to read or write.
///
/// The pages before and after cannot be read. All other words around the elements, and between the
/// rows where the stride is wider, hold a guard pattern (a NaN, so that a value computed from one
/// shows). Elements start as another NaN unless they are given.
public final class GuardedMatrix {
  /// Where in the readable memory the elements lie.
  public enum Placement: CaseIterable, Sendable {
    /// An address that is a multiple of four bytes and of nothing larger; guard words around.
    case oddOffset
    /// The last element touches an unreadable page.
    case beforeUnreadablePage
    /// The first element touches an unreadable page.
    case afterUnreadablePage
  }

  /// Number of rows.
  public let rows: Int
  /// Number of columns.
  public let columns: Int
  /// Distance between rows.
  public let rowStride: Int

  private static let guardWord: UInt32 = 0x7FA5_5A5A
  private static let unwritten: UInt32 = 0x7FC0_0BAD

  private let mapping: UnsafeMutableRawPointer
  private let mappedBytes: Int
  private let readable: UnsafeMutablePointer<Float>
  private let readableCount: Int
  private let base: UnsafeMutablePointer<Float>

  /// `rows × columns`, with `gap` guard words between rows.
  public init(
    rows: Int, columns: Int, gap: Int = 0, at placement: Placement = .oddOffset,
    _ elements: [Float]? = nil
  ) {
    self.rows = rows
    self.columns = columns
    rowStride = columns + gap
    let count = rows == 0 ? 0 : (rows - 1) * (columns + gap) + columns
    let page = Int(getpagesize())
    let margin = 64
    let bytes = ((count + 2 * margin) * 4 + page - 1) / page * page
    mappedBytes = bytes + 2 * page
    #if canImport(Darwin)
      let flags = MAP_PRIVATE | MAP_ANON
    #else
      let flags = MAP_PRIVATE | MAP_ANONYMOUS
    #endif
    guard let memory = mmap(nil, mappedBytes, PROT_READ | PROT_WRITE, flags, -1, 0),
      memory != MAP_FAILED,
      mprotect(memory, page, PROT_NONE) == 0,
      mprotect(memory + page + bytes, page, PROT_NONE) == 0
    else { preconditionFailure("no memory for a guarded matrix of \(rows) × \(columns)") }
    mapping = memory
    readableCount = bytes / 4
    readable = (memory + page).bindMemory(to: Float.self, capacity: readableCount)
    readable.initialize(
      repeating: Float(bitPattern: GuardedMatrix.guardWord), count: readableCount)
    switch placement {
    case .oddOffset: base = readable + (margin / 2 + 1)
    case .beforeUnreadablePage: base = readable + (readableCount - count)
    case .afterUnreadablePage: base = readable
    }
    for i in 0..<rows {
      for j in 0..<columns {
        base[i * rowStride + j] =
          elements?[i * columns + j] ?? Float(bitPattern: GuardedMatrix.unwritten)
      }
    }
  }

  deinit {
    munmap(mapping, mappedBytes)
  }

  /// A matrix of one row with the given elements.
  public convenience init(_ row: [Float], at placement: Placement = .oddOffset) {
    self.init(rows: 1, columns: row.count, at: placement, row)
  }

  /// The matrix for a kernel to write, valid as long as this object.
  public var target: MutableMatrixView {
    MutableMatrixView(base, rows: rows, columns: columns, rowStride: rowStride)
  }

  /// The matrix for a kernel to read, valid as long as this object.
  public var view: MatrixView { target.readOnly }

  /// All elements, row after row.
  public var elements: [Float] {
    (0..<rows).flatMap { i in (0..<columns).map { j in base[i * rowStride + j] } }
  }

  /// Whether every word that is no element still holds the guard pattern.
  public var isIntact: Bool {
    let first = base - readable
    for word in 0..<readableCount {
      let i = word - first
      let isElement =
        i >= 0 && rows > 0 && rowStride > 0 && i / rowStride < rows && i % rowStride < columns
      if !isElement && readable[word].bitPattern != GuardedMatrix.guardWord { return false }
    }
    return true
  }

  /// Whether no element has been written.
  public var isUnwritten: Bool {
    elements.allSatisfy { $0.bitPattern == GuardedMatrix.unwritten }
  }
}
