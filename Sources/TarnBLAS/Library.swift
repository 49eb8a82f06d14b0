// What all routines share: kernels and threads, and how a bad variable ends.

internal import Synchronization
internal import Tarn
internal import TarnKernelInterface
internal import TarnSystem

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// Kernels, threads and blocks of the process, chosen at the first call.
///
/// TARN_ISA and TARN_NUM_THREADS hold as everywhere; a value that is impossible ends the process, since
/// BLAS has no other way to say so. TARN_BLAS_TINY_BLOCKS=1 is for tests: blocks of a few elements and
/// threads for every product; k-blocks of another length round otherwise.
enum Library {
  private static let chosen: Execution = {
    do throws(TarnError) {
      let execution = try Execution()
      // A child of fork has none of its parent's workers.
      pthread_atfork(nil, nil, { Library.isChild.store(true, ordering: .relaxed) })
      return execution
    } catch {
      write("TarnBLAS: \(error.description)\n")
      exit(EXIT_FAILURE)
    }
  }()

  private static let isChild = Atomic<Bool>(false)

  /// How routines run; on one thread in a process that was forked.
  static var execution: Execution {
    let execution = chosen
    return isChild.load(ordering: .relaxed) ? Execution(execution, threads: 1) : execution
  }

  static let blocks =
    environmentVariable("TARN_BLAS_TINY_BLOCKS") == "1" ? ProductBlocks.tiny : ProductBlocks()

  /// Writes to standard error.
  static func write(_ text: String) {
    let bytes = Array(text.utf8)
    // SAFETY: the array's own bytes. What cannot be written is lost.
    _ = unsafe bytes.withUnsafeBytes { unsafe systemWrite(2, $0.baseAddress, $0.count) }
  }
}

private func systemWrite(
  _ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int
) -> Int {
  unsafe write(descriptor, bytes, count)
}

/// A vector of `count` elements as BLAS gives it: with a negative increment the first lies last.
func vector(_ x: UnsafePointer<Float>, _ count: Int, _ increment: Int) -> StridedVector {
  unsafe StridedVector(
    increment < 0 ? x - (count - 1) * increment : x, count: count, stride: increment)
}

/// A matrix of `rows × columns` stored by columns, or the transpose of one stored as `columns × rows`.
func matrix(
  _ x: UnsafePointer<Float>, _ rows: Int, _ columns: Int, stride: Int, transposed: Bool
) -> StridedView {
  unsafe StridedView(
    x, rows: rows, columns: columns, rowStride: transposed ? stride : 1,
    columnStride: transposed ? 1 : stride)
}
