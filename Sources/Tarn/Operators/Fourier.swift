// Discrete Fourier transforms: of columns, and FNet's mixing of tokens.

internal import Synchronization
internal import TarnKernelInterface

/// The sign of the exponent of a Fourier transform.
public enum FourierDirection: Sendable, CaseIterable {
  /// `e^(-2πi·kp/n)`.
  case forward
  /// `e^(+2πi·kp/n)`, without a factor 1/n.
  case inverse
}

/// `z[k, j] = Σ_p z[p, j]·e^(∓2πi·kp/n)` for every column j of `z = real + i·imaginary`, in place.
///
/// The discrete Fourier transform of any length, not normalised: forward with the minus sign, inverse
/// with the plus sign, so one after the other gives n·z.
///
/// - Parameters:
///   - real: `[n × columns]`.
///   - imaginary: `[n × columns]`.
///   - plan: of length n.
///   - direction: the sign.
///   - execution: kernels and threads. Columns are divided among threads, sixteen at a time.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)`` before anything is
///   touched.
/// - Complexity: about `5·n·log₂ n` operations for each of the columns, rounded up to a multiple of
///   sixteen; five times that for Bluestein's algorithm. Scratch: `128·n` floats a thread, for
///   Bluestein's algorithm about `350·n`.
///
/// The error of a column is at most `2⁻²⁴·‖z‖₂·√n·e(n)` in the 2-norm, e(n) a sum over the radices
/// of 3·log₂ n for powers of 4 (Docs: Numerics, `fourierErrorBound`). NaN or ∞ in a
/// column leaves none of its numbers finite in both parts; other columns are untouched.
public func fourierTransform(
  _ real: inout Matrix, _ imaginary: inout Matrix, _ plan: FourierPlan,
  _ direction: FourierDirection = .forward, on execution: Execution
) throws(TarnError) {
  let name = "fourierTransform"
  try checkShape(name, "real rows", [real.rows], [plan.length])
  try checkShape(
    name, "imaginary", [imaginary.rows, imaginary.columns], [real.rows, real.columns])
  let columns = real.columns
  guard columns > 0 else { return }
  let kernels = execution.table.fourier
  let strips = Strips(count: columns, width: 16, on: execution)
  let workspace = plan.workspaceCount(strips: strips.together)
  unsafe withFourierScratch(strips.workers * workspace) { base in
    // SAFETY: the scratch has that many elements.
    let scratch = unsafe MutableMatrixView(
      base, rows: strips.workers, columns: workspace, rowStride: workspace)
    real.withMutableView { real in
      imaginary.withMutableView { imaginary in
        let (first, second) = direction == .forward ? (real, imaginary) : (imaginary, real)
        plan.withView { plan in
          strips.forEach(on: execution) { columns, worker in
            // SAFETY: strips write different columns; each worker has a row of scratch.
            unsafe kernels.transform(
              first.columns(columns), second.columns(columns), plan, scratch.row(worker))
          }
        }
      }
    }
  }
}

/// `y = Re F_n x F_d` for each sequence: the real part of the Fourier transform over both axes.
///
///     y[j, k] = Σ_p Σ_q x[p, q]·cos(2π(jp/n + kq/d))
///
/// The mixing of FNet (Lee-Thorp et al. 2021, arXiv:2105.03824, section 3.2), not normalised; n is
/// the sequence's own number of tokens. Computed as two real Hartley transforms of half of the
/// matrix, a quarter of the work of the complex transform (Docs: Fourier).
///
/// - Parameters:
///   - x: `[tokens × d]`.
///   - sequences: the ragged batch that `x` holds.
///   - y: `[tokens × d]`.
///   - execution: kernels and threads. Columns, then rows are divided among threads, 32 at a time.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)``,
///   ``TarnError/invalidArgument(operation:argument:found:expected:)`` for a sequence or a row longer
///   than ``FourierPlan/largestLength``; both before `y` is touched.
/// - Complexity: about `1.25·n·d·(log₂ n + log₂ d)` operations a sequence, a read of `x`, a write of
///   `y`, a write and a read of half of their size. Scratch for the longest sequence:
///   `(n + 32)·(d/2 + 1)` floats, and what ``fourierTransform(_:_:_:_:on:)`` takes for each thread.
///
/// The error is at most `√2·2⁻²⁴·(e(n) + e(d) + 8)·‖y‖` in the Frobenius norm of a sequence, e as
/// there. A sequence has the same bits alone and in any batch. NaN or ∞ in a sequence leaves none of
/// its results finite; other sequences are untouched.
public func fourierMix(
  _ x: Matrix, over sequences: Ragged, into y: inout Matrix, on execution: Execution
) throws(TarnError) {
  try mix("fourierMix", "x", x, over: sequences, into: &y, on: execution)
}

/// `dx = Re F_n dy F_d` for each sequence: the gradient of ``fourierMix(_:over:into:on:)``.
///
///     dx[p, q] = Σ_j Σ_k dy[j, k]·cos(2π(jp/n + kq/d))
///
/// The coefficient of x[p, q] in y[j, k] is that of x[j, k] in y[p, q], so the map is its own
/// transpose, and linear: the gradient does not depend on x.
///
/// - Parameters:
///   - sequences: the ragged batch.
///   - dy: `[tokens × d]`, the gradient with respect to y.
///   - dx: `[tokens × d]`.
///   - execution: kernels and threads.
/// - Throws: as ``fourierMix(_:over:into:on:)``, before `dx` is touched.
/// - Complexity: as there, and the same bounds and bits.
public func fourierMixGradient(
  over sequences: Ragged, upstream dy: Matrix, into dx: inout Matrix, on execution: Execution
) throws(TarnError) {
  try mix("fourierMixGradient", "upstream", dy, over: sequences, into: &dx, on: execution)
}

private func mix(
  _ name: String, _ argument: String, _ x: Matrix, over sequences: Ragged, into y: inout Matrix,
  on execution: Execution
) throws(TarnError) {
  try checkShape(name, "sequences", [sequences.rows], [x.rows])
  try checkShape(name, "target", [y.rows, y.columns], [x.rows, x.columns])
  let d = x.columns
  guard x.rows > 0, d > 0 else { return }
  let longest = (0..<sequences.count).map { sequences[$0].count }.max() ?? 0
  try FourierPlan.check(name, "\(argument) columns", d)
  try FourierPlan.check(name, "longest sequence", longest)

  let rowPlan = try FourierPlans.plan(d)
  let half = d / 2 + 1
  let columnStrips = Strips(count: half, width: 32, on: execution)
  let rowStrips = Strips(count: longest / 2 + 1, width: 32, on: execution)
  let workers = max(columnStrips.workers, rowStrips.workers)
  var plans: [FourierPlan] = []
  var workspace = rowPlan.workspaceCount(strips: rowStrips.together)
  for s in 0..<sequences.count {
    let n = sequences[s].count
    if n > 0, !plans.contains(where: { $0.length == n }) {
      let plan = try FourierPlans.plan(n)
      workspace = max(workspace, plan.workspaceCount(strips: columnStrips.together))
      plans.append(plan)
    }
  }
  // Rows of u are whole cache lines, an odd number of them, so that columns do not all meet in a few
  // sets of the cache.
  let stride = (longest + 15) / 16 * 16 | 16
  let count = half * stride + workers * workspace
  let kernels = execution.table.fourier
  x.withView { x in
    y.withMutableView { y in
      unsafe withFourierScratch(count) { u in
        // SAFETY: count elements: u, then the workspaces.
        let scratch = unsafe MutableMatrixView(
          u + half * stride, rows: workers, columns: workspace, rowStride: workspace)
        rowPlan.withView { rowPlan in
          for s in 0..<sequences.count {
            let rows = sequences[s]
            let n = rows.count
            guard n > 0, let plan = plans.first(where: { $0.length == n }) else { continue }
            let x = x[rows: rows]
            let y = y[rows: rows]
            let u = unsafe MutableMatrixView(u, rows: half, columns: n, rowStride: stride)
            plan.withView { plan in
              columnStrips.forEach(on: execution) { columns, worker in
                // SAFETY: strips write different rows of u; each worker has its own scratch.
                unsafe kernels.mixTokens(x, columns, plan, u, scratch.row(worker))
              }
            }
            Strips(count: n / 2 + 1, width: 32, on: execution).forEach(on: execution) {
              // SAFETY: strips write different rows of y; each worker has its own scratch. A shorter
              // sequence has no more workers and strips than the longest.
              unsafe kernels.mixHidden(u.readOnly, $0, rowPlan, y, scratch.row($1))
            }
          }
        }
      }
    }
  }
}

/// Calls `body` with `count` elements of scratch memory: a kept block if it is large enough.
private func withFourierScratch(_ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Void) {
  if count <= Workspace.count {
    unsafe Workspace.with { unsafe body($0) }
  } else {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: count * 4, alignment: 64)
    defer { unsafe memory.deallocate() }
    // SAFETY: count elements were allocated; kernels write before they read.
    unsafe body(memory.bindMemory(to: Float.self, capacity: count))
  }
}

/// How columns or rows are divided: into strips, a few of which are loaded together.
///
/// No result depends on it.
private struct Strips {
  /// Columns or rows.
  let count: Int
  /// Columns or rows of a strip.
  let width: Int
  /// Strips that one kernel call takes.
  let together: Int
  /// Threads that have work.
  let workers: Int

  /// At most four strips together, fewer if threads would have none.
  init(count: Int, width: Int, on execution: Execution) {
    self.count = count
    self.width = width
    let strips = (count + width - 1) / width
    together = max(1, min(4, strips / execution.threads))
    workers = min(execution.threads, (strips + together - 1) / together)
  }

  /// Calls `body` once for each range, with the number of the worker that runs it.
  ///
  /// No two calls with the same worker run at once.
  func forEach(on execution: Execution, _ body: @Sendable (Range<Int>, _ worker: Int) -> Void) {
    let next = Atomic<Int>(0)
    execution.forEach(workers) { worker in
      while true {
        let first = next.add(1, ordering: .relaxed).oldValue * together * width
        if first >= count { return }
        body(first..<min(count, first + together * width), worker)
      }
    }
  }
}

extension MutableMatrixView {
  /// Columns `range`, without a copy; not checked.
  fileprivate func columns(_ range: Range<Int>) -> MutableMatrixView {
    // SAFETY: the caller has checked that the range lies within the columns.
    unsafe MutableMatrixView(
      base + range.lowerBound, rows: rows, columns: range.count, rowStride: rowStride)
  }
}
