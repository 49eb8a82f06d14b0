// The table of one family of kernels.

/// Discrete Fourier transforms.
///
/// See ``KernelTable``.
public struct FourierKernels: Sendable {
  /// A table of these members; see the properties.
  public init() {}
}
