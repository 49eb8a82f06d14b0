// Sliding and strided pooling, upsampling, and their gradients.

import Tarn
import TarnKernelInterface

/// The reductions by name.
private let reductions: [(name: String, reduction: WindowReduction)] = [
  ("maximum", .maximum), ("minimum", .minimum), ("sum", .sum), ("mean", .mean),
]

/// Pooling over windows of tokens.
func windowCases(_ cases: inout Cases) throws(TarnError) {
  let execution = cases.execution
  cases.start(seed: 7)
  let sequences = try batch()
  let d = 20
  let x = try cases.matrix(sequences.rows, d)
  for (window, stride) in [(3, 1), (33, 1), (7, 3), (2, 5)] {
    let outputs = try sequences.strided(by: stride)
    let dy = try cases.matrix(outputs.rows, d)
    for (name, reduction) in reductions {
      let label = "\(name) \(window) by \(stride)"
      try cases.run("slidingWindow, \(label)", outputs.rows, d) { y throws(TarnError) in
        try slidingWindow(
          reduction, x, over: sequences, window: window, stride: stride, into: &y, on: execution)
      }
      try cases.run("slidingWindowGradient, \(label)", x.rows, d) { dx throws(TarnError) in
        try slidingWindowGradient(
          reduction, of: x, over: sequences, window: window, stride: stride, upstream: dy,
          into: &dx, on: execution)
      }
    }
  }
  try cases.run("slidingMax 8", x.rows, d) { y throws(TarnError) in
    try slidingMax(x, over: sequences, window: 8, into: &y, on: execution)
  }

  let funnel = StridedPooling(separatesFirst: true, truncates: true)
  let pooled = try funnel.pooled(sequences)
  let dy = try cases.matrix(pooled.rows, d)
  for (name, reduction) in reductions {
    try cases.run("stridedPool, \(name)", pooled.rows, d) { y throws(TarnError) in
      try stridedPool(reduction, x, over: sequences, funnel, into: &y, on: execution)
    }
    try cases.run("stridedPoolGradient, \(name)", x.rows, d) { dx throws(TarnError) in
      try stridedPoolGradient(
        reduction, of: x, over: sequences, funnel, upstream: dy, into: &dx, on: execution)
    }
  }
  try cases.run("upsample", x.rows, d, onto: x) { y throws(TarnError) in
    try upsample(
      dy, over: pooled, to: sequences, stride: 2, separatesFirst: true, adding: true, into: &y,
      on: execution)
  }
  try cases.run("upsampleGradient", pooled.rows, d) { dx throws(TarnError) in
    try upsampleGradient(
      over: pooled, to: sequences, stride: 2, separatesFirst: true, upstream: x, into: &dx,
      on: execution)
  }
}
