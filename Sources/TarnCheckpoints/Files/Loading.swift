/// How the contents of a file come into memory, and what the file may ask for.
public struct Loading: Hashable, Sendable {
  /// The system brings pages in when they are touched; processes share them.
  ///
  /// If another process shortens the file while it is mapped, touching a page that is gone kills
  /// this process with SIGBUS. Files that others may write to are for ``read``.
  public static let mapped = Loading(isMapped: true)

  /// The whole file is copied into memory once.
  public static let read = Loading(isMapped: false)

  /// Whether the contents are mapped, not copied.
  public let isMapped: Bool

  /// What the file may ask for before it is refused.
  public private(set) var limits = FileLimits()

  private init(isMapped: Bool) {
    self.isMapped = isMapped
  }

  /// The same with other limits.
  public func limited(by limits: FileLimits) -> Loading {
    var loading = self
    loading.limits = limits
    return loading
  }
}
