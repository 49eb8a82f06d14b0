// Fourier transforms and the mixing that is made of them.

import Tarn

/// Every butterfly, a prime length, both directions, and a length that is divided.
func fourierCases(_ cases: inout Cases) throws(TarnError) {
  let execution = cases.execution
  cases.start(seed: 10)
  for (length, columns, direction) in [
    (1, 3, FourierDirection.forward), (64, 17, .forward), (60, 33, .inverse), (77, 5, .forward),
    (221, 5, .inverse), (509, 3, .forward), (1024, 3, .inverse),
  ] {
    var (real, imaginary) = try (
      cases.matrix(length, columns), cases.matrix(length, columns)
    )
    try fourierTransform(
      &real, &imaginary, FourierPlan(length: length), direction, on: execution)
    let name = direction == .forward ? "forward" : "inverse"
    cases.note("fourierTransform \(length), \(name)", real, imaginary)
  }
  let sequences = try batch()
  for (sequences, d) in [(sequences, 24), (sequences, 31), (try Ragged(lengths: [2048]), 5)] {
    let x = try cases.matrix(sequences.rows, d)
    let size = "\(sequences.rows)x\(d)"
    try cases.run("fourierMix \(size)", x.rows, d) { y throws(TarnError) in
      try fourierMix(x, over: sequences, into: &y, on: execution)
    }
    try cases.run("fourierMixGradient \(size)", x.rows, d) { dx throws(TarnError) in
      try fourierMixGradient(over: sequences, upstream: x, into: &dx, on: execution)
    }
  }
}
