// The row operators' part of the operator battery.

internal import Tarn
internal import TarnKernelInterface

/// RMS norm, the forms of softmax, sums, gradients, copies; see ``operatorBattery(on:)``.
func rowBattery(on execution: Execution) throws -> [BatteryResult] {
  var results: [BatteryResult] = []
  func note(_ name: String, _ matrix: Matrix) {
    results.append(BatteryResult(name: name, elements: matrix.elements))
  }
  var random = SplitMix64(seed: 1607)
  func matrix(_ rows: Int, _ columns: Int, scale: Float = 1) throws -> Matrix {
    try Matrix(rows: rows, columns: columns, random.floats(rows * columns, scale: scale))
  }
  let n = 700
  let d = 90
  let x = try matrix(n, d, scale: 3)
  let other = try matrix(n, d)
  let dy = try matrix(n, d)
  let gain = try matrix(1, d)
  let lengths = (0..<n).map { Int32($0 * 37 % (d + 1)) }
  var y = try Matrix(rows: n, columns: d)
  var column = try Matrix(rows: n, columns: 1)
  var dGain = try Matrix(rows: 1, columns: d)
  var dBias = dGain

  try rmsNorm(x, gain: gain, epsilon: 1e-6, into: &y, on: execution)
  note("rmsNorm", y)
  try add(x, other, into: &y, on: execution)
  note("add", y)
  try addBias(x, bias: gain, into: &y, on: execution)
  note("addBias", y)
  try multiplyAdd(x, other, dy, into: &y, on: execution)
  note("multiplyAdd", y)
  try logSumExp(x, scale: 2, into: &column, on: execution)
  note("logSumExp", column)
  try maskedSoftmax(x, lengths: lengths, scale: 2, into: &y, on: execution)
  note("maskedSoftmax", y)
  var dx = try Matrix(rows: n, columns: d)
  try softmaxGradient(y, scale: 2, lengths: lengths, upstream: dy, into: &dx, on: execution)
  note("softmaxGradient", dx)
  try logSoftmax(x, scale: 2, into: &y, on: execution)
  note("logSoftmax", y)
  try logSoftmaxGradient(y, scale: 2, upstream: dy, into: &dx, on: execution)
  note("logSoftmaxGradient", dx)
  try logSumExpGradient(x, scale: 2, upstream: column, into: &dx, on: execution)
  note("logSumExpGradient", dx)
  try layerNormGradient(
    x, gain: gain, epsilon: 1e-6, upstream: dy, into: &dx, gainGradient: &dGain,
    biasGradient: &dBias, on: execution)
  note("layerNormGradient", dx)
  note("layerNormGradient gain", dGain)
  note("layerNormGradient bias", dBias)
  try rmsNormGradient(
    x, gain: gain, epsilon: 1e-6, upstream: dy, into: &dx, gainGradient: &dGain, on: execution)
  note("rmsNormGradient", dx)
  note("rmsNormGradient gain", dGain)
  for f in ElementwiseFunction.allCases {
    try elementwiseGradient(f, x, upstream: dy, into: &dx, on: execution)
    note("\(f) gradient", dx)
  }

  var turned = try Matrix(rows: d, columns: n)
  try transpose(x, into: &turned, on: execution)
  note("transpose", turned)
  for format in HalfPrecision.allCases {
    var bits = [UInt16](repeating: 0, count: n * d)
    try narrow(x, to: format, into: &bits, on: execution)
    try widen(bits, from: format, into: &y, on: execution)
    note("\(format) and back", y)
  }
  return results
}
