// One function of Embedded Swift's runtime as it should be; Swift 6.3.1 has it otherwise.
//
// Compilers take what it returns for its argument. The toolchain's returns the argument without the bits
// that say what kind of text it is (swiftlang/swift issue 91151), so that on AArch64, where the two are one
// register, a short String becomes an address of nothing. That one is a weak symbol; this one is not, and
// the linker takes it. In later toolchains both do the same.

@_extern(c, "swift_bridgeObjectRetain_n")
private func retain(
  _ object: UnsafeMutableRawPointer?, times count: UInt32
) -> UnsafeMutableRawPointer?

/// Retains what a text or an array refers to, if it refers to anything, and returns it as it came.
@c(swift_bridgeObjectRetain)
@unsafe
public func retainBridgeObject(_ object: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  // SAFETY: the compiler calls this with what it may retain.
  _ = unsafe retain(object, times: 1)
  return unsafe object
}
