import Tarn
import Testing

/// Matrices whose memory comes from the allocator, and those of 4 MB and more, which are mapped.
struct MatrixTests {
  @Test(arguments: [0, 2, 1000, 1 << 20, 1 << 20 + 1, 3 << 20])
  func aMatrixHoldsZerosThenItsOwnElements(count: Int) throws {
    var x = try Matrix(rows: 1, columns: count)
    #expect(x.elements.allSatisfy { $0 == 0 })
    guard count > 0 else { return }
    x[0, count - 1] = 3
    let copy = x
    x[0, 0] = 2
    #expect(copy[0, 0] == 0 && copy[0, count - 1] == 3)
    #expect(x[0, 0] == 2 && x[0, count - 1] == 3)
    let values = (0..<count).map { Float($0 & 0xFFFF) }
    #expect(try Matrix(rows: 1, columns: count, values).elements == values)
  }

  /// Nothing that is freed comes back with old elements in it.
  @Test func freedMemoryIsNotSeenAgain() throws {
    for _ in 0..<8 {
      var x = try Matrix(rows: 1024, columns: 1100)
      #expect(x[0, 0] == 0 && x[1023, 1099] == 0)
      x[0, 0] = 1
      x[1023, 1099] = 1
    }
  }
}
