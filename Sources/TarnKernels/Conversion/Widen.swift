// Elements of fewer bits to single precision, exactly. Touches pointers: the source may be unaligned.

/// `y[i] = Float(x[i])`.
///
/// - Parameters:
///   - element: the format of `x`.
///   - x: `count` elements, little-endian, any alignment.
///   - y: `[count]`.
///   - count: number of elements.
///
/// Cost: one read, one write; bound by memory. Infinities stay, NaN stays NaN.
@inline(__always)
func widen<Element: WeightElement>(
  _ element: Element.Type, _ x: UnsafeRawPointer, _ y: UnsafeMutablePointer<Float>, _ count: Int
) {
  var i = 0
  while i &+ 16 <= count {
    Element.lanes(x + i &* Element.size).store(y + i)
    i &+= 16
  }
  while i < count {
    y[i] = Element.element(x + i &* Element.size)
    i &+= 1
  }
}
