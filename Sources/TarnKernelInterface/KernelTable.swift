// The entry points of one instruction set. Chosen once; called through one pointer each.

/// What a kernel module offers, by families.
///
/// Each member of a family is documented in full at the function of the same name in TarnKernels.
/// Arguments have been checked by the caller: a kernel throws nothing and allocates nothing.
public struct KernelTable: Sendable {
  /// Whether `a·b + c` is rounded once; then all such tables give the same bits.
  public var hasFusedMultiplyAdd: Bool
  /// Matrix products.
  public var matmul: MatmulKernels
  /// What is done to each row or element by itself.
  public var rows: RowKernels
  /// Sums, maxima and weighted means over the tokens of a sequence.
  public var pooling: PoolingKernels
  /// Sliding and strided pooling over the rows of a sequence, and upsampling.
  public var windows: WindowKernels
  /// Soft and hard top-k selection of rows.
  public var topK: TopKKernels
  /// Discrete Fourier transforms.
  public var fourier: FourierKernels
  /// Softmax attention.
  public var attention: AttentionKernels
  /// What BLAS calls level 1: inner products, sums and maxima of vectors.
  public var vectors: VectorKernels
  /// Copies: gather, conversion and transposition.
  public var memory: MemoryKernels
  /// Measurements of the machine.
  public var machine: MachineKernels

  /// A table of these families.
  public init(
    hasFusedMultiplyAdd: Bool, matmul: MatmulKernels, rows: RowKernels, pooling: PoolingKernels,
    windows: WindowKernels, topK: TopKKernels, fourier: FourierKernels,
    attention: AttentionKernels, vectors: VectorKernels, memory: MemoryKernels,
    machine: MachineKernels
  ) {
    self.hasFusedMultiplyAdd = hasFusedMultiplyAdd
    self.matmul = matmul
    self.rows = rows
    self.pooling = pooling
    self.windows = windows
    self.topK = topK
    self.fourier = fourier
    self.attention = attention
    self.vectors = vectors
    self.memory = memory
    self.machine = machine
  }
}
