// Soft and hard top-k selection of rows: cases of the kernel benchmark.

import Tarn
import TarnTestSupport

func topKCases(rows n: Int, columns d: Int, on execution: Execution) throws -> [KernelCase] {
  []
}
