// The table of one family of kernels.

/// Soft and hard top-k selection of rows.
///
/// See ``KernelTable``.
public struct TopKKernels: Sendable {
  /// A table of these members; see the properties.
  public init() {}
}
