// libFuzzer around the readers: `.ci/fuzz` builds and runs it.

import Foundation
import TarnFuzzTargets

/// libFuzzer without its own main function, which the package manager replaces.
@_silgen_name("LLVMFuzzerRunDriver")
func runFuzzer(
  _ count: UnsafeMutablePointer<CInt>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ test: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// The reader that is fed: `TARN_FUZZ_TARGET` names it.
let target: FuzzTarget = {
  let name = ProcessInfo.processInfo.environment["TARN_FUZZ_TARGET"] ?? ""
  guard let target = FuzzTarget(rawValue: name) else {
    let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
    fatalError("TARN_FUZZ_TARGET is \"\(name)\", expected one of \(names)")
  }
  return target
}()

var count = CommandLine.argc
var arguments = CommandLine.unsafeArgv
exit(
  runFuzzer(&count, &arguments) { start, count in
    do throws(BrokenPromise) {
      try target.check(Array(UnsafeBufferPointer(start: start, count: count)))
    } catch {
      fatalError("\(error)")
    }
    return 0
  })
