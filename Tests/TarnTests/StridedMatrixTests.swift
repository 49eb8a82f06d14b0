// Strided matrices: what they refuse, and that a product that is refused writes nothing.

import Tarn
import Testing

@Suite struct StridedMatrixTests {
  private func check(
    _ count: Int, _ rows: Int, _ columns: Int, _ rowStride: Int, _ columnStride: Int = 1,
    offset: Int? = nil, isTarget: Bool = false
  ) -> TarnError? {
    var memory = [Float](repeating: 0, count: count)
    do throws(TarnError) {
      if isTarget {
        try memory.withUnsafeMutableBufferPointer { memory throws(TarnError) in
          _ = try StridedMutableMatrix(
            memory, rows: rows, columns: columns, rowStride: rowStride,
            columnStride: columnStride, offset: offset)
        }
      } else {
        try memory.withUnsafeBufferPointer { memory throws(TarnError) in
          _ = try StridedMatrix(
            memory, rows: rows, columns: columns, rowStride: rowStride,
            columnStride: columnStride, offset: offset)
        }
      }
      return nil
    } catch {
      return error
    }
  }

  @Test func elementsMustLieInTheBuffer() {
    for isTarget in [false, true] {
      #expect(check(12, 3, 4, 4, isTarget: isTarget) == nil)
      #expect(check(12, 3, 4, 1, 3, isTarget: isTarget) == nil)
      #expect(check(12, 3, 4, -4, -1, isTarget: isTarget) == nil)
      #expect(check(0, 0, 4, 4, isTarget: isTarget) == nil)
      #expect(check(0, 3, 0, 0, isTarget: isTarget) == nil)
      #expect(check(11, 3, 4, 4, isTarget: isTarget) != nil)
      #expect(check(11, 3, 4, -4, -1, isTarget: isTarget) != nil)
      #expect(check(12, 3, 4, 4, offset: 1, isTarget: isTarget) != nil)
      #expect(check(12, 3, 4, 4, offset: -1, isTarget: isTarget) != nil)
      #expect(check(12, 3, 4, -4, 1, offset: 0, isTarget: isTarget) != nil)
      #expect(check(12, -1, 4, 4, isTarget: isTarget) != nil)
      #expect(check(12, 3, -4, 4, isTarget: isTarget) != nil)
      for extreme in [Int.max, Int.min, Int.max / 2] {
        #expect(check(12, 3, 4, extreme, isTarget: isTarget) != nil)
        #expect(check(12, 3, 4, 4, extreme, isTarget: isTarget) != nil)
        #expect(check(12, extreme, 2, 0, 0, isTarget: isTarget) != nil)
        #expect(check(12, 3, 4, 4, offset: extreme, isTarget: isTarget) != nil)
      }
    }
  }

  @Test func elementsOfATargetMustBeApart() {
    #expect(check(12, 3, 4, 0) == nil)
    #expect(check(12, 3, 4, 0, isTarget: true) != nil)
    #expect(check(12, 3, 4, 4, 0, isTarget: true) != nil)
    #expect(check(12, 3, 4, 2, isTarget: true) != nil)
    #expect(check(12, 1, 4, 0, isTarget: true) == nil)
    #expect(check(12, 4, 1, 1, 0, isTarget: true) == nil)
    #expect(check(30, 3, 4, 8, 2, isTarget: true) == nil)
  }

  @Test func aProductThatIsRefusedWritesNothing() throws {
    let execution = try Execution(instructionSet: .best, threads: 2)
    var memory = [Float](repeating: 7, count: 60)
    func attempt(
      _ a: (rows: Int, columns: Int), _ b: (rows: Int, columns: Int), at target: Int
    ) throws {
      try memory.withUnsafeMutableBufferPointer { memory throws(TarnError) in
        let whole = UnsafeBufferPointer(memory)
        try matmul(
          StridedMatrix(whole, rows: a.rows, columns: a.columns, rowStride: a.columns),
          StridedMatrix(
            whole, rows: b.rows, columns: b.columns, rowStride: b.columns, offset: 16),
          into: StridedMutableMatrix(
            memory, rows: 4, columns: 4, rowStride: 4, offset: target), on: execution)
      }
    }
    let mismatch = TarnError.shapeMismatch(
      operation: "matmul", argument: "a", found: [4, 3], expected: [4, 4])
    #expect(throws: mismatch) { try attempt((4, 3), (4, 4), at: 40) }
    #expect(throws: TarnError.self) { try attempt((4, 4), (4, 3), at: 40) }
    for target in [0, 15, 16, 31] {
      #expect(throws: TarnError.self) { try attempt((4, 4), (4, 4), at: target) }
    }
    #expect(memory.allSatisfy { $0 == 7 })
    try attempt((4, 4), (4, 4), at: 32)
    #expect(memory[32..<48].allSatisfy { $0 == 4 * 49 })
    #expect(memory[..<32].allSatisfy { $0 == 7 } && memory[48...].allSatisfy { $0 == 7 })
  }
}
