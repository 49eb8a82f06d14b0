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
///   Bluestein's algorithm about `260·n`.
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
  let strips = Strips(count: columns, width: 16, atMost: 4, on: execution)
  let workspace =
    strips.together * FourierPlanView.stripStride(length: plan.length) + plan.scratchCount
  unsafe withScratch(Float.self, strips.workers * workspace) { base in
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
              first[columns: columns], second[columns: columns], plan, scratch.row(worker))
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
///   - execution: kernels and threads. Columns or tokens, then rows are divided among threads.
/// - Throws: ``TarnError/shapeMismatch(operation:argument:found:expected:)``,
///   ``TarnError/invalidArgument(operation:argument:found:expected:)`` for a sequence or a row longer
///   than ``FourierPlan/largestLength``; both before `y` is touched.
/// - Complexity: about `1.25·n·d·(log₂ n + log₂ d)` operations a sequence, a read of `x`, a write of
///   `y`, a write and a read of half of their size. Scratch: for the longest sequence about
///   `n·(d/2 + 48)` floats; for each thread `32·d`, about `260` times a length that takes Bluestein's
///   algorithm, and for a sequence of 2048 tokens or more about `√2n·(d + 96)`.
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
  let stride = FourierPlanView.rowStride(columns: d / 2 + 1)
  var plans: [FourierPlan] = []
  var workspace = 0
  for s in 0..<sequences.count {
    let n = sequences[s].count
    if n > 0, !plans.contains(where: { $0.length == n }) {
      let plan = try FourierPlans.plan(n)
      let rows = plan.outerLevels == 0 ? 0 : 2 * plan.outerLength * stride
      workspace = max(
        workspace, plan.scratchCount,
        FourierPlanView.stripStride(length: d) + rowPlan.scratchCount + rows)
      plans.append(plan)
    }
  }
  // Rows of scratch are whole cache lines.
  workspace = (workspace + 15) / 16 * 16
  let workers = execution.threads
  x.withView { x in
    y.withMutableView { y in
      unsafe withScratch(Float.self, longest * stride + workers * workspace) { base in
        // SAFETY: that many elements: w, then the workspaces.
        let scratch = unsafe MutableMatrixView(
          base + longest * stride, rows: workers, columns: workspace, rowStride: workspace)
        for s in 0..<sequences.count {
          let rows = sequences[s]
          guard let plan = plans.first(where: { $0.length == rows.count }) else { continue }
          let w = unsafe MutableMatrixView(
            base, rows: rows.count, columns: stride - 16, rowStride: stride)
          mixSequence(x[rows: rows], plan, rowPlan, into: y[rows: rows], w, scratch, on: execution)
        }
      }
    }
  }
}

/// Mixes one sequence; `w` has a row of ``FourierPlanView/rowStride(columns:)`` elements for each
/// token, `scratch` a row of workspace for each thread.
private func mixSequence(
  _ x: MatrixView, _ plan: FourierPlan, _ rowPlan: FourierPlan, into y: MutableMatrixView,
  _ w: MutableMatrixView, _ scratch: MutableMatrixView, on execution: Execution
) {
  let n = plan.length
  let half = rowPlan.length / 2 + 1
  let kernels = execution.table.fourier
  plan.withView { tokens in
    rowPlan.withView { rowPlan in
      if plan.outerLevels == 0 {
        // Strips are loaded row by row together, as many as the second-level cache holds.
        Strips(count: half, width: 32, atMost: max(1, 4096 / n), on: execution)
          .forEach(on: execution) { columns, worker in
            // SAFETY: strips write different columns of w; each worker has its own scratch.
            unsafe kernels.mixTokens(x, 0, columns, tokens, w, scratch.row(worker))
          }
        Strips(count: n / 2 + 1, width: 32, atMost: 1, on: execution)
          .forEach(on: execution) { rows, worker in
            // SAFETY: strips write different rows of y; each worker has its own scratch.
            unsafe kernels.mixHidden(w.readOnly, rows, rowPlan, y, scratch.row(worker))
          }
      } else {
        let m = plan.outerLength
        Strips(count: m, width: 1, atMost: 1, on: execution).forEach(on: execution) {
          // Part s and part m - s read the same rows, so one after the other.
          let i = $0.lowerBound
          let part = i % 2 == 1 ? (i + 1) / 2 : (m - i / 2) % m
          // SAFETY: parts write different rows of w; each worker has its own scratch.
          unsafe kernels.mixTokens(x, part, 0..<half, tokens, w, scratch.row($1))
        }
        Strips(count: n / m / 2 + 1, width: 1, atMost: 1, on: execution).forEach(on: execution) {
          // SAFETY: remainders write different rows of y; each worker has its own scratch.
          unsafe kernels.mixRemainder(
            w.readOnly, $0.lowerBound, tokens, rowPlan, y, scratch.row($1))
        }
      }
    }
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

  /// At most `most` strips together, fewer if threads would have less than two calls.
  init(count: Int, width: Int, atMost most: Int, on execution: Execution) {
    self.count = count
    self.width = width
    let strips = (count + width - 1) / width
    together = execution.threads == 1 ? most : max(1, min(most, strips / (2 * execution.threads)))
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
