public enum ElementwiseFunction: UInt8, CaseIterable, Sendable { case exp, tanh, erf, gelu, geluTanh, relu, sigmoid, silu }
