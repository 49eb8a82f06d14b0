// Where the elementwise kernel reads and writes, and that its bits depend on the element alone.

import Tarn
import TarnKernelInterface
import TarnTestSupport
import Testing

/// The kernel of `set` on a copy.
func evaluate(
  _ function: ElementwiseFunction, _ x: [Float], on set: InstructionSet
) -> [Float] {
  [Float](unsafeUninitializedCapacity: x.count) { buffer, count in
    x.withUnsafeBufferPointer { x in
      guard let source = x.baseAddress, let target = buffer.baseAddress else { return }
      set.kernels.table.rows.elementwise(function, source, target, x.count)
    }
    count = x.count
  }
}

@Suite struct ElementaryMemoryTests {
  @Test(arguments: ElementwiseFunction.allCases)
  func fusedInstructionSetsGiveTheSameBits(function: ElementwiseFunction) {
    let sets = InstructionSet.available.filter(\.hasFusedMultiplyAdd)
    guard let first = sets.first else { return }
    let nans: [Float] = [.nan, -.nan, .signalingNaN, Float(bitPattern: 0x7fa5_a5a5)]
    let x = elementaryArguments(seed: 0x5e7) + nans
    let expected = evaluate(function, x, on: first)
    for set in sets.dropFirst() {
      let y = evaluate(function, x, on: set)
      let different = x.indices.filter { y[$0].bitPattern != expected[$0].bitPattern }
      #expect(
        different.isEmpty,
        "\(function): \(set) and \(first) differ at \(different.prefix(5).map { x[$0] })")
    }
  }

  @Test(arguments: InstructionSet.available, ElementwiseFunction.allCases)
  func anElementsBitsDependOnNothingElse(set: InstructionSet, function: ElementwiseFunction) {
    let pool = elementaryArguments(seed: 0xb17)
    // Each element alone: the reference for every length, place and form of call.
    let source = (0..<80).map { pool[$0 * 409 % pool.count] }
    let alone = source.map { evaluate(function, [$0], on: set)[0] }
    let guardWord = Float(bitPattern: 0x7fa5_5a5a)
    let margin = 24

    for count in 0...67 {
      let start = count % 13
      for inPlace in [false, true] {
        // Elements at an address that is a multiple of four bytes only, guard words around.
        let head = margin + count % 3 * 2 + 1
        var x = [Float](repeating: guardWord, count: head + count + margin)
        for i in 0..<count { x[head + i] = source[start + i] }
        var y = [Float](repeating: guardWord, count: x.count)
        let before = x
        x.withUnsafeMutableBufferPointer { x in
          y.withUnsafeMutableBufferPointer { y in
            guard let x = x.baseAddress, let y = y.baseAddress else { return }
            set.kernels.table.rows.elementwise(function, x + head, (inPlace ? x : y) + head, count)
          }
        }
        let result = inPlace ? x : y
        let name = "\(function) \(set) count \(count) inPlace \(inPlace)"
        let inside = head..<head + count
        for i in result.indices {
          let expected = inside.contains(i) ? alone[start + i - head] : guardWord
          if result[i].bitPattern != expected.bitPattern {
            Issue.record("\(name): y[\(i - head)] = \(result[i]), expected \(expected)")
          }
        }
        if !inPlace {
          #expect(zip(x, before).allSatisfy { $0.bitPattern == $1.bitPattern }, "\(name): x")
        }
      }
    }
  }
}
