import TarnFreestanding
import TarnTestSupport
import Testing

/// Memory that is freed with the test.
private final class Memory {
  let bytes: UnsafeMutableRawBufferPointer

  init(count: Int, offset: Int = 0) {
    whole = .allocate(byteCount: count + offset, alignment: 4096)
    bytes = UnsafeMutableRawBufferPointer(rebasing: whole[offset...])
  }

  deinit { whole.deallocate() }

  private let whole: UnsafeMutableRawBufferPointer
}

/// A heap that `#expect` can be given, which knows no values that cannot be copied.
private final class Heap {
  private var heap: FreestandingHeap

  init?(_ memory: UnsafeMutableRawBufferPointer) {
    guard let heap = FreestandingHeap(memory) else { return nil }
    self.heap = heap
  }

  var capacity: Int { heap.capacity }
  var bytesInUse: Int { heap.bytesInUse }
  var highWaterMark: Int { heap.highWaterMark }
  var largestFreeBlock: Int { heap.largestFreeBlock }
  func allocate(bytes: Int, alignment: Int = 16) -> UnsafeMutableRawPointer? {
    heap.allocate(bytes: bytes, alignment: alignment)
  }
  func deallocate(_ address: UnsafeMutableRawPointer) { heap.deallocate(address) }
  func bytes(at address: UnsafeMutableRawPointer) -> Int? { heap.bytes(at: address) }
  func grow(by bytes: Int) { heap.grow(by: bytes) }
}

/// A block as the test remembers it.
private struct Block {
  var address: UnsafeMutableRawPointer
  var bytes: Int
  var fill: UInt8

  /// Bytes that the heap must count for it.
  var cost: Int { 16 + max(16, (bytes + 15) / 16 * 16) }

  var isKept: Bool {
    UnsafeRawBufferPointer(start: address, count: bytes).allSatisfy { $0 == fill }
  }
}

@Suite struct FreestandingHeapTests {
  @Test(arguments: [(1 << 16, 0), (1 << 16, 1), (100_000, 8), (1 << 22, 15)])
  func blocksKeepTheirBytesAndAllComesBack(size: Int, offset: Int) throws {
    let memory = Memory(count: size, offset: offset)
    let heap = try #require(Heap(memory.bytes))
    let whole = heap.largestFreeBlock
    #expect(whole == heap.capacity - 16)
    var random = SplitMix64(seed: UInt64(size + offset))
    var blocks: [Block] = []
    var (inUse, most, refused) = (0, 0, 0)

    for step in 0..<20_000 {
      // Grows for a while, then shrinks for a while, so that it is full and nearly empty in turn.
      let grows = step / 1000 % 2 == 0
      if blocks.isEmpty || UInt8.random(in: 0..<10, using: &random) < (grows ? 7 : 3) {
        let bits = Int.random(in: 0..<15, using: &random)
        let bytes = Int.random(in: 0...1 << bits, using: &random)
        let alignment = 1 << Int.random(in: 0...8, using: &random)
        let largest = heap.largestFreeBlock
        guard let address = heap.allocate(bytes: bytes, alignment: alignment) else {
          refused += 1
          // Up to an alignment of 16 only the size may be the reason; above, what aligning may waste.
          #expect(bytes > largest - (alignment <= 16 ? 0 : alignment), "step \(step)")
          continue
        }
        #expect(UInt(bitPattern: address) % UInt(max(16, alignment)) == 0, "step \(step)")
        #expect(address >= memory.bytes.baseAddress!)
        #expect(address + bytes <= memory.bytes.baseAddress! + memory.bytes.count)
        let block = Block(address: address, bytes: bytes, fill: UInt8(truncatingIfNeeded: step))
        address.initializeMemory(as: UInt8.self, repeating: block.fill, count: bytes)
        #expect(heap.bytes(at: address) == block.cost - 16)
        blocks.append(block)
        inUse += block.cost
        most = max(most, inUse)
      } else {
        let block = blocks.remove(at: Int.random(in: 0..<blocks.count, using: &random))
        #expect(block.isKept, "step \(step): \(block.bytes) bytes")
        heap.deallocate(block.address)
        #expect(heap.bytes(at: block.address) == nil)
        inUse -= block.cost
      }
      #expect(heap.bytesInUse == inUse, "step \(step)")
      #expect(heap.highWaterMark == most, "step \(step)")
    }
    if size <= 100_000 { #expect(refused > 0) }
    for block in blocks {
      #expect(block.isKept)
      heap.deallocate(block.address)
    }
    #expect(heap.bytesInUse == 0)
    #expect(heap.largestFreeBlock == whole)
    // One block again, of the whole.
    #expect(heap.allocate(bytes: whole) != nil)
  }

  @Test func theLargestFreeBlockCanBeHad() throws {
    let memory = Memory(count: 1 << 16)
    let heap = try #require(Heap(memory.bytes))
    // Holes of every size from 1 to 60 granules, between blocks that stay.
    var holes: [UnsafeMutableRawPointer] = []
    for granules in 1...60 {
      holes.append(try #require(heap.allocate(bytes: granules * 16)))
      _ = try #require(heap.allocate(bytes: 1))
    }
    while heap.largestFreeBlock > 0 { _ = heap.allocate(bytes: heap.largestFreeBlock) }
    #expect(heap.allocate(bytes: 0) == nil)
    for hole in holes { heap.deallocate(hole) }
    for granules in (1...60).reversed() {
      #expect(heap.largestFreeBlock == granules * 16)
      #expect(heap.allocate(bytes: granules * 16 + 1) == nil)
      #expect(heap.allocate(bytes: granules * 16) == holes[granules - 1])
    }
    #expect(heap.largestFreeBlock == 0)
    #expect(heap.bytesInUse == heap.capacity)
  }

  @Test func largeAlignmentsWasteNothingForGood() throws {
    let memory = Memory(count: 1 << 16, offset: 16)
    let heap = try #require(Heap(memory.bytes))
    let whole = heap.largestFreeBlock
    var blocks: [UnsafeMutableRawPointer] = []
    for alignment in [4096, 32, 1024, 64, 256] {
      let block = try #require(heap.allocate(bytes: 100, alignment: alignment))
      #expect(UInt(bitPattern: block) % UInt(alignment) == 0)
      blocks.append(block)
    }
    #expect(heap.bytesInUse == 5 * 128)
    for block in blocks { heap.deallocate(block) }
    #expect(heap.largestFreeBlock == whole)
  }

  @Test func whatCannotBeIsNil() throws {
    let memory = Memory(count: 1 << 16)
    let heap = try #require(Heap(memory.bytes))
    for bytes in [-1, Int.min, Int.max, Int.max - 15, heap.capacity, heap.capacity - 15] {
      #expect(heap.allocate(bytes: bytes) == nil, "\(bytes) bytes")
    }
    for alignment in [-16, 0, 3, 24, Int.min, Int.max, 1 << 40] {
      #expect(heap.allocate(bytes: 16, alignment: alignment) == nil, "alignment \(alignment)")
    }
    #expect(heap.bytesInUse == 0)
    #expect(heap.allocate(bytes: heap.capacity - 16) != nil)
  }

  @Test func memoryThatIsTooSmallIsNoHeap() {
    let memory = Memory(count: 1024)
    #expect(Heap(UnsafeMutableRawBufferPointer(start: nil, count: 0)) == nil)
    for count in 0..<544 {
      #expect(Heap(.init(rebasing: memory.bytes[..<count])) == nil, "\(count) bytes")
    }
    #expect(Heap(.init(rebasing: memory.bytes[..<544]))?.largestFreeBlock == 16)
    // From the first multiple of 16 on.
    #expect(Heap(.init(rebasing: memory.bytes[1..<559])) == nil)
    #expect(Heap(.init(rebasing: memory.bytes[1..<560]))?.largestFreeBlock == 16)
  }

  @Test func memoryBehindTheHeapIsJoined() throws {
    let memory = Memory(count: 4 << 16)
    let first = UnsafeMutableRawBufferPointer(rebasing: memory.bytes[..<(1 << 16)])
    let heap = try #require(Heap(first))
    let block = try #require(heap.allocate(bytes: 40_000))
    block.initializeMemory(as: UInt8.self, repeating: 7, count: 40_000)
    #expect(heap.allocate(bytes: 100_000) == nil)
    heap.grow(by: 1 << 16)
    heap.grow(by: -1)
    // Bytes that are no granule yet count with later ones.
    for _ in 0..<1 << 13 { heap.grow(by: 8) }
    #expect(heap.capacity == 3 << 16 - 512)
    #expect(heap.highWaterMark == 40_016)
    let large = try #require(heap.allocate(bytes: 100_000))
    large.initializeMemory(as: UInt8.self, repeating: 8, count: 100_000)
    #expect(UnsafeRawBufferPointer(start: block, count: 40_000).allSatisfy { $0 == 7 })
    heap.deallocate(block)
    heap.deallocate(large)
    #expect(heap.largestFreeBlock == heap.capacity - 16)

    // Behind a block that is in use there is nothing to join with.
    _ = heap.allocate(bytes: heap.largestFreeBlock)
    heap.grow(by: 64)
    #expect(heap.largestFreeBlock == 48)
  }

  @Test func addressesThatAreNotInUseAreKnown() throws {
    let memory = Memory(count: 1 << 16)
    let heap = try #require(Heap(memory.bytes))
    let a = try #require(heap.allocate(bytes: 100))
    let b = try #require(heap.allocate(bytes: 100))
    for address in [a, b] { address.initializeMemory(as: UInt8.self, repeating: 0xFF, count: 100) }
    #expect(heap.bytes(at: a) == 112)
    for address in [
      a + 16, a + 1, a - 16, memory.bytes.baseAddress!, b + 128, b + (1 << 20), a - 4096,
    ] {
      #expect(heap.bytes(at: address) == nil)
    }
    // Joined with the memory before it, its header is inside a free block.
    heap.deallocate(a)
    heap.deallocate(b)
    #expect(heap.bytes(at: a) == nil)
    #expect(heap.bytes(at: b) == nil)
  }

  @Test func freeingTwiceStopsTheProgram() async {
    await #expect(processExitsWith: .failure) {
      let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
      let heap = try #require(Heap(memory))
      let block = try #require(heap.allocate(bytes: 100))
      heap.deallocate(block)
      heap.deallocate(block)
    }
  }
}
