/// The pieces of a model as a tree of bytes, its edges in one open-addressing table.
///
/// A walk from the root meets every piece that is a prefix of the text, in a single pass that never
/// goes past the longest piece and ends with the first byte that no piece has. Bytes are compared as they are; `String`
/// would take canonically equivalent pieces for one.
struct PieceTrie: Sendable {
  /// The edge from node `key >> 8` by byte `key & 0xFF`; `child` 0, the root, marks a free slot.
  ///
  /// Eight bytes, so that 32,000 pieces take one megabyte.
  private struct Edge {
    var key: UInt32 = 0
    /// The node at the end; the highest bit is set where a piece ends with it.
    var child: UInt32 = 0
  }

  /// A node has 24 bits in an edge's key, and no tree has more nodes than its pieces have bytes.
  static let maximumBytes = 1 << 24 - 1
  static let root: UInt32 = 0
  private static let pieceEnd: UInt32 = 1 << 31

  private var edges = [Edge](repeating: Edge(), count: 1 << 10)
  private var shift: UInt64 = 64 - 10
  /// Random and known to nobody, so that no file can make edges meet in one place.
  private let multiplier = UInt64.random(in: 0 ... .max) | 1
  /// For each node the piece that ends there, or -1.
  private var ids: [Int32] = [-1]

  /// Whether there is no piece.
  var isEmpty: Bool { ids.count == 1 }

  /// Adds a piece; an equal piece from before loses its place.
  mutating func insert(_ piece: some Sequence<UInt8>, id: Int32) {
    var node = Self.root
    var last: Int?
    for byte in piece {
      let slot = edge(from: node, by: byte)
      node = edges[slot].child
      last = slot
    }
    guard let last else { return }
    edges[last].child |= Self.pieceEnd
    ids[Int(node & ~Self.pieceEnd)] = id
  }

  /// The id of exactly this piece.
  func id(of piece: some Sequence<UInt8>) -> Int32? {
    guard let node = node(of: piece), node & Self.pieceEnd != 0 else { return nil }
    return ids[Int(node & ~Self.pieceEnd)]
  }

  /// The length of the longest piece that begins `text` at `start`; nil when none does.
  func longestPrefix(of text: borrowing Span<UInt8>, at start: Int) -> Int? {
    var node = Self.root
    var found: Int?
    var at = start
    while at < text.count {
      node = child(of: node, by: text[at])
      if node == Self.root { break }
      at += 1
      if node & Self.pieceEnd != 0 { found = at - start }
    }
    return found
  }

  /// The node that `byte` leads to from `node`; the root where no piece goes on like that.
  @inline(__always)
  func child(of node: UInt32, by byte: UInt8) -> UInt32 {
    // The shift also drops the mark of a piece's end.
    edges[slot(of: node << 8 | UInt32(byte))].child
  }

  /// The node that a part of `text` leads to from `node`; the root where no piece goes on like that.
  @inline(__always)
  func node(after node: UInt32, _ text: borrowing Span<UInt8>, _ range: Range<Int>) -> UInt32 {
    var node = node
    for index in range {
      node = child(of: node, by: text[index])
      if node == Self.root { break }
    }
    return node
  }

  /// The piece that ends at `node`, which ``child(of:by:)`` gave.
  @inline(__always)
  func id(at node: UInt32) -> Int32? {
    node & Self.pieceEnd == 0 ? nil : ids[Int(node & ~Self.pieceEnd)]
  }

  /// The node at the end of `piece`, with its mark if a piece ends there; nil for the root.
  private func node(of piece: some Sequence<UInt8>) -> UInt32? {
    var node = Self.root
    for byte in piece {
      node = child(of: node, by: byte)
      if node == Self.root { return nil }
    }
    return node == Self.root ? nil : node
  }

  /// The slot that holds `key`, or the free one where it belongs.
  ///
  /// There is one: at least a quarter of the slots are free.
  @inline(__always)
  private func slot(of key: UInt32) -> Int {
    // The high bits of the product depend on all bits of the key.
    var slot = Int(truncatingIfNeeded: (UInt64(key) &* multiplier) &>> shift)
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
    if ids.count * 4 > edges.count * 3 {
      grow()
      return edge(from: node, by: byte)
    }
    edges[found] = Edge(key: key, child: UInt32(truncatingIfNeeded: ids.count))
    ids.append(-1)
    return found
  }

  private mutating func grow() {
    let old = edges
    shift -= 1
    edges = [Edge](repeating: Edge(), count: old.count * 2)
    for edge in old where edge.child != 0 { edges[slot(of: edge.key)] = edge }
  }
}
