/// The pieces of a vocabulary as a tree of bytes, its edges in one open-addressing table.
///
/// A walk from the root meets every piece that is a prefix of the text, so the longest one is found
/// in a single pass that never goes past the longest piece. Bytes are compared as they are; `String`
/// would take canonically equivalent pieces for one.
struct PieceTrie: Sendable {
  /// The edge from node `key >> 8` by byte `key & 0xFF`; `child` 0, the root, marks a free slot.
  private struct Edge {
    var key: UInt32 = 0
    var child: UInt32 = 0
    /// The piece that ends at `child`, or -1.
    var id: Int32 = -1
  }

  /// A node has 24 bits in an edge's key, and no tree has more nodes than its pieces have bytes.
  static let maximumBytes = 1 << 24 - 1
  private static let root: UInt32 = 0

  private var edges = [Edge](repeating: Edge(), count: 1 << 10)
  private var shift: UInt32 = 32 - 10
  private var nodeCount: UInt32 = 1
  /// The node of `##`, where pieces that continue a word begin; nil when no piece does.
  private var continuation: UInt32?

  /// Adds a piece; an equal piece from before loses its place.
  mutating func insert(_ piece: some Sequence<UInt8>, id: Int32) {
    var node = Self.root
    var last: Int?
    for byte in piece {
      let slot = edge(from: node, by: byte)
      node = edges[slot].child
      last = slot
    }
    if let last { edges[last].id = id }
    if continuation == nil { continuation = self.node(of: [UInt8(ascii: "#"), UInt8(ascii: "#")]) }
  }

  /// The id of exactly this piece.
  func id(of piece: some Sequence<UInt8>) -> Int32? {
    var node = Self.root
    var id: Int32 = -1
    for byte in piece {
      let edge = edges[slot(of: node << 8 | UInt32(byte))]
      guard edge.child != 0 else { return nil }
      (node, id) = (edge.child, edge.id)
    }
    return id < 0 ? nil : id
  }

  /// The longest piece that begins the bytes of `range`, and where it ends.
  ///
  /// - Parameters:
  ///   - folding: what stands for each byte; see ``ASCIIClasses``.
  ///   - continuing: looks among the pieces that are written with `##` in front.
  /// - Returns: nil when no piece begins these bytes.
  @inline(__always)
  func longestPiece(
    in text: borrowing Span<UInt8>, _ range: Range<Int>, folding: [UInt8], continuing: Bool
  ) -> (id: Int32, end: Int)? {
    var node = Self.root
    if continuing {
      guard let continuation else { return nil }
      node = continuation
    }
    var id: Int32 = -1
    var end = range.lowerBound
    var index = range.lowerBound
    while index < range.upperBound {
      let edge = edges[slot(of: node << 8 | UInt32(folding[Int(text[index])]))]
      if edge.child == 0 { break }
      node = edge.child
      index += 1
      if edge.id >= 0 { (id, end) = (edge.id, index) }
    }
    return id < 0 ? nil : (id, end)
  }

  private func node(of piece: [UInt8]) -> UInt32? {
    var node = Self.root
    for byte in piece {
      node = edges[slot(of: node << 8 | UInt32(byte))].child
      if node == 0 { return nil }
    }
    return node
  }

  /// The slot that holds `key`, or the free one where it belongs. At least a quarter is free.
  @inline(__always)
  private func slot(of key: UInt32) -> Int {
    // Fibonacci hashing: the high bits of the product depend on all bits of the key.
    var slot = Int((key &* 0x9E37_79B1) >> shift)
    while edges[slot].child != 0, edges[slot].key != key {
      slot = (slot + 1) & (edges.count - 1)
    }
    return slot
  }

  /// The slot of an edge, which is made when it is missing.
  private mutating func edge(from node: UInt32, by byte: UInt8) -> Int {
    let key = node << 8 | UInt32(byte)
    let found = slot(of: key)
    guard edges[found].child == 0 else { return found }
    if Int(nodeCount) * 4 > edges.count * 3 {
      grow()
      return edge(from: node, by: byte)
    }
    edges[found] = Edge(key: key, child: nodeCount, id: -1)
    nodeCount += 1
    return found
  }

  private mutating func grow() {
    let old = edges
    shift -= 1
    edges = [Edge](repeating: Edge(), count: old.count * 2)
    for edge in old where edge.child != 0 { edges[slot(of: edge.key)] = edge }
  }
}
