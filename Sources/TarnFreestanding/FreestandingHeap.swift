// A two-level segregated-fit heap: free blocks lie in lists by size, a bitmap says which lists hold any,
// so that a block is found, divided, freed and joined with its neighbours in a bounded number of steps.
//
// Everything is counted in granules of 16 bytes and named by its index, so that 32-bit and 64-bit
// targets have the same layout:
//
//     granules 0 ..< 31        heads of the lists: 31 rows of four, one granule a row
//     granule b                header of a block: four 32-bit fields
//         0  granules of the block, this header among them
//         1  granules of the block before it, 0 for the first
//         2  used: `usedMark`      free: the next block of its list, 0 for none
//         3  used: b ^ `usedSeal`  free: the previous block of its list, 0 for none
//     granules b + 1 ...       what the caller gets
//     last granule             header of an empty used block, so that every block has one after it
//
// Row r > 0 holds the blocks of 2^(r + 1) up to 2^(r + 2) granules in four equal parts, row 0 those of
// one, two and three.

/// A heap in memory that the caller gives.
///
/// It takes no other memory, starts no thread and asks no system, so that an allocation can fail in one
/// way only: no free block is large enough. Addresses it hands out are multiples of 16.
///
/// A block costs 16 bytes beyond what was asked, rounded up to a multiple of 16; the heap itself costs
/// 512. Freed blocks are joined with free neighbours at once.
///
/// One caller at a time, as with any `~Copyable` value that is mutated: an interrupt handler must not
/// use a heap that it may have interrupted.
@safe
public struct FreestandingHeap: ~Copyable {
  /// The first granule.
  private let base: UnsafeMutableRawPointer
  /// Bytes from ``base`` on, those behind the last whole granule among them.
  private var extent: Int
  /// The header behind the last block.
  private var end: UInt32
  /// Bit r: row r of the heads holds a block.
  private var rows: UInt32 = 0

  /// Bytes of all blocks that are in use, with their headers.
  public private(set) var bytesInUse = 0

  /// The most that ``bytesInUse`` has been.
  public private(set) var highWaterMark = 0

  /// Takes the memory over.
  ///
  /// Returns nil where it has fewer than 544 bytes from its first multiple of 16 on, or 16 GiB and more.
  /// The memory must stay where it is, and be used by nobody else, for as long as the heap is used.
  public init?(_ memory: UnsafeMutableRawBufferPointer) {
    guard let address = memory.baseAddress else { return nil }
    // SAFETY: an address is rounded up inside the buffer, which the count below makes sure of.
    let start = unsafe address.alignedUp(toMultipleOf: granule)
    let extent = unsafe memory.count - (start - address)
    let granules = extent / granule
    guard granules >= firstBlock + 3, granules < largestHeap else { return nil }
    unsafe base = start
    self.extent = extent
    end = UInt32(granules - 1)
    for i in 0..<UInt32(firstBlock) * 4 { unsafe setWord(i, 0) }
    makeUsed(end, granules: 0)
    let whole = UInt32(firstBlock)
    setGranules(end &- whole, of: whole)
    setBefore(0, of: whole)
    insert(whole)
  }

  /// Bytes that blocks can take, with their headers.
  public var capacity: Int { (Int(end) - firstBlock) * granule }

  /// The most bytes that ``allocate(bytes:alignment:)`` could give now, at an alignment of 16.
  ///
  /// - Complexity: the number of free blocks of about that size.
  public var largestFreeBlock: Int {
    guard rows != 0 else { return 0 }
    let row = 31 - rows.leadingZeroBitCount
    var largest: UInt32 = 1
    for list in UInt32(row) * 4..<UInt32(row) * 4 + 4 {
      var block = head(list)
      while block != 0 {
        largest = max(largest, granules(of: block))
        block = next(block)
      }
    }
    return Int(largest - 1) * granule
  }

  /// A block of at least `bytes` bytes, nil where there is none.
  ///
  /// `alignment` is a power of two, else the answer is nil. None is missed at alignments up to 16; above,
  /// one may be that fits only by chance. Zero bytes give a block of their own.
  ///
  /// - Complexity: a fixed number of steps; one list is searched before the answer is nil.
  public mutating func allocate(bytes: Int, alignment: Int = 16) -> UnsafeMutableRawPointer? {
    guard bytes >= 0, bytes <= capacity, alignment > 0, alignment & (alignment &- 1) == 0,
      alignment <= capacity
    else { return nil }
    let needed = UInt32(1 + max(1, (bytes + granule - 1) / granule))
    let step = max(1, alignment / granule)
    guard var block = find(needed &+ UInt32(step - 1)) else { return nil }
    remove(block)
    var size = granules(of: block)

    // What lies before the aligned place becomes a free block, be it a header alone.
    let place = unsafe UInt(bitPattern: base) / UInt(granule) &+ UInt(block) &+ 1
    let gap = UInt32((0 &- place) & UInt(step - 1))
    if gap > 0 {
      setGranules(gap, of: block)
      insert(block)
      block &+= gap
      size &-= gap
      setBefore(gap, of: block)
    }
    if size > needed {
      let rest = block &+ needed
      setGranules(size &- needed, of: rest)
      setBefore(needed, of: rest)
      setBefore(size &- needed, of: block &+ size)
      insert(rest)
      size = needed
    } else {
      setBefore(size, of: block &+ size)
    }
    makeUsed(block, granules: size)
    bytesInUse += Int(size) * granule
    highWaterMark = max(highWaterMark, bytesInUse)
    // SAFETY: inside the memory, since the block is.
    return unsafe base + (Int(block) + 1) * granule
  }

  /// Gives a block back.
  ///
  /// A precondition fails where `address` is not one that ``allocate(bytes:alignment:)`` gave and nobody
  /// gave back since.
  ///
  /// - Complexity: a fixed number of steps.
  public mutating func deallocate(_ address: UnsafeMutableRawPointer) {
    guard var block = unsafe self.block(at: address) else {
      preconditionFailure("an address was freed that is not in use")
    }
    var size = granules(of: block)
    bytesInUse -= Int(size) * granule
    // A second call must not take what is left of the header for one.
    setLinks(next: 0, previous: 0, of: block)

    let after = block &+ size
    if !isUsed(after) {
      remove(after)
      size &+= granules(of: after)
    }
    let before = granulesBefore(block)
    if before != 0, !isUsed(block &- before) {
      block &-= before
      remove(block)
      size &+= before
    }
    setGranules(size, of: block)
    setBefore(size, of: block &+ size)
    insert(block)
  }

  /// Bytes behind `address` that belong to its block; nil where it is no block in use.
  public func bytes(at address: UnsafeMutableRawPointer) -> Int? {
    guard let block = unsafe self.block(at: address) else { return nil }
    return Int(granules(of: block) - 1) * granule
  }

  /// Takes over the `bytes` bytes behind the heap's memory too.
  ///
  /// For memory that grows at its end, as WebAssembly's does. Nothing is taken where the heap would have
  /// 16 GiB or more.
  public mutating func grow(by bytes: Int) {
    let (extent, overflow) = self.extent.addingReportingOverflow(bytes)
    guard bytes > 0, !overflow, extent / granule < largestHeap else { return }
    self.extent = extent
    let newEnd = UInt32(extent / granule - 1)
    guard newEnd > end else { return }
    let block = end
    end = newEnd
    makeUsed(newEnd, granules: 0)
    // As a block in use that is given back, it is joined with a free one before it.
    makeUsed(block, granules: newEnd &- block)
    setBefore(newEnd &- block, of: newEnd)
    bytesInUse += Int(newEnd &- block) * granule
    // SAFETY: the block's first granule behind the header, or the new end.
    unsafe deallocate(base + (Int(block) + 1) * granule)
  }

  // MARK: Lists

  /// The first block in the lists with at least `size` granules.
  private func find(_ size: UInt32) -> UInt32? {
    // All blocks of a list are at least as large as its smallest size; the first list of which that is
    // enough is the one of the size rounded up.
    let rounded = size < 4 ? size : size &+ (1 << (29 &- UInt32(size.leadingZeroBitCount))) &- 1
    let list = self.list(of: rounded)
    let row = list / 4
    for other in list..<row * 4 + 4 where head(other) != 0 { return head(other) }
    let above = rows & (~1 << row)
    if above != 0 {
      let first = UInt32(above.trailingZeroBitCount) * 4
      for other in first..<first + 4 where head(other) != 0 { return head(other) }
    }
    // The size's own list may hold one that is large enough.
    var block = head(self.list(of: size))
    while block != 0 {
      if granules(of: block) >= size { return block }
      block = next(block)
    }
    return nil
  }

  /// The list for blocks of `size` granules.
  private func list(of size: UInt32) -> UInt32 {
    if size < 4 { return size }
    let log = 31 &- UInt32(size.leadingZeroBitCount)
    return (log &- 1) * 4 + (size >> (log &- 2)) & 3
  }

  private mutating func insert(_ block: UInt32) {
    let list = self.list(of: granules(of: block))
    let first = head(list)
    setLinks(next: first, previous: 0, of: block)
    if first != 0 { setLinks(next: next(first), previous: block, of: first) }
    setHead(block, of: list)
    rows |= 1 << (list / 4)
  }

  private mutating func remove(_ block: UInt32) {
    let (next, previous) = (next(block), previous(block))
    if next != 0 { setLinks(next: self.next(next), previous: previous, of: next) }
    if previous != 0 {
      setLinks(next: next, previous: self.previous(previous), of: previous)
      return
    }
    let list = self.list(of: granules(of: block))
    setHead(next, of: list)
    let row = list / 4 * 4
    if head(row) | head(row + 1) | head(row + 2) | head(row + 3) == 0 { rows &= ~(1 << (list / 4)) }
  }

  /// The header of the block in use whose memory begins at `address`.
  private func block(at address: UnsafeMutableRawPointer) -> UInt32? {
    let offset = unsafe address - base
    guard offset > firstBlock * granule, offset <= Int(end) * granule, offset % granule == 0 else {
      return nil
    }
    let block = UInt32(offset / granule - 1)
    return isUsed(block) && previous(block) == block ^ usedSeal ? block : nil
  }

  // MARK: Fields

  private func head(_ list: UInt32) -> UInt32 { unsafe word(list) }
  private func granules(of block: UInt32) -> UInt32 { unsafe word(block &* 4) }
  private func granulesBefore(_ block: UInt32) -> UInt32 { unsafe word(block &* 4 &+ 1) }
  private func next(_ block: UInt32) -> UInt32 { unsafe word(block &* 4 &+ 2) }
  private func previous(_ block: UInt32) -> UInt32 { unsafe word(block &* 4 &+ 3) }
  private func isUsed(_ block: UInt32) -> Bool { next(block) == usedMark }

  private func setHead(_ block: UInt32, of list: UInt32) { unsafe setWord(list, block) }
  private func setGranules(_ size: UInt32, of block: UInt32) { unsafe setWord(block &* 4, size) }
  private func setBefore(_ size: UInt32, of block: UInt32) { unsafe setWord(block &* 4 &+ 1, size) }
  private func setLinks(next: UInt32, previous: UInt32, of block: UInt32) {
    unsafe setWord(block &* 4 &+ 2, next)
    unsafe setWord(block &* 4 &+ 3, previous)
  }
  private func makeUsed(_ block: UInt32, granules: UInt32) {
    setGranules(granules, of: block)
    setLinks(next: usedMark, previous: block ^ usedSeal, of: block)
  }

  /// The 32-bit word `i` of the memory.
  ///
  /// ## Safety
  /// - `i` is below four times the number of granules: the heads, or a field of a block's header.
  @unsafe
  private func word(_ i: UInt32) -> UInt32 {
    unsafe base.load(fromByteOffset: Int(i) &* 4, as: UInt32.self)
  }

  /// Stores to ``word(_:)``, whose condition holds here too.
  @unsafe
  private func setWord(_ i: UInt32, _ value: UInt32) {
    unsafe base.storeBytes(of: value, toByteOffset: Int(i) &* 4, as: UInt32.self)
  }
}

/// Bytes of a granule, and the alignment of all blocks.
private let granule = 16
/// The granule behind the heads of the lists.
private let firstBlock = 31
/// Granules of the smallest memory that is too large: the number of a word must fit 32 bits.
private let largestHeap = 1 << 30
/// No block has this index.
private let usedMark = UInt32.max
/// A block in use carries its own index under this pattern, so that other memory is hardly taken for it.
private let usedSeal: UInt32 = 0x5EA1_0B0C
