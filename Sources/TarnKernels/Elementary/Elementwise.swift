// The functions as loops over memory. Each is inlined into its loop through a type, not a closure:
// a closure used in several places is shared and called once a vector.

import TarnKernelInterface

/// A function of sixteen lanes.
private protocol LaneFunction {
  static func value(_ x: Lanes) -> Lanes
}

private enum Exp: LaneFunction {
  @inline(__always) static func value(_ x: Lanes) -> Lanes { exp(x) }
}
private enum Tanh: LaneFunction {
  @inline(__always) static func value(_ x: Lanes) -> Lanes { tanh(x) }
}
private enum Erf: LaneFunction {
  @inline(__always) static func value(_ x: Lanes) -> Lanes { erf(x) }
}
private enum Gelu: LaneFunction {
  @inline(__always) static func value(_ x: Lanes) -> Lanes { gelu(x) }
}
private enum GeluTanh: LaneFunction {
  @inline(__always) static func value(_ x: Lanes) -> Lanes { geluTanh(x) }
}
private enum Relu: LaneFunction {
  @inline(__always) static func value(_ x: Lanes) -> Lanes { relu(x) }
}
private enum Sigmoid: LaneFunction {
  @inline(__always) static func value(_ x: Lanes) -> Lanes { sigmoid(x) }
}
private enum Silu: LaneFunction {
  @inline(__always) static func value(_ x: Lanes) -> Lanes { silu(x) }
}

/// `y[i] = f(x[i])` for i below `count`.
///
/// `y` may be `x`. Nothing outside the `count` elements is read or written. Cost: one read, one
/// write; exp-like functions are bound by arithmetic, ReLU by memory.
func elementwise(
  _ function: ElementwiseFunction, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>,
  _ count: Int
) {
  switch function {
  case .exp: apply(Exp.self, x, y, count)
  case .tanh: apply(Tanh.self, x, y, count)
  case .erf: apply(Erf.self, x, y, count)
  case .gelu: apply(Gelu.self, x, y, count)
  case .geluTanh: apply(GeluTanh.self, x, y, count)
  case .relu: apply(Relu.self, x, y, count)
  case .sigmoid: apply(Sigmoid.self, x, y, count)
  case .silu: apply(Silu.self, x, y, count)
  }
}

@inline(__always)
private func apply<F: LaneFunction>(
  _: F.Type, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int
) {
  @inline(__always) func value(_ x: Lanes) -> Lanes { F.value(x) }
  map(x, into: y, count: count, value)
}
