// The table of one family of kernels.

/// Sliding and strided pooling over the rows of a sequence, and upsampling.
///
/// See ``KernelTable``.
public struct WindowKernels: Sendable {
  /// A table of these members; see the properties.
  public init() {}
}
